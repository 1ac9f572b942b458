//! DNS messages, taken for queries and for answers: read, answered, rewritten, never a panic.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sekisho_dns::wire_oracle(data));
