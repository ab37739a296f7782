//! `aj` and `raj`: of the right rows of the same key, the last one not later than the left row, or the first one not earlier.
//!
//! The stamps of each key's right rows are a sorted run that left rows walk: they lie in that order already where the right table is
//! sorted, in all or by key, and are sorted (stably) where it is not. Null is the least stamp, NaN the greatest.

use super::super::super::column_source::{self, ColumnSource, NO_ROW};
use super::super::super::grouper::{NO_GROUP, with_one_table};
use super::super::super::timing::strategy;
use super::super::super::{Table, limits, parallel};
use super::super::sort::{OrderBits, rank_of, symbol_ranks};
use super::super::split_names;
use super::matching::{Matched, match_rows};
use super::plan::{Plan, renamed};
use super::{RowLists, each_group, text_of};
use crate::base::limits::CHUNK_ROWS;
use crate::base::{ColumnType, Error, Result};
use crate::memory::{Chunk, RowSet, SymbolTableBuilder, Symbols};
use crate::with_fixed_values;
use rayon::prelude::*;

/// Which right row a left row takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Direction {
    /// The first row that is later, rather than the last one that is earlier.
    reverse: bool,
    /// Rows of the same stamp do not match.
    strict: bool,
}

impl Direction {
    /// The place of the match among ascending stamps, of which the first `boundary` come before the left row's in the sense of
    /// [`Direction::before`].
    fn place(self, boundary: usize, count: usize) -> Option<usize> {
        if self.reverse { (boundary < count).then_some(boundary) } else { boundary.checked_sub(1) }
    }

    /// Whether a right stamp lies before the boundary of a left one.
    fn before(self, right: u64, left: u64) -> bool {
        if self.reverse == self.strict { right <= left } else { right < left }
    }
}

impl Table {
    /// The rows of this table with columns of the last row of `right` that is not later.
    ///
    /// The last of `on` is the stamp: `T`, `T=T2` and `T>=T2` match rows of the same stamp, of which the last counts, `T>T2` does not. The
    /// others are keys, as with [`Table::natural_join`]. `add` names the columns to add; right keys and a right stamp of other names than on the
    /// left are added in any case, before the rest, unless their names are taken. `right` need not be sorted.
    pub fn aj(&self, right: &Table, on: &[impl AsRef<str>], add: &[impl AsRef<str>]) -> Result<Table> {
        self.run_with(
            "aj",
            &[right],
            || text_of(on, add),
            || self.as_of(false, right, &split_names(on), &split_names(add)),
        )
    }

    /// The rows of this table with columns of the first row of `right` that is not earlier: [`Table::aj`] the other way round, with `T<=T2`
    /// and `T<T2`; of several rows of the same stamp the first counts.
    pub fn raj(&self, right: &Table, on: &[impl AsRef<str>], add: &[impl AsRef<str>]) -> Result<Table> {
        self.run_with(
            "raj",
            &[right],
            || text_of(on, add),
            || self.as_of(true, right, &split_names(on), &split_names(add)),
        )
    }

    fn as_of(&self, reverse: bool, right: &Table, on: &[&str], add: &[&str]) -> Result<Table> {
        let operation = if reverse { "raj" } else { "aj" };
        let Some((stamp, keys)) = on.split_last() else {
            return Err(Error::invalid(format!("{operation} needs a column that says when, after the keys")));
        };
        let (mine, its, strict) = stamp_pair(operation, reverse, stamp)?;
        let (left_stamp, right_stamp) = self.matched_pair(operation, right, mine, its)?;
        let stamp_type = self.definition().columns()[left_stamp].column_type;
        if stamp_type.is_object() || matches!(stamp_type, ColumnType::Array(_)) {
            return Err(Error::type_mismatch(format!("{operation}: {mine} is {stamp_type}, which says no time")));
        }
        let (left_keys, right_keys) = self.matched_columns(operation, right, keys)?;
        let plan = self.as_of_plan(
            operation,
            right,
            Plan { left_keys, right_keys, added: Vec::new() },
            right_stamp,
            its == mine,
            add,
        )?;
        let keys = self.as_of_rows(right, &plan, left_stamp, right_stamp, Direction { reverse, strict })?;
        self.with_added(&plan, right, keys)
    }

    /// The plan with its added columns.
    fn as_of_plan(
        &self,
        operation: &str,
        right: &Table,
        mut plan: Plan,
        stamp: usize,
        same_name: bool,
        add: &[&str],
    ) -> Result<Plan> {
        let stamp_name = &right.definition().columns()[stamp].name;
        let is_free = !same_name && self.definition().position(stamp_name).is_none();
        if add.is_empty() {
            plan.added = plan.all_but_keys(self, right);
            plan.added.retain(|(at, _)| *at != stamp || is_free);
        } else {
            // Keys and stamp of other names come first, under the names that `add` gives them.
            let columns = (self.definition().columns(), right.definition().columns());
            let keys = plan.left_keys.iter().zip(&plan.right_keys);
            let renamed_keys = keys.filter(|(mine, its)| columns.0[**mine].name != columns.1[**its].name);
            let is_new = |at: &usize| self.definition().position(&columns.1[*at].name).is_none();
            let mut first: Vec<usize> = renamed_keys.map(|(_, &its)| its).filter(is_new).collect();
            first.extend(is_free.then_some(stamp));
            let mut asked = renamed(operation, right, add)?;
            for at in first {
                let place = asked.iter().position(|(known, _)| *known == at);
                let named = place.map_or_else(|| (at, columns.1[at].name.to_string()), |place| asked.remove(place));
                plan.added.push(named);
            }
            plan.added.append(&mut asked);
        }
        plan.check(operation, self)?;
        Ok(plan)
    }

