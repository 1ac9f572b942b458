//! IMAP: what both sides say, and whole conversations up to the relay.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    sekisho_imap::wire_oracle(data);
    sekisho_testkit::oracle(sekisho_imap::fuzzed_conversation, data);
});
