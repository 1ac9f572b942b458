//! The journal of systemd, by its native protocol: a datagram of fields for each message.
//!
//! Source: systemd, *Native Journal Protocol*. A field is `NAME=value` and a line feed; a value with line feeds in it
//! stands behind its length, 64 bits with the least significant byte first.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::Severity;
use super::thread::Lost;

/// The journal.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// `SYSLOG_IDENTIFIER=…` and what else is the same for all messages.
    sender: String,
    socket: Option<UnixDatagram>,
    failed: Option<Instant>,
    packet: Vec<u8>,
}

impl Journal {
    pub(super) fn new(path: PathBuf, tag: &str) -> Self {
        let sender = format!("SYSLOG_IDENTIFIER={tag}\nSYSLOG_PID={}\n", std::process::id());
        Self { path, sender, socket: None, failed: None, packet: Vec::new() }
    }

    /// Sends messages of one severity.
    pub(super) fn send<'m>(
        &mut self,
        severity: Severity,
        messages: impl Iterator<Item = &'m [u8]>,
    ) -> Result<(), Lost> {
        let socket = match self.socket() {
            Ok(socket) => socket,
            Err(error) => return Err((messages.count() as u64, error)),
        };
        let mut lost: Option<Lost> = None;
        for message in messages {
            self.packet.clear();
            put(message, severity, &self.sender, &mut self.packet);
            if let Err(error) = socket.send(&self.packet) {
                let before = lost.map_or(0, |(count, _)| count);
                lost = Some((before + 1, error));
            }
        }
        match lost {
            None => {
                self.socket = Some(socket);
                Ok(())
            }
            Some(lost) => {
                self.failed = Some(Instant::now());
                Err(lost)
            }
        }
    }

    fn socket(&mut self) -> io::Result<UnixDatagram> {
        if let Some(socket) = self.socket.take() {
            return Ok(socket);
        }
        if self.failed.is_some_and(|failed| failed.elapsed() < PAUSE) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let socket = UnixDatagram::unbound()?;
        let connected = socket.connect(&self.path).and_then(|()| socket.set_write_timeout(Some(SLOW)));
        self.failed = connected.is_err().then(Instant::now);
        connected.map(|()| socket)
    }
}

fn put(message: &[u8], severity: Severity, sender: &str, out: &mut Vec<u8>) {
    // The kernel refuses larger datagrams, and the journal cuts larger fields.
    let message = message.get(..LONGEST).unwrap_or(message);
    if message.contains(&b'\n') {
        out.extend_from_slice(b"MESSAGE\n");
        out.extend_from_slice(&(message.len() as u64).to_le_bytes());
    } else {
        out.extend_from_slice(b"MESSAGE=");
    }
    out.extend_from_slice(message);
    out.extend_from_slice(b"\nPRIORITY=");
    out.push(b'0' + severity as u8);
    out.push(b'\n');
    out.extend_from_slice(sender.as_bytes());
}

const LONGEST: usize = 48 << 10;
/// How long the journal may take to take a message.
const SLOW: Duration = Duration::from_secs(1);
/// Between two attempts to reach it.
const PAUSE: Duration = Duration::from_secs(1);
