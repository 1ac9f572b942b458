//! Real Dovecots behind the gateway, and real programs before it.

mod address;
mod crowd;
mod dovecot;
mod farm;
mod home;
mod hostile;
mod idle;
mod mechanisms;
mod operator;
mod programs;
mod relay;
mod siblings;
mod sync;
mod talk;
mod tokens;
