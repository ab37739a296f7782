//! What kernels take and give: a chunk of values, or one value that stands for all rows.

use crate::base::{Boolean, Primitive};
use crate::memory::{Chunk, StringChunk, SymbolCode};
use std::borrow::Cow;

/// An argument of a kernel.
#[derive(Clone, Debug)]
pub(super) struct Operand<'a> {
    /// The values; one if constant.
    pub(super) chunk: Cow<'a, Chunk>,
    /// The one value stands for every row.
    pub(super) constant: bool,
}

impl<'a> Operand<'a> {
    pub(super) fn constant(chunk: &'a Chunk) -> Self {
        Operand { chunk: Cow::Borrowed(chunk), constant: true }
    }

    pub(super) fn borrowed(chunk: &'a Chunk) -> Self {
        Operand { chunk: Cow::Borrowed(chunk), constant: false }
    }

    pub(super) fn owned(chunk: Chunk, constant: bool) -> Self {
        Operand { chunk: Cow::Owned(chunk), constant }
    }

    /// The values of a primitive type. The checker has made sure of the type; another one is a bug.
    pub(super) fn lane<T: Cell>(&self) -> Lane<'_, T> {
        let values = T::slice(&self.chunk);
        if self.constant { Lane::Constant(values[0]) } else { Lane::Slice(values) }
    }

    /// The values of a String column.
    pub(super) fn texts(&self) -> Texts<'_> {
        match &*self.chunk {
            Chunk::String(strings) => Texts { strings, constant: self.constant },
            other => unreachable!("a String was checked, a {} came", other.column_type()),
        }
    }

    /// Values for every row, a constant repeated.
    pub(super) fn into_chunk(self, len: usize) -> Chunk {
        if self.constant { repeat(&self.chunk, len) } else { self.chunk.into_owned() }
    }
}

/// The first value of a chunk, repeated.
pub(super) fn repeat(chunk: &Chunk, len: usize) -> Chunk {
    chunk.take(&vec![0; len])
}

/// Values of a primitive type, one a row or one for all.
#[derive(Clone, Copy)]
pub(super) enum Lane<'a, T> {
    Slice(&'a [T]),
    Constant(T),
}

impl<T: Copy> Lane<'_, T> {
    #[inline]
    pub(super) fn get(&self, row: usize) -> T {
        match self {
            Lane::Slice(values) => values[row],
            Lane::Constant(value) => *value,
        }
    }
}

/// Strings, one a row or one for all.
#[derive(Clone, Copy)]
pub(super) struct Texts<'a> {
    pub(super) strings: &'a StringChunk,
    pub(super) constant: bool,
}

impl<'a> Texts<'a> {
    /// The codes, which index the strings' own table.
    pub(super) fn lane(&self) -> Lane<'a, SymbolCode> {
        let codes = &self.strings.codes;
        if self.constant { Lane::Constant(codes[0]) } else { Lane::Slice(codes) }
    }

    #[inline]
    pub(super) fn get(&self, row: usize) -> Option<&'a str> {
        self.strings.symbols.get(self.strings.codes[if self.constant { 0 } else { row }])
    }
}

/// A primitive type and the chunks that hold it.
pub(super) trait Cell: Primitive {
    /// The values of a chunk of this type.
    fn slice(chunk: &Chunk) -> &[Self];
    /// The vector of an owned chunk of this type.
    fn vector(chunk: Chunk) -> Vec<Self>;
    /// A chunk of values.
    fn chunk(values: Vec<Self>) -> Chunk;
}

macro_rules! cells {
    ($($t:ty: $variant:ident $(| $also:ident)?),*) => {$(
        impl Cell for $t {
            fn slice(chunk: &Chunk) -> &[Self] {
                match chunk {
                    Chunk::$variant(values) $(| Chunk::$also(values))? => values,
                    other => unreachable!("{} was checked, {} came", stringify!($variant), other.column_type()),
                }
            }
            fn vector(chunk: Chunk) -> Vec<Self> {
                match chunk {
                    Chunk::$variant(values) $(| Chunk::$also(values))? => values,
                    other => unreachable!("{} was checked, {} came", stringify!($variant), other.column_type()),
                }
            }
            fn chunk(values: Vec<Self>) -> Chunk {
                Chunk::$variant(values)
            }
        }
    )*};
}
cells!(i8: Byte, i16: Short, u16: Char, i32: Int, i64: Long | DateTime, f32: Float, f64: Double, Boolean: Boolean);

/// A chunk of longs as date-times.
pub(super) fn as_date_time(chunk: Chunk) -> Chunk {
    match chunk {
        Chunk::Long(values) => Chunk::DateTime(values),
        other => other,
    }
}

/// Applies a function to each value.
pub(super) fn map1<A: Cell, R: Cell>(a: &Operand<'_>, mut f: impl FnMut(A) -> R) -> Chunk {
    match a.lane::<A>() {
        Lane::Slice(a) => R::chunk(a.iter().map(|&a| f(a)).collect()),
        Lane::Constant(a) => R::chunk(vec![f(a)]),
    }
}

/// Applies a function to each pair of values.
pub(super) fn map2<A: Cell, B: Cell, R: Cell>(a: &Operand<'_>, b: &Operand<'_>, f: impl Fn(A, B) -> R) -> Chunk {
    match (a.lane::<A>(), b.lane::<B>()) {
        (Lane::Slice(a), Lane::Slice(b)) => R::chunk(a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect()),
        (Lane::Slice(a), Lane::Constant(b)) => R::chunk(a.iter().map(|&a| f(a, b)).collect()),
        (Lane::Constant(a), Lane::Slice(b)) => R::chunk(b.iter().map(|&b| f(a, b)).collect()),
        (Lane::Constant(a), Lane::Constant(b)) => R::chunk(vec![f(a, b)]),
    }
}

/// As [`map2`] for a function whose result has its operands' type: writes into an operand's own vector where it owns one.
pub(super) fn map2_in_place<T: Cell>(a: Operand<'_>, b: Operand<'_>, f: impl Fn(T, T) -> T) -> Chunk {
    let owned = |operand: &Operand<'_>| !operand.constant && matches!(operand.chunk, Cow::Owned(_));
    if owned(&a) {
        let mut values = T::vector(a.chunk.into_owned());
        match b.lane::<T>() {
            Lane::Slice(b) => values.iter_mut().zip(b).for_each(|(a, &b)| *a = f(*a, b)),
            Lane::Constant(b) => values.iter_mut().for_each(|a| *a = f(*a, b)),
        }
        return T::chunk(values);
    }
    if owned(&b) {
        let mut values = T::vector(b.chunk.into_owned());
        match a.lane::<T>() {
            Lane::Slice(a) => values.iter_mut().zip(a).for_each(|(b, &a)| *b = f(a, *b)),
            Lane::Constant(a) => values.iter_mut().for_each(|b| *b = f(a, *b)),
        }
        return T::chunk(values);
    }
    map2(&a, &b, f)
}
