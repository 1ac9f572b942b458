//! The client's words before login.

use bytes::Bytes;
use sekisho_api::{Fault, Route, Step};

use super::attempt::Attempt;
use super::{COMMANDS, MISTAKES, SAID, Stage, Visit};
use crate::exchange::Exchange;
use crate::line::{LINE_MAX, Overlong, RESPONSE_MAX, within};
use crate::{Command, Credentials, Dialect, LoginStep, Mechanism, Secret, Word, decode, encode};

impl<D: Dialect> Visit<D> {
    /// The first command in `bytes`.
    pub(super) fn command(&mut self, bytes: &[u8]) -> Result<Step, Fault> {
        let begins = bytes.get(..D::AUTH.len());
        let long = begins.is_some_and(|word| word.eq_ignore_ascii_case(D::AUTH.as_bytes()));
        let Some(length) = self.framed(bytes, if long { RESPONSE_MAX } else { LINE_MAX })? else {
            return Ok(Step::NeedMore);
        };
        if self.is_too_much(length) {
            return Ok(self.leave(length, "Too many commands"));
        }
        let text = bytes.get(..length).unwrap_or_default();
        Ok(match self.dialect.command(text, &self.offer()) {
            Command::Answer(answer) => Step::Reply(length, answer.into()),
            Command::Hello(name, answer) => {
                self.name = Some(name.into());
                Step::Reply(length, answer.into())
            }
            Command::StartTls if self.offer().starts_tls() => {
                self.stage = Stage::Securing;
                self.word(length, Word::BeginTls)
            }
            Command::StartTls => self.mistake(length, Word::Wrong("TLS cannot be started here")),
            Command::Auth { mechanism, initial } => self.authenticate(length, mechanism, initial),
            Command::User(_) | Command::Pass(_) if !self.offer().lets_log_in() => {
                self.word(length, Word::NeedsTls)
            }
            Command::User(user) => {
                self.user = Some(user.to_vec().into());
                self.word(length, Word::GoOn)
            }
            Command::Pass(password) => match self.user.take() {
                Some(mut user) => {
                    let user = std::mem::take(&mut *user);
                    self.log_in(
                        length,
                        Credentials::password(user, password.to_vec()),
                        Mechanism::Login.word(),
                    )
                }
                None => self.mistake(length, Word::Wrong("No user was named")),
            },
            Command::Quit => {
                self.stage = Stage::Leaving;
                self.word(length, Word::Bye)
            }
            Command::Wrong(answer) => self.mistaken(length, answer),
        })
    }

    fn authenticate(&mut self, length: usize, mechanism: Option<Mechanism>, initial: Option<Secret>) -> Step {
        let Some(mechanism) = mechanism else { return self.word(length, Word::NoMechanism) };
        if !self.offer().lets_log_in() {
            return self.word(length, Word::NeedsTls);
        }
        self.stage = Stage::Asking(Exchange::new(mechanism, self.subject.as_deref()));
        match initial {
            None => self.respond(length, None),
            Some(text) => self.decoded(length, Some(text)),
        }
    }

    /// A line of the client while a mechanism is under way.
    pub(super) fn response(&mut self, bytes: &[u8]) -> Result<Step, Fault> {
        let Some(length) = self.framed(bytes, RESPONSE_MAX)? else { return Ok(Step::NeedMore) };
        if self.is_too_much(length) {
            return Ok(self.leave(length, "Too many commands"));
        }
        let text = self.dialect.response(bytes.get(..length).unwrap_or_default());
        Ok(self.decoded(length, text.map(Secret::new)))
    }

    fn decoded(&mut self, length: usize, text: Option<Secret>) -> Step {
        match text {
            Some(text) if text.as_slice() == b"*" => self.cancelled(length, "Authentication cancelled"),
            Some(text) => match decode(&text) {
                Some(response) => self.respond(length, Some(response)),
                None => self.cancelled(length, "Invalid base64"),
            },
            None => self.cancelled(length, "Invalid response"),
        }
    }

    /// Takes a response, none where the command brought none.
    fn respond(&mut self, length: usize, response: Option<Secret>) -> Step {
        let Stage::Asking(exchange) = &mut self.stage else { return Step::Wait };
        match exchange.step(response) {
            LoginStep::Ask(question) => self.word(length, Word::Ask(question)),
            LoginStep::Done(credentials) => {
                let by = exchange.word();
                self.log_in(length, credentials, by)
            }
            LoginStep::Wrong => self.cancelled(length, "Invalid response"),
        }
    }

    /// The mechanism comes to nothing.
    fn cancelled(&mut self, length: usize, why: &str) -> Step {
        self.stage = Stage::Talking;
        self.mistake(length, Word::Cancelled(why))
    }

    /// Asks for the user's server.
    fn log_in(&mut self, length: usize, credentials: Credentials, by: &'static str) -> Step {
        self.stage = Stage::Talking;
        let name = credentials.mailbox(self.options.master_separator);
        if name.is_empty() || name.iter().any(u8::is_ascii_control) {
            self.refusals += 1;
            return self.word(length, Word::NoUser);
        }
        let route = Route::new().with_key(self.options.identity.user(name)).known_by(by);
        self.attempt = Some(Attempt::new(credentials));
        self.stage = Stage::Routing;
        Step::Route(length, Box::new(route))
    }

    /// The client's word to a challenge of the server is said again as the gateway writes it, so that both see the same
    /// end of it; what is no response cancels the mechanism.
    pub(super) fn answer(&mut self, bytes: &[u8]) -> Result<Step, Fault> {
        let Some(length) = self.framed(bytes, RESPONSE_MAX)? else { return Ok(Step::NeedMore) };
        self.stage = Stage::Judging;
        let text = self.dialect.response(bytes.get(..length).unwrap_or_default()).map(Secret::new);
        let response = text.and_then(|text| decode(&text));
        let answer =
            response.map_or_else(|| self.dialect.answer("*"), |it| self.dialect.answer(&encode(&it)));
        Ok(Step::Replace(length, Bytes::from_owner(Secret::new(answer.into_bytes()))))
    }

    fn framed(&self, bytes: &[u8], max: usize) -> Result<Option<usize>, Fault> {
        within(bytes, max, |bytes| self.dialect.end(bytes)).map_err(|Overlong| {
            Fault::client("line-too-long").telling(self.dialect.word(Word::Leave("Line too long")))
        })
    }

    /// Counts a line; whether there were too many.
    fn is_too_much(&mut self, length: usize) -> bool {
        self.commands = self.commands.saturating_add(1);
        self.said = self.said.saturating_add(length);
        self.commands > COMMANDS || self.said > SAID
    }

    fn mistake(&mut self, length: usize, word: Word<'_>) -> Step {
        self.mistaken(length, self.dialect.word(word))
    }

    /// What cannot be obeyed is told; whoever does nothing else has to go.
    fn mistaken(&mut self, length: usize, answer: String) -> Step {
        self.mistakes += 1;
        if self.mistakes > MISTAKES {
            return self.leave(length, "Too many mistakes");
        }
        Step::Reply(length, answer.into())
    }
}
