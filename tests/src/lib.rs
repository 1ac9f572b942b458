//! The rig: what tests across crates share. The tests themselves are the modules of the one integration binary,
//! `tests/tests/main.rs`:
//!
//! | module | suite of `cargo xtask test` | what it is about |
//! |---|---|---|
//! | `tidy` | `tidy` | the repository's own rules |
//! | `integration` | `integration` | a gateway in this process, between scripted clients and servers |
//! | `real` | `real` | the binary between real programs |
//!
//! By hand: `cargo test -p sekisho-tests --test main tidy::`.
//!
//! A rig fails by panicking, where the failure is, with what it saw: its callers are tests.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "the rig's callers are tests"
)]

mod programs;
mod repository;
mod rig;

pub use programs::{program, sekisho};
pub use repository::{Dependency, File, Member, files, members, root};
pub use rig::{
    Authority, Desktop, HttpServer, ImapServer, ImapTalk, LineClient, LineServer, Manner, Rig, Script,
    ScriptServer, Seen, connect_from, desktop_request, folder, loopback, named, numbered, tls_client, until,
};
pub use rig::{DesktopClient, DesktopLogin, DesktopSeen, DesktopStage, DesktopTalk, LoginDesktop};
pub use rig::{
    DnsOver, DnsReply, DnsSeen, DnsServer, dns_answer, dns_head, dns_name, dns_query, framed, read_framed,
};
pub use rig::{Opcode, WebSocket, WebSocketServer, masked};
