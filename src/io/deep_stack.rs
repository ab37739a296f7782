//! Threads with deep stacks, for work that recurses as far as what it is given says; kept for further work, because making one costs more than
//! a small query does.
//!
//! **Invariant:** whoever gives work to a thread waits until the thread has let go of it, whatever happens.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Threads that are kept without work.
const IDLE_MAX: usize = 4;
/// What work uses of a stack above this is given back after it.
const KEPT_BYTES: usize = 1 << 20;

type Job = Box<dyn FnOnce() + Send>;

/// A thread that waits for work, and the bytes of its stack.
struct Worker {
    stack_bytes: usize,
    jobs: Sender<(Job, Sender<()>)>,
}

static IDLE: Mutex<Vec<Worker>> = Mutex::new(Vec::new());

/// Runs work on a thread with a stack of the first of some sizes in bytes that the system grants, waits for it, and gives what it gave; of a panic its
/// payload. The work is told the size. Errs where the system makes no thread of any size. Only what is used of a stack takes memory.
pub fn on_deep_stack<R: Send>(
    sizes: &[usize],
    work: impl FnOnce(usize) -> R + Send,
) -> std::io::Result<Result<R, Box<dyn Any + Send>>> {
    let worker = worker(sizes)?;
    let mut outcome = None;
    let stack_bytes = worker.stack_bytes;
    let job: Box<dyn FnOnce() + Send + '_> =
        Box::new(|| outcome = Some(catch_unwind(AssertUnwindSafe(|| work(stack_bytes)))));
    #[expect(
        unsafe_code,
        reason = "the thread lives longer than the work, and nothing safe lends work to such a thread"
    )]
    // SAFETY: only the lifetime changes. The thread consumes the job before it drops `done`, also when it panics, and a job that could not be sent
    // comes back and is dropped here; the wait below ends only then. So nothing of the job is used after this call.
    let job: Job = unsafe { std::mem::transmute(job) };
    let (done, finished) = channel();
    let sent = worker.jobs.send((job, done)).is_ok();
    // Either answer says that the job is gone.
    let _ = finished.recv();
    if sent {
        let mut idle = idle();
        if idle.len() < IDLE_MAX {
            idle.push(worker);
        }
    }
    outcome.ok_or_else(|| std::io::Error::other("the thread ended without doing its work"))
}

fn idle() -> MutexGuard<'static, Vec<Worker>> {
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn worker(sizes: &[usize]) -> std::io::Result<Worker> {
    {
        let mut idle = idle();
        if let Some(at) = idle.iter().position(|worker| sizes.contains(&worker.stack_bytes)) {
            return Ok(idle.swap_remove(at));
        }
    }
    let mut refused = std::io::Error::other("no size of a stack was given");
    for &stack_bytes in sizes {
        let (jobs, given) = channel();
        let builder = std::thread::Builder::new().name("deep stack".into()).stack_size(stack_bytes);
        match builder.spawn(move || serve(stack_bytes, &given)) {
            Ok(_) => return Ok(Worker { stack_bytes, jobs }),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// Does work until nobody can give any.
fn serve(stack_bytes: usize, given: &Receiver<(Job, Sender<()>)>) {
    while let Ok((job, done)) = given.recv() {
        job();
        give_back(stack_bytes);
        drop(done);
    }
}

/// Gives back the memory of the part of this thread's stack that work left behind.
fn give_back(stack_bytes: usize) {
    let here = std::hint::black_box(0u8);
    let address = std::ptr::from_ref(&here) as usize;
    let page = rustix::param::page_size();
    // This far above the stack's last byte nothing else begins, and so far below this frame nothing is in use.
    let end = address.saturating_sub(KEPT_BYTES) / page * page;
    let start = (address.saturating_sub(stack_bytes) + KEPT_BYTES).next_multiple_of(page);
    if end <= start {
        return;
    }
    #[cfg(target_os = "linux")]
    #[expect(unsafe_code, reason = "memory of a stack has no owner that could be asked")]
    // SAFETY: the range is part of this thread's own stack, below all frames that are alive; its content is never read again before it is written.
    // The stack reaches from above `address` down `stack_bytes`, so that the range, which ends `KEPT_BYTES` sooner, lies within.
    let _ =
        unsafe { rustix::mm::madvise(start as *mut std::ffi::c_void, end - start, rustix::mm::Advice::LinuxDontNeed) };
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: [usize; 2] = [256 << 20, 64 << 20];

    /// Uses a few kilobytes of stack for each call.
    fn dig(depth: usize) -> usize {
        let room = std::hint::black_box([1u8; 1024]);
        if depth == 0 { 0 } else { dig(depth - 1) + usize::from(room[depth % 1024]) }
    }

    #[test]
    fn work_borrows_and_digs_and_panics() {
        let texts = ["a".to_string(), "b".to_string()];
        for _ in 0..3 {
            let joined = on_deep_stack(&SIZES, |stack_bytes| {
                assert!(SIZES.contains(&stack_bytes));
                (texts.concat(), dig(10_000))
            });
            let (text, depth) = joined.unwrap().unwrap();
            assert_eq!((text.as_str(), depth), ("ab", 10_000));
            let panicked = on_deep_stack(&SIZES, |_| assert_eq!(texts.len(), 3, "on purpose"));
            assert!(panicked.unwrap().is_err());
        }
        assert!(on_deep_stack(&[], |_| ()).is_err());
    }

    #[test]
    fn work_runs_beside_other_work() {
        let sums: Vec<usize> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|at| scope.spawn(move || on_deep_stack(&SIZES, |_| dig(100 * at)).unwrap().unwrap()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(sums, (0..8).map(|at| 100 * at).collect::<Vec<_>>());
        // Work within work needs a second thread, not the same.
        let nested = on_deep_stack(&SIZES, |_| on_deep_stack(&SIZES, |_| 7).unwrap().unwrap());
        assert_eq!(nested.unwrap().unwrap(), 7);
        assert!(idle().len() <= IDLE_MAX);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "asks the system about this thread")]
    fn a_stack_that_was_used_is_given_back() {
        // Another size, so that the same thread is found again.
        let sizes = [192 << 20];
        let resident = |_: usize| {
            let text = std::fs::read_to_string("/proc/thread-self/smaps").unwrap_or_default();
            let here = std::ptr::from_ref(&text) as u64;
            let mut within = false;
            for line in text.lines() {
                let bounds = line.split(' ').next().and_then(|range| range.split_once('-'));
                if let Some((from, to)) = bounds
                    && let (Ok(from), Ok(to)) = (u64::from_str_radix(from, 16), u64::from_str_radix(to, 16))
                {
                    within = (from..to).contains(&here);
                } else if within && let Some(rest) = line.strip_prefix("Rss:") {
                    return rest.trim().trim_end_matches(" kB").parse::<u64>().ok();
                }
            }
            None
        };
        on_deep_stack(&sizes, |_| dig(20_000)).unwrap().unwrap();
        if let Some(kilobytes) = on_deep_stack(&sizes, resident).unwrap().unwrap() {
            assert!(kilobytes < 16 << 10, "{kilobytes} kB of the stack are kept");
        }
    }
}
