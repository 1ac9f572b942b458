//! The ClientHello, as far as it names the server.

use std::borrow::Cow;

use crate::error::SniError;
use crate::reader::Reader;

/// What a ClientHello tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientHello {
    /// The server that the client asks for, lower-case; `None` if it asks for none, or for something that is no host
    /// name. With Encrypted ClientHello it is the public name of the outer message.
    pub server_name: Option<Box<str>>,
}

/// The longest message read. Honest ones with post-quantum key shares and certificates' names have 2 KiB.
const MAX_MESSAGE: usize = 16 * 1024 - 4;
/// The longest record's content (RFC 8446, 5.1).
const MAX_RECORD: u16 = 1 << 14;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: usize = 0;
const HOST_NAME: usize = 0;

/// Reads the ClientHello at the beginning of `bytes`; `None`: it is not complete.
///
/// The message may lie in several records. Unknown extensions, versions and suites (GREASE, RFC 8701, among them)
/// are passed over. `bytes` behind the message are not looked at.
///
/// # Errors
/// Why the bytes cannot be the beginning of a ClientHello. Never depends on how many bytes follow the mistake.
pub fn client_hello(bytes: &[u8]) -> Result<Option<ClientHello>, SniError> {
    match message(bytes)? {
        Some(message) => body(&message).map(Some),
        None => Ok(None),
    }
}

/// The first handshake message without its header, put together from its records (RFC 8446, 4 and 5.1):
///
/// ```text
/// record:    type(1) = 22  version(2) = 3.x  length(2)  fragment
/// message:   type(1) = 1   length(3)         body
/// ```
fn message(mut bytes: &[u8]) -> Result<Option<Cow<'_, [u8]>>, SniError> {
    let mut message: Cow<'_, [u8]> = Cow::Borrowed(&[]);
    loop {
        let Some(Record { fragment, rest }) = record(bytes)? else { return Ok(None) };
        if message.is_empty() {
            message = Cow::Borrowed(fragment);
        } else {
            message.to_mut().extend_from_slice(fragment);
        }
        if let Some(&found) = message.first().filter(|&&found| found != CLIENT_HELLO) {
            return Err(SniError::NotClientHello { found });
        }
        if let Some(&[_, a, b, c]) = message.first_chunk() {
            let length = u32::from_be_bytes([0, a, b, c]);
            let end = length as usize + 4;
            if length as usize > MAX_MESSAGE {
                return Err(SniError::TooLarge { length });
            }
            if message.len() >= end {
                return Ok(Some(match message {
                    Cow::Borrowed(whole) => Cow::Borrowed(whole.get(4..end).unwrap_or_default()),
                    Cow::Owned(mut whole) => {
                        whole.truncate(end);
                        Cow::Owned(whole.split_off(4))
                    }
                }));
            }
        }
        bytes = rest;
    }
}

/// A record's content, and what follows it.
struct Record<'a> {
    fragment: &'a [u8],
    rest: &'a [u8],
}

/// The first record; `None`: it is not complete.
fn record(bytes: &[u8]) -> Result<Option<Record<'_>>, SniError> {
    // Each field is judged as soon as it is there, so that a client that speaks something else does not wait.
    let is = |at: usize, expected: u8| bytes.get(at).is_none_or(|&found| found == expected);
    if !is(0, HANDSHAKE) || !is(1, 3) || bytes.get(2).is_some_and(|&minor| minor > 4) {
        return Err(SniError::NotTls);
    }
    let Some((&[_, _, _, high, low], rest)) = bytes.split_first_chunk() else { return Ok(None) };
    let length = u16::from_be_bytes([high, low]);
    if length == 0 || length > MAX_RECORD {
        return Err(SniError::RecordLength { length });
    }
    Ok(rest.split_at_checked(length.into()).map(|(fragment, rest)| Record { fragment, rest }))
}

/// RFC 8446, 4.1.2:
///
/// ```text
/// legacy_version(2)  random(32)  session_id<0..32>  cipher_suites<2..2^16-2>  compression_methods<1..2^8-1>
/// extensions<0..2^16-1>, absent in old messages:  type(2)  data<0..2^16-1>
/// ```
fn body(message: &[u8]) -> Result<ClientHello, SniError> {
    let mut body = Reader(message);
    body.take(2 + 32)?;
    body.vector(1)?;
    body.vector(2)?;
    body.vector(1)?;
    let mut server_name = None;
    if body.is_empty() {
        return Ok(ClientHello { server_name });
    }
    let mut extensions = body.vector(2)?;
    if !body.is_empty() {
        return Err(SniError::Malformed);
    }
    let mut seen = false;
    while !extensions.is_empty() {
        let kind = extensions.number(2)?;
        let data = extensions.vector(2)?;
        if kind == SERVER_NAME {
            if std::mem::replace(&mut seen, true) {
                return Err(SniError::TwoNames);
            }
            server_name = name(data)?;
        }
    }
    Ok(ClientHello { server_name })
}

/// RFC 6066, 3: `server_name_list<1..2^16-1>: name_type(1) = 0  HostName<1..2^16-1>`
fn name(mut data: Reader<'_>) -> Result<Option<Box<str>>, SniError> {
    let mut list = data.vector(2)?;
    if !data.is_empty() {
        return Err(SniError::Malformed);
    }
    let mut found = None;
    while !list.is_empty() {
        let kind = list.number(1)?;
        let name = list.vector(2)?.0;
        if kind != HOST_NAME {
            continue;
        }
        if found.replace(name).is_some() {
            return Err(SniError::TwoNames);
        }
    }
    Ok(found.and_then(host_name))
}

