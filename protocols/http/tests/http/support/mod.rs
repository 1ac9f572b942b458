//! A gateway of one worker, and peers that say and record exact bytes.

mod client;
mod core;
pub(crate) mod frames;
mod origin;
mod rig;
mod settings;
mod two;
mod two_origin;

pub(crate) use client::{Answer, Client};
pub(crate) use origin::{Origin, Reply, Seen};
pub(crate) use rig::{Rig, Setup, test};
pub(crate) use two::{get2, two};
pub(crate) use two_origin::TwoOrigin;

/// A socket as the contract's stream.
pub(crate) fn stream(socket: tokio::net::TcpStream) -> sekisho_api::BoxStream {
    Box::new(core::Plain(socket, None))
}

/// What a server says to this key of a WebSocket (RFC 6455, section 4.2.2).
pub(crate) fn accept_key(key: &str) -> String {
    use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
    use base64::Engine as _;
    let said = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    base64::engine::general_purpose::STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, said.as_bytes()))
}
