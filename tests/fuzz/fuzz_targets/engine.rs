//! The engine, with a conversation that answers anything.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sekisho_testkit::engine(data));
