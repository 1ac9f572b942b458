//! One oracle for fuzzers and for ordinary tests.

use std::path::Path;

use sekisho_api::{Conversation, Side, settings};
use sekisho_engine::EngineLimits;

use crate::conversation::Context;
use crate::effects::Effects;
use crate::mutate::Seed;
use crate::rig::Rig;
use crate::transcript::{DEADLINES, Event, WHYS};

/// Reads `data` as a script of bytes, cuts and events, plays it to a conversation, and checks what holds for every
/// script: no panic, no breach of the contract, and the same effects when the same script comes byte by byte.
///
/// # Panics
/// If something does not hold; that is the finding.
pub fn oracle(make: impl Fn() -> Box<dyn Conversation>, data: &[u8]) {
    let rig = || Rig::new(make(), EngineLimits::default(), &[]);
    let whole = play(rig(), data, |rig, side, bytes| rig.say(side, bytes));
    let cut = play(rig(), data, |rig, side, bytes| bytes.iter().for_each(|b| rig.say(side, &[*b])));
    assert_eq!(whole, cut, "the cut of the bytes changed the effects (law 2)");
}

/// Checks a parser that answers `None` for *incomplete*: once it has an answer or an error about the beginning of
/// `data`, no byte behind it changes that.
///
/// # Panics
/// With the length at which it changed its mind.
pub fn prefixes<T, E>(read: impl Fn(&[u8]) -> Result<Option<T>, E>, data: &[u8])
where
    T: PartialEq + std::fmt::Debug,
    E: PartialEq + std::fmt::Debug,
{
    let mut settled = None;
    for len in 0..=data.len() {
        let answer = read(data.get(..len).unwrap_or(data));
        match &settled {
            Some(first) => assert_eq!(&answer, first, "it changed its mind at {len} bytes"),
            None if matches!(answer, Ok(None)) => {}
            None => settled = Some(answer),
        }
    }
}

/// Checks the readers of durations, sizes and bytes: total, and what they show they read back.
///
/// # Panics
/// With the value that did not come back.
pub fn units(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    _ = settings::parse_bytes(&text);
    if let Ok(duration) = settings::parse_duration(&text) {
        let shown = settings::show_duration(duration);
        let back = settings::parse_duration(&shown).unwrap_or_else(|e| panic!("{shown}: {e}"));
        // Milliseconds are the finest unit, and numbers are read as floats of 53 bits.
        let off = back.abs_diff(duration).as_secs_f64();
        assert!(off <= 1e-3 + duration.as_secs_f64() * 1e-12, "{text} is shown as {shown}");
    }
    if let Ok(size) = settings::parse_size(&text) {
        let shown = settings::show_size(size);
        assert_eq!(settings::parse_size(&shown), Ok(size), "{text} is shown as {shown}");
    }
}

/// Runs `oracle` on `count` seeded scripts made of `words` and noise: what a fuzzer does, in an ordinary test.
///
/// # Panics
/// As `oracle` does; the seed is printed.
pub fn seeded(count: u64, words: &[&[u8]], mut oracle: impl FnMut(&[u8])) {
    for number in 0..count {
        let _context = Context(format!("seed {number}"));
        let mut seed = Seed::new(number);
        let mut data = Vec::new();
        for _ in 0..=seed.below(12) {
            let mut piece = match words.get(seed.below(words.len() + 1)) {
                Some(word) => word.to_vec(),
                None => {
                    let len = seed.below(24);
                    seed.bytes(len)
                }
            };
            if seed.below(3) == 0 {
                seed.damage(&mut piece);
            }
            piece.truncate(u8::MAX.into());
            data.push(seed.next() as u8);
            data.push(piece.len() as u8);
            data.extend(piece);
        }
        oracle(&data);
    }
}

/// Replays every file of `directory`, where each crash that a fuzzer found lies; says how many there were.
///
/// # Panics
/// If the directory cannot be read, or as `oracle` does.
pub fn regressions(directory: impl AsRef<Path>, mut oracle: impl FnMut(&[u8])) -> usize {
    let directory = directory.as_ref();
    let entries = std::fs::read_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    let mut paths: Vec<_> = entries.filter_map(|entry| entry.ok().map(|e| e.path())).collect();
    paths.sort();
    for path in &paths {
        let _context = Context(path.display().to_string());
        oracle(&std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())));
    }
    paths.len()
}

/// `data`: an operation, for bytes a length and that many, and so on to the end.
pub(crate) fn play(mut rig: Rig, mut data: &[u8], say: impl Fn(&mut Rig, Side, &[u8])) -> Effects {
    while let Some((&operation, rest)) = data.split_first() {
        let (&number, rest) = rest.split_first().unwrap_or((&0, rest));
        let number = usize::from(number);
        let side = if operation & 0x80 == 0 { Side::Client } else { Side::Server };
        data = rest;
        let event = match operation & 0x0f {
            0..=7 => {
                let (bytes, rest) = rest.split_at_checked(number).unwrap_or((rest, &[]));
                data = rest;
                say(&mut rig, side, bytes);
                continue;
            }
            8 | 9 => Event::Connected("one".to_owned(), operation & 0x10 != 0),
            10 => Event::Unavailable(*WHYS.get(number % WHYS.len()).unwrap_or(&WHYS[0])),
            11 if operation & 0x10 != 0 => Event::Issued("AQEAAAAA".to_owned()),
            11 => Event::Secured(side, None),
            12 => Event::Ended(side),
            13 => Event::Failed,
            14 if number == 255 => Event::Barred,
            14 => Event::Draining,
            _ => Event::Expired(*DEADLINES.get(number % DEADLINES.len()).unwrap_or(&DEADLINES[0])),
        };
        rig.happen(&event);
    }
    rig.effects
}
