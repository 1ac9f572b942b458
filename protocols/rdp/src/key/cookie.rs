//! A cookie: a hint of who comes, cut by some clients, and then shared by strangers.

use std::net::IpAddr;

use sekisho_api::{IdentityRules, Key, KeyKind};

/// The most bytes that Microsoft's client puts into a cookie. What has just as many may have been cut.
const CUT: usize = 9;

/// How cookies are understood.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// Domains of the site, lower-case: a cookie that is one of them, or its first bytes, names nobody.
    pub(crate) domains: Box<[Box<str>]>,
    /// What stands for a client whose cookie was cut within its domain.
    pub(crate) weak: WeakKey,
}

/// What stands for a client whose cookie may be shared by strangers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum WeakKey {
    /// Cookie and address together.
    #[default]
    Both,
    /// The cookie alone: all who share it share a server.
    Cookie,
    /// No user at all: what follows in the VIP's `persist` list, usually the address.
    Address,
}

impl Rules {
    /// The user in a cookie's value, as the key persistence uses.
    pub(crate) fn user(&self, value: &[u8], client: IpAddr, identity: &IdentityRules) -> Option<Key> {
        let value = value.trim_ascii();
        if !self.is_weak(value) {
            return identity.user(value);
        }
        // The leading control character keeps these apart from every name: no name may contain one.
        let mut weak = vec![1];
        weak.extend(value.to_ascii_lowercase());
        match self.weak {
            WeakKey::Address => return None,
            WeakKey::Cookie => {}
            WeakKey::Both => {
                weak.push(1);
                match client.to_canonical() {
                    IpAddr::V4(v4) => weak.extend(v4.octets()),
                    // A host changes its address within its /64 (RFC 8981).
                    IpAddr::V6(v6) => weak.extend(&v6.octets()[..8]),
                }
            }
        }
        Key::new(KeyKind::USER, &weak)
    }

    /// Whether strangers may share the value: it was cut behind its domain, or within it.
    pub(crate) fn is_weak(&self, value: &[u8]) -> bool {
        let value = value.trim_ascii();
        let cut = value.len() == CUT;
        if let Some(separator) = value.iter().position(|byte| matches!(byte, b'\\' | b'/')) {
            return cut || separator + 1 == value.len();
        }
        if value.contains(&b'@') {
            // The user stands first: only its domain was cut.
            return false;
        }
        self.domains.iter().any(|domain| {
            let domain = domain.as_bytes();
            value.eq_ignore_ascii_case(domain)
                || cut && domain.get(..CUT).is_some_and(|head| value.eq_ignore_ascii_case(head))
        })
    }
}
