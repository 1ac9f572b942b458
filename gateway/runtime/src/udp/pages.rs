//! Memory of which only what is used takes any.

use std::io;
use std::ops::Deref;
use std::ptr::{self, NonNull};

/// Zeros, straight from the kernel: a page takes memory once something was written to it. An allocator may write the
/// zeros itself, and then all of it does.
pub(super) struct Pages {
    start: NonNull<u8>,
    length: usize,
}

impl Pages {
    /// `length` bytes, more than none.
    ///
    /// # Errors
    /// If there is no address space for them.
    pub(super) fn new(length: usize) -> io::Result<Self> {
        let (protection, kind) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at a place of the kernel's choice touches no other memory.
        let start = unsafe { libc::mmap(ptr::null_mut(), length, protection, kind, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        Ok(Self { start, length })
    }

    /// Where they begin, for the kernel to write to.
    pub(super) fn start(&mut self) -> *mut u8 {
        self.start.as_ptr()
    }
}

impl Deref for Pages {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the mapping is `length` bytes long, all of them initialised with zeros, and lives as long as `self`.
        // It is written to through `start` alone, by calls that borrow the owner for themselves.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `new` made, and nothing borrows from it any more.
        _ = unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_zeros_to_the_last_byte() {
        let pages = Pages::new(100_000).unwrap();
        assert_eq!(pages.len(), 100_000);
        assert!(pages.iter().all(|&byte| byte == 0));
    }
}
