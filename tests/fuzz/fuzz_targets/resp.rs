//! What a shared store says, whole and byte by byte.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sekisho_ha::resp_oracle(data));
