//! What a client is known by: its address, its subnet, the name it asks for.

use std::hash::Hasher;
use std::net::IpAddr;

use sekisho_api::settings::Section;
use sekisho_api::{Key, KeyKind, Persist, Route};
use siphasher::sip::SipHasher13;

use crate::prefix::Prefixes;
use crate::wire::{self, Query};

/// The keys of a VIP, and what its hashing methods hash.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// Of the kinds that the VIP's `persist` lists and that are read from a query.
    kinds: Vec<KeyKind>,
    hash_by: Option<HashBy>,
    client: Prefixes,
    /// So many labels of a name count, from its end; all without it.
    labels: Option<u8>,
}

/// What the hashing methods hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HashBy {
    Client,
    Subnet,
    Name,
    ClientAndName,
}

impl Keys {
    /// The kinds of key that DNS finds.
    pub(crate) const KINDS: &'static [KeyKind] =
        &[KeyKind::CLIENT_SUBNET, KeyKind::QNAME, KeyKind::CLIENT_QNAME];

    pub(crate) fn read(section: &mut Section<'_>, persist: &[Persist]) -> Self {
        let words = [
            ("client", HashBy::Client),
            ("client-subnet", HashBy::Subnet),
            ("qname", HashBy::Name),
            ("client+qname", HashBy::ClientAndName),
        ];
        let labels = section.optional_integer("qname-labels", 1..=127);
        Self {
            kinds: persist.iter().map(Persist::kind).filter(|kind| Self::KINDS.contains(kind)).collect(),
            hash_by: section.word("hash-by", &words),
            client: Prefixes::read(section, "client-prefix", Prefixes::WHOLE),
            labels: labels.and_then(|labels| u8::try_from(labels).ok()),
        }
    }

    /// The route of a query: its keys and its hash. The same query gives the same, whatever it came over.
    pub(crate) fn route(&self, query: &Query<'_>, client: IpAddr, pool: usize) -> Route {
        let mut route = Route { pool, ..Route::new() };
        if self.kinds.is_empty() && self.hash_by.is_none() {
            return route;
        }
        let mut buffer = [0; 255];
        let name = match &query.question {
            Some(question) => wire::lower_name(question.name, self.labels, &mut buffer),
            None => &[],
        };
        for kind in &self.kinds {
            route = route.with_key(self.key(*kind, query, client, name));
        }
        route.hash = self.hash_by.and_then(|by| self.hash(by, query, client, name));
        route
    }

    fn key(&self, kind: KeyKind, query: &Query<'_>, client: IpAddr, name: &[u8]) -> Option<Key> {
        match kind {
            KeyKind::QNAME => Key::new(kind, name),
            KeyKind::CLIENT_SUBNET => Key::new(kind, octets(&self.subnet(query, client), &mut [0; 16])),
            _ if name.is_empty() => None,
            _ => {
                let mut both = [0; 16 + 255];
                let length = octets(&self.client.of(client), &mut [0; 16])
                    .iter()
                    .chain(name)
                    .zip(&mut both)
                    .map(|(byte, place)| *place = *byte)
                    .count();
                Key::new(kind, both.get(..length)?)
            }
        }
    }

    /// The network that the query says its client is in (RFC 7871), else that of the client itself.
    fn subnet(&self, query: &Query<'_>, client: IpAddr) -> IpAddr {
        let said = query.edns.as_ref().and_then(|edns| edns.subnet.as_ref());
        said.filter(|subnet| subnet.source > 0)
            .map_or_else(|| self.client.of(client), |subnet| subnet.address)
    }

    fn hash(&self, by: HashBy, query: &Query<'_>, client: IpAddr, name: &[u8]) -> Option<u64> {
        // Fixed keys: equal on every node and over restarts. Who chooses his own hash chooses his own server only.
        let mut hasher = SipHasher13::new_with_keys(0x7365_6b69_7368_6f01, 0x646e_7300_0000_0000);
        match by {
            HashBy::Client => hasher.write(octets(&self.client.of(client), &mut [0; 16])),
            HashBy::Subnet => hasher.write(octets(&self.subnet(query, client), &mut [0; 16])),
            HashBy::Name | HashBy::ClientAndName if name.is_empty() => return None,
            HashBy::Name => hasher.write(name),
            HashBy::ClientAndName => {
                hasher.write(octets(&self.client.of(client), &mut [0; 16]));
                hasher.write(name);
            }
        }
        Some(hasher.finish())
    }
}

/// The bytes of an address: 4 or 16.
fn octets<'b>(address: &IpAddr, buffer: &'b mut [u8; 16]) -> &'b [u8] {
    match address.to_canonical() {
        IpAddr::V4(v4) => match buffer.first_chunk_mut::<4>() {
            Some(four) => {
                *four = v4.octets();
                four
            }
            None => &[],
        },
        IpAddr::V6(v6) => {
            *buffer = v6.octets();
            buffer
        }
    }
}
