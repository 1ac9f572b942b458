//! A body that is kept while it is sent, so that it can be sent again.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::Frame;

/// Keeps a body up to a size.
#[derive(Debug)]
pub(crate) struct Recorder {
    most: usize,
    /// Its length, where it was announced.
    length: Option<u64>,
    kept: RefCell<Kept>,
}

#[derive(Debug, Default)]
enum Kept {
    #[default]
    Nothing,
    Part(BytesMut),
    Whole(Bytes, Option<HeaderMap>),
    /// There was more than is kept.
    TooMuch,
}

impl Recorder {
    /// Keeps at most so many bytes of a body of this length.
    pub(crate) fn new(most: usize, length: Option<u64>) -> Rc<Self> {
        Rc::new(Self { most, length, kept: RefCell::default() })
    }

    /// A piece of it was read.
    pub(crate) fn data(&self, data: &Bytes) {
        let mut kept = self.kept.borrow_mut();
        let mut part = match std::mem::take(&mut *kept) {
            Kept::Nothing => BytesMut::new(),
            Kept::Part(part) => part,
            other => return *kept = other,
        };
        *kept = if part.len() + data.len() > self.most {
            Kept::TooMuch
        } else {
            part.extend_from_slice(data);
            Kept::Part(part)
        };
    }

    /// Its last piece was read.
    pub(crate) fn end(&self, trailers: Option<&HeaderMap>) {
        let mut kept = self.kept.borrow_mut();
        *kept = match std::mem::take(&mut *kept) {
            Kept::Nothing => Kept::Whole(Bytes::new(), trailers.cloned()),
            Kept::Part(part) => Kept::Whole(part.freeze(), trailers.cloned()),
            other => other,
        };
    }

    /// The body, if all of it was read and kept.
    pub(crate) fn replay(&self) -> Option<Replay> {
        match &*self.kept.borrow() {
            Kept::Whole(data, trailers) => Some(Replay {
                data: data.clone(),
                trailers: trailers.clone(),
                announced: self.length.is_some(),
            }),
            _ => None,
        }
    }
}

/// A body that was kept.
#[derive(Debug)]
pub(crate) struct Replay {
    data: Bytes,
    trailers: Option<HeaderMap>,
    announced: bool,
}

impl Replay {
    /// The next frame.
    pub(crate) fn frame(&mut self) -> Option<Frame<Bytes>> {
        if !self.data.is_empty() {
            return Some(Frame::data(std::mem::take(&mut self.data)));
        }
        self.trailers.take().map(Frame::trailers)
    }

    /// Whether there is none.
    pub(crate) fn is_done(&self) -> bool {
        self.data.is_empty() && self.trailers.is_none()
    }

    /// What is left of it, if its length was announced.
    pub(crate) fn remaining(&self) -> Option<u64> {
        self.announced.then_some(self.data.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_bodies_within_the_bound_are_replayed() {
        let recorder = Recorder::new(6, None);
        assert!(recorder.replay().is_none(), "nothing was read");
        recorder.data(&Bytes::from_static(b"abc"));
        recorder.data(&Bytes::from_static(b"def"));
        assert!(recorder.replay().is_none(), "it may go on");
        recorder.end(None);
        for _ in 0..2 {
            let mut replay = recorder.replay().unwrap();
            assert_eq!(replay.remaining(), None);
            assert_eq!(replay.frame().unwrap().into_data().unwrap(), "abcdef");
            assert!(replay.is_done() && replay.frame().is_none());
        }
        let recorder = Recorder::new(5, Some(6));
        recorder.data(&Bytes::from_static(b"abc"));
        recorder.data(&Bytes::from_static(b"def"));
        recorder.data(&Bytes::from_static(b""));
        recorder.end(None);
        assert!(recorder.replay().is_none(), "more than is kept");
    }

    #[test]
    fn trailers_and_announced_lengths_are_kept() {
        let recorder = Recorder::new(6, Some(3));
        recorder.data(&Bytes::from_static(b"abc"));
        recorder.end(Some(&HeaderMap::new()));
        let mut replay = recorder.replay().unwrap();
        assert_eq!(replay.remaining(), Some(3));
        assert!(replay.frame().unwrap().is_data());
        assert!(!replay.is_done() && replay.frame().unwrap().is_trailers());
    }
}
