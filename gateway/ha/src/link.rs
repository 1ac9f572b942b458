//! A connection to whoever keeps what clients are known, too: TCP, with TLS or without. It never blocks.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};

use rustls::{ClientConnection, ServerConnection, StreamOwned};
use sekisho_config::ServerTls;
use sekisho_runtime::{ClientTlsError, client_tls, node_tls};

/// Why there is no connection, or none any longer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// The host does not answer, or the connection broke.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] ClientTlsError),
    /// The other side closed it.
    #[error("it closed the connection")]
    Closed,
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Link {
    channel: Channel,
    /// What the kernel has not taken yet.
    pub(crate) out: Vec<u8>,
}

#[derive(Debug)]
enum Channel {
    Plain(TcpStream),
    Caller(Box<StreamOwned<ClientConnection, TcpStream>>),
    Called(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Link {
    /// Over a connection that this node has made to this host. TLS begins with the first bytes.
    pub(crate) fn caller(stream: TcpStream, tls: Option<&ServerTls>, host: &str) -> Result<Self, LinkError> {
        if let Some(error) = stream.take_error()? {
            return Err(error.into());
        }
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self::over(match tls {
            None => Channel::Plain(stream),
            Some(tls) => Channel::Caller(Box::new(StreamOwned::new(client_tls(tls, host)?, stream))),
        }))
    }

    /// Over a connection that another node has made.
    pub(crate) fn called(stream: TcpStream, tls: Option<&ServerTls>) -> Result<Self, LinkError> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self::over(match tls {
            None => Channel::Plain(stream),
            Some(tls) => Channel::Called(Box::new(StreamOwned::new(node_tls(tls)?, stream))),
        }))
    }

    fn over(channel: Channel) -> Self {
        Self { channel, out: Vec::new() }
    }

    /// Hands what has come to `take`, a piece at a time and at most [`PIECES`] of them. Whether there may be more.
    pub(crate) fn receive<E: From<LinkError>>(
        &mut self,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<bool, E> {
        let mut piece = [0; 16 * 1024];
        for _ in 0..PIECES {
            match self.channel.read(&mut piece) {
                Ok(0) => return Err(LinkError::Closed.into()),
                Ok(read) => take(piece.get(..read).unwrap_or_default())?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(LinkError::Io(error).into()),
            }
        }
        Ok(true)
    }

    /// Sends what the kernel takes.
    pub(crate) fn send(&mut self) -> Result<(), LinkError> {
        let mut out = std::mem::take(&mut self.out);
        let sent = self.send_of(&mut out);
        self.out = out;
        sent
    }

    /// Sends of `bytes` what the kernel takes, and removes it from them.
    pub(crate) fn send_of(&mut self, bytes: &mut Vec<u8>) -> Result<(), LinkError> {
        let mut sent = 0;
        while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
            match self.channel.write(rest) {
                Ok(0) => return Err(LinkError::Closed),
                Ok(written) => sent += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        bytes.drain(..sent);
        match self.channel.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Whether something waits for the kernel, beside what [`Link::send_of`] has left.
    pub(crate) fn waits(&self) -> bool {
        let handshake = match &self.channel {
            Channel::Plain(_) => false,
            Channel::Caller(stream) => stream.conn.wants_write(),
            Channel::Called(stream) => stream.conn.wants_write(),
        };
        handshake || !self.out.is_empty()
    }
}

impl Read for Channel {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(bytes),
            Self::Caller(stream) => stream.read(bytes),
            Self::Called(stream) => stream.read(bytes),
        }
    }
}

impl Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Caller(stream) => stream.write(bytes),
            Self::Called(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Caller(stream) => stream.flush(),
            Self::Called(stream) => stream.flush(),
        }
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.channel {
            Channel::Plain(stream) => stream.as_fd(),
            Channel::Caller(stream) => stream.sock.as_fd(),
            Channel::Called(stream) => stream.sock.as_fd(),
        }
    }
}

/// What is read before others have their turn.
const PIECES: usize = 16;
