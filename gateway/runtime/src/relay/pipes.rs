//! Pipes for `splice(2)`, kept between uses: a new pair for each transfer costs descriptors and system calls.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// What a pipe is asked to hold; the kernel may give less.
const SIZE: usize = 256 * 1024;

/// Pipes kept for the next bulk transfer: 64 descriptors a worker.
const KEPT: usize = 32;

/// A worker's pipes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pipes(Rc<RefCell<Vec<Ends>>>);

#[derive(Debug)]
struct Ends {
    read: OwnedFd,
    write: OwnedFd,
}

impl Pipes {
    /// An empty pipe; none when descriptors have run out, and the bytes are copied then.
    pub(crate) fn take(&self) -> Option<Pipe> {
        let kept = self.0.borrow_mut().pop();
        let ends = match kept {
            Some(ends) => ends,
            None => {
                let (read, write) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC).ok()?;
                // Unprivileged users share a bound on pipe memory; the default size does as well then.
                let _ = fcntl_setpipe_size(&write, SIZE);
                Ends { read, write }
            }
        };
        Some(Pipe { ends: Some(ends), inside: 0, home: self.clone() })
    }
}

/// A pipe between two sockets.
#[derive(Debug)]
pub(crate) struct Pipe {
    // INVARIANT: `Some` until dropped.
    ends: Option<Ends>,
    inside: usize,
    home: Pipes,
}

impl Pipe {
    /// Bytes that were taken in and not yet given out.
    pub(crate) fn inside(&self) -> usize {
        self.inside
    }

    /// Takes bytes out of `socket`; 0 at its end.
    pub(crate) fn fill(&mut self, socket: &TcpStream) -> io::Result<usize> {
        let Some(ends) = &self.ends else { return Ok(0) };
        let n = socket.try_io(Interest::READABLE, || {
            let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
            splice(socket, None, &ends.write, None, SIZE, flags).map_err(io::Error::from)
        })?;
        self.inside += n;
        Ok(n)
    }

    /// Gives bytes to `socket`.
    pub(crate) fn empty(&mut self, socket: &TcpStream) -> io::Result<usize> {
        let Some(ends) = &self.ends else { return Ok(0) };
        let inside = self.inside;
        let n = socket.try_io(Interest::WRITABLE, || {
            let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
            splice(&ends.read, None, socket, None, inside, flags).map_err(io::Error::from)
        })?;
        self.inside -= n;
        Ok(n)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        // A pipe with another client's bytes in it must never be used again.
        if let Some(ends) = self.ends.take().filter(|_| self.inside == 0) {
            let mut kept = self.home.0.borrow_mut();
            if kept.len() < KEPT {
                kept.push(ends);
            }
        }
    }
}
