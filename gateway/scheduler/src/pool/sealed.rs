//! Tokens that the gateway issued, opened before anything is chosen.

use sekisho_api::{KeyKind, Prefer, Route};

use super::{Ask, Pool};
use crate::clock::Moment;
use crate::seal::Opened;

impl Pool {
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
