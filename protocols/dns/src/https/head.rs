//! The head of an HTTP/1.1 request (RFC 9112, sections 2 to 6), as a pure function.

use httparse::{Error, Header, Status};

use super::reply::Refusal;
use super::request::{MESSAGE, Said, Wanted, wanted};

/// The longest head, in bytes; HTTP/2 announces the same as its list's size.
pub(super) const HEAD: usize = 16 * 1024;
/// The most fields of a head.
const FIELDS: usize = 64;

/// A request's head, read.
#[derive(Debug)]
pub(super) struct Head {
    /// Its bytes, up to the empty line and with it.
    pub(super) length: usize,
    /// What it asks for.
    pub(super) wanted: Result<Wanted, Refusal>,
    /// How its body ends.
    pub(super) framing: Framing,
    /// The client waits for a word before it sends the body (RFC 9110, section 10.1.1).
    pub(super) expects: bool,
    /// Only the answer's head is wanted.
    pub(super) bodiless: bool,
    /// Another request may follow on this connection.
    pub(super) keep: bool,
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes; 0 where there is none.
    Length(usize),
    /// With its last chunk.
    Chunked,
}

/// Reads a head from the first unread bytes of a connection; `None` while it is incomplete.
///
/// # Errors
/// It follows no HTTP or exceeds a bound. The client is told and the connection ends: where the next request would
/// begin is unknown.
pub(super) fn head(read: &[u8], path: &[u8]) -> Result<Option<Head>, Refusal> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut request = httparse::Request::new(&mut fields);
    let length = match request.parse(read) {
        Ok(Status::Complete(length)) if length <= HEAD => length,
        Ok(Status::Partial) if read.len() <= HEAD => return Ok(None),
        Ok(_) if read.iter().take(HEAD).any(|&b| b == b'\n') => return Err(Refusal::HeadTooLarge),
        Ok(_) => return Err(Refusal::TargetTooLong),
        Err(Error::TooManyHeaders) => return Err(Refusal::HeadTooLarge),
        Err(Error::Version) => return Err(Refusal::Version),
        Err(_) => return Err(Refusal::Malformed),
    };
    let latest = request.version == Some(1);
    let fields = Fields::read(request.headers, latest)?;
    let (path_said, query) = target(request.path.unwrap_or_default());
    let method = request.method.unwrap_or_default().as_bytes();
    let said = Said {
        method,
        path: path_said,
        query,
        content_type: fields.content_type,
        length: match fields.framing {
            Framing::Length(length) => Some(length as u64),
            Framing::Chunked => None,
        },
    };
    let wanted = match wanted(&said, path) {
        // A query in the target and another one in the body: nobody means that.
        Ok(Wanted::Answer(_)) if fields.framing != Framing::Length(0) => return Err(Refusal::Malformed),
        Ok(_) if fields.unknown_expectation => Err(Refusal::Expectation),
        wanted => wanted,
    };
    Ok(Some(Head {
        length,
        wanted,
        framing: fields.framing,
        expects: fields.expects && latest,
        bodiless: method == b"HEAD",
        keep: latest && !fields.close,
    }))
}

/// What the fields say of the connection and the body.
#[derive(Debug)]
struct Fields<'a> {
    framing: Framing,
    content_type: Option<&'a [u8]>,
    close: bool,
    expects: bool,
    unknown_expectation: bool,
}

impl<'a> Fields<'a> {
    fn read(headers: &[Header<'a>], latest: bool) -> Result<Self, Refusal> {
        let mut fields = Self {
            framing: Framing::Length(0),
            content_type: None,
            close: false,
            expects: false,
            unknown_expectation: false,
        };
        let (mut length, mut chunked, mut hosts) = (None, false, 0);
        for Header { name, value } in headers {
            let is = |other: &str| name.eq_ignore_ascii_case(other);
            if is("content-length") {
                let told = number(value)?;
                if length.is_some_and(|length| length != told) {
                    return Err(Refusal::Malformed);
                }
                length = Some(told);
            } else if is("transfer-encoding") {
                if chunked || !value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                    return Err(Refusal::Coding);
                }
                chunked = true;
            } else if is("content-type") {
                fields.content_type.get_or_insert(value);
            } else if is("connection") {
                fields.close |= value.split(|&b| b == b',').any(|token| {
                    let token = token.trim_ascii();
                    token.eq_ignore_ascii_case(b"close")
                });
            } else if is("expect") {
                fields.expects = value.trim_ascii().eq_ignore_ascii_case(b"100-continue");
                fields.unknown_expectation |= !fields.expects;
            } else if is("host") {
                hosts += 1;
            }
        }
        // Two lengths are how requests are smuggled past a proxy in front (RFC 9112, section 11.2).
        if chunked && (length.is_some() || !latest) || hosts > 1 || hosts == 0 && latest {
            return Err(Refusal::Malformed);
        }
        fields.framing = if chunked { Framing::Chunked } else { Framing::Length(length.unwrap_or(0)) };
        Ok(fields)
    }
}

