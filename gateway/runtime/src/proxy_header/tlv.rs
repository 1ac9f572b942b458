//! What a header of version 2 says beyond addresses: type, length, value (section 2.2).

use std::sync::Arc;

use bytes::BufMut;
use sekisho_api::{Facts, TlsFacts};
use sekisho_config::ProxyTlv;

use super::name;

/// The TLVs of the header of a stream. Together they are far below 2^16 bytes, see [`LONGEST`].
pub(super) fn written(wanted: &[ProxyTlv], facts: &Facts) -> Vec<u8> {
    let mut out = Vec::new();
    let tls = facts.tls.as_deref();
    for tlv in wanted {
        match tlv {
            ProxyTlv::Alpn => {
                if let Some(alpn) = tls.and_then(|tls| tls.alpn.as_deref()) {
                    put(&mut out, ALPN, alpn);
                }
            }
            ProxyTlv::Authority => {
                if let Some(name) = tls.and_then(|tls| tls.server_name.as_deref()) {
                    put(&mut out, AUTHORITY, name.as_bytes());
                }
            }
            ProxyTlv::UniqueId => {
                let told = facts.proxy.as_ref().and_then(|proxy| proxy.unique_id.as_deref());
                match told {
                    Some(id) => put(&mut out, UNIQUE_ID, id.as_bytes()),
                    // As the access log writes it.
                    None if facts.id != 0 => {
                        let id = format!("{:016x}", facts.id);
                        put(&mut out, UNIQUE_ID, id.as_bytes());
                    }
                    None => {}
                }
            }
            ProxyTlv::Tls => {
                if let Some(tls) = tls {
                    put(&mut out, SSL, &ssl(tls));
                }
            }
        }
    }
    out
}

/// The client's TLS (section 2.2.6).
fn ssl(tls: &TlsFacts) -> Vec<u8> {
    let mut inner = Vec::new();
    put(&mut inner, SSL_VERSION, tls.version.as_bytes());
    let subject = tls.client_subject.as_deref();
    if let Some(name) = subject.and_then(name::common_name) {
        put(&mut inner, SSL_CN, name.as_bytes());
    }
    if let Some(cipher) = tls.cipher {
        put(&mut inner, SSL_CIPHER, openssl(cipher).as_bytes());
    }
    // A session's certificate may have been shown on an earlier connection, which is all that this bit promises.
    let (certificate, verify) = if subject.is_some() { (CLIENT_CERT_SESS, 0_u32) } else { (0, 1) };
    let mut ssl = vec![CLIENT_SSL | certificate];
    ssl.put_u32(verify);
    ssl.append(&mut inner);
    ssl
}

/// Adds a TLV; one that is absurdly long is left out.
fn put(out: &mut Vec<u8>, kind: u8, value: &[u8]) {
    if value.len() <= LONGEST {
        out.put_u8(kind);
        out.put_u16(value.len() as u16);
        out.put_slice(value);
    }
}

/// What a trusted proxy says of its client beyond its address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) unique_id: Option<Box<str>>,
    pub(super) tls: Option<Arc<TlsFacts>>,
}

/// Reads the TLVs of a header that has been found whole. What cannot be meant so is left out.
pub(super) fn read(tlvs: &[u8]) -> Told {
    let (mut told, mut server_name) = (Told::default(), None);
    for (kind, value) in each(tlvs) {
        match kind {
            UNIQUE_ID if value.len() <= LONGEST_ID => told.unique_id = visible(value),
            AUTHORITY if value.len() <= LONGEST_NAME => server_name = host(value),
            SSL => told.tls = encrypted(value).map(Arc::new),
            _ => {}
        }
    }
    // ALPN is not looked at: what was agreed on with the client need not be what the proxy speaks here.
    if let Some(tls) = &mut told.tls {
        Arc::make_mut(tls).server_name = server_name;
    }
    told
}

fn encrypted(value: &[u8]) -> Option<TlsFacts> {
    let (&[client, a, b, c, d], rest) = value.split_first_chunk::<5>()?;
    if client & CLIENT_SSL == 0 {
        return None;
    }
    let mut facts = TlsFacts { version: "TLS", ..TlsFacts::default() };
    let verified = client & (CLIENT_CERT_CONN | CLIENT_CERT_SESS) != 0 && [a, b, c, d] == [0; 4];
    for (kind, value) in each(rest) {
        let known = |names: &[&'static str]| names.iter().find(|name| name.as_bytes() == value).copied();
        match kind {
            SSL_VERSION => facts.version = known(&VERSIONS).unwrap_or(facts.version),
            SSL_CIPHER => {
                let suite =
                    SUITES.iter().find(|(name, other)| [name, other].iter().any(|n| n.as_bytes() == value));
                facts.cipher = suite.map(|(name, _)| *name);
            }
            SSL_CN if verified && value.len() <= LONGEST_NAME => {
                let name = std::str::from_utf8(value).ok().filter(|name| !name.is_empty());
                facts.client_subject = name.map(|name| name::subject(name).into());
            }
            _ => {}
        }
    }
    Some(facts)
}

/// The TLVs; nothing after one that does not end.
fn each(mut rest: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (&[kind, high, low], behind) = rest.split_first_chunk::<3>()?;
        let (value, next) = behind.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
        rest = next;
        Some((kind, value))
    })
}

