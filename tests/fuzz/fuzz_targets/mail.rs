//! The siblings of IMAP: whole conversations up to the relay, in clear and where clients start TLS.

#![no_main]

use std::sync::{Arc, LazyLock};

use sekisho_api::{Converse, Facts, Protocol};

static OPEN: LazyLock<Vec<Arc<dyn Converse>>> = LazyLock::new(|| {
    let siblings: [&dyn Protocol; 3] =
        [&sekisho_managesieve::ManageSieve, &sekisho_pop3::Pop3, &sekisho_submission::Submission];
    let tokens: &[(&str, &[&str])] = &[("mechanisms", &["plain", "login", "xoauth2", "scram-sha-256"])];
    let one =
        |protocol| [false, true].map(|start_tls| sekisho_testkit::configured(protocol, start_tls, tokens));
    siblings.into_iter().flat_map(one).collect()
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let facts = Facts::plain(([192, 0, 2, 1], 50_000).into(), ([192, 0, 2, 80], 110).into());
    let Some((which, script)) = data.split_first() else { return };
    let converse = &OPEN[usize::from(*which) % OPEN.len()];
    sekisho_testkit::oracle(|| converse.open(&facts), script);
});
