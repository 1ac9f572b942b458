//! Whether two tables hold the same.

use std::hash::Hasher;
use std::time::Instant;

use siphasher::sip::SipHasher13;

use crate::table::Table;
use crate::table::slab::{Node, Which};

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
    /// What the table holds.
    pub fn digest(&self, now: Instant) -> Digest {
        let now = self.clock.moment(now);
        let mut digest = Digest::default();
        for home in &self.shards {
            let shard = home.shard.lock();
            let nodes = shard.slab.iter(Which::Open).chain(shard.slab.iter(Which::Closed));
            for node in nodes.filter(|node| shard.expires(node).is_none_or(|at| at > now)) {
                digest.entries += 1;
                digest.sum = digest.sum.wrapping_add(hash(node));
            }
        }
        digest
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
