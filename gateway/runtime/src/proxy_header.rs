//! The PROXY header: how a server is told who the client is before the client's first byte, and the gateway by a proxy
//! before it.
//!
//! Pure writers and a pure reader of both versions. Source: HAProxy's [proxy-protocol.txt][1], sections 2.1 (text) and 2.2 (binary).
//!
//! [1]: https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use bytes::BufMut;
use sekisho_api::Facts;
use sekisho_config::{ProxyTlv, ProxyVersion};

mod accept;
mod introduction;
mod name;
mod oracle;
mod parse;
mod tlv;

pub(crate) use accept::{Without, read};
pub(crate) use introduction::{Introduction, datagram};
pub use oracle::header as oracle;

/// The longest header of a datagram: the fixed part, two IPv6 addresses and their ports.
pub(crate) const DATAGRAM_HEADER: usize = FIXED + 36;

/// The header that begins a stream to a server on behalf of the client that `facts` are about. Only version 2 has room
/// for what else is `wanted`.
pub(crate) fn stream(version: ProxyVersion, wanted: &[ProxyTlv], facts: &Facts) -> Vec<u8> {
    match version {
        ProxyVersion::V1 => line(facts.client, facts.local),
        ProxyVersion::V2 => {
            let told = tlv::written(wanted, facts);
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
    // INVARIANT: `more` is below 2^16 - 36, see `tlv::written`.
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

#[cfg(test)]
mod tests;
