//! Whole-operand functions: what the nodes of a typed expression call, generic over the types of their values.

pub(super) mod arithmetic;
pub(super) mod arrays;
pub(super) mod big;
pub(super) mod big_pairs;
pub(super) mod cast;
pub(super) mod compare;
pub(super) mod condition;
pub(super) mod format;
pub(super) mod math;
pub(super) mod objects;
pub(super) mod pattern;
pub(super) mod random;
pub(super) mod text;
pub(super) mod time;
pub(super) mod units;

/// Functions by their names.
pub(super) type Named<F> = &'static [(&'static str, F)];
