//! The head of a response, as far as the benchmark has to understand it.

use super::super::Outcome;

/// What is read from a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head<'a> {
    /// Bytes up to the body.
    pub(super) size: usize,
    /// Bytes of the body.
    pub(super) length: usize,
    /// Which server answered.
    pub(super) server: Option<u8>,
    /// `name=value` of a cookie that is set.
    pub(super) cookie: Option<&'a [u8]>,
}

/// Reads the head at the start of `bytes`; none if it is not complete.
///
/// # Errors
///
/// It is not a 200, or has no Content-Length.
pub(super) fn head(bytes: &[u8]) -> Outcome<Option<Head<'_>>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let mut lines = bytes.get(..end).unwrap_or_default().split(|&byte| byte == b'\n');
    let status = lines.next().unwrap_or_default();
    if !status.starts_with(b"HTTP/1.1 200 ") {
        return Err(format!("a 200 was expected, not `{}`", String::from_utf8_lossy(status).trim_end()));
    }
    let (mut length, mut server, mut cookie) = (None, None, None);
    for line in lines {
        let mut halves = line.splitn(2, |&byte| byte == b':');
        let name = halves.next().unwrap_or_default();
        let value = halves.next().unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            length = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
        } else if name.eq_ignore_ascii_case(b"x-server") {
            server = value.first().copied();
        } else if name.eq_ignore_ascii_case(b"set-cookie") {
            cookie = value.split(|&byte| byte == b';').next();
        }
    }
    let length = length.ok_or("a response without Content-Length")?;
    Ok(Some(Head { size: end + 4, length, server, cookie }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_incomplete_until_its_empty_line() {
        let whole =
            b"HTTP/1.1 200 OK\r\nX-Server: b\r\ncontent-length: 12\r\nSet-Cookie: S=v; Path=/\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(head(&whole[..end]), Ok(None));
        }
        let expected = Head { size: whole.len(), length: 12, server: Some(b'b'), cookie: Some(b"S=v") };
        assert_eq!(head(whole), Ok(Some(expected)));
    }

    #[test]
    fn an_error_page_is_not_a_unit_of_work() {
        assert!(head(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").is_err());
    }
}