/// Visible ASCII.
fn visible(value: &[u8]) -> Option<Box<str>> {
    let good = !value.is_empty() && value.iter().all(u8::is_ascii_graphic);
    std::str::from_utf8(value).ok().filter(|_| good).map(Into::into)
}

/// A host name, in small letters.
fn host(value: &[u8]) -> Option<Box<str>> {
    let good = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let text = std::str::from_utf8(value).ok().filter(|_| !value.is_empty() && value.iter().all(good));
    text.map(|text| text.to_ascii_lowercase().into())
}

/// The name that OpenSSL and those who read it know a suite by.
fn openssl(name: &'static str) -> &'static str {
    SUITES.iter().find(|(registered, _)| *registered == name).map_or(name, |(_, other)| other)
}

/// Suites by their names in IANA's registry and in OpenSSL; those of TLS 1.3 have one name.
const SUITES: [(&str, &str); 9] = [
    ("TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
    ("TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"),
    ("TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256"),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"),
];
const VERSIONS: [&str; 4] = ["TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1"];

const ALPN: u8 = 0x01;
const AUTHORITY: u8 = 0x02;
const UNIQUE_ID: u8 = 0x05;
const SSL: u8 = 0x20;
const SSL_VERSION: u8 = 0x21;
const SSL_CN: u8 = 0x22;
const SSL_CIPHER: u8 = 0x23;
const CLIENT_SSL: u8 = 0x01;
const CLIENT_CERT_CONN: u8 = 0x02;
const CLIENT_CERT_SESS: u8 = 0x04;

/// The longest value of a TLV that is written: all of them fit in a header whose length has 16 bits.
const LONGEST: usize = 4096;
/// The longest unique id (section 2.2.5).
const LONGEST_ID: usize = 128;
/// The longest name that is read.
const LONGEST_NAME: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, kind, value);
        out
    }

    const ALL: [ProxyTlv; 4] = [ProxyTlv::Alpn, ProxyTlv::Authority, ProxyTlv::UniqueId, ProxyTlv::Tls];

    fn facts() -> Facts {
        let mut facts = Facts::plain("192.0.2.7:1".parse().unwrap(), "192.0.2.8:2".parse().unwrap());
        facts.tls = Some(Arc::new(TlsFacts {
            server_name: Some("www.example".into()),
            version: "TLSv1.2",
            cipher: Some("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
            client_subject: Some("CN=Smith\\, J".into()),
            ..TlsFacts::default()
        }));
        facts
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut facts = facts();
        facts.id = 0x4d2;
        let told = read(&written(&ALL, &facts));
        assert_eq!(told.unique_id.as_deref(), Some("00000000000004d2"));
        assert_eq!(told.tls, facts.tls);
    }

    #[test]
    fn number_of_the_proxy_before_is_passed_on_and_nothing_that_is_not_wanted() {
        let mut facts = facts();
        facts.id = 1;
        let address = "192.0.2.9:3".parse().unwrap();
        facts.proxy = Some(Box::new(sekisho_api::Proxy { address, unique_id: Some("from-before".into()) }));
        assert_eq!(written(&[ProxyTlv::UniqueId], &facts), tlv(UNIQUE_ID, b"from-before"));
        assert!(written(&[], &facts).is_empty());
    }

    #[test]
    fn names_that_are_none_are_left_out() {
        for id in [&b""[..], b"two words", b"\xff", &[b'x'; 129]] {
            assert_eq!(read(&tlv(UNIQUE_ID, id)), Told::default(), "{id:?}");
        }
        let ssl = tlv(SSL, &[&[CLIENT_SSL, 0, 0, 0, 1][..], &tlv(SSL_VERSION, b"TLSv9")].concat());
        for name in [&b""[..], b"a b", b"a\0", &[b'x'; 256]] {
            let told = read(&[&tlv(AUTHORITY, name)[..], &ssl].concat());
            assert_eq!(
                told.tls,
                Some(Arc::new(TlsFacts { version: "TLS", ..TlsFacts::default() })),
                "{name:?}"
            );
        }
    }

    #[test]
    fn name_of_a_certificate_counts_only_if_it_was_verified() {
        for (client, verify, expected) in [
            (CLIENT_SSL | CLIENT_CERT_CONN, 0, Some("CN=alice")),
            (CLIENT_SSL | CLIENT_CERT_SESS, 0, Some("CN=alice")),
            (CLIENT_SSL | CLIENT_CERT_CONN, 1, None),
            (CLIENT_SSL, 0, None),
        ] {
            let value = [&[client, 0, 0, 0, verify][..], &tlv(SSL_CN, b"alice")].concat();
            assert_eq!(read(&tlv(SSL, &value)).tls.unwrap().client_subject.as_deref(), expected);
        }
        assert_eq!(read(&tlv(SSL, &[CLIENT_CERT_CONN, 0, 0, 0, 0])).tls, None, "a client without TLS");
    }

    #[test]
    fn what_does_not_end_is_not_read() {
        let whole = tlv(UNIQUE_ID, b"abc");
        for end in 0..whole.len() {
            assert_eq!(read(&whole[..end]), Told::default());
        }
    }
}
