//! Clients, by whom they connect and what they say.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, StreamOwned};
use socket2::{Domain, Socket, Type};

use super::tls_client;

/// A connection from an address of one's own.
///
/// # Panics
/// If `from` is no address of this machine or nothing listens.
pub fn connect_from(from: &str, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(to), Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(from.parse().unwrap(), 0).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.into()
}

/// A client of a protocol of lines, with or without TLS. It waits twenty seconds for a line and no longer.
pub struct LineClient {
    wire: Box<dyn Wire>,
    tcp: TcpStream,
}

trait Wire: Read + Write {}

impl<T: Read + Write> Wire for T {}

impl LineClient {
    /// Connects from this address, in clear.
    ///
    /// # Panics
    /// As [`connect_from`].
    pub fn connect(from: &str, to: SocketAddr) -> Self {
        let tcp = connect_from(from, to);
        Self::over(Box::new(tcp.try_clone().unwrap()), tcp)
    }

    /// Connects by TLS to a server that is to have this name.
    ///
    /// # Panics
    /// If nothing listens or the handshake fails.
    pub fn connect_secured(config: &Arc<ClientConfig>, name: &'static str, to: SocketAddr) -> Self {
        let stream = tls_client(config, name, to).unwrap();
        let tcp = stream.sock.try_clone().unwrap();
        Self::over(Box::new(stream), tcp)
    }

    fn over(wire: Box<dyn Wire>, tcp: TcpStream) -> Self {
        tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { wire, tcp }
    }

    /// Starts TLS in mid-stream, with a server that is to have this name.
    ///
    /// # Panics
    /// Never in practice: the name is one.
    pub fn secure(&mut self, config: &Arc<ClientConfig>, name: &'static str) {
        let session = ClientConnection::new(config.clone(), name.try_into().unwrap()).unwrap();
        self.wire = Box::new(StreamOwned::new(session, self.tcp.try_clone().unwrap()));
    }

    /// The connection beneath.
    pub const fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// Says this as it is.
    ///
    /// # Panics
    /// If the connection has ended.
    pub fn say(&mut self, text: &str) {
        self.wire.write_all(text.as_bytes()).unwrap();
        self.wire.flush().unwrap();
    }

    /// The next line, without its end; empty at the end of the connection.
    ///
    /// # Panics
    /// If it is no text.
    pub fn line(&mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\r\n") && self.wire.read(&mut byte).unwrap_or(0) == 1 {
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }

    /// Whether the other side has ended the connection, as opposed to having broken it off or saying more.
    pub fn ended(&mut self) -> bool {
        matches!(self.wire.read(&mut [0]), Ok(0))
    }

    /// Says a line and reads one.
    ///
    /// # Panics
    /// As [`say`](Self::say) and [`line`](Self::line).
    pub fn ask(&mut self, line: &str) -> String {
        self.say(&format!("{line}\r\n"));
        self.line()
    }

    /// The lines until the connection ends, or one is empty.
    ///
    /// # Panics
    /// As [`line`](Self::line).
    pub fn rest(&mut self) -> Vec<String> {
        std::iter::repeat_with(|| self.line()).take_while(|line| !line.is_empty()).collect()
    }
}

impl std::fmt::Debug for LineClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LineClient").field("tcp", &self.tcp).finish_non_exhaustive()
    }
}
