//! One direction of a relay.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use sekisho_api::{Side, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::io::Io;

use super::Shared;
use super::buffers::Buffer;
use super::pipes::Pipe;

/// Bytes read without a pause after which a direction counts as bulk. `splice(2)` costs 6 to 15 % on small
/// exchanges, by one more failed call each, and halves the cost of large ones.
const BULK: usize = 64 * 1024;

/// Reads in one turn after which the other connections of the worker get theirs.
const TURN: usize = 16;

/// One direction: from a side to its other.
#[derive(Debug)]
pub(crate) struct Direction {
    state: State,
    moved: u64,
    streak: usize,
}

#[derive(Debug)]
enum State {
    /// Nothing is held.
    Empty,
    /// The first bytes, which the conversation had read.
    First(Box<BytesMut>),
    /// What the last write did not take.
    Held(Box<Held>),
    /// Bulk.
    Spliced(Box<Pipe>),
    /// The reading side has ended; the writing side is being told.
    Ending,
    /// Both know.
    Ended,
}

#[derive(Debug)]
struct Held {
    buffer: Buffer,
    // INVARIANT: start <= end <= buffer.len()
    start: usize,
    end: usize,
}

/// A side that failed, at reading or at writing.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) side: Side,
}

impl Direction {
    pub(crate) fn new(first: BytesMut) -> Self {
        let state = if first.is_empty() { State::Empty } else { State::First(Box::new(first)) };
        Self { state, moved: 0, streak: 0 }
    }

    /// Bytes written so far.
    pub(crate) fn moved(&self) -> u64 {
        self.moved
    }

    /// Whether `from` has ended and `to` knows.
    pub(crate) fn ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// Nothing more is moved; `to` is told.
    pub(crate) fn end(&mut self) {
        if !self.ended() {
            self.state = State::Ending;
        }
    }

    /// Moves what can be moved. `last`: the opposite direction has ended, both sockets close after this one. Ready when `from` has ended and `to` knows.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Io,
        to: &mut Io,
        side: Side,
        last: bool,
        shared: &Shared,
    ) -> Poll<Result<(), Failed>> {
        let reading = |_: io::Error| Failed { side };
        let writing = |_: io::Error| Failed { side: side.other() };
        for _ in 0..TURN {
            match &mut self.state {
                State::First(first) => {
                    while first.has_remaining() {
                        let n = ready!(Pin::new(&mut *to).poll_write(cx, first)).map_err(writing)?;
                        if n == 0 {
                            return Poll::Ready(Err(Failed { side: side.other() }));
                        }
                        first.advance(n);
                        self.moved += n as u64;
                    }
                    self.state = State::Empty;
                }
                State::Held(held) => {
                    while let Some(rest) =
                        held.buffer.get(held.start..held.end).filter(|rest| !rest.is_empty())
                    {
                        let n = ready!(Pin::new(&mut *to).poll_write(cx, rest)).map_err(writing)?;
                        if n == 0 {
                            return Poll::Ready(Err(Failed { side: side.other() }));
                        }
                        held.start += n;
                        self.moved += n as u64;
                    }
                    self.state = State::Empty;
                }
                State::Empty if self.streak >= BULK => match Self::pipe(from, to, shared) {
                    Some(pipe) => self.state = State::Spliced(Box::new(pipe)),
                    None => self.streak = 0,
                },
                State::Empty => {
                    let mut buffer = shared.buffers.take();
                    let mut into = ReadBuf::new(&mut buffer);
                    if Pin::new(&mut *from).poll_read(cx, &mut into).map_err(reading)?.is_pending() {
                        return self.pause(cx, to).map_err(writing);
                    }
                    let first = into.filled().len();
                    if first == 0 {
                        self.state = State::Ending;
                        continue;
                    }
                    // Asked before anything is written, for an end that has come along can leave along. After a read
                    // that left room this is no system call unless there is more, or the end.
                    let next = match into.remaining() {
                        0 => None,
                        _ => Some(Pin::new(&mut *from).poll_read(cx, &mut into)),
                    };
                    let end = into.filled().len();
                    let over = end == first && matches!(next, Some(Poll::Ready(Ok(()))));
                    self.streak = self.streak.saturating_add(end);
                    let mut start = 0;
                    // Written at once: it fits nearly always, and then no buffer outlives this turn.
                    let written = match over {
                        true => to.poll_write_last(cx, into.filled()),
                        false => Pin::new(&mut *to).poll_write(cx, into.filled()),
                    };
                    if let Poll::Ready(written) = written {
                        start = written.map_err(writing)?;
                        self.moved += start as u64;
                    }
                    if start < end {
                        self.state = State::Held(Box::new(Held { buffer, start, end }));
                    } else if over {
                        self.state = State::Ending;
                    }
                    match next {
                        // A reset reaches the other side as one, and takes what is on the way with it.
                        Some(Poll::Ready(Err(error))) => return Poll::Ready(Err(reading(error))),
                        Some(Poll::Pending) if start == end => return self.pause(cx, to).map_err(writing),
                        _ => {}
                    }
                }
                State::Spliced(pipe) => {
                    let (Some(source), Some(sink)) = (from.plain(), to.plain()) else {
                        return Poll::Ready(Err(Failed { side }));
                    };
                    if pipe.inside() > 0 {
                        ready!(sink.poll_write_ready(cx)).map_err(writing)?;
                        match pipe.empty(sink) {
                            Ok(0) => return Poll::Ready(Err(Failed { side: side.other() })),
                            Ok(n) => self.moved += n as u64,
                            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                            Err(error) => return Poll::Ready(Err(writing(error))),
                        }
                        continue;
                    }
                    if source.poll_read_ready(cx).map_err(reading)?.is_pending() {
                        // A pause: the pipe is another transfer's now.
                        (self.state, self.streak) = (State::Empty, 0);
                        return Poll::Pending;
                    }
                    match pipe.fill(source) {
                        Ok(0) => self.state = State::Ending,
                        Ok(_) => {}
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(error) => return Poll::Ready(Err(reading(error))),
                    }
                }
                // Closing says the same as shutting down, with one system call less. TLS has a word of its own.
                State::Ending if last && to.plain().is_some() => self.state = State::Ended,
                State::Ending => {
                    // A side that is gone already needs no word that nothing more will come.
                    let _ = ready!(Pin::new(&mut *to).poll_shutdown(cx));
                    self.state = State::Ended;
                }
                State::Ended => return Poll::Ready(Ok(())),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Nothing is there to be read, and nothing is held.
    fn pause(&mut self, cx: &mut Context<'_>, to: &mut Io) -> Poll<io::Result<()>> {
        self.streak = 0;
        // What TLS has sealed and not yet sent.
        let _ = Pin::new(to).poll_flush(cx)?;
        Poll::Pending
    }

    fn pipe(from: &mut Io, to: &mut Io, shared: &Shared) -> Option<Pipe> {
        from.plain()?;
        to.plain()?;
        shared.pipes.take()
    }
}
