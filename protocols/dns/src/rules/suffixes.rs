//! Names by their ends.

use std::collections::HashMap;
use std::hash::Hasher;

use sekisho_api::smallvec::SmallVec;
use siphasher::sip::SipHasher13;

/// The most labels of a name, the root's not counted: 127 of one byte each fill its 255.
const LABELS: usize = 127;

/// Which rules name which ends of names.
#[derive(Debug, Default)]
pub(super) struct Suffixes {
    /// Indexes of rules, ascending, by the hash of a name.
    by_hash: HashMap<u64, SmallVec<[usize; 1]>>,
    /// Labels of the longest name in it.
    depth: usize,
    seed: (u64, u64),
}

impl Suffixes {
    pub(super) fn new(seed: (u64, u64)) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Adds a name on the wire. Rules are added in their order.
    pub(super) fn add(&mut self, name: &[u8], rule: usize) {
        let mut places = [0; LABELS];
        let labels = labels(name, &mut places);
        let hash = labels.iter().rev().fold(ROOT, |hash, &at| self.below(hash, label(name, at)));
        self.depth = self.depth.max(labels.len());
        let rules = self.by_hash.entry(hash).or_default();
        if rules.last() != Some(&rule) {
            rules.push(rule);
        }
    }

    /// Calls `found` with the rules of every end of `name`, the shortest first.
    pub(super) fn each(&self, name: &[u8], mut found: impl FnMut(&[usize])) {
        if self.by_hash.is_empty() {
            return;
        }
        let mut look = |hash| {
            if let Some(rules) = self.by_hash.get(&hash) {
                found(rules);
            }
        };
        look(ROOT);
        let mut places = [0; LABELS];
        let mut hash = ROOT;
        for &at in labels(name, &mut places).iter().rev().take(self.depth) {
            hash = self.below(hash, label(name, at));
            look(hash);
        }
    }

    /// The hash of a label below the name that has the hash `above`.
    fn below(&self, above: u64, label: &[u8]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.seed.0, self.seed.1 ^ above);
        let mut lower = [0; 63];
        for (to, from) in lower.iter_mut().zip(label) {
            *to = from.to_ascii_lowercase();
        }
        hasher.write(lower.get(..label.len()).unwrap_or(label));
        hasher.finish()
    }
}

/// Stands for the root, which is no hash of anything.
const ROOT: u64 = 0;

/// Where the labels of an uncompressed name begin, the root's left out.
fn labels<'p>(name: &[u8], places: &'p mut [u8; LABELS]) -> &'p [u8] {
    let (mut at, mut count) = (0_u8, 0);
    while let Some(&length) = name.get(usize::from(at)).filter(|length| **length > 0) {
        let Some(place) = places.get_mut(count) else { break };
        *place = at;
        count += 1;
        let Some(next) = at.checked_add(length).and_then(|next| next.checked_add(1)) else { break };
        at = next;
    }
    places.get(..count).unwrap_or_default()
}

/// The bytes of the label that begins at `at`.
fn label(name: &[u8], at: u8) -> &[u8] {
    let rest = name.get(usize::from(at)..).unwrap_or_default();
    let Some((&length, rest)) = rest.split_first() else { return &[] };
    rest.get(..usize::from(length)).unwrap_or_default()
}
