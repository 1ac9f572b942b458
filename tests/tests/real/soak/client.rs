//! Clients that look at every byte.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::server::body;

/// How one request ended.
pub(in crate::real) enum Ended {
    /// 200 with the right body.
    Right,
    /// Another status, or visibly cut: a server was killed.
    Failed,
}

/// Something that reads and writes.
pub(in crate::real) trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// A connection that is kept as long as it lasts.
pub(in crate::real) struct Client<F> {
    connect: F,
    wire: Option<BufReader<Box<dyn Wire>>>,
}

impl<F: Fn() -> Option<Box<dyn Wire>>> Client<F> {
    pub(in crate::real) fn new(connect: F) -> Self {
        Self { connect, wire: None }
    }

    /// Asks for a body, or sends it to be sent back.
    ///
    /// # Panics
    /// If a body is another one than was asked for.
    pub(in crate::real) fn ask(&mut self, number: u64, length: usize, post: bool) -> Ended {
        let content = body(number, length);
        let ended = self.exchange(number, &content, post);
        if ended.is_none() {
            self.wire = None;
        }
        ended.unwrap_or(Ended::Failed)
    }

    fn exchange(&mut self, number: u64, content: &[u8], post: bool) -> Option<Ended> {
        if self.wire.is_none() {
            self.wire = Some(BufReader::new((self.connect)()?));
        }
        let wire = self.wire.as_mut()?;
        let length = content.len();
        let (method, fields, sent) = match post {
            true => ("POST", format!("Content-Length: {length}\r\n"), content),
            false => ("GET", String::new(), &[][..]),
        };
        let head = format!("{method} /{number}/{length} HTTP/1.1\r\nHost: www.example.org\r\n{fields}\r\n");
        let out = wire.get_mut();
        out.write_all(head.as_bytes()).ok()?;
        out.write_all(sent).ok()?;
        out.flush().ok()?;
        let (mut status, mut framing, mut close) = (0u16, None, false);
        loop {
            let mut line = String::new();
            if wire.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end().to_ascii_lowercase();
            if status == 0 {
                status = line.get(9..12)?.parse().ok()?;
            } else if line.is_empty() {
                break;
            } else if let Some(value) = line.strip_prefix("content-length: ") {
                framing = Some(value.parse::<usize>().ok()?);
            } else if line == "connection: close" {
                close = true;
            }
        }
        let got = match framing {
            Some(length) => {
                let mut got = vec![0; length];
                wire.read_exact(&mut got).ok()?;
                got
            }
            None => chunks(wire)?,
        };
        if close {
            self.wire = None;
        }
        if status != 200 {
            return Some(Ended::Failed);
        }
        assert!(got == content, "body {number} of {length} bytes is another: {} bytes", got.len());
        Some(Ended::Right)
    }
}

fn chunks(wire: &mut BufReader<Box<dyn Wire>>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        wire.read_line(&mut line).ok()?;
        let size = usize::from_str_radix(line.strip_suffix("\r\n")?, 16).ok()?;
        let mut part = vec![0; size + 2];
        wire.read_exact(&mut part).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(&part[..size]);
    }
}

/// A connection over which nothing takes longer than a server's death does.
pub(in crate::real) fn connect(address: SocketAddr) -> Option<TcpStream> {
    let stream = TcpStream::connect(address).ok()?;
    stream.set_nodelay(true).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
    Some(stream)
}
