//! What gateways say to each other in the store's channel.
//!
//! ```text
//! message = origin (16 hexadecimal digits) · life in milliseconds (13 digits) · length of name (3 digits) · name · value
//! ```

use std::time::Duration;

/// News of another gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    /// The connection that wrote it.
    pub(super) origin: u64,
    pub(super) life: Duration,
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
}

/// Bytes before the name.
const HEAD: usize = 32;

/// What stands before the value. Names are far below 1000 bytes, and lives below 10^13 ms, which is 300 years.
pub(super) fn head(origin: u64, life: Duration, name: &[u8]) -> Vec<u8> {
    let life = life.as_millis().min(9_999_999_999_999);
    let mut head = format!("{origin:016x}{life:013}{:03}", name.len().min(999)).into_bytes();
    head.extend_from_slice(name);
    head
}

/// Reads a message; none for what is none.
pub(super) fn read(bytes: &[u8]) -> Option<Message<'_>> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let head = std::str::from_utf8(head).ok()?;
    let (origin, life) = head.split_at_checked(16)?;
    let (life, length) = life.split_at_checked(13)?;
    let (name, value) = rest.split_at_checked(length.parse().ok()?)?;
    let origin = u64::from_str_radix(origin, 16).ok()?;
    Some(Message { origin, life: Duration::from_millis(life.parse().ok()?), name, value })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn message_is_read_as_it_was_written() {
        let life = Duration::from_secs(8 * 3600);
        let mut bytes = head(0xfeed_0000_0000_0001, life, b"sekisho:default:x");
        bytes.extend_from_slice(b"value");
        let message =
            Message { origin: 0xfeed_0000_0000_0001, life, name: b"sekisho:default:x", value: b"value" };
        assert_eq!(read(&bytes), Some(message));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_message_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = read(&bytes);
        }
    }
}
