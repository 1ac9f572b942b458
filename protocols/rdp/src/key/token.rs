//! A routing token: an IPv4 address and a port as decimal numbers, each with its bytes in the other order.

use std::net::{Ipv4Addr, SocketAddr};

/// The address in `address.port.reserved`, where the last part and a pad space behind it may be missing.
pub(super) fn address(value: &[u8]) -> Option<SocketAddr> {
    let mut parts = std::str::from_utf8(value).ok()?.trim().split('.');
    let ip: u32 = number(parts.next()?)?.try_into().ok()?;
    let port: u16 = number(parts.next()?)?.try_into().ok()?;
    Some(SocketAddr::from((Ipv4Addr::from(ip.to_le_bytes()), port.swap_bytes())))
}

/// Digits alone: `parse` would take a sign.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}
