//! Hashing a client.

use std::hash::Hasher;
use std::net::IpAddr;

use sekisho_api::Key;
use siphasher::sip::SipHasher13;

use crate::field::Field;
use crate::server::ServerState;

/// The hash that stands for a client, by key or address. Equal on all nodes with the same seed; the seed also keeps
/// clients from knowing where they will land.
pub(crate) fn hash(seed: u64, key: Option<&Key>, client: IpAddr) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(seed, DOMAIN);
    match (key, client.to_canonical()) {
        (Some(key), _) => {
            hasher.write(key.kind().name().as_bytes());
            hasher.write_u8(0);
            hasher.write(key.expose());
        }
        (None, IpAddr::V4(v4)) => hasher.write(&v4.octets()),
        (None, IpAddr::V6(v6)) => hasher.write(&v6.octets()),
    }
    hasher.finish()
}

/// The candidate on which the hash falls, modulo all weights.
pub(super) fn modulo(field: &Field<'_>, hash: u64) -> Option<usize> {
    let total: u64 = field.candidates().map(|(.., weight)| weight).sum();
    let mut left = hash.checked_rem(total)?;
    let mut last = None;
    for (index, _, weight) in field.candidates() {
        if left < weight {
            return Some(index);
        }
        left -= weight;
        last = Some(index);
    }
    last
}

/// The place on which the hash falls, modulo the weights of all servers that `counts`, usable or not.
pub(super) fn home(field: &Field<'_>, hash: u64, counts: impl Fn(&ServerState) -> bool) -> Option<usize> {
    let weights = || field.all().map(|server| if counts(server) { u64::from(server.weight()) } else { 0 });
    let mut left = hash.checked_rem(weights().sum())?;
    weights().position(|weight| {
        let here = left < weight;
        left = left.saturating_sub(weight);
        here
    })
}

/// Sets this use of the seed apart from others.
const DOMAIN: u64 = 0x7365_6b69_7368_6f01;
