//! A whole configuration file: a model or problems, never a panic.

#![no_main]

use std::path::Path;

use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else { return Corpus::Reject };
    if ["/dev", "/proc", "/sys"].iter().any(|device| text.contains(device)) {
        // A certificate may be any file, and these have no end.
        return Corpus::Reject;
    }
    let registry =
        sekisho_config::Registry::new().with(sekisho_tcp::Tcp).with(sekisho_udp::Udp).with(sekisho_sni::Sni);
    _ = sekisho_config::parse(text, "fuzz.toml", Path::new("nowhere"), &registry);
    Corpus::Keep
});
