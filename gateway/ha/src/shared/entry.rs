//! How an entry stands in the store: whoever reads there learns no key, and whoever writes there makes none.
//!
//! ```text
//! name  = prefix · domain · ":" · HMAC of kind, scope and key (22 characters)
//! value = stamp (20 digits) · length of server (3 digits) · server · nonce (12 bytes) · sealed
//! sealed, by AES-256-GCM-SIV with the name, a zero byte and all that stands before it as associated data
//!       = kind · scope · key, each after its length (1 byte), and zeros up to a multiple of 64 bytes
//! ```
//!
//! An entry without a server is one that somebody wanted gone; one without a kind, everything of its domain that is
//! older.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// An entry, borrowed from where it stands. Its key is a person's identity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// When its server changed.
    pub(super) stamp: u64,
    /// Empty: it is gone.
    pub(super) server: &'a str,
    pub(super) what: Subject<'a>,
}

/// What an entry is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Subject<'a> {
    /// Empty: all that is older.
    pub(super) kind: &'a str,
    /// The pool whose own entry this is; empty: every pool's.
    pub(super) scope: &'a str,
    pub(super) key: &'a [u8],
}

impl Subject<'_> {
    /// Everything of a domain.
    pub(super) const ALL: Self = Self { kind: "", scope: "", key: &[] };
}

/// Makes names and seals, with keys of which all nodes have the same.
pub(super) struct Sealer {
    names: hmac::Key,
    entries: RandomizedNonceKey,
}

/// Bytes of a value before the server's name.
const HEAD: usize = 23;
const NONCE: usize = 12;
/// Sealed entries have multiples of this, so that their lengths say little of keys.
const BLOCK: usize = 64;

impl Sealer {
    /// From the secret of all nodes. None, if the library refuses, which it does for no secret that is one.
    pub(super) fn new(secret: &[u8]) -> Option<Self> {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let names = hmac::sign(&secret, b"sekisho: names in a shared store");
        let entries = hmac::sign(&secret, b"sekisho: entries in a shared store");
        Some(Self {
            names: hmac::Key::new(hmac::HMAC_SHA256, names.as_ref()),
            entries: RandomizedNonceKey::new(&AES_256_GCM_SIV, entries.as_ref()).ok()?,
        })
    }

    /// The part of an entry's name that says whose it is.
    pub(super) fn name(&self, domain: &str, what: &Subject<'_>) -> String {
        let mut context = hmac::Context::with_key(&self.names);
        for part in [domain.as_bytes(), what.kind.as_bytes(), what.scope.as_bytes(), what.key] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let tag = context.sign();
        URL_SAFE_NO_PAD.encode(tag.as_ref().get(..16).unwrap_or_default())
    }

    /// The value of an entry that stands under `name`. None for one that is larger than any, or that the library
    /// refuses.
    pub(super) fn seal(&self, name: &[u8], entry: &Entry<'_>) -> Option<Vec<u8>> {
        let length = entry.server.len();
        if length > 255 {
            return None;
        }
        let mut value = format!("{:020}{length:03}{}", entry.stamp, entry.server).into_bytes();
        let mut sealed = Vec::with_capacity(2 * BLOCK);
        for part in [entry.what.kind.as_bytes(), entry.what.scope.as_bytes(), entry.what.key] {
            sealed.push(u8::try_from(part.len()).ok()?);
            sealed.extend_from_slice(part);
        }
        sealed.resize(sealed.len().next_multiple_of(BLOCK), 0);
        let nonce =
            self.entries.seal_in_place_append_tag(Aad::from([name, b"\0", &value].concat()), &mut sealed);
        value.extend_from_slice(nonce.ok()?.as_ref());
        value.extend_from_slice(&sealed);
        Some(value)
    }

