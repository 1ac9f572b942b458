//! The client's words before login.

use bytes::Bytes;
use sekisho_api::{Fault, Route, Step};

use super::attempt::Attempt;
use super::{MISTAKES, Stage, Visit, say};
use crate::front::{COMMAND_MAX, Command, Frame, Overlong, command, frame, line};
use sekisho_mail::{Credentials, LoginExchange, LoginStep, Mechanism, Secret, decode};

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
        let Some(tagged) = bytes.get(..length).and_then(command) else {
            return Ok(self.mistake(length, None, "Expected a tag and a command"));
        };
        let tag = tagged.tag;
        Ok(match tagged.command {
            Command::Capability => {
                let capabilities = self.options.capabilities(self.secured);
                said(length, tag, &format!("* CAPABILITY {capabilities}\r\n"), "OK Capability completed")
            }
            Command::Noop => said(length, tag, "", "OK Noop completed"),
            Command::Logout => {
                self.stage = Stage::Leaving;
                said(length, tag, "* BYE Logging out\r\n", "OK Logout completed")
            }
            Command::Id(fields) => {
                self.fields = fields;
                said(length, tag, "* ID (\"name\" \"Sekisho\")\r\n", "OK ID completed")
            }
            Command::StartTls if self.options.start_tls && !self.secured => {
                self.stage = Stage::Securing;
                said(length, tag, "", "OK Begin TLS negotiation now")
            }
            Command::StartTls => self.mistake(length, Some(tag), "TLS cannot be started here"),
            Command::Login { user, password } => {
                self.log_in(length, tag, Credentials::password(user, password))
            }
            Command::Authenticate { mechanism, initial } => {
                self.authenticate(length, tag, mechanism, initial)
            }
            Command::Syntax => self.mistake(length, Some(tag), "Wrong arguments"),
            Command::Other => self.mistake(length, Some(tag), "Unknown command, or log in first"),
        })
    }

    fn authenticate(&mut self, length: usize, tag: &[u8], name: &[u8], initial: Option<&[u8]>) -> Step {
        let known = Mechanism::named(name).filter(|mechanism| self.options.mechanisms.contains(mechanism));
        let Some(mechanism) = known else {
            return said(length, tag, "", "NO [CANNOT] Unsupported authentication mechanism");
        };
        if !self.options.lets_log_in(self.secured) {
            return said(length, tag, "", "NO [PRIVACYREQUIRED] Start TLS first");
        }
        self.stage = Stage::Asking { tag: tag.to_vec(), mechanism, login: LoginExchange::default() };
        match initial.map(decode) {
            None => self.respond(length, None),
            Some(Some(response)) => self.respond(length, Some(response)),
            Some(None) => self.cancelled(length, "Invalid base64"),
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
        Ok(match decode(text) {
            Some(response) => self.respond(length, Some(response)),
            None => self.cancelled(length, "Invalid base64"),
        })
    }

    /// Takes a response, none where the command brought none.
    fn respond(&mut self, length: usize, response: Option<Secret>) -> Step {
        let Stage::Asking { tag, mechanism, login } = &mut self.stage else { return Step::Wait };
        let tag = tag.clone();
        if *mechanism == Mechanism::Login {
            return match login.step(response) {
                LoginStep::Ask(question) => say(length, format!("+ {question}\r\n")),
                LoginStep::Done(credentials) => self.log_in(length, &tag, credentials),
                LoginStep::Wrong => self.cancelled(length, "Invalid response"),
            };
        }
        let Some(response) = response else { return say(length, "+ \r\n".to_owned()) };
        match Credentials::read(*mechanism, response) {
            Some(credentials) => self.log_in(length, &tag, credentials),
            None => self.cancelled(length, "Invalid response"),
        }
    }

    /// AUTHENTICATE comes to nothing.
    fn cancelled(&mut self, length: usize, why: &str) -> Step {
        let stage = std::mem::replace(&mut self.stage, Stage::Talking { invited: 0 });
        let tag = match stage {
            Stage::Asking { tag, .. } => Some(tag),
            _ => None,
        };
        self.mistake(length, tag.as_deref(), why)
    }

    /// Asks for the user's server.
    fn log_in(&mut self, length: usize, tag: &[u8], credentials: Credentials) -> Step {
        self.stage = Stage::Talking { invited: 0 };
        if !self.options.lets_log_in(self.secured) {
            return said(length, tag, "", "NO [PRIVACYREQUIRED] Start TLS first");
        }
        let name = credentials.mailbox(self.options.master_separator);
        if name.is_empty() || name.iter().any(u8::is_ascii_control) {
            self.refusals += 1;
            return said(length, tag, "", "NO [AUTHENTICATIONFAILED] No such user");
        }
        let route = Route::new().with_key(self.options.identity.user(name));
        self.attempt = Some(Attempt::new(tag.to_vec(), credentials));
        self.stage = Stage::Routing;
        Step::Route(length, Box::new(route))
    }

    /// The client's word to a challenge of the server.
    pub(super) fn answer(&mut self, bytes: &[u8]) -> Result<Step, Fault> {
        let Some((text, length)) = line(bytes, COMMAND_MAX).map_err(overlong)? else {
            return Ok(Step::NeedMore);
        };
        self.stage = Stage::Judging;
        Ok(Step::Replace(length, [text, b"\r\n"].concat().into()))
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
fn said(length: usize, tag: &[u8], untagged: &str, answer: &str) -> Step {
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
