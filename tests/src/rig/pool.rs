//! Servers as the table of a pool lists them.

use std::fmt::Display;
use std::net::SocketAddr;

/// Servers by their names: `one = '127.0.0.1:1234', two = '…'`.
pub fn named<N: Display>(servers: impl IntoIterator<Item = (N, SocketAddr)>) -> String {
    let list = servers.into_iter().map(|(name, address)| format!("{name} = '{address}'"));
    list.collect::<Vec<_>>().join(", ")
}

/// Servers by their numbers: `s0 = '127.0.0.1:1234', s1 = '…'`.
pub fn numbered(servers: impl IntoIterator<Item = SocketAddr>) -> String {
    named(servers.into_iter().enumerate().map(|(number, address)| (format!("s{number}"), address)))
}
