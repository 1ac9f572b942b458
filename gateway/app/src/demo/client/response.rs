//! Reading an HTTP/1.1 response.

use std::io::{BufRead, Read};

use super::ClientError;

/// The longest line of a head and the longest body, in bytes.
const LINE_MAX: u64 = 16 * 1024;
const BODY_MAX: u64 = 1024 * 1024;
/// The most header fields.
const FIELDS_MAX: usize = 100;

/// A whole response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Response {
    /// The status code.
    pub(super) status: u16,
    /// Fields, names lower-case.
    pub(super) fields: Vec<(String, String)>,
    /// The body.
    pub(super) body: Vec<u8>,
}

impl Response {
    /// Reads one response to a `GET` (RFC 9112, sections 4 to 7).
    pub(super) fn read(reader: &mut impl BufRead) -> Result<Self, ClientError> {
        let first = line(reader)?;
        let mut words = first.split(' ');
        if !words.next().is_some_and(|version| version.starts_with("HTTP/1.")) {
            return Err(ClientError::Response("no status line"));
        }
        let status = words.next().and_then(|code| code.parse().ok());
        let status = status.ok_or(ClientError::Response("no status"))?;
        let mut fields = Vec::new();
        loop {
            let line = line(reader)?;
            if line.is_empty() {
                break;
            }
            let (name, value) =
                line.split_once(':').ok_or(ClientError::Response("a field without a colon"))?;
            if fields.len() == FIELDS_MAX {
                return Err(ClientError::Response("too many fields"));
            }
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut response = Self { status, fields, body: Vec::new() };
        response.body = response.read_body(reader)?;
        Ok(response)
    }

    /// The first field of this name, given in lower case.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Every field of this name, given in lower case.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    fn read_body(&self, reader: &mut impl BufRead) -> Result<Vec<u8>, ClientError> {
        let mut body = Vec::new();
        if self.field("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            loop {
                let size = line(reader)?;
                let size = size.split(';').next().unwrap_or_default().trim();
                let size = u64::from_str_radix(size, 16)
                    .map_err(|_| ClientError::Response("a chunk without a size"))?;
                if size.saturating_add(body.len() as u64) > BODY_MAX {
                    return Err(ClientError::Response("the body is too long"));
                }
                let before = body.len() as u64;
                reader.take(size).read_to_end(&mut body)?;
                if body.len() as u64 - before != size {
                    return Err(ClientError::Response("the body ends early"));
                }
                // The line end behind the chunk, or trailers and the empty line behind the last one.
                while !line(reader)?.is_empty() {}
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        let length = match self.field("content-length") {
            Some(length) => length.parse().map_err(|_| ClientError::Response("no length"))?,
            None => BODY_MAX,
        };
        if length > BODY_MAX {
            return Err(ClientError::Response("the body is too long"));
        }
        reader.take(length).read_to_end(&mut body)?;
        if self.field("content-length").is_some() && body.len() as u64 != length {
            return Err(ClientError::Response("the body ends early"));
        }
        Ok(body)
    }
}

fn line(reader: &mut impl BufRead) -> Result<String, ClientError> {
    let mut line = Vec::new();
    reader.take(LINE_MAX).read_until(b'\n', &mut line)?;
    let Some(line) = line.strip_suffix(b"\n") else {
        return Err(ClientError::Response("a line without an end"));
    };
    Ok(String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Response, ClientError> {
        Response::read(&mut text.as_bytes())
    }

    #[test]
    fn body_is_read_by_length_by_chunks_or_to_the_end() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and the next response",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\nhello",
        ] {
            assert_eq!(read(text).unwrap().body, b"hello", "{text}");
        }
    }

    #[test]
    fn response_cut_anywhere_is_an_error() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ] {
            for end in 0..text.len() {
                assert!(read(&text[..end]).is_err(), "{:?}", &text[..end]);
            }
        }
    }

    #[test]
    fn claimed_length_beyond_the_limit_is_refused_before_reading() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        ] {
            assert!(matches!(read(text), Err(ClientError::Response("the body is too long"))), "{text}");
        }
    }
}
