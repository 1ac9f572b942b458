//! Reading messages from a stream without keeping a buffer for it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use sekisho_api::BoxStream;
use tokio::io::ReadBuf;

use super::framing::{Cut, FRAME, cut};
use super::scratch::Scratch;

/// Room for what is kept of a stream, and for what is read of it at once.
pub(crate) const CHUNK: usize = READ + FRAME + READ;
const READ: usize = 64 << 10;

/// What was read from a stream and not taken yet: nearly always nothing, or the beginning of a message.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    // INVARIANT: at most CHUNK - READ bytes. Whoever stops leaves what one read brought, and what stood before it was
    // less than a message.
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
            let mut left = std::mem::take(&mut self.left);
            let read = self.cut(&mut left, &mut each);
            return Poll::Ready(read);
        }
        let mut chunk = chunks.take();
        let before = self.left.len();
        let Some((left, room)) = chunk.split_at_mut_checked(before) else { return Poll::Ready(Read::Short) };
        left.copy_from_slice(&self.left);
        let most = most.min(room.len());
        let mut buffer = ReadBuf::new(room.get_mut(..most).unwrap_or_default());
        let end = match ready!(Pin::new(&mut **stream).poll_read(cx, &mut buffer)) {
            Ok(()) if buffer.filled().is_empty() => return Poll::Ready(Read::End(before > 0)),
            Ok(()) => before + buffer.filled().len(),
            // A TLS peer that ends without a word: what it asked before is complete all the same.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Poll::Ready(Read::End(before > 0));
            }
            Err(_) => return Poll::Ready(Read::Failed),
        };
        let read = self.cut(chunk.get_mut(..end).unwrap_or_default(), &mut each);
        Poll::Ready(read)
    }

    fn cut(&mut self, bytes: &mut [u8], each: &mut impl FnMut(&mut [u8]) -> Take) -> Read {
        let (mut at, mut count) = (0, 0);
        self.stopped = false;
        loop {
            match cut(bytes, at) {
                Cut::Short => return Read::Short,
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
        if left.is_empty() {
            self.left = Vec::new();
        } else {
            self.left.clear();
            self.left.extend_from_slice(left);
        }
        Read::Messages(count)
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
                    let mut bytes = [&std::mem::take(&mut inbound.left), piece].concat();
                    inbound.cut(&mut bytes, &mut each);
                    while inbound.stopped {
                        let mut left = std::mem::take(&mut inbound.left);
                        inbound.cut(&mut left, &mut each);
                    }
                }
                assert!(inbound.left.is_empty() && !inbound.partial());
                assert_eq!(got, [0, 1, 2, 3, 4], "cut at {cut_at}, stopping every {stop_every}");
            }
        }
    }
}
