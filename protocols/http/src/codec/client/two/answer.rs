//! An answer in the terms of HTTP/1.1.

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderValue, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use http::{Response, StatusCode, Version};

use super::connection::remove_connection_fields;
use crate::codec::client::{Malformed, framing};
use crate::codec::opened::Opened;
use crate::two::proof;

/// What an answer of HTTP/2 says, said in HTTP/1.1, and how long its body is, if it says so.
pub(super) fn translate<B>(
    answer: Response<B>,
    to_head: bool,
) -> Result<(Response<()>, Option<u64>, B), Malformed> {
    let (mut head, body) = answer.into_parts();
    // HTTP/2 has no way to change a connection's protocol (RFC 9113, section 8.6).
    if head.status.is_informational() {
        return Err(Malformed);
    }
    head.version = Version::HTTP_11;
    remove_connection_fields(&mut head.headers);
    let length = framing::content_length(&head.headers)?;
    if let Some(length) = length {
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    let bodiless =
        to_head || head.status == StatusCode::NO_CONTENT || head.status == StatusCode::NOT_MODIFIED;
    Ok((Response::from_parts(head, ()), if bodiless { Some(0) } else { length }, body))
}

/// The answer of a server that has opened a tunnel, as one of HTTP/1.1: to a request for a WebSocket with this key that
/// it has changed the protocol, else what there is.
pub(super) fn opened<B>(answer: Response<B>, key: Option<&HeaderValue>) -> (Response<()>, B) {
    let (mut head, body) = answer.into_parts();
    head.version = Version::HTTP_11;
    remove_connection_fields(&mut head.headers);
    head.headers.remove(CONTENT_LENGTH);
    match key.map(|key| HeaderValue::try_from(proof(key.as_bytes()))) {
        Some(proof) => {
            head.status = StatusCode::SWITCHING_PROTOCOLS;
            head.headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            head.headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            head.headers.extend(proof.ok().map(|proof| (SEC_WEBSOCKET_ACCEPT, proof)));
        }
        None => _ = head.extensions.insert(Opened),
    }
    (Response::from_parts(head, ()), body)
}

/// An interim answer as one of HTTP/1.1.
pub(super) fn interim(mut message: Response<()>) -> Response<()> {
    *message.version_mut() = Version::HTTP_11;
    remove_connection_fields(message.headers_mut());
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(status: u16, length: Option<&str>, to_head: bool) -> Option<(Option<u64>, Option<String>)> {
        let mut answer = Response::builder().status(status);
        if let Some(length) = length {
            answer = answer.header("content-length", length);
        }
        let (head, length, ()) = translate(answer.body(()).unwrap(), to_head).ok()?;
        let told = head.headers().get("content-length").map(|told| told.to_str().unwrap().to_owned());
        Some((length, told))
    }

    #[test]
    fn length_is_one_number_or_none_and_nothing_where_there_is_no_body() {
        assert_eq!(translated(200, Some("5"), false), Some((Some(5), Some("5".into()))));
        assert_eq!(translated(200, None, false), Some((None, None)));
        assert_eq!(translated(200, Some("5"), true), Some((Some(0), Some("5".into()))));
        assert_eq!(translated(304, Some("5"), false), Some((Some(0), Some("5".into()))));
        assert_eq!(translated(204, None, false), Some((Some(0), None)));
        assert_eq!(translated(200, Some("5, 6"), false), None);
        assert_eq!(translated(101, None, false), None);
    }
}
