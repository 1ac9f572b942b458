//! What comes from the network and the kernel where addresses move: adverts, and messages of rtnetlink.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sekisho_ha::vrrp_oracle(data));
