//! Work on many locations that mostly waits for the disk.

use crate::base::{Error, ErrorKind, Result};
use std::sync::Mutex;

/// Threads that wait at once: a disk takes several syncs for little more than the time of one.
const THREADS: usize = 16;

/// Does `work` on each item, several at a time on threads of their own, and gives the results in order. After an error no further item is begun.
pub(crate) fn each<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> Result<R> + Sync) -> Result<Vec<R>> {
    if items.len() <= 1 {
        return items.into_iter().map(work).collect();
    }
    let count = items.len();
    let queue = Mutex::new(items.into_iter().enumerate());
    let results = Mutex::new((0..count).map(|_| None).collect::<Vec<Option<Result<R>>>>());
    let lock_failed = || Error::new(ErrorKind::Io, "a thread that worked on a location failed");
    let run = || {
        loop {
            // The guard must not live through the work.
            let next = queue.lock().ok().and_then(|mut queue| queue.next());
            let Some((at, item)) = next else { return };
            let result = work(item);
            if result.is_err()
                && let Ok(mut queue) = queue.lock()
            {
                queue.by_ref().for_each(drop);
            }
            if let Ok(mut results) = results.lock() {
                results[at] = Some(result);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..THREADS.min(count) {
            scope.spawn(run);
        }
        run();
    });
    let results = results.into_inner().map_err(|_| lock_failed())?;
    let mut done = Vec::with_capacity(count);
    let mut error = None;
    for result in results {
        match result {
            Some(Ok(value)) => done.push(value),
            Some(Err(failed)) => error = error.or(Some(failed)),
            None => {}
        }
    }
    match error {
        Some(error) => Err(error),
        None if done.len() == count => Ok(done),
        None => Err(lock_failed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn results_come_in_order_and_errors_stop() {
        for count in [0usize, 1, 2, 100] {
            assert_eq!(
                each((0..count).collect(), |n| Ok(n * 2)).unwrap(),
                (0..count).map(|n| n * 2).collect::<Vec<_>>()
            );
        }
        let begun = AtomicUsize::new(0);
        let failed = each((0..100_000).collect(), |n: usize| {
            begun.fetch_add(1, Ordering::Relaxed);
            if n == 3 { Err(Error::invalid("three")) } else { Ok(()) }
        });
        assert!(failed.unwrap_err().to_string().contains("three"));
        assert!(begun.load(Ordering::Relaxed) < 100_000);
    }
}
