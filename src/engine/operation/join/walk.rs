//! The walk of an as-of join: left stamps looked up among the sorted stamps of the right rows of their group.

use super::super::super::column_source::ColumnSource;
use super::super::super::grouper::{Assignment, GroupRun, NO_GROUP, runs_within};
use super::super::super::{limits, parallel};
use super::super::sort::{OrderBits, rank_of, symbol_ranks};
use super::RowLists;
use crate::base::Result;
use crate::io::vectorized;
use crate::memory::{Chunk, RowSet, SymbolTableBuilder, Symbols};
use crate::with_fixed_values;
use rayon::prelude::*;
use std::ops::Range;

/// Which right row a left row takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Direction {
    /// The first row that is later, rather than the last one that is earlier.
    pub(super) reverse: bool,
    /// Rows of the same stamp do not match.
    pub(super) strict: bool,
}

impl Direction {
    /// The place of the match among ascending stamps, of which the first `boundary` are at most [`Direction::limit`] of the left row's.
    fn place(self, boundary: usize, count: usize) -> Option<usize> {
        if self.reverse { (boundary < count).then_some(boundary) } else { boundary.checked_sub(1) }
    }

    /// Up to where right stamps lie before the boundary of a left one; none where none does.
    fn limit(self, left: u64) -> Option<u64> {
        if self.reverse == self.strict { Some(left) } else { left.checked_sub(1) }
    }
}

/// How the values of one side become integers in their order.
pub(super) enum Bits {
    Value,
    /// By the rank of the symbol among those of both sides, from 1.
    Rank(Vec<u32>),
}

impl Bits {
    /// The integers of all values.
    pub(super) fn of(&self, chunk: &Chunk) -> Vec<u64> {
        let mut bits = vec![0; chunk.len()];
        self.write(chunk, &mut bits);
        bits
    }

    /// Writes the integers of all values to `out`, which is as long.
    fn write(&self, chunk: &Chunk, out: &mut [u64]) {
        match (self, chunk) {
            (Bits::Rank(ranks), Chunk::String(strings)) => {
                out.iter_mut().zip(&strings.codes).for_each(|(bits, code)| *bits = rank_of(ranks, *code));
            }
            // Types without order were refused before.
            (_, chunk) => with_fixed_values!(chunk, values => {
                out.iter_mut().zip(values).for_each(|(bits, value)| *bits = value.order_bits());
            }, else {}),
        }
    }
}

/// Ranks that make the codes of two tables comparable.
pub(super) fn ranks_of_both(left: &Symbols, right: &Symbols) -> Result<(Bits, Bits)> {
    let mut builder = SymbolTableBuilder::new();
    let mut codes = |symbols: &Symbols| symbols.iter().map(|text| builder.intern(text)).collect::<Result<Vec<_>>>();
    let (left, right) = (codes(left)?, codes(right)?);
    let ranks = symbol_ranks(&builder.finish());
    let of =
        |codes: Vec<crate::memory::SymbolCode>| Bits::Rank(codes.into_iter().map(|code| ranks[code.index()]).collect());
    Ok((of(left), of(right)))
}

/// The stamps of the right rows in the places of their lists, ascending within each group.
pub(super) struct Stamps {
    bits: Vec<u64>,
    /// The place of the row at each place of `bits`; none where they are the same.
    places: Option<Vec<u64>>,
}

