//! Counts the memory that the present thread holds: law 3 measured, not estimated.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static MADE: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Bytes that this thread has allocated and not freed; negative if it freed what others had allocated.
pub(crate) fn live() -> isize {
    LIVE.with(Cell::get)
}

/// How many times `work` allocates: for what promises not to.
pub fn allocations(work: impl FnOnce()) -> usize {
    let before = MADE.with(Cell::get);
    work();
    MADE.with(Cell::get).wrapping_sub(before)
}

fn count(change: isize) {
    // The value is gone while a thread ends; nothing is measured then.
    _ = LIVE.try_with(|live| live.set(live.get().wrapping_add(change)));
    if change > 0 {
        _ = MADE.try_with(|made| made.set(made.get().wrapping_add(1)));
    }
}

// SAFETY: every call goes to the system's allocator unchanged; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}
