//! Interprets a [`sekisho_api::Conversation`] over two bounded buffers.
//!
//! The engine is the conversation's whole world: it shows inputs, carries out verbs, and enforces the contract on
//! whatever a protocol answers. It has no socket, no clock and no randomness, so the runtime drives it with real
//! connections and `sekisho-testkit` with scripts, and both see the same behaviour.
//!
//! The driver's loop:
//!
//! ```text
//! loop { match engine.next() {
//!     Read        wait for bytes, an end, a dial's outcome, a deadline; tell the engine; go on
//!     Write       write, then go on
//!     Route       choose and connect: connected() or unavailable()
//!     Retry       as after a failed dial: another server, connected() or unavailable()
//!     StartTls    handshake: secured(); or server_failed() and go on; or close
//!     Relay       leave the loop with both sides and what is buffered
//!     Close       close both sides
//! } }
//! ```

mod action;
mod engine;
mod half;
mod turn;

#[cfg(test)]
mod tests;

pub use action::{Action, Need, Retry};
pub use engine::{BREACHES, Engine, EngineLimits};
