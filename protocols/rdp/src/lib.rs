//! Remote Desktop: the client's first packet names its user, or a token of the farm; the rest passes through
//! untouched, Network Level Authentication included.
//!
//! What a client sends before its server answers is one packet of at most 259 bytes, so a server that is dead, refuses
//! or stays mute is replaced by another without the client noticing.

mod deep;
mod desk;
mod file;
mod first;
mod key;
mod options;
mod passing;
mod probe;
mod protocol;
mod route;

pub use file::{ConnectionFile, NotOneLine};
pub use first::{First, Malformed, Negotiation, first_packet};
pub use key::token_line;
pub use protocol::Rdp;

#[doc(hidden)]
pub use deep::oracle as wire_oracle;