/// The number of a content length. What is longer than any message is told as one byte more than that.
fn number(value: &[u8]) -> Result<usize, Refusal> {
    let digits = value.trim_ascii();
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::Malformed);
    }
    Ok(digits.iter().fold(0, |n, &digit| (n * 10 + usize::from(digit - b'0')).min(MESSAGE + 1)))
}

/// Path and query of a target in origin or absolute form (RFC 9112, section 3.2).
fn target(target: &str) -> (&[u8], Option<&[u8]>) {
    let scheme = |prefix: &str| {
        let (head, rest) = target.split_at_checked(prefix.len())?;
        head.eq_ignore_ascii_case(prefix).then_some(rest)
    };
    let origin = match scheme("https://").or_else(|| scheme("http://")) {
        Some(rest) => rest.find(['/', '?']).and_then(|at| rest.get(at..)).unwrap_or_default(),
        None => target,
    };
    match origin.split_once('?') {
        Some((path, query)) => (path.as_bytes(), Some(query.as_bytes())),
        None => (origin.as_bytes(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<Head>, Refusal> {
        head(text.as_bytes(), b"/dns-query")
    }

    fn complete(text: &str) -> Head {
        read(text).unwrap().unwrap()
    }

    const POST: &str = "POST /dns-query HTTP/1.1\r\nHost: a\r\nContent-Type: application/dns-message\r\n";

    #[test]
    fn a_head_is_incomplete_until_it_is_complete() {
        let text = format!("{POST}Content-Length: 12\r\n\r\n");
        for end in 0..text.len() {
            assert!(matches!(read(&text[..end]), Ok(None)), "{end}");
        }
        let head = complete(&format!("{text}body follows"));
        assert_eq!((head.length, head.framing), (text.len(), Framing::Length(12)));
        assert_eq!(head.wanted, Ok(Wanted::Body));
        assert!(head.keep && !head.expects && !head.bodiless);
    }

    #[test]
    fn the_authority_of_an_absolute_target_is_not_looked_at() {
        for (text, path) in [
            ("http://a/dns-query?dns=AAAA", &b"/dns-query"[..]),
            ("HTTPS://a:8443/dns-query?dns=AAAA", b"/dns-query"),
            ("https://a", b""),
            ("https://a?dns=AAAA", b""),
            ("/dns-query", b"/dns-query"),
            ("*", b"*"),
        ] {
            assert_eq!(target(text).0, path, "{text}");
        }
    }

    #[test]
    fn two_ways_to_say_where_the_body_ends_are_refused() {
        for bad in [
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: 1\r\nContent-Length: 2\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: \r\n",
            "Content-Length: 1000000000000000000000\r\n",
            "Content-Length : 1\r\n",
        ] {
            assert_eq!(read(&format!("{POST}{bad}\r\n")).unwrap_err(), Refusal::Malformed, "{bad}");
        }
        for bad in ["Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: xchunked\r\n"] {
            assert_eq!(read(&format!("{POST}{bad}\r\n")).unwrap_err(), Refusal::Coding, "{bad}");
        }
        let old = "POST /dns-query HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(read(old).unwrap_err(), Refusal::Malformed);
    }

    #[test]
    fn a_get_with_a_body_is_refused() {
        let get = "GET /dns-query?dns=AAAA HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
        assert_eq!(read(get).unwrap_err(), Refusal::Malformed);
    }

    #[test]
    fn exactly_one_host_is_needed_since_version_1_1() {
        assert_eq!(read("GET / HTTP/1.1\r\n\r\n").unwrap_err(), Refusal::Malformed);
        assert_eq!(read("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n").unwrap_err(), Refusal::Malformed);
        assert!(!complete("GET / HTTP/1.0\r\n\r\n").keep);
    }

    #[test]
    fn a_head_larger_than_allowed_is_refused_and_says_which_part() {
        let target = format!("GET /{}", "a".repeat(HEAD));
        assert_eq!(read(&target).unwrap_err(), Refusal::TargetTooLong);
        let field = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "a".repeat(HEAD));
        assert_eq!(read(&field).unwrap_err(), Refusal::HeadTooLarge);
        assert_eq!(read(&format!("{field}\r\n\r\n")).unwrap_err(), Refusal::HeadTooLarge);
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(FIELDS + 1));
        assert_eq!(read(&many).unwrap_err(), Refusal::HeadTooLarge);
    }

    #[test]
    fn what_is_no_request_is_malformed_and_other_versions_are_told_so() {
        for bad in ["\x16\x03\x01\x02", "GET\0/ HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost\r\n\r\n"] {
            assert_eq!(read(bad).unwrap_err(), Refusal::Malformed, "{bad:?}");
        }
        assert_eq!(read("GET / HTTP/3.0\r\n\r\n").unwrap_err(), Refusal::Version);
    }

    #[test]
    fn close_and_expectations_are_read_in_any_case() {
        let head = complete(&format!("{POST}Connection: a, Close\r\nExpect: 100-Continue\r\n\r\n"));
        assert!(!head.keep && head.expects);
        let head = complete(&format!("{POST}Expect: a-pony\r\n\r\n"));
        assert_eq!(head.wanted, Err(Refusal::Expectation));
    }
}
