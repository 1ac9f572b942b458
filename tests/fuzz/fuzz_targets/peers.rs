//! What comes from other nodes with which what clients are known is exchanged.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sekisho_ha::peers_oracle(data));
