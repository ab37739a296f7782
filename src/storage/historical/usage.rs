//! What a partition's columns take on disk, and how they are encoded: for listings.

use super::HistoricalTable;
use super::reader::Version;
use super::region::SealedRegion;
use crate::base::{ColumnType, Result};
use crate::format::encoding::Encoding;
use crate::storage::ColumnRegion;

/// One column's share of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnUsage {
    /// The column.
    pub name: String,
    /// Its type.
    pub column_type: ColumnType,
    /// Rows, nulls included.
    pub row_count: u64,
    /// Rows that are null.
    pub null_count: u64,
    /// Bytes of values, index included; of ends and items of variable width too.
    pub size_bytes: u64,
    /// Bytes of the items of values of variable width, before encoding.
    pub item_bytes: u64,
    /// Bytes of the symbol table.
    pub symbol_bytes: u64,
    /// Strings in the symbol table.
    pub symbol_count: u64,
    /// Bytes of the grouping index.
    pub grouping_bytes: u64,
    /// How many blocks and bytes each encoding has, those that occur, in a fixed order.
    pub encodings: Vec<EncodingUsage>,
}

/// One encoding's share of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodingUsage {
    /// The encoding.
    pub encoding: Encoding,
    /// Blocks.
    pub blocks: u64,
    /// Their bytes.
    pub size_bytes: u64,
}

impl ColumnUsage {
    /// Bytes of all files.
    pub fn total_bytes(&self) -> u64 {
        self.size_bytes + self.symbol_bytes + self.grouping_bytes
    }

    /// Bytes of the values at their full width, to compare with.
    pub fn plain_bytes(&self) -> u64 {
        self.row_count * self.column_type.width() as u64 + self.item_bytes
    }

    /// The encodings as text: `delta 12, constant 1`.
    pub fn encodings_text(&self) -> String {
        let parts: Vec<String> = self.encodings.iter().map(|u| format!("{} {}", u.encoding.name(), u.blocks)).collect();
        parts.join(", ")
    }

    fn add_block(&mut self, encoding: Encoding, size_bytes: u32) {
        let size_bytes = u64::from(size_bytes);
        match self.encodings.iter_mut().find(|mine| mine.encoding == encoding) {
            Some(mine) => {
                mine.blocks += 1;
                mine.size_bytes += size_bytes;
            }
            None => self.encodings.push(EncodingUsage { encoding, blocks: 1, size_bytes }),
        }
    }

    fn add(&mut self, other: &ColumnUsage) {
        self.row_count += other.row_count;
        self.null_count += other.null_count;
        self.size_bytes += other.size_bytes;
        self.item_bytes += other.item_bytes;
        self.symbol_bytes += other.symbol_bytes;
        self.symbol_count = self.symbol_count.max(other.symbol_count);
        self.grouping_bytes += other.grouping_bytes;
        for usage in &other.encodings {
            match self.encodings.iter_mut().find(|mine| mine.encoding == usage.encoding) {
                Some(mine) => {
                    mine.blocks += usage.blocks;
                    mine.size_bytes += usage.size_bytes;
                }
                None => self.encodings.push(*usage),
            }
        }
        self.encodings.sort_by_key(|usage| usage.encoding);
    }
}

pub(super) fn of_partition(table: &HistoricalTable, column_partition: &str) -> Result<Vec<ColumnUsage>> {
    let version = Version::open(table, column_partition)?;
    let mut usages: Vec<ColumnUsage> = Vec::new();
    for (location, stored) in version.locations.iter().enumerate() {
        for (column, record) in stored.record.columns.iter().enumerate() {
            let Some(region) = SealedRegion::new(version.clone(), location, column) else { continue };
            let mut usage = ColumnUsage {
                name: record.name.clone(),
                column_type: region.column_type(),
                row_count: stored.record.row_count,
                null_count: 0,
                size_bytes: record.file.size_bytes + record.values.iter().map(|file| file.size_bytes).sum::<u64>(),
                item_bytes: 0,
                symbol_bytes: record.symbols.map_or(0, |file| file.size_bytes),
                symbol_count: region.leaf_symbols()?.map_or(0, |symbols| symbols.len() as u64),
                grouping_bytes: record.grouping.map_or(0, |file| file.size_bytes),
                encodings: Vec::new(),
            };
            for entry in region.sealed()?.entries() {
                usage.null_count += u64::from(entry.null_count);
                usage.add_block(entry.encoding, entry.size_bytes);
            }
            for (level, _) in (1..).zip(&record.values) {
                let file = region.level(level)?;
                usage.item_bytes += file.count() * region.form.width(level) as u64;
                file.blocks().for_each(|(encoding, size_bytes)| usage.add_block(encoding, size_bytes));
            }
            match usages.iter_mut().find(|mine| mine.name == usage.name) {
                Some(mine) => mine.add(&usage),
                None => {
                    usage.encodings.sort_by_key(|usage| usage.encoding);
                    usages.push(usage);
                }
            }
        }
    }
    Ok(usages)
}
