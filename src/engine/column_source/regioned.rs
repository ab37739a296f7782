//! A column of a table that lies in locations: every location is a region of row keys.
//!
//! The row key is the region's index (in key order of the locations) above [`REGION_SHIFT`] bits of row within the location. A
//! location's column is opened at its first use. A location without the column reads as nulls, one that has it in a narrower type as what
//! that widens to; the partitioning column has one value a region and no file.

use super::memory::wrong_type;
use super::symbol_union::SymbolUnion;
use super::{ColumnSource, append_codes};
use crate::base::{ColumnDefinition, ColumnKind, ColumnType, Error, Primitive, Result};
use crate::memory::{Chunk, RowSet, SymbolCode, SymbolTableBuilder, Symbols, Totals};
use crate::storage::{ColumnRegion, GroupingIndex, Location};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Bits of a row key that are the row within a region.
pub const REGION_SHIFT: u32 = 40;
const ROW_MASK: u64 = (1 << REGION_SHIFT) - 1;
/// Of more regions than this it is not said beforehand what will be read.
const EXPECTED_REGIONS_MAX: u64 = 16;
/// Below this many rows a range, rows are gathered rather than filled range by range.
const FILL_ROWS_MIN: u64 = 32;

/// The opened locations of a table version, in key order.
#[derive(Debug)]
pub struct Regions {
    locations: Vec<Arc<dyn Location>>,
}

impl Regions {
    /// Takes opened locations in key order; an error where there are more, or larger ones, than row keys can tell apart.
    pub fn new(locations: Vec<Arc<dyn Location>>) -> Result<Self> {
        if locations.len() as u64 >= 1 << (63 - REGION_SHIFT) {
            return Err(Error::limit(format!("{} locations in one table", locations.len())));
        }
        if let Some(large) = locations.iter().find(|location| location.row_count() > ROW_MASK) {
            return Err(Error::limit(format!("location {} has {} rows", large.key(), large.row_count())));
        }
        Ok(Regions { locations })
    }

    /// The locations in region order.
    pub fn locations(&self) -> &[Arc<dyn Location>] {
        &self.locations
    }

    /// The row keys of all rows.
    pub fn rows(&self) -> RowSet {
        let keys = |(region, location): (usize, &Arc<dyn Location>)| {
            let first = (region as u64) << REGION_SHIFT;
            first..first + location.row_count()
        };
        RowSet::from_ranges(self.locations.iter().enumerate().map(keys))
    }
}

/// One column over [`Regions`].
#[derive(Debug)]
pub struct RegionedColumn {
    definition: ColumnDefinition,
    column_type: ColumnType,
    partitioning: bool,
    regions: Arc<Regions>,
    opened: Vec<OnceLock<Option<Arc<dyn ColumnRegion>>>>,
    /// None inside where a region has text instead of a symbol table.
    union: OnceLock<Option<SymbolUnion>>,
}

impl RegionedColumn {
    /// The column of a table's definition. The partitioning one has the location's column partition for its value.
    pub fn new(definition: &ColumnDefinition, regions: Arc<Regions>) -> Self {
        let opened = regions.locations.iter().map(|_| OnceLock::new()).collect();
        RegionedColumn {
            definition: definition.clone(),
            column_type: definition.column_type,
            partitioning: definition.kind == ColumnKind::Partitioning,
            regions,
            opened,
            union: OnceLock::new(),
        }
    }

    /// Where the rows of each value lie in a region; none where it is not grouped by the column.
    pub fn grouping(&self, region: usize) -> Result<Option<Arc<GroupingIndex>>> {
        self.location(region).grouping_as(&self.definition)
    }

    /// The locations behind it.
    pub fn regions(&self) -> &Arc<Regions> {
        &self.regions
    }

    /// True where the value of a region is the location's column partition.
    pub fn is_partitioning(&self) -> bool {
        self.partitioning
    }

    /// The location of a region.
    pub fn location(&self, region: usize) -> &Arc<dyn Location> {
        &self.regions.locations[region]
    }

    /// The stored column of a region, opened at the first call; none where it reads as nulls.
    pub fn region(&self, region: usize) -> Result<Option<&Arc<dyn ColumnRegion>>> {
        if let Some(known) = self.opened[region].get() {
            return Ok(known.as_ref());
        }
        let location = &self.regions.locations[region];
        let column = location.column_as(&self.definition)?;
        if let Some(column) = &column
            && column.row_count() < location.row_count()
        {
            return Err(Error::corrupt(format!(
                "column {} has {} rows, its location {} has {}",
                self.definition.name,
                column.row_count(),
                location.key(),
                location.row_count()
            )));
        }
        Ok(self.opened[region].get_or_init(|| column).as_ref())
    }

