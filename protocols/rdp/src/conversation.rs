//! One client: its first packet is held until a server confirms it, then both belong together.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use sekisho_api::{Conversation, Converse, Facts, Fault, Input, Prefer, Route, Side, Step};

use crate::first::{First, first_packet};
use crate::key::Line;
use crate::options::{Options, Refusal};

/// X.224 Disconnect Request, reason congestion (X.224, section 13.5). Real clients end cleanly on it, with one attempt;
/// a negotiation failure makes them try three times, and one of them for ever.
const DISCONNECT_REQUEST: &[u8] = &[3, 0, 0, 11, 6, 0x80, 0, 0, 0, 0, 0x81];

/// X.224 Connection Confirm.
const CONNECTION_CONFIRM: u8 = 0xd0;
/// The longest packet whose X.224 length fits into its byte.
const LONGEST: usize = 259;

/// Opens the conversations of a VIP.
#[derive(Debug)]
pub(crate) struct Desk(pub(crate) Arc<Options>);

impl Converse for Desk {
    fn open(&self, facts: &Facts) -> Box<dyn Conversation> {
        Box::new(Visit {
            options: self.0.clone(),
            client: facts.client.ip(),
            stage: Stage::Reading,
            request: Bytes::new(),
        })
    }
}

struct Visit {
    options: Arc<Options>,
    client: IpAddr,
    stage: Stage,
    /// What every server that is tried is sent. INVARIANT: at most 1,283 bytes, by [`first_packet`].
    request: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The client's first packet is not whole yet.
    Reading,
    /// A server was asked for.
    Routing,
    /// A server was sent the packet and has not confirmed it.
    Confirming,
    Refused,
}

impl Conversation for Visit {
    fn step(&mut self, input: Input<'_>) -> Result<Step, Fault> {
        match (self.stage, input) {
            (Stage::Reading, Input::Client(bytes)) => {
                let Some(first) = first_packet(bytes)? else { return Ok(Step::NeedMore) };
                self.request = Bytes::copy_from_slice(first.bytes);
                self.stage = Stage::Routing;
                Ok(Step::Route(first.bytes.len(), Box::new(self.options.route(&first, self.client))))
            }
            (Stage::Reading, Input::Open(_)) => Ok(Step::NeedMore),
            (Stage::Routing | Stage::Confirming, Input::Connected(_)) => {
                self.stage = Stage::Confirming;
                Ok(Step::Reply(0, self.request.clone()))
            }
            (Stage::Confirming, Input::Server(bytes)) => match confirmed(bytes)? {
                true => Ok(Step::Relay),
                false => Ok(Step::NeedMore),
            },
            (Stage::Routing | Stage::Confirming, Input::Unavailable(_)) => {
                self.stage = Stage::Refused;
                match self.options.refusal {
                    Refusal::Disconnect => Ok(Step::Reply(0, Bytes::from_static(DISCONNECT_REQUEST))),
                    Refusal::Close => Ok(Step::Close),
                }
            }
            (Stage::Reading | Stage::Refused, _) | (_, Input::Expired(_) | Input::Ended(Side::Server)) => {
                Ok(Step::Close)
            }
            _ => Ok(Step::Wait),
        }
    }
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit").field("stage", &self.stage).finish_non_exhaustive()
    }
}

/// Whether a server's Connection Confirm is whole. What stands in it is between the two sides.
fn confirmed(bytes: &[u8]) -> Result<bool, Fault> {
    if !bytes.iter().zip(b"\x03\x00").all(|(byte, expected)| byte == expected) {
        return Err(Fault::server("not-rdp"));
    }
    let &[_, _, high, low, indicator, code, ..] = bytes else { return Ok(false) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if code & 0xf0 != CONNECTION_CONFIRM || length != usize::from(indicator) + 5 || length > LONGEST {
        return Err(Fault::server("not-connection-confirm"));
    }
    Ok(bytes.len() >= length)
}

impl Options {
    /// Who it is, and which pool is meant.
    fn route(&self, first: &First<'_>, client: IpAddr) -> Route {
        let Some(line) = first.line.map(Line::read) else { return Route::new() };
        let mut route = Route::new().with_key(line.user(client, &self.rules, &self.identity));
        match line {
            // Whether they count is the VIP's `persist` list to say, and they select among the pool's servers at most.
            Line::Token(address) => route.prefer = Some(Prefer::Address(address)),
            Line::Sealed(token) => route.prefer = Prefer::sealed(token),
            Line::Hint(hint) => route.pool = self.pool(hint),
            Line::Cookie(_) | Line::Nothing => {}
        }
        route
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk(options: Options) -> Arc<Desk> {
        Arc::new(Desk(Arc::new(options)))
    }

    #[test]
    fn first_packet_is_held_until_a_server_confirms_it_and_every_law_is_kept() {
        let routes = [("tsv://Farm.2".into(), 1)].into();
        let desk = desk(Options { routes, ..Options::default() });
        let facts = Facts::plain(([192, 0, 2, 1], 5000).into(), ([192, 0, 2, 80], 3389).into());
        sekisho_testkit::conversation(move || desk.open(&facts))
            .fixture("a mute server and one that is none are replaced", include_str!("../tests/failover.txt"))
            .fixture("token", include_str!("../tests/token.txt"))
            .fixture("token that the gateway issued", include_str!("../tests/sealed.txt"))
            .fixture("hint behind a preconnection PDU", include_str!("../tests/hint.txt"))
            .fixture("no server", include_str!("../tests/refused.txt"))
            .fixture("another protocol", include_str!("../tests/another.txt"))
            .laws();
    }

    #[test]
    fn any_script_is_survived() {
        let words: [&[u8]; 3] = [
            b"\x03\x00\x00\x0b\x06\xe0\0\0\0\0\0",
            b"\x03\x00\x00\x0b\x06\xd0\0\0\0\0\0",
            b"\x10\0\0\0\0\0\0\0\x01\0\0\0",
        ];
        let facts = Facts::plain(([192, 0, 2, 1], 5000).into(), ([192, 0, 2, 80], 3389).into());
        sekisho_testkit::seeded(2000, &words, |data| {
            sekisho_testkit::oracle(|| desk(Options::default()).open(&facts), data);
        });
    }
}
