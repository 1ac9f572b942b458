//! What the mail protocols share: who somebody says to be, and what proves it to the server.
//!
//! No protocol by itself: IMAP and its siblings are written on it.

mod sasl;

pub use sasl::{Credentials, LoginExchange, LoginStep, Mechanism, Proof, Secret, decode, encode, is_name};
