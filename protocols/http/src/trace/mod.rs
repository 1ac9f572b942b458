//! Numbers that a request is found by, here and at its server: `X-Request-Id` and the W3C's trace context.
//!
//! | module | idea |
//! |---|---|
//! | `ids` | numbers that nobody foretells |
//! | `request_id` | the request's own number |
//! | `context` | the trace that it belongs to |

mod context;
mod ids;
mod request_id;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use sekisho_api::Try;
use sekisho_api::settings::Section;

use context::Context;
pub(crate) use ids::Ids;
use request_id::RequestId;

/// What a VIP does about such numbers.
#[derive(Debug, Default)]
pub(crate) struct Tracing {
    request_id: Option<RequestId>,
    context: Option<Context>,
}

/// By what one request is found, and what was remarked about it.
#[derive(Debug, Default)]
pub(crate) struct Marked {
    pub(crate) request_id: Option<HeaderValue>,
    context: Option<context::Parent>,
    /// The rate limit that it was beyond.
    pub(crate) limit: Option<Arc<str>>,
    /// The servers that it was tried on, where they are to be reported.
    tries: Vec<Try>,
    /// The last of them is under way.
    trying: bool,
}

impl Tracing {
    /// Reads `request-id` and `trace-context` with what belongs to them.
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        Self { request_id: RequestId::read(section), context: Context::read(section) }
    }

    /// The field that a request's number stands in, where it has one.
    pub(crate) fn field(&self) -> Option<&HeaderName> {
        self.request_id.as_ref().map(|id| &id.header)
    }

    /// The numbers of a request as it came; `None` where nobody asks for any. `trusted`: its peer's word counts.
    pub(crate) fn mark(
        &self,
        headers: &HeaderMap,
        trusted: impl FnOnce() -> bool,
        ids: &Ids,
    ) -> Option<Box<Marked>> {
        if self.request_id.is_none() && self.context.is_none() {
            return None;
        }
        let trusted = trusted();
        Some(Box::new(Marked {
            request_id: self.request_id.as_ref().and_then(|id| id.of(headers, trusted, ids)),
            context: self.context.as_ref().and_then(|context| context.of(headers, trusted, ids)),
            limit: None,
            tries: Vec::new(),
            trying: false,
        }))
    }

    /// Tells the server.
    pub(crate) fn write(&self, headers: &mut HeaderMap, marked: Option<&Marked>) {
        let Some(marked) = marked else { return };
        if let (Some(id), Some(value)) = (&self.request_id, &marked.request_id) {
            headers.insert(&id.header, value.clone());
        }
        if self.context.is_some() {
            context::write(headers, marked.context.as_ref());
        }
    }

    /// Tells the client, where it is to know.
    pub(crate) fn echo(&self, headers: &mut HeaderMap, marked: Option<&Marked>) {
        if let (Some(RequestId { header, echo: true, .. }), Some(Marked { request_id: Some(value), .. })) =
            (&self.request_id, marked)
        {
            headers.insert(header, value.clone());
        }
    }
}

impl Marked {
    /// Whether the servers that it is tried on are to be reported.
    pub(crate) fn reports(&self) -> bool {
        self.context.as_ref().is_some_and(|context| context.told().is_some())
    }

    /// It is tried on this server, so long after it began.
    pub(crate) fn begin_try(&mut self, server: Arc<str>, began: Duration) {
        let told = self.context.as_ref().and_then(context::Parent::told);
        if let Some(id) = told.filter(|_| self.tries.len() < TRIES) {
            self.tries.push(Try { id, server, began, ended: began, status: 0, failure: None });
            self.trying = true;
        }
    }

    /// That has ended, if it has not before.
    pub(crate) fn end_try(&mut self, ended: Duration, status: u16, failure: Option<&'static str>) {
        if std::mem::take(&mut self.trying)
            && let Some(last) = self.tries.last_mut()
        {
            (last.ended, last.status, last.failure) = (ended, status, failure);
        }
    }

    /// What the last server was to be told another one is: its span has a number that nobody was told.
    pub(crate) fn hand_on(&mut self, ids: &Ids) {
        self.tries.last_mut().into_iter().for_each(|last| last.id = context::span_id(ids));
    }

    /// The request is written again, for another server.
    pub(crate) fn renew(&mut self, ids: &Ids) {
        self.context.iter_mut().for_each(|context| context.renew(ids));
    }

    /// Tells that server its number.
    pub(crate) fn tell_again(&self, headers: &mut HeaderMap) {
        self.context.iter().for_each(|context| context::tell_again(headers, context));
    }

    /// For the access log.
    pub(crate) fn marks(&self) -> sekisho_api::Marks<'_> {
        sekisho_api::Marks {
            request_id: self.request_id.as_ref().and_then(|value| value.to_str().ok()),
            trace_id: self.context.as_ref().and_then(context::Parent::trace_id),
            rate_limit: self.limit.as_deref(),
            forwarded_for: None,
            span: self.context.as_ref().and_then(context::Parent::span),
            tries: &self.tries,
        }
    }
}

/// Servers of one request that are reported.
const TRIES: usize = 32;

/// Whether all bytes are digits of a hexadecimal number, in small letters.
fn hexadecimal(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
