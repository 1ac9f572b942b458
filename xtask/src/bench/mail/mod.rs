//! The mail loads: scripted IMAP servers behind, clients that log in, and the service that nginx asks.
//!
//! The servers are scripted, because a real one spends milliseconds on a login, and say what Dovecot says: what is
//! measured is the way there. A server tells a client who it is, and whom it took the client for.

mod auth;
mod check;
mod client;
mod command;
mod server;

pub(super) use auth::answer as answer_auth;
pub(super) use check::check;
pub(super) use client::{Mail, logins};
pub(super) use server::answer;

/// How many users there are.
const USERS: usize = 1_000;

/// A user's name.
fn user(number: usize) -> String {
    format!("user{:04}", number % USERS)
}

/// The password of the user with this name.
fn password(user: &str) -> String {
    format!("secret-{user}")
}
