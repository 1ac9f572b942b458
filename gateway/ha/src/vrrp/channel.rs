//! Lines of JSON between the gateway and its speaker. Neither ever waits for the other to read.

use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The longest line: a configuration with thousands of addresses is a tenth of it.
const LINE_MAX: usize = 4 * 1024 * 1024;

/// One end.
#[derive(Debug)]
pub(crate) struct Channel {
    stream: UnixStream,
    received: Vec<u8>,
    unsent: Vec<u8>,
}

impl Channel {
    /// Over a connected socket, which will not block from now on.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, received: Vec::new(), unsent: Vec::new() })
    }

    pub(crate) fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Whether no line is half-way.
    pub(crate) fn rests(&self) -> bool {
        self.unsent.is_empty() && self.received.is_empty()
    }

    /// The socket, if nothing waits to be sent: half a line would be left behind.
    pub(crate) fn into_stream(self) -> Option<UnixStream> {
        self.rests().then_some(self.stream)
    }

    /// The lines that have come.
    ///
    /// # Errors
    /// `UnexpectedEof` once the other end is closed; `InvalidData` for what is no line of this kind.
    pub(crate) fn receive<T: DeserializeOwned>(&mut self) -> io::Result<Vec<T>> {
        let mut piece = [0; 16 * 1024];
        let mut lines = Vec::new();
        loop {
            match self.stream.read(&mut piece) {
                // What was said before the end still counts, and the end is met again.
                Ok(0) if lines.is_empty() => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(0) => return Ok(lines),
                Ok(read) => self.received.extend(piece.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(lines),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            while let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.received.drain(..=end).collect();
                lines.push(serde_json::from_slice(&line)?);
            }
            if self.received.len() > LINE_MAX {
                return Err(ErrorKind::InvalidData.into());
            }
        }
    }

    /// Sends a line, now or with [`flush`](Self::flush).
    ///
    /// # Errors
    /// The other end is closed.
    pub(crate) fn send(&mut self, line: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.unsent, line)?;
        self.unsent.push(b'\n');
        self.flush()
    }

    /// Whether something waits for the other end to read.
    pub(crate) fn waits(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Sends what is left, as far as the other end has room.
    ///
    /// # Errors
    /// The other end is closed.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(written) => _ = self.unsent.drain(..written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Channel, Channel) {
        let (one, other) = UnixStream::pair().unwrap();
        (Channel::new(one).unwrap(), Channel::new(other).unwrap())
    }

    #[test]
    fn lines_arrive_whole_and_in_order() {
        let (mut one, mut other) = pair();
        assert_eq!(other.receive::<String>().unwrap(), Vec::<String>::new());
        for line in ["a", "b\nc"] {
            one.send(&line).unwrap();
        }
        assert_eq!(other.receive::<String>().unwrap(), ["a", "b\nc"]);
    }

    #[test]
    fn end_is_noticed_after_what_was_said_before_it() {
        let (mut one, mut other) = pair();
        one.send(&"last words").unwrap();
        drop(one);
        assert_eq!(other.receive::<String>().unwrap(), ["last words"]);
        assert_eq!(other.receive::<String>().unwrap_err().kind(), ErrorKind::UnexpectedEof);
        // Closed with words unread, it is a reset.
        let (mut one, other) = pair();
        one.send(&"nobody reads this").unwrap();
        drop(other);
        assert!(one.receive::<String>().is_err());
    }

    #[test]
    fn who_does_not_read_makes_nobody_wait() {
        let (mut one, mut other) = pair();
        let line = "x".repeat(100_000);
        for _ in 0..20 {
            one.send(&line).unwrap();
        }
        assert!(one.waits());
        let mut received = 0;
        while received < 20 {
            received += other.receive::<String>().unwrap().len();
            one.flush().unwrap();
        }
        assert!(!one.waits());
    }

    #[test]
    fn line_without_end_is_refused() {
        let (mut one, mut other) = pair();
        one.unsent = vec![b' '; LINE_MAX + 100_000];
        let refused = loop {
            one.flush().unwrap();
            if let Err(error) = other.receive::<String>() {
                break error;
            }
        };
        assert_eq!(refused.kind(), ErrorKind::InvalidData);
    }
}
