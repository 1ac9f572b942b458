//! HTTP/1.1: what clients and servers say is read alike however it is cut, and said again as it was read.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sekisho_http::wire_oracle(data));
