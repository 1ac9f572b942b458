//! One client, from the greeting to the moment when its server has accepted it.

mod attempt;
mod client;
mod identify;
mod login;
mod origin;
mod server;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use sekisho_api::{Conversation, Converse, Deadline, Facts, Fault, Input, Side, Step, TlsFacts};
use sekisho_mail::{LoginExchange, Mechanism};

use crate::options::{Channel, Options};
use attempt::Attempt;

/// Opens the conversations of a VIP.
#[derive(Debug)]
pub(crate) struct Desk(pub(crate) Arc<Options>);

impl Converse for Desk {
    fn open(&self, facts: &Facts) -> Box<dyn Conversation> {
        let mut visit = Visit {
            options: self.0.clone(),
            client: facts.client,
            local: facts.local,
            id: facts.id,
            trusted: self.0.trusted.contains(facts.client.ip()),
            channel: Channel::Clear,
            subject: None,
            stage: Stage::Talking { invited: 0 },
            fields: Vec::new(),
            attempt: None,
            commands: 0,
            said: 0,
            mistakes: 0,
            refusals: 0,
            draining: false,
        };
        if let Some(tls) = &facts.tls {
            visit.secured(tls);
        }
        Box::new(visit)
    }
}

/// Commands before login, and the bytes of them, before the connection ends: six logins with tokens and everything that
/// a client can ask besides are a tenth of it.
const COMMANDS: u8 = 100;
const SAID: usize = 256 * 1024;
/// Commands that make no sense, before the connection ends.
const MISTAKES: u8 = 5;

/// What a client is told where the fault is not its own.
const UNAVAILABLE: &[u8] = b"NO [UNAVAILABLE] Temporary failure, try again";
const TOO_MANY: &str = "Too many failed logins";
const STOPPING: &str = "Shutting down";

/// What a client says of itself by ID: names and values.
type Fields = Vec<(Vec<u8>, Vec<u8>)>;

struct Visit {
    options: Arc<Options>,
    client: SocketAddr,
    local: SocketAddr,
    /// The connection's number.
    id: u64,
    /// The client is another gateway, whose word is taken for who its clients are.
    trusted: bool,
    channel: Channel,
    /// Who the client's certificate says it is.
    subject: Option<Box<[u8]>>,
    stage: Stage,
    /// The first that the client said of itself. INVARIANT: at most 30 fields, by the grammar.
    fields: Fields,
    /// A login under way.
    attempt: Option<Box<Attempt>>,
    commands: u8,
    /// Bytes of commands.
    said: usize,
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
        tag: Box<[u8]>,
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
    /// The client was told that nobody logs in. The server goes.
    Refused,
    /// The same, and the server is to blame.
    Failed,
    /// A wrong password: the server has gone, it counts against the client's address, and then the client hears of it.
    Striking,
    Struck,
    Leaving,
}

impl Conversation for Visit {
    fn step(&mut self, input: Input<'_>) -> Result<Step, Fault> {
        match (&self.stage, input) {
            (Stage::Leaving, _) | (_, Input::Ended(Side::Client)) => Ok(Step::Close),
            (_, Input::Open(_)) => Ok(Step::Reply(0, self.options.offer(self.channel).greeting.clone())),
            (_, Input::Expired(deadline)) => Ok(self.last_word(match deadline {
                Deadline::Drain => STOPPING,
                Deadline::Idle => "Idle for too long",
                _ => "Too slow",
            })),
            (_, Input::Barred) => Ok(self.last_word(TOO_MANY)),
            (_, Input::Secured(Side::Client, tls)) => {
                // What was said in clear counts no more.
                self.fields = Vec::new();
                self.secured(tls);
                self.stage = Stage::Talking { invited: 0 };
                Ok(Step::NeedMore)
            }
            (Stage::Securing, _) => Ok(Step::StartTls(0)),
            (Stage::Talking { .. } | Stage::Asking { .. }, Input::Draining) => Ok(self.leave(0, STOPPING)),
            (_, Input::Draining) => {
                self.draining = true;
                Ok(Step::Wait)
            }
            (Stage::Striking, Input::Client(_)) => {
                self.stage = Stage::Struck;
                Ok(Step::Strike(0))
            }
            (Stage::Struck, Input::Client(_)) => {
                self.stage = Stage::Talking { invited: 0 };
                let answer = self.attempt.take().map(|attempt| attempt.answer());
                Ok(Step::Reply(0, answer.unwrap_or_default().into()))
            }
            (Stage::Talking { .. }, Input::Client(_)) if self.draining => Ok(self.leave(0, STOPPING)),
            (Stage::Talking { .. }, Input::Client(_)) if self.refusals >= self.options.max_failed_logins => {
                Ok(self.leave(0, TOO_MANY))
            }
            (Stage::Talking { invited }, Input::Client(bytes)) => self.commands(bytes, *invited),
            (Stage::Asking { .. }, Input::Client(bytes)) => self.response(bytes),
            (Stage::Challenged, Input::Client(bytes)) => self.answer(bytes),
            (Stage::Talking { .. } | Stage::Asking { .. } | Stage::Striking | Stage::Struck, _)
            | (_, Input::Client(_)) => Ok(Step::Wait),
            (_, input) => self.serve(input),
        }
    }
}

impl Visit {
    /// TLS to the client is up. Its certificate was verified, if it gave one.
    fn secured(&mut self, tls: &TlsFacts) {
        let subject =
            tls.client_subject.as_deref().filter(|_| self.options.mechanisms.contains(Mechanism::External));
        let name = subject.and_then(|subject| self.options.external_identity.find(subject));
        self.subject = name.map(Vec::into_boxed_slice);
        self.channel = if self.subject.is_some() { Channel::Certified } else { Channel::Secured };
    }

    /// Good-bye, now; a login under way has its answer, too.
    fn last_word(&mut self, why: &str) -> Step {
        let answer = match (self.attempt.take(), &self.stage) {
            (None, _) => Vec::new(),
            (Some(attempt), Stage::Striking | Stage::Struck) => attempt.answer(),
            // It has heard what there is to say.
            (Some(_), Stage::Accepted | Stage::Refused | Stage::Failed) => Vec::new(),
            (Some(attempt), _) => attempt.tagged(UNAVAILABLE),
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
        f.debug_struct("Visit").field("channel", &self.channel).finish_non_exhaustive()
    }
}
