//! A request in the terms of HTTP/2.

use h2::ext::Protocol;
use http::header::{CONTENT_LENGTH, EXPECT, HOST, HeaderName, HeaderValue, SEC_WEBSOCKET_KEY};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Uri, Version, request};

use super::connection::remove_connection_fields;
use crate::codec::client::request::{Framing, may_follow};

/// What a request of HTTP/1.1 says, said in HTTP/2 (RFC 9113, section 8.3.1). The scheme is that of the connection to
/// the server: some take another one for an attempt to deceive them.
pub(super) fn translate(head: &request::Parts, framing: Framing, secure: bool) -> Request<()> {
    if head.method == Method::CONNECT {
        return tunnel(head);
    }
    let mut request = Request::new(());
    *request.method_mut() = head.method.clone();
    *request.version_mut() = Version::HTTP_2;
    let headers = request.headers_mut();
    headers.clone_from(&head.headers);
    remove_connection_fields(headers);
    headers.remove(EXPECT);
    match framing {
        Framing::Length(length) => _ = headers.insert(CONTENT_LENGTH, HeaderValue::from(length)),
        Framing::Chunked => _ = headers.remove(CONTENT_LENGTH),
        // A request that says so keeps its word that nothing comes.
        Framing::Nothing if headers.contains_key(CONTENT_LENGTH) => {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(0));
        }
        Framing::Nothing => {}
    }
    let target = head.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let scheme = if secure { Scheme::HTTPS } else { Scheme::HTTP };
    let authority = headers.get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    *request.uri_mut() = match authority.and_then(|authority| whole(scheme, authority, target.clone())) {
        Some(uri) => {
            request.headers_mut().remove(HOST);
            uri
        }
        // A client of HTTP/1.0 may ask nobody in particular.
        None => {
            *request.version_mut() = Version::HTTP_11;
            Uri::from(target)
        }
    };
    request
}

/// A request for a WebSocket as RFC 8441, section 5 has it. There is no key: nobody can take it for another request.
pub(super) fn socket(head: &request::Parts, secure: bool) -> Request<()> {
    let mut request = translate(head, Framing::Nothing, secure);
    *request.method_mut() = Method::CONNECT;
    request.extensions_mut().insert(Protocol::from_static("websocket"));
    request.headers_mut().remove(SEC_WEBSOCKET_KEY);
    request.headers_mut().remove(CONTENT_LENGTH);
    request
}

/// A request for a tunnel (RFC 9113, section 8.5), which names whom it leads to and nothing else.
fn tunnel(head: &request::Parts) -> Request<()> {
    let mut request = Request::new(());
    *request.method_mut() = Method::CONNECT;
    *request.version_mut() = Version::HTTP_2;
    request.headers_mut().clone_from(&head.headers);
    remove_connection_fields(request.headers_mut());
    for name in [EXPECT, CONTENT_LENGTH, HOST] {
        request.headers_mut().remove(name);
    }
    *request.uri_mut() = head.uri.authority().cloned().map(Uri::from).unwrap_or_default();
    request
}

fn whole(scheme: Scheme, authority: Authority, target: PathAndQuery) -> Option<Uri> {
    Uri::builder().scheme(scheme).authority(authority).path_and_query(target).build().ok()
}

/// The fields behind a body that may stand there: of a client of HTTP/1.1 those alone that it declared.
pub(super) fn trailers(fields: &HeaderMap, declared: Option<&[HeaderName]>) -> HeaderMap {
    let passes = |name: &HeaderName| match declared {
        Some(declared) => declared.contains(name),
        None => may_follow(name),
    };
    let fields = fields.iter().filter(|(name, _)| passes(name));
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(target: &str, lines: &[(&str, &str)]) -> request::Parts {
        let mut request = Request::builder().uri(target);
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn host_becomes_the_authority_and_what_belongs_to_a_connection_stays_behind() {
        let head = head(
            "/p?q=1",
            &[
                ("host", "a.example:8080"),
                ("connection", "te"),
                ("te", "trailers"),
                ("transfer-encoding", "chunked"),
                ("keep-alive", "timeout=5"),
                ("expect", "100-continue"),
                ("cookie", "a=1; b=2"),
            ],
        );
        let request = translate(&head, Framing::Chunked, false);
        assert_eq!(request.uri(), "http://a.example:8080/p?q=1");
        let mut names: Vec<&str> = request.headers().keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["cookie", "te"]);
        assert_eq!(translate(&head, Framing::Chunked, true).uri().scheme(), Some(&Scheme::HTTPS));
    }

    #[test]
    fn length_is_the_framings() {
        let head = head("/", &[("host", "a"), ("content-length", "7")]);
        for (framing, expected) in
            [(Framing::Length(5), Some("5")), (Framing::Chunked, None), (Framing::Nothing, Some("0"))]
        {
            let request = translate(&head, framing, false);
            assert_eq!(request.headers().get(CONTENT_LENGTH).map(|v| v.to_str().unwrap()), expected);
        }
    }

    #[test]
    fn request_for_nobody_or_for_the_server_itself_is_one() {
        let request = translate(&head("/", &[]), Framing::Nothing, false);
        assert_eq!((request.uri().authority(), request.version()), (None, Version::HTTP_11));
        let request = translate(&head("*", &[("host", "a")]), Framing::Nothing, false);
        assert_eq!(request.uri().path(), "*");
    }

    #[test]
    fn trailers_frame_nothing_and_are_declared_where_they_have_to_be() {
        let fields =
            [("x-sum", "1"), ("content-length", "3"), ("x-forwarded-for", "9"), ("x_forwarded_for", "9")];
        let fields: HeaderMap = fields
            .map(|(name, value)| (name.parse().unwrap(), value.parse::<HeaderValue>().unwrap()))
            .into_iter()
            .collect();
        assert_eq!(trailers(&fields, None).keys().collect::<Vec<_>>(), ["x-sum"]);
        assert!(trailers(&fields, Some(&[])).is_empty());
        assert_eq!(trailers(&fields, Some(&["x-sum".parse().unwrap()])).len(), 1);
    }
}