    /// The symbol table of a region's own codes: empty where the column is missing, the one value for the partitioning column, none
    /// where the rows carry their text.
    pub fn region_symbols(&self, region: usize) -> Result<Option<Arc<Symbols>>> {
        if self.partitioning {
            let mut builder = SymbolTableBuilder::new();
            builder.intern(&self.location(region).key().column_partition)?;
            return Ok(Some(Arc::new(builder.finish())));
        }
        match self.region(region)? {
            Some(column) => column.symbols(),
            None => Ok(Some(Arc::new(Symbols::empty()))),
        }
    }

    /// The code in [`ColumnSource::symbols`] of a region's own code.
    pub fn united_code(&self, region: usize, code: SymbolCode) -> Result<SymbolCode> {
        Ok(self.union()?.map_or(SymbolCode::NULL, |union| union.code(region, code)))
    }

    /// Appends the values of rows of one region; strings as [`ColumnRegion::fill`] does.
    pub fn fill_region(&self, region: usize, rows: &RowSet, out: &mut Chunk) -> Result<()> {
        let local = |range: Range<u64>| range.start & ROW_MASK..(range.start & ROW_MASK) + (range.end - range.start);
        match self.region_or_constant(region)? {
            Stored::Column(column) => {
                if rows.range_count() as u64 * FILL_ROWS_MIN > rows.len().max(FILL_ROWS_MIN) {
                    let keys: Vec<u64> = rows.iter().map(|key| key & ROW_MASK).collect();
                    column.gather(&keys, out)
                } else {
                    rows.ranges().try_for_each(|range| column.fill(local(range), out))
                }
            }
            Stored::Nulls => {
                out.push_nulls(rows.len() as usize);
                Ok(())
            }
            Stored::First => push_first(rows.len() as usize, out),
        }
    }

    fn gather_region(&self, region: usize, keys: &[u64], out: &mut Chunk) -> Result<()> {
        match self.region_or_constant(region)? {
            Stored::Column(column) => {
                let rows: Vec<u64> = keys.iter().map(|key| key & ROW_MASK).collect();
                column.gather(&rows, out)
            }
            Stored::Nulls => {
                out.push_nulls(keys.len());
                Ok(())
            }
            Stored::First => push_first(keys.len(), out),
        }
    }

    /// True where rows can be read in any order at no cost, region by region.
    fn is_direct(&self, keys: &[u64]) -> Result<bool> {
        let changes = keys.windows(2).filter(|pair| pair[0] >> REGION_SHIFT != pair[1] >> REGION_SHIFT).count();
        if changes > keys.len() / 8 {
            return Ok(false);
        }
        let Some(first) = keys.first() else { return Ok(true) };
        match self.region_or_constant((first >> REGION_SHIFT) as usize)? {
            Stored::Column(column) => Ok(column.reads_in_any_order()),
            Stored::Nulls | Stored::First => Ok(true),
        }
    }

    /// Gathers keys as they come, consecutive ones of a region at once.
    fn gather_runs(&self, keys: &[u64], out: &mut Chunk) -> Result<()> {
        let mut at = 0;
        while at < keys.len() {
            let region = keys[at] >> REGION_SHIFT;
            let run = keys[at..].iter().take_while(|&key| key >> REGION_SHIFT == region).count();
            let own = &keys[at..at + run];
            let region = region as usize;
            self.append(region, out, |out| self.gather_region(region, own, out))
                .map_err(|e| e.context(format!("location {}", self.location(region).key())))?;
            at += run;
        }
        Ok(())
    }

    fn region_or_constant(&self, region: usize) -> Result<Stored<'_>> {
        if self.partitioning {
            return Ok(Stored::First);
        }
        Ok(self.region(region)?.map_or(Stored::Nulls, Stored::Column))
    }

    fn union(&self) -> Result<Option<&SymbolUnion>> {
        if let Some(known) = self.union.get() {
            return Ok(known.as_ref());
        }
        let tables = (0..self.opened.len()).map(|region| self.region_symbols(region));
        let union = match tables.collect::<Result<Option<Vec<_>>>>()? {
            Some(tables) => Some(SymbolUnion::of(&tables)?),
            None => None,
        };
        Ok(self.union.get_or_init(|| union).as_ref())
    }

    /// Appends what `read` appends of a region; strings in the united table.
    fn append(&self, region: usize, out: &mut Chunk, read: impl FnOnce(&mut Chunk) -> Result<()>) -> Result<()> {
        if out.column_type() != self.column_type {
            return Err(wrong_type(self.column_type, out.column_type()));
        }
        if self.column_type != ColumnType::String {
            return read(out);
        }
        let Some(union) = self.union()? else { return self.append_texts(region, out, read) };
        append_codes(out, &union.symbols, |codes| {
            let start = codes.len();
            let symbols = union.symbols.clone();
            let mut own = Chunk::String(crate::memory::StringChunk { codes: std::mem::take(codes), symbols });
            let result = read(&mut own);
            if let Chunk::String(own) = own {
                *codes = own.codes;
            }
            union.translate(region, &mut codes[start..]);
            result
        })
    }
}

