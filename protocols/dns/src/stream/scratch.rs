//! Large buffers that are held for the length of a function only.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// Buffers of one size, as many as are in use at once: one, or two where one thing leads to another.
#[derive(Debug)]
pub(crate) struct Scratch {
    free: RefCell<Vec<Box<[u8]>>>,
    size: usize,
}

impl Scratch {
    /// Buffers of `size` bytes.
    pub(crate) fn new(size: usize) -> Self {
        Self { free: RefCell::default(), size }
    }

    /// A buffer; what stands in it means nothing.
    pub(crate) fn take(&self) -> Taken<'_> {
        let free = self.free.borrow_mut().pop();
        let bytes = free.unwrap_or_else(|| vec![0; self.size].into_boxed_slice());
        Taken { scratch: self, bytes }
    }
}

/// A buffer that goes back when it is dropped.
#[derive(Debug)]
pub(crate) struct Taken<'a> {
    scratch: &'a Scratch,
    bytes: Box<[u8]>,
}

impl Deref for Taken<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Taken<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.scratch.free.borrow_mut().push(std::mem::take(&mut self.bytes));
    }
}
