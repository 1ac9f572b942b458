//! The client's words before login.

use bytes::Bytes;
use sekisho_api::{Fault, Step};
use sekisho_mail::{Credentials, LoginExchange, LoginStep, Mechanism, Secret, decode};

use super::login::wiped;
use super::{COMMANDS, MISTAKES, SAID, Stage, Visit, say};
use crate::front::{COMMAND_MAX, Command, Frame, Overlong, command, frame, line};
use crate::options::Channel;

impl Visit {
    /// The first command in `bytes`.
    pub(super) fn commands(&mut self, bytes: &[u8], invited: usize) -> Result<Step, Fault> {
        let length = match frame(bytes, invited).map_err(overlong)? {
            Frame::Incomplete => return Ok(Step::NeedMore),
            Frame::Invite => {
                self.stage = Stage::Talking { invited: invited + 1 };
                return Ok(Step::Reply(0, Bytes::from_static(b"+ OK\r\n")));
            }
            Frame::Whole(length) => length,
            Frame::Refused(length) => {
                let tagged = bytes.get(..length).and_then(command);
                self.stage = Stage::Talking { invited: 0 };
                return Ok(self.mistake(length, tagged.as_ref().map(|t| t.tag), "Literal too large"));
            }
        };
        self.stage = Stage::Talking { invited: 0 };
        self.commands += 1;
        if self.commands > COMMANDS || self.is_too_much(length) {
            return Ok(self.leave(length, "Too many commands"));
        }
        let Some(tagged) = bytes.get(..length).and_then(command) else {
            return Ok(self.mistake(length, None, "Expected a tag and a command"));
        };
        let tag = tagged.tag;
        Ok(match tagged.command {
            Command::Capability => {
                said(length, tag, &self.options.offer(self.channel).capabilities, "OK Capability completed")
            }
            Command::Noop => said(length, tag, "", "OK Noop completed"),
            Command::Logout => {
                self.stage = Stage::Leaving;
                said(length, tag, "* BYE Logging out\r\n", "OK Logout completed")
            }
            Command::Id(fields) => {
                if self.fields.is_empty() {
                    self.fields = fields;
                }
                said(length, tag, "* ID (\"name\" \"Sekisho\")\r\n", "OK ID completed")
            }
            Command::StartTls if self.options.start_tls && self.channel == Channel::Clear => {
                self.stage = Stage::Securing;
                said(length, tag, "", "OK Begin TLS negotiation now")
            }
            Command::StartTls => self.mistake(length, Some(tag), "TLS cannot be started here"),
            Command::Login { user, password } => {
                self.log_in(length, tag, Credentials::password(user, password), Mechanism::Login.word())
            }
            Command::Authenticate { mechanism, initial } => {
                self.authenticate(length, tag, mechanism, initial)
            }
            Command::Syntax => self.mistake(length, Some(tag), "Wrong arguments"),
            Command::Other => self.mistake(length, Some(tag), "Unknown command, or log in first"),
        })
    }

    fn authenticate(&mut self, length: usize, tag: &[u8], name: &[u8], initial: Option<&[u8]>) -> Step {
        let Some(mechanism) = self.options.mechanism(name, self.channel) else {
            return said(length, tag, "", "NO [CANNOT] Unsupported authentication mechanism");
        };
        if !self.options.lets_log_in(self.channel) {
            return said(length, tag, "", "NO [PRIVACYREQUIRED] Start TLS first");
        }
        match initial.map(decode) {
            // No need to keep anything: one message says it all.
            Some(Some(response)) if mechanism != Mechanism::Login => {
                match self.credentials(mechanism, response) {
                    Some(credentials) => self.log_in(length, tag, credentials, mechanism.word()),
                    None => self.mistake(length, Some(tag), "Invalid response"),
                }
            }
            Some(None) => self.mistake(length, Some(tag), "Invalid base64"),
            initial => {
                let mut login = LoginExchange::default();
                let question = match mechanism {
                    Mechanism::Login => match login.step(initial.flatten()) {
                        LoginStep::Ask(question) => question,
                        _ => return self.mistake(length, Some(tag), "Invalid response"),
                    },
                    _ => "",
                };
                self.stage = Stage::Asking { tag: tag.into(), mechanism, login };
                say(length, format!("+ {question}\r\n"))
            }
        }
    }

