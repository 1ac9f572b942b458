//! The rules of reading and rewriting, on fixtures, by tables, against hickory-proto, and on damaged messages.

mod fixtures;
mod hickory;
mod hostile;
mod matching;
mod reading;
mod replies;
mod rewriting;
mod ttls;

use super::{HEADER, Query, query};

/// A request with this opcode, RD and these counts, and `body` behind them.
fn message(opcode: u16, counts: [u16; 4], body: &[&[u8]]) -> Vec<u8> {
    let mut message = vec![0x12, 0x34];
    message.extend((opcode << 11 | 0x0100).to_be_bytes());
    message.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
    message.extend(body.concat());
    message
}

/// A QUERY for `www.example.org A IN` with these records behind it, in the additional section.
fn ask(additional: &[&[u8]]) -> Vec<u8> {
    let mut body = vec![WWW];
    body.extend(additional);
    message(0, [1, 0, 0, additional.len() as u16], &body)
}

/// The same, answered: `records` in the section that `counts` says.
fn answered(counts: [u16; 3], records: &[&[u8]]) -> Vec<u8> {
    let mut body = vec![WWW];
    body.extend(records);
    let mut answer = message(0, [1, counts[0], counts[1], counts[2]], &body);
    answer[2] |= 0x80;
    answer
}

/// An OPT record of version 0 with these options.
fn opt(options: &[u8]) -> Vec<u8> {
    record(&[0], 41, 1232, 0, options)
}

fn record(name: &[u8], kind: u16, class: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut record = name.to_vec();
    record.extend(kind.to_be_bytes());
    record.extend(class.to_be_bytes());
    record.extend(ttl.to_be_bytes());
    record.extend((data.len() as u16).to_be_bytes());
    record.extend(data);
    record
}

/// The uncompressed name of labels joined by dots.
fn name(text: &str) -> Vec<u8> {
    let mut name = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        name.push(label.len() as u8);
        name.extend(label.as_bytes());
    }
    name.push(0);
    name
}

fn read(bytes: &[u8]) -> Query<'_> {
    query(bytes).unwrap_or_else(|why| panic!("{why:?}: {bytes:02x?}"))
}

/// The question of [`ask`].
const WWW: &[u8] = b"\x03www\x07example\x03org\0\0\x01\0\x01";

/// A pointer to the name of that question.
const POINTER: &[u8] = &[0xc0, HEADER as u8];

/// The client subnet 192.0.2.0/24 as a query has it.
const SUBNET: &[u8] = &[0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2];

/// A cookie of a client.
const COOKIE: &[u8] = &[0, 10, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7];
