//! A client's connection, as those see it who answer over it.

use std::cell::{Cell, RefCell};
use std::task::{Context, Poll, Waker};

use super::bell::Bell;
use super::outbound::Outbound;

/// A client's connection, as those see it who answer over it.
#[derive(Debug, Default)]
pub(crate) struct Conn {
    pub(super) out: RefCell<Outbound>,
    /// Queries that wait for their answers.
    pub(super) in_flight: Cell<usize>,
    transfers: Cell<usize>,
    pub(super) bell: Bell,
    /// Transfers that wait for room.
    room: RefCell<Vec<Waker>>,
    /// Nobody reads answers any more.
    gone: Cell<bool>,
    /// An answer was cut short: only the connection's end can tell.
    pub(super) broken: Cell<bool>,
}

impl Conn {
    /// A query is answered; `None`: with silence.
    pub(crate) fn answered(&self, answer: Option<&[u8]>) {
        self.in_flight.set(self.in_flight.get().saturating_sub(1));
        match answer {
            Some(answer) => self.push(answer),
            None => self.bell.ring(),
        }
    }

    /// One more message for the client.
    pub(crate) fn push(&self, message: &[u8]) {
        if !self.gone.get() {
            self.out.borrow_mut().push(message);
            self.bell.ring();
        }
    }

    /// Counts a transfer; false if there are enough already.
    pub(crate) fn transfer_begins(&self) -> bool {
        let begins = self.transfers.get() < TRANSFERS;
        self.transfers.set(self.transfers.get() + usize::from(begins));
        begins
    }

    /// A transfer has ended; `cut`: before its end.
    pub(crate) fn transfer_ends(&self, cut: bool) {
        self.transfers.set(self.transfers.get().saturating_sub(1));
        if cut {
            self.broken.set(true);
            self.bell.ring();
        }
    }

    /// Whether nobody reads answers any more.
    pub(crate) fn gone(&self) -> bool {
        self.gone.get()
    }

    /// Whether the client has so much to take that nothing more is got for it.
    pub(super) fn full(&self) -> bool {
        self.out.borrow().len() >= UNSENT
    }

    /// Ready when the client takes more of a transfer, or has left.
    pub(crate) fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        if self.gone.get() || !self.full() {
            return Poll::Ready(());
        }
        self.room.borrow_mut().push(cx.waker().clone());
        Poll::Pending
    }

    /// Nobody reads answers any more.
    pub(super) fn leave(&self) {
        self.gone.set(true);
        self.out.borrow_mut().clear();
        self.make_room();
    }

    /// The client has taken something.
    pub(super) fn make_room(&self) {
        for waker in self.room.take() {
            waker.wake();
        }
    }
}

/// Answers that a client does not take, above which nothing more of it is read.
const UNSENT: usize = 64 << 10;
/// The most zone transfers of one connection at a time.
const TRANSFERS: usize = 4;
