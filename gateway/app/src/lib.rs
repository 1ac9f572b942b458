//! The `sekisho` command as a library: the composition root.
//!
//! A binary with a protocol of one's own needs no fork:
//!
//! ```no_run
//! # use sekisho::Registry;
//! fn main() -> std::process::ExitCode {
//!     let registry: Registry = sekisho::builtin(); // .with(MyProtocol)
//!     sekisho::main(registry)
//! }
//! ```

mod builtin;
mod cli;
mod command;
mod demo;
mod failure;
mod help;
mod logging;
mod place;
mod redundancy;
mod service;
mod signals;
mod table;
mod upgrade;
mod written;

pub use builtin::builtin;
pub use cli::main;
pub use sekisho_config::Registry;
