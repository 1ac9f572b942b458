//! The secret that makes tokens unforgeable.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sekisho_api::TOKEN_LEN;

/// The secret behind [`sekisho_api::Server::token`] and [`Secret::seal`]; equal on all nodes of one service. Never prints.
#[derive(Clone)]
pub struct Secret(hmac::Key);

impl Secret {
    /// The least number of bytes.
    pub const MIN: usize = 16;

    /// A secret of at least [`Secret::MIN`] bytes; `None` for fewer.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() >= Self::MIN).then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// What two nodes compare to learn whether they have the same secret. It says nothing else of it.
    pub fn fingerprint(&self) -> [u8; 16] {
        // INVARIANT: no scope is empty, so this is no seal's.
        self.mac("", b"fingerprint")
    }

    /// The token of a server: its [`Secret::tag`] as text.
    pub(crate) fn token(&self, pool: &str, server: &str) -> Box<str> {
        let token = URL_SAFE_NO_PAD.encode(self.tag(pool, server));
        debug_assert_eq!(token.len(), TOKEN_LEN);
        token.into_boxed_str()
    }

    /// What names a server: HMAC-SHA256 of pool, a zero byte and name, cut to 128 bits.
    pub(crate) fn tag(&self, pool: &str, server: &str) -> Tag {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(pool.as_bytes());
        context.update(&[0]);
        context.update(server.as_bytes());
        cut(&context.sign())
    }

    /// The MAC of what a seal says in this scope, cut to 128 bits.
    pub(crate) fn mac(&self, scope: &str, words: &[u8]) -> Tag {
        let mut context = hmac::Context::with_key(&self.0);
        // INVARIANT: no name is empty or has a zero byte, so nothing that is sealed begins as a server's token does.
        context.update(&[0]);
        context.update(scope.as_bytes());
        context.update(&[0]);
        context.update(words);
        cut(&context.sign())
    }
}

/// A MAC of 128 bits.
pub(crate) type Tag = [u8; 16];

/// The first 128 bits.
fn cut(tag: &hmac::Tag) -> Tag {
    tag.as_ref().first_chunk().copied().unwrap_or_default()
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_depends_on_secret_pool_and_name_and_nothing_else() {
        let one = Secret::new(b"0123456789abcdef").unwrap();
        let two = Secret::new(b"0123456789abcdeX").unwrap();
        assert_eq!(one.token("web", "a"), one.clone().token("web", "a"));
        for other in [two.token("web", "a"), one.token("we", "ba"), one.token("web", "b")] {
            assert_ne!(one.token("web", "a"), other);
            assert_eq!(other.len(), TOKEN_LEN);
        }
    }

    #[test]
    fn short_secrets_are_refused_and_none_prints() {
        assert!(Secret::new(&[7; 15]).is_none());
        assert_eq!(format!("{:?}", Secret::new(&[7; 16]).unwrap()), "Secret(..)");
    }
}
