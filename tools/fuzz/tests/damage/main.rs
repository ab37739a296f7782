//! Damaged files, in every way that a small root's files can be damaged: bits flipped, ends cut off, files lost, emptied, zeroed, swapped,
//! copied, of another version.
//!
//! Each damaged root is read through the library as a query would, and [`reading::judge`] compares: the same values, or an error that names a
//! file. What may come out instead, because the bytes say nothing wrong, stands beside each test by name. Names follow the rows of the
//! fault matrix that the storage was designed against: F11 flips, F12 files, F13 slots, F19 versions, F22 hostile bytes, F25 symbol tables.

mod corpus;
mod files;
mod flips;
mod golden;
mod group;
mod reading;
mod sample;
mod slots;
mod symbols;
mod tally;
mod versions;

#[global_allocator]
static ALLOCATOR: pilaster_fuzz::allocation::CountingAllocator = pilaster_fuzz::allocation::CountingAllocator;
