//! Several mechanisms at once.

use super::Mechanism;

/// A set of mechanisms, a byte large.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MechanismSet(u8);

impl MechanismSet {
    /// None of them.
    pub const EMPTY: Self = Self(0);

    /// Adds one.
    pub const fn insert(&mut self, mechanism: Mechanism) {
        self.0 |= 1 << mechanism as u8;
    }

    /// Whether this one is in it.
    pub const fn contains(self, mechanism: Mechanism) -> bool {
        self.0 & (1 << mechanism as u8) != 0
    }

    /// Whether none is.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Mechanism> for MechanismSet {
    fn from_iter<T: IntoIterator<Item = Mechanism>>(mechanisms: T) -> Self {
        let mut set = Self::EMPTY;
        mechanisms.into_iter().for_each(|mechanism| set.insert(mechanism));
        set
    }
}
