//! One coarse clock per worker, instead of a timer per connection.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// How often a worker looks at its deadlines. Deadlines are seconds long: a tenth of one late does no harm, and a
/// timer of its own for each wait costs about 7 % of a small request.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// The deadlines of one worker, swept every [`TICK`].
#[derive(Debug)]
pub(crate) struct Ticker {
    now: Cell<Instant>,
    slots: RefCell<Slots>,
    due: RefCell<Vec<Waker>>,
}

#[derive(Debug, Default)]
struct Slots {
    entries: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug, Default)]
struct Slot {
    deadline: Option<Instant>,
    waker: Option<Waker>,
}

impl Ticker {
    /// A ticker that begins at `now`.
    pub(crate) fn new(now: Instant) -> Rc<Self> {
        Rc::new(Self { now: Cell::new(now), slots: RefCell::default(), due: RefCell::default() })
    }

    /// The time of the last sweep: at most a [`TICK`] old and free to read.
    pub(crate) fn coarse(&self) -> Instant {
        self.now.get()
    }

    /// A future that is ready at `deadline`, up to a [`TICK`] late.
    pub(crate) fn until(self: &Rc<Self>, deadline: Instant) -> Until {
        Until { ticker: self.clone(), deadline, slot: None }
    }

    /// Wakes everything whose deadline is not after `now`.
    pub(crate) fn sweep(&self, now: Instant) {
        self.now.set(now);
        let mut due = self.due.take();
        for slot in &mut self.slots.borrow_mut().entries {
            if slot.deadline.is_some_and(|deadline| deadline <= now) {
                slot.deadline = None;
                due.extend(slot.waker.take());
            }
        }
        // Woken outside the borrow: a waker may drop a task, and with it a slot.
        for waker in due.drain(..) {
            waker.wake();
        }
        self.due.replace(due);
    }

    fn enter(&self) -> u32 {
        let mut slots = self.slots.borrow_mut();
        if let Some(slot) = slots.free.pop() {
            return slot;
        }
        slots.entries.push(Slot::default());
        u32::try_from(slots.entries.len() - 1).unwrap_or(u32::MAX)
    }

    fn set(&self, slot: u32, deadline: Option<Instant>, waker: Option<&Waker>) {
        if let Some(slot) = self.slots.borrow_mut().entries.get_mut(slot as usize) {
            slot.deadline = deadline;
            match (waker, &mut slot.waker) {
                (Some(waker), Some(kept)) if kept.will_wake(waker) => {}
                (waker, kept) => *kept = waker.cloned(),
            }
        }
    }
}

/// A deadline in a [`Ticker`]. Takes a slot when it is first waited for and gives it back when dropped.
#[derive(Debug)]
pub(crate) struct Until {
    ticker: Rc<Ticker>,
    deadline: Instant,
    slot: Option<u32>,
}

impl Until {
    /// Moves the deadline; to be polled again afterwards.
    pub(crate) fn reset(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// The deadline.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }
}

impl Future for Until {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.ticker.coarse() >= self.deadline {
            return Poll::Ready(());
        }
        let slot = match self.slot {
            Some(slot) => slot,
            None => {
                let slot = self.ticker.enter();
                self.slot = Some(slot);
                slot
            }
        };
        self.ticker.set(slot, Some(self.deadline), Some(cx.waker()));
        Poll::Pending
    }
}

impl Drop for Until {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            self.ticker.set(slot, None, None);
            self.ticker.slots.borrow_mut().free.push(slot);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn deadline_wakes_once_and_not_before_its_time() {
        let start = Instant::now();
        let ticker = Ticker::new(start);
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(count.clone());
        let mut cx = Context::from_waker(&waker);
        let mut until = ticker.until(start + Duration::from_secs(1));
        assert!(Pin::new(&mut until).poll(&mut cx).is_pending());
        ticker.sweep(start + Duration::from_millis(999));
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        ticker.sweep(start + Duration::from_secs(1));
        ticker.sweep(start + Duration::from_secs(2));
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(Pin::new(&mut until).poll(&mut cx).is_ready());
    }

    #[test]
    fn dropped_deadlines_give_their_slots_back() {
        let start = Instant::now();
        let ticker = Ticker::new(start);
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..1000 {
            let mut until = ticker.until(start + Duration::from_secs(1));
            assert!(Pin::new(&mut until).poll(&mut cx).is_pending());
        }
        assert_eq!(ticker.slots.borrow().entries.len(), 1);
    }
}
