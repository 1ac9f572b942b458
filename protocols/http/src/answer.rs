//! What the gateway says itself.

use bytes::Bytes;
use http::header::{
    ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{Response, StatusCode};
use sekisho_api::{Blame, Deadline, End, Unavailable};

use crate::codec::Download;
use crate::pages::{Pages, Said};
use crate::target::BadTarget;
use crate::user::BadToken;

/// An answer of the gateway's own, and how the request is booked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    text: &'static str,
    /// How the request ended.
    pub(crate) end: End,
}

impl Answer {
    const fn new(status: StatusCode, text: &'static str, end: End) -> Self {
        Self { status, text, end }
    }

    /// What the client sent does not follow the protocol.
    pub(crate) const fn bad_request(label: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, BAD_REQUEST, End::Fault(Blame::Client, label))
    }

    /// The client's body is larger than the VIP allows.
    pub(crate) const TOO_LARGE: Self =
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, TOO_LARGE, End::Limited("max-body"));
    /// The request's head is larger than the VIP allows.
    pub(crate) const HEAD_TOO_LARGE: Self = Self::new(
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        HEAD_TOO_LARGE,
        End::Limited("max-header-size"),
    );
    /// So is its target alone.
    pub(crate) const TARGET_TOO_LONG: Self =
        Self::new(StatusCode::URI_TOO_LONG, TARGET_TOO_LONG, End::Limited("max-header-size"));
    /// A method that is served only where the configuration says so.
    pub(crate) const METHOD: Self =
        Self::new(StatusCode::METHOD_NOT_ALLOWED, METHOD, End::Fault(Blame::Client, "method-not-allowed"));
    /// A protocol that the gateway does not speak, asked for with CONNECT (RFC 9220, section 3).
    pub(crate) const PROTOCOL: Self =
        Self::new(StatusCode::NOT_IMPLEMENTED, PROTOCOL, End::Fault(Blame::Client, "protocol-unknown"));
    /// A transfer coding that the gateway does not decode (RFC 9112, section 6.1).
    pub(crate) const CODING: Self =
        Self::new(StatusCode::NOT_IMPLEMENTED, CODING, End::Fault(Blame::Client, "transfer-coding-unknown"));
    /// The client stopped sending.
    pub(crate) const SLOW_CLIENT: Self =
        Self::new(StatusCode::REQUEST_TIMEOUT, SLOW_CLIENT, End::Expired(Deadline::Head));
    /// The client stopped sending its body.
    pub(crate) const STALLED_UPLOAD: Self =
        Self::new(StatusCode::REQUEST_TIMEOUT, SLOW_CLIENT, End::Expired(Deadline::Idle));
    /// The server's answer does not follow the protocol.
    pub(crate) const MALFORMED: Self =
        Self::new(StatusCode::BAD_GATEWAY, BAD_GATEWAY, End::Fault(Blame::Server, "malformed-answer"));
    /// The server speaks a version of HTTP in which it cannot be asked for another protocol.
    pub(crate) const UNCHANGEABLE: Self =
        Self::new(StatusCode::BAD_GATEWAY, BAD_GATEWAY, End::Fault(Blame::Server, "protocol-unchangeable"));
    /// The server went away before it answered.
    pub(crate) const SERVER_LEFT: Self = Self::new(StatusCode::BAD_GATEWAY, BAD_GATEWAY, End::ServerLeft);
    /// The server did not answer in time.
    pub(crate) const SLOW_SERVER: Self =
        Self::new(StatusCode::GATEWAY_TIMEOUT, SLOW_SERVER, End::Expired(Deadline::Response));
    /// All the time that the request has is over.
    pub(crate) const OVERDUE: Self =
        Self::new(StatusCode::GATEWAY_TIMEOUT, SLOW_SERVER, End::Expired(Deadline::Total));
    /// No server could be connected in time.
    pub(crate) const CONNECT_TIMEOUT: Self =
        Self::new(StatusCode::GATEWAY_TIMEOUT, SLOW_SERVER, End::Unavailable(Unavailable::ConnectFailed));

    /// There is no server.
    pub(crate) const fn unavailable(why: Unavailable) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE, End::Unavailable(why))
    }

    /// A token is required, and the request has none that counts (RFC 6750, section 3.1).
    pub(crate) const fn token(why: BadToken) -> Self {
        let label = match why {
            BadToken::Missing => "token-missing",
            BadToken::Invalid => TOKEN_INVALID,
        };
        Self::new(StatusCode::UNAUTHORIZED, UNAUTHORIZED, End::Limited(label))
    }

    /// The client asks too often.
    pub(crate) const fn too_often(status: StatusCode) -> Self {
        let text = match status.as_u16() {
            429 => TOO_OFTEN,
            503 => BUSY,
            _ => REFUSED,
        };
        Self::new(status, text, End::Limited(RATE_LIMIT))
    }

    /// The target is refused.
    pub(crate) const fn target(why: BadTarget) -> Self {
        match why {
            BadTarget::HostCount => Self::bad_request("host-missing-or-repeated"),
            BadTarget::HostSyntax => Self::bad_request("host-malformed"),
            BadTarget::Form => Self::bad_request("target-malformed"),
        }
    }

    /// The status.
    pub(crate) const fn status(&self) -> StatusCode {
        self.status
    }

    /// Whether the connection can go on afterwards: what is wrong concerns the servers, not the client's bytes.
    fn keeps(&self) -> bool {
        matches!(self.end, End::Unavailable(_) | End::ServerLeft | End::Fault(Blame::Server, _))
            || matches!(self.end, End::Expired(Deadline::Response | Deadline::Total))
            || matches!(self.end, End::Limited(RATE_LIMIT))
            || self.status.as_u16() == 401
    }

    /// As a message. `unread`: part of the request's body is still to come, so the connection ends.
    /// `pages` and `id`: as [`Self::say`] has them.
    pub(crate) fn into_response(
        self,
        unread: bool,
        pages: Option<&Pages>,
        id: Option<&HeaderValue>,
    ) -> Response<Download> {
        let said = self.say(pages, id);
        let mut response = Response::new(Download::full(Bytes::new()));
        *response.status_mut() = self.status;
        self.write_fields(response.headers_mut(), &said, unread || !self.keeps());
        *response.body_mut() = Download::full(said.text);
        response
    }

    /// What is said: the operator's page for this status, or a line. `id`: the request's, if it has one.
    fn say(&self, pages: Option<&Pages>, id: Option<&HeaderValue>) -> Said {
        pages.and_then(|pages| pages.say(self.status, id)).unwrap_or_else(|| Said {
            content_type: HeaderValue::from_static("text/plain; charset=utf-8"),
            text: Bytes::from_static(self.text.as_bytes()),
        })
    }

    fn write_fields(&self, headers: &mut HeaderMap, said: &Said, close: bool) {
        headers.insert(CONTENT_TYPE, said.content_type.clone());
        headers.insert(CONTENT_LENGTH, HeaderValue::from(said.text.len()));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static(METHODS));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let why = match self.end {
                End::Limited(TOKEN_INVALID) => "Bearer error=\"invalid_token\"",
                _ => "Bearer",
            };
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(why));
        }
        if close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }

    /// As bytes, for a connection on which there is no request to answer. It always closes.
    pub(crate) fn into_bytes(self, pages: Option<&Pages>) -> Bytes {
        let said = self.say(pages, None);
        let reason = self.status.canonical_reason().unwrap_or_default();
        let mut bytes = format!("HTTP/1.1 {} {reason}\r\ncontent-type: ", self.status.as_u16()).into_bytes();
        bytes.extend_from_slice(said.content_type.as_bytes());
        let length = said.text.len();
        bytes.extend_from_slice(
            format!("\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n").as_bytes(),
        );
        bytes.extend_from_slice(&said.text);
        bytes.into()
    }
}

