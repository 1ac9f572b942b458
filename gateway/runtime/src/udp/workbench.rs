//! What one worker needs for a batch, used for one after the other.

use std::io;
use std::ops::Range;
use std::rc::Rc;

use sekisho_api::DATAGRAM;

use super::batch::{BATCH, Inbox, Outbox};
use super::exchange::Random;
use super::{Path, Port};

/// Bytes to be sent that are kept between batches.
const KEPT: usize = 256 * 1024;

/// What one worker needs for a batch of datagrams.
#[derive(Debug)]
pub(crate) struct Workbench {
    pub(super) requests: Inbox,
    pub(super) answers: Inbox,
    pub(super) tools: Tools,
}

/// All of it but what was received.
#[derive(Debug)]
pub(super) struct Tools {
    /// What a protocol writes into.
    pub(super) out: Vec<u8>,
    /// What is sent at the end of the batch.
    pub(super) bytes: Vec<u8>,
    pub(super) outbox: Outbox,
    pub(super) random: Random,
    /// Grows by one with every batch.
    pub(super) batch: u64,
    /// The sockets whose clients are answered at the end of the batch.
    replied: Vec<Rc<Port>>,
}

impl Workbench {
    /// # Errors
    /// If the kernel has no randomness, or no address space.
    pub(crate) fn new() -> io::Result<Self> {
        let tools = Tools {
            out: vec![0; DATAGRAM],
            bytes: Vec::new(),
            outbox: Outbox::new(),
            random: Random::new()?,
            batch: 1,
            replied: Vec::new(),
        };
        Ok(Self { requests: Inbox::new(true)?, answers: Inbox::new(false)?, tools })
    }
}

impl Tools {
    /// Keeps a datagram until the end of the batch.
    pub(super) fn put(&mut self, datagram: &[u8]) -> Range<usize> {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(datagram);
        from..self.bytes.len()
    }

    /// The same with what the protocol wrote: the first `length` bytes of it.
    pub(super) fn put_written(&mut self, length: usize) -> Range<usize> {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(self.out.get(..length).unwrap_or_default());
        from..self.bytes.len()
    }

    /// What is kept there.
    pub(super) fn kept(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// Answers a client at the end of the batch.
    pub(super) fn reply(&mut self, port: &Rc<Port>, path: Path, range: Range<usize>) {
        let mut outgoing = port.outgoing.borrow_mut();
        if outgoing.is_empty() {
            self.replied.push(port.clone());
        }
        outgoing.push((range, path));
    }

    /// Sends the answers and forgets all bytes.
    pub(super) fn end_batch(&mut self) {
        for port in self.replied.drain(..) {
            let mut outgoing = port.outgoing.borrow_mut();
            let mut rest = &outgoing[..];
            while !rest.is_empty() {
                let datagrams = rest.iter().take(BATCH);
                let datagrams = datagrams
                    .map(|(range, path)| (self.bytes.get(range.clone()).unwrap_or_default(), Some(path)));
                let sent = match self.outbox.send(port.socket.get_ref(), datagrams) {
                    Ok(sent) => sent,
                    // What the kernel has no room for is lost, as datagrams are.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                    // This client cannot be reached; the others can.
                    Err(_) => 1,
                };
                rest = rest.get(sent..).unwrap_or_default();
            }
            outgoing.clear();
        }
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        self.batch += 1;
    }
}
