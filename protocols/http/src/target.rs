//! Which resource of which host a request asks for.

use std::fmt::Write as _;
use std::net::SocketAddr;

use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Uri, Version, request};

/// Why a request's target, host or method is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadTarget {
    /// HTTP/1.1 without Host, or more than one (RFC 9112, section 3.2).
    #[error("host-missing-or-repeated")]
    HostCount,
    /// What stands in Host, or in the target's authority, is not `host [":" port]`.
    #[error("host-malformed")]
    HostSyntax,
    /// The target has none of the forms of RFC 9112, section 3.2, or not the one its method needs.
    #[error("target-malformed")]
    Form,
}

/// Brings a request into origin form with exactly one valid Host: what the server will see.
///
/// The authority of an absolute target wins over Host (RFC 9112, section 3.2.2), its userinfo is dropped. A request
/// of HTTP/1.0 that names no host gets the address that it reached. CONNECT keeps its authority form.
pub(crate) fn resolve(head: &mut request::Parts, local: SocketAddr) -> Result<(), BadTarget> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let named = match (hosts.next(), hosts.next()) {
        (Some(host), None) => {
            valid_host(host.as_bytes()).then_some(()).ok_or(BadTarget::HostSyntax)?;
            true
        }
        (None, _) if head.version < Version::HTTP_11 => false,
        _ => return Err(BadTarget::HostCount),
    };
    match (head.uri.scheme_str(), head.uri.authority()) {
        (None, Some(authority)) if head.method == Method::CONNECT => {
            let host = authority.as_str().as_bytes();
            // RFC 9110, section 9.3.6: the port is no matter of course.
            let port = host.rsplit(|&b| b == b':').next().unwrap_or_default();
            if !valid_host(host) || port.is_empty() || !port.iter().all(u8::is_ascii_digit) {
                return Err(BadTarget::HostSyntax);
            }
            let host = HeaderValue::from_bytes(host).map_err(|_| BadTarget::HostSyntax)?;
            head.headers.insert(HOST, host);
            return Ok(());
        }
        _ if head.method == Method::CONNECT => return Err(BadTarget::Form),
        (Some("http" | "https"), Some(authority)) => {
            let host = authority.as_str().rsplit('@').next().unwrap_or_default();
            if !valid_host(host.as_bytes()) {
                return Err(BadTarget::HostSyntax);
            }
            let host = HeaderValue::from_str(host).map_err(|_| BadTarget::HostSyntax)?;
            let path = match head.uri.path_and_query() {
                // An absolute target without a path stands for the server as a whole (RFC 9112, section 3.2.4).
                Some(path) if path.as_str() == "/" && head.method == Method::OPTIONS => {
                    PathAndQuery::from_static("*")
                }
                // A query alone is that of the root (RFC 9112, section 3.2.1).
                Some(path) if path.as_str().starts_with('?') => {
                    format!("/{}", path.as_str()).parse().map_err(|_| BadTarget::Form)?
                }
                Some(path) => path.clone(),
                None => PathAndQuery::from_static("/"),
            };
            head.headers.insert(HOST, host);
            head.uri = Uri::from(path);
            return Ok(());
        }
        (None, None) => {}
        _ => return Err(BadTarget::Form),
    }
    match head.uri.path() {
        "*" if head.method == Method::OPTIONS => {}
        path if path.starts_with('/') => {}
        _ => return Err(BadTarget::Form),
    }
    if !named {
        let mut host = crate::text::Text::new();
        let _ = write!(host, "{local}");
        head.headers.insert(HOST, host.value().ok_or(BadTarget::HostSyntax)?);
    }
    Ok(())
}

/// `uri-host [":" port]` (RFC 9110, section 7.2), stricter than the grammar in one thing: no comma, because two Host
/// lines that somebody merged look like that.
pub(crate) fn valid_host(host: &[u8]) -> bool {
    let (name, port) = match host {
        [b'[', rest @ ..] => {
            let Some(end) = rest.iter().position(|&b| b == b']') else { return false };
            let (literal, after) = rest.split_at(end);
            if literal.is_empty()
                || !literal.iter().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'))
            {
                return false;
            }
            match after {
                [_] => return true,
                [_, b':', port @ ..] => (literal, port),
                _ => return false,
            }
        }
        _ => match host.iter().position(|&b| b == b':') {
            Some(colon) => {
                let (name, port) = host.split_at(colon);
                (name, port.get(1..).unwrap_or_default())
            }
            None => (host, &[][..]),
        },
    };
    let bracketed = host.first() == Some(&b'[');
    !name.is_empty()
        && (bracketed || name.iter().all(|&b| name_byte(b)))
        && port.len() <= 5
        && port.iter().all(u8::is_ascii_digit)
        && port.iter().fold(0u32, |n, &d| n * 10 + u32::from(d - b'0')) <= 65_535
}

