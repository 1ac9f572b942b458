//! What wakes a thread that waits in `poll`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};

/// Wakes a thread that waits in `poll` (`eventfd(2)`).
#[derive(Debug)]
pub(crate) struct Bell(OwnedFd);

impl Bell {
    /// One that was not rung.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Wakes the thread. From any thread, also on the way of a client: it never blocks.
    pub(crate) fn ring(&self) {
        // It fails once 2^64 rings were not heard.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    /// It is heard.
    pub(crate) fn quieten(&self) {
        let _ = rustix::io::read(&self.0, &mut [0_u8; 8]);
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
