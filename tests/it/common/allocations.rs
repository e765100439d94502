//! What is allocated, counted; and refused, where a test wants that.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// Bytes from which an allocation counts as a large one; none does as a rule.
static LARGE: AtomicUsize = AtomicUsize::new(usize::MAX);
/// Large ones, of all threads, since the last [`refuse`].
static SEEN: AtomicUsize = AtomicUsize::new(0);
/// Which of them is refused.
static REFUSED: AtomicUsize = AtomicUsize::new(usize::MAX);
/// Bytes that are allocated now, by all threads.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// Whether an allocation may go on.
fn may(bytes: usize) -> bool {
    ALLOCATIONS.with(|count| count.set(count.get() + 1));
    bytes < LARGE.load(Relaxed) || SEEN.fetch_add(1, Relaxed) != REFUSED.load(Relaxed)
}

fn counted(memory: *mut u8, bytes: usize) -> *mut u8 {
    if !memory.is_null() {
        HELD.fetch_add(bytes, Relaxed);
    }
    memory
}

// SAFETY: every call is the system allocator's own, or fails as an allocator may.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !may(layout.size()) {
            return null_mut();
        }
        // SAFETY: the caller keeps the allocator's contract, which is the system's.
        counted(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !may(layout.size()) {
            return null_mut();
        }
        // SAFETY: the caller keeps the allocator's contract, which is the system's.
        counted(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !may(size) {
            return null_mut();
        }
        // SAFETY: the caller keeps the allocator's contract, which is the system's.
        let moved = counted(unsafe { System.realloc(memory, layout, size) }, size);
        if !moved.is_null() {
            HELD.fetch_sub(layout.size(), Relaxed);
        }
        moved
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller keeps the allocator's contract, which is the system's.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Allocations of this thread so far.
pub fn allocations() -> usize {
    ALLOCATIONS.get()
}

/// Bytes that this process has allocated and not freed.
pub fn held() -> usize {
    HELD.load(Relaxed)
}

/// Runs `work` and refuses one of its large allocations, of this many bytes at least: the one of this
/// number, or none. Returns how many there were, too. Counts those of all threads: for a process that
/// does nothing else meanwhile.
pub fn refuse<T>(large: usize, number: Option<usize>, work: impl FnOnce() -> T) -> (T, usize) {
    SEEN.store(0, Relaxed);
    REFUSED.store(number.unwrap_or(usize::MAX), Relaxed);
    LARGE.store(large, Relaxed);
    let result = work();
    LARGE.store(usize::MAX, Relaxed);
    (result, SEEN.load(Relaxed))
}

/// Runs `work` without refusing or counting anything.
pub fn paused<T>(work: impl FnOnce() -> T) -> T {
    let large = LARGE.swap(usize::MAX, Relaxed);
    let result = work();
    LARGE.store(large, Relaxed);
    result
}
