//! The `sekisho` command. A binary with more protocols looks the same, plus `.with(...)`.

use std::process::ExitCode;

/// Connections come and go in small pieces on every worker, which is what this allocator is good at.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sekisho::main(sekisho::builtin())
}
