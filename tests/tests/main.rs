//! Everything that is tested across crates: one binary, a module for each suite.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "everything here is a test"
)]

mod docs;
mod integration;
mod real;
mod tidy;
