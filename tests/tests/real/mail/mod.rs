//! Real Dovecots behind the gateway, and real programs before it.

mod dovecot;
mod farm;
mod home;
mod idle;
mod programs;
mod sync;
