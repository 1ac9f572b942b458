//! Messages behind a length of two bytes (RFC 1035, section 4.2.2; RFC 7766, section 8).

use std::ops::Range;

use crate::wire::HEADER;

/// What stands at the beginning of a stream's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// A whole message, in this range. The next one begins where it ends.
    Message(Range<usize>),
    /// A length that no DNS message has: where the next one begins cannot be trusted any more.
    Short,
    /// Less than a message.
    Partial,
}

/// Finds the message that begins with its length at `at`.
pub(crate) fn cut(bytes: &[u8], at: usize) -> Cut {
    let Some((length, rest)) = bytes.get(at..).and_then(<[u8]>::split_first_chunk) else {
        return Cut::Partial;
    };
    let length = usize::from(u16::from_be_bytes(*length));
    if length < HEADER {
        Cut::Short
    } else if rest.len() < length {
        Cut::Partial
    } else {
        Cut::Message(at + 2..at + 2 + length)
    }
}

/// Appends a message behind its length and says where it begins; `None`, and nothing appended, for one that is too
/// long to have a length.
pub(crate) fn frame(out: &mut Vec<u8>, message: &[u8]) -> Option<usize> {
    let length = u16::try_from(message.len()).ok()?;
    out.reserve(message.len() + 2);
    out.extend_from_slice(&length.to_be_bytes());
    let at = out.len();
    out.extend_from_slice(message);
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The longest message, and the longest with its length before it.
    const MESSAGE: usize = u16::MAX as usize;
    const FRAME: usize = MESSAGE + 2;

    fn messages(stream: &[u8], pieces: &[usize]) -> Vec<Vec<u8>> {
        let (mut got, mut left, mut rest) = (Vec::new(), Vec::new(), stream);
        for &piece in pieces.iter().chain([&stream.len()]) {
            let (now, later) = rest.split_at(piece.min(rest.len()));
            rest = later;
            left.extend_from_slice(now);
            let mut at = 0;
            while let Cut::Message(range) = cut(&left, at) {
                at = range.end;
                got.push(left[range].to_vec());
            }
            left.drain(..at);
        }
        assert!(left.is_empty(), "{left:?}");
        got
    }

    #[test]
    fn every_split_of_a_stream_gives_the_same_messages() {
        let sent = [vec![1; 12], vec![2; 13], vec![3; 300], vec![4; 12]];
        let mut stream = Vec::new();
        for message in &sent {
            assert!(frame(&mut stream, message).is_some());
        }
        for first in 0..stream.len() {
            assert_eq!(messages(&stream, &[first]), sent, "split at {first}");
            assert_eq!(messages(&stream, &[first, 1, 1]), sent, "split at {first} and twice behind it");
        }
        assert_eq!(messages(&stream, &vec![1; stream.len()]), sent, "byte by byte");
    }

    #[test]
    fn lengths_below_a_header_are_told_from_what_is_not_there_yet() {
        assert_eq!(cut(&[], 0), Cut::Partial);
        assert_eq!(cut(&[0], 0), Cut::Partial);
        assert_eq!(cut(&[0, 0], 0), Cut::Short);
        assert_eq!(cut(&[0, 11], 0), Cut::Short);
        assert_eq!(cut(&[0, 12], 0), Cut::Partial);
        assert_eq!(cut(&[0, 0], 9), Cut::Partial);
    }

    #[test]
    fn longest_message_is_framed_and_a_longer_one_is_not() {
        let mut out = Vec::new();
        assert_eq!(frame(&mut out, &vec![7; MESSAGE]), Some(2));
        assert_eq!(out.len(), FRAME);
        assert_eq!(cut(&out, 0), Cut::Message(2..FRAME));
        assert_eq!(frame(&mut out, &vec![7; MESSAGE + 1]), None);
        assert_eq!(out.len(), FRAME);
    }
}
