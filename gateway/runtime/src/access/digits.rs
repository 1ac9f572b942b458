//! Numbers and addresses as text, by hand: a line of a log is mostly these, and the general way costs ten times as much.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Appends a number in decimal digits.
pub(super) fn decimal(number: u64, out: &mut Vec<u8>) {
    let mut text = Tail::<20>::default();
    text.number(number);
    out.extend_from_slice(text.as_slice());
}

/// Appends a time in milliseconds, with three digits behind the point.
pub(super) fn milliseconds(time: Duration, out: &mut Vec<u8>) {
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let rest = micros % 1000;
    let mut text = Tail::<24>::default();
    text.put([b'0' + (rest / 10 % 10) as u8, b'0' + (rest % 10) as u8]);
    text.put([b'.', b'0' + (rest / 100) as u8]);
    text.number(micros / 1000);
    out.extend_from_slice(text.as_slice());
}

/// Appends sixteen hexadecimal digits.
pub(super) fn hexadecimal(number: u64, out: &mut Vec<u8>) {
    let mut text = [0; 16];
    for (place, byte) in text.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        place.copy_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
    }
    out.extend_from_slice(&text);
}

/// Appends an address and a port, as `SocketAddr` displays itself.
pub(super) fn socket(address: SocketAddr, out: &mut Vec<u8>) {
    let mut text = Head::default();
    match address {
        SocketAddr::V4(address) => text.v4(*address.ip()),
        SocketAddr::V6(address) => {
            text.put([b'[', 0, 0, 0], 1);
            text.v6(*address.ip());
            if address.scope_id() != 0 {
                text.put([b'%', 0, 0, 0], 1);
                text.decimal(address.scope_id());
            }
            text.put([b']', 0, 0, 0], 1);
        }
    }
    text.put([b':', 0, 0, 0], 1);
    text.decimal(address.port().into());
    out.extend_from_slice(text.as_slice());
}

/// Appends an address, as `IpAddr` displays itself.
pub(super) fn host(address: IpAddr, out: &mut Vec<u8>) {
    let mut text = Head::default();
    match address {
        IpAddr::V4(address) => text.v4(address),
        IpAddr::V6(address) => text.v6(address),
    }
    out.extend_from_slice(text.as_slice());
}

/// Text that grows to the left, as digits are found.
struct Tail<const N: usize> {
    bytes: [u8; N],
    start: usize,
}

impl<const N: usize> Default for Tail<N> {
    fn default() -> Self {
        Self { bytes: [0; N], start: N }
    }
}

impl<const N: usize> Tail<N> {
    #[inline]
    fn put(&mut self, two: [u8; 2]) {
        // Whoever chose N knew the longest text.
        let start = self.start.saturating_sub(2);
        if let Some(place) = self.bytes.get_mut(start..start + 2) {
            place.copy_from_slice(&two);
            self.start = start;
        }
    }

    #[inline]
    fn number(&mut self, mut number: u64) {
        while number >= 100 {
            self.put(pair(number % 100));
            number /= 100;
        }
        self.put(pair(number));
        // The last pair may have begun with a zero.
        self.start += usize::from(number < 10);
    }

