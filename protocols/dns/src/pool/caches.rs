//! The caches of all pools, so that one survives a reload that leaves its settings alone.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::cache::{Cache, CacheSettings};

/// The caches that some configuration in use holds.
///
/// They are held weakly: a cache ends with the last configuration that has it, which during a reload is the old one.
/// Several of one pool may live at once, if its settings change; what a refused configuration made is gone with it.
#[derive(Debug, Default)]
pub(crate) struct Caches(Mutex<Vec<Known>>);

#[derive(Debug)]
struct Known {
    pool: Box<str>,
    settings: CacheSettings,
    cache: Weak<Cache>,
}

impl Caches {
    /// The cache of a pool with these settings: the one in use, or a new one.
    pub(super) fn of(&self, pool: &str, settings: &CacheSettings, seed: (u64, u64)) -> Arc<Cache> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|known| known.cache.strong_count() > 0);
        let same = all.iter().filter(|known| *known.pool == *pool && known.settings == *settings);
        if let Some(cache) = same.filter_map(|known| known.cache.upgrade()).next() {
            return cache;
        }
        let cache = Arc::new(Cache::new(settings, seed));
        let cached = Arc::downgrade(&cache);
        all.push(Known { pool: pool.into(), settings: settings.clone(), cache: cached });
        cache
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn settings(bytes: usize) -> CacheSettings {
        CacheSettings {
            bytes,
            max_ttl: CacheSettings::MAX_TTL,
            min_ttl: Duration::ZERO,
            negative_ttl: CacheSettings::NEGATIVE_TTL,
            error_ttl: CacheSettings::ERROR_TTL,
            stale: Duration::ZERO,
            shards: 1,
        }
    }

    #[test]
    fn cache_in_use_is_shared_by_whoever_has_its_settings_and_ends_with_its_last_user() {
        let caches = Caches::default();
        let first = caches.of("a", &settings(1 << 20), (1, 2));
        let refused = caches.of("a", &settings(2 << 20), (1, 2));
        assert!(!Arc::ptr_eq(&first, &refused));
        drop(refused);
        assert!(Arc::ptr_eq(&first, &caches.of("a", &settings(1 << 20), (1, 2))));
        assert!(!Arc::ptr_eq(&first, &caches.of("b", &settings(1 << 20), (1, 2))));
        let weak = Arc::downgrade(&first);
        drop(first);
        assert!(weak.upgrade().is_none());
        drop(caches.of("a", &settings(1 << 20), (1, 2)));
        assert!(caches.0.lock().unwrap().len() <= 2);
    }
}
