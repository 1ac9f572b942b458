//! Buckets survive a reload that does not change them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

use super::buckets::Buckets;
use super::rate::Rate;

/// The buckets of all VIPs, by the names of VIP and limit, for as long as a configuration uses them.
///
/// A reload reads the whole file anew. A limit that kept name, rate, burst and size finds its buckets here, so that nobody
/// gets a burst with each reload, and connections that began under the configuration before share them.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<HashMap<Name, Weak<Buckets>>>);

/// VIP, limit, and what would make its buckets others.
type Name = (Box<str>, Box<str>, Rate, usize);

impl Kept {
    /// The buckets of a limit: those that it had, or full ones.
    pub(super) fn buckets(&self, vip: &str, limit: &str, rate: Rate, keys: usize) -> Arc<Buckets> {
        // The map is whole between any two of its own operations.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (vip.into(), limit.into(), rate, keys);
        if let Some(buckets) = kept.get(&name).and_then(Weak::upgrade) {
            return buckets;
        }
        kept.retain(|_, buckets| buckets.strong_count() > 0);
        let buckets = Arc::new(Buckets::new(rate, keys, Instant::now()));
        kept.insert(name, Arc::downgrade(&buckets));
        buckets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_that_did_not_change_keeps_its_buckets_and_another_has_its_own() {
        let kept = Kept::default();
        let (rate, other): (Rate, Rate) = ("10/s".parse().unwrap(), "11/s".parse().unwrap());
        let before = kept.buckets("web", "each", rate, 1024);
        assert!(Arc::ptr_eq(&before, &kept.buckets("web", "each", rate, 1024)));
        for changed in [
            kept.buckets("mail", "each", rate, 1024),
            kept.buckets("web", "all", rate, 1024),
            kept.buckets("web", "each", other, 1024),
        ] {
            assert!(!Arc::ptr_eq(&before, &changed));
        }
        drop(before);
        let _ = kept.buckets("web", "new", rate, 1024);
        assert_eq!(kept.0.lock().unwrap().len(), 1, "what nobody uses is forgotten");
    }
}
