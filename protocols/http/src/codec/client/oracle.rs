//! What holds for all bytes that a server may send, and for all heads that are sent to one.

use bytes::BytesMut;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request;

use super::answer::{self, Asked, Head, Parsed};
use super::body::Body;
use super::request::{Framing, write_head};
use crate::codec::chunks::Piece;

/// Takes `data` for what a server answers: the same answer however it is cut.
pub(crate) fn oracle(data: &[u8]) {
    for to_head in [false, true] {
        let whole = read(&[data], to_head);
        for at in [1, data.len() / 3, data.len() / 2, data.len().saturating_sub(1)] {
            let Some((first, second)) = data.split_at_checked(at) else { continue };
            assert_eq!(whole, read(&[first, second], to_head), "cut at {at}");
        }
    }
}

/// A head as a server gets it, which another reader reads as it was; `length`: of the body, if that is known.
pub(in crate::codec) fn said_alike(head: &request::Parts, length: Option<u64>) -> Vec<u8> {
    let framing = match length {
        None => Framing::Chunked,
        Some(0) => Framing::Nothing,
        Some(length) => Framing::Length(length),
    };
    let mut said = Vec::new();
    write_head(&mut said, head, framing, None);
    let mut fields = vec![httparse::EMPTY_HEADER; head.headers.len() + 1];
    let mut read = httparse::Request::new(&mut fields);
    let whole = read.parse(&said) == Ok(httparse::Status::Complete(said.len()));
    assert!(whole && read.version == Some(1), "{}", said.escape_ascii());
    assert_eq!(read.method, Some(head.method.as_str()), "{}", said.escape_ascii());
    let framed = |name: &str| name == CONTENT_LENGTH || name == TRANSFER_ENCODING;
    let own = head.headers.iter().filter(|(name, _)| !framed(name.as_str()));
    let theirs = read.headers.iter().filter(|field| !framed(field.name));
    let own = own.map(|(name, value)| (name.as_str(), value.as_bytes()));
    assert!(own.eq(theirs.map(|field| (field.name, field.value))), "{}", said.escape_ascii());
    assert!(read.headers.iter().filter(|field| framed(field.name)).count() <= 1, "{}", said.escape_ascii());
    said
}

/// What a client could be told of these pieces: interim answers, status and body as far as they came, and whether the end
/// was found. What is malformed is told from nothing else that was delivered before.
fn read(pieces: &[&[u8]], to_head: bool) -> Option<(usize, u16, Vec<u8>, bool, usize)> {
    let (mut input, mut seen, mut interim) = (BytesMut::new(), 0, 0);
    let (mut status, mut found, mut whole) = (0, Vec::new(), false);
    let mut body: Option<Body> = None;
    for piece in pieces {
        input.extend_from_slice(piece);
        while body.is_none() {
            let asked = Asked { to_head, ..Asked::default() };
            match answer::parse(&mut input, seen, asked, MAX_HEAD).ok()? {
                Parsed::More => {
                    seen = input.len();
                    break;
                }
                Parsed::Interim(_) => (seen, interim) = (0, interim + 1),
                Parsed::Switched(_) => panic!("nobody asked for another protocol"),
                Parsed::Final(Head { message, framing, .. }) => {
                    status = message.status().as_u16();
                    body = Some(framing.into());
                }
            }
        }
        while let Some(body) = body.as_mut().filter(|_| !whole) {
            match body.next(&mut input).ok()? {
                Some(Piece::Data(data)) => found.extend_from_slice(&data),
                Some(Piece::Trailers(_) | Piece::End) => whole = true,
                None => break,
            }
        }
    }
    // A head that does not end is looked at again only when it does: until then it may or may not be known to be none.
    (status > 0).then_some((interim, status, found, whole, input.len()))
}

const MAX_HEAD: usize = 16 * 1024;
