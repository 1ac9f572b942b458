//! Whether a server is well, from probes and from traffic.

mod change;
mod monitor;
mod outlier;
#[cfg(test)]
mod tests;

pub use change::{Cause, Change, Health, LastProbe, ProbeResult, State};
pub(crate) use monitor::{Monitor, Turn};
pub use outlier::Offence;
pub(crate) use outlier::{Ejection, Outlier};
