//! Messages of real programs (`fixtures/dns`).

use std::path::Path;

use super::super::{Query, answers, fingerprint, ttls};
use super::{name, read};

#[derive(Clone, Debug, Default)]
pub(super) struct Fixture {
    pub(super) file: String,
    pub(super) expected: String,
    pub(super) query: Vec<u8>,
    /// Empty if there is none.
    pub(super) answer: Vec<u8>,
}

/// All of them.
pub(super) fn fixtures() -> Vec<Fixture> {
    let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/dns"));
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "txt")).collect();
    paths.sort();
    assert!(paths.len() > 20, "{paths:?}");
    paths.iter().map(|path| parse(&path.file_stem().unwrap().to_string_lossy(), path)).collect()
}

/// One of them.
pub(super) fn fixture(file: &str) -> Fixture {
    fixtures().into_iter().find(|fixture| fixture.file == file).unwrap_or_else(|| panic!("no {file}.txt"))
}

fn parse(file: &str, path: &Path) -> Fixture {
    let mut fixture = Fixture { file: file.to_owned(), ..Fixture::default() };
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        let octets = || {
            let hex = rest.split('#').next().unwrap_or_default().split_whitespace();
            hex.map(|pair| u8::from_str_radix(pair, 16).unwrap_or_else(|_| panic!("{file}: {line}")))
        };
        match kind {
            "#" => {}
            "=" => fixture.expected = rest.to_owned(),
            "Q|" => fixture.query.extend(octets()),
            "A|" => fixture.answer.extend(octets()),
            _ => panic!("{file}: {line}"),
        }
    }
    fixture
}

/// What was read, as fixtures say it.
fn told(query: &Query<'_>) -> String {
    let mut words = Vec::new();
    match query.question {
        Some(question) => {
            let kind = match question.kind {
                1 => "A".to_owned(),
                2 => "NS".to_owned(),
                6 => "SOA".to_owned(),
                15 => "MX".to_owned(),
                16 => "TXT".to_owned(),
                28 => "AAAA".to_owned(),
                other => format!("TYPE{other}"),
            };
            let class = if question.class == 3 { "CH" } else { "IN" };
            words.extend([shown(question.name), kind, class.to_owned()]);
        }
        None => words.push("no question".to_owned()),
    }
    if let Some(edns) = &query.edns {
        words.push(format!("edns {} v{}", edns.payload, edns.version));
        words.extend(edns.dnssec_ok.then(|| "do".to_owned()));
        words.extend(edns.cookie.then(|| "cookie".to_owned()));
        words.extend(edns.subnet.as_ref().map(|s| format!("subnet {}/{}/{}", s.address, s.source, s.scope)));
    }
    words.extend(query.signed.then(|| "signed".to_owned()));
    words.join(" ")
}

/// A name in master file form (RFC 1035, section 5.1).
fn shown(mut name: &[u8]) -> String {
    let mut text = String::new();
    while let Some((length @ 1.., rest)) = name.split_first() {
        let (label, behind) = rest.split_at(usize::from(*length));
        for &octet in label {
            match octet {
                b'.' | b'\\' => text.extend(['\\', char::from(octet)]),
                0x21..=0x7e => text.push(char::from(octet)),
                _ => text.push_str(&format!("\\{octet:03}")),
            }
        }
        text.push('.');
        name = behind;
    }
    if text.is_empty() { ".".to_owned() } else { text }
}

#[test]
fn requests_of_real_clients_are_read_as_they_were_meant() {
    for fixture in fixtures() {
        let query = read(&fixture.query);
        assert_eq!(told(&query), fixture.expected, "{}", fixture.file);
        assert_eq!(query.bytes, fixture.query);
        let trailing = if fixture.file == "trailing" { 4 } else { 0 };
        // What a request of DSO carries stands behind its empty sections.
        if fixture.file != "dso" {
            assert_eq!(query.end + trailing, fixture.query.len(), "{}", fixture.file);
        }
    }
}

#[test]
fn answers_of_a_real_server_match_their_own_request_and_no_other() {
    let (fixtures, key) = (fixtures(), (1, 2));
    for asked in &fixtures {
        let query = read(&asked.query);
        let print = fingerprint(key, &query);
        for other in fixtures.iter().filter(|other| !other.answer.is_empty()) {
            let lower = |fixture: &Fixture| {
                let words: Vec<_> =
                    fixture.expected.split(' ').take(3).map(str::to_ascii_lowercase).collect();
                (words.join(" "), fixture.query[2] >> 3 & 0xf)
            };
            let belongs = lower(asked) == lower(other);
            let taken = answers(&other.answer, query.header.opcode(), print, key);
            assert_eq!(taken, belongs, "{} for {}", other.file, asked.file);
        }
        assert!(asked.answer.is_empty() || ttls(&asked.answer, |_, _| {}).is_some(), "{}", asked.file);
    }
}

#[test]
fn longest_names_are_the_longest() {
    let longest = fixture("longest");
    assert_eq!(read(&longest.query).question.unwrap().name.len(), 255);
    let many = fixture("many-labels");
    assert_eq!(read(&many.query).question.unwrap().name.iter().filter(|&&octet| octet == 1).count(), 127);
    assert_eq!(read(&fixture("root").query).question.unwrap().name, name("."));
}
