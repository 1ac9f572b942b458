//! `cache` in the configuration of a pool.

use std::time::Duration;

use sekisho_api::settings::{Section, Value};

use crate::cache::CacheSettings;

/// Reads `cache`: a size, or a table with it. None where it is not written, or wrong.
pub(super) fn read(section: &mut Section<'_>) -> Option<CacheSettings> {
    let node = section.node("cache")?;
    if !matches!(node.value, Value::Table(_)) {
        let bytes = section.size("cache", SMALLEST, SIZES);
        return Some(settings(bytes));
    }
    let mut table = section.table("cache")?;
    if !table.has("size") {
        table.missing("size", "write how much it may hold: size = \"64 MiB\"");
    }
    let usual = settings(table.size("size", SMALLEST, SIZES));
    let times = Duration::ZERO..=LONGEST;
    let errors = Duration::ZERO..=CacheSettings::LONGEST_ERROR;
    let settings = CacheSettings {
        max_ttl: table.duration("max-ttl", usual.max_ttl, Duration::from_secs(1)..=LONGEST),
        min_ttl: table.duration("min-ttl", usual.min_ttl, times.clone()),
        negative_ttl: table.duration("negative-ttl", usual.negative_ttl, times.clone()),
        error_ttl: table.duration("error-ttl", usual.error_ttl, errors),
        stale: table.duration("stale", usual.stale, times),
        ..usual
    };
    table.finish();
    Some(settings)
}

fn settings(bytes: u64) -> CacheSettings {
    CacheSettings {
        bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
        max_ttl: CacheSettings::MAX_TTL,
        min_ttl: Duration::ZERO,
        negative_ttl: CacheSettings::NEGATIVE_TTL,
        error_ttl: CacheSettings::ERROR_TTL,
        stale: Duration::ZERO,
        shards: CacheSettings::SHARDS,
    }
}

/// Below this a few answers displace each other.
const SMALLEST: u64 = 1 << 20;
const SIZES: std::ops::RangeInclusive<u64> = SMALLEST..=1 << 40;
/// A week: more than anybody should answer by (RFC 8767, section 4).
const LONGEST: Duration = Duration::from_secs(7 * 86_400);
