//! A gateway of one worker, and peers that say and record exact bytes.

mod client;
mod core;
mod origin;
mod rig;
mod settings;

pub(crate) use client::{Answer, Client};
pub(crate) use origin::{Origin, Reply};
pub(crate) use rig::{Rig, Setup, test};

/// A socket as the contract's stream.
pub(crate) fn stream(socket: tokio::net::TcpStream) -> sekisho_api::BoxStream {
    Box::new(core::Plain(socket))
}