const RATE_LIMIT: &str = "rate-limit";
const TOKEN_INVALID: &str = "token-invalid";
/// The methods that are served anyway, as far as they have a name here.
pub(crate) const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
const BAD_REQUEST: &str = "400 Bad Request\nThe request does not follow HTTP.\n";
const UNAUTHORIZED: &str = "401 Unauthorized\nA valid token is required.\n";
const METHOD: &str = "405 Method Not Allowed\nThis method is not served here.\n";
const SLOW_CLIENT: &str = "408 Request Timeout\nThe request did not arrive in time.\n";
const TOO_LARGE: &str = "413 Content Too Large\nThe request's body is larger than allowed.\n";
const TARGET_TOO_LONG: &str = "414 URI Too Long\nThe request's target is longer than allowed.\n";
const HEAD_TOO_LARGE: &str =
    "431 Request Header Fields Too Large\nThe request's head is larger than allowed.\n";
const CODING: &str = "501 Not Implemented\nThe only transfer coding accepted is chunked.\n";
const PROTOCOL: &str = "501 Not Implemented\nThis protocol is not served here.\n";
const TOO_OFTEN: &str = "429 Too Many Requests\nPlease come again later.\n";
const BUSY: &str = "503 Service Unavailable\nThere are too many requests. Please come again later.\n";
const REFUSED: &str = "There are too many requests. Please come again later.\n";
const BAD_GATEWAY: &str = "502 Bad Gateway\nThe server gave no usable answer.\n";
const UNAVAILABLE: &str = "503 Service Unavailable\nNo server is ready at the moment. Please try again.\n";
const SLOW_SERVER: &str = "504 Gateway Timeout\nThe server did not answer in time.\n";
