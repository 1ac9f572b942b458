//! The requests of one connection, all polled by the connection's own task.
//!
//! A task of its own for each would cost an allocation of some kilobytes, and the wake-ups of two tasks instead of one.

use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Work that is done bit by bit, whenever somebody calls for it. So does its owner, who is called in the same way.
pub(super) struct Crew<W> {
    members: Vec<Member<W>>,
    free: Vec<usize>,
    bell: Arc<Bell>,
    owner: Arc<Call>,
    /// Whoever is called this time; kept for its memory.
    called: Vec<usize>,
}

struct Member<W> {
    /// Boxed, because places are moved when there are more of them.
    work: Option<Box<W>>,
    call: Arc<Call>,
    /// The same, made once for all who have this place.
    waker: Waker,
}

/// Where all calls arrive.
#[derive(Default)]
struct Bell(Mutex<Calls>);

#[derive(Default)]
struct Calls {
    members: Vec<usize>,
    /// Whom to wake.
    task: Option<Waker>,
    /// It is awake, or will be: nobody has to wake it.
    awake: bool,
}

/// A call for one of them.
struct Call {
    bell: Arc<Bell>,
    /// `None`: for the owner.
    member: Option<usize>,
    made: AtomicBool,
}

impl<W> Crew<W> {
    /// Nobody but the owner, who is called from the beginning.
    pub(super) fn new() -> Self {
        let bell = Arc::<Bell>::default();
        let owner = Arc::new(Call { bell: bell.clone(), member: None, made: AtomicBool::new(true) });
        Self { members: Vec::new(), free: Vec::new(), bell, owner, called: Vec::new() }
    }

    /// What calls for the owner.
    pub(super) fn waker(&self) -> Waker {
        self.owner.clone().into()
    }

    /// The task is awake: until [`Crew::sleeps`], calls do not wake it.
    pub(super) fn awake(&self, task: &Waker) {
        let mut calls = self.bell.lock();
        calls.awake = true;
        match &mut calls.task {
            Some(kept) if kept.will_wake(task) => {}
            kept => *kept = Some(task.clone()),
        }
    }

    /// Whether nobody is called, so that the task may sleep until somebody is.
    pub(super) fn sleeps(&self) -> bool {
        let mut calls = self.bell.lock();
        calls.awake = !calls.members.is_empty() || self.owner.made.load(Ordering::Acquire);
        !calls.awake
    }

    /// Whether the owner was called since this was asked for last.
    pub(super) fn calls_owner(&self) -> bool {
        self.owner.made.swap(false, Ordering::AcqRel)
    }

    /// Takes on new work, which is called for at once.
    pub(super) fn add(&mut self, work: Box<W>) {
        let place = self.free.pop().unwrap_or_else(|| {
            let (bell, member) = (self.bell.clone(), self.members.len());
            let call = Arc::new(Call { bell, member: Some(member), made: AtomicBool::new(false) });
            self.members.push(Member { work: None, waker: call.clone().into(), call });
            member
        });
        let Some(member) = self.members.get_mut(place) else { return };
        member.work = Some(work);
        if !member.call.made.swap(true, Ordering::AcqRel) {
            self.bell.lock().members.push(place);
        }
    }

