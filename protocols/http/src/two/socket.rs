//! WebSockets for clients of HTTP/2 (RFC 8441): servers are asked in the words of HTTP/1.1.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE,
};
use http::{HeaderMap, Method, request};

/// The key that a server was sent for a client that has none. It tells a server of WebSockets from one that repeats what
/// it does not understand, and no two requests have the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key([u8; 24]);

impl Key {
    /// The key of these bytes.
    fn new(random: [u8; 16]) -> Self {
        let mut key = [b'='; 24];
        // 16 bytes are 24 characters.
        let _ = STANDARD.encode_slice(random, &mut key);
        Self(key)
    }

    /// Whether an answer shows that its server has understood the key (RFC 6455, section 4.1).
    pub(super) fn is_accepted(&self, headers: &HeaderMap) -> bool {
        let mut lines = headers.get_all(SEC_WEBSOCKET_ACCEPT).iter();
        lines.next().is_some_and(|line| line.as_bytes() == proof(&self.0).as_bytes())
            && lines.next().is_none()
    }
}

/// What shows that a key was understood (RFC 6455, section 4.2.2).
pub(crate) fn proof(key: &[u8]) -> String {
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key, MAGIC].concat()))
}

/// Makes a request for a WebSocket what one of HTTP/1.1 would be, with a key of these bytes.
pub(super) fn ask(head: &mut request::Parts, random: [u8; 16]) -> Key {
    let key = Key::new(random);
    head.method = Method::GET;
    head.headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    head.headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(value) = HeaderValue::from_bytes(&key.0) {
        head.headers.insert(SEC_WEBSOCKET_KEY, value);
    }
    // What follows is no body.
    head.headers.remove(CONTENT_LENGTH);
    key
}

/// RFC 6455, section 1.3.
const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_proof_is_that_of_the_rfc_and_stands_there_once() {
        let key = Key::new(*b"the sample nonce");
        assert_eq!(key.0, *b"dGhlIHNhbXBsZSBub25jZQ==");
        let accepted = |lines: &[&'static str]| {
            let line = |line: &&'static str| (SEC_WEBSOCKET_ACCEPT, HeaderValue::from_static(line));
            key.is_accepted(&lines.iter().map(line).collect())
        };
        let proof = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        assert!(accepted(&[proof]));
        for wrong in [&[][..], &["S3pPLMBiTxaQ9kYGzzhZRbK+xOo="], &[proof, proof], &["", proof]] {
            assert!(!accepted(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn request_says_what_one_of_http_1_1_would() {
        let asked = http::Request::builder().method(Method::CONNECT).uri("https://a.example/chat");
        let asked = asked.header("sec-websocket-version", "13").header("sec-websocket-key", "mine");
        let (mut head, ()) = asked.header("content-length", "7").body(()).unwrap().into_parts();
        ask(&mut head, *b"the sample nonce");
        assert_eq!(head.method, Method::GET);
        let lines = [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-version", "13"),
        ];
        assert_eq!(head.headers.len(), lines.len());
        for (name, value) in lines {
            assert_eq!(head.headers[name], value);
        }
    }
}
