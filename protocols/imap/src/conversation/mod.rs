//! One client, from the greeting to the moment when its server has accepted it.

mod attempt;
mod client;
mod identify;
mod server;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use sekisho_api::{Conversation, Converse, Deadline, Facts, Fault, Input, Side, Step};

use crate::options::Options;
use attempt::Attempt;
use sekisho_mail::{LoginExchange, Mechanism};

/// Opens the conversations of a VIP.
#[derive(Debug)]
pub(crate) struct Desk(pub(crate) Arc<Options>);

impl Converse for Desk {
    fn open(&self, facts: &Facts) -> Box<dyn Conversation> {
        Box::new(Visit {
            options: self.0.clone(),
            client: facts.client,
            local: facts.local,
            secured: facts.tls.is_some(),
            stage: Stage::Talking { invited: 0 },
            fields: Vec::new(),
            attempt: None,
            mistakes: 0,
            refusals: 0,
            draining: false,
        })
    }
}

/// Commands that make no sense, before the connection ends.
const MISTAKES: u8 = 5;
/// Logins that fail, before the connection ends.
const REFUSALS: u8 = 6;

/// What a client is told where the fault is not its own.
const UNAVAILABLE: &[u8] = b"NO [UNAVAILABLE] Temporary failure, try again";

struct Visit {
    options: Arc<Options>,
    client: SocketAddr,
    local: SocketAddr,
    /// TLS to the client is up.
    secured: bool,
    stage: Stage,
    /// What the client says of itself. INVARIANT: at most 30 fields, by the grammar.
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// A login under way.
    attempt: Option<Box<Attempt>>,
    mistakes: u8,
    refusals: u8,
    draining: bool,
}

/// Where a conversation stands.
enum Stage {
    /// The client says commands. `invited`: the literals of this one that it was invited to send.
    Talking {
        invited: usize,
    },
    /// STARTTLS was answered.
    Securing,
    /// AUTHENTICATE is under way: the tag, the mechanism, and how far LOGIN has come.
    Asking {
        tag: Vec<u8>,
        mechanism: Mechanism,
        login: LoginExchange,
    },
    /// A server was asked for.
    Routing,
    /// The server has not greeted.
    Greeting,
    /// The server was asked to start TLS.
    StartTls,
    /// It is willing.
    StartingTls,
    /// It was asked what it can.
    Capability,
    /// What it can is known. From here on no other server hears the password.
    Committing,
    Saying,
    /// The server decides.
    Judging,
    /// The server wants another word of the client.
    Challenged,
    /// The server has accepted, and is asked what it can now.
    Naming,
    Accepted,
    Refused,
    Leaving,
}

impl Conversation for Visit {
    fn step(&mut self, input: Input<'_>) -> Result<Step, Fault> {
        match (&self.stage, input) {
            (Stage::Leaving, _) | (_, Input::Ended(Side::Client)) => Ok(Step::Close),
            (_, Input::Open(_)) => {
                let capabilities = self.options.capabilities(self.secured);
                Ok(say(0, format!("* OK [CAPABILITY {capabilities}] {}\r\n", self.options.banner)))
            }
            (_, Input::Expired(deadline)) => Ok(self.expired(deadline)),
            (_, Input::Secured(Side::Client, _)) => {
                // What was said in clear counts no more.
                (self.secured, self.fields) = (true, Vec::new());
                self.stage = Stage::Talking { invited: 0 };
                Ok(Step::NeedMore)
            }
            (Stage::Securing, _) => Ok(Step::StartTls(0)),
            (Stage::Talking { .. } | Stage::Asking { .. }, Input::Draining) => {
                Ok(self.leave(0, "Shutting down"))
            }
            (_, Input::Draining) => {
                self.draining = true;
                Ok(Step::Wait)
            }
            (Stage::Talking { .. }, Input::Client(_)) if self.draining => Ok(self.leave(0, "Shutting down")),
            (Stage::Talking { .. }, Input::Client(_)) if self.refusals >= REFUSALS => {
                Ok(self.leave(0, "Too many failed logins"))
            }
            (Stage::Talking { invited }, Input::Client(bytes)) => self.commands(bytes, *invited),
            (Stage::Asking { .. }, Input::Client(bytes)) => self.response(bytes),
            (Stage::Challenged, Input::Client(bytes)) => self.answer(bytes),
            (Stage::Talking { .. } | Stage::Asking { .. }, _) => Ok(Step::Wait),
            (_, Input::Client(_)) => Ok(Step::Wait),
            (_, input) => self.serve(input),
        }
    }
}

impl Visit {
    /// The last word: a login under way has its answer, too.
    fn expired(&mut self, deadline: Deadline) -> Step {
        let answer = self.attempt.take().map(|attempt| attempt.tagged(UNAVAILABLE)).unwrap_or_default();
        let why = match deadline {
            Deadline::Drain => "Shutting down",
            Deadline::Idle => "Idle for too long",
            _ => "Too slow",
        };
        self.stage = Stage::Leaving;
        Step::Reply(0, [&answer, format!("* BYE {why}\r\n").as_bytes()].concat().into())
    }

    /// Says good-bye and closes.
    fn leave(&mut self, consumed: usize, why: &str) -> Step {
        self.stage = Stage::Leaving;
        say(consumed, format!("* BYE {why}\r\n"))
    }
}

/// Consumes and says this back.
fn say(consumed: usize, text: String) -> Step {
    Step::Reply(consumed, Bytes::from(text))
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit").field("secured", &self.secured).finish_non_exhaustive()
    }
}
