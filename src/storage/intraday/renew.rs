//! Writing a location's slots anew, and keeping the rows before damage: what repairs do to intraday locations, by the writer's own protocol.

use super::location::IntradayLocation;
use super::{Commit, Durability, IntradayWriter, WriterOptions};
use crate::base::{Error, Result};
use crate::format::commit::BLOCK_BYTES;
use crate::io::FileSystem;
use crate::memory::Chunk;
use crate::storage::{ColumnRegion, Location, LocationKey};
use std::path::Path;
use std::sync::Arc;

/// Rows copied at once.
const COPY_ROWS: u64 = 64 << 10;
const OPTIONS: WriterOptions = WriterOptions { durability: Durability::None };

/// Opens a location for looking at it.
fn open(fs: &Arc<dyn FileSystem>, directory: &Path) -> Result<Arc<IntradayLocation>> {
    let key = LocationKey { column_partition: "".into(), internal_partition: "".into() };
    IntradayLocation::open(fs.clone(), directory, key, Arc::default())
}

/// Writes all slots anew with the rows that readers see now, and makes these durable. `Locked` while a writer has the location.
///
/// As every writer it takes the next epoch, and tells readers of newer rows, if there were any, that they are gone.
pub(in crate::storage) fn renew(fs: &Arc<dyn FileSystem>, directory: &Path) -> Result<Commit> {
    let columns = open(fs, directory)?.columns();
    let mut writer = IntradayWriter::open(fs.clone(), directory, &columns, OPTIONS)?;
    // Live and durable slots come in pairs, each written in turn.
    writer.renew()?;
    writer.renew()
}

/// How many rows of a location can be read before the first that cannot, in all columns.
pub(in crate::storage) fn readable_rows(fs: &Arc<dyn FileSystem>, directory: &Path) -> Result<u64> {
    let location = open(fs, directory)?;
    let mut rows = location.row_count();
    for column in location.columns() {
        let Some(region) = readable(&location, &column.name)? else { return Ok(0) };
        let mut values = Chunk::new(column.column_type);
        let step = (BLOCK_BYTES / column.column_type.width().max(1) as u64).max(1);
        let mut at = 0;
        while at < rows {
            let end = at.saturating_add(step).min(rows);
            values.clear();
            match region.fill(at..end, &mut values) {
                Ok(()) => at = end,
                Err(error) if error.is_corrupt() => {
                    rows = at;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(rows)
}

/// A column with its symbols; none where either is damaged as a whole.
fn readable(location: &IntradayLocation, name: &str) -> Result<Option<Arc<dyn ColumnRegion>>> {
    let opened = location.column(name).and_then(|region| {
        let region = region.ok_or_else(|| Error::corrupt(format!("no column {name}")))?;
        region.symbols().map(|_| region)
    });
    match opened {
        Ok(region) => Ok(Some(region)),
        Err(error) if error.is_corrupt() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Copies the first rows of a location to a new one in `to`, durably.
pub(in crate::storage) fn copy_rows(fs: &Arc<dyn FileSystem>, from: &Path, to: &Path, rows: u64) -> Result<()> {
    let location = open(fs, from)?;
    let columns = location.columns();
    let mut regions = Vec::with_capacity(columns.len());
    for column in &columns {
        let region = location.column(&column.name)?;
        regions.push(region.ok_or_else(|| Error::corrupt(format!("no column {}", column.name)))?);
    }
    let mut writer = IntradayWriter::open(fs.clone(), to, &columns, OPTIONS)?;
    for start in (0..rows).step_by(COPY_ROWS as usize) {
        let range = start..rows.min(start + COPY_ROWS);
        let chunks = regions.iter().map(|region| region.read(range.clone())).collect::<Result<Vec<Chunk>>>()?;
        writer.append(&chunks)?;
    }
    writer.commit()?;
    writer.close().map(drop)
}
