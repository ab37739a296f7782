//! What a power cut, a full disk or a failing one may leave behind, enumerated rather than hoped for.
//!
//! Each test runs a workload on the simulated file system, notes what was acknowledged when, and then recovers from every state in which a
//! crash may leave the disk, or with every call failing once. Everything is derived from the seed, so that a failure repeats itself; its
//! message names the crash point and what was lost.

mod intraday;
mod intraday_faults;
mod trace;
