//! Tokens that the gateway issued, opened before anything is chosen.

use std::time::{Duration, Instant, UNIX_EPOCH};

use sekisho_api::{KeyKind, Lease, Prefer, Route};

use super::{Ask, Pool};
use crate::clock::Moment;
use crate::seal::{Opened, Sealed};

impl Pool {
    /// A token that leads the client of `lease`, which was chosen for this question, to its server when it comes back
    /// within `life`. It stands for the client's user where that is known and counts, since what is remembered of the
    /// user is then kept by the connection to come, and else for the server. None where the VIP's list has no
    /// `rdp-token`, or nobody has said what time of day it is.
    pub fn issue(&self, ask: &Ask<'_>, lease: &Lease, life: Duration, now: Instant) -> Option<String> {
        let counts = |kind| ask.persist.iter().any(|entry| entry.kind() == kind);
        if !counts(KeyKind::RDP_TOKEN) {
            return None;
        }
        let day = self.clock.day(self.clock.moment(now))?;
        let expires = UNIX_EPOCH + Duration::from_secs(day) + life;
        let user = ask.route.key(KeyKind::USER).filter(|_| counts(KeyKind::USER));
        let for_user = |user| self.secret.seal(Sealed::User { domain: ask.table.name(), user }, expires).ok();
        let server = Sealed::Server { pool: self.name(), server: lease.server().name() };
        user.and_then(for_user).or_else(|| self.secret.seal(server, expires).ok())
    }

    /// The route that a sealed token stands for; none where the client has no token, the VIP's list has no `rdp-token` or
    /// the token is not for here and now. Then it is as if nothing had been sent.
    pub(super) fn opened(&self, ask: &Ask<'_>, now: Moment) -> Option<Route> {
        let Some(Prefer::Sealed(token)) = &ask.route.prefer else { return None };
        if !ask.persist.iter().any(|entry| entry.kind() == KeyKind::RDP_TOKEN) {
            return None;
        }
        let day = self.clock.day(now)?;
        let route = ask.route.clone();
        Some(match self.secret.open(token, self.name(), ask.table.name(), day)? {
            Opened::Server(prefer) => Route { prefer: Some(prefer), ..route },
            Opened::User(user) => Route { prefer: None, ..route }.with_key(Some(user)),
        })
    }
}

impl<'a> Ask<'a> {
    /// The same question with this route, if there is one.
    pub(super) fn with(&self, route: Option<&'a Route>) -> Self {
        Self { route: route.unwrap_or(self.route), ..*self }
    }
}
