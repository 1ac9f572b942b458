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
    pub(super) fn take(&self, room: usize) -> BytesMut {
        self.list(room).borrow_mut().pop().unwrap_or_default()
    }

    /// Takes back one that was used for reads of `room` bytes.
    pub(super) fn give(&self, buffer: BytesMut, room: usize) {
        let mut list = self.list(room).borrow_mut();
        if list.len() < if room > SMALL { MOST_LARGE } else { MOST_SMALL } {
            let mut buffer = buffer;
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
pub(super) const SMALL: usize = 16 * 1024;
/// The largest read, of a body that fills its buffer again and again.
pub(super) const LARGE: usize = 256 * 1024;
/// What a worker keeps: 1 MiB of either kind.
const MOST_SMALL: usize = 64;
const MOST_LARGE: usize = 4;
