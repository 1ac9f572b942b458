//! What a server carries and has carried, and how fast it is.

use std::time::{Duration, Instant};

use sekisho_api::Failure;

use super::ServerState;

impl ServerState {
    /// Leases held now.
    pub fn active(&self) -> u32 {
        self.counts.active()
    }

    /// Leases given since the start.
    pub fn served(&self) -> u64 {
        self.counts.served()
    }

    /// Failures of traffic since the start.
    pub fn failures(&self) -> u64 {
        self.counts.failures().iter().map(|(_, count)| count).sum()
    }

    /// The same, by how it failed.
    pub fn failures_by_kind(&self) -> [(Failure, u64); Failure::ALL.len()] {
        self.counts.failures()
    }

    /// Answers that did not come in time, since the start.
    pub fn timeouts(&self) -> u64 {
        self.counts.timeouts()
    }

    /// Datagrams from its address that answered nothing that was asked, since the start.
    pub fn strays(&self) -> u64 {
        self.counts.strays()
    }

    /// Requests that another server was asked as well, since the start, because this one was silent.
    pub fn repeats(&self) -> u64 {
        self.counts.repeats()
    }

    /// Bytes relayed since the start, both ways together.
    pub fn bytes(&self) -> u64 {
        self.counts.bytes()
    }

    /// Probes that passed, and probes that failed.
    pub fn probe_counts(&self) -> (u64, u64) {
        self.counts.probes()
    }

    /// The average response time measured: of traffic if there was any, else of connecting, else of probes.
    pub fn response_time(&self) -> Option<Duration> {
        self.answers.average().or_else(|| self.connects.average()).or_else(|| self.probes.average())
    }

    /// Bytes a second over the pool's window, both ways together, for display.
    pub fn bandwidth(&self, now: Instant) -> u64 {
        self.traffic.rate(self.clock.moment(now))
    }
}
