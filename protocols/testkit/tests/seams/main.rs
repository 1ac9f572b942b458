//! Throw-away protocols that try the contract where it bends: each small, each run through every law. And broken
//! ones, each of which the kit must find out.

#![expect(
    clippy::indexing_slicing,
    reason = "short, with the check beside it, and a panic here is what the laws would find"
)]

mod broken;
mod dns;
mod imap;
mod rdp;

#[test]
fn engine_withstands_a_lawless_conversation() {
    let mut seed = sekisho_testkit::Seed::new(1);
    for _ in 0..20_000 {
        let len = seed.below(120);
        sekisho_testkit::engine(&seed.bytes(len));
    }
}

#[test]
fn units_are_shown_as_they_are_read() {
    let words: [&[u8]; 6] = [b"90s", b"1.5 h", b"0.0005ms", b"3 MiB", b"7.25GB", b"99999999999d"];
    words.into_iter().for_each(sekisho_testkit::units);
    sekisho_testkit::seeded(5000, &words, |data| sekisho_testkit::units(data.get(2..).unwrap_or_default()));
}

/// Every crash that a fuzzer found is a file, and stays fixed.
#[test]
fn crashes_that_were_found_stay_fixed() {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/fuzz");
    assert!(sekisho_testkit::regressions(format!("{fixtures}/engine"), sekisho_testkit::engine) > 0);
    assert!(sekisho_testkit::regressions(format!("{fixtures}/units"), sekisho_testkit::units) > 0);
}
