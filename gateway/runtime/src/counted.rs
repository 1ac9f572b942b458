//! A task that is counted while it runs.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

pin_project! {
    /// A future, and what is dropped after it. An async block in its place would hold the future twice, as what it
    /// captures and as what it waits for, and every connection is one.
    pub(crate) struct Counted<F, C> {
        #[pin]
        future: F,
        count: C,
    }
}

impl<F, C> Counted<F, C> {
    pub(crate) fn new(future: F, count: C) -> Self {
        Self { future, count }
    }
}

impl<F: Future, C> Future for Counted<F, C> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    #[test]
    fn counting_costs_the_count_and_no_second_future() {
        async fn large(bytes: [u8; 512]) -> u8 {
            std::future::ready(()).await;
            bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte))
        }
        let future = large([1; 512]);
        let own = size_of_val(&future);
        let counted = size_of_val(&Counted::new(future, Rc::new(())));
        assert!(counted <= own + 2 * size_of::<Rc<()>>(), "{own} bytes became {counted}");
    }

    #[test]
    fn what_counts_lives_as_long_as_the_task() {
        let count = Rc::new(());
        let mut task = Box::pin(Counted::new(std::future::pending::<()>(), count.clone()));
        assert!(task.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending());
        assert_eq!(Rc::strong_count(&count), 2);
        drop(task);
        assert_eq!(Rc::strong_count(&count), 1);
    }
}
