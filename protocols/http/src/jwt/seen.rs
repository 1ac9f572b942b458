//! Tokens that were found good a moment ago, because a signature costs more than all else of a request.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest as hash};
use sekisho_api::Key;

/// Tokens found good, by their digests: no token is kept. Workers share it, and hold one of its parts for a look only.
#[derive(Debug)]
pub(super) struct Seen(Box<[Mutex<Part>]>);

/// SHA-256 of a token: two of the same digest are the same token.
pub(super) type Digest = [u8; 32];

/// Two generations: when the newer one is full the older one goes, with all that was not asked for since. The maps are
/// seeded at random, by the standard library.
#[derive(Debug, Default)]
struct Part {
    newer: HashMap<Digest, Good>,
    older: HashMap<Digest, Good>,
}

/// What a good token says.
#[derive(Debug)]
struct Good {
    /// Whom the claims of the configuration name, in its order.
    users: Box<[Option<Key>]>,
    /// Until when nothing is checked again, in seconds since 1970.
    until: u64,
}

/// The digest of a token.
pub(super) fn digest(token: &[u8]) -> Digest {
    let mut bytes = [0; 32];
    let digest = hash(&SHA256, token);
    bytes.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    bytes
}

impl Seen {
    /// None yet.
    pub(super) fn new() -> Self {
        Self((0..PARTS).map(|_| Mutex::default()).collect())
    }

    /// Whom a claim of a token names, if it was found good a moment ago.
    pub(super) fn user(&self, digest: &Digest, claim: usize, now: u64) -> Option<Option<Key>> {
        self.with(digest, |part| {
            if let Some(good) = part.newer.get(digest) {
                return good.user(claim, now);
            }
            let good = part.older.remove(digest)?;
            let user = good.user(claim, now)?;
            part.put(*digest, good);
            Some(user)
        })
    }

    /// Keeps what a token says that is good until then.
    pub(super) fn keep(&self, digest: Digest, users: Box<[Option<Key>]>, until: u64, now: u64) {
        let until = until.min(now.saturating_add(KEPT));
        self.with(&digest, |part| part.put(digest, Good { users, until }));
    }

    fn with<T: Default>(&self, digest: &Digest, look: impl FnOnce(&mut Part) -> T) -> T {
        let place = digest.first().map_or(0, |byte| usize::from(*byte) % PARTS);
        let Some(part) = self.0.get(place) else { return T::default() };
        // What panics while it holds a part leaves it usable.
        look(&mut part.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Part {
    fn put(&mut self, digest: Digest, good: Good) {
        if self.newer.len() >= MOST {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(digest, good);
    }
}

impl Good {
    fn user(&self, claim: usize, now: u64) -> Option<Option<Key>> {
        (now < self.until).then(|| self.users.get(claim).cloned().flatten())
    }
}

/// How long a token is believed without another look, in seconds.
const KEPT: u64 = 60;
/// Workers rarely look for tokens of one part at once.
const PARTS: usize = 16;
/// Tokens in one generation of a part: 16,000 in all at about 150 bytes each.
const MOST: usize = 512;

#[cfg(test)]
mod tests {
    use sekisho_api::KeyKind;

    use super::*;

    fn anna() -> Box<[Option<Key>]> {
        [Key::new(KeyKind::USER, b"anna"), None].into()
    }

    #[test]
    fn good_token_is_known_for_a_minute_or_until_it_ends() {
        let seen = Seen::new();
        let (long, short) = (digest(b"long"), digest(b"short"));
        seen.keep(long, anna(), u64::MAX, 1000);
        seen.keep(short, anna(), 1010, 1000);
        assert_eq!(seen.user(&long, 0, 1059), Some(Key::new(KeyKind::USER, b"anna")));
        assert_eq!(seen.user(&long, 1, 1059), Some(None));
        assert_eq!(seen.user(&long, 0, 1060), None);
        assert!(seen.user(&short, 0, 1009).is_some() && seen.user(&short, 0, 1010).is_none());
        assert_eq!(seen.user(&digest(b"other"), 0, 1000), None);
    }

    #[test]
    fn number_of_tokens_is_bounded_and_those_asked_for_stay() {
        let seen = Seen::new();
        let dear = digest(b"dear");
        seen.keep(dear, anna(), u64::MAX, 0);
        for n in 0..50_000_u32 {
            seen.keep(digest(&n.to_be_bytes()), anna(), u64::MAX, 0);
            assert!(seen.user(&dear, 0, 1).is_some(), "{n}");
        }
        let kept: usize =
            seen.0.iter().map(|part| part.lock().unwrap()).map(|p| p.newer.len() + p.older.len()).sum();
        assert!(kept <= 2 * PARTS * MOST, "{kept}");
    }
}
