//! The deep mode: the gateway ends the client's TLS and reads the user from what the client says inside it.

#![expect(dead_code, unused_imports, reason = "the conversation that speaks these packets is not there yet")]

mod pdu;

pub use pdu::oracle;
