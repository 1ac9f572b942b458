//! One person, one key, whatever the protocol and the spelling.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::key::{Key, KeyKind};

/// How a user name becomes an identity; one set of rules per persistence domain.
///
/// By default `alice`, `CORP\alice`, `corp/Alice` and `alice@corp.example` are one person.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct IdentityRules {
    /// Keep the domain as part of the identity: `CORP\alice` and `LAB\alice` are two persons.
    pub keep_domain: bool,
    /// Cut `+detail` from the local part (RFC 5233): `alice+lists` is `alice`.
    pub strip_detail: bool,
    /// Upper and lower case are two persons.
    pub case_sensitive: bool,
}

impl IdentityRules {
    /// The identity in a user name as a client sent it, as the key persistence uses.
    ///
    /// `raw` may be any bytes: what is not UTF-8 is read as Latin-1. `None` where nothing is left or a control
    /// character stands in it; that is no error, the client is balanced without a key.
    pub fn user(&self, raw: &[u8]) -> Option<Key> {
        let text = match std::str::from_utf8(raw) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(raw.iter().map(|&b| char::from(b)).collect()),
        };
        let text = text.trim();
        if text.chars().any(char::is_control) {
            return None;
        }
        let (mut user, domain) = split(text);
        if self.strip_detail
            && let Some((head, _)) = user.split_once('+')
            && !head.is_empty()
        {
            user = head;
        }
        let identity = match domain {
            Some(domain) if self.keep_domain => Cow::Owned(format!("{user}@{domain}")),
            _ => Cow::Borrowed(user),
        };
        if self.case_sensitive {
            return Key::new(KeyKind::USER, identity.as_bytes());
        }
        if !identity.is_ascii() {
            return Key::new(KeyKind::USER, identity.to_lowercase().as_bytes());
        }
        // Nearly everybody's: at each login, without allocating.
        let mut folded: SmallVec<[u8; 64]> = SmallVec::from_slice(identity.as_bytes());
        folded.make_ascii_lowercase();
        Key::new(KeyKind::USER, &folded)
    }
}

/// User and domain of `DOMAIN\user`, `DOMAIN/user`, `user@domain` or a bare name.
fn split(text: &str) -> (&str, Option<&str>) {
    if let Some((domain, user)) = text.split_once(['\\', '/']) {
        return (user, Some(domain).filter(|d| !d.is_empty()));
    }
    match text.rsplit_once('@') {
        Some((user, domain)) if !user.is_empty() => (user, Some(domain).filter(|d| !d.is_empty())),
        _ => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_person_is_one_key() {
        let rules = IdentityRules::default();
        let alice = rules.user(b"alice");
        assert!(alice.is_some());
        for spelling in [&b"ALICE"[..], b"CORP\\alice", b"corp/Alice", b"alice@corp.example", b" alice "] {
            assert_eq!(rules.user(spelling), alice, "{}", String::from_utf8_lossy(spelling));
        }
    }

    #[test]
    fn kept_domain_tells_two_persons_apart() {
        let rules = IdentityRules { keep_domain: true, ..IdentityRules::default() };
        assert_ne!(rules.user(b"CORP\\alice"), rules.user(b"LAB\\alice"));
        assert_eq!(rules.user(b"CORP\\alice"), rules.user(b"alice@corp"));
    }

    #[test]
    fn detail_is_cut_only_where_configured() {
        let rules = IdentityRules { strip_detail: true, ..IdentityRules::default() };
        assert_eq!(rules.user(b"alice+lists@example.org"), rules.user(b"alice"));
        assert_ne!(IdentityRules::default().user(b"alice+lists"), IdentityRules::default().user(b"alice"));
    }

    #[test]
    fn control_characters_and_nothing_are_no_user() {
        let rules = IdentityRules::default();
        for raw in [&b""[..], b"  ", b"al\0ice", b"CORP\\", b"a\nb"] {
            assert_eq!(rules.user(raw), None);
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_read_as_latin1() {
        let rules = IdentityRules::default();
        assert_eq!(rules.user(b"J\xf6rg"), rules.user("jörg".as_bytes()));
    }
}
