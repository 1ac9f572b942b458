//! The server's words until it has accepted or refused the user.

use bytes::Bytes;
use sekisho_api::{Fault, Input, Side, Step, Unavailable};

use super::{FAILURE, Stage, Visit};
use crate::line::{Overlong, REPLY_MAX, within};
use crate::login::login;
use crate::{Asked, Dialect, Outcome, Proof, Reply, Word};

/// As much of a login every server takes: Dovecot's have room for 1,024 bytes and say good-bye to whoever sends more,
/// which clients must not be able to make failures of servers.
const ORDINARY: usize = 1000;

impl<D: Dialect> Visit<D> {
    /// Everything but the client's words, once a server was asked for.
    pub(super) fn serve(&mut self, input: Input<'_>) -> Result<Step, Fault> {
        match input {
            Input::Connected(connected) => {
                if let Some(attempt) = &mut self.attempt {
                    attempt.begin(connected.start_tls);
                }
                self.stage = Stage::Awaiting(Asked::Greeting);
                Ok(Step::NeedMore)
            }
            Input::Unavailable(why) => {
                (self.stage, self.attempt) = (Stage::Talking, None);
                Ok(self.word(0, Word::Unavailable(unavailable(why))))
            }
            Input::Secured(Side::Server, _) => Ok(self.ask(0)),
            Input::Ended(Side::Server) => Ok(self.failed(0)),
            Input::Server(bytes) => self.heard(bytes),
            _ => Ok(Step::Wait),
        }
    }

    fn heard(&mut self, bytes: &[u8]) -> Result<Step, Fault> {
        let (asked, committed) = match self.stage {
            Stage::Awaiting(asked) => (asked, false),
            Stage::Identified => (Asked::Verdict, false),
            Stage::Judging | Stage::Challenged => (Asked::Login, true),
            _ => return Ok(self.go_on()),
        };
        let mut found = None;
        let framed = within(bytes, REPLY_MAX, |bytes| {
            found = self.dialect.reply(asked, bytes);
            found.map(|reply| reply.length)
        });
        match (framed, found) {
            (Ok(Some(_)), Some(reply)) if committed => Ok(self.judged(reply, bytes)),
            (Ok(Some(_)), Some(reply)) => self.answered(asked, reply, bytes),
            (Err(Overlong), _) if committed => Ok(self.failed(bytes.len())),
            (Err(Overlong), _) => Err(Fault::server("reply-too-long")),
            _ => Ok(Step::NeedMore),
        }
    }

    /// What is not about bytes.
    fn go_on(&mut self) -> Step {
        match self.stage {
            Stage::Committing => {
                self.stage = Stage::Saying;
                Step::Commit
            }
            Stage::Saying => {
                self.stage = Stage::Judging;
                let Some(attempt) = &mut self.attempt else { return Step::Wait };
                let Some(login) = &mut attempt.login else { return Step::Wait };
                let parts = login.responses.iter().chain([&login.command]);
                attempt.strange = parts.map(|part| part.len()).sum::<usize>() > ORDINARY;
                Step::Reply(0, Bytes::from_owner(std::mem::take(&mut login.command)))
            }
            Stage::Accepted => Step::Relay,
            Stage::Refused => {
                (self.stage, self.attempt) = (Stage::Talking, None);
                Step::Release(0)
            }
            Stage::Failed => {
                (self.stage, self.attempt) = (Stage::Talking, None);
                Step::Fail(0)
            }
            _ => Step::Wait,
        }
    }

    /// The server answered what it was asked before anything secret is said.
    fn answered(&mut self, asked: Asked, reply: Reply, bytes: &[u8]) -> Result<Step, Fault> {
        let Some(attempt) = &mut self.attempt else { return Ok(Step::Wait) };
        let length = reply.length;
        let good = reply.outcome == Outcome::Good;
        if matches!(self.stage, Stage::Identified) {
            // A server that does not want to know is one that does not trust this gateway: the user's login is none the
            // worse for it.
            let fresh = D::FRESH_AFTER_XCLIENT && good;
            return match reply.outcome {
                Outcome::Lost | Outcome::More => Err(Fault::server("xclient-refused")),
                _ => Ok(if fresh { self.ask(length) } else { self.prepare(length) }),
            };
        }
        if !good {
            return Err(Fault::server(match asked {
                Asked::Greeting => "not-ready",
                Asked::Abilities => "no-capabilities",
                Asked::Verdict | Asked::Login => "no-starttls",
            }));
        }
        if asked == Asked::Verdict {
            return Ok(Step::StartTls(length));
        }
        let told = attempt.server.xclient;
        attempt.server = self.dialect.abilities(bytes.get(..length).unwrap_or_default());
        attempt.server.xclient = attempt.server.xclient.or(told);
        Ok(match asked {
            Asked::Greeting if self.asks() => self.ask(length),
            _ => self.introduce(length),
        })
    }

