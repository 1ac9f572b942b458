//! Pages of the operator's own for what goes wrong.
//!
//! | module | idea |
//! |---|---|
//! | `read` | what stands in the configuration, and in the files that it names |
//! | `page` | one page, with what is filled in |

mod page;
mod read;
#[cfg(test)]
mod tests;

use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_LOCATION,
    CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED, TRAILER,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, response};

use bytes::Bytes;
use page::Page;

use crate::encode::DIGESTS;

/// The pages of one VIP.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    /// By status.
    exact: Vec<(StatusCode, Page)>,
    /// For the 4xx and the 5xx that have none of their own.
    client: Option<Page>,
    server: Option<Page>,
    /// Servers' errors get them, too.
    intercept: bool,
}

/// A text, and what it is.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) content_type: HeaderValue,
    pub(crate) text: Bytes,
}

impl Pages {
    /// What is said with this status to a request of this id; `None`: as without pages.
    pub(crate) fn say(&self, status: StatusCode, id: Option<&HeaderValue>) -> Option<Said> {
        self.of(status).map(|page| page.fill(status, id.map(HeaderValue::as_bytes).unwrap_or_default()))
    }

    /// What is said instead of a server's answer, whose head says so then.
    pub(crate) fn replace(&self, head: &mut response::Parts, id: Option<&HeaderValue>) -> Option<Bytes> {
        if !self.intercept || is_call(&head.headers) {
            return None;
        }
        let said = self.say(head.status, id)?;
        for name in OF_THE_BODY.iter().chain(&DIGESTS) {
            head.headers.remove(name);
        }
        head.headers.insert(CONTENT_TYPE, said.content_type);
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(said.text.len()));
        Some(said.text)
    }

    fn of(&self, status: StatusCode) -> Option<&Page> {
        let class = || match status.as_u16() {
            400..=499 => self.client.as_ref(),
            500..=599 => self.server.as_ref(),
            _ => None,
        };
        self.exact.iter().find(|(own, _)| *own == status).map(|(_, page)| page).or_else(class)
    }
}

/// Whether an answer is gRPC's, whose clients read trailers and no pages.
fn is_call(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// Fields that describe a body which is not sent.
static OF_THE_BODY: [HeaderName; 9] = [
    ACCEPT_RANGES,
    CONTENT_DISPOSITION,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_LOCATION,
    CONTENT_RANGE,
    ETAG,
    LAST_MODIFIED,
    TRAILER,
];
