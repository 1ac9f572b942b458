//! What must hold of all bytes: shared by tests and the fuzz target.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use sekisho_api::KeyKind;
use sekisho_scheduler::{Digest, Scheduler, Secret, Table, TableSpec};

use super::session::{Counts, Session};
use super::terms::{Foreign, Terms};
use super::wire::{Hello, KeyForm, Message, Status, Version, next};

/// Reads `data` as everything that comes from another node: what was understood does not depend on how it was cut, and
/// definitions survive being written again.
///
/// # Panics
/// If a law does not hold.
pub fn peer_messages(data: &[u8]) {
    let _ = Hello::read(data);
    let _ = Status::read(data);
    let mut rest = data;
    while let Ok(Some((message, used))) = next(rest) {
        assert!(used > 0, "a message takes bytes");
        if let Message::Define(definition) = message {
            let plain = |(kind, count): &(u8, u8)| *count == 1 && matches!(kind, 0..=2 | 19);
            if definition.shape.as_ref().is_some_and(|shape| shape.data.iter().all(plain)) {
                let mut again = Vec::new();
                definition.write(&mut again);
                let Ok(Some((Message::Define(read), _))) = next(&again) else {
                    panic!("a definition reads back")
                };
                assert_eq!(
                    (read.id, read.name, read.shape),
                    (definition.id, definition.name, definition.shape)
                );
            }
        }
        rest = rest.get(used..).unwrap_or_default();
    }
    let (first, pieces) = data.split_first().map_or((0, data), |(first, rest)| (*first, rest));
    let now = Instant::now();
    let whole = heard(std::iter::once(pieces), now);
    let cut = heard(pieces.chunks(usize::from(first) + 1), now);
    assert_eq!(whole, cut, "what is understood does not depend on how it was cut");
}

/// What no input changes is made once: a fuzzer asks thousands of times a second.
static TERMS: LazyLock<Arc<Terms>> = LazyLock::new(|| Arc::new(terms()));
static SECRET: LazyLock<Option<Secret>> = LazyLock::new(|| Secret::new(&[7; 16]));

fn heard<'a>(pieces: impl Iterator<Item = &'a [u8]>, now: Instant) -> Option<(Digest, Counts, bool)> {
    let table = table(now)?;
    let mut session = Session::new(Arc::clone(&TERMS), vec![table.follow(|| {})], Version::V2_1, now);
    let understood = pieces.map(|piece| session.receive(piece, now)).all(|result| result.is_ok());
    Some((table.digest(now), session.counts(), understood))
}

fn table(now: Instant) -> Option<Arc<Table>> {
    let name = Arc::from("default");
    let spec = TableSpec { name, max_entries: 64, max_bytes: 4096, expire: Duration::from_secs(600) };
    let scheduler = Scheduler::build(Vec::new(), vec![spec], SECRET.as_ref()?, 1, None, now);
    scheduler.table("default").cloned()
}

fn terms() -> Terms {
    let foreign = |name: &str, kind, form, key_length| Foreign {
        name: name.to_owned(),
        domain: 0,
        kind,
        form,
        key_length,
    };
    Terms {
        domains: vec![("default".into(), Duration::from_secs(600))],
        foreign: vec![
            foreign("users", KeyKind::USER, KeyForm::Text, 33),
            foreign("clients", KeyKind::SOURCE_IP, KeyForm::Ipv4, 4),
        ],
        facts: Vec::new(),
        kinds: vec![KeyKind::USER, KeyKind::SOURCE_IP],
        servers: ["a", "b"].map(Arc::from).into_iter().collect::<HashSet<_>>(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::wire::Control;
    use super::super::wire::{Definition, Shape, types, write_control};
    use super::*;

    /// What a HAProxy says, from which a test begins.
    fn said() -> Vec<u8> {
        let data = [(types::SERVER_ID, 1), (types::SERVER_KEY, 1)].into_iter().collect();
        let shape = Some(Shape { key: KeyForm::Text, key_length: 33, data });
        let mut bytes = vec![3];
        Definition { id: 9, name: "users", shape, expire: Some(Duration::from_secs(1800)) }.write(&mut bytes);
        bytes.extend_from_slice(&[10, 0x80, 13, 0, 0, 0, 1, 3, b'b', b'o', b'b', 2, 3, 1, 1, b'b']);
        bytes.extend_from_slice(&[10, 0x81, 9, 5, b'c', b'a', b'r', b'o', b'l', 2, 1, 1]);
        write_control(Control::ResyncFinished, &mut bytes);
        bytes
    }

    #[test]
    fn laws_hold_for_what_fuzzing_begins_from() {
        let found = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/fuzz/peers");
        let files: Vec<_> = std::fs::read_dir(found).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(!files.is_empty());
        for file in files {
            peer_messages(&std::fs::read(file).unwrap());
        }
    }

    proptest! {
        #[test]
        fn laws_hold_for_messages_with_changes(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            cut: u8,
        ) {
            let mut bytes = said();
            bytes[0] = cut % 16;
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            peer_messages(&bytes);
        }

        #[test]
        fn laws_hold_for_any_bytes(bytes: Vec<u8>) {
            peer_messages(&bytes);
        }
    }
}
