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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing;

    fn read(text: &str) -> (PoolRules, Vec<String>) {
        testing::read(text, |section| PoolRules::read(section, "p", &Caches::default(), (1, 2)))
    }

    #[test]
    fn pool_without_keys_changes_nothing_and_keeps_nothing() {
        let (rules, problems) = read("");
        assert!(problems.is_empty() && rules.cache.is_none() && rules.retry_on == 0, "{rules:?}");
    }

    #[test]
    fn size_alone_is_a_cache_with_the_usual_times() {
        let settings = |text| testing::read(text, cache::read).0.unwrap();
        let usual = settings("cache = \"64 MiB\"");
        assert_eq!(usual, settings("cache = { size = \"64 MiB\" }"));
        let seconds = |time: Duration| time.as_secs();
        assert_eq!((usual.bytes, seconds(usual.max_ttl)), (64 << 20, 86_400));
        assert_eq!((seconds(usual.min_ttl), seconds(usual.stale)), (0, 0));
        assert_eq!((seconds(usual.negative_ttl), seconds(usual.error_ttl)), (3 * 3600, 5));
    }

    #[test]
    fn values_that_make_no_sense_are_refused() {
        for (text, message) in [
            ("cache = \"1 KiB\"", "`cache` is out of range"),
            ("cache = 64", "`cache` has no unit"),
            ("cache = {}", "`size` is missing"),
            ("cache = { size = \"1 MiB\", ttl = \"1s\" }", "unknown key `ttl`"),
            ("cache = { size = \"1 MiB\", error-ttl = \"2m\" }", "`error-ttl` is out of range"),
            ("client-subnet = \"keep\"", "unknown value `keep` for `client-subnet`"),
            ("client-subnet-prefix = { ipv4 = 33 }", "`ipv4` is out of range"),
            ("retry-on = [\"noerror\"]", "`noerror` is no error"),
            ("retry-on = [\"badvers\"]", "`badvers` is no error"),
        ] {
            assert_eq!(read(text).1, [message], "{text}");
        }
    }
}
