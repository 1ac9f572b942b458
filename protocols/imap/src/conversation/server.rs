//! The server's words until it has accepted or refused the user.

use bytes::Bytes;
use sekisho_api::{Fault, Input, Side, Step};
use sekisho_mail::{Proof, Secret};

use super::login::{ORDINARY, wiped};
use super::{Stage, UNAVAILABLE, Visit};
use crate::back::{LINE_MAX, Line, blames, capabilities, names_in_code, read};
use crate::front::line;

/// The gateway's own tags: asking what the server can and for TLS, saying who the client is, logging in, asking again.
const ASK: &str = "S0";
pub(super) const IDENTIFY: &str = "S1";
pub(super) const LOG_IN: &str = "S2";
const ASK_AGAIN: &str = "S3";

/// The most that a server asks a client beyond its first message. SCRAM asks twice, tokens once.
const CHALLENGES: u8 = 4;

impl Visit {
    /// Everything but the client's words, once a server was asked for.
    pub(super) fn serve(&mut self, input: Input<'_>) -> Result<Step, Fault> {
        match input {
            Input::Connected(connected) => {
                if let Some(attempt) = &mut self.attempt {
                    attempt.begin(connected.name.clone(), connected.start_tls);
                }
                self.stage = Stage::Greeting;
                Ok(Step::NeedMore)
            }
            Input::Unavailable(why) => Ok(self.unavailable(why)),
            Input::Secured(Side::Server, _) => Ok(self.ask(0)),
            Input::Ended(Side::Server) => Ok(self.failed(0)),
            Input::Server(bytes) => self.heard(bytes),
            _ => Ok(Step::Wait),
        }
    }

