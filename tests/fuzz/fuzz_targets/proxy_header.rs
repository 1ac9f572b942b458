//! What a proxy sends before its client's first byte.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sekisho_runtime::proxy_header_oracle(data));
