//! IMAP: the same user always on the same server. The gateway listens to a client until it says who it is, and leaves
//! it to that user's server to believe it: there is no password store and nobody else is asked.
//!
//! A client is greeted at once, before any server. What it says to log in is said again, in the server's own terms, to
//! the server chosen for the user, whose answer goes back with the client's tag; from then on both belong together.

mod back;
mod conversation;
mod front;
mod options;
mod oracle;
mod probe;
mod protocol;

pub use oracle::{fuzzed_conversation, wire_oracle};
pub use protocol::Imap;