    fn heard(&mut self, bytes: &[u8]) -> Result<Step, Fault> {
        match self.stage {
            Stage::StartingTls => return Ok(Step::StartTls(0)),
            Stage::Committing => {
                self.stage = Stage::Saying;
                return Ok(Step::Commit);
            }
            Stage::Saying => return Ok(self.say_login()),
            Stage::Accepted => return Ok(Step::Relay),
            Stage::Refused | Stage::Failed => {
                let failed = matches!(self.stage, Stage::Failed);
                (self.stage, self.attempt) = (Stage::Talking { invited: 0 }, None);
                return Ok(if failed { Step::Fail(0) } else { Step::Release(0) });
            }
            _ => {}
        }
        let found = match line(bytes, LINE_MAX) {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Step::NeedMore),
            Err(_) if self.is_committed() => return Ok(self.failed(bytes.len())),
            Err(_) => return Err(Fault::server("line-too-long")),
        };
        match self.stage {
            Stage::Greeting => self.greeted(found),
            Stage::StartTls => self.willing(found),
            Stage::Capability => self.able(found),
            Stage::Judging | Stage::Challenged => Ok(self.judged(found)),
            Stage::Naming => Ok(self.named(found)),
            _ => Ok(Step::Wait),
        }
    }

    /// Whether the password may have left.
    fn is_committed(&self) -> bool {
        matches!(self.stage, Stage::Judging | Stage::Challenged | Stage::Naming)
    }

    fn greeted(&mut self, (text, length): (&[u8], usize)) -> Result<Step, Fault> {
        if read(text) != Line::Ok {
            return Err(Fault::server("not-ready"));
        }
        let Some(attempt) = &mut self.attempt else { return Ok(Step::Wait) };
        if attempt.start_tls {
            self.stage = Stage::StartTls;
            return Ok(Step::Reply(length, Bytes::from(format!("{ASK} STARTTLS\r\n"))));
        }
        match capabilities(text) {
            Some(server) => {
                attempt.capabilities = Some(server);
                Ok(self.prepare(length))
            }
            // Dovecot greets without them while it waits for itself; the real greeting is an untagged line like others.
            None => Ok(self.ask(length)),
        }
    }

    fn willing(&mut self, (text, length): (&[u8], usize)) -> Result<Step, Fault> {
        match read(text) {
            Line::Tagged { tag, ok: true, .. } if tag == ASK.as_bytes() => self.stage = Stage::StartingTls,
            Line::Tagged { .. } | Line::Bye | Line::Strange => return Err(Fault::server("no-starttls")),
            _ => {}
        }
        Ok(Step::Drop(length))
    }

    /// Asks what the server can.
    fn ask(&mut self, length: usize) -> Step {
        self.stage = Stage::Capability;
        Step::Reply(length, Bytes::from(format!("{ASK} CAPABILITY\r\n")))
    }

    fn able(&mut self, (text, length): (&[u8], usize)) -> Result<Step, Fault> {
        let Some(attempt) = &mut self.attempt else { return Ok(Step::Wait) };
        match read(text) {
            Line::Tagged { tag, ok: true, .. } if tag == ASK.as_bytes() && attempt.capabilities.is_some() => {
                return Ok(self.prepare(length));
            }
            Line::Tagged { .. } | Line::Bye | Line::PreAuth | Line::Strange => {
                return Err(Fault::server("no-capabilities"));
            }
            Line::Capability(_) => attempt.capabilities = capabilities(text),
            _ => {}
        }
        Ok(Step::Drop(length))
    }

    fn judged(&mut self, (text, length): (&[u8], usize)) -> Step {
        let Some(attempt) = &mut self.attempt else { return Step::Wait };
        match read(text) {
            Line::Id => Step::Drop(length),
            Line::Capability(_) => {
                attempt.named = true;
                Step::Pass(length)
            }
            Line::Ok | Line::Untagged => Step::Pass(length),
            Line::Continue(_) => self.asked_for_more(length),
            Line::Tagged { tag, .. } if tag == IDENTIFY.as_bytes() => Step::Drop(length),
            Line::Tagged { tag, ok: false, rest } if tag == LOG_IN.as_bytes() => {
                if !blames(rest) {
                    self.stage = Stage::Refused;
                    return Step::Replace(length, attempt.tagged(rest).into());
                }
                self.refusals = self.refusals.saturating_add(1);
                if self.trusted {
                    // It is for the other gateway to count this against its client.
                    self.stage = Stage::Refused;
                    return Step::Replace(length, attempt.tagged(rest).into());
                }
                // The server goes before the client waits.
                attempt.verdict = rest.to_vec();
                self.stage = Stage::Striking;
                Step::Release(length)
            }
            Line::Tagged { tag, ok: true, rest } if tag == LOG_IN.as_bytes() => {
                if attempt.named || names_in_code(text).is_some() {
                    let answer = attempt.tagged(rest);
                    self.stage = Stage::Accepted;
                    return Step::Replace(length, answer.into());
                }
                // What was said before login is not true any more, and a client that is told nothing believes it.
                attempt.verdict = rest.to_vec();
                self.stage = Stage::Naming;
                Step::Reply(length, Bytes::from(format!("{ASK_AGAIN} CAPABILITY\r\n")))
            }
            _ => self.failed(length),
        }
    }

    /// The server asks for the response, or for another one.
    fn asked_for_more(&mut self, length: usize) -> Step {
        let Some(attempt) = &mut self.attempt else { return Step::Wait };
        if !std::mem::replace(&mut attempt.responded, true)
            && let Some(response) = attempt.way.and_then(|way| way.answer(&attempt.credentials))
        {
            attempt.strange |= response.len() > ORDINARY;
            return Step::Reply(length, wiped(Secret::new(response)));
        }
        attempt.challenges += 1;
        match attempt.credentials.proof {
            // The next message of SCRAM; or a token was not good enough, and the server says why (RFC 7628, section
            // 3.2.3).
            Proof::Response(..) if attempt.challenges <= CHALLENGES => {
                attempt.strange = true;
                self.stage = Stage::Challenged;
                Step::Pass(length)
            }
            _ => self.failed(length),
        }
    }

    fn named(&mut self, (text, length): (&[u8], usize)) -> Step {
        let Some(attempt) = &mut self.attempt else { return Step::Wait };
        match read(text) {
            Line::Capability(_) => {
                attempt.names = [text, b"\r\n"].concat();
                Step::Drop(length)
            }
            Line::Tagged { tag, .. } if tag == ASK_AGAIN.as_bytes() => {
                let answer = [std::mem::take(&mut attempt.names), attempt.answer()].concat();
                self.stage = Stage::Accepted;
                Step::Replace(length, answer.into())
            }
            Line::Bye | Line::Strange => self.failed(length),
            _ => Step::Pass(length),
        }
    }

    /// The server failed while it decided. No other one is tried: it may have heard the password.
    fn failed(&mut self, length: usize) -> Step {
        let strange = self.attempt.as_ref().is_some_and(|attempt| attempt.strange);
        self.stage = if strange { Stage::Refused } else { Stage::Failed };
        let answer = self.attempt.as_ref().map(|attempt| attempt.tagged(UNAVAILABLE));
        Step::Replace(length, answer.unwrap_or_default().into())
    }
}
