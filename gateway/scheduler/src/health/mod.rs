//! Whether a server is well, from probes and from traffic.

mod change;
mod monitor;
#[cfg(test)]
mod tests;

pub use change::{Cause, Change, Health, LastProbe, ProbeResult, State};
pub(crate) use monitor::{Monitor, Turn};