impl Stamps {
    /// Reads the stamps of all rows of the lists, and sorts those of groups where they are not.
    pub(super) fn new(lists: &RowLists, source: &dyn ColumnSource, order: &Bits) -> Result<Self> {
        limits::require(lists.len() as u64, 3 * size_of::<u64>())?;
        let mut bits = vec![0; lists.len()];
        parallel::fill_pieces(&mut bits, |first, out| {
            let places = first as usize..first as usize + out.len();
            order.write(&read_stamps(source, lists, places)?, out);
            Ok(())
        })?;
        let groups = lists.groups() as u32;
        if (0..groups).into_par_iter().all(|group| is_sorted(&bits[lists.places(group)])) {
            return Ok(Stamps { bits, places: None });
        }
        let mut places: Vec<u64> = (0..bits.len() as u64).collect();
        let mut unsorted = Vec::new();
        let (mut bits_left, mut places_left) = (&mut bits[..], &mut places[..]);
        for group in 0..groups {
            let (own_bits, rest) = bits_left.split_at_mut(lists.places(group).len());
            bits_left = rest;
            let (own_places, rest) = places_left.split_at_mut(own_bits.len());
            places_left = rest;
            if !is_sorted(own_bits) {
                unsorted.push((own_bits, own_places));
            }
        }
        unsorted.into_par_iter().for_each(|(bits, places)| {
            let mut pairs: Vec<(u64, u64)> = bits.iter().copied().zip(places.iter().copied()).collect();
            // Places ascend, so rows of the same stamp keep their order.
            pairs.par_sort_unstable();
            for ((bits, place), pair) in bits.iter_mut().zip(places).zip(pairs) {
                (*bits, *place) = pair;
            }
        });
        Ok(Stamps { bits, places: Some(places) })
    }

    /// True if the rows of each group were in order.
    pub(super) fn are_as_they_lie(&self) -> bool {
        self.places.is_none()
    }
}

/// Whether values ascend; many of them are looked at by all cores.
fn is_sorted(values: &[u64]) -> bool {
    const PIECE: usize = 1 << 16;
    if values.len() <= PIECE {
        return values.is_sorted();
    }
    // Pieces overlap by the value that the next one begins with.
    let ends = |piece: usize| piece * PIECE..(piece * PIECE + PIECE + 1).min(values.len());
    (0..values.len().div_ceil(PIECE)).into_par_iter().all(|piece| values[ends(piece)].is_sorted())
}

/// The values at some places of the lists, whose rows often follow each other.
fn read_stamps(source: &dyn ColumnSource, lists: &RowLists, places: Range<usize>) -> Result<Chunk> {
    let mut chunk = Chunk::with_capacity(source.column_type(), places.len());
    if let Some(keys) = lists.consecutive(places.clone()) {
        source.fill(&RowSet::range(keys), &mut chunk)?;
        return Ok(chunk);
    }
    let mut keys = Vec::with_capacity(places.len());
    lists.append_keys(places, &mut keys);
    match (keys.first(), keys.last()) {
        (Some(&first), Some(&last)) if last >= first && last - first + 1 == keys.len() as u64 && keys.is_sorted() => {
            source.fill(&RowSet::range(first..last + 1), &mut chunk)?;
        }
        _ => source.gather(&keys, &mut chunk)?,
    }
    Ok(chunk)
}

/// Groups beyond which a walk keeps no place for each.
const WALKED_GROUPS_MAX: usize = 1 << 16;

/// Looks up the stamps of left rows one after the other; where they ascend within a group, each search starts where the last one ended.
pub(super) struct Walk<'a> {
    stamps: &'a Stamps,
    lists: &'a RowLists,
    direction: Direction,
    boundaries: Vec<u32>,
}

impl<'a> Walk<'a> {
    /// A walk that starts anywhere.
    pub(super) fn new(stamps: &'a Stamps, lists: &'a RowLists, direction: Direction) -> Self {
        let groups = if lists.groups() <= WALKED_GROUPS_MAX { lists.groups() } else { 0 };
        Walk { stamps, lists, direction, boundaries: vec![u32::MAX; groups] }
    }

    /// Puts the keys of the right rows for left rows with these stamps, of which the first has position `first` within all rows, into `keys`, which has
    /// [`NO_ROW`] everywhere.
    pub(super) fn find(&mut self, assignment: &Assignment, first: u64, rows: &RowSet, bits: &[u64], keys: &mut [u64]) {
        match assignment {
            Assignment::Rows(groups) => {
                for ((&group, bits), key) in groups[first as usize..].iter().zip(bits).zip(keys) {
                    self.find_run(group, None, std::slice::from_ref(bits), std::slice::from_mut(key));
                }
            }
            Assignment::Runs(runs) => {
                let mut done = 0;
                for GroupRun { keys: rows, group } in runs_within(runs, rows) {
                    let own = done..done + (rows.end - rows.start) as usize;
                    // Where the right rows of the group follow each other in the table.
                    let base = match self.stamps.places {
                        None => self.lists.consecutive(self.lists.places(group)).map(|keys| keys.start),
                        Some(_) => None,
                    };
                    self.find_run(group, base, &bits[own.clone()], &mut keys[own.clone()]);
                    done = own.end;
                }
            }
        }
    }

