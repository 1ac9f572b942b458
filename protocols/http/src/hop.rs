//! Fields that belong to one connection and end there (RFC 9110, section 7.6.1).

use http::header::{
    CONNECTION, CONTENT_LENGTH, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRANSFER_ENCODING,
    UPGRADE,
};
use smallvec::SmallVec;

use crate::forward::{X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PORT, X_FORWARDED_PROTO};
use crate::present::Present;

/// Removes what must not reach the server. `TE: trailers` stays, for gRPC. Of an upgrade only that to a WebSocket does,
/// and only if `upgrades` says so; true: the request asks for it.
pub(crate) fn strip_request(
    headers: &mut HeaderMap,
    present: Present,
    upgrades: impl FnOnce() -> bool,
) -> bool {
    if !present.has(Present::HOP_BY_HOP) {
        return false;
    }
    let upgrade = asks_for_upgrade(headers) && upgrades();
    let trailers = present.has(Present::TE) && has_token(headers, &TE, b"trailers");
    strip(headers, present);
    let te = headers.remove(TE).is_some() && trailers;
    if upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    } else if te {
        headers.insert(TE, HeaderValue::from_static("trailers"));
        // RFC 9110, section 10.1.4: who sends TE nominates it.
        headers.insert(CONNECTION, HeaderValue::from_static("te"));
    }
    headers.remove(HTTP2_SETTINGS);
    upgrade
}

/// Whether a request asks, among other things, for a WebSocket (RFC 6455, section 4.1).
fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    headers.contains_key(UPGRADE)
        && has_token(headers, &CONNECTION, b"upgrade")
        && has_token(headers, &UPGRADE, b"websocket")
}

/// Whether an answer says that what follows is a WebSocket, and nothing else (RFC 6455, section 4.2.2).
pub(crate) fn upgrades(headers: &HeaderMap) -> bool {
    let mut protocols = headers.get_all(UPGRADE).iter().flat_map(tokens);
    asks_for_upgrade(headers) && protocols.next().is_some() && protocols.next().is_none()
}

/// Removes what must not reach the client.
pub(crate) fn strip_response(headers: &mut HeaderMap) {
    let present = Present::of(headers);
    if present.has(Present::HOP_BY_HOP) {
        strip(headers, present);
    }
}

/// Whether a list-valued field has this token, without regard to case.
pub(crate) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &[u8]) -> bool {
    headers.get_all(name).iter().flat_map(tokens).any(|found| found.eq_ignore_ascii_case(token))
}

/// Whether the only transfer coding is `chunked`, once: the one that the gateway decodes.
pub(crate) fn only_chunked(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter().flat_map(tokens);
    codings.next().is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked")) && codings.next().is_none()
}

fn strip(headers: &mut HeaderMap, present: Present) {
    if present.has(Present::CONNECTION)
        && let Some(first) = headers.get(CONNECTION)
    {
        // Nearly every message says just this.
        let plain = [&b"keep-alive"[..], b"close", b"Keep-Alive"].contains(&first.as_bytes());
        if !plain || headers.get_all(CONNECTION).iter().nth(1).is_some() {
            strip_nominated(headers);
        }
        headers.remove(CONNECTION);
    }
    for (field, name) in [
        (Present::KEEP_ALIVE, KEEP_ALIVE),
        (Present::PROXY_CONNECTION, PROXY_CONNECTION),
        (Present::UPGRADE, UPGRADE),
        (Present::TRANSFER_ENCODING, TRANSFER_ENCODING),
    ] {
        if present.has(field) {
            headers.remove(name);
        }
    }
}

/// Removes the fields that Connection nominates, except those that frame or route the message: a client must not be
/// able to strip what the gateway, or a proxy before it, says about the client.
fn strip_nominated(headers: &mut HeaderMap) {
    let nominated: SmallVec<[HeaderName; 4]> = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(tokens)
        .filter_map(|token| HeaderName::from_bytes(token).ok())
        .filter(|name| !PROTECTED.contains(name))
        .collect();
    for name in nominated {
        headers.remove(name);
    }
}

