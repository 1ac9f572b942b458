//! The reader of first packets beside that of ironrdp-pdu, which others wrote from the same specification.
//!
//! Whatever it reads we read equally. What it refuses and real clients send all the same, we route: each kind of it has
//! a case here, and nothing else may be read by us alone.

use ironrdp_core::decode;
use ironrdp_pdu::nego::{ConnectionRequest, ConnectionRequestWithOpaqueRoutingToken, NegoRequestData};
use ironrdp_pdu::x224::X224;
use proptest::prelude::*;
use sekisho_rdp::{First, Negotiation, first_packet};

const TLS_AND_CREDSSP: [u8; 8] = [1, 0, 8, 0, 3, 0, 0, 0];

/// A request with this variable part.
fn request(variable: &[u8]) -> Vec<u8> {
    let length = u8::try_from(variable.len()).unwrap_or(u8::MAX).min(244);
    let mut bytes = vec![3, 0, 0, 0, 6 + length, 0xe0, 0, 0, 0, 0, 0];
    bytes.extend(variable.iter().take(length.into()));
    let whole = u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes();
    bytes.splice(2..4, whole);
    bytes
}

/// What stands in a packet, by the other reader.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    line: Option<Vec<u8>>,
    flags: u8,
    protocols: u32,
}

impl Read {
    fn ours(first: &First<'_>) -> Self {
        let Negotiation { flags, protocols } =
            first.negotiation.unwrap_or(Negotiation { flags: 0, protocols: 0 });
        Self { line: first.line.map(<[u8]>::to_vec), flags, protocols }
    }

    fn theirs(bytes: &[u8]) -> Option<Self> {
        let X224(request) = decode::<X224<ConnectionRequest>>(bytes).ok()?;
        let line = request.nego_data.map(|data| match data {
            NegoRequestData::Cookie(cookie) => format!("Cookie: mstshash={}", cookie.0).into_bytes(),
            NegoRequestData::RoutingToken(token) => format!("Cookie: msts={}", token.0).into_bytes(),
        });
        Some(Self { line, flags: request.flags.bits(), protocols: request.protocol.bits() })
    }

    /// A packet whose line may be any text, by the other reader's second entrance.
    fn theirs_opaque(bytes: &[u8]) -> Option<Self> {
        let X224(opaque) = decode::<X224<ConnectionRequestWithOpaqueRoutingToken>>(bytes).ok()?;
        let (line, request) = (opaque.routing_token.0.into_bytes(), opaque.request);
        Some(Self { line: Some(line), flags: request.flags.bits(), protocols: request.protocol.bits() })
    }
}

/// Whether the lengths agree and what is reserved is zero. The other reader looks past both; we do not, because a server
/// may read what follows as something else.
fn exactly_framed(bytes: &[u8]) -> bool {
    matches!(*bytes, [3, 0, high, low, indicator, ..]
        if usize::from(u16::from_be_bytes([high, low])) == bytes.len() && usize::from(indicator) + 5 == bytes.len())
}

/// Whether a packet that we read has something that the other reader is known to refuse.
fn too_strict_for_it(first: &First<'_>) -> bool {
    let known = |line: &[u8]| line.starts_with(b"Cookie: mstshash=") || line.starts_with(b"Cookie: msts=");
    let class = first.bytes.get(5).is_some_and(|code| code & 0x0f != 0);
    // X.224 keeps the low bits for a credit that class 0 does not have, and the last 16 bytes are for the future.
    let future = first.negotiation.is_some_and(|n| n.flags & 8 != 0)
        && first.bytes.last_chunk::<16>().is_some_and(|reserved| reserved.iter().any(|&byte| byte != 0));
    let line = first.line.is_some_and(|line| !known(line) || std::str::from_utf8(line).is_err());
    class || future || line
}

fn correlation() -> Vec<u8> {
    [&[1, 8, 8, 0, 0xb, 0, 0, 0][..], &[6, 0, 36, 0], &[7; 16], &[0; 16]].concat()
}

#[test]
fn what_real_clients_send_and_it_refuses_is_read_by_us() {
    let preconnection: &[u8] = &[16, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 42, 0, 0, 0];
    let line = |line: &[u8]| request(&[line, b"\r\n", &TLS_AND_CREDSSP].concat());
    for (what, bytes) in [
        ("a farm's hint", line(b"tsv://MS Terminal Services Plugin.1.Farm")),
        ("another hint", line(b"mth://farm")),
        ("free text", line(b"room 4")),
        ("a token of ours", line(b"Cookie: sekisho=AQEA")),
        ("a prefix in other case", line(b"cookie: MSTSHASH=alice")),
        ("a name in Latin-1", line(b"Cookie: mstshash=zo\xeb")),
        ("a preconnection PDU", [preconnection, &line(b"Cookie: mstshash=alice")].concat()),
    ] {
        assert_eq!(Read::theirs(&bytes), None, "it reads {what} now: take it off the list");
        assert_eq!(first_packet(&bytes).unwrap().unwrap().bytes, bytes, "{what}");
    }
}

#[test]
fn what_it_reads_past_a_lying_length_is_refused_by_us() {
    let short = request(b"Cookie: mstshash=alice\r\n");
    let mut longer = [&short[..], b"behind"].concat();
    longer[3] += 6;
    assert!(Read::theirs(&longer).is_some());
    assert!(first_packet(&longer).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn both_read_the_same_and_we_alone_read_only_what_is_listed(
        prefix in prop::sample::select(vec!["", "Cookie: mstshash=", "Cookie: msts=", "cookie: msts=", "tsv://"]),
        value in prop_oneof!["[ -~]{0,40}", "[a-z]{1,12}", "\\PC{0,12}"],
        end in prop::sample::select(vec![&b"\r\n"[..], b"\n", b""]),
        negotiation in prop_oneof![
            Just(Vec::new()),
            Just(TLS_AND_CREDSSP.to_vec()),
            Just(correlation()),
            prop::collection::vec(any::<u8>(), 0..50),
        ],
        bent in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let mut bytes = request(&[prefix.as_bytes(), value.as_bytes(), end, &negotiation].concat());
        if let Some((place, byte)) = bent {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let ours = first_packet(&bytes);
        let whole = exactly_framed(&bytes);
        for theirs in [Read::theirs(&bytes), Read::theirs_opaque(&bytes)].into_iter().flatten() {
            match &ours {
                Ok(Some(first)) => prop_assert_eq!(Read::ours(first), theirs),
                other => prop_assert!(!whole, "{:?} where it reads {:?}", other, theirs),
            }
        }
        if let Ok(Some(first)) = ours
            && Read::theirs(&bytes).is_none()
        {
            prop_assert!(too_strict_for_it(&first), "we alone read {:02x?}", bytes);
        }
    }
}