    /// The same of left rows of one group. `base`: the key of the group's first right row, where the others follow it.
    fn find_run(&mut self, group: u32, base: Option<u64>, left: &[u64], keys: &mut [u64]) {
        if group == NO_GROUP {
            return;
        }
        let places = self.lists.places(group);
        let own = &self.stamps.bits[places.clone()];
        let known = self.boundaries.get(group as usize).map(|&known| known as usize);
        let mut boundary = known.filter(|&known| known <= own.len());
        let (direction, lists, sorted) = (self.direction, self.lists, self.stamps.places.as_ref());
        let boundary = vectorized(
            #[inline(always)]
            || {
                for (&left, key) in left.iter().zip(keys) {
                    let found = match direction.limit(left) {
                        None => 0,
                        Some(limit) => match boundary {
                            Some(guess) => boundary_from(own, guess, limit),
                            None => own.partition_point(|&right| right <= limit),
                        },
                    };
                    boundary = Some(found);
                    let Some(place) = direction.place(found, own.len()) else { continue };
                    *key = match base {
                        Some(base) => base + place as u64,
                        None => {
                            let place = places.start + place;
                            lists.key(group, sorted.map_or(place, |places| places[place] as usize))
                        }
                    };
                }
                boundary
            },
        );
        if let (Some(known), Some(Ok(boundary))) =
            (self.boundaries.get_mut(group as usize), boundary.map(u32::try_from))
        {
            *known = boundary;
        }
    }
}

/// Values that are looked at together after a guess, without a branch a value.
const NEAR: usize = 8;
/// So many times, before the steps grow.
const NEAR_TIMES: usize = 4;

/// How many of ascending values are at most `limit`, searched from a guess on: among the next ones, then in steps that double.
#[inline(always)]
fn boundary_from(values: &[u64], guess: usize, limit: u64) -> usize {
    if guess == 0 || values[guess - 1] <= limit {
        let mut low = guess;
        for _ in 0..NEAR_TIMES {
            let Some(near) = values[low..].first_chunk::<NEAR>() else { break };
            let count = near.iter().map(|&value| usize::from(value <= limit)).sum::<usize>();
            low += count;
            if count < NEAR {
                return low;
            }
        }
        let mut step = NEAR;
        while low + step <= values.len() && values[low + step - 1] <= limit {
            low += step;
            step *= 2;
        }
        let high = (low + step).min(values.len());
        return low + values[low..high].partition_point(|&value| value <= limit);
    }
    // The value before the guess comes after the limit already.
    let (mut high, mut step) = (guess - 1, 1);
    while high >= step && values[high - step] > limit {
        high -= step;
        step *= 2;
    }
    let low = high.saturating_sub(step);
    low + values[low..high].partition_point(|&value| value <= limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_search_from_any_guess_finds_the_boundary(
            mut values in prop::collection::vec(0u64..60, 0..150),
            guess in 0usize..150,
            limit in 0u64..61,
        ) {
            values.sort_unstable();
            let expected = values.iter().filter(|&&value| value <= limit).count();
            prop_assert_eq!(boundary_from(&values, guess.min(values.len()), limit), expected);
        }

        #[test]
        fn many_values_are_sorted_where_their_pieces_are(at in 1usize..200_000, length in 0usize..200_000) {
            let mut values: Vec<u64> = (0..length as u64).collect();
            prop_assert!(is_sorted(&values));
            if at < length {
                values.swap(at - 1, at);
                prop_assert!(!is_sorted(&values));
            }
        }
    }
}
