//! Which slot has which server now.

use std::time::Instant;

use sekisho_scheduler::{Pool, Share, hash_buckets, turn_buckets};

use super::service::{Pick, Service};
use crate::way::Family;

/// The slots of a VIP for a version of IP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) family: Family,
    shares: Vec<Share>,
    /// For each slot the place of its server among those of the family; empty: nobody is served.
    pub(super) slots: Vec<u16>,
}

impl Choice {
    /// One that the rules have the shape of, whoever is up.
    pub(super) fn example(family: Family) -> Self {
        Self { family, shares: Vec::new(), slots: vec![0] }
    }

    /// The servers that were open before and are not any more.
    pub(super) fn lost<'s>(&'s self, before: Option<&'s Self>) -> impl Iterator<Item = &'s str> {
        let was_open = move |name: &str| {
            let before = before.map(|before| &before.shares);
            before.is_none_or(|before| before.iter().any(|share| *share.name == *name && share.open > 0))
        };
        let closed = self.shares.iter().filter(|share| share.open == 0).map(|share| &*share.name);
        closed.filter(move |name| was_open(name))
    }

    /// The choice of a VIP now; `before` if nothing has changed since.
    pub(super) fn now(
        service: &Service,
        family: Family,
        pool: &Pool,
        before: Option<&Self>,
        now: Instant,
    ) -> Self {
        let mut shares = pool.shares(|address| Family::of(address.ip()) == family, now);
        if service.pick == Pick::Turn {
            // A change in less than a hundredth is not worth a transaction.
            shares
                .iter_mut()
                .for_each(|share| share.open = (share.open / GRAIN).max(u64::from(share.open > 0)));
        }
        match before {
            Some(before) if before.shares == shares => before.clone(),
            _ => Self { family, slots: slots(service, &shares), shares },
        }
    }
}

fn slots(service: &Service, shares: &[Share]) -> Vec<u16> {
    match service.pick {
        Pick::Turn => turn_buckets(shares),
        Pick::Client { .. } | Pick::Flow => hash_buckets(service.seed, shares),
    }
}

/// Of the thousandths of a weight.
const GRAIN: u64 = 10;
