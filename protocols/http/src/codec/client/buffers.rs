//! The buffers that a worker's server connections borrow while there are bytes for them.

use std::cell::RefCell;

use bytes::BytesMut;

/// Spare buffers of one worker. The one used last is used next: it is still in the processor's cache.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    small: RefCell<Vec<BytesMut>>,
    large: RefCell<Vec<BytesMut>>,
    heads: RefCell<Vec<Vec<u8>>>,
}

impl Buffers {
    /// One to read into, for reads of `room` bytes.
    pub(in crate::codec) fn take(&self, room: usize) -> BytesMut {
        self.list(room).borrow_mut().pop().unwrap_or_default()
    }

    /// Takes back one that was used for reads of `room` bytes.
    pub(in crate::codec) fn give(&self, mut buffer: BytesMut, room: usize) {
        let mut list = self.list(room).borrow_mut();
        if list.len() < if room > SMALL { MOST_LARGE } else { MOST_SMALL } {
            buffer.clear();
            list.push(buffer);
        }
    }

    /// An empty one to write a head into.
    pub(super) fn head(&self) -> Vec<u8> {
        self.heads.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(1024))
    }

    /// Takes one back that heads were written into.
    pub(super) fn give_head(&self, mut head: Vec<u8>) {
        let mut heads = self.heads.borrow_mut();
        if (1..=SMALL).contains(&head.capacity()) && heads.len() < MOST_SMALL {
            head.clear();
            heads.push(head);
        }
    }

    fn list(&self, room: usize) -> &RefCell<Vec<BytesMut>> {
        if room > SMALL { &self.large } else { &self.small }
    }
}

/// The first read of an answer.
pub(in crate::codec) const SMALL: usize = 16 * 1024;
/// The largest read, of a body that fills its buffer again and again.
pub(in crate::codec) const LARGE: usize = 256 * 1024;
/// What a worker keeps: 1 MiB of either kind.
const MOST_SMALL: usize = 64;
const MOST_LARGE: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spare_buffers_are_used_again_and_bounded() {
        let buffers = Buffers::default();
        let mut buffer = buffers.take(SMALL);
        buffer.reserve(SMALL);
        let place = buffer.as_ptr();
        buffer.extend_from_slice(b"head and body");
        let head = buffer.split_to(4).freeze();
        buffers.give(buffer, SMALL);
        drop(head);
        let mut again = buffers.take(SMALL);
        assert!(again.is_empty() && again.try_reclaim(SMALL));
        assert_eq!(again.as_ptr(), place);
        for room in [SMALL, LARGE] {
            (0..1000).for_each(|_| buffers.give(BytesMut::with_capacity(1), room));
        }
        assert_eq!((buffers.small.borrow().len(), buffers.large.borrow().len()), (MOST_SMALL, MOST_LARGE));
    }

    #[test]
    fn buffer_that_grew_out_of_proportion_is_not_kept() {
        let buffers = Buffers::default();
        buffers.give_head(Vec::with_capacity(SMALL + 1));
        assert!(buffers.heads.borrow().is_empty());
        buffers.give_head(b"GET / HTTP/1.1".to_vec());
        assert!(buffers.head().is_empty());
    }
}
