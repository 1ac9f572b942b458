//! Whose decisions somebody wants to see. Decisions name nobody; whoever knows the name may ask for it.

use sekisho_api::{IdentityRules, Key, KeyKind};
use sekisho_runtime::{Decision, View};

use super::refused::Refused;
use crate::answer::Status;

/// A person, or a name by which clients of a protocol without persons are known.
#[derive(Debug)]
pub(super) struct Whose {
    user: Option<Key>,
    name: String,
}

impl Whose {
    /// The name in any spelling, as the VIP's persistence domain folds it.
    pub(super) fn new(view: &View, vip: Option<&str>, name: &str) -> Result<Self, Refused> {
        let (config, _) = view.in_force();
        let domain = config.vips.iter().find(|known| vip.is_some_and(|vip| *known.name == *vip));
        let domain = domain.and_then(|vip| config.domains.iter().find(|one| one.table.name == vip.domain));
        let rules = domain.map(|domain| domain.identity.clone()).unwrap_or_default();
        Self::of(&rules, name).ok_or_else(|| {
            Refused::new(Status::BadRequest, "the user's name is empty", "name a user, such as alice")
        })
    }

    fn of(rules: &IdentityRules, name: &str) -> Option<Self> {
        let name = name.trim().trim_end_matches('.');
        (!name.is_empty()).then(|| Self { user: rules.user(name.as_bytes()), name: name.to_owned() })
    }

    /// Whether the choice was made for them.
    pub(super) fn is(&self, decision: &Decision) -> bool {
        decision.keys.iter().any(|key| self.has(key))
    }

    /// Only kinds whose values may be shown: nobody finds out here whether they have guessed a cookie.
    fn has(&self, key: &Key) -> bool {
        match key.kind() {
            KeyKind::USER => self.user.as_ref() == Some(key),
            KeyKind::SNI | KeyKind::QNAME => {
                let value = key.expose();
                value.strip_suffix(b".").unwrap_or(value).eq_ignore_ascii_case(self.name.as_bytes())
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn person_is_known_in_every_spelling_and_a_name_of_the_dns_with_its_dot_or_without() {
        let whose = |name: &str| Whose::of(&IdentityRules::default(), name).unwrap();
        let alice = IdentityRules::default().user(b"alice").unwrap();
        for name in ["alice", "CORP\\Alice", "alice@corp.example"] {
            assert!(whose(name).has(&alice), "{name}");
        }
        assert!(!whose("bob").has(&alice));
        let name = Key::new(KeyKind::QNAME, b"www.example.org.").unwrap();
        assert!(whose("WWW.example.org").has(&name) && whose("www.example.org.").has(&name));
        assert!(!whose("example.org").has(&name));
    }

    #[test]
    fn credential_is_not_found_by_its_value() {
        let whose = Whose::of(&IdentityRules::default(), "secret").unwrap();
        for kind in [KeyKind::COOKIE, KeyKind::APP_COOKIE, KeyKind::HEADER, KeyKind::QUERY] {
            assert!(!whose.has(&Key::new(kind, b"secret").unwrap()), "{kind}");
        }
    }
}
