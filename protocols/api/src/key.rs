//! What persistence remembers a client by.

use std::fmt;
use std::net::IpAddr;

use siphasher::sip128::{Hasher128, SipHasher13};
use smallvec::SmallVec;

/// The kind of a [`Key`]: its name in configuration, logs and the journal.
///
/// A protocol of its own may bring a kind of its own: `KeyKind::new("mqtt-client-id")`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyKind(&'static str);

impl KeyKind {
    /// A user, folded to one identity over all protocols (see [`crate::IdentityRules`]).
    pub const USER: Self = Self("user");
    /// A Remote Desktop routing token.
    pub const RDP_TOKEN: Self = Self("rdp-token");
    /// The client's address, masked to the configured prefix.
    pub const SOURCE_IP: Self = Self("source-ip");
    /// The cookie that the gateway inserts.
    pub const COOKIE: Self = Self("cookie");
    /// A cookie of the application, learned from the server's answer.
    pub const APP_COOKIE: Self = Self("app-cookie");
    /// The value of a request header.
    pub const HEADER: Self = Self("header");
    /// The value of a query parameter.
    pub const QUERY: Self = Self("query");
    /// The server name in a TLS ClientHello.
    pub const SNI: Self = Self("sni");
    /// The EDNS client subnet of a DNS query.
    pub const CLIENT_SUBNET: Self = Self("client-subnet");
    /// The name a DNS query asks for.
    pub const QNAME: Self = Self("qname");
    /// A client's address together with the name its DNS query asks for.
    pub const CLIENT_QNAME: Self = Self("client-qname");

    /// A kind of a protocol's own; `name` is lower-case words joined by hyphens.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The kind's name as configuration and logs write it.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What persistence remembers a client by: a kind and at most [`Key::MAX`] bytes.
///
/// The value never prints: not in debug output, not in any build. A value longer than [`Key::MAX`] is replaced by
/// its 128-bit digest, so that two long values with one beginning stay two keys.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    kind: KeyKind,
    // INVARIANT: 1..=Key::MAX bytes. 24 bytes inline hold every address and most user names without allocating.
    value: SmallVec<[u8; 24]>,
}

impl Key {
    /// The longest value kept as it is, in bytes.
    pub const MAX: usize = 128;

    /// A key of `kind`; `None` for an empty value, which identifies nobody.
    pub fn new(kind: KeyKind, value: &[u8]) -> Option<Self> {
        if value.is_empty() {
            return None;
        }
        let value = if value.len() <= Self::MAX {
            SmallVec::from_slice(value)
        } else {
            SmallVec::from_slice(&digest(value))
        };
        Some(Self { kind, value })
    }

    /// The key of a client's address, masked to `v4` or `v6` bits.
    ///
    /// An IPv4-mapped IPv6 address counts as the IPv4 address that it is.
    pub fn source_ip(address: IpAddr, v4: u8, v6: u8) -> Self {
        let mut value = SmallVec::new();
        match address.to_canonical() {
            IpAddr::V4(a) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(v4.min(32))).unwrap_or(0);
                value.extend_from_slice(&(a.to_bits() & mask).to_be_bytes());
            }
            IpAddr::V6(a) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(v6.min(128))).unwrap_or(0);
                value.extend_from_slice(&(a.to_bits() & mask).to_be_bytes());
            }
        }
        Self { kind: KeyKind::SOURCE_IP, value }
    }

    /// The kind.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The value: 1 to [`Key::MAX`] bytes, not necessarily UTF-8. For hashing and the table, never for a log.
    pub fn expose(&self) -> &[u8] {
        &self.value
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, {} bytes)", self.kind, self.value.len())
    }
}

/// SipHash-1-3 with 128 bits and a fixed key: equal on every node, and a collision costs an attacker only his own
/// choice of server.
fn digest(value: &[u8]) -> [u8; 16] {
    let mut hasher = SipHasher13::new_with_keys(0x7365_6b69_7368_6f00, 0x6b65_7900);
    std::hash::Hasher::write(&mut hasher, value);
    hasher.finish128().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_never_prints_its_value() {
        let key = Key::new(KeyKind::USER, b"alice").unwrap();
        assert_eq!(format!("{key:?}"), "Key(user, 5 bytes)");
    }

    #[test]
    fn empty_value_is_no_key() {
        assert_eq!(Key::new(KeyKind::USER, b""), None);
    }

    #[test]
    fn long_values_with_one_beginning_stay_two_keys() {
        let a = Key::new(KeyKind::HEADER, &[b'a'; 500]).unwrap();
        let mut other = [b'a'; 500];
        other[499] = b'b';
        let b = Key::new(KeyKind::HEADER, &other).unwrap();
        assert_ne!(a, b);
        assert!(a.expose().len() <= Key::MAX);
    }

    #[test]
    fn source_ip_is_masked_and_mapped_addresses_are_ipv4() {
        let v4 = Key::source_ip("192.0.2.77".parse().unwrap(), 24, 64);
        assert_eq!(v4.expose(), [192, 0, 2, 0]);
        assert_eq!(v4, Key::source_ip("::ffff:192.0.2.1".parse().unwrap(), 24, 64));
        let v6 = Key::source_ip("2001:db8:1:2:3:4:5:6".parse().unwrap(), 24, 64);
        assert_eq!(v6, Key::source_ip("2001:db8:1:2::1".parse().unwrap(), 24, 64));
        assert_eq!(Key::source_ip("192.0.2.77".parse().unwrap(), 0, 0).expose(), [0, 0, 0, 0]);
    }
}