    /// The key of the right row of each left row, or [`NO_ROW`].
    fn as_of_rows(
        &self,
        right: &Table,
        plan: &Plan,
        left_stamp: usize,
        right_stamp: usize,
        direction: Direction,
    ) -> Result<Vec<u64>> {
        let (mine, its) = (self.version()?, right.version()?);
        let left_source = with_one_table(&mine.columns[left_stamp], &mine.rows)?;
        let right_source = with_one_table(&its.columns[right_stamp], &its.rows)?;
        let (left_bits, right_bits) = match (left_source.symbols()?, right_source.symbols()?) {
            (Some(left), Some(right)) => ranks_of_both(&left, &right)?,
            _ => (Bits::Value, Bits::Value),
        };
        let Matched { groups, left, right: right_groups } = match_rows(mine, &plan.left_keys, its, &plan.right_keys)?;
        let lists = RowLists::new(&its.rows, &right_groups, groups);
        drop(right_groups);
        let stamps = Stamps::new(&lists, &*right_source, &right_bits)?;
        strategy(|| {
            let sorted = if stamps.places.is_none() { "stamps as they lie" } else { "sorted stamps" };
            format!("walk over {sorted}")
        });
        limits::require(mine.rows.len(), 2 * size_of::<u64>())?;
        let parts = parallel::map_pieces(&mine.rows, |first, piece| {
            let mut keys = Vec::with_capacity(piece.len() as usize);
            let mut walk = Walk::new(&stamps, &lists, direction);
            let mut at = first;
            for rows in piece.chunks(4 * CHUNK_ROWS as u64) {
                let bits = left_bits.of(&column_source::read(&*left_source, &rows)?);
                let mut bits = bits.into_iter();
                each_group(&left, at, &rows, |_, group| {
                    keys.push(bits.next().map_or(NO_ROW, |bits| walk.find(group, bits)));
                    Ok(())
                })?;
                at += rows.len();
            }
            Ok(keys)
        })?;
        Ok(parts.concat())
    }
}

/// The two names of a stamp and whether equal ones do not match.
fn stamp_pair<'a>(operation: &str, reverse: bool, text: &'a str) -> Result<(&'a str, &'a str, bool)> {
    let Some(at) = text.find(['<', '>', '=']) else { return Ok((text, text, false)) };
    let rest = text[at..].trim_start_matches(['<', '>', '=']);
    let operator = &text[at..text.len() - rest.len()];
    let strict = match (operator, reverse) {
        ("=" | "==", _) | (">=", false) | ("<=", true) => false,
        (">", false) | ("<", true) => true,
        _ => {
            let allowed = if reverse { "<=, <" } else { ">=, >" };
            return Err(Error::invalid(format!("{operation}: {text} compares with {operator}")).hint(format!(
                "{operation} takes the {} right row: use =, {allowed}",
                if reverse { "next" } else { "last" }
            )));
        }
    };
    Ok((text[..at].trim(), rest.trim(), strict))
}

/// How the values of one side become integers in their order.
enum Bits {
    Value,
    /// By the rank of the symbol among those of both sides, from 1.
    Rank(Vec<u32>),
}

impl Bits {
    fn of(&self, chunk: &Chunk) -> Vec<u64> {
        match (self, chunk) {
            (Bits::Rank(ranks), Chunk::String(strings)) => {
                strings.codes.iter().map(|code| rank_of(ranks, *code)).collect()
            }
            // Other types were refused before.
            (_, chunk) => {
                with_fixed_values!(chunk, values => values.iter().map(|value| value.order_bits()).collect(), else Vec::new())
            }
        }
    }
}

/// Ranks that make the codes of two tables comparable.
fn ranks_of_both(left: &Symbols, right: &Symbols) -> Result<(Bits, Bits)> {
    let mut builder = SymbolTableBuilder::new();
    let mut codes = |symbols: &Symbols| symbols.iter().map(|text| builder.intern(text)).collect::<Result<Vec<_>>>();
    let (left, right) = (codes(left)?, codes(right)?);
    let ranks = symbol_ranks(&builder.finish());
    let of =
        |codes: Vec<crate::memory::SymbolCode>| Bits::Rank(codes.into_iter().map(|code| ranks[code.index()]).collect());
    Ok((of(left), of(right)))
}

/// The stamps of the right rows in the places of their lists, ascending within each group.
struct Stamps {
    bits: Vec<u64>,
    /// The place of the row at each place of `bits`; none where they are the same.
    places: Option<Vec<u64>>,
}

