//! Routes TLS by the server name that the client asks for, without ending it: the servers keep their certificates,
//! and the gateway sees neither keys nor content.
//!
//! ```toml
//! [vip.web]
//! listen   = ["203.0.113.10:443"]
//! protocol = "sni"
//! pool     = "web"
//! pools    = ["mail"]
//!
//! [vip.web.sni]
//! routes  = { "mail.example.org" = "mail", "*.mail.example.org" = "mail" }
//! unknown = "default"     # or "refuse": what matches no route
//! ```

mod client_hello;
mod error;
mod names;
mod protocol;
mod reader;

pub use client_hello::{ClientHello, client_hello};
pub use error::SniError;
pub use protocol::Sni;
