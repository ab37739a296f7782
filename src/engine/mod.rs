//! Floor: engine.
