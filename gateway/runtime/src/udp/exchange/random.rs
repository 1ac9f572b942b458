//! Numbers that nobody outside can foretell.

use std::io;

use chacha20::ChaCha8Rng;
use chacha20::rand_core::{Rng, SeedableRng};

/// Draws from one seed. A worker's state that leaks once is worth nothing a little later.
const DRAWS: u32 = 1 << 20;

/// A worker's source of ids and choices.
pub(in crate::udp) struct Random {
    source: ChaCha8Rng,
    left: u32,
}

impl Random {
    /// A source seeded by the kernel.
    ///
    /// # Errors
    /// If the kernel has no randomness.
    pub(in crate::udp) fn new() -> io::Result<Self> {
        Ok(Self { source: seeded()?, left: DRAWS })
    }

    /// The next number.
    pub(in crate::udp) fn draw(&mut self) -> u32 {
        self.left -= 1;
        if self.left == 0 {
            self.left = DRAWS;
            // Without fresh randomness the present stream, which is as good as before, goes on.
            if let Ok(fresh) = seeded() {
                self.source = fresh;
            }
        }
        self.source.next_u32()
    }

    /// A number below `end`, evenly enough for small ends.
    pub(in crate::udp) fn below(&mut self, end: usize) -> usize {
        self.draw() as usize % end.max(1)
    }
}

fn seeded() -> io::Result<ChaCha8Rng> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(ChaCha8Rng::from_seed(seed))
}

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Random")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn two_workers_draw_different_numbers_and_a_new_seed_changes_the_stream() {
        let (mut one, mut other) = (Random::new().unwrap(), Random::new().unwrap());
        assert_ne!((one.draw(), one.draw(), one.draw()), (other.draw(), other.draw(), other.draw()));
        (one.left, one.source) = (2, ChaCha8Rng::from_seed([7; 32]));
        let mut known = ChaCha8Rng::from_seed([7; 32]);
        assert_eq!(one.draw(), known.next_u32());
        assert_ne!((one.draw(), one.draw()), (known.next_u32(), known.next_u32()));
    }

    #[test]
    fn ids_spread_over_all_of_their_range() {
        let mut random = Random::new().unwrap();
        let high: HashSet<u32> = (0..4096).map(|_| (random.draw() & 0xffff) >> 8).collect();
        assert!(high.len() > 250, "{}", high.len());
    }
}
