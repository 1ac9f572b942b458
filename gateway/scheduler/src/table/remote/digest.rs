//! Whether two tables hold the same.

use std::hash::Hasher;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use siphasher::sip::SipHasher13;

use crate::table::Table;
use crate::table::slab::Node;
use crate::table::stamp::Stamp;

/// What a table holds, in one number that does not depend on the order. Tables of two nodes that hold the same have
/// the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// Entries that have not expired.
    pub entries: usize,
    /// The sum of their hashes.
    pub sum: u64,
}

impl Table {
    /// What the table holds. It goes over all entries, and holds nobody up for more than a few of them.
    pub fn digest(&self, now: Instant) -> Digest {
        let now = self.clock.moment(now);
        let mut digest = Digest::default();
        for home in &self.shards {
            let mut next = Some(0_u32);
            while let Some(from) = next {
                let shard = home.shard.lock();
                let (places, end) = (shard.slab.places(), from.saturating_add(AT_ONCE));
                let nodes = (from..end.min(places)).filter_map(|slot| shard.slab.get(slot));
                for node in nodes.filter(|node| shard.expires(node).is_none_or(|at| at > now)) {
                    digest.entries += 1;
                    digest.sum = digest.sum.wrapping_add(hash(node));
                }
                next = (end < places).then_some(end);
            }
        }
        digest
    }

    /// When something changed last, here or wherever it was learned from; none: nothing has.
    pub fn last_change(&self) -> Option<Stamp> {
        Some(self.versions.load(Relaxed)).filter(|version| *version > 0).map(Stamp::from_raw)
    }
}

fn hash(node: &Node) -> u64 {
    // Equal on all nodes; it is no secret.
    let mut hasher = SipHasher13::new_with_keys(0x7365_6b69_7368_6f04, 0x6469_6765_7374);
    let entry = &node.entry;
    let scope = entry.scope.as_deref().unwrap_or_default();
    for name in [entry.key.kind().name(), scope, &node.server] {
        hasher.write(name.as_bytes());
        hasher.write(&[0]);
    }
    hasher.write(entry.key.expose());
    hasher.finish()
}

/// Entries that are looked at while a part of the table is held.
const AT_ONCE: u32 = 4096;
