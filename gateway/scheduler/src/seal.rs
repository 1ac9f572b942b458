//! Tokens that an operator hands to clients: each stands for a server or a user until a day that it names.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sekisho_api::{Key, KeyKind, Prefer};

use crate::secret::{Secret, Tag};

/// What a sealed token stands for.
#[derive(Clone, Copy, Debug)]
pub enum Sealed<'a> {
    /// A server of a pool, both by name. The token holds the server's own one, so its bearer learns no name.
    Server {
        /// The pool.
        pool: &'a str,
        /// The server.
        server: &'a str,
    },
    /// A user of a persistence domain.
    User {
        /// The domain.
        domain: &'a str,
        /// The identity, folded by the domain's rules: a key of kind [`KeyKind::USER`].
        user: &'a Key,
    },
}

/// A user's identity is too long to be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the identity has more than {USER_MAX} bytes")
    }
}

impl std::error::Error for TooLong {}

/// What an opened token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Opened {
    /// The server with this token ([`sekisho_api::Server::token`]) is preferred.
    Server(Prefer),
    /// The client is this user.
    User(Key),
}

// The form: version, kind, seconds since 1970 at which it ends (8 bytes, big-endian), value, MAC; all of it in URL-safe
// base64 without padding. Pool or domain stand in the MAC alone.
const VERSION: u8 = 1;
const SERVER: u8 = 1;
const USER: u8 = 2;
const HEAD: usize = 10;
const MAC: usize = size_of::<Tag>();
/// The longest identity, in bytes: what [`Prefer::SEALED_MAX`] leaves.
const USER_MAX: usize = Prefer::SEALED_MAX / 4 * 3 - HEAD - MAC;

impl Secret {
    /// A token that stands for a server or a user until `expires`, at most [`Prefer::SEALED_MAX`] bytes.
    ///
    /// # Errors
    /// If the user's identity is too long.
    pub fn seal(&self, what: Sealed<'_>, expires: SystemTime) -> Result<String, TooLong> {
        let (scope, kind, value) = match what {
            Sealed::Server { pool, server } => (pool, SERVER, self.tag(pool, server).to_vec()),
            Sealed::User { domain, user } => (domain, USER, user.expose().to_vec()),
        };
        if value.len() > USER_MAX {
            return Err(TooLong);
        }
        let seconds = expires.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut bytes = vec![VERSION, kind];
        bytes.extend(seconds.to_be_bytes());
        bytes.extend(value);
        let mac = self.mac(scope, &bytes);
        bytes.extend(mac);
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What a token stands for, if it was sealed with this secret for this pool or domain and `day`, in seconds since
    /// 1970, is before its end.
    pub(crate) fn open(&self, token: &[u8], pool: &str, domain: &str, day: u64) -> Option<Opened> {
        if token.len() > Prefer::SEALED_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (words, mac) = bytes.split_last_chunk::<MAC>()?;
        let (&[VERSION, kind, ref end @ ..], value) = words.split_first_chunk::<HEAD>()? else { return None };
        let scope = match kind {
            SERVER => pool,
            USER => domain,
            _ => return None,
        };
        verify_slices_are_equal(&self.mac(scope, words), mac).ok()?;
        if day >= u64::from_be_bytes(*end) {
            return None;
        }
        match kind {
            SERVER => Prefer::token(URL_SAFE_NO_PAD.encode(value).as_bytes()).map(Opened::Server),
            _ => Key::new(KeyKind::USER, value).map(Opened::User),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const DAY: u64 = 1_800_000_000;

    fn secret() -> Secret {
        Secret::new(b"only a secret of tests").unwrap()
    }

    fn day(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn user(name: &str) -> Key {
        Key::new(KeyKind::USER, name.as_bytes()).unwrap()
    }

    fn for_server() -> String {
        secret().seal(Sealed::Server { pool: "pool", server: "a" }, day(DAY)).unwrap()
    }

    fn for_user(name: &str) -> String {
        secret().seal(Sealed::User { domain: "default", user: &user(name) }, day(DAY)).unwrap()
    }

    fn open(token: &str) -> Option<Opened> {
        secret().open(token.as_bytes(), "pool", "default", DAY - 1)
    }

    #[test]
    fn what_was_sealed_is_opened_until_its_end() {
        let a = Prefer::token(secret().token("pool", "a").as_bytes()).unwrap();
        assert_eq!(open(&for_server()), Some(Opened::Server(a)));
        assert_eq!(open(&for_user("alice")), Some(Opened::User(user("alice"))));
        for token in [for_server(), for_user("alice")] {
            assert_eq!(secret().open(token.as_bytes(), "pool", "default", DAY), None);
        }
    }

    #[test]
    fn token_of_another_pool_domain_or_secret_is_none() {
        for (pool, domain) in [("pool", "lab"), ("web", "default"), ("default", "pool")] {
            let opens = |token: String| secret().open(token.as_bytes(), pool, domain, 0).is_some();
            assert_eq!(opens(for_server()), pool == "pool", "{pool} {domain}");
            assert_eq!(opens(for_user("alice")), domain == "default", "{pool} {domain}");
        }
        let other = Secret::new(b"another secret than ours").unwrap();
        assert_eq!(other.open(for_server().as_bytes(), "pool", "default", 0), None);
    }

    #[test]
    fn one_bit_changed_or_one_byte_more_or_less_makes_it_none() {
        for token in [for_server(), for_user("alice")] {
            let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
            for (place, bit) in (0..bytes.len()).flat_map(|place| (0..8).map(move |bit| (place, bit))) {
                let mut bent = bytes.clone();
                bent[place] ^= 1 << bit;
                assert_eq!(open(&URL_SAFE_NO_PAD.encode(&bent)), None, "byte {place}, bit {bit}");
            }
            for length in 0..token.len() {
                assert_eq!(open(&token[..length]), None, "{length} characters");
            }
            // A second way to write the same bytes would be a second token.
            for more in ["A", "AAAA", "=", "==", "\n"] {
                assert_eq!(open(&format!("{token}{more}")), None, "{more:?} behind it");
            }
        }
    }

    #[test]
    fn longest_identity_just_fits_and_a_longer_one_is_refused() {
        let longest = "u".repeat(USER_MAX);
        let token = for_user(&longest);
        assert_eq!(token.len(), Prefer::SEALED_MAX);
        assert_eq!(open(&token), Some(Opened::User(user(&longest))));
        let longer = user(&"u".repeat(USER_MAX + 1));
        let sealed = secret().seal(Sealed::User { domain: "default", user: &longer }, day(DAY));
        assert_eq!(sealed, Err(TooLong));
    }

    #[test]
    fn token_for_a_server_does_not_tell_its_name() {
        let seal = |server| secret().seal(Sealed::Server { pool: "pool", server }, day(DAY)).unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(seal("accounting-host")).unwrap();
        assert!(!bytes.windows(10).any(|window| window == b"accounting"));
        assert_eq!(seal("a").len(), seal("accounting-host").len());
    }

    proptest! {
        #[test]
        fn any_bytes_open_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200), encoded: bool) {
            let token = if encoded { URL_SAFE_NO_PAD.encode(&bytes).into_bytes() } else { bytes };
            prop_assert_eq!(secret().open(&token, "pool", "default", 0), None);
        }
    }
}
