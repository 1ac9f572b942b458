//! What this node shares, and how it looks to others.

use std::collections::HashSet;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;

use sekisho_api::{Key, KeyKind};

use super::wire::{KeyForm, Shape, types};

/// What the sessions of a node are about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Terms {
    /// The persistence domains, in the order of their followers, with the life of their entries.
    pub(super) domains: Vec<(Arc<str>, Duration)>,
    /// Tables as a HAProxy has them.
    pub(super) foreign: Vec<Foreign>,
    /// What must agree between nodes: name and digest.
    pub(super) facts: Vec<(String, String)>,
    /// The kinds of key that there are.
    pub(super) kinds: Vec<KeyKind>,
    /// The servers that there are.
    pub(super) servers: HashSet<Arc<str>>,
}

/// The stick table of a HAProxy that stands for one kind of key of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Foreign {
    pub(super) name: String,
    /// Its place in [`Terms::domains`].
    pub(super) domain: usize,
    pub(super) kind: KeyKind,
    pub(super) form: KeyForm,
    /// The length of keys, a zero byte included where they are text.
    pub(super) key_length: u16,
}

impl Foreign {
    pub(super) fn shape(&self) -> Shape {
        let data = std::iter::once((types::SERVER_KEY, 1)).collect();
        Shape { key: self.form, key_length: self.key_length, data }
    }

    /// How HAProxy writes a key; none if it cannot hold it.
    pub(super) fn key(&self, key: &Key) -> Option<Vec<u8>> {
        let value = key.expose();
        match (self.form, value.len()) {
            (KeyForm::Text, length) => {
                let fits = length < usize::from(self.key_length) && !value.contains(&0);
                fits.then(|| value.to_vec())
            }
            (KeyForm::Ipv4, 4) | (KeyForm::Ipv6, 16) => Some(value.to_vec()),
            (KeyForm::Ipv6, 4) => {
                let octets: [u8; 4] = value.try_into().ok()?;
                Some(std::net::Ipv4Addr::from(octets).to_ipv6_mapped().octets().to_vec())
            }
            _ => None,
        }
    }

    /// The key that HAProxy writes so. None for text that HAProxy may have cut.
    pub(super) fn read(&self, value: &[u8]) -> Option<Key> {
        match self.form {
            KeyForm::Text if value.len() + 1 >= usize::from(self.key_length) => None,
            KeyForm::Ipv6 => {
                let octets: [u8; 16] = value.try_into().ok()?;
                match Ipv6Addr::from(octets).to_ipv4_mapped() {
                    Some(v4) => Key::new(self.kind, &v4.octets()),
                    None => Key::new(self.kind, value),
                }
            }
            _ => Key::new(self.kind, value),
        }
    }
}

/// Begins the name of what is told among the facts and need not agree.
pub(super) const MARK: char = '@';

/// The name of the table in which nodes tell each other what must agree. A HAProxy has none of this name and passes
/// over it.
pub(super) const FACTS: &str = "sekisho";

/// The name of the table in which nodes tell each other the entries of a domain.
pub(super) fn own_name(domain: &str) -> String {
    format!("{FACTS}/{domain}")
}

/// The domain of such a name.
pub(super) fn domain_of(name: &str) -> Option<&str> {
    name.strip_prefix(FACTS)?.strip_prefix('/')
}

/// What stands in the table of [`FACTS`]: text alone.
pub(super) fn facts_shape() -> Shape {
    Shape { key: KeyForm::Text, key_length: LONGEST_KEY, data: std::iter::empty().collect() }
}

/// What stands in the table of a domain: the key in [`own_key`]'s form, the stamp's two halves, the server.
pub(super) fn own_shape() -> Shape {
    let kinds = [types::GPT0, types::GPC0, types::SERVER_KEY];
    Shape {
        key: KeyForm::Text,
        key_length: LONGEST_KEY,
        data: kinds.into_iter().map(|kind| (kind, 1)).collect(),
    }
}

/// Kind, pool and value of a key, a zero byte between them.
pub(super) fn own_key(key: &Key, scope: Option<&Arc<str>>) -> Vec<u8> {
    let scope = scope.map(|scope| scope.as_bytes()).unwrap_or_default();
    [key.kind().name().as_bytes(), scope, key.expose()].join(&0)
}

/// What [`own_key`] wrote; none of a kind that is not among `kinds`.
pub(super) fn read_own_key(bytes: &[u8], kinds: &[KeyKind]) -> Option<(Key, Option<Arc<str>>)> {
    let mut parts = bytes.splitn(3, |&byte| byte == 0);
    let (kind, scope, value) = (parts.next()?, parts.next()?, parts.next()?);
    let kind = kinds.iter().copied().find(|known| known.name().as_bytes() == kind)?;
    let scope = std::str::from_utf8(scope).ok()?;
    Some((Key::new(kind, value)?, (!scope.is_empty()).then(|| Arc::from(scope))))
}

/// The longest key between nodes, in bytes.
const LONGEST_KEY: u16 = 1024;