fn name_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(b, b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*')
        || matches!(b, b'+' | b';' | b'=' | b'%')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(
        method: &str,
        target: &str,
        version: Version,
        hosts: &[&str],
    ) -> Result<(String, String), BadTarget> {
        let mut request = http::Request::builder().method(method).uri(target).version(version);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        resolve(&mut head, "192.0.2.80:80".parse().unwrap())?;
        Ok((head.uri.to_string(), head.headers[HOST].to_str().unwrap().to_owned()))
    }

    #[test]
    fn host_is_a_name_or_address_with_a_numeric_port() {
        for good in ["a.example", "a.example:80", "a:", "192.0.2.1:8080", "[2001:db8::1]", "[::1]:443", "a_b"]
        {
            assert!(valid_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "", ":80", "a b", "a\tb", "a/b", "a?b", "a#b", "a\\b", "u@a", "a:80a", "a:99999", "a:1:2",
            "[::1", "[]", "[::1]x", "a,b", "[g]", "a\"b", "<a>", "a:-1", "a:000080", "a\u{e4}",
        ] {
            assert!(!valid_host(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn http11_needs_exactly_one_host() {
        assert_eq!(resolved("GET", "/", Version::HTTP_11, &[]), Err(BadTarget::HostCount));
        for version in [Version::HTTP_10, Version::HTTP_11] {
            assert_eq!(resolved("GET", "/", version, &["a", "a"]), Err(BadTarget::HostCount));
            assert_eq!(resolved("GET", "/", version, &["a/b"]), Err(BadTarget::HostSyntax));
        }
    }

    #[test]
    fn http10_without_host_gets_the_address_it_reached() {
        let (target, host) = resolved("GET", "/x", Version::HTTP_10, &[]).unwrap();
        assert_eq!((target.as_str(), host.as_str()), ("/x", "192.0.2.80:80"));
    }

    #[test]
    fn absolute_form_wins_over_host_and_loses_its_userinfo() {
        let (target, host) =
            resolved("GET", "http://user:pw@b.example:81/p?q=1", Version::HTTP_11, &["a.example"]).unwrap();
        assert_eq!((target.as_str(), host.as_str()), ("/p?q=1", "b.example:81"));
        let (target, _) = resolved("OPTIONS", "http://b.example", Version::HTTP_11, &["a"]).unwrap();
        assert_eq!(target, "*");
        let (target, _) = resolved("GET", "http://b.example?q", Version::HTTP_11, &["a"]).unwrap();
        assert_eq!(target, "/?q");
    }

    #[test]
    fn forms_that_do_not_fit_their_method_are_refused() {
        let host = &["a"][..];
        assert_eq!(resolved("GET", "a:443", Version::HTTP_11, host), Err(BadTarget::Form));
        assert_eq!(resolved("GET", "*", Version::HTTP_11, host), Err(BadTarget::Form));
        assert_eq!(resolved("GET", "ftp://a/", Version::HTTP_11, host), Err(BadTarget::Form));
        assert!(resolved("OPTIONS", "*", Version::HTTP_11, host).is_ok());
    }

    #[test]
    fn connect_names_a_host_and_a_port_and_wins_over_host() {
        let (target, host) = resolved("CONNECT", "b.example:443", Version::HTTP_11, &["a"]).unwrap();
        assert_eq!((target.as_str(), host.as_str()), ("b.example:443", "b.example:443"));
        for bad in ["b.example", "b.example:", "u@b.example:443", "[::1]", "b.example:99999"] {
            assert_eq!(
                resolved("CONNECT", bad, Version::HTTP_11, &["a"]),
                Err(BadTarget::HostSyntax),
                "{bad}"
            );
        }
        for bad in ["/", "*", "http://b.example:443/"] {
            assert_eq!(resolved("CONNECT", bad, Version::HTTP_11, &["a"]), Err(BadTarget::Form), "{bad}");
        }
    }

    #[test]
    fn path_and_query_stay_as_they_are_byte_for_byte() {
        for target in ["/%2e%2E/a//b?x=%00&y=a+b", "//double", "/a?b?c", "/;p=1", "/ü"] {
            if let Ok((seen, _)) = resolved("GET", target, Version::HTTP_11, &["a"]) {
                assert_eq!(seen, target);
            }
        }
    }
}
