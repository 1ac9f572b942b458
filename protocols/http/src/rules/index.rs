//! Many rules by host, found without looking at each.

use std::collections::HashMap;

use smallvec::SmallVec;

use super::Rule;
use super::host::{HostPattern, name};

/// Where the rules stand that may mean a host. A place is a number of the list of rules, and each list of places rises.
#[derive(Debug)]
pub(super) struct Index {
    /// By name, and by domain with the dot before it.
    hosts: HashMap<Box<[u8]>, Vec<usize>>,
    /// Whether there are domains.
    domains: bool,
    /// Those that mean any host.
    any: Vec<usize>,
}

impl Index {
    /// The index of rules, where there are so many that it is worth its while.
    pub(super) fn of(rules: &[Rule]) -> Option<Self> {
        if rules.len() < WORTH {
            return None;
        }
        let mut index = Self { hosts: HashMap::new(), domains: false, any: Vec::new() };
        for (place, rule) in rules.iter().enumerate() {
            if rule.criteria.hosts.is_empty() {
                index.any.push(place);
            }
            for pattern in &rule.criteria.hosts {
                let key = match pattern {
                    HostPattern::Exactly(name) => name,
                    HostPattern::Below(domain) => {
                        index.domains = true;
                        domain
                    }
                };
                let places = index.hosts.entry(key.as_bytes().into()).or_default();
                if places.last() != Some(&place) {
                    places.push(place);
                }
            }
        }
        Some(index)
    }

    /// The places of the rules that may mean a Host field, in their order.
    pub(super) fn places(&self, host: &[u8]) -> impl Iterator<Item = usize> {
        let mut lower: SmallVec<[u8; 64]> = SmallVec::from_slice(name(host));
        lower.make_ascii_lowercase();
        let mut lists: SmallVec<[&[usize]; 4]> = SmallVec::new();
        lists.push(&self.any);
        // No pattern is longer than a name can be.
        if lower.len() <= LONGEST {
            lists.extend(self.hosts.get(&*lower).map(Vec::as_slice));
        }
        if self.domains {
            let from = lower.len().saturating_sub(LONGEST).max(1);
            let dots = (from..lower.len()).filter(|&at| lower.get(at) == Some(&b'.'));
            let domains = dots.filter_map(|at| self.hosts.get(lower.get(at..)?));
            lists.extend(domains.map(Vec::as_slice));
        }
        std::iter::from_fn(move || {
            let next = lists.iter().filter_map(|list| list.first()).min().copied()?;
            for list in &mut lists {
                if let Some((first, rest)) = list.split_first()
                    && *first == next
                {
                    *list = rest;
                }
            }
            Some(next)
        })
    }
}

/// A few rules are looked at faster than they are looked up.
const WORTH: usize = 32;
/// The longest name, with a dot before it.
const LONGEST: usize = 254;
