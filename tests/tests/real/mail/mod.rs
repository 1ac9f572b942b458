//! Real Dovecots behind the gateway, and real programs before it.

mod address;
mod dovecot;
mod farm;
mod home;
mod idle;
mod mechanisms;
mod programs;
mod sync;
mod talk;
mod tokens;
