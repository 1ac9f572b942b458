//! The secret that makes server tokens unforgeable.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sekisho_api::TOKEN_LEN;

/// The secret behind [`sekisho_api::Server::token`]; equal on all nodes of one service. Never prints.
#[derive(Clone)]
pub struct Secret(hmac::Key);

impl Secret {
    /// The least number of bytes.
    pub const MIN: usize = 16;

    /// A secret of at least [`Secret::MIN`] bytes; `None` for fewer.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() >= Self::MIN).then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// The token of a server: HMAC-SHA256 of pool, a zero byte and name, cut to 128 bits.
    pub(crate) fn token(&self, pool: &str, server: &str) -> Box<str> {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(pool.as_bytes());
        context.update(&[0]);
        context.update(server.as_bytes());
        let tag = context.sign();
        let bits = tag.as_ref().get(..16).unwrap_or_default();
        let token = URL_SAFE_NO_PAD.encode(bits);
        debug_assert_eq!(token.len(), TOKEN_LEN);
        token.into_boxed_str()
    }
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