impl RegionedColumn {
    /// Appends what `read` appends of a region of a column without a table of all its strings: the strings of the rows, none looked for.
    fn append_texts(&self, region: usize, out: &mut Chunk, read: impl FnOnce(&mut Chunk) -> Result<()>) -> Result<()> {
        let Some(symbols) = self.region_symbols(region)? else { return read(out) };
        let mut own = Chunk::new(ColumnType::String);
        read(&mut own)?;
        if let (Chunk::String(own), Chunk::String(out)) = (own, out) {
            let mut texts = out.texts()?;
            own.codes.iter().try_for_each(|&code| texts.push(symbols.get(code)))?;
        }
        Ok(())
    }
}

enum Stored<'a> {
    Column(&'a Arc<dyn ColumnRegion>),
    Nulls,
    /// The first string of the region's table in every row.
    First,
}

fn push_first(count: usize, out: &mut Chunk) -> Result<()> {
    if let Chunk::String(strings) = out {
        strings.codes.resize(strings.codes.len() + count, SymbolCode(0));
    }
    Ok(())
}

/// The rows of each region that `rows` touches, ascending.
pub(crate) fn by_region(rows: &RowSet) -> impl Iterator<Item = (usize, RowSet)> + '_ {
    let mut next = rows.first().map(|key| key >> REGION_SHIFT);
    std::iter::from_fn(move || {
        let region = next?;
        let own = rows.within(region << REGION_SHIFT..(region + 1) << REGION_SHIFT);
        let after = rows.position_of(own.last()?)? + 1;
        next = rows.key_at(after).map(|key| key >> REGION_SHIFT);
        Some((region as usize, own))
    })
}

impl ColumnSource for RegionedColumn {
    fn column_type(&self) -> ColumnType {
        self.column_type
    }

    fn forget(&self) {
        self.opened.iter().filter_map(OnceLock::get).flatten().for_each(|region| region.forget());
    }

    fn expect(&self, rows: &RowSet) {
        let region = |key: u64| key >> REGION_SHIFT;
        // Of many locations each is opened by the thread that reads it.
        let regions = rows.first().zip(rows.last()).map_or(0, |(first, last)| region(last) - region(first) + 1);
        if regions > EXPECTED_REGIONS_MAX {
            return;
        }
        for (region, own) in by_region(rows) {
            // Rows that lie far apart are asked for one block at a time.
            if let (Some(first), Some(last)) = (own.first(), own.last())
                && (last - first) / 2 <= own.len()
                && let Ok(Stored::Column(column)) = self.region_or_constant(region)
            {
                column.expect(first & ROW_MASK..(last & ROW_MASK) + 1);
            }
        }
    }

    fn fill(&self, rows: &RowSet, out: &mut Chunk) -> Result<()> {
        let place = |e: Error, region: usize| e.context(format!("location {}", self.location(region).key()));
        by_region(rows).try_for_each(|(region, own)| {
            self.append(region, out, |out| self.fill_region(region, &own, out)).map_err(|e| place(e, region))
        })
    }

    fn totals(&self, keys: Range<u64>) -> Result<Totals> {
        let region = (keys.start >> REGION_SHIFT) as usize;
        let Stored::Column(column) = self.region_or_constant(region)? else { return Ok(Totals::unknown(keys)) };
        let first = keys.start & !ROW_MASK;
        let totals = column.totals(keys.start - first..keys.end - first);
        let totals = totals.map_err(|e| e.context(format!("location {}", self.location(region).key())))?;
        Ok(totals.shifted(first))
    }

    /// Regions are asked for ascending rows, each once: an encoded one then decodes no vector twice.
    fn gather(&self, keys: &[u64], out: &mut Chunk) -> Result<()> {
        if keys.is_sorted() || self.is_direct(keys)? {
            return self.gather_runs(keys, out);
        }
        let mut order: Vec<u32> = (0..keys.len() as u32).collect();
        order.sort_unstable_by_key(|&at| keys[at as usize]);
        let ascending: Vec<u64> = order.iter().map(|&at| keys[at as usize]).collect();
        let mut values = Chunk::with_capacity(self.column_type, keys.len());
        self.gather_runs(&ascending, &mut values)?;
        let mut places = vec![0; keys.len()];
        (0..).zip(order).for_each(|(place, at)| places[at as usize] = place);
        let values = values.take(&places);
        if out.is_empty() && out.column_type() == self.column_type {
            *out = values;
            return Ok(());
        }
        out.append(&values, 0..values.len())
    }

    fn symbols(&self) -> Result<Option<Arc<Symbols>>> {
        if self.column_type != ColumnType::String {
            return Ok(None);
        }
        Ok(self.union()?.map(|union| union.symbols.clone()))
    }

    fn regioned(&self) -> Option<&RegionedColumn> {
        Some(self)
    }
}
