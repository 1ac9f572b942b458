//! The deep mode: the gateway ends the client's TLS and reads the user from what the client says inside it.
//!
//! The [front half](front) plays the server as far as the login. From there a server that takes TLS alone hears all of it
//! again ([replay]), or the client is sent back with a token and passes through ([`Mode::Redirect`]).

mod admission;
mod front;
mod login;
mod pdu;
mod replay;
mod request;
#[cfg(test)]
mod tests;
mod translate;
mod words;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use sekisho_api::{Fault, Input, Route, Side, Step};

use crate::desk::Vip;
use crate::first::First;
use crate::key::token_line;
use crate::options::Mode;

pub(crate) use admission::Verdict;
pub use pdu::oracle;
pub(crate) use pdu::{Answer, Confirm, read_connection_confirm};

use front::{Front, Heard};
use login::Login;
use replay::Replay;

/// One client whose TLS ends at the gateway.
pub(crate) struct Deep {
    vip: Arc<Vip>,
    /// The first packet for a server that is to select TLS.
    request: Bytes,
    /// Who the client is by its first packet. INVARIANT: some until the login is read.
    route: Option<Box<Route>>,
    stage: Stage,
}

enum Stage {
    /// The client speaks, and the gateway answers in a server's place.
    Front(Front),
    /// A token was asked for, to send the client away with.
    Issuing,
    /// A server hears what the client has said.
    Replay(Box<Replay>),
    /// All is said.
    Over,
}

impl Deep {
    /// A client that offers these protocols, TLS among them, and what it is answered.
    pub(crate) fn new(vip: Arc<Vip>, first: &First<'_>, protocols: u32, route: Route) -> (Self, Vec<u8>) {
        let confirm = pdu::connection_confirm(vip.flags(), request::TLS);
        let stage = Stage::Front(Front::new(protocols));
        let request = Bytes::from(request::for_server(first));
        (Self { vip, request, route: Some(Box::new(route)), stage }, confirm)
    }

    pub(crate) fn step(&mut self, input: Input<'_>) -> Result<Step, Fault> {
        match (&mut self.stage, input) {
            (Stage::Over, _) | (_, Input::Expired(_) | Input::Ended(_)) => Ok(Step::Close),
            (Stage::Front(front), Input::Client(bytes)) => match front.client(bytes)? {
                Heard::Step(step) => Ok(step),
                Heard::Login(length, login) => Ok(self.choose(length, login)),
            },
            (Stage::Front(front), Input::Secured(Side::Client, _)) => {
                front.secured();
                Ok(Step::NeedMore)
            }
            (Stage::Replay(replay), Input::Connected(connected)) => {
                replay.connected(connected, self.vip.options.mode)
            }
            (Stage::Replay(replay), Input::Server(bytes)) => replay.server(bytes, &self.vip),
            (Stage::Replay(replay), Input::Client(bytes)) => replay.client(bytes),
            (Stage::Replay(replay), Input::Secured(Side::Server, _)) => Ok(replay.secured()),
            (Stage::Issuing, Input::Issued(token)) => {
                self.stage = Stage::Over;
                Ok(Step::Reply(0, words::redirected(&token_line(token))))
            }
            (Stage::Issuing | Stage::Replay(_), Input::Unavailable(why)) => {
                let words = words::refused(why, self.vip.options.refusal);
                let label = match &self.stage {
                    Stage::Replay(replay) => replay.complaint(why),
                    _ => None,
                };
                self.stage = Stage::Over;
                match label {
                    Some(label) => Err(Fault::gateway(label).telling(words)),
                    None if words.is_empty() => Ok(Step::Close),
                    None => Ok(Step::Reply(0, words)),
                }
            }
            _ => Ok(Step::Wait),
        }
    }

    /// The login is read: its user counts more than what the first packet said.
    fn choose(&mut self, length: usize, login: Login) -> Step {
        let route = self.route.take().unwrap_or_default();
        let route = Box::new(login.route(*route, &self.vip.options.identity));
        if self.vip.options.mode == Mode::Redirect && login.can_be_redirected {
            self.stage = Stage::Issuing;
            return Step::Issue(length, route);
        }
        self.stage = Stage::Replay(Box::new(Replay::new(self.request.clone(), login)));
        Step::Route(length, route)
    }
}

impl fmt::Debug for Deep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match &self.stage {
            Stage::Front(_) => "front",
            Stage::Issuing => "issuing",
            Stage::Replay(_) => "replay",
            Stage::Over => "over",
        };
        f.debug_struct("Deep").field("stage", &stage).finish_non_exhaustive()
    }
}
