//! Remote Desktop's packets up to the login: read, answered, changed for a server, never a panic.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sekisho_rdp::wire_oracle(data));
