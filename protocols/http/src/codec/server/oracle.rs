//! What holds for all bytes that a client may send.

use std::net::{Ipv4Addr, SocketAddr};

use bytes::{Buf as _, BytesMut};
use http::{HeaderMap, Request};

use super::framing::{Framing, Length};
use super::head::{self, Preface};
use crate::codec::chunks::{Chunks, Limits, Piece};
use crate::codec::client::said_alike;
use crate::target;

/// A whole request.
#[derive(Debug)]
struct Read {
    request: Request<()>,
    framing: Framing,
    body: Vec<u8>,
    trailers: HeaderMap,
}

/// What stands behind the last whole request.
#[derive(Debug, PartialEq, Eq)]
enum Rest {
    /// Nothing that could not become a request.
    More,
    Refused,
    /// Nobody will read it.
    Unread,
}

/// Takes `data` for what a client says: the same requests however it is cut, and each, said to a server, is read there as
/// it was here.
pub(crate) fn oracle(data: &[u8]) {
    let (whole, rest) = read(&[data]);
    for at in [1, data.len() / 3, data.len() / 2, data.len().saturating_sub(1)] {
        let Some((first, second)) = data.split_at_checked(at) else { continue };
        let (cut, behind) = read(&[first, second]);
        assert_eq!(format!("{whole:?}"), format!("{cut:?}"), "cut at {at}");
        assert_eq!(rest, behind, "cut at {at}");
    }
    for Read { request, framing, body, trailers } in whole {
        assert!(body.len() + trailers.len() <= data.len(), "more is read than there was");
        let (mut head, ()) = request.into_parts();
        if target::resolve(&mut head, SocketAddr::from((Ipv4Addr::LOCALHOST, 80))).is_err() {
            continue;
        }
        let length = match framing.length {
            Length::Known(length) => Some(length),
            Length::Chunked => None,
        };
        let said = said_alike(&head, length);
        let again = head::parse(&said, LIMITS);
        let Ok(Some((again, end))) = again else { panic!("what was read is not read again: {again:?}") };
        assert!(end == said.len() && again.framing.length == framing.length, "another framing");
        assert!(again.request.method() == head.method && *again.request.uri() == head.uri, "another request");
    }
}

/// The whole requests that come in these pieces.
fn read(pieces: &[&[u8]]) -> (Vec<Read>, Rest) {
    let (mut input, mut found) = (BytesMut::new(), Vec::new());
    // A head that was read, and what has come of its body.
    let mut open: Option<(Read, Option<Chunks>)> = None;
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            if let Some((request, chunks)) = &mut open {
                match body(&mut input, request, chunks) {
                    Err(()) => return (found, Rest::Refused),
                    Ok(false) => break,
                    Ok(true) => found.extend(open.take().map(|(request, _)| request)),
                }
                if found.last().is_some_and(|last| last.framing.wants.close) {
                    return (found, Rest::Unread);
                }
            }
            input.advance(head::blank(&input));
            match head::preface(&input) {
                Preface::None => {}
                Preface::Begun => break,
                Preface::Whole => return (found, Rest::Unread),
            }
            match head::parse(&input, LIMITS) {
                Err(_) => return (found, Rest::Refused),
                Ok(None) => break,
                Ok(Some((head, length))) => {
                    input.advance(length);
                    let chunks = (head.framing.length == Length::Chunked).then(|| Chunks::new(LIMITS));
                    let (body, trailers) = (Vec::new(), HeaderMap::new());
                    open =
                        Some((Read { request: head.request, framing: head.framing, body, trailers }, chunks));
                }
            }
        }
    }
    (found, Rest::More)
}

/// Reads on in a body; true at its end.
fn body(input: &mut BytesMut, read: &mut Read, chunks: &mut Option<Chunks>) -> Result<bool, ()> {
    let Some(chunks) = chunks else {
        let Length::Known(length) = read.framing.length else { return Err(()) };
        let left = usize::try_from(length).unwrap_or(usize::MAX) - read.body.len();
        let part = input.split_to(left.min(input.len()));
        read.body.extend_from_slice(&part);
        return Ok(part.len() == left);
    };
    loop {
        match chunks.next(input).map_err(drop)? {
            None => return Ok(false),
            Some(Piece::Data(data)) => read.body.extend_from_slice(&data),
            Some(Piece::Trailers(fields)) => {
                read.trailers = fields;
                return Ok(true);
            }
            Some(Piece::End) => return Ok(true),
        }
    }
}

const LIMITS: Limits = Limits { size: 16 * 1024, fields: 100 };
