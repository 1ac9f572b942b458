//! An RDP first packet: held until a server confirms it, so that a server that does not is replaced by another.

use bytes::Bytes;
use sekisho_api::{Conversation, Fault, IdentityRules, Input, Key, KeyKind, Route, Side, Step};

/// X.224 Disconnect Request, reason congestion: clients end cleanly on it, without trying again.
const REFUSAL: &[u8] = &[3, 0, 0, 0x0b, 6, 0x80, 0, 0, 0, 0, 0x81];

#[derive(Default)]
struct Rdp {
    stage: Stage,
    /// The Connection Request: at most 259 bytes, its length is one byte of the packet.
    request: Bytes,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Stage {
    #[default]
    Reading,
    Waiting,
    Confirming,
    Refused,
}

impl std::fmt::Debug for Rdp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rdp({:?})", self.stage)
    }
}

/// Length of the TPKT packet whose X.224 code is `code`; `None`: cannot tell yet (RFC 1006, 6; X.224, 13.3).
fn packet(bytes: &[u8], code: u8) -> Result<Option<usize>, &'static str> {
    if !b"\x03\x00".starts_with(&bytes[..bytes.len().min(2)]) {
        return Err("not-tpkt");
    }
    let &[_, _, high, low, li, found, ..] = bytes else { return Ok(None) };
    let len = usize::from(u16::from_be_bytes([high, low]));
    if found != code || len != usize::from(li) + 5 || li < 6 {
        return Err("not-x224");
    }
    Ok((bytes.len() >= len).then_some(len))
}

/// The routing line: what stands before CR LF behind the 11 bytes of the header, if it is there.
fn key(request: &[u8]) -> Option<Key> {
    let line = request.get(11..)?;
    let line = &line[..line.windows(2).position(|w| w == b"\r\n")?];
    match line.strip_prefix(b"Cookie: mstshash=") {
        Some(user) => IdentityRules::default().user(user),
        None => Key::new(KeyKind::RDP_TOKEN, line.strip_prefix(b"Cookie: msts=")?),
    }
}

impl Conversation for Rdp {
    fn step(&mut self, input: Input<'_>) -> Result<Step, Fault> {
        match (self.stage, input) {
            (Stage::Reading, Input::Client(bytes)) => {
                let Some(len) = packet(bytes, 0xe0).map_err(Fault::client)? else {
                    return Ok(Step::NeedMore);
                };
                self.request = Bytes::copy_from_slice(&bytes[..len]);
                self.stage = Stage::Waiting;
                Ok(Step::Route(len, Box::new(Route::new().with_key(key(&self.request)))))
            }
            (Stage::Waiting | Stage::Confirming, Input::Connected(_)) => {
                self.stage = Stage::Confirming;
                Ok(Step::Reply(0, self.request.clone()))
            }
            (Stage::Confirming, Input::Server(bytes)) => match packet(bytes, 0xd0).map_err(Fault::server)? {
                Some(_) => Ok(Step::Relay),
                None => Ok(Step::NeedMore),
            },
            (Stage::Waiting | Stage::Confirming, Input::Unavailable(_)) => {
                self.stage = Stage::Refused;
                Ok(Step::Reply(0, Bytes::from_static(REFUSAL)))
            }
            (Stage::Refused, _) | (Stage::Reading, Input::Ended(_) | Input::Draining) => Ok(Step::Close),
            (Stage::Reading, _) => Ok(Step::NeedMore),
            (_, Input::Ended(Side::Server)) => Ok(Step::Close),
            _ => Ok(Step::Wait),
        }
    }
}

#[test]
fn rdp_first_packet_keeps_every_law() {
    sekisho_testkit::conversation(|| Box::new(Rdp::default()))
        .fixture("cookie, replayed until the confirm", include_str!("rdp.txt"))
        .fixture("nobody is there", include_str!("rdp-refused.txt"))
        .laws();
}

#[test]
fn rdp_survives_seeded_scripts() {
    sekisho_testkit::seeded(2000, &[b"\x03\x00\x00\x0b\x06\xe0\0\0\0\0\0", REFUSAL], |data| {
        sekisho_testkit::oracle(|| Box::new(Rdp::default()), data);
    });
}
