//! A mark that each of some things has or has not, set from any thread and never taken away.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// One bit a thing. Says nothing of what other threads see of anything else.
#[derive(Debug, Default)]
pub struct Marks(Vec<AtomicU64>);

impl Marks {
    /// Of so many things, none of them marked.
    pub fn new(count: usize) -> Self {
        Marks((0..count.div_ceil(64)).map(|_| AtomicU64::new(0)).collect())
    }

    /// True where there are no things.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if the thing has its mark; false for things that there are not.
    #[inline]
    pub fn has(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word.load(Relaxed) >> (at % 64) & 1 == 1)
    }

    /// Marks a thing. Panics if there is none of the number.
    #[inline]
    pub fn set(&self, at: usize) {
        self.0[at / 64].fetch_or(1 << (at % 64), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Marks;

    #[test]
    fn each_thing_has_a_mark_of_its_own() {
        let marks = Marks::new(130);
        for at in [0, 63, 64, 129] {
            marks.set(at);
        }
        let found: Vec<usize> = (0..200).filter(|at| marks.has(*at)).collect();
        assert_eq!(found, [0, 63, 64, 129]);
        assert!(Marks::new(0).is_empty() && !Marks::new(1).is_empty() && !Marks::default().has(0));
    }
}