/// A host name in lower case; `None` for what is none: such a client is balanced without a key, not refused.
fn host_name(raw: &[u8]) -> Option<Box<str>> {
    let text = std::str::from_utf8(raw).ok()?;
    // Some clients send the dot of an absolute name, which RFC 6066 forbids; the meaning is clear.
    let text = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    (text.len() <= 253 && text.split('.').all(label)).then(|| text.to_ascii_lowercase().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fragment: &[u8]) -> Vec<u8> {
        [&[22, 3, 1], &u16::try_from(fragment.len()).unwrap().to_be_bytes()[..], fragment].concat()
    }

    /// A message with these extensions, in clear fields: version, random, no session, one suite, no compression.
    fn hello(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let mut list = Vec::new();
        for (kind, data) in extensions {
            list.extend(kind.to_be_bytes());
            list.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            list.extend(data);
        }
        let mut body = [&[3, 3][..], &[7; 32], &[0], &[0, 2, 0x13, 1], &[1, 0]].concat();
        body.extend(u16::try_from(list.len()).unwrap().to_be_bytes());
        body.extend(list);
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&[1], &length[1..], &body].concat()
    }

    fn named(name: &[u8]) -> (u16, Vec<u8>) {
        let length = u16::try_from(name.len()).unwrap();
        (0, [&(length + 3).to_be_bytes()[..], &[0], &length.to_be_bytes(), name].concat())
    }

    fn name_in(message: &[u8]) -> Option<Box<str>> {
        client_hello(&record(message)).unwrap().unwrap().server_name
    }

    #[test]
    fn name_is_found_among_unknown_extensions_and_lowered() {
        let message =
            hello(&[(0x0a0a, vec![]), (0xfe0d, vec![0; 200]), named(b"WWW.Example.ORG."), (0xfafa, vec![0])]);
        assert_eq!(name_in(&message).as_deref(), Some("www.example.org"));
    }

    #[test]
    fn message_may_lie_in_records_of_one_byte() {
        let message = hello(&[named(b"a.example")]);
        let pieces: Vec<u8> = message.iter().flat_map(|b| record(&[*b])).collect();
        for len in 0..pieces.len() {
            assert_eq!(client_hello(&pieces[..len]), Ok(None), "{len}");
        }
        let hello = client_hello(&pieces).unwrap().unwrap();
        assert_eq!(hello.server_name.as_deref(), Some("a.example"));
    }

    #[test]
    fn what_is_no_host_name_is_no_name_and_no_error() {
        let long = [b'a'; 64];
        for raw in [&b""[..], b".", b"a..b", b"a b", b"\xff\xfe", b"a/b", b"[::1]", &long] {
            assert_eq!(name_in(&hello(&[named(raw)])), None, "{}", raw.escape_ascii());
        }
        assert_eq!(name_in(&hello(&[])), None);
    }

    #[test]
    fn two_names_are_refused() {
        let twice = hello(&[named(b"a.example"), named(b"b.example")]);
        assert_eq!(client_hello(&record(&twice)), Err(SniError::TwoNames));
        let list = [&[0, 8][..], &[0, 0, 1, b'a'], &[0, 0, 1, b'b']].concat();
        assert_eq!(client_hello(&record(&hello(&[(0, list)]))), Err(SniError::TwoNames));
    }

    #[test]
    fn every_wrong_length_is_an_error_and_none_is_believed() {
        let good = record(&hello(&[named(b"a.example")]));
        // From the session's length on, each byte that is a length is made too large.
        for at in [43, 44, 48, 50, 54, 56, 59] {
            let mut bad = good.clone();
            bad[at] = bad[at].wrapping_add(0x40);
            assert_eq!(client_hello(&bad), Err(SniError::Malformed), "byte {at} of {good:02x?}");
        }
        assert_eq!(client_hello(&[22, 3, 1, 0, 0]), Err(SniError::RecordLength { length: 0 }));
        assert_eq!(client_hello(&[22, 3, 1, 0x40, 1]), Err(SniError::RecordLength { length: 0x4001 }));
        assert_eq!(client_hello(&record(&[1, 1, 0, 0])), Err(SniError::TooLarge { length: 0x1_0000 }));
        assert_eq!(client_hello(&record(&[2])), Err(SniError::NotClientHello { found: 2 }));
    }

    #[test]
    fn other_protocols_are_told_apart_by_their_first_byte() {
        for other in [&b"G"[..], b"SSH-2.0", b"\x80\x2e\x01", b"\x16\x02", b"\x16\x03\x05"] {
            assert_eq!(client_hello(other), Err(SniError::NotTls));
        }
    }

    #[test]
    fn no_byte_behind_an_answer_changes_it() {
        let good = record(&hello(&[named(b"a.example")]));
        sekisho_testkit::seeded(3000, &[&good, &good[..20], &[22, 3, 1, 0, 1, 1]], |data| {
            sekisho_testkit::prefixes(client_hello, data.get(2..).unwrap_or_default());
        });
        let found = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/fuzz/client_hello");
        let replayed =
            sekisho_testkit::regressions(found, |data| sekisho_testkit::prefixes(client_hello, data));
        assert!(replayed > 0);
    }

    #[test]
    fn rustls_names_its_server() {
        let config =
            rustls::ClientConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth();
        let name = "login.example.org".try_into().unwrap();
        let mut client = rustls::ClientConnection::new(config.into(), name).unwrap();
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        for len in 0..bytes.len() {
            assert_eq!(client_hello(&bytes[..len]), Ok(None), "{len}");
        }
        let hello = client_hello(&bytes).unwrap().unwrap();
        assert_eq!(hello.server_name.as_deref(), Some("login.example.org"));
    }
}
