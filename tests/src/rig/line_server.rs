//! A TCP server that says its name and echoes.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use super::listener::Listener;
use super::loopback;

/// A TCP server: greets each client with its name and a line feed, then echoes.
#[derive(Debug)]
pub struct LineServer {
    name: &'static str,
    listener: Listener,
}

impl LineServer {
    /// A server on an address of its own.
    pub fn start(name: &'static str) -> Self {
        Self::start_at(name, loopback())
    }

    /// A server on a given address.
    ///
    /// # Panics
    /// If the address is taken.
    pub fn start_at(name: &'static str, address: SocketAddr) -> Self {
        Self { name, listener: Listener::start(address, move |stream| serve(name, stream)) }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Stops listening and closes what is open.
    pub fn kill(&mut self) {
        self.listener.kill();
    }

    /// Listens again where it did.
    pub fn restart(&mut self) {
        *self = Self::start_at(self.name, self.address());
    }
}

fn serve(name: &str, mut stream: TcpStream) {
    let _ = writeln!(stream, "{name}");
    let mut buffer = [0; 16 * 1024];
    while let Ok(n @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}
