//! DNS messages as tests need them.

use bytes::{BufMut as _, Bytes, BytesMut};

const TXT: u16 = 16;
const SOA: u16 = 6;
const OPT: u16 = 41;

/// A query with the id 0 for the text at `name`; `padded` gives it an OPT record with padding in it.
pub(in crate::https) fn query(name: &str, padded: bool) -> Bytes {
    let mut out = BytesMut::new();
    for word in [0, 0x0100, 1, 0, 0, u16::from(padded)] {
        out.put_u16(word);
    }
    for label in name.split('.') {
        out.put_u8(u8::try_from(label.len()).unwrap());
        out.put_slice(label.as_bytes());
    }
    out.put_u8(0);
    out.put_u16(TXT);
    out.put_u16(1);
    if padded {
        opt(&mut out, &[0, 12, 0, 3, 0, 0, 0]);
    }
    out.freeze()
}

/// An answer with one text of so many bytes, and an OPT record if the query has one.
pub(in crate::https) fn answer(query: &[u8], ttl: u32, length: usize) -> Bytes {
    let mut out = head(query, 0, [1, 0]);
    record(&mut out, TXT, ttl, &vec![b'x'; length]);
    if with_opt(query) {
        opt(&mut out, &[]);
    }
    out.freeze()
}

/// An answer without anything in it but a SOA record.
pub(in crate::https) fn negative(query: &[u8], rcode: u16, ttl: u32, minimum: u32) -> Bytes {
    let mut out = head(query, rcode, [0, 1]);
    let mut data = vec![0; 18];
    data.extend(minimum.to_be_bytes());
    record(&mut out, SOA, ttl, &data);
    if with_opt(query) {
        opt(&mut out, &[]);
    }
    out.freeze()
}

fn with_opt(query: &[u8]) -> bool {
    query[11] == 1
}

fn head(query: &[u8], rcode: u16, counts: [u16; 2]) -> BytesMut {
    let question = query[12..].iter().position(|&b| b == 0).unwrap() + 12 + 5;
    let mut out = BytesMut::new();
    out.put_slice(&query[..2]);
    for word in [0x8180 | rcode, 1, counts[0], counts[1], u16::from(with_opt(query))] {
        out.put_u16(word);
    }
    out.put_slice(&query[12..question]);
    out
}

fn record(out: &mut BytesMut, kind: u16, ttl: u32, data: &[u8]) {
    out.put_u16(0xc00c);
    out.put_u16(kind);
    out.put_u16(1);
    out.put_u32(ttl);
    out.put_u16(u16::try_from(data.len()).unwrap());
    out.put_slice(data);
}

fn opt(out: &mut BytesMut, options: &[u8]) {
    out.put_u8(0);
    out.put_u16(OPT);
    out.put_u16(1232);
    out.put_u32(0);
    out.put_u16(u16::try_from(options.len()).unwrap());
    out.put_slice(options);
}
