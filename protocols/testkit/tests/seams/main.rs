//! Throw-away protocols that try the contract where it bends: each small, each run through every law. And broken
//! ones, each of which the kit must find out.

#![expect(
    clippy::indexing_slicing,
    reason = "short, with the check beside it, and a panic here is what the laws would find"
)]

mod broken;
mod dns;
mod imap;
mod rdp;
