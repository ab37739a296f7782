//! Floor: engine.
pub mod formula;
