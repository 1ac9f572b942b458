//! Numbers that nobody foretells.

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};

use siphasher::sip128::{Hasher128, SipHasher24};

/// A worker's source of numbers of 128 bits: a count, put through SipHash-2-4 under a key of its own that the system's
/// randomness makes. Nobody without the key tells the next one from chance, and none comes twice but by chance.
pub(crate) struct Ids {
    key: SipHasher24,
    count: Cell<u64>,
}

impl Default for Ids {
    fn default() -> Self {
        let random = RandomState::new();
        let key = SipHasher24::new_with_keys(random.hash_one(0_u8), random.hash_one(1_u8));
        Self { key, count: Cell::default() }
    }
}

impl Ids {
    /// The next number.
    pub(crate) fn draw(&self) -> u128 {
        let count = self.count.get().wrapping_add(1);
        self.count.set(count);
        let mut hasher = self.key;
        hasher.write_u64(count);
        hasher.finish128().as_u128()
    }

    /// The next number as a UUID of version 4 (RFC 9562, section 5.4).
    pub(super) fn uuid(&self) -> [u8; 36] {
        let number = self.draw() & !(0xf << 76) & !(0b11 << 62) | 4 << 76 | 0b10 << 62;
        let mut digits = hexadecimal::<32>(number).into_iter();
        let mut text = [b'-'; 36];
        for (place, byte) in text.iter_mut().enumerate() {
            if !matches!(place, 8 | 13 | 18 | 23)
                && let Some(digit) = digits.next()
            {
                *byte = digit;
            }
        }
        text
    }
}

/// The last `N` hexadecimal digits of a number.
pub(super) fn hexadecimal<const N: usize>(number: u128) -> [u8; N] {
    let mut text = [0; N];
    let mut left = number;
    for byte in text.iter_mut().rev() {
        let digit = (left & 0xf) as u8;
        *byte = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
        left >>= 4;
    }
    text
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ids")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_number_comes_twice_and_two_workers_have_nothing_in_common() {
        let (one, other) = (Ids::default(), Ids::default());
        let numbers: HashSet<u128> = (0..20_000).flat_map(|_| [one.draw(), other.draw()]).collect();
        assert_eq!(numbers.len(), 40_000);
        let bits: u32 = numbers.iter().map(|number| number.count_ones()).sum();
        let half = 40_000 * 64;
        assert!(bits.abs_diff(half) < half / 100, "{bits} of {half}");
    }

    #[test]
    fn uuid_has_its_version_its_variant_and_its_hyphens() {
        let ids = Ids::default();
        for _ in 0..1000 {
            let uuid = String::from_utf8(ids.uuid().to_vec()).unwrap();
            let parts: Vec<&str> = uuid.split('-').collect();
            assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12], "{uuid}");
            assert!(parts.iter().all(|part| super::super::hexadecimal(part.as_bytes())), "{uuid}");
            assert!(parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']), "{uuid}");
        }
    }

    #[test]
    fn last_digits_are_given() {
        assert_eq!(&hexadecimal::<4>(0x1a_bc0f), b"bc0f");
        assert_eq!(&hexadecimal::<2>(0), b"00");
    }
}