    /// Has a bit of work done by everybody who was called. Who is called meanwhile has its turn the next time.
    pub(super) fn work(&mut self, mut poll: impl FnMut(&mut W, &mut Context<'_>) -> Poll<()>) {
        let mut called = mem::take(&mut self.called);
        mem::swap(&mut self.bell.lock().members, &mut called);
        for place in called.drain(..) {
            self.turn(place, &mut poll);
        }
        self.called = called;
    }

    /// The same by everybody.
    pub(super) fn work_all(&mut self, mut poll: impl FnMut(&mut W, &mut Context<'_>) -> Poll<()>) {
        for place in 0..self.members.len() {
            self.turn(place, &mut poll);
        }
    }

    fn turn(&mut self, place: usize, poll: &mut impl FnMut(&mut W, &mut Context<'_>) -> Poll<()>) {
        let Some(member) = self.members.get_mut(place) else { return };
        // Before the work, so that no call is lost that is made in the midst of it.
        member.call.made.store(false, Ordering::Release);
        // Who called may not have known that this work is done.
        let Some(work) = &mut member.work else { return };
        if poll(work, &mut Context::from_waker(&member.waker)).is_ready() {
            member.work = None;
            self.free.push(place);
        }
    }

    /// Forgets the places, of which nobody has one.
    pub(super) fn rest(&mut self) {
        if self.free.len() == self.members.len() {
            (self.members, self.free, self.called) = (Vec::new(), Vec::new(), Vec::new());
        }
    }
}

impl Bell {
    fn lock(&self) -> MutexGuard<'_, Calls> {
        // Nothing that is done under the lock can fail half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.made.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut calls = self.bell.lock();
        calls.members.extend(self.member);
        if !mem::replace(&mut calls.awake, true)
            && let Some(task) = &calls.task
        {
            task.wake_by_ref();
        }
    }
}

impl<W> fmt::Debug for Crew<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew").field("places", &self.members.len()).field("free", &self.free.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Work that is done at its last turn.
    struct Turns {
        left: usize,
        waker: Option<Waker>,
    }

    impl Turns {
        fn new(left: usize) -> Box<Self> {
            Box::new(Self { left, waker: None })
        }

        fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
            self.waker = Some(cx.waker().clone());
            self.left -= 1;
            if self.left == 0 { Poll::Ready(()) } else { Poll::Pending }
        }
    }

    #[derive(Default)]
    struct Task(AtomicUsize);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn waker<W>(crew: &Crew<W>, place: usize) -> Waker {
        crew.members[place].waker.clone()
    }

    #[test]
    fn only_who_is_called_works_and_the_task_is_woken_once() {
        let task = Arc::<Task>::default();
        let mut crew = Crew::new();
        crew.awake(&task.clone().into());
        assert!(crew.calls_owner() && !crew.calls_owner());
        (0..3).for_each(|_| crew.add(Turns::new(9)));
        assert!(!crew.sleeps());
        crew.work(Turns::poll);
        assert!(crew.sleeps());
        [1, 2, 1].into_iter().for_each(|place| waker(&crew, place).wake());
        crew.waker().wake();
        assert_eq!(task.0.load(Ordering::Relaxed), 1);
        crew.awake(&task.clone().into());
        assert!(!crew.sleeps());
        crew.work(Turns::poll);
        let left: Vec<usize> =
            crew.members.iter().filter_map(|member| Some(member.work.as_ref()?.left)).collect();
        assert_eq!(left, [8, 7, 7]);
        assert!(crew.calls_owner() && crew.sleeps());
        assert_eq!(task.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn call_in_the_midst_of_work_is_for_the_next_turn() {
        let mut crew = Crew::new();
        crew.calls_owner();
        let restless = |work: &mut Turns, cx: &mut Context<'_>| {
            cx.waker().wake_by_ref();
            work.poll(cx)
        };
        crew.add(Turns::new(4));
        for left in [3, 2, 1] {
            assert!(!crew.sleeps());
            crew.work(restless);
            assert_eq!(crew.members[0].work.as_ref().unwrap().left, left);
        }
        crew.work(restless);
        assert!(crew.members[0].work.is_none() && !crew.sleeps());
        crew.work(restless);
        assert!(crew.sleeps(), "a call for work that is done is forgotten");
    }

    #[test]
    fn places_serve_again_and_are_forgotten_once_nobody_has_one() {
        let mut crew = Crew::new();
        crew.add(Turns::new(1));
        crew.work(Turns::poll);
        (0..2).for_each(|_| crew.add(Turns::new(2)));
        crew.work(Turns::poll);
        assert_eq!(crew.members.len(), 2);
        crew.rest();
        assert_eq!(crew.members.len(), 2);
        let old = waker(&crew, 1);
        crew.work_all(Turns::poll);
        crew.rest();
        assert!(crew.members.is_empty());
        old.wake();
        crew.work(Turns::poll);
    }
}
