//! What a running gateway tells for as long as somebody listens: server-sent events in chunks.

use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::net::UnixStream;

use serde_json::Value;

use super::client::{Client, Question};
use crate::failure::Failure;

/// The longest line: what a thousand servers have counted in one second has a tenth of it.
const LINE_MAX: u64 = 4 * 1024 * 1024;
/// The longest head, and answer of one that refuses.
const HEAD_MAX: u64 = 64 * 1024;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    /// Its number in its process; none of those that are not numbered.
    pub(crate) id: Option<u64>,
    /// What kind of thing.
    pub(crate) name: String,
    /// What of it.
    pub(crate) data: Value,
}

/// A stream of events. The gateway says something every few seconds, so a silent one has ended.
#[derive(Debug)]
pub(crate) struct Events<R> {
    lines: BufReader<Chunks<R>>,
}

impl Client {
    /// Listens to what stands at a path.
    pub(crate) fn follow(&self, question: Question) -> Result<Events<BufReader<UnixStream>>, Failure> {
        let stream = self.send(&question.patiently()).map_err(|error| self.silent(&error))?;
        let mut reader = BufReader::new(stream);
        let status = head(&mut reader).map_err(|error| self.silent(&error))?;
        match status.as_str() {
            "200" => Ok(Events::new(reader)),
            _ => {
                let mut body = String::new();
                let read = reader.take(HEAD_MAX).read_to_string(&mut body);
                read.map_err(|error| self.silent(&error))?;
                Err(self.refused(&serde_json::from_str(&body).unwrap_or_default()))
            }
        }
    }
}

/// The status of an answer, whose head is left behind.
fn head(reader: &mut impl BufRead) -> io::Result<String> {
    let mut head = reader.take(HEAD_MAX);
    let mut status = None;
    loop {
        let mut line = String::new();
        if head.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if status.is_none() {
            status = Some(line.split(' ').nth(1).unwrap_or_default().to_owned());
        }
        if line.trim_end().is_empty() {
            return Ok(status.unwrap_or_default());
        }
    }
}

impl<R: BufRead> Events<R> {
    fn new(reader: R) -> Self {
        Self { lines: BufReader::new(Chunks { reader, left: 0, begun: false }) }
    }

    /// The next event; none if the gateway has ended the stream.
    pub(crate) fn next(&mut self) -> io::Result<Option<Event>> {
        let (mut id, mut name, mut data) = (None, String::new(), Value::Null);
        loop {
            let mut line = String::new();
            if (&mut self.lines).take(LINE_MAX).read_line(&mut line)? == 0 {
                return Ok(None);
            }
            match line.trim_end_matches(['\r', '\n']).split_once(": ") {
                Some(("id", number)) => id = number.parse().ok(),
                Some(("event", word)) => word.clone_into(&mut name),
                Some(("data", text)) => data = serde_json::from_str(text)?,
                // An empty line ends an event; one with a colon alone says that somebody is there.
                None if line.trim_end().is_empty() && !name.is_empty() => {
                    return Ok(Some(Event { id, name, data }));
                }
                _ => {}
            }
        }
    }
}

/// A body without its framing (RFC 9112, section 7.1).
#[derive(Debug)]
struct Chunks<R> {
    reader: R,
    left: u64,
    begun: bool,
}

impl<R: BufRead> Read for Chunks<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            if self.begun {
                self.line()?;
            }
            self.begun = true;
            let size = self.line()?;
            let size = size.split(';').next().unwrap_or_default().trim();
            self.left = match size {
                "" => return Ok(0),
                size => {
                    u64::from_str_radix(size, 16).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?
                }
            };
            if self.left == 0 {
                self.begun = false;
                return Ok(0);
            }
        }
        let read = (&mut self.reader).take(self.left).read(buffer)?;
        self.left -= read as u64;
        Ok(read)
    }
}

impl<R: BufRead> Chunks<R> {
    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        (&mut self.reader).take(HEAD_MAX).read_line(&mut line)?;
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chunked(parts: &[&str]) -> String {
        let chunk = |part: &&str| format!("{:x}\r\n{part}\r\n", part.len());
        parts.iter().map(chunk).collect::<String>() + "0\r\n\r\n"
    }

    #[test]
    fn events_are_the_same_however_they_are_cut_into_chunks() {
        let whole =
            "event: health\ndata: {\"to\":\"down\"}\n\n:\n\nid: 7\nevent: reload\ndata: {\"epoch\":2}\n\n";
        for at in 0..whole.len() {
            let (one, two) = whole.split_at(at);
            let parts: Vec<&str> = [one, two].into_iter().filter(|part| !part.is_empty()).collect();
            let text = chunked(&parts);
            let mut events = Events::new(text.as_bytes());
            let expected =
                [(None, "health", json!({ "to": "down" })), (Some(7), "reload", json!({ "epoch": 2 }))];
            for (id, name, data) in expected {
                assert_eq!(events.next().unwrap(), Some(Event { id, name: name.to_owned(), data }), "{at}");
            }
            assert_eq!(events.next().unwrap(), None, "{at}");
        }
    }

    #[test]
    fn stream_that_breaks_off_or_is_none_ends_and_never_panics() {
        for text in ["", "5\r\nev", "zz\r\n", "ffffffffffffffffff\r\n", "5\r\nevent", "0\r\n"] {
            let mut events = Events::new(text.as_bytes());
            assert!(!matches!(events.next(), Ok(Some(_))), "{text}");
        }
    }

    #[test]
    fn head_is_left_behind_and_its_status_told() {
        let mut text = "HTTP/1.1 503 Busy\r\nA: b\r\n\r\nrest".as_bytes();
        assert_eq!(head(&mut text).unwrap(), "503");
        assert_eq!(text, b"rest");
        assert!(head(&mut "HTTP/1.1 200 OK\r\n".as_bytes()).is_err());
    }
}
