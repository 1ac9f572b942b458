//! The PROXY header: how a server is told who the client is before the client's first byte, and the gateway by a proxy
//! before it.
//!
//! Pure writers and a pure reader of both versions. Source: HAProxy's [proxy-protocol.txt][1], sections 2.1 (text) and 2.2 (binary).
//!
//! [1]: https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use bytes::BufMut;
use sekisho_api::{Facts, TlsFacts};
use sekisho_config::ProxyVersion;

mod accept;
mod oracle;
mod parse;

pub(crate) use accept::{Without, read};
pub use oracle::header as oracle;

/// The longest header of a datagram: the fixed part, two IPv6 addresses and their ports.
pub(crate) const DATAGRAM_HEADER: usize = FIXED + 36;

/// The header that begins a stream to a server on behalf of the client that `facts` are about.
pub(crate) fn stream(version: ProxyVersion, facts: &Facts) -> Vec<u8> {
    match version {
        ProxyVersion::V1 => line(facts.client, facts.local),
        ProxyVersion::V2 => {
            let told = facts.tls.as_deref().map(tls).unwrap_or_default();
            let mut out = Vec::with_capacity(DATAGRAM_HEADER + told.len());
            v2(&mut out, STREAM, facts.client, facts.local, told.len());
            out.extend_from_slice(&told);
            out
        }
    }
}

/// The header of what the gateway says for itself, such as a probe: it names nobody.
pub(crate) const fn own(version: ProxyVersion) -> &'static [u8] {
    match version {
        ProxyVersion::V1 => b"PROXY UNKNOWN\r\n",
        ProxyVersion::V2 => b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
    }
}

/// Writes the header that stands before a datagram to a server on behalf of `client`, which sent it to `local`, and
/// says how long it is. `None` where `out` is shorter than [`DATAGRAM_HEADER`]. Version 1 has no such header.
pub(crate) fn v2_datagram(client: SocketAddr, local: SocketAddr, out: &mut [u8]) -> Option<usize> {
    let mut rest = out.get_mut(..DATAGRAM_HEADER)?;
    v2(&mut rest, DATAGRAM, client, local, 0);
    Some(DATAGRAM_HEADER - rest.len())
}

/// Version 1. The longest is 107 bytes.
fn line(client: SocketAddr, local: SocketAddr) -> Vec<u8> {
    let (from, to) = one_family(client.ip(), local.ip());
    let family = if from.is_ipv4() { 4 } else { 6 };
    format!("PROXY TCP{family} {from} {to} {} {}\r\n", client.port(), local.port()).into_bytes()
}

/// Version 2 up to its TLVs, which are `more` bytes long. Writes at most [`DATAGRAM_HEADER`] bytes.
fn v2(out: &mut impl BufMut, transport: u8, client: SocketAddr, local: SocketAddr, more: usize) {
    out.put_slice(SIGNATURE);
    out.put_u8(PROXY);
    // INVARIANT: `more` is below 2^16 - 36, see `tls`.
    match one_family(client.ip(), local.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            out.put_u8(INET | transport);
            out.put_u16(12 + more as u16);
            out.put_slice(&from.octets());
            out.put_slice(&to.octets());
        }
        (from, to) => {
            out.put_u8(INET6 | transport);
            out.put_u16(36 + more as u16);
            out.put_slice(&wide(from).octets());
            out.put_slice(&wide(to).octets());
        }
    }
    out.put_u16(client.port());
    out.put_u16(local.port());
}

/// The TLVs that tell of the client's TLS, which ends at the gateway (section 2.2.1).
fn tls(facts: &TlsFacts) -> Vec<u8> {
    let mut inner = Vec::new();
    tlv(&mut inner, SSL_VERSION, facts.version.as_bytes());
    let subject = facts.client_subject.as_deref();
    if let Some(name) = subject.and_then(common_name) {
        tlv(&mut inner, SSL_CN, name.as_bytes());
    }
    // A session's certificate may have been shown on an earlier connection, which is all that this bit promises.
    let (certificate, verify) = if subject.is_some() { (CLIENT_CERT_SESS, 0_u32) } else { (0, 1) };
    let mut ssl = vec![CLIENT_SSL | certificate];
    ssl.put_u32(verify);
    ssl.append(&mut inner);

    let mut out = Vec::new();
    if let Some(alpn) = &facts.alpn {
        tlv(&mut out, ALPN, alpn);
    }
    if let Some(name) = &facts.server_name {
        tlv(&mut out, AUTHORITY, name.as_bytes());
    }
    tlv(&mut out, SSL, &ssl);
    out
}

/// Adds a TLV; one that is absurdly long is left out.
fn tlv(out: &mut Vec<u8>, kind: u8, value: &[u8]) {
    if value.len() <= LONGEST {
        out.put_u8(kind);
        out.put_u16(value.len() as u16);
        out.put_slice(value);
    }
}

/// The value of the most particular CN in a subject as RFC 4514 writes it, unescaped.
fn common_name(subject: &str) -> Option<String> {
    let mut rest = subject;
    loop {
        if let Some(value) = rest.strip_prefix("CN=") {
            return unescape(value);
        }
        let mut escaped = false;
        let end = rest.find(|c| {
            let end = !escaped && matches!(c, ',' | '+');
            escaped = c == '\\' && !escaped;
            end
        });
        rest = rest.get(end? + 1..)?;
    }
}

/// The text up to the first separator that is not escaped. `None` where it is no text.
fn unescape(escaped: &str) -> Option<String> {
    let mut value = Vec::new();
    let mut bytes = escaped.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b',' | b'+' => break,
            b'\\' => {
                let next = bytes.next()?;
                value.push(match char::from(next).to_digit(16) {
                    Some(high) => (high << 4 | char::from(bytes.next()?).to_digit(16)?) as u8,
                    None => next,
                });
            }
            plain => value.push(plain),
        }
    }
    String::from_utf8(value).ok()
}

/// Both addresses in the family that holds both.
fn one_family(a: IpAddr, b: IpAddr) -> (IpAddr, IpAddr) {
    let (a, b) = (a.to_canonical(), b.to_canonical());
    match a.is_ipv4() == b.is_ipv4() {
        true => (a, b),
        false => (wide(a).into(), wide(b).into()),
    }
}

fn wide(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and transport, length.
const FIXED: usize = 16;
/// Version 2, command PROXY.
const PROXY: u8 = 0x21;
const INET: u8 = 0x10;
const INET6: u8 = 0x20;
const STREAM: u8 = 1;
const DATAGRAM: u8 = 2;

const ALPN: u8 = 0x01;
const AUTHORITY: u8 = 0x02;
const SSL: u8 = 0x20;
const SSL_VERSION: u8 = 0x21;
const SSL_CN: u8 = 0x22;
const CLIENT_SSL: u8 = 0x01;
const CLIENT_CERT_SESS: u8 = 0x04;

/// The longest value of a TLV: five of them fit in a header whose length has 16 bits.
const LONGEST: usize = 4096;

#[cfg(test)]
mod tests;
