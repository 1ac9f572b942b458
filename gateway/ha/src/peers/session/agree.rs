//! Whether both nodes mean the same by the same names.

use super::{Partner, Session};

impl Session {
    /// What differs between the two nodes, by name. Nothing until the other one has
    /// introduced itself.
    pub(in super::super) fn differing(&self) -> Vec<String> {
        if self.partner != Partner::Node || !self.introduced {
            return Vec::new();
        }
        let ours = self.terms.facts.iter();
        let differs = ours.filter(|(name, value)| self.theirs.get(name) != Some(value)).map(|(name, _)| name);
        let known = |name: &&String| self.terms.facts.iter().any(|(other, _)| other == *name);
        let theirs = self.theirs.keys().filter(|name| !known(name));
        differs.chain(theirs).cloned().collect()
    }
}
