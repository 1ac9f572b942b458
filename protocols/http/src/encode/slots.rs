//! How many answers a worker codes at a time: what each needs is a thousand times an idle connection.

use std::cell::Cell;
use std::rc::Rc;

/// The codings under way in one worker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots(Rc<Cell<usize>>);

/// One of them; given back by being dropped.
#[derive(Debug)]
pub(super) struct Slot(Rc<Cell<usize>>);

impl Slots {
    /// Another one, unless there are this many.
    pub(super) fn take(&self, most: usize) -> Option<Slot> {
        let taken = self.0.get();
        (taken < most).then(|| {
            self.0.set(taken + 1);
            Slot(self.0.clone())
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slot_is_free_again_when_its_answer_is_over() {
        let slots = Slots::default();
        let one = slots.take(1);
        assert!(one.is_some() && slots.take(1).is_none());
        drop(one);
        assert!(slots.take(1).is_some());
    }
}
