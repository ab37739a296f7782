//! Hostile bytes for everything in Pilaster that reads bytes.
//!
//! A [`Target`] takes any bytes and must come back: no panic, no hang, memory bounded. Besides, each checks what must hold of
//! whatever was accepted, such as that it is written and read back as the same. Three users: the test `fault_f22_corpus` runs
//! `testdata/fuzz/` through the targets, the command `pilaster-fuzz` mutates it, and built with counters it keeps what reaches new code.
//!
//! **Invariant:** checksums are no defence here: the targets recompute them, so that the decoders behind them see the hostile bytes.

pub mod allocation;
pub mod coverage;
pub mod dictionary;
pub mod mutate;
pub mod targets;

pub use targets::{TARGETS, Target, target};

/// Bytes that one input may have allocated at once: no target has reason to hold more of inputs this small.
pub const ALLOCATION_BYTES_MAX: usize = 512 << 20;
/// Bytes of an input that mutation makes.
pub const INPUT_BYTES_MAX: usize = 16 << 10;
