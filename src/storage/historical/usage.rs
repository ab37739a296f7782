//! What columns take on disk, and how they are encoded: for listings. The catalog adds up partitions, intraday ones too.

use super::HistoricalTable;
use super::reader::Version;
use super::region::SealedRegion;
use crate::base::{ColumnType, Result};
use crate::format::encoding::Encoding;
use crate::storage::ColumnRegion;

/// What one column takes in one location or in several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnUsage {
    /// The column.
    pub name: String,
    /// Its type.
    pub column_type: ColumnType,
    /// Rows, nulls included.
    pub row_count: u64,
    /// Rows that are null; none if the files do not say.
    pub null_count: Option<u64>,
    /// Bytes of values, index and checksums included; of ends and items of variable width too.
    pub size_bytes: u64,
    /// Bytes of all of that unencoded, to compare with.
    pub plain_bytes: u64,
    /// Those of them that are items of values of variable width.
    pub item_bytes: u64,
    /// Bytes of the symbol table.
    pub symbol_bytes: u64,
    /// Strings in the symbol table.
    pub symbol_count: u64,
    /// Bytes of the grouping index.
    pub grouping_bytes: u64,
    /// Rows of locations that have no grouping index of the column.
    pub ungrouped_rows: u64,
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

    /// Bytes that a value takes on average, symbol table and grouping index left out; none without rows.
    pub fn bytes_per_value(&self) -> Option<f64> {
        (self.row_count > 0).then(|| self.size_bytes as f64 / self.row_count as f64)
    }

    /// How many times smaller the values are than unencoded, symbol table and grouping index left out; none without values.
    pub fn ratio(&self) -> Option<f64> {
        (self.size_bytes > 0).then(|| self.plain_bytes as f64 / self.size_bytes as f64)
    }

    /// The share of the blocks that each encoding has, the largest first: `frame 62% delta 38%`. What has less than half a per cent is
    /// `<1%`.
    pub fn encoding_mix(&self) -> String {
        let mut usages = self.encodings.clone();
        usages.sort_by_key(|usage| std::cmp::Reverse(usage.blocks));
        let blocks: u64 = usages.iter().map(|usage| usage.blocks).sum();
        let share = |usage: &EncodingUsage| {
            let percent = (usage.blocks as f64 * 100.0 / blocks.max(1) as f64).round();
            let few = if percent == 0.0 { "<1".into() } else { percent.to_string() };
            format!("{} {few}%", usage.encoding.name())
        };
        usages.iter().map(share).collect::<Vec<_>>().join(" ")
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

    /// Adds what the same column takes elsewhere. Of symbol tables the count of strings is that of the largest one.
    pub fn add(&mut self, other: &ColumnUsage) {
        self.row_count += other.row_count;
        self.null_count = self.null_count.zip(other.null_count).map(|(mine, its)| mine + its);
        self.size_bytes += other.size_bytes;
        self.plain_bytes += other.plain_bytes;
        self.item_bytes += other.item_bytes;
        self.symbol_bytes += other.symbol_bytes;
        self.symbol_count = self.symbol_count.max(other.symbol_count);
        self.grouping_bytes += other.grouping_bytes;
        self.ungrouped_rows += other.ungrouped_rows;
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
                null_count: Some(0),
                size_bytes: record.file.size_bytes + record.values.iter().map(|file| file.size_bytes).sum::<u64>(),
                plain_bytes: stored.record.row_count * region.form.width(0) as u64,
                item_bytes: 0,
                symbol_bytes: record.symbols.map_or(0, |file| file.size_bytes),
                symbol_count: region.leaf_symbols()?.map_or(0, |symbols| symbols.len() as u64),
                grouping_bytes: record.grouping.map_or(0, |file| file.size_bytes),
                ungrouped_rows: if record.grouping.is_some() { 0 } else { stored.record.row_count },
                encodings: Vec::new(),
            };
            for entry in region.sealed()?.entries() {
                usage.null_count = usage.null_count.map(|nulls| nulls + u64::from(entry.null_count));
                usage.add_block(entry.encoding, entry.size_bytes);
            }
            for (level, _) in (1..).zip(&record.values) {
                let file = region.level(level)?;
                let item_bytes = file.count() * region.form.width(level) as u64;
                usage.item_bytes += item_bytes;
                usage.plain_bytes += item_bytes;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixes_are_shares_of_blocks() {
        let usage = |encodings: &[(Encoding, u64)]| ColumnUsage {
            name: "Price".into(),
            column_type: ColumnType::Double,
            row_count: 4 * encodings.iter().map(|(_, blocks)| blocks).sum::<u64>(),
            null_count: Some(1),
            size_bytes: 100,
            plain_bytes: 800,
            item_bytes: 0,
            symbol_bytes: 0,
            symbol_count: 0,
            grouping_bytes: 0,
            ungrouped_rows: 0,
            encodings: encodings
                .iter()
                .map(|&(encoding, blocks)| EncodingUsage { encoding, blocks, size_bytes: 1 })
                .collect(),
        };
        let check = |encodings: &[(Encoding, u64)], expected: &str| {
            assert_eq!(usage(encodings).encoding_mix(), expected);
        };
        check(&[], "");
        check(&[(Encoding::Pco, 5)], "pco 100%");
        check(&[(Encoding::Frame, 38), (Encoding::Delta, 62)], "delta 62% frame 38%");
        check(&[(Encoding::Frame, 999_999), (Encoding::Constant, 1)], "frame 100% constant <1%");
        let mut both = usage(&[(Encoding::Frame, 3)]);
        both.add(&usage(&[(Encoding::Frame, 1), (Encoding::Plain, 4)]));
        assert_eq!((both.encoding_mix().as_str(), both.null_count), ("plain 50% frame 50%", Some(2)));
        assert_eq!((both.ratio(), both.bytes_per_value()), (Some(8.0), Some(6.25)));
        both.add(&ColumnUsage { null_count: None, ..usage(&[]) });
        assert_eq!(both.null_count, None);
    }
}
