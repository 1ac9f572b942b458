//! One deadline of one task, on the worker's clock.

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Instant;

use sekisho_api::{Core, Local};

/// A deadline that moves: it is armed anew only when it has to ring earlier, or has rung.
#[derive(Default)]
pub(crate) struct Alarm(Option<(Instant, Local<'static, ()>)>);

impl Alarm {
    /// Ready at `deadline` at the latest, and perhaps before it: who is woken looks at the time.
    pub(crate) fn poll(&mut self, core: &dyn Core, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let armed = match &mut self.0 {
            Some((at, armed)) if *at <= deadline => armed,
            other => &mut other.insert((deadline, core.until(deadline))).1,
        };
        if armed.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.0 = None;
        Poll::Ready(())
    }
}

/// The future's output, or none if `deadline` comes first. What is ready at once needs no timer.
pub(crate) async fn within<F: Future>(core: &dyn Core, deadline: Instant, future: F) -> Option<F::Output> {
    let (mut future, mut until) = (pin!(future), None);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => {
            let until: &mut Local<'static, ()> = until.get_or_insert_with(|| core.until(deadline));
            until.as_mut().poll(cx).map(|()| None)
        }
    })
    .await
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Alarm").field(&self.0.as_ref().map(|(at, _)| at)).finish()
    }
}
