//! Durations, sizes and bytes as configuration writes them.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sekisho_testkit::units(data));
