//! A client that says just what it is told to, for what no program says.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, StreamOwned};
use socket2::{Domain, Socket, Type};

use super::farm::{Farm, IMAP, IMAPS};

trait Wire: Read + Write + Send {}

impl<T: Read + Write + Send> Wire for T {}

/// A client of the gateway.
pub(super) struct Talk {
    wire: Box<dyn Wire>,
    tcp: TcpStream,
}

impl Talk {
    /// In clear, the greeting not yet read.
    pub(super) fn plain(from: &str, to: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(from.parse().unwrap(), 0).into()).unwrap();
        socket.connect(&to.into()).unwrap();
        let tcp = TcpStream::from(socket);
        tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        tcp.set_nodelay(true).unwrap();
        Self { wire: Box::new(tcp.try_clone().unwrap()), tcp }
    }

    /// To the gateway, from this address, with TLS from the first byte; greeted.
    pub(super) fn secured(farm: &Farm, from: &str) -> Self {
        Self::known(farm, from, &farm.authority.client())
    }

    /// The same, showing a certificate with this common name.
    pub(super) fn certified(farm: &Farm, from: &str, name: &str) -> Self {
        Self::known(farm, from, &farm.authority.client_called(name))
    }

    fn known(farm: &Farm, from: &str, config: &Arc<ClientConfig>) -> Self {
        let mut talk = Self::plain(from, SocketAddr::from(([127, 0, 8, farm.host], IMAPS)));
        talk.secure(config);
        assert!(talk.line().starts_with("* OK [CAPABILITY "));
        talk
    }

    /// To the gateway, from this address, in clear; greeted.
    pub(super) fn clear(farm: &Farm, from: &str) -> Self {
        Self::try_clear(farm, from).unwrap()
    }

    /// The same; none if it is not greeted.
    pub(super) fn try_clear(farm: &Farm, from: &str) -> Option<Self> {
        let mut talk = Self::plain(from, SocketAddr::from(([127, 0, 8, farm.host], IMAP)));
        talk.line().starts_with("* OK [CAPABILITY ").then_some(talk)
    }

    /// The handshake.
    pub(super) fn secure(&mut self, config: &Arc<ClientConfig>) {
        let name = "mail.example.org".try_into().unwrap();
        let session = ClientConnection::new(config.clone(), name).unwrap();
        self.wire = Box::new(StreamOwned::new(session, self.tcp.try_clone().unwrap()));
    }

    /// Says something that may be more than the other side takes, or come too late.
    pub(super) fn try_say(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.wire.write_all(bytes).and_then(|()| self.wire.flush())
    }

    pub(super) fn say(&mut self, bytes: &[u8]) {
        self.try_say(bytes).unwrap();
    }

    /// The next line; empty at the end.
    pub(super) fn line(&mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\n") && self.wire.read(&mut byte).unwrap_or(0) == 1 {
            line.push(byte[0]);
        }
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }

    /// Says a line, and reads up to the first that is not untagged.
    pub(super) fn ask(&mut self, line: &[u8]) -> String {
        self.say(&[line, b"\r\n"].concat());
        loop {
            let line = self.line();
            if !line.starts_with("* ") {
                return line;
            }
        }
    }

    /// Why there is nothing to read now; none if there is something.
    pub(super) fn heard_nothing(&mut self) -> Option<ErrorKind> {
        self.tcp.set_nonblocking(true).unwrap();
        let heard = self.tcp.peek(&mut [0]);
        self.tcp.set_nonblocking(false).unwrap();
        heard.err().map(|error| error.kind())
    }

    /// What is said until the connection ends.
    pub(super) fn rest(&mut self) -> Vec<String> {
        std::iter::repeat_with(|| self.line()).take_while(|line| !line.is_empty()).collect()
    }
}
