//! How far OPTIONS and TRACE go (RFC 9110, section 7.6.2).

use bytes::Bytes;
use http::header::{
    ALLOW, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderValue, MAX_FORWARDS,
    PROXY_AUTHORIZATION,
};
use http::{Method, Response, request};

use crate::answer::METHODS;
use crate::codec::Download;

/// Counts a hop off `Max-Forwards`, which concerns these two methods alone. Gives the answer, where it may go no further
/// than here.
pub(crate) fn count(head: &mut request::Parts) -> Option<Response<Download>> {
    if head.method != Method::OPTIONS && head.method != Method::TRACE {
        return None;
    }
    let left: u64 = head.headers.get(MAX_FORWARDS)?.to_str().ok()?.parse().ok()?;
    if let Some(left) = left.checked_sub(1) {
        head.headers.insert(MAX_FORWARDS, HeaderValue::from(left));
        return None;
    }
    let (body, field) = match head.method {
        Method::TRACE => (reflected(head), (CONTENT_TYPE, HeaderValue::from_static("message/http"))),
        _ => (Bytes::new(), (ALLOW, HeaderValue::from_static(METHODS))),
    };
    let length = HeaderValue::from(body.len());
    let mut response = Response::new(Download::full(body));
    response.headers_mut().extend([field, (CONTENT_LENGTH, length)]);
    Some(response)
}

/// The request as it came, without what proves who sends it (RFC 9110, section 9.3.8).
fn reflected(head: &request::Parts) -> Bytes {
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut text = format!("{} {target} HTTP/1.1\r\n", head.method).into_bytes();
    let secret = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];
    for (name, value) in head.headers.iter().filter(|(name, _)| !secret.contains(name)) {
        text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    text.extend(b"\r\n");
    text.into()
}
