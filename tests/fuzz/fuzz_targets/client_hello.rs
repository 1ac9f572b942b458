//! The reader of ClientHellos: total, and never of another mind for bytes that follow.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sekisho_testkit::prefixes(sekisho_sni::client_hello, data));
