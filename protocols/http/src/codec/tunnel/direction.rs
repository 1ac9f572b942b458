//! One direction of a tunnel.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use sekisho_api::BoxStream;
use tokio::io::{AsyncReadExt as _, AsyncWrite as _};

use crate::codec::client::Buffers;
use crate::codec::client::buffers::{LARGE, SMALL};

/// From one side to the other. What one side does not take is not read from the other, and while nothing moves nothing
/// is held.
#[derive(Debug)]
pub(super) struct Direction {
    held: BytesMut,
    /// The buffer is borrowed, for reads of this size.
    lent: Option<usize>,
    /// Bytes of what is held that are the gateway's own.
    own: usize,
    room: usize,
    moved: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The reading side has ended, and the writing side is to be told.
    Ending,
    /// Both know.
    Ended,
}

/// The side that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    Reading,
    Writing,
}

impl Direction {
    /// One that begins with these bytes.
    pub(super) fn new(first: BytesMut) -> Self {
        Self { held: first, lent: None, own: 0, room: SMALL, moved: 0, state: State::Open }
    }

    /// Puts a message of the gateway before the first bytes. It counts for nothing.
    pub(super) fn begin(&mut self, message: &[u8]) {
        let rest = std::mem::replace(&mut self.held, BytesMut::from(message));
        self.held.unsplit(rest);
        self.own = message.len();
    }

    /// Bytes written so far.
    pub(super) fn moved(&self) -> u64 {
        self.moved
    }

    /// Moves what can be moved. Ready when one side has ended and the other knows.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut BoxStream,
        to: &mut BoxStream,
        buffers: &Buffers,
    ) -> Poll<Result<(), Failed>> {
        for _ in 0..TURN {
            while !self.held.is_empty() {
                match ready!(Pin::new(&mut *to).poll_write(cx, &self.held)) {
                    Ok(n @ 1..) => self.written(n),
                    Ok(0) | Err(_) => return Poll::Ready(Err(Failed::Writing)),
                }
            }
            match self.state {
                State::Open => match self.poll_read(cx, from, buffers) {
                    Poll::Ready(Ok(0)) => self.state = State::Ending,
                    Poll::Ready(Ok(_)) => {}
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(Failed::Reading)),
                    Poll::Pending => {
                        self.give_buffer(buffers);
                        // What TLS has sealed and not yet sent.
                        let _ = Pin::new(to).poll_flush(cx).map_err(|_| Failed::Writing)?;
                        return Poll::Pending;
                    }
                },
                State::Ending => {
                    self.give_buffer(buffers);
                    // A side that is gone needs no word that nothing more will come.
                    let _ = ready!(Pin::new(&mut *to).poll_shutdown(cx));
                    self.state = State::Ended;
                }
                State::Ended => return Poll::Ready(Ok(())),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn written(&mut self, n: usize) {
        self.held.advance(n);
        let own = self.own.min(n);
        self.own -= own;
        self.moved += (n - own) as u64;
    }

    /// Reads once, into a buffer that grows while it is filled.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut BoxStream,
        buffers: &Buffers,
    ) -> Poll<std::io::Result<usize>> {
        if self.lent != Some(self.room) {
            self.give_buffer(buffers);
            self.held = buffers.take(self.room);
            self.lent = Some(self.room);
        }
        if !self.held.try_reclaim(self.room) {
            self.held.reserve(self.room);
        }
        let spare = self.held.capacity();
        let read = pin!(from.read_buf(&mut self.held)).poll(cx);
        self.room = if matches!(read, Poll::Ready(Ok(n)) if n == spare) { LARGE } else { SMALL };
        read
    }

    fn give_buffer(&mut self, buffers: &Buffers) {
        let held = std::mem::take(&mut self.held);
        if let Some(room) = self.lent.take() {
            buffers.give(held, room);
        }
    }
}

/// Reads in one turn after which the other connections of the worker get theirs.
const TURN: usize = 16;

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::codec::testing::Scripted;

    fn pattern(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i * 31 + i / 251) as u8).collect()
    }

    #[test]
    fn bytes_arrive_as_they_are_however_they_come_and_go() {
        let (buffers, cx) = (Buffers::default(), &mut Context::from_waker(Waker::noop()));
        for (piece, room) in [(1, 1), (1, 7), (100, 3), (20_000, 1000), (300_000, 40_000), (5, 1_000_000)] {
            let (mut from, source) = Scripted::pair();
            let (mut to, sink) = Scripted::pair();
            let bytes = pattern(piece * 20);
            source.borrow_mut().sent.extend(bytes.chunks(piece).map(<[u8]>::to_vec).chain([Vec::new()]));
            let mut direction = Direction::new(BytesMut::from("first"));
            direction.begin(b"head");
            let mut turns = 0;
            while direction.poll(cx, &mut from, &mut to, &buffers).is_pending() {
                sink.borrow_mut().room = room;
                turns += 1;
                assert!(turns < 10_000, "{piece} {room}");
            }
            let expected = [&b"headfirst"[..], &bytes].concat();
            assert!(sink.borrow().taken == expected && sink.borrow().told, "{piece} {room}");
            assert_eq!(direction.moved(), 5 + bytes.len() as u64, "the gateway's own head counts");
        }
    }

    #[test]
    fn direction_in_which_nothing_moves_holds_no_buffer() {
        let (buffers, cx) = (Buffers::default(), &mut Context::from_waker(Waker::noop()));
        let ((mut from, source), (mut to, sink)) = (Scripted::pair(), Scripted::pair());
        sink.borrow_mut().room = 1 << 20;
        let mut direction = Direction::new(BytesMut::from("first"));
        for length in [0, 10, 200_000] {
            source.borrow_mut().sent.extend(Some(pattern(length)).filter(|piece| !piece.is_empty()));
            while !source.borrow().sent.is_empty() || direction.held.capacity() > 0 {
                assert!(direction.poll(cx, &mut from, &mut to, &buffers).is_pending());
            }
            assert_eq!((direction.held.capacity(), direction.lent), (0, None));
        }
        assert_eq!(sink.borrow().taken.len(), 200_015);
    }

    #[test]
    fn what_one_side_does_not_take_is_not_read_from_the_other() {
        let (buffers, cx) = (Buffers::default(), &mut Context::from_waker(Waker::noop()));
        let ((mut from, source), (mut to, _sink)) = (Scripted::pair(), Scripted::pair());
        source.borrow_mut().sent.extend(std::iter::repeat_n(vec![b'x'; 1000], 100));
        let mut direction = Direction::new(BytesMut::new());
        for _ in 0..100 {
            assert!(direction.poll(cx, &mut from, &mut to, &buffers).is_pending());
        }
        assert_eq!(source.borrow().reads, 1);
    }
}
