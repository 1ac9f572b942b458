//! The keys of `[pool.NAME.dns]`.

mod cache;
mod caches;
mod subnet;

use std::sync::Arc;

use sekisho_api::settings::{Problem, Section};

pub(crate) use caches::Caches;
pub(crate) use subnet::{SubnetPolicy, Told};

use crate::cache::Cache;
use crate::text;
use crate::wire::{Query, Rcode};

/// What is done with the queries and answers of one pool, on every VIP that routes to it.
#[derive(Debug, Default)]
pub(crate) struct PoolRules {
    pub(crate) subnet: SubnetPolicy,
    /// Response codes for which another server is asked: a bit for each of the header's sixteen.
    retry_on: u16,
    /// One for everybody who asks this pool; none: nothing is kept.
    pub(crate) cache: Option<Arc<Cache>>,
}

impl PoolRules {
    /// Reads those of the pool `name`; what is wrong is recorded in the section.
    pub(crate) fn read(section: &mut Section<'_>, name: &str, caches: &Caches, seed: (u64, u64)) -> Self {
        Self {
            subnet: SubnetPolicy::read(section),
            retry_on: retry_on(section),
            cache: cache::read(section).map(|settings| caches.of(name, &settings, seed)),
        }
    }

    /// What the answer to a query is kept under; none: it is not kept.
    pub(crate) fn key(&self, query: &Query<'_>, told: Told) -> Option<u64> {
        self.cache.as_ref()?.key(query, told.subnet)
    }

    /// Whether an answer of this code is reason to ask another server.
    pub(crate) fn retries(&self, rcode: Rcode) -> bool {
        rcode.0 < 16 && self.retry_on & 1 << rcode.0 != 0
    }
}

fn retry_on(section: &mut Section<'_>) -> u16 {
    let mut codes = 0;
    for written in section.texts("retry-on").unwrap_or_default() {
        match text::rcode(written.value) {
            Some(Rcode(code @ 1..16)) => codes |= 1 << code,
            _ => section.problem(
                Problem::new(written.span, format!("`{}` is no error", written.value), "not known here")
                    .help("write response codes such as \"servfail\" or \"refused\""),
            ),
        }
    }
    codes
}
