//! The laws of the protocol contract as ready-made tests.
//!
//! ```
//! # use sekisho_api::*;
//! # #[derive(Debug)] struct Greet;
//! # impl HeadConversation for Greet {
//! #     fn head(&self, bytes: &[u8], _: &Facts) -> Result<Head, Fault> {
//! #         let Some(end) = bytes.iter().position(|&b| b == b'\n') else { return Ok(Head::Incomplete) };
//! #         let user = bytes.get(..end).and_then(|line| line.strip_prefix(b"HELLO "));
//! #         Ok(Head::Route(Route::new().with_key(user.and_then(|u| IdentityRules::default().user(u)))))
//! #     }
//! #     fn refusal(&self, _: Unavailable) -> bytes::Bytes { "SORRY\n".into() }
//! # }
//! sekisho_testkit::head(Greet)
//!     .fixture("hello", r#"
//!         C: HELLO alice\n
//!         = route user=alice
//!         ! connected one
//!         = relay
//!         > server "HELLO alice\n"
//!     "#)
//!     .laws();
//! ```
//!
//! A fixture is a [transcript](Transcript): what both sides say, what happens, and what is expected. The kit runs it
//! over the production engine as it stands, then bends it: [`Conversation::laws`] names each law and how it is
//! checked. [`oracle`] is the same machinery driven by arbitrary bytes, for libFuzzer and for ordinary tests.

mod configured;
mod conversation;
mod effects;
mod exchange;
mod laws;
mod memory;
mod mutate;
mod oracle;
mod probe;
mod rig;
mod scripted;
mod transcript;
mod vectors;

pub use configured::{configured, configured_probe};
pub use conversation::{Conversation, conversation, converse, head};
pub use exchange::{Exchange, exchange};
pub use memory::allocations;
pub use mutate::Seed;
pub use oracle::{oracle, prefixes, regressions, seeded, units};
pub use probe::{Probe, probe};
pub use scripted::engine;
pub use transcript::{Transcript, hex};
pub use vectors::Vector;
