//! What goes from one process to the one that takes its place, and what a service manager hands to a new one.
//!
//! A process that hands over gives away duplicates of its listening sockets: both can accept from them, and nothing
//! that the kernel has queued is lost. What it knows follows once the other is ready to serve.

mod memory;
mod sockets;

pub use memory::{Memory, RunSecret, TableNews};
pub(crate) use sockets::Inherited;
pub use sockets::{Handed, HandedSocket};
