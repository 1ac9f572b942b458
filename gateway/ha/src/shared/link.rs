//! The connection to the store: TCP, with TLS or without. It never blocks once it is there.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustls::{ClientConnection, StreamOwned};
use sekisho_config::SharedStore;
use sekisho_runtime::{ClientTlsError, client_tls};

/// Why there is no connection, or none any longer.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// The host is not known, does not answer, or ended the connection.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] ClientTlsError),
    /// The store closed the connection.
    #[error("it closed the connection")]
    Closed,
}

/// A connection.
#[derive(Debug)]
pub(super) enum Link {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Link {
    /// Connects, within `within` once the host's name is looked up. TLS begins with the first bytes.
    pub(super) fn connect(store: &SharedStore, within: Duration) -> Result<Self, LinkError> {
        let began = Instant::now();
        let mut failed = io::Error::new(ErrorKind::NotFound, "the host has no address");
        for address in (store.host.as_str(), store.port).to_socket_addrs()? {
            let left = within.saturating_sub(began.elapsed());
            if left.is_zero() {
                break;
            }
            match TcpStream::connect_timeout(&address, left) {
                Ok(stream) => return Self::over(stream, store),
                Err(error) => failed = error,
            }
        }
        Err(failed.into())
    }

    fn over(stream: TcpStream, store: &SharedStore) -> Result<Self, LinkError> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(match &store.tls {
            None => Self::Plain(stream),
            Some(tls) => Self::Tls(Box::new(StreamOwned::new(client_tls(tls, &store.host)?, stream))),
        })
    }

    /// Hands what has come to `take`, a piece at a time, at most [`PIECES`] of them. Whether there may be more.
    pub(super) fn receive<E: From<LinkError>>(
        &mut self,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<bool, E> {
        let mut piece = [0; 16 * 1024];
        for _ in 0..PIECES {
            let read = match self {
                Self::Plain(stream) => stream.read(&mut piece),
                Self::Tls(stream) => stream.read(&mut piece),
            };
            match read {
                Ok(0) => return Err(LinkError::Closed.into()),
                Ok(read) => take(piece.get(..read).unwrap_or_default())?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(LinkError::Io(error).into()),
            }
        }
        Ok(true)
    }

    /// Sends of `bytes` what the kernel takes, and removes it from them.
    pub(super) fn send(&mut self, bytes: &mut Vec<u8>) -> Result<(), LinkError> {
        let mut sent = 0;
        while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
            let written = match self {
                Self::Plain(stream) => stream.write(rest),
                Self::Tls(stream) => stream.write(rest),
            };
            match written {
                Ok(0) => return Err(LinkError::Closed),
                Ok(written) => sent += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.drain(..sent);
        if let Self::Tls(stream) = self {
            match stream.flush() {
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether something waits for the kernel beside what [`send`](Self::send) has left.
    pub(super) fn waits(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(stream) => stream.conn.wants_write(),
        }
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Plain(stream) => stream.as_fd(),
            Self::Tls(stream) => stream.sock.as_fd(),
        }
    }
}

/// What is read before changes are sent again: a store that talks without end does not keep this gateway from it.
const PIECES: usize = 32;
