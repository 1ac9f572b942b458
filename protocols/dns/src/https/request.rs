//! What a request asks for: the rules of RFC 8484, section 4.1, as pure functions.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;

use super::reply::Refusal;

/// The longest target that is looked at, in bytes (RFC 9110, section 4.1, asks for 8,000): enough for a query of
/// 9,000 bytes in base64. Longer ones belong into a POST.
pub(super) const TARGET: usize = 12 * 1024;
/// The most bytes of a message: what the length field of DNS over TCP can say.
pub(super) const MESSAGE: usize = 65_535;
/// The media type of RFC 8484, section 6.
pub(super) const MEDIA_TYPE: &str = "application/dns-message";

/// What a request's head says, whichever version of HTTP it came in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<'a> {
    /// The method.
    pub(super) method: &'a [u8],
    /// The target's path, as it came.
    pub(super) path: &'a [u8],
    /// What stands behind the target's `?`.
    pub(super) query: Option<&'a [u8]>,
    /// The value of the content type's field.
    pub(super) content_type: Option<&'a [u8]>,
    /// The body's length, where the head tells it.
    pub(super) length: Option<u64>,
}

/// What a request's head asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The answer to this message.
    Answer(Bytes),
    /// The answer to the message in the body, which is still to be read.
    Body,
}

/// Reads what a request's head asks for, of the service at `path`.
///
/// # Errors
/// What the client is told instead.
pub(super) fn wanted(said: &Said<'_>, path: &[u8]) -> Result<Wanted, Refusal> {
    if said.path.len() + said.query.map_or(0, |query| query.len() + 1) > TARGET {
        return Err(Refusal::TargetTooLong);
    }
    if said.path != path {
        return Err(Refusal::NotFound);
    }
    match said.method {
        b"GET" | b"HEAD" => variable(said.query.unwrap_or_default()).map(Wanted::Answer),
        b"POST" if !said.content_type.is_some_and(is_message) => Err(Refusal::MediaType),
        b"POST" if said.length.is_some_and(|length| length > MESSAGE as u64) => Err(Refusal::TooLarge),
        b"POST" => Ok(Wanted::Body),
        _ => Err(Refusal::Method),
    }
}

/// The message in the variable `dns`: base64url, no padding, no bits left over (RFC 8484, section 6).
fn variable(query: &[u8]) -> Result<Bytes, Refusal> {
    let mut found = query.split(|&b| b == b'&').filter_map(|pair| pair.strip_prefix(b"dns="));
    // Two of them would be read differently by different caches on the way.
    let (Some(text), None) = (found.next(), found.next()) else { return Err(Refusal::NoMessage) };
    URL_SAFE_NO_PAD.decode(text).map(Bytes::from).map_err(|_| Refusal::NoMessage)
}

/// Whether a content type is [`MEDIA_TYPE`], whatever its parameters.
fn is_message(value: &[u8]) -> bool {
    let kind = value.split(|&b| b == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(MEDIA_TYPE.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said<'a>(method: &'a str, target: &'a str, content_type: Option<&'a str>) -> Said<'a> {
        let (path, query) =
            target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        Said {
            method: method.as_bytes(),
            path: path.as_bytes(),
            query: query.map(str::as_bytes),
            content_type: content_type.map(str::as_bytes),
            length: None,
        }
    }

    fn get(target: &str) -> Result<Wanted, Refusal> {
        wanted(&said("GET", target, None), b"/dns-query")
    }

    #[test]
    fn get_carries_the_message_in_base64url_without_padding() {
        let expected = Ok(Wanted::Answer(Bytes::from_static(&[0xfb, 0xff, 0xfe, 0])));
        assert_eq!(get("/dns-query?dns=-__-AA"), expected);
        assert_eq!(get("/dns-query?ct=x&dns=-__-AA&and=more"), expected);
        assert_eq!(wanted(&said("HEAD", "/dns-query?dns=-__-AA", None), b"/dns-query"), expected);
    }

    #[test]
    fn what_is_not_strictly_base64url_is_refused() {
        for bad in
            ["-__-AA==", "+//+AA", "-__-A", "-__-AB", "-__-AA%3D", "-__-AA\n", " -__-AA", "-__-AA&dns=-__-AA"]
        {
            assert_eq!(get(&format!("/dns-query?dns={bad}")), Err(Refusal::NoMessage), "{bad}");
        }
        for missing in ["/dns-query", "/dns-query?", "/dns-query?DNS=AAAA", "/dns-query?xdns=AAAA"] {
            assert_eq!(get(missing), Err(Refusal::NoMessage), "{missing}");
        }
    }

    #[test]
    fn only_the_configured_path_is_served_byte_for_byte() {
        for path in ["/", "/dns-query/", "/DNS-query", "/dns-quer%79", "dns-query", ""] {
            assert_eq!(get(path), Err(Refusal::NotFound), "{path}");
        }
        assert!(wanted(&said("GET", "/resolve?dns=AAAA", None), b"/resolve").is_ok());
    }

    #[test]
    fn methods_other_than_get_head_and_post_are_refused() {
        for method in ["PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", ""] {
            assert_eq!(wanted(&said(method, "/dns-query", None), b"/dns-query"), Err(Refusal::Method));
        }
    }

    #[test]
    fn post_needs_the_media_type_in_any_case_with_any_parameters() {
        let post = |kind| wanted(&said("POST", "/dns-query", kind), b"/dns-query");
        for good in ["application/dns-message", "Application/DNS-Message", "application/dns-message ; a=b"] {
            assert_eq!(post(Some(good)), Ok(Wanted::Body), "{good}");
        }
        for bad in [None, Some(""), Some("application/dns-json"), Some("application/dns-messages")] {
            assert_eq!(post(bad), Err(Refusal::MediaType), "{bad:?}");
        }
    }

    #[test]
    fn a_body_longer_than_any_message_is_refused_unread() {
        let mut said = said("POST", "/dns-query", Some(MEDIA_TYPE));
        said.length = Some(65_535);
        assert_eq!(wanted(&said, b"/dns-query"), Ok(Wanted::Body));
        said.length = Some(65_536);
        assert_eq!(wanted(&said, b"/dns-query"), Err(Refusal::TooLarge));
    }

    #[test]
    fn a_target_longer_than_any_we_read_is_refused() {
        let long = format!("/dns-query?dns={}", "A".repeat(TARGET));
        assert_eq!(get(&long), Err(Refusal::TargetTooLong));
    }
}
