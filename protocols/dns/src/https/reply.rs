//! What a client is told, whichever version of HTTP it speaks.

use bytes::Bytes;

use super::request::MEDIA_TYPE;

/// An answer on its way to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    /// The status (RFC 9110, section 15).
    pub(super) status: u16,
    /// The body's media type.
    pub(super) kind: &'static str,
    /// For how many seconds caches may keep it; `None`: not at all.
    pub(super) max_age: Option<u32>,
    /// The methods that the path knows, where the one that was used is none of them.
    pub(super) allow: Option<&'static str>,
    /// The body. An answer to HEAD tells its length only.
    pub(super) body: Bytes,
}

/// Why a request gets no DNS message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It does not follow HTTP.
    Malformed,
    /// It carries no readable DNS query.
    NoMessage,
    /// There is nothing at its path.
    NotFound,
    /// Its method is none that DNS over HTTPS knows.
    Method,
    /// Its body did not arrive in time.
    Slow,
    /// Its body is longer than any DNS message.
    TooLarge,
    /// Its target is too long.
    TargetTooLong,
    /// Its body is no DNS message by its own word.
    MediaType,
    /// It expects what is not offered.
    Expectation,
    /// A limit or a rule of the VIP says silence, which HTTP does not have.
    Silenced,
    /// Its fields are too many or too long.
    HeadTooLarge,
    /// Its body's coding is unknown.
    Coding,
    /// Its version of HTTP is unknown.
    Version,
}

impl Refusal {
    /// The status (RFC 9110, section 15; RFC 6585 for 429 and 431).
    pub(super) const fn status(self) -> u16 {
        match self {
            Self::Malformed | Self::NoMessage => 400,
            Self::NotFound => 404,
            Self::Method => 405,
            Self::Slow => 408,
            Self::TooLarge => 413,
            Self::TargetTooLong => 414,
            Self::MediaType => 415,
            Self::Expectation => 417,
            Self::Silenced => 429,
            Self::HeadTooLarge => 431,
            Self::Coding => 501,
            Self::Version => 505,
        }
    }

    /// What stands in the body, for whoever looks at it with a browser.
    const fn text(self) -> &'static str {
        match self {
            Self::Malformed => "malformed request\n",
            Self::NoMessage => "no readable DNS query in this request\n",
            Self::NotFound => "nothing here\n",
            Self::Method => "DNS over HTTPS knows GET and POST\n",
            Self::Slow => "the request did not arrive in time\n",
            Self::TooLarge => "longer than any DNS message\n",
            Self::TargetTooLong => "target too long, use POST\n",
            Self::MediaType => "the body must be application/dns-message\n",
            Self::Expectation => "unknown expectation\n",
            Self::Silenced => "too many queries, or one that is not answered here\n",
            Self::HeadTooLarge => "request head too large\n",
            Self::Coding => "unknown transfer coding\n",
            Self::Version => "unknown version of HTTP\n",
        }
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        Self {
            status: refusal.status(),
            kind: "text/plain; charset=utf-8",
            max_age: None,
            allow: (refusal == Refusal::Method).then_some("GET, HEAD, POST"),
            body: Bytes::from_static(refusal.text().as_bytes()),
        }
    }
}

impl Reply {
    /// A DNS message that caches may keep for `max_age` seconds.
    pub(super) const fn message(body: Bytes, max_age: u32) -> Self {
        Self { status: 200, kind: MEDIA_TYPE, max_age: Some(max_age), allow: None, body }
    }

    /// The reason phrase of HTTP/1.1; decoration, but people read it.
    pub(super) const fn reason(&self) -> &'static str {
        match self.status {
            200 => "OK",
            400 => "Bad Request",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            413 => "Content Too Large",
            414 => "URI Too Long",
            415 => "Unsupported Media Type",
            417 => "Expectation Failed",
            429 => "Too Many Requests",
            431 => "Request Header Fields Too Large",
            501 => "Not Implemented",
            505 => "HTTP Version Not Supported",
            _ => "",
        }
    }
}
