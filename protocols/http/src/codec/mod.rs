//! HTTP/1.1 on the wire, towards clients (`server`) and towards servers (`client`). No other module knows how: messages
//! are those of the `http` crate, bodies are [`Upload`] and [`Download`]. Where a server changes the protocol, `tunnel`
//! is what comes after.
//!
//! Both codecs are the gateway's own, on `httparse`: a general engine's tasks, channels and copies cost more than all
//! that a request costs here beside system calls. The price is framing, which each side decides in one module. hyper
//! remains as an oracle in the tests.

mod chunks;
mod client;
mod download;
mod opened;
mod oracle;
mod reason;
mod server;
#[cfg(test)]
mod testing;
mod tunnel;
mod upload;

pub(crate) use chunks::Piece;
pub(crate) use client::{Broken, Buffers, Connection, Outgoing, Place, Rhythm, Terms, Upstream};
pub(crate) use download::Download;
pub(crate) use opened::Opened;
pub use oracle::wire_oracle;
pub(crate) use server::{Desk, Finished, Inbound, may_stand_behind, serve};
pub(crate) use tunnel::Tunnel;
pub(crate) use upload::{Aborted, Upload};
