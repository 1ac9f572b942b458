//! One client, from the greeting to the moment when its server has accepted it.

mod attempt;
mod client;
mod server;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use sekisho_api::{Conversation, Converse, Deadline, Facts, Fault, Input, Side, Step, TlsFacts};

use crate::exchange::Exchange;
use crate::options::Options;
use crate::{Asked, Dialect, Offer, Secret, Word};
use attempt::Attempt;

/// Opens the conversations of a VIP.
#[derive(Debug)]
pub(crate) struct Desk<D> {
    pub(crate) dialect: D,
    pub(crate) options: Arc<Options>,
}

impl<D: Dialect> Converse for Desk<D> {
    fn open(&self, facts: &Facts) -> Box<dyn Conversation> {
        let mut visit = Visit {
            dialect: self.dialect,
            options: self.options.clone(),
            client: facts.client,
            id: facts.id,
            trusted: self.options.trusted.contains(facts.client.ip()),
            secured: false,
            subject: None,
            stage: Stage::Talking,
            name: None,
            user: None,
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
const FAILURE: &str = "Temporary failure, try again";
const TOO_MANY: &str = "Too many failed logins";
const STOPPING: &str = "Shutting down";

struct Visit<D> {
    dialect: D,
    options: Arc<Options>,
    client: SocketAddr,
    /// The connection's number.
    id: u64,
    /// The client is another gateway, and what its own clients guess is for it to count.
    trusted: bool,
    /// TLS to the client is up.
    secured: bool,
    /// Who the client's certificate says it is.
    subject: Option<Box<[u8]>>,
    stage: Stage,
    /// What the client calls itself.
    name: Option<Box<[u8]>>,
    /// Whose password is awaited.
    user: Option<Secret>,
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
    /// The client says commands.
    Talking,
    /// It asked for TLS and was told to begin.
    Securing,
    /// A mechanism is under way.
    Asking(Exchange),
    /// A server was asked for.
    Routing,
    /// The server has not answered yet.
    Awaiting(Asked),
    /// It took the client's address, or did not.
    Identified,
    /// How the user is logged in is known. From here on no other server hears the password.
    Committing,
    Saying,
    /// The server decides.
    Judging,
    /// It wants another word of the client.
    Challenged,
    Accepted,
    /// The client was told that nobody logs in. The server goes.
    Refused,
    /// The same, and the server is to blame.
    Failed,
    /// A wrong password: the server has gone, it counts against the client's address, and then the client hears what the
    /// server said.
    Striking(Bytes),
    Struck(Bytes),
    Leaving,
}

impl<D: Dialect> Conversation for Visit<D> {
    fn step(&mut self, input: Input<'_>) -> Result<Step, Fault> {
        match (&self.stage, input) {
            (Stage::Leaving, _) | (_, Input::Ended(Side::Client)) => Ok(Step::Close),
            (_, Input::Open(_)) => Ok(self.say(0, |dialect, offer| dialect.greeting(offer, false))),
            (_, Input::Barred) => Ok(self.last_word(TOO_MANY)),
            (_, Input::Expired(deadline)) => Ok(self.last_word(match deadline {
                Deadline::Drain => STOPPING,
                Deadline::Idle => "Idle for too long",
                _ => "Too slow",
            })),
            (_, Input::Secured(Side::Client, tls)) => {
                // What was said in clear counts no more.
                (self.name, self.user) = (None, None);
                self.secured(tls);
                self.stage = Stage::Talking;
                Ok(self.say(0, |dialect, offer| dialect.greeting(offer, true)))
            }
            (Stage::Securing, _) => Ok(Step::StartTls(0)),
            (Stage::Talking | Stage::Asking(_), Input::Draining) => Ok(self.leave(0, STOPPING)),
            (_, Input::Draining) => {
                self.draining = true;
                Ok(Step::Wait)
            }
            (Stage::Striking(words), Input::Client(_)) => {
                self.stage = Stage::Struck(words.clone());
                Ok(Step::Strike(0))
            }
            (Stage::Struck(words), Input::Client(_)) => {
                let words = words.clone();
                self.stage = Stage::Talking;
                Ok(Step::Reply(0, words))
            }
            (Stage::Talking, Input::Client(_)) if self.draining => Ok(self.leave(0, STOPPING)),
            (Stage::Talking, Input::Client(_)) if self.refusals >= self.options.max_failed_logins => {
                Ok(self.leave(0, TOO_MANY))
            }
            (Stage::Talking, Input::Client(bytes)) => self.command(bytes),
            (Stage::Asking(_), Input::Client(bytes)) => self.response(bytes),
            (Stage::Challenged, Input::Client(bytes)) => self.answer(bytes),
            (Stage::Talking | Stage::Asking(_) | Stage::Striking(_) | Stage::Struck(_), _)
            | (_, Input::Client(_)) => Ok(Step::Wait),
            (_, input) => self.serve(input),
        }
    }
}

impl<D: Dialect> Visit<D> {
    /// TLS to the client is up. Its certificate was verified, if it gave one.
    fn secured(&mut self, tls: &TlsFacts) {
        let by = self.options.external_identity;
        let name = tls.client_subject.as_deref().and_then(|subject| by.find(subject));
        (self.secured, self.subject) = (true, name.map(Vec::into_boxed_slice));
    }

    fn offer(&self) -> Offer<'_> {
        let (secured, certified) = (self.secured, self.subject.is_some());
        Offer { options: &self.options, secured, certified, name: self.name.as_deref() }
    }

    /// Consumes and says to the client what depends on what is offered.
    fn say(&self, consumed: usize, text: impl FnOnce(D, &Offer<'_>) -> String) -> Step {
        match text(self.dialect, &self.offer()) {
            // Nothing is no answer, and more may have come.
            text if text.is_empty() && consumed == 0 => Step::NeedMore,
            text => Step::Reply(consumed, text.into()),
        }
    }

    fn word(&self, consumed: usize, word: Word<'_>) -> Step {
        Step::Reply(consumed, self.dialect.word(word).into())
    }

    /// Good-bye, now; what a server has said of a login is said first.
    fn last_word(&mut self, why: &str) -> Step {
        let stage = std::mem::replace(&mut self.stage, Stage::Leaving);
        let bye = self.dialect.word(Word::Leave(why));
        match stage {
            Stage::Striking(words) | Stage::Struck(words) => {
                Step::Reply(0, [&words, bye.as_bytes()].concat().into())
            }
            _ => Step::Reply(0, bye.into()),
        }
    }

    /// Says good-bye and closes.
    fn leave(&mut self, consumed: usize, why: &str) -> Step {
        self.stage = Stage::Leaving;
        self.word(consumed, Word::Leave(why))
    }
}

impl<D: Dialect> fmt::Debug for Visit<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit").field("secured", &self.secured).finish_non_exhaustive()
    }
}
