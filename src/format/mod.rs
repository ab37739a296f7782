//! Floor: format.
