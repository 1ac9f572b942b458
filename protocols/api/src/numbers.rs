//! Maps by numbers that need no hashing.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Values by numbers that no peer chooses: ids of servers, and hashes already.
pub type ByNumber<T> = HashMap<u64, T, BuildHasherDefault<Numbers>>;

/// Spreads consecutive numbers over the upper bits, which is where the map looks.
#[derive(Debug, Default)]
pub struct Numbers(u64);

impl Hasher for Numbers {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(u64::from(byte)));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
