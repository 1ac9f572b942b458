//! A request of HTTP/2 in the terms of HTTP/1.1.

use h2::ext::Protocol;
use http::header::{CONTENT_LENGTH, COOKIE, EXPECT, HOST, HeaderValue, TRANSFER_ENCODING};
use http::uri::Scheme;
use http::{Method, Uri, request};

use crate::answer::Answer;
use crate::target::{BadTarget, valid_host};
use crate::text::Text;

/// What stands behind a request's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behind {
    /// Its body.
    Body,
    /// A tunnel, once a server opens it.
    Tunnel,
    /// A WebSocket, once a server agrees (RFC 8441).
    Socket,
}

/// What stands behind a head, as its method and protocol have it. `sockets`: clients were told that they may ask for one.
///
/// # Errors
/// What the client is told that asks for another protocol.
pub(super) fn behind(head: &request::Parts, sockets: bool) -> Result<Behind, Answer> {
    if head.method != Method::CONNECT {
        return Ok(Behind::Body);
    }
    match head.extensions.get::<Protocol>() {
        None => Ok(Behind::Tunnel),
        Some(protocol) if sockets && protocol.as_str().eq_ignore_ascii_case("websocket") => {
            Ok(Behind::Socket)
        }
        Some(_) => Err(Answer::PROTOCOL),
    }
}

/// Makes a request what one of HTTP/1.1 would be that says the same: origin form, one Host, one Cookie line, and a framing
/// field where the body's length is not known. `bodiless`: it ends with its head. One for a tunnel keeps its authority.
///
/// # Errors
/// What is wrong with what it asks for.
pub(super) fn normal(head: &mut request::Parts, bodiless: bool) -> Result<(), BadTarget> {
    if let Some(authority) = head.uri.authority() {
        let authority = authority.as_str().as_bytes();
        if !valid_host(authority) {
            return Err(BadTarget::HostSyntax);
        }
        let differs = |host: &HeaderValue| !host.as_bytes().eq_ignore_ascii_case(authority);
        // RFC 9113, section 8.3.1: who names two hosts means to reach one of them by the other's name.
        if head.headers.get_all(HOST).iter().any(differs) {
            return Err(BadTarget::HostCount);
        }
        let host = HeaderValue::from_bytes(authority).map_err(|_| BadTarget::HostSyntax)?;
        head.headers.insert(HOST, host);
    }
    if head.uri.scheme().is_some_and(|scheme| *scheme != Scheme::HTTP && *scheme != Scheme::HTTPS) {
        return Err(BadTarget::Form);
    }
    match head.uri.path_and_query() {
        Some(target) => head.uri = Uri::from(target.clone()),
        None if head.method == Method::CONNECT => {}
        None => return Err(BadTarget::Form),
    }
    join_cookies(head)?;
    // The body is asked for when its server takes it; nobody has to be invited.
    head.headers.remove(EXPECT);
    if !bodiless && !head.headers.contains_key(CONTENT_LENGTH) {
        head.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    Ok(())
}

/// Cookies that came in several fields are one line again (RFC 9113, section 8.2.3).
fn join_cookies(head: &mut request::Parts) -> Result<(), BadTarget> {
    let mut lines = head.headers.get_all(COOKIE).iter();
    if lines.next().is_none() || lines.next().is_none() {
        return Ok(());
    }
    let mut text = Text::new();
    for line in head.headers.get_all(COOKIE) {
        if !text.is_empty() {
            text.push(b"; ");
        }
        text.push(line.as_bytes());
    }
    // Values that each may stand in a field may stand in one together.
    let line = text.value().ok_or(BadTarget::Form)?;
    head.headers.insert(COOKIE, line);
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::Version;

    use super::*;

    fn request(uri: &str, lines: &[(&str, &str)]) -> request::Parts {
        let mut request = http::Request::builder().version(Version::HTTP_2).uri(uri);
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn authority_becomes_the_host_and_the_target_its_path() {
        let mut head = request("https://a.example:8443/p?q=1", &[]);
        normal(&mut head, true).unwrap();
        assert_eq!(
            (&*head.uri.to_string(), &head.headers["host"]),
            ("/p?q=1", &"a.example:8443".parse().unwrap())
        );
        assert!(!head.headers.contains_key(TRANSFER_ENCODING));
    }

    #[test]
    fn request_that_names_two_hosts_or_none_that_can_be_is_refused() {
        let mut same = request("https://a.example/", &[("host", "A.example")]);
        assert_eq!(normal(&mut same, true), Ok(()));
        let mut other = request("https://a.example/", &[("host", "b.example")]);
        assert_eq!(normal(&mut other, true), Err(BadTarget::HostCount));
        let mut user = request("https://u@a.example/", &[]);
        assert_eq!(normal(&mut user, true), Err(BadTarget::HostSyntax));
    }

    #[test]
    fn crumbs_are_one_cookie_line() {
        let mut head = request("https://a/", &[("cookie", "a=1"), ("cookie", "b=2; c=3")]);
        normal(&mut head, true).unwrap();
        let lines: Vec<&str> =
            head.headers.get_all(COOKIE).iter().map(|line| line.to_str().unwrap()).collect();
        assert_eq!(lines, ["a=1; b=2; c=3"]);
    }

    #[test]
    fn body_of_unknown_length_goes_on_in_chunks() {
        let mut head = request("https://a/", &[("expect", "100-continue")]);
        normal(&mut head, false).unwrap();
        assert_eq!(head.headers[TRANSFER_ENCODING], "chunked");
        assert!(!head.headers.contains_key(EXPECT));
        let mut known = request("https://a/", &[("content-length", "5")]);
        normal(&mut known, false).unwrap();
        assert!(!known.headers.contains_key(TRANSFER_ENCODING));
    }
}
