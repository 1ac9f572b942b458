//! What the gateway says itself to a caller of gRPC, which looks at `grpc-status` and not at the status of HTTP.

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode, Version, request};
use sekisho_api::End;

use crate::codec::Download;

/// Whether a request is a call: such clients speak HTTP/2 and say so.
pub(crate) fn is_call(head: &request::Parts) -> bool {
    head.version == Version::HTTP_2 && is_grpc(&head.headers)
}

/// Whether a message belongs to a call: `application/grpc`, with a suffix or parameters, and not `application/grpc-web`.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let (name, rest) = kind.split_at_checked(GRPC.len()).unwrap_or_default();
    name.eq_ignore_ascii_case(GRPC) && matches!(rest.first(), None | Some(b'+' | b';' | b' '))
}

/// An answer of the gateway's own as a caller understands it: its head is its end.
pub(crate) fn answer(status: StatusCode, end: End) -> Response<Download> {
    let mut answer = Response::new(Download::Empty);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    answer.headers_mut().extend(trailers(status, end));
    answer
}

/// The end of an answer that broke off: without them it would have none.
pub(crate) fn trailers(status: StatusCode, end: End) -> HeaderMap {
    let why = if end == End::Done { status.canonical_reason().unwrap_or_default() } else { end.name() };
    let message = format!("sekisho: {why}");
    let mut fields = HeaderMap::new();
    fields.insert(GRPC_STATUS, HeaderValue::from(code(status, end)));
    // Words, blanks and hyphens: nothing to be escaped.
    fields.extend(HeaderValue::try_from(message).ok().map(|message| (GRPC_MESSAGE, message)));
    fields
}

/// The status of gRPC that says it: where HTTP's tells no more, that of gRPC's own document `http-grpc-status-mapping`.
fn code(status: StatusCode, end: End) -> u16 {
    match (end, status.as_u16()) {
        (End::Expired(_), _) | (_, 408) => DEADLINE_EXCEEDED,
        (_, 413 | 414 | 429 | 431) => RESOURCE_EXHAUSTED,
        (_, 400) => INTERNAL,
        (_, 401) => UNAUTHENTICATED,
        (_, 403) => PERMISSION_DENIED,
        (_, 404 | 405 | 501) => UNIMPLEMENTED,
        (_, 502..=504) => UNAVAILABLE,
        _ => UNKNOWN,
    }
}

const GRPC: &[u8] = b"application/grpc";
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const UNKNOWN: u16 = 2;
const DEADLINE_EXCEEDED: u16 = 4;
const PERMISSION_DENIED: u16 = 7;
const RESOURCE_EXHAUSTED: u16 = 8;
const UNIMPLEMENTED: u16 = 12;
const INTERNAL: u16 = 13;
const UNAVAILABLE: u16 = 14;
const UNAUTHENTICATED: u16 = 16;

#[cfg(test)]
mod tests {
    use sekisho_api::{Blame, Deadline, Unavailable};

    use super::*;

    #[test]
    fn call_says_so_and_speaks_http_2() {
        let call = |kind: &'static str, version| {
            let request = http::Request::builder().version(version).header(CONTENT_TYPE, kind);
            is_call(&request.body(()).unwrap().into_parts().0)
        };
        for kind in ["application/grpc", "application/grpc+proto", "Application/GRPC; v=1"] {
            assert!(call(kind, Version::HTTP_2), "{kind}");
            assert!(!call(kind, Version::HTTP_11), "{kind}");
        }
        for kind in ["application/grpc-web", "application/grpcx", "application/json", "application/grp", ""] {
            assert!(!call(kind, Version::HTTP_2), "{kind}");
        }
    }

    #[test]
    fn caller_is_told_whether_it_is_worth_trying_again() {
        let down = End::Unavailable(Unavailable::AllDown);
        let told = answer(StatusCode::SERVICE_UNAVAILABLE, down);
        assert_eq!(told.status(), StatusCode::OK);
        assert_eq!(told.headers()["grpc-status"], "14");
        assert_eq!(told.headers()["grpc-message"], "sekisho: all-down");
        for (status, end, expected) in [
            (502, End::ServerLeft, 14),
            (504, End::Expired(Deadline::Response), 4),
            (413, End::Limited("max-body"), 8),
            (400, End::Fault(Blame::Client, "host-malformed"), 13),
            (403, End::Done, 7),
            (500, End::Done, 2),
        ] {
            assert_eq!(code(StatusCode::from_u16(status).unwrap(), end), expected, "{status}");
        }
    }
}