impl Stamps {
    fn new(lists: &RowLists, source: &dyn ColumnSource, order: &Bits) -> Result<Self> {
        let all = RowSet::flat(lists.len() as u64);
        limits::require(all.len(), 3 * size_of::<u64>())?;
        let bits = parallel::map_pieces(&all, |first, piece| {
            let mut keys = Vec::with_capacity(piece.len() as usize);
            lists.append_keys(first as usize..(first + piece.len()) as usize, &mut keys);
            read_stamps(source, &keys).map(|chunk| order.of(&chunk))
        })?;
        let mut bits = bits.concat();
        let groups = lists.groups() as u32;
        if (0..groups).into_par_iter().all(|group| bits[lists.places(group)].is_sorted()) {
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
            if !own_bits.is_sorted() {
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
}

/// The values at keys, which are often consecutive.
fn read_stamps(source: &dyn ColumnSource, keys: &[u64]) -> Result<Chunk> {
    let mut chunk = Chunk::with_capacity(source.column_type(), keys.len());
    match (keys.first(), keys.last()) {
        (Some(&first), Some(&last)) if last >= first && last - first + 1 == keys.len() as u64 && keys.is_sorted() => {
            source.fill(&RowSet::range(first..last + 1), &mut chunk)?;
        }
        _ => source.gather(keys, &mut chunk)?,
    }
    Ok(chunk)
}

/// Groups beyond which a walk keeps no place for each.
const WALKED_GROUPS_MAX: usize = 1 << 16;

/// Looks up the stamps of left rows one after the other; where they ascend within a group, each search starts where the last one ended.
struct Walk<'a> {
    stamps: &'a Stamps,
    lists: &'a RowLists,
    direction: Direction,
    boundaries: Vec<u32>,
}

impl<'a> Walk<'a> {
    fn new(stamps: &'a Stamps, lists: &'a RowLists, direction: Direction) -> Self {
        let groups = if lists.groups() <= WALKED_GROUPS_MAX { lists.groups() } else { 0 };
        Walk { stamps, lists, direction, boundaries: vec![u32::MAX; groups] }
    }

    /// The key of the right row for a left row of a group, or [`NO_ROW`].
    fn find(&mut self, group: u32, left: u64) -> u64 {
        if group == NO_GROUP {
            return NO_ROW;
        }
        let places = self.lists.places(group);
        let own = &self.stamps.bits[places.clone()];
        let before = |right: u64| self.direction.before(right, left);
        let boundary = match self.boundaries.get(group as usize) {
            Some(&known) if (known as usize) <= own.len() => boundary_from(own, known as usize, before),
            _ => own.partition_point(|&right| before(right)),
        };
        if let (Some(known), Ok(boundary)) = (self.boundaries.get_mut(group as usize), u32::try_from(boundary)) {
            *known = boundary;
        }
        match self.direction.place(boundary, own.len()) {
            None => NO_ROW,
            Some(place) => {
                let place = places.start + place;
                let place = self.stamps.places.as_ref().map_or(place, |places| places[place] as usize);
                self.lists.key(group, place)
            }
        }
    }
}

/// How many of ascending values come `before`, searched in steps that double, from a guess on.
fn boundary_from(values: &[u64], guess: usize, before: impl Fn(u64) -> bool) -> usize {
    let mut step = 1;
    if guess < values.len() && before(values[guess]) {
        let mut low = guess + 1;
        while low + step <= values.len() && before(values[low + step - 1]) {
            low += step;
            step *= 2;
        }
        let high = (low + step).min(values.len());
        return low + values[low..high].partition_point(|&value| before(value));
    }
    let mut high = guess.min(values.len());
    while high >= step && !before(values[high - step]) {
        high -= step;
        step *= 2;
    }
    let low = high.saturating_sub(step);
    low + values[low..high].partition_point(|&value| before(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_search_from_any_guess_finds_the_boundary(mut values in prop::collection::vec(0u64..30, 0..40), guess in 0usize..50, left in 0u64..31) {
            values.sort_unstable();
            for (reverse, strict) in [(false, false), (false, true), (true, false), (true, true)] {
                let direction = Direction { reverse, strict };
                let before = |right: u64| direction.before(right, left);
                let expected = values.iter().filter(|&&right| before(right)).count();
                prop_assert_eq!(boundary_from(&values, guess.min(values.len()), before), expected);
            }
        }
    }

    #[test]
    fn stamps_say_how_they_compare() {
        for (text, reverse, expected) in [
            ("T", false, Some(("T", "T", false))),
            ("T=T2", false, Some(("T", "T2", false))),
            ("T >= T2", false, Some(("T", "T2", false))),
            ("T>T2", false, Some(("T", "T2", true))),
            ("T<=T2", true, Some(("T", "T2", false))),
            ("T<T2", true, Some(("T", "T2", true))),
            ("T==T2", true, Some(("T", "T2", false))),
            ("T<T2", false, None),
            ("T>=T2", true, None),
            ("T=>T2", false, None),
        ] {
            let found = stamp_pair("aj", reverse, text);
            assert_eq!(found.as_ref().ok(), expected.as_ref(), "{text} {found:?}");
        }
    }
}
