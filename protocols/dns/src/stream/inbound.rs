//! Reading messages from a stream without keeping a buffer for it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use sekisho_api::BoxStream;
use tokio::io::ReadBuf;

use super::framing::{Cut, cut};
use super::scratch::Scratch;

/// The most that is read of a stream at once.
pub(crate) const CHUNK: usize = 128 << 10;

/// What was read from a stream and not taken yet: nearly always nothing, or the beginning of a message.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    // INVARIANT: less than a message and what one read brought. Nothing is read while whoever takes messages has
    // stopped.
    left: Vec<u8>,
    /// Whoever took messages stopped before the last one.
    stopped: bool,
}

/// What a read gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// Bytes; so many messages were complete by them, and taken.
    Messages(usize),
    /// The other side has ended; `true`: in the midst of a message.
    End(bool),
    /// A length that no message has.
    Short,
    /// The stream is broken.
    Failed,
}

/// Whether the next message is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Take {
    More,
    Stop,
}

impl Inbound {
    /// Whether a message has begun and not ended.
    pub(crate) fn partial(&self) -> bool {
        !self.left.is_empty() && !self.stopped
    }

    /// Reads once, at most `most` bytes, and shows `each` message that is complete. What stood behind a message at
    /// which `each` stopped is shown first the next time.
    pub(crate) fn poll(
        &mut self,
        stream: &mut BoxStream,
        chunks: &Scratch,
        cx: &mut Context<'_>,
        most: usize,
        mut each: impl FnMut(&mut [u8]) -> Take,
    ) -> Poll<Read> {
        if self.stopped {
            return Poll::Ready(self.cut_left(&mut each));
        }
        let mut chunk = chunks.take();
        let most = most.min(chunk.len());
        let mut buffer = ReadBuf::new(chunk.get_mut(..most).unwrap_or_default());
        let began = !self.left.is_empty();
        match ready!(Pin::new(&mut **stream).poll_read(cx, &mut buffer)) {
            Ok(()) if buffer.filled().is_empty() => return Poll::Ready(Read::End(began)),
            Ok(()) => {}
            // A TLS peer that ends without a word: what it asked before is complete all the same.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Poll::Ready(Read::End(began));
            }
            Err(_) => return Poll::Ready(Read::Failed),
        }
        let read = buffer.filled_mut();
        if began {
            // Only what is new is copied: a message may come byte by byte.
            self.left.extend_from_slice(read);
            return Poll::Ready(self.cut_left(&mut each));
        }
        let (read, left) = self.cut(read, &mut each);
        self.left.extend_from_slice(left);
        Poll::Ready(read)
    }

    /// Cuts what is kept, and keeps what is left of that.
    fn cut_left(&mut self, each: &mut impl FnMut(&mut [u8]) -> Take) -> Read {
        let mut bytes = std::mem::take(&mut self.left);
        let (read, left) = self.cut(&mut bytes, each);
        let left = left.len();
        if left > 0 {
            bytes.drain(..bytes.len() - left);
            self.left = bytes;
        }
        read
    }

    /// Shows `each` message that is complete; what is left, and what that means.
    fn cut<'b>(&mut self, bytes: &'b mut [u8], each: &mut impl FnMut(&mut [u8]) -> Take) -> (Read, &'b [u8]) {
        let (mut at, mut count) = (0, 0);
        self.stopped = false;
        loop {
            match cut(bytes, at) {
                Cut::Short => return (Read::Short, &[]),
                Cut::Partial => break,
                Cut::Message(range) => {
                    at = range.end;
                    count += 1;
                    if each(bytes.get_mut(range).unwrap_or_default()) == Take::Stop {
                        self.stopped = true;
                        break;
                    }
                }
            }
        }
        let left = bytes.get(at..).unwrap_or_default();
        self.stopped &= !left.is_empty();
        (Read::Messages(count), left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::framing::frame;

    #[test]
    fn what_is_not_taken_is_shown_again_and_nothing_is_lost() {
        let mut stream = Vec::new();
        for n in 0..5 {
            assert!(frame(&mut stream, &[n; 20]).is_some());
        }
        for cut_at in 0..stream.len() {
            for stop_every in 1..4 {
                let (mut inbound, mut got) = (Inbound::default(), Vec::new());
                let mut each = |message: &mut [u8]| {
                    got.push(message[0]);
                    if got.len().is_multiple_of(stop_every) { Take::Stop } else { Take::More }
                };
                for piece in [&stream[..cut_at], &stream[cut_at..]] {
                    inbound.left.extend_from_slice(piece);
                    inbound.cut_left(&mut each);
                    while inbound.stopped {
                        inbound.cut_left(&mut each);
                    }
                }
                assert!(inbound.left.is_empty() && !inbound.partial());
                assert_eq!(got, [0, 1, 2, 3, 4], "cut at {cut_at}, stopping every {stop_every}");
            }
        }
    }

    #[test]
    fn message_that_comes_byte_by_byte_is_kept_and_not_copied_at_each() {
        let mut stream = Vec::new();
        frame(&mut stream, &[7; u16::MAX as usize]);
        let (mut inbound, mut each) = (Inbound::default(), |_: &mut [u8]| Take::More);
        let (mut moves, mut place) = (0, inbound.left.as_ptr());
        for byte in &stream[..stream.len() - 1] {
            inbound.left.push(*byte);
            assert_eq!(inbound.cut_left(&mut each), Read::Messages(0));
            moves += usize::from(std::mem::replace(&mut place, inbound.left.as_ptr()) != place);
        }
        // A vector grows by doubling.
        assert!(moves < 20 && inbound.partial(), "{moves}");
    }
}