fn tokens(value: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    value.as_bytes().split(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
/// `TE` is handled by itself.
const PROTECTED: [HeaderName; 9] = [
    HOST,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    TE,
    FORWARDED,
    X_FORWARDED_FOR,
    X_FORWARDED_HOST,
    X_FORWARDED_PORT,
    X_FORWARDED_PROTO,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        lines.iter().map(|(n, v)| (n.parse::<HeaderName>().unwrap(), v.parse().unwrap())).collect()
    }

    fn stripped(lines: &[(&str, &str)]) -> Vec<String> {
        let mut headers = headers(lines);
        let present = Present::of(&headers);
        strip_request(&mut headers, present, || false);
        let mut left: Vec<String> =
            headers.iter().map(|(n, v)| format!("{n}: {}", v.to_str().unwrap())).collect();
        left.sort();
        left
    }

    #[test]
    fn fields_of_the_connection_end_at_the_gateway() {
        let left = stripped(&[
            ("connection", "close, X-Secret"),
            ("connection", "x-other"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABkAAQAAP__"),
            ("transfer-encoding", "chunked"),
            ("x-secret", "1"),
            ("x-other", "2"),
            ("accept", "*/*"),
        ]);
        assert_eq!(left, ["accept: */*"]);
    }

    #[test]
    fn nominating_a_framing_or_forwarding_field_does_not_remove_it() {
        let left = stripped(&[
            ("connection", "host, content-length, x-forwarded-for, forwarded"),
            ("host", "a"),
            ("content-length", "5"),
            ("x-forwarded-for", "192.0.2.1"),
            ("forwarded", "for=192.0.2.1"),
        ]);
        assert_eq!(left.len(), 4, "{left:?}");
    }

    #[test]
    fn websocket_is_the_one_upgrade_that_passes_and_only_where_it_may() {
        let asked = |connection, upgrade, may| {
            let mut headers =
                headers(&[("connection", connection), ("upgrade", upgrade), ("te", "trailers")]);
            let present = Present::of(&headers);
            strip_request(&mut headers, present, || may)
                .then(|| (headers["connection"].clone(), headers["upgrade"].clone()))
        };
        let passed = Some(("Upgrade".parse().unwrap(), "websocket".parse().unwrap()));
        assert_eq!(asked("keep-alive, upgrade", "WebSocket", true), passed);
        assert_eq!(asked("Upgrade, HTTP2-Settings", "h2c, websocket", true), passed);
        assert_eq!(asked("Upgrade", "websocket", false), None);
        assert_eq!(asked("Upgrade, HTTP2-Settings", "h2c", true), None);
        assert_eq!(asked("keep-alive", "websocket", true), None);
        assert_eq!(asked("Upgrade", "websocket/13", true), None);
    }

    #[test]
    fn answer_upgrades_to_a_websocket_and_nothing_else() {
        let upgrades =
            |connection, upgrade| upgrades(&headers(&[("connection", connection), ("upgrade", upgrade)]));
        assert!(upgrades("upgrade", "WebSocket"));
        assert!(!upgrades("upgrade", "websocket, h2c"));
        assert!(!upgrades("upgrade", "h2c"));
        assert!(!upgrades("close", "websocket"));
    }

    #[test]
    fn te_trailers_stays_and_every_other_te_goes() {
        assert_eq!(stripped(&[("te", "gzip, Trailers;q=1")]), Vec::<String>::new());
        assert_eq!(
            stripped(&[("connection", "TE"), ("te", "gzip, Trailers")]),
            ["connection: te", "te: trailers"]
        );
        assert_eq!(stripped(&[("te", "gzip")]), Vec::<String>::new());
    }

    #[test]
    fn only_one_chunked_is_a_coding_that_the_gateway_decodes() {
        assert!(only_chunked(&headers(&[("transfer-encoding", "Chunked")])));
        for bad in ["gzip, chunked", "chunked, chunked", "chunked, gzip", "", "xchunked"] {
            assert!(!only_chunked(&headers(&[("transfer-encoding", bad)])), "{bad}");
        }
        assert!(!only_chunked(&headers(&[
            ("transfer-encoding", "chunked"),
            ("transfer-encoding", "chunked")
        ])));
    }
}
