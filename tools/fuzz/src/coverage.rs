//! Which code an input reached, where the build has counters (`-C instrument-coverage`); see README.md.

/// Counters met so far, by how often: a new one, or one met far more often, is something new.
#[derive(Debug, Default)]
pub struct Coverage {
    seen: Vec<u8>,
}

impl Coverage {
    /// Nothing met yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many counters were met.
    pub fn len(&self) -> usize {
        self.seen.iter().filter(|&&buckets| buckets != 0).count()
    }

    /// True before anything was met.
    pub fn is_empty(&self) -> bool {
        self.seen.iter().all(|&buckets| buckets == 0)
    }

    /// Takes over what was reached since [`reset`]; true where some of it is new.
    pub fn merge(&mut self) -> bool {
        let counters = counters();
        self.seen.resize(counters.len(), 0);
        let mut is_new = false;
        for (seen, &count) in self.seen.iter_mut().zip(counters.iter()) {
            if count != 0 {
                let bucket = bucket(count);
                is_new |= *seen & bucket == 0;
                *seen |= bucket;
            }
        }
        is_new
    }
}

/// Sets all counters to zero.
pub fn reset() {
    counters().fill(0);
}

/// A bit for each magnitude: once, a few times, many times.
fn bucket(count: u64) -> u8 {
    match count {
        0 => 0,
        1 => 1,
        2..4 => 2,
        4..16 => 4,
        16..128 => 8,
        _ => 16,
    }
}

#[cfg(not(feature = "guided"))]
fn counters() -> &'static mut [u64] {
    &mut []
}

#[cfg(feature = "guided")]
#[expect(unsafe_code, reason = "the compiler's counters are reached by linker symbols only")]
fn counters() -> &'static mut [u64] {
    unsafe extern "C" {
        fn __llvm_profile_begin_counters() -> *mut u64;
        fn __llvm_profile_end_counters() -> *mut u64;
    }
    // SAFETY: both point into one section of aligned 64-bit counters, which lives as long as the process. Other threads may count
    // meanwhile; a count that is lost or torn costs nothing but guidance.
    unsafe {
        let (begin, end) = (__llvm_profile_begin_counters(), __llvm_profile_end_counters());
        std::slice::from_raw_parts_mut(begin, end.offset_from(begin) as usize)
    }
}
