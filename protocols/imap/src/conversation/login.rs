//! From credentials to the user's server, and saying them there.

use bytes::Bytes;
use sekisho_api::{Route, Step, Unavailable};
use sekisho_mail::{Credentials, Secret};

use super::attempt::Attempt;
use super::client::said;
use super::identify::{identify, room};
use super::origin::{Looping, Origin};
use super::server::{IDENTIFY, LOG_IN};
use super::{Stage, UNAVAILABLE, Visit};
use crate::back::{Cannot, Way, way};

/// As much of a login every server takes: Dovecot's have room for 1,024 bytes and say good-bye to whoever sends more,
/// which clients must not be able to make failures of servers.
pub(super) const ORDINARY: usize = 1000;

impl Visit {
    /// Asks for the user's server. `by`: how the client became known.
    pub(super) fn log_in(
        &mut self,
        length: usize,
        tag: &[u8],
        credentials: Credentials,
        by: &'static str,
    ) -> Step {
        self.stage = Stage::Talking { invited: 0 };
        if !self.options.lets_log_in(self.channel) {
            return said(length, tag, "", "NO [PRIVACYREQUIRED] Start TLS first");
        }
        let name = credentials.mailbox(self.options.master_separator);
        if name.is_empty() || name.iter().any(u8::is_ascii_control) {
            self.refusals += 1;
            return said(length, tag, "", "NO [AUTHENTICATIONFAILED] No such user");
        }
        if self.origin() == Err(Looping) {
            return said(length, tag, "", "NO [SERVERBUG] Gateways send this connection around in circles");
        }
        let route = Route::new().with_key(self.options.identity.user(name)).known_by(by);
        self.attempt = Some(Attempt::new(tag, credentials));
        self.stage = Stage::Routing;
        Step::Route(length, Box::new(route))
    }

    /// There is no server.
    pub(super) fn unavailable(&mut self, why: Unavailable) -> Step {
        self.stage = Stage::Talking { invited: 0 };
        let answer = match why {
            Unavailable::UserLimit => b"NO [LIMIT] Too many connections of this user",
            _ => UNAVAILABLE,
        };
        let answer = self.attempt.take().map(|attempt| attempt.tagged(answer));
        Step::Reply(0, answer.unwrap_or_default().into())
    }

    /// Finds out how the user is logged in, before anything secret is said.
    pub(super) fn prepare(&mut self, length: usize) -> Step {
        let Some(attempt) = &mut self.attempt else { return Step::Wait };
        let answer = match way(&attempt.credentials, attempt.capabilities.unwrap_or_default()) {
            Ok(way) => {
                attempt.way = Some(way);
                self.stage = Stage::Committing;
                return Step::Drop(length);
            }
            Err(Cannot::LoginDisabled) => {
                self.options.warn_of_unwilling(attempt.server.as_deref().unwrap_or_default());
                attempt.tagged(b"NO [SERVERBUG] The server takes no password")
            }
            Err(Cannot::NoMechanism) => attempt.tagged(b"NO [CANNOT] The server has no such mechanism"),
        };
        self.stage = Stage::Refused;
        Step::Replace(length, answer.into())
    }

    /// One write: who the client is, and the login.
    pub(super) fn say_login(&mut self) -> Step {
        self.stage = Stage::Judging;
        let origin = self.origin().ok();
        let (Some(attempt), fields) = (&self.attempt, &self.fields) else { return Step::Wait };
        let (Some(way), credentials) = (attempt.way, &attempt.credentials) else { return Step::Wait };
        let mut words = Secret::new(Vec::with_capacity(room(fields) + Way::room(credentials)));
        if let Some(origin) = origin
            && self.options.tell_address
            && attempt.capabilities.is_some_and(|server| server.id)
        {
            identify(IDENTIFY, &origin, fields, &mut words);
        }
        way.say(LOG_IN, credentials, &mut words);
        if let Some(attempt) = &mut self.attempt {
            attempt.strange = words.len() > ORDINARY;
        }
        Step::Reply(0, wiped(words))
    }

    /// Where the client comes from.
    fn origin(&self) -> Result<Origin<'_>, Looping> {
        let secured = self.channel != crate::options::Channel::Clear;
        let seen = Origin::seen(self.client, self.local, self.id, secured);
        if self.trusted { seen.said(&self.fields) } else { Ok(seen) }
    }
}

/// Bytes that are wiped once they are written.
pub(super) fn wiped(secret: Secret) -> Bytes {
    Bytes::from_owner(secret)
}
