//! The handshake of either role over a TCP connection. No deadline here: the caller drops the future.

use std::io::{self, Read, Write};

use rustls::Connection;
use rustls::server::{Accepted, AcceptedAlert};
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::error::HandshakeError;

/// The connection as rustls reads and writes it. Never waits.
#[derive(Debug)]
pub(super) struct Socket<'a>(pub(super) &'a TcpStream);

impl Read for Socket<'_> {
    /// Reads less than there is room for only where nothing is left, which the next look need not ask the kernel.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let (room, mut last) = (buf.len(), None);
        let read = self.0.try_io(Interest::READABLE, || match rustix::io::read(self.0, buf)? {
            n if n > 0 && n < room => {
                last = Some(n);
                Err(io::ErrorKind::WouldBlock.into())
            }
            n => Ok(n),
        });
        last.map_or(read, Ok)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.try_write(buf)
    }

    fn write_vectored(&mut self, bufs: &[io::IoSlice<'_>]) -> io::Result<usize> {
        match bufs {
            // `send` costs the kernel less than `writev` of one piece, which is the usual case.
            [only] => self.0.try_write(only),
            all => self.0.try_write_vectored(all),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Waits for bytes and has `read` take them.
async fn receive(
    tcp: &TcpStream,
    mut read: impl FnMut(&mut Socket<'_>) -> io::Result<usize>,
) -> Result<(), HandshakeError> {
    loop {
        match read(&mut Socket(tcp)) {
            Ok(0) => return Err(HandshakeError::Left),
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => tcp.readable().await?,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Reads a client's hello, which decides on the certificate.
pub(super) async fn hello(tcp: &TcpStream) -> Result<Accepted, HandshakeError> {
    let mut acceptor = rustls::server::Acceptor::default();
    loop {
        receive(tcp, |socket| acceptor.read_tls(socket)).await?;
        match acceptor.accept() {
            Ok(Some(accepted)) => return Ok(accepted),
            Ok(None) => {}
            Err((error, alert)) => {
                tell(tcp, alert);
                return Err(error.into());
            }
        }
    }
}

/// Carries the handshake to its end.
pub(super) async fn complete(session: &mut Connection, tcp: &TcpStream) -> Result<(), HandshakeError> {
    loop {
        while session.wants_write() {
            match session.write_tls(&mut Socket(tcp)) {
                Ok(0) => return Err(HandshakeError::Left),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => tcp.writable().await?,
                Err(error) => return Err(error.into()),
            }
        }
        if !session.is_handshaking() {
            return Ok(());
        }
        receive(tcp, |socket| session.read_tls(socket)).await?;
        if let Err(error) = session.process_new_packets() {
            // The alert is a courtesy: what does not fit at once is not waited for.
            let _ = session.write_tls(&mut Socket(tcp));
            return Err(error.into());
        }
    }
}

/// Writes an alert if the connection takes it at once, which a fresh one does.
pub(super) fn tell(tcp: &TcpStream, mut alert: AcceptedAlert) {
    let _ = alert.write(&mut Socket(tcp));
}

/// The fatal alert `unrecognized_name` (RFC 6066, section 3), as a record in clear: rustls has no way to send it.
pub(super) const UNRECOGNISED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];
