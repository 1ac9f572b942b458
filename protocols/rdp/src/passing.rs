//! A client whose first packet is held until a server confirms it; then both belong together.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use sekisho_api::{Fault, Input, Side, Step};

use crate::deep::{Answer, Confirm, read_connection_confirm};
use crate::desk::Vip;
use crate::options::Refusal;

/// X.224 Disconnect Request, reason congestion (X.224, section 13.5). Real clients end cleanly on it, with one attempt;
/// a negotiation failure makes them try three times, and one of them for ever.
pub(crate) const DISCONNECT_REQUEST: &[u8] = &[3, 0, 0, 11, 6, 0x80, 0, 0, 0, 0, 0x81];

/// X.224 Connection Confirm.
const CONNECTION_CONFIRM: u8 = 0xd0;
/// The longest packet whose X.224 length fits into its byte.
const LONGEST: usize = 259;

/// One client.
pub(crate) struct Passing {
    vip: Arc<Vip>,
    stage: Stage,
    /// What every server that is tried is sent. INVARIANT: at most 1,283 bytes, by [`crate::first_packet`].
    request: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// A server was asked for.
    Routing,
    /// A server was sent the packet and has not confirmed it.
    Confirming,
    Refused,
}

impl Passing {
    /// A client whose servers are to be sent this; the next thing that it is shown answers the question for one.
    pub(crate) fn new(vip: Arc<Vip>, request: Bytes) -> Self {
        Self { vip, stage: Stage::Routing, request }
    }

    pub(crate) fn step(&mut self, input: Input<'_>) -> Result<Step, Fault> {
        match (self.stage, input) {
            (Stage::Routing | Stage::Confirming, Input::Connected(_)) => {
                self.stage = Stage::Confirming;
                Ok(Step::Reply(0, self.request.clone()))
            }
            (Stage::Confirming, Input::Server(bytes)) => match confirmed(bytes)? {
                Some(length) => {
                    let confirm = bytes.get(..length).map(read_connection_confirm);
                    if let Some(Ok(Confirm { flags, answer: Answer::Selected(_) })) = confirm {
                        self.vip.confirmed(flags);
                    }
                    Ok(Step::Relay)
                }
                None => Ok(Step::NeedMore),
            },
            (Stage::Routing | Stage::Confirming, Input::Unavailable(_)) => {
                self.stage = Stage::Refused;
                match self.vip.options.refusal {
                    Refusal::Disconnect => Ok(Step::Reply(0, Bytes::from_static(DISCONNECT_REQUEST))),
                    Refusal::Close => Ok(Step::Close),
                }
            }
            (Stage::Refused, _) | (_, Input::Expired(_) | Input::Ended(Side::Server)) => Ok(Step::Close),
            _ => Ok(Step::Wait),
        }
    }
}

impl fmt::Debug for Passing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passing").field("stage", &self.stage).finish_non_exhaustive()
    }
}

/// How long a server's Connection Confirm is; `None`: it is not whole yet. What stands in it is between the two sides.
fn confirmed(bytes: &[u8]) -> Result<Option<usize>, Fault> {
    if !bytes.iter().zip(b"\x03\x00").all(|(byte, expected)| byte == expected) {
        return Err(Fault::server("not-rdp"));
    }
    let &[_, _, high, low, indicator, code, ..] = bytes else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if code & 0xf0 != CONNECTION_CONFIRM || length != usize::from(indicator) + 5 || length > LONGEST {
        return Err(Fault::server("not-connection-confirm"));
    }
    Ok(Some(length).filter(|&length| bytes.len() >= length))
}
