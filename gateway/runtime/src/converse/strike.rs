//! What a client pays for a strike.

use std::time::Instant;

use super::Driver;

impl Driver<'_> {
    /// Counts a strike against the client's address and stands still for what it costs.
    pub(super) async fn strike(&mut self) {
        let (limits, counts) = (&self.serving.live.vip.limits, &self.serving.live.counts);
        let now = Instant::now();
        let client = self.facts.client.ip();
        let (count, cost) = counts.strikes.strike(client, limits.strike_memory, now);
        if !cost.is_zero() {
            // Nothing is said to this client meanwhile. If it leaves, that is noticed afterwards.
            self.worker.ticker().until(now + cost).await;
        }
        if limits.max_strikes.is_some_and(|most| count >= most) {
            self.engine.barred();
        }
    }

    /// Whether the client's address has had too many strikes before this connection.
    pub(super) fn is_barred(&self) -> bool {
        let (limits, counts) = (&self.serving.live.vip.limits, &self.serving.live.counts);
        limits.max_strikes.is_some_and(|most| {
            counts.strikes.of(self.facts.client.ip(), limits.strike_memory, Instant::now()) >= most
        })
    }
}
