//! Transaction ids that nobody can foretell.

use std::hash::{BuildHasher, RandomState};

/// Draws 16-bit ids: a counter under SipHash with a key of the system's randomness, four ids from each hash.
///
/// Over a stream an id protects against nobody outside the connection; it is unpredictable so that a server which
/// mixes up its clients' answers cannot do so by system.
#[derive(Debug)]
pub(crate) struct Ids {
    random: RandomState,
    count: u64,
    drawn: u64,
    left: u8,
}

impl Ids {
    /// Ids under a key of their own.
    pub(crate) fn new(random: RandomState) -> Self {
        Self { random, count: 0, drawn: 0, left: 0 }
    }

    /// The next one.
    pub(crate) fn draw(&mut self) -> u16 {
        if self.left == 0 {
            self.count = self.count.wrapping_add(1);
            (self.drawn, self.left) = (self.random.hash_one(self.count), 4);
        }
        let id = self.drawn as u16;
        self.drawn >>= 16;
        self.left -= 1;
        id
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_spread_over_the_whole_range_without_a_step_that_repeats() {
        let mut ids = Ids::new(RandomState::new());
        let drawn: Vec<u16> = (0..4096).map(|_| ids.draw()).collect();
        // 4096 of 65536 at random leave about 3969 different ones, and no step between neighbours is common.
        assert!(drawn.iter().collect::<HashSet<_>>().len() > 3800);
        let mut steps = std::collections::HashMap::<u16, usize>::new();
        for pair in drawn.windows(2) {
            *steps.entry(pair[1].wrapping_sub(pair[0])).or_default() += 1;
        }
        assert!(steps.values().all(|&count| count < 12));
        for quarter in 0..4 {
            let count = drawn.iter().filter(|&&id| id >> 14 == quarter).count();
            assert!((800..1250).contains(&count), "{count} ids in quarter {quarter}");
        }
    }

    #[test]
    fn two_connections_draw_differently() {
        let (mut a, mut b) = (Ids::new(RandomState::new()), Ids::new(RandomState::new()));
        assert_ne!(
            (0..8).map(|_| a.draw()).collect::<Vec<_>>(),
            (0..8).map(|_| b.draw()).collect::<Vec<_>>()
        );
    }
}
