//! A collector of OpenTelemetry: OTLP over HTTP/1.1 in JSON.
//!
//! Source: OpenTelemetry, *OTLP Specification*, OTLP/HTTP. A batch that is refused is lost: whoever keeps spans for a
//! collector that is away needs room for all of them.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::thread::Lost;

/// A collector.
#[derive(Debug)]
pub(super) struct Collector {
    address: SocketAddr,
    path: String,
    /// When it could not be reached.
    failed: Option<Instant>,
    body: Vec<u8>,
}

impl Collector {
    pub(super) fn new(address: SocketAddr, path: String) -> Self {
        Self { address, path, failed: None, body: Vec::new() }
    }

    /// Posts spans, each a line.
    pub(super) fn send<'m>(&mut self, spans: impl Iterator<Item = &'m [u8]>) -> Result<(), Lost> {
        self.body.clear();
        self.body.extend_from_slice(BEFORE);
        let mut count = 0;
        for span in spans {
            if count > 0 {
                self.body.push(b',');
            }
            self.body.extend_from_slice(span);
            count += 1;
        }
        self.body.extend_from_slice(AFTER);
        if self.failed.is_some_and(|failed| failed.elapsed() < PAUSE) {
            return Err((count, io::ErrorKind::NotConnected.into()));
        }
        let posted = self.post();
        self.failed = posted.is_err().then(Instant::now);
        posted.map_err(|error| (count, error))
    }

    fn post(&self) -> io::Result<()> {
        let mut stream = TcpStream::connect_timeout(&self.address, SLOW)?;
        stream.set_write_timeout(Some(SLOW))?;
        stream.set_read_timeout(Some(SLOW))?;
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n",
            self.path,
            self.address,
            self.body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(&self.body)?;
        // `HTTP/1.1 200`: nothing of what follows matters.
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        match status.get(9) {
            Some(b'2') if status.starts_with(b"HTTP/1.") => Ok(()),
            _ => Err(io::Error::other(String::from_utf8_lossy(&status).into_owned())),
        }
    }
}

const BEFORE: &[u8] = b"{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\
    \"value\":{\"stringValue\":\"sekisho\"}}]},\"scopeSpans\":[{\"scope\":{\"name\":\"sekisho\"},\"spans\":[";
const AFTER: &[u8] = b"]}]}]}";

/// How long a collector may take for each step.
const SLOW: Duration = Duration::from_secs(1);
/// Between two attempts to reach one that was away.
const PAUSE: Duration = Duration::from_secs(1);
