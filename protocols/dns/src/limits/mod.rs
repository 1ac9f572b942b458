//! Who may ask, and how often.

mod rate;

use std::net::IpAddr;
use std::time::Instant;

use sekisho_api::Networks;
use sekisho_api::settings::Section;

use rate::Rate;

/// The limits of one VIP.
#[derive(Debug)]
pub(crate) struct Limits {
    /// None: everybody who is not denied.
    allow: Option<Networks>,
    deny: Networks,
    rate: Option<Rate>,
}

/// What becomes of a client's query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may pass.
    Pass,
    /// Its client may not ask here.
    Denied,
    /// Its network asks too often, and this is what it gets.
    Excess(Excess),
}

/// What a query beyond the rate gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excess {
    /// Silence.
    Drop,
    /// Over UDP an empty answer that says "ask over TCP", which nobody does under a forged address; elsewhere
    /// nothing is in excess.
    Truncate,
    /// REFUSED.
    Refuse,
}

impl Limits {
    pub(crate) fn read(section: &mut Section<'_>, seed: (u64, u64)) -> Self {
        Self {
            allow: Networks::read(section, "allow"),
            deny: Networks::read(section, "deny").unwrap_or_default(),
            rate: Rate::read(section, seed),
        }
    }

    /// Judges one query of `client`, and counts it.
    pub(crate) fn judge(&self, client: IpAddr, now: Instant) -> Verdict {
        let allowed = self.allow.as_ref().is_none_or(|allow| allow.contains(client));
        if !allowed || self.deny.contains(client) {
            return Verdict::Denied;
        }
        match &self.rate {
            Some(rate) if !rate.pass(client, now) => Verdict::Excess(rate.excess),
            _ => Verdict::Pass,
        }
    }
}
