//! Where a request ends, and whether another can follow: decided here and nowhere else (RFC 9112, section 6).

use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HeaderMap, HeaderValue, TE, TRANSFER_ENCODING};
use http::{Method, Request, Version};

use crate::hop::has_token;
use crate::present::Present;

/// What a request's head says about its body and its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Framing {
    pub(super) length: Length,
    /// The client waits for `100 Continue` before it sends the body.
    pub(super) expects: bool,
    pub(super) wants: Wants,
}

/// The length of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// So many bytes.
    Known(u64),
    /// The chunks say it.
    Chunked,
}

/// What the form of the answer depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wants {
    /// HTTP/1.1, hence chunks.
    pub(super) modern: bool,
    /// Nothing but the head.
    pub(super) head_only: bool,
    /// Trailers.
    pub(super) trailers: bool,
    /// No other request follows.
    pub(super) close: bool,
}

/// The end of the request is in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("framing in doubt")]
pub(super) struct Doubtful;

/// Decides, and leaves at most one Content-Length in the head, none beside Transfer-Encoding. Behind a CONNECT comes a
/// tunnel or nothing.
///
/// # Errors
/// [`Doubtful`]: a transfer coding in HTTP/1.0, a last coding other than `chunked`, lengths that differ or are no
/// numbers.
pub(super) fn decide<B>(request: &mut Request<B>) -> Result<Framing, Doubtful> {
    let modern = request.version() >= Version::HTTP_11;
    let head_only = request.method() == Method::HEAD;
    // What stands behind it may have been meant for the tunnel.
    let connect = request.method() == Method::CONNECT;
    let headers = request.headers_mut();
    let present = Present::of(headers);
    let mut close = match present.has(Present::CONNECTION) {
        true => has_token(headers, &CONNECTION, b"close") || !modern && !keeps_alive(headers),
        false => !modern,
    } || connect;
    let length = if present.has(Present::TRANSFER_ENCODING) {
        if !modern || !ends_chunked(headers) {
            return Err(Doubtful);
        }
        // Both is what smuggling looks like: nothing that follows is trusted (RFC 9112, section 6.1), and a length
        // that is none is no better for standing beside a coding.
        if present.has(Present::CONTENT_LENGTH) {
            known(headers)?;
            headers.remove(CONTENT_LENGTH);
            close = true;
        }
        Length::Chunked
    } else if present.has(Present::CONTENT_LENGTH) {
        Length::Known(known(headers)?)
    } else {
        Length::Known(0)
    };
    let expects = modern
        && length != Length::Known(0)
        && present.has(Present::EXPECT)
        && headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    let trailers = modern && present.has(Present::TE) && has_token(headers, &TE, b"trailers");
    Ok(Framing { length, expects, wants: Wants { modern, head_only, trailers, close } })
}

fn keeps_alive(headers: &HeaderMap) -> bool {
    has_token(headers, &CONNECTION, b"keep-alive")
}

/// Whether `chunked` is the last coding, so that the body's end is known, whatever codings stand before it.
fn ends_chunked(headers: &HeaderMap) -> bool {
    let last = headers.get_all(TRANSFER_ENCODING).iter().next_back();
    let last = last.and_then(|value| value.as_bytes().rsplit(|&b| b == b',').next());
    last.is_some_and(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"chunked"))
}

/// The Content-Length; repeated lines that agree are made one.
fn known(headers: &mut HeaderMap) -> Result<u64, Doubtful> {
    let mut lines = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = lines.next() else { return Ok(0) };
    let (length, mut repeated) = (number(first)?, false);
    for line in lines {
        if number(line)? != length {
            return Err(Doubtful);
        }
        repeated = true;
    }
    if repeated {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(length)
}

fn number(value: &HeaderValue) -> Result<u64, Doubtful> {
    let digits = value.as_bytes();
    if digits.is_empty() {
        return Err(Doubtful);
    }
    digits.iter().try_fold(0u64, |n, &digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0')).ok_or(Doubtful)?;
        n.checked_mul(10).and_then(|n| n.checked_add(digit)).ok_or(Doubtful)
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn request(version: Version, lines: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::new(());
        *request.version_mut() = version;
        for (name, value) in lines {
            request.headers_mut().append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        request
    }

    fn length(lines: &[(&str, &str)]) -> Result<Length, Doubtful> {
        decide(&mut request(Version::HTTP_11, lines)).map(|framing| framing.length)
    }

    #[test]
    fn length_is_one_number_or_the_request_is_refused() {
        for (value, expected) in [
            ("0", Some(0)),
            ("007", Some(7)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("+1", None),
            ("-1", None),
            ("1 1", None),
            ("1,1", None),
            ("0x1", None),
            ("1.0", None),
            ("1e3", None),
        ] {
            assert_eq!(
                length(&[("content-length", value)]),
                expected.map(Length::Known).ok_or(Doubtful),
                "{value}"
            );
        }
    }

    #[test]
    fn repeated_lengths_must_agree_and_become_one() {
        let mut agreed = request(Version::HTTP_11, &[("content-length", "3"), ("content-length", "03")]);
        assert_eq!(decide(&mut agreed).unwrap().length, Length::Known(3));
        assert_eq!(agreed.headers().get_all(CONTENT_LENGTH).iter().collect::<Vec<_>>(), ["3"]);
        assert_eq!(length(&[("content-length", "3"), ("content-length", "4")]), Err(Doubtful));
    }

    #[test]
    fn transfer_coding_must_end_with_chunked_in_http_1_1() {
        for (value, chunked) in [
            ("chunked", true),
            ("CHUNKED", true),
            ("gzip, chunked", true),
            ("chunked,", false),
            ("chunked, gzip", false),
            ("chunked;q=1", false),
            ("\"chunked\"", false),
            ("xchunked", false),
            ("identity", false),
            ("", false),
        ] {
            let expected = if chunked { Ok(Length::Chunked) } else { Err(Doubtful) };
            assert_eq!(length(&[("transfer-encoding", value)]), expected, "{value}");
        }
        assert!(decide(&mut request(Version::HTTP_10, &[("transfer-encoding", "chunked")])).is_err());
    }

    #[test]
    fn coding_beats_length_and_nothing_may_follow() {
        let mut both =
            request(Version::HTTP_11, &[("content-length", "3"), ("transfer-encoding", "chunked")]);
        let framing = decide(&mut both).unwrap();
        assert_eq!((framing.length, framing.wants.close), (Length::Chunked, true));
        assert!(!both.headers().contains_key(CONTENT_LENGTH));
        for bad in ["+3", "3, 4", ""] {
            let fields = [("transfer-encoding", "chunked"), ("content-length", bad)];
            assert_eq!(length(&fields), Err(Doubtful), "{bad}");
        }
    }

    #[test]
    fn connection_is_kept_as_version_and_field_say() {
        for (version, field, close) in [
            (Version::HTTP_11, None, false),
            (Version::HTTP_11, Some("keep-alive"), false),
            (Version::HTTP_11, Some("x, Close"), true),
            (Version::HTTP_10, None, true),
            (Version::HTTP_10, Some("Keep-Alive"), false),
            (Version::HTTP_10, Some("keep-alive, close"), true),
            (Version::HTTP_10, Some("x"), true),
        ] {
            let lines: Vec<_> = field.iter().map(|field| ("connection", *field)).collect();
            let framing = decide(&mut request(version, &lines)).unwrap();
            assert_eq!(framing.wants.close, close, "{version:?} {field:?}");
        }
    }
}