    #[inline]
    fn as_slice(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

/// Text that grows to the right, four bytes at once of which fewer may count. The longest is an IPv6 address with a
/// scope and a port.
#[derive(Default)]
struct Head {
    bytes: [[u8; 32]; 2],
    len: usize,
}

impl Head {
    #[inline]
    fn put(&mut self, four: [u8; 4], count: usize) {
        let bytes = self.bytes.as_flattened_mut();
        if let Some(place) = bytes.get_mut(self.len..).and_then(|rest| rest.get_mut(..4)) {
            place.copy_from_slice(&four);
            self.len += count;
        }
    }

    #[inline]
    fn v4(&mut self, address: Ipv4Addr) {
        for octet in address.octets() {
            self.octet(octet, b'.');
        }
        self.len -= 1;
    }

    /// The octet, and what follows it.
    #[inline]
    fn octet(&mut self, octet: u8, then: u8) {
        let [tens, ones] = pair(u64::from(octet) % 100);
        match octet {
            100.. => self.put([b'0' + octet / 100, tens, ones, then], 4),
            10.. => self.put([tens, ones, then, 0], 3),
            _ => self.put([ones, then, 0, 0], 2),
        }
    }

    fn decimal(&mut self, number: u32) {
        let mut text = Tail::<12>::default();
        text.number(number.into());
        for digit in text.as_slice() {
            self.put([*digit, 0, 0, 0], 1);
        }
    }

    /// RFC 5952: the longest run of zeros, the first of equally long ones, is left out if it is more than one.
    fn v6(&mut self, address: Ipv6Addr) {
        if let Some(mapped) = address.to_ipv4_mapped() {
            self.put(*b"::ff", 4);
            self.put(*b"ff:\0", 3);
            return self.v4(mapped);
        }
        let segments = address.segments();
        let (from, length) = longest(segments);
        for (index, segment) in segments.into_iter().enumerate() {
            let inside = length > 1 && (from..from + length).contains(&index);
            if inside && index == from {
                self.put(*b"::\0\0", 2);
            }
            if inside {
                continue;
            }
            if index > 0 && !(length > 1 && index == from + length) {
                self.put(*b":\0\0\0", 1);
            }
            self.segment(segment);
        }
    }

    fn segment(&mut self, segment: u16) {
        let [high, low] = segment.to_be_bytes();
        let [a, b, c, d] = [digit(high >> 4), digit(high & 0xf), digit(low >> 4), digit(low & 0xf)];
        match segment {
            0x1000.. => self.put([a, b, c, d], 4),
            0x100.. => self.put([b, c, d, 0], 3),
            0x10.. => self.put([c, d, 0, 0], 2),
            _ => self.put([d, 0, 0, 0], 1),
        }
    }

    #[inline]
    fn as_slice(&self) -> &[u8] {
        self.bytes.as_flattened().get(..self.len).unwrap_or_default()
    }
}

/// Where the longest run of zeros begins, and how long it is.
fn longest(segments: [u16; 8]) -> (usize, usize) {
    let (mut best, mut run) = ((0, 0), 0);
    for (index, segment) in segments.into_iter().enumerate() {
        run = if segment == 0 { run + 1 } else { 0 };
        if run > best.1 {
            best = (index + 1 - run, run);
        }
    }
    best
}

/// The two decimal digits of a number below 100.
#[inline]
fn pair(number: u64) -> [u8; 2] {
    // A hundred pairs, found at once; larger numbers have no pair.
    PAIRS.get(number as usize).copied().unwrap_or([b'0'; 2])
}

const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut rest: &mut [[u8; 2]] = &mut pairs;
    let mut number = 0;
    while let [first, others @ ..] = rest {
        *first = [b'0' + number / 10, b'0' + number % 10];
        number += 1;
        rest = others;
    }
    pairs
};

#[inline]
fn digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    /// Numbers of all sizes, the same ones each time.
    fn numbers() -> impl Iterator<Item = u64> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mixed = std::iter::repeat_with(move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.rotate_left(17) >> (state >> 58)
        });
        (0..1100).chain([9_999, 10_000, 99_999, u64::MAX]).chain(mixed.take(5000))
    }

    #[test]
    fn numbers_are_written_as_the_standard_library_writes_them() {
        for number in numbers() {
            assert_eq!(text(|out| decimal(number, out)), number.to_string());
            assert_eq!(text(|out| hexadecimal(number, out)), format!("{number:016x}"));
            let expected = format!("{}.{:03}", number / 1000, number % 1000);
            assert_eq!(text(|out| milliseconds(Duration::from_micros(number), out)), expected);
        }
    }

    #[test]
    fn addresses_are_written_as_the_standard_library_writes_them() {
        let mut all: Vec<SocketAddr> =
            ["[::]:0", "[::1]:1", "[1::]:1", "[::ffff:1.2.3.4]:5", "[1:0:0:2:0:0:3:0]:65535", "[0:1::]:7"]
                .map(|text| text.parse().unwrap())
                .to_vec();
        let longest = std::net::SocketAddrV6::new([0x1111; 8].into(), 65535, 0, u32::MAX);
        all.push(longest.into());
        for number in numbers() {
            let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
            all.push((Ipv4Addr::new(e, f, g, h), number as u16).into());
            // Half of the bytes decide which segments are zeros.
            let segments: [u16; 8] = std::array::from_fn(|bit| {
                if a >> bit & 1 == 1 {
                    0
                } else {
                    u16::from_be_bytes([b, c]).rotate_left(bit as u32) >> (d % 16)
                }
            });
            all.push((Ipv6Addr::from(segments), number as u16).into());
        }
        for address in all {
            assert_eq!(text(|out| socket(address, out)), address.to_string());
            assert_eq!(text(|out| host(address.ip(), out)), address.ip().to_string());
        }
    }
}
