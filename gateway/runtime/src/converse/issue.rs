//! Tokens for clients that are sent away and come back.

use std::time::{Duration, Instant};

use sekisho_api::{Blame, End, Key, Route};

use super::Driver;
use super::connect::unless_gone;

/// How long a token counts that a client is sent away with: it comes back at once, unless it asks its user something
/// first.
const LIFE: Duration = Duration::from_secs(60);

impl Driver<'_> {
    /// Chooses a server without connecting to it, and says what token leads there.
    ///
    /// # Errors
    /// That the client left meanwhile, or that no token can be made.
    pub(super) async fn issue(&mut self, route: &Route) -> Result<(), End> {
        self.ended.key = route.keys.first().map(Key::kind);
        self.ended.known_by = route.by;
        let core = &self.serving.core;
        let leasing = core.lease(route, self.facts);
        match unless_gone(leasing, &mut self.client, &mut self.engine, &mut self.ended).await? {
            Ok(lease) => {
                let now = Instant::now();
                let token = core.issue(route, self.facts, &lease, LIFE, now);
                // The entry stays; the connection to come holds it.
                lease.settle(now);
                let token = token.ok_or(End::Fault(Blame::Gateway, "no-token"))?;
                self.engine.issued(&token);
            }
            Err(why) => self.engine.unavailable(why),
        }
        Ok(())
    }
}
