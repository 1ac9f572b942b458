//! When an entry changed, so that nodes agree on which change is the latest.

/// The moment of a change, greater for a later one: the milliseconds since 1970, and a count below them.
///
/// A node that meets a stamp never gives a lesser one from then on. So a change that was made in the knowledge of
/// another comes after it even where the clocks of two nodes disagree (a hybrid logical clock: Kulkarni et al.,
/// OPODIS 2014).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(u64);

impl Stamp {
    /// The stamp that stands in a message or a file.
    pub fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// The first stamp of a millisecond since 1970.
    pub fn at(millis: u64) -> Self {
        Self(millis.min(u64::MAX >> COUNT_BITS) << COUNT_BITS)
    }

    /// The number, for a message or a file.
    pub fn get(self) -> u64 {
        self.0
    }

    /// The milliseconds since 1970.
    pub fn millis(self) -> u64 {
        self.0 >> COUNT_BITS
    }
}

/// 4096 changes in a millisecond; more of them run ahead of the clock and harm nothing.
const COUNT_BITS: u32 = 12;
