//! Waking the task of a connection.

use std::cell::{Cell, RefCell};
use std::task::{Context, Waker};

/// Wakes one task, from wherever there is something for it. While the task runs it need not be woken: it writes at the
/// end of its turn what has come up meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    task: RefCell<Option<Waker>>,
    running: Cell<bool>,
}

impl Bell {
    /// There is something for the task.
    pub(crate) fn ring(&self) {
        if !self.running.get()
            && let Some(task) = &*self.task.borrow()
        {
            task.wake_by_ref();
        }
    }

    /// The task's turn begins.
    pub(crate) fn begin(&self, cx: &Context<'_>) {
        self.running.set(true);
        let mut task = self.task.borrow_mut();
        if !task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            *task = Some(cx.waker().clone());
        }
    }

    /// The task's turn is over.
    pub(crate) fn end(&self) {
        self.running.set(false);
    }
}
