//! A Remote Desktop server as far as its first answer.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use super::listener::Listener;
use super::loopback;

/// A Connection Request with this line, which may be empty, that offers these protocols, or none at all.
///
/// # Panics
/// If the line is longer than a Connection Request can be.
pub fn desktop_request(line: &str, protocols: Option<u32>) -> Vec<u8> {
    let line = if line.is_empty() { String::new() } else { format!("{line}\r\n") };
    let offer = protocols.map(|protocols| [&[1, 0, 8, 0], &protocols.to_le_bytes()[..]].concat());
    let offer = offer.unwrap_or_default();
    let length = u8::try_from(11 + line.len() + offer.len()).unwrap();
    [&[3, 0, 0, length, length - 5, 0xe0, 0, 0, 0, 0, 0], line.as_bytes(), &offer].concat()
}

/// A server that answers a Connection Request as its manner has it, then says its name and a line feed, and echoes.
#[derive(Debug)]
pub struct Desktop {
    name: &'static str,
    manner: Manner,
    listener: Listener,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// What a [`Desktop`] answers to a Connection Request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// A Connection Confirm.
    Confirms,
    /// Nothing.
    Mute,
    /// Something of another protocol.
    Strange,
    /// The end of the connection.
    Leaves,
    /// As `Confirms`; the end of the connection to whoever begins with a preconnection PDU, as xrdp has it.
    Picky,
}

impl Desktop {
    /// A server on an address of its own.
    pub fn start(name: &'static str, manner: Manner) -> Self {
        Self::start_at(name, manner, loopback())
    }

    /// A server at this address.
    pub fn start_at(name: &'static str, manner: Manner, address: SocketAddr) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let record = heard.clone();
        let serve = move |stream| serve(name, manner, &record, stream);
        Self { name, manner, listener: Listener::start(address, serve), heard }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// The first packets that it was sent.
    ///
    /// # Panics
    /// If one of its threads panicked.
    pub fn heard(&self) -> Vec<Vec<u8>> {
        self.heard.lock().unwrap().clone()
    }

    /// Stops listening and closes what is open.
    pub fn kill(&mut self) {
        self.listener.kill();
    }

    /// Listens again where it did.
    pub fn restart(&mut self) {
        *self = Self::start_at(self.name, self.manner, self.address());
    }
}

fn serve(name: &str, manner: Manner, record: &Mutex<Vec<Vec<u8>>>, mut stream: TcpStream) {
    let mut packet = vec![0; 4];
    if stream.read_exact(&mut packet).is_err() {
        return;
    }
    if manner == Manner::Picky && packet[0] != 3 {
        let _ = stream.shutdown(Shutdown::Both);
        return;
    }
    packet.resize(usize::from(u16::from_be_bytes([packet[2], packet[3]])).max(4), 0);
    if stream.read_exact(&mut packet[4..]).is_err() {
        return;
    }
    record.lock().unwrap().push(packet);
    let answer: &[u8] = match manner {
        Manner::Confirms | Manner::Picky => {
            b"\x03\x00\x00\x13\x0e\xd0\x00\x00\x12\x34\x00\x02\x01\x08\x00\x02\x00\x00\x00"
        }
        Manner::Mute => b"",
        Manner::Strange => b"SSH-2.0-OpenSSH_9.2\r\n",
        Manner::Leaves => {
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    };
    let said = stream.write_all(answer).and_then(|()| match manner {
        Manner::Confirms | Manner::Picky => writeln!(stream, "{name}"),
        _ => Ok(()),
    });
    let mut buffer = [0; 16 * 1024];
    while said.is_ok()
        && let Ok(n @ 1..) = stream.read(&mut buffer)
    {
        if stream.write_all(&buffer[..n]).is_err() {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}
