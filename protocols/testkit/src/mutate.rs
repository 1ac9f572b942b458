//! Reproducible randomness, and damage done with it.

/// A small generator (SplitMix64, public domain, Vigna 2015): the same seed gives the same sequence everywhere.
#[derive(Clone, Debug)]
pub struct Seed(u64);

impl Seed {
    /// Begins the sequence of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub const fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.next() % bound as u64) as usize }
    }

    /// `len` random bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }

    /// Damages `bytes` in one to four places: bits, extreme values, cuts, repetitions, insertions.
    pub fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(6) {
                0 => {
                    let bit = 1 << self.below(8);
                    bytes.get_mut(at).into_iter().for_each(|b| *b ^= bit);
                }
                1 => {
                    let extreme = *b"\0\xff\x7f\x80\n ".get(self.below(6)).unwrap_or(&0);
                    bytes.get_mut(at).into_iter().for_each(|b| *b = extreme);
                }
                2 => bytes.truncate(at),
                3 => {
                    let end = (at + self.below(16)).min(bytes.len());
                    bytes.drain(at..end);
                }
                4 => {
                    let again: Vec<u8> = bytes.iter().skip(at).take(64).copied().collect();
                    bytes.extend(again);
                }
                _ => {
                    let len = self.below(8);
                    let more = self.bytes(len);
                    bytes.splice(at..at, more);
                }
            }
        }
    }
}