    /// Opens the value that stands under `name` and shows the entry. None for one that was not sealed with this secret
    /// for this name.
    pub(super) fn open<T>(&self, name: &[u8], value: &[u8], show: impl FnOnce(&Entry<'_>) -> T) -> Option<T> {
        let (head, _) = value.split_at_checked(HEAD)?;
        let (stamp, length) = std::str::from_utf8(head).ok()?.split_at_checked(20)?;
        let (stamp, length) = (stamp.parse().ok()?, length.parse::<usize>().ok()?);
        let (clear, rest) = value.split_at_checked(HEAD.checked_add(length)?)?;
        let server = std::str::from_utf8(clear.get(HEAD..)?).ok()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>()?;
        let (nonce, mut sealed) = (Nonce::from(nonce), sealed.to_vec());
        let open = self.entries.open_in_place(nonce, Aad::from([name, b"\0", clear].concat()), &mut sealed);
        let (kind, rest) = part(open.ok()?)?;
        let (scope, rest) = part(rest)?;
        let (key, _) = part(rest)?;
        let (kind, scope) = (std::str::from_utf8(kind).ok()?, std::str::from_utf8(scope).ok()?);
        Some(show(&Entry { stamp, server, what: Subject { kind, scope, key } }))
    }
}

fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(length.into())
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(..)")
    }
}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stamp, server, what } = self;
        write!(f, "Entry({stamp}, {server}, {what:?})")
    }
}

impl fmt::Debug for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({}, {} bytes)", self.kind, self.key.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALICE: Subject<'_> = Subject { kind: "user", scope: "web", key: b"alice" };
    const NAME: &[u8] = b"sekisho:default:x";

    fn sealer() -> Sealer {
        Sealer::new(b"0123456789abcdef").unwrap()
    }

    fn entry() -> Entry<'static> {
        Entry { stamp: 7_000_000_000_000_000_123, server: "ts1", what: ALICE }
    }

    #[test]
    fn entry_is_read_as_it_was_written_by_whoever_has_the_secret() {
        for what in [ALICE, Subject::ALL, Subject { key: &[7; 128], ..ALICE }] {
            for server in ["ts1", ""] {
                let entry = Entry { server, what, ..entry() };
                let value = sealer().seal(NAME, &entry).unwrap();
                assert!(sealer().open(NAME, &value, |read| *read == entry).unwrap());
                assert!(Sealer::new(b"another secret !").unwrap().open(NAME, &value, |_| ()).is_none());
            }
        }
    }

    #[test]
    fn neither_name_nor_value_shows_the_key_nor_do_equal_entries_look_alike() {
        let name = sealer().name("default", &ALICE);
        assert_eq!(name.len(), 22);
        let (one, two) = (sealer().seal(NAME, &entry()).unwrap(), sealer().seal(NAME, &entry()).unwrap());
        assert_ne!(one, two);
        assert!(one.starts_with(b"07000000000000000123003ts1"));
        assert!(!one.windows(5).any(|bytes| bytes == b"alice"));
        let short = Entry { what: Subject { key: b"a", ..ALICE }, ..entry() };
        assert_eq!(sealer().seal(NAME, &short).unwrap().len(), one.len());
    }

    #[test]
    fn names_differ_by_secret_domain_kind_scope_and_key() {
        let name = sealer().name("default", &ALICE);
        assert_eq!(name, sealer().name("default", &ALICE));
        let others = [
            sealer().name("staff", &ALICE),
            sealer().name("default", &Subject { kind: "use", key: b"ralice", ..ALICE }),
            sealer().name("default", &Subject { scope: "", ..ALICE }),
            sealer().name("default", &Subject { key: b"bob", ..ALICE }),
            Sealer::new(b"another secret !").unwrap().name("default", &ALICE),
        ];
        assert!(others.iter().all(|other| *other != name));
    }

    #[test]
    fn entry_counts_nowhere_but_where_it_was_written_and_only_unchanged() {
        let value = sealer().seal(NAME, &entry()).unwrap();
        assert!(sealer().open(b"sekisho:default:y", &value, |_| ()).is_none());
        for place in 0..value.len() {
            let mut other = value.clone();
            other[place] ^= 1;
            assert!(sealer().open(NAME, &other, |_| ()).is_none(), "{place}");
            assert!(sealer().open(NAME, &value[..place], |_| ()).is_none(), "{place}");
        }
    }

    #[test]
    fn neither_keys_nor_secrets_print() {
        assert_eq!(format!("{:?}", entry()), "Entry(7000000000000000123, ts1, Subject(user, 5 bytes))");
        assert_eq!(format!("{:?}", sealer()), "Sealer(..)");
    }

    proptest! {
        #[test]
        fn any_bytes_are_no_entry(value in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(sealer().open(NAME, &value, |_| ()).is_none());
        }
    }
}
