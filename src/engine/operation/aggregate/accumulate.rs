//! What a kernel of an aggregation is: an array of states, one a group, that takes typed runs of values.

use crate::base::{Boolean, ColumnType, Primitive, Result};
use crate::memory::{Chunk, Totals};
use std::any::Any;
use std::ops::Range;

/// The groups of a run of values.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ids<'a> {
    /// All values belong to one group.
    All(u32),
    /// The group of each value.
    Each(&'a [u32]),
}

impl Ids<'_> {
    /// The group of the value at a position of the run.
    pub(crate) fn group(self, at: usize) -> u32 {
        match self {
            Ids::All(group) => group,
            Ids::Each(groups) => groups[at],
        }
    }
}

/// States of all groups for one aggregation.
pub(crate) trait Accumulator: Send {
    /// Adds the values of `chunks` (one an input column) within `range`, whose groups `ids` are, in row order.
    fn add(&mut self, ids: Ids<'_>, chunks: &[Chunk], range: Range<usize>);
    /// True if the sum of rows says of them all that it asks: it takes [`Accumulator::add_totals`].
    fn takes_totals(&self) -> bool {
        false
    }
    /// Adds the rows of one group that a sum holds. `totals` are of the input column's type.
    fn add_totals(&mut self, group: u32, totals: &Totals) {
        let _ = (group, totals);
    }
    /// Adds the states of an accumulator of the same kind that took later rows.
    fn merge(&mut self, later: &dyn Accumulator);
    /// One value a group. Errs where a value cannot be held, such as a decimal sum of too many digits.
    fn finish(self: Box<Self>) -> Result<Chunk>;
    /// For [`Accumulator::merge`].
    fn as_any(&self) -> &dyn Any;
}

/// How the values of one group are folded: the part of an aggregation that a kernel is generic over.
pub(crate) trait Fold: Send + Sync + 'static {
    /// Type of the values.
    type Value: Primitive;
    /// What is kept of a group.
    type State: Copy + Default + Send + Sync + 'static;
    /// Adds one value, null or not.
    fn add(&self, state: &mut Self::State, value: Self::Value);
    /// Adds a run of values of one group.
    fn add_run(&self, state: &mut Self::State, values: &[Self::Value]) {
        values.iter().for_each(|&value| self.add(state, value));
    }
    /// True if it takes [`Fold::add_totals`].
    fn takes_totals(&self) -> bool {
        false
    }
    /// Adds the rows that a sum holds.
    fn add_totals(&self, state: &mut Self::State, totals: &Totals) {
        let _ = (state, totals);
    }
    /// Adds the state of later rows.
    fn merge(&self, state: &mut Self::State, later: Self::State);
    /// The results of all groups.
    fn finish(&self, states: &[Self::State]) -> Chunk;
}

/// An accumulator of a fold.
pub(crate) struct Folded<F: Fold> {
    fold: F,
    states: Vec<F::State>,
}

impl<F: Fold> Folded<F>
where
    F::Value: Values,
{
    /// Fresh states of `groups` groups.
    pub(crate) fn boxed(fold: F, groups: usize) -> Box<dyn Accumulator> {
        Box::new(Folded { fold, states: vec![F::State::default(); groups] })
    }
}

impl<F: Fold> Accumulator for Folded<F>
where
    F::Value: Values,
{
    fn add(&mut self, ids: Ids<'_>, chunks: &[Chunk], range: Range<usize>) {
        let values = &F::Value::of(&chunks[0])[range];
        match ids {
            Ids::All(group) => self.fold.add_run(&mut self.states[group as usize], values),
            Ids::Each(groups) => {
                for (&group, &value) in groups.iter().zip(values) {
                    self.fold.add(&mut self.states[group as usize], value);
                }
            }
        }
    }

    fn takes_totals(&self) -> bool {
        self.fold.takes_totals()
    }

    fn add_totals(&mut self, group: u32, totals: &Totals) {
        self.fold.add_totals(&mut self.states[group as usize], totals);
    }

    fn merge(&mut self, later: &dyn Accumulator) {
        if let Some(later) = later.as_any().downcast_ref::<Self>() {
            self.states.iter_mut().zip(&later.states).for_each(|(state, &more)| self.fold.merge(state, more));
        }
    }

    fn finish(self: Box<Self>) -> Result<Chunk> {
        Ok(self.fold.finish(&self.states))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A type of values that chunks hold.
pub(crate) trait Values: Primitive {
    /// The values of a chunk of this type; empty for a chunk of another one, which callers rule out.
    fn of(chunk: &Chunk) -> &[Self];
    /// A chunk of values; `like` tells the types apart that share a representation.
    fn chunk(values: Vec<Self>, like: ColumnType) -> Chunk;
}

macro_rules! values {
    ($($t:ty: $first:ident $(| $other:ident)*),*) => {$(
        impl Values for $t {
            fn of(chunk: &Chunk) -> &[Self] {
                match chunk {
                    Chunk::$first(values) $(| Chunk::$other(values))* => values,
                    _ => &[],
                }
            }
            fn chunk(values: Vec<Self>, like: ColumnType) -> Chunk {
                match like {
                    $(ColumnType::$other => Chunk::$other(values),)*
                    _ => Chunk::$first(values),
                }
            }
        }
    )*};
}
values!(u16: Char, Boolean: Boolean, i8: Byte, i16: Short, i32: Int, i64: Long | DateTime, f32: Float, f64: Double);

/// Runs an expression with `$t` standing for the representation of a fixed-width type. Strings run `$strings`, and so do types of
/// variable width, which have no fold.
macro_rules! for_type {
    ($column_type:expr, $t:ident => $body:expr, String => $strings:expr) => {
        match $column_type {
            ColumnType::String
            | ColumnType::BigDecimal
            | ColumnType::BigInteger
            | ColumnType::StringSet
            | ColumnType::Blob
            | ColumnType::Array(_) => $strings,
            ColumnType::Char => {
                type $t = u16;
                $body
            }
            ColumnType::Boolean => {
                type $t = Boolean;
                $body
            }
            ColumnType::Byte => {
                type $t = i8;
                $body
            }
            ColumnType::Short => {
                type $t = i16;
                $body
            }
            ColumnType::Int => {
                type $t = i32;
                $body
            }
            ColumnType::Long | ColumnType::DateTime => {
                type $t = i64;
                $body
            }
            ColumnType::Float => {
                type $t = f32;
                $body
            }
            ColumnType::Double => {
                type $t = f64;
                $body
            }
        }
    };
}
pub(crate) use for_type;
