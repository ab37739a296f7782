//! An allocator that counts, and that refuses to hand out what no input may ask for.
//!
//! What exceeds the limit does not fail, since that would end the process without a word: the thread stops there for ever, and who
//! watches it finds [`is_exceeded`].

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

static LIVE_BYTES: AtomicUsize = AtomicUsize::new(0);
static PEAK_BYTES: AtomicUsize = AtomicUsize::new(0);
static LIMIT_BYTES: AtomicUsize = AtomicUsize::new(usize::MAX);
static EXCEEDED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static EXEMPT: Cell<bool> = const { Cell::new(false) };
}

/// The system's allocator with counters; for `#[global_allocator]`.
#[derive(Debug)]
pub struct CountingAllocator;

impl CountingAllocator {
    fn take(bytes: usize) {
        let live = LIVE_BYTES.fetch_add(bytes, Relaxed).saturating_add(bytes);
        PEAK_BYTES.fetch_max(live, Relaxed);
        if live > LIMIT_BYTES.load(Relaxed) && !EXEMPT.try_with(Cell::get).unwrap_or(true) {
            LIVE_BYTES.fetch_sub(bytes, Relaxed);
            EXCEEDED.store(true, Relaxed);
            loop {
                std::thread::park();
            }
        }
    }
}

#[expect(unsafe_code, reason = "an allocator is unsafe to implement; this one adds counters to the system's")]
// SAFETY: every call is passed to the system's allocator unchanged.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::take(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::take(layout.size());
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::take(size);
        LIVE_BYTES.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Bytes that are allocated now.
pub fn live_bytes() -> usize {
    LIVE_BYTES.load(Relaxed)
}

/// The most that was allocated at once since [`reset_peak`].
pub fn peak_bytes() -> usize {
    PEAK_BYTES.load(Relaxed)
}

/// Forgets the peak.
pub fn reset_peak() {
    PEAK_BYTES.store(live_bytes(), Relaxed);
}

/// Stops any thread that would have more than this allocated in all.
pub fn set_limit(bytes: usize) {
    LIMIT_BYTES.store(bytes, Relaxed);
}

/// True once a thread was stopped.
pub fn is_exceeded() -> bool {
    EXCEEDED.load(Relaxed)
}

/// Lets this thread allocate beyond the limit: for who reports it.
pub fn exempt_this_thread() {
    EXEMPT.set(true);
}
