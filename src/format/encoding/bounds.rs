//! What a block's directory knows of a vector's values, without decoding them: the zone map within a block.

use super::{Block, Content, Encodable, Lane};
use crate::base::Result;
use crate::memory::Others;

/// More runs or values of a dictionary than this are not looked at for a vector: it is decoded as fast.
const LOOKED_AT: usize = 128;

/// Between which values those of a vector lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VectorBounds<T> {
    /// No value is less; null where there is none but nulls and NaN.
    pub least: T,
    /// No value is greater; null where there is none but nulls and NaN.
    pub greatest: T,
    /// What may be there besides.
    pub others: Others,
}

impl<T: Encodable> VectorBounds<T> {
    /// Bounds of some values.
    pub fn of(values: impl IntoIterator<Item = T>) -> Self {
        let mut found = VectorBounds { least: T::NULL, greatest: T::NULL, others: Others::default() };
        let mut any = false;
        for value in values {
            found.take(value, &mut any);
        }
        found
    }

    /// The same of values that lie in memory: several side by side, without a branch a value.
    pub fn of_slice(values: &[T]) -> Self {
        const WIDE: usize = 8;
        let odd = |value: T| value.is_null() || value.partial_cmp(&value).is_none();
        let Some(&first) = values.iter().find(|value| !odd(**value)) else { return Self::of(values.iter().copied()) };
        let (mut least, mut greatest) = ([first; WIDE], [first; WIDE]);
        let (mut null, mut nan) = ([false; WIDE], [false; WIDE]);
        let (wide, rest) = values.as_chunks::<WIDE>();
        for eight in wide {
            for at in 0..WIDE {
                let value = eight[at];
                let (is_null, is_nan) = (value.is_null(), value.partial_cmp(&value).is_none());
                null[at] |= is_null;
                nan[at] |= is_nan;
                let value = if is_null | is_nan { first } else { value };
                least[at] = if value < least[at] { value } else { least[at] };
                greatest[at] = if value > greatest[at] { value } else { greatest[at] };
            }
        }
        let others = Others { null: null.contains(&true), nan: nan.contains(&true) };
        let mut found = VectorBounds { least: first, greatest: first, others };
        least.into_iter().chain(greatest).chain(rest.iter().copied()).for_each(|value| found.take(value, &mut true));
        found
    }

    /// Widens the bounds to the values of others.
    pub fn join(&mut self, other: VectorBounds<T>) {
        let mut any = !self.least.is_null();
        [other.least, other.greatest].into_iter().filter(|end| !end.is_null()).for_each(|end| self.take(end, &mut any));
        self.others.null |= other.others.null;
        self.others.nan |= other.others.nan;
    }

    /// True if everything that lies within other bounds lies within these.
    pub fn contain(&self, other: &VectorBounds<T>) -> bool {
        let ends = other.least.is_null() || self.least <= other.least && other.greatest <= self.greatest;
        ends && (self.others.null || !other.others.null) && (self.others.nan || !other.others.nan)
    }

    /// Widens the bounds to a further value. `any`: there was a value before that is neither null nor NaN.
    fn take(&mut self, value: T, any: &mut bool) {
        if value.is_null() {
            self.others.null = true;
        } else if value.partial_cmp(&value).is_none() {
            self.others.nan = true;
        } else if !*any {
            (self.least, self.greatest, *any) = (value, value, true);
        } else {
            if value < self.least {
                self.least = value;
            }
            if value > self.greatest {
                self.greatest = value;
            }
        }
    }
}

impl<T: Encodable> Block<'_, T> {
    /// Bounds of a vector's values, perhaps wider than they need be; none where only decoding tells. O(exceptions of the vector), up to 128 runs or
    /// values of a dictionary.
    pub fn bounds(&self, index: usize) -> Result<Option<VectorBounds<T>>> {
        let lanes = |lanes: &mut dyn Iterator<Item = T::Lane>| VectorBounds::of(lanes.map(T::from_lane));
        Ok(match &self.content {
            Content::Constant(value) => Some(VectorBounds::of([T::from_lane(*value)])),
            Content::RunLength(runs) => runs.within(index, self.rows, LOOKED_AT).map(|mut values| lanes(&mut values)),
            Content::Frame(frame) if !T::FLOAT => {
                let known = frame.bounds(index, T::ORDER)?;
                known.map(|(least, greatest, nullable)| ordered_bounds(least, greatest, nullable))
            }
            Content::Dictionary(dictionary) => {
                dictionary.within(index, LOOKED_AT)?.map(|values| lanes(&mut values.iter().copied()))
            }
            Content::Decimal(decimal) => {
                let Some((ends, null, exceptions)) = decimal.bounds(index)? else { return Ok(None) };
                let mut bounds = VectorBounds::of(ends.into_iter().flatten().map(T::from_lane));
                bounds.others.null |= null;
                let mut any = ends.is_some();
                exceptions.iter().for_each(|lane| bounds.take(T::from_lane(*lane), &mut any));
                Some(bounds)
            }
            Content::Frame(_) | Content::Plain(_) | Content::Pieces(_) => None,
        })
    }
}

/// Bounds of lanes in order, null taken out of their ends.
fn ordered_bounds<T: Encodable>(least: T::Lane, greatest: T::Lane, nullable: bool) -> VectorBounds<T> {
    let one = T::Lane::truncate(1);
    let null = T::NULL.to_lane().xor(T::ORDER);
    let others = Others { null: nullable || (least <= null && null <= greatest), nan: false };
    let (low, high) = match (least == null, greatest == null) {
        (true, true) => (null, null),
        (true, false) => (least.add(one), greatest),
        (false, true) => (least, greatest.sub(one)),
        (false, false) => (least, greatest),
    };
    let value = |lane: T::Lane| T::from_lane(lane.xor(T::ORDER));
    VectorBounds { least: value(low), greatest: value(high), others }
}