    fn asks(&self) -> bool {
        self.dialect.ask(b"").is_some()
    }

    /// Asks what the server can, or waits until it says so.
    fn ask(&mut self, length: usize) -> Step {
        self.stage = Stage::Awaiting(Asked::Abilities);
        match self.dialect.ask(self.name.as_deref().unwrap_or_default()) {
            Some(question) => Step::Reply(length, question.into()),
            None if length == 0 => Step::NeedMore,
            None => Step::Drop(length),
        }
    }

    /// Before the login: TLS, then who the client is.
    fn introduce(&mut self, length: usize) -> Step {
        let Some(attempt) = &mut self.attempt else { return Step::Wait };
        if std::mem::take(&mut attempt.start_tls) {
            self.stage = Stage::Awaiting(Asked::Verdict);
            return Step::Reply(length, format!("{}\r\n", D::START_TLS).into());
        }
        let told = attempt.server.xclient.filter(|_| self.options.tell_address && !attempt.identified);
        if let Some(xclient) = told {
            attempt.identified = true;
            self.stage = Stage::Identified;
            return Step::Reply(length, xclient.command(self.client, self.id, D::IPV6).into());
        }
        self.prepare(length)
    }

    /// Finds out how the user is logged in, before anything secret is said.
    fn prepare(&mut self, length: usize) -> Step {
        let Some(attempt) = &mut self.attempt else { return Step::Wait };
        attempt.login = login(self.dialect, &attempt.credentials, &attempt.server);
        if attempt.login.is_some() {
            self.stage = Stage::Committing;
            return Step::Drop(length);
        }
        self.stage = Stage::Refused;
        Step::Replace(length, self.dialect.word(Word::Unable).into())
    }

    fn judged(&mut self, Reply { outcome, length }: Reply, bytes: &[u8]) -> Step {
        let Some(attempt) = &mut self.attempt else { return Step::Wait };
        let mut next = |by_yes| match &mut attempt.login {
            Some(login) if login.by_yes == by_yes => login.responses.pop(),
            _ => None,
        };
        match outcome {
            Outcome::Good => match next(true) {
                Some(response) => Step::Reply(length, Bytes::from_owner(response)),
                None => {
                    self.stage = Stage::Accepted;
                    Step::Pass(length)
                }
            },
            Outcome::More => match (next(false), &attempt.credentials.proof) {
                (Some(response), _) => Step::Reply(length, Bytes::from_owner(response)),
                // A token was not good enough, and the server says why (RFC 7628, section 3.2.3).
                (None, Proof::Response(..)) => {
                    attempt.strange = true;
                    self.stage = Stage::Challenged;
                    Step::Pass(length)
                }
                (None, Proof::Password(_)) => self.failed(length),
            },
            Outcome::Bad => {
                self.refusals = self.refusals.saturating_add(1);
                if self.trusted {
                    self.stage = Stage::Refused;
                    return Step::Pass(length);
                }
                let words = bytes.get(..length).unwrap_or_default();
                (self.stage, self.attempt) = (Stage::Striking(Bytes::copy_from_slice(words)), None);
                Step::Release(length)
            }
            Outcome::Later => {
                self.stage = Stage::Refused;
                Step::Pass(length)
            }
            Outcome::Lost => self.failed(length),
        }
    }

    /// The server failed while it decided. No other one is tried: it may have heard the password.
    fn failed(&mut self, length: usize) -> Step {
        let strange = self.attempt.as_ref().is_some_and(|attempt| attempt.strange);
        self.stage = if strange { Stage::Refused } else { Stage::Failed };
        Step::Replace(length, self.dialect.word(Word::Unavailable(FAILURE)).into())
    }
}

fn unavailable(why: Unavailable) -> &'static str {
    match why {
        Unavailable::UserLimit => "Too many connections of this user",
        _ => FAILURE,
    }
}