    /// A line of the client while AUTHENTICATE is under way.
    pub(super) fn response(&mut self, bytes: &[u8]) -> Result<Step, Fault> {
        let Some((text, length)) = line(bytes, COMMAND_MAX).map_err(overlong)? else {
            return Ok(Step::NeedMore);
        };
        if text == b"*" {
            return Ok(self.cancelled(length, "Authentication cancelled"));
        }
        if self.is_too_much(length) {
            return Ok(self.leave(length, "Too many commands"));
        }
        let Some(response) = decode(text) else { return Ok(self.cancelled(length, "Invalid base64")) };
        let Stage::Asking { mechanism, login, .. } = &mut self.stage else { return Ok(Step::Wait) };
        let mechanism = *mechanism;
        let credentials = if mechanism == Mechanism::Login {
            match login.step(Some(response)) {
                LoginStep::Ask(question) => return Ok(say(length, format!("+ {question}\r\n"))),
                LoginStep::Done(credentials) => Some(credentials),
                LoginStep::Wrong => None,
            }
        } else {
            self.credentials(mechanism, response)
        };
        Ok(match credentials {
            Some(credentials) => {
                let tag = self.asked();
                self.log_in(length, &tag.unwrap_or_default(), credentials, mechanism.word())
            }
            None => self.cancelled(length, "Invalid response"),
        })
    }

    /// AUTHENTICATE comes to an end; its tag.
    fn asked(&mut self) -> Option<Box<[u8]>> {
        match std::mem::replace(&mut self.stage, Stage::Talking { invited: 0 }) {
            Stage::Asking { tag, .. } => Some(tag),
            _ => None,
        }
    }

    /// AUTHENTICATE comes to nothing.
    fn cancelled(&mut self, length: usize, why: &str) -> Step {
        let tag = self.asked();
        self.mistake(length, tag.as_deref(), why)
    }

    /// Who the one response of a mechanism says somebody is.
    fn credentials(&self, mechanism: Mechanism, response: Secret) -> Option<Credentials> {
        match mechanism {
            Mechanism::External => Credentials::external(response, self.subject.as_deref()?),
            mechanism => Credentials::read(mechanism, response),
        }
    }

    /// Counts what the client says before it has logged in; whether that is enough.
    fn is_too_much(&mut self, length: usize) -> bool {
        self.said = self.said.saturating_add(length);
        self.said > SAID
    }

    /// The client's word to a challenge of the server; what is no response cancels the mechanism.
    pub(super) fn answer(&mut self, bytes: &[u8]) -> Result<Step, Fault> {
        let Some((text, length)) = line(bytes, COMMAND_MAX).map_err(overlong)? else {
            return Ok(Step::NeedMore);
        };
        self.stage = Stage::Judging;
        let text = decode(text).map_or(&b"*"[..], |_| text);
        Ok(Step::Replace(length, wiped(Secret::new([text, b"\r\n"].concat()))))
    }

    /// What cannot be obeyed is told; whoever does nothing else has to go.
    fn mistake(&mut self, length: usize, tag: Option<&[u8]>, why: &str) -> Step {
        self.mistakes += 1;
        if self.mistakes > MISTAKES {
            return self.leave(length, "Too many mistakes");
        }
        said(length, tag.unwrap_or(b"*"), "", &format!("BAD {why}"))
    }
}

/// Untagged lines, and the answer with the client's tag.
pub(super) fn said(length: usize, tag: &[u8], untagged: &str, answer: &str) -> Step {
    Step::Reply(length, [untagged.as_bytes(), tag, b" ", answer.as_bytes(), b"\r\n"].concat().into())
}

fn overlong(overlong: Overlong) -> Fault {
    let (label, why) = match overlong {
        Overlong::Line => ("line-too-long", "Line too long"),
        Overlong::Literal => ("literal-too-large", "Literal too large"),
        Overlong::Command => ("command-too-long", "Command too long"),
    };
    Fault::client(label).telling(format!("* BYE {why}\r\n"))
}
