//! Who has connected and not said yet who it is.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use super::super::wire::{Hello, Status, Version, WireError};
use crate::link::{Link, LinkError};

/// A connection from another host.
#[derive(Debug)]
pub(super) struct Guest {
    link: Link,
    from: IpAddr,
    came: Instant,
    said: Vec<u8>,
}

/// What a guest's words are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// Not all of them have come.
    Incomplete,
    /// It is this node, by its own word, and what follows the hello.
    Hello { from: String, to: String, version: Version },
    /// It is sent away with this answer.
    Refused(Status),
}

impl Guest {
    pub(super) fn new(link: Link, from: SocketAddr, now: Instant) -> Self {
        Self { link, from: from.ip().to_canonical(), came: now, said: Vec::new() }
    }

    pub(super) fn from(&self) -> IpAddr {
        self.from
    }

    pub(super) fn waits(&self) -> bool {
        self.link.waits()
    }

    /// When it has taken too long.
    pub(super) fn deadline(&self) -> Instant {
        self.came + PATIENCE
    }

    /// Listens to it. Whatever follows the hello stays in [`Guest::welcome`]'s second part.
    pub(super) fn listen(&mut self) -> Result<Words, LinkError> {
        let said = &mut self.said;
        self.link.receive(|bytes| {
            said.extend_from_slice(bytes);
            // It may say nothing before it is answered.
            if said.len() > MOST_SAID { Err(LinkError::Closed) } else { Ok(()) }
        })?;
        self.link.send()?;
        Ok(match Hello::read(&self.said) {
            Ok(None) => Words::Incomplete,
            Ok(Some((hello, used))) => {
                let (from, to, version) = (hello.from.to_owned(), hello.to.to_owned(), hello.version);
                self.said.drain(..used);
                Words::Hello { from, to, version }
            }
            Err(WireError::Version) => Words::Refused(Status::VERSION),
            Err(_) => Words::Refused(Status::NOT_PEERS),
        })
    }

    /// Lets it in: its connection, and what it has said already.
    pub(super) fn welcome(mut self) -> (Link, Vec<u8>) {
        Status::WELCOME.write(&mut self.link.out);
        (self.link, self.said)
    }

    /// Sends it away, as far as the kernel takes the answer.
    pub(super) fn refuse(mut self, status: Status) {
        status.write(&mut self.link.out);
        let _ = self.link.send();
    }
}

impl AsFd for Guest {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }
}

/// How long a guest may take to say who it is, TLS included.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most that it may say before it is answered.
const MOST_SAID: usize = 4096;
