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

/// What can be read of a location.
#[derive(Debug)]
pub(in crate::storage) struct Readable {
    /// All rows, readable or not.
    pub(in crate::storage) row_count: u64,
    /// Each column with how many rows of it can be read before the first that cannot.
    pub(in crate::storage) columns: Vec<(String, u64)>,
}

/// How far the columns of a location can be read. Reads all values before the first that are damaged.
pub(in crate::storage) fn readable(fs: &Arc<dyn FileSystem>, directory: &Path) -> Result<Readable> {
    let location = open(fs, directory)?;
    let row_count = location.row_count();
    let columns = location.columns().into_iter().map(|column| {
        let rows = readable_rows(&location, &column.name)?;
        Ok((column.name, rows))
    });
    Ok(Readable { row_count, columns: columns.collect::<Result<_>>()? })
}

fn readable_rows(location: &IntradayLocation, name: &str) -> Result<u64> {
    let opened = location.region(name).and_then(|region| {
        let region = region.ok_or_else(|| Error::corrupt(format!("no column {name}")))?;
        region.leaf_symbols().map(|_| region)
    });
    let region = match opened {
        Ok(region) => region,
        Err(error) if error.is_corrupt() => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut values = Chunk::new(region.column_type());
    let step = (BLOCK_BYTES / region.column_type().width().max(1) as u64).max(1);
    let (mut at, count) = (0, location.row_count());
    while at < count {
        let end = at + region.rows_together(at, step.min(count - at));
        values.clear();
        match region.fill(at..end, &mut values) {
            Ok(()) => at = end,
            Err(error) if error.is_corrupt() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(at)
}

/// Copies the first rows of a location to a new one in `to`, durably; of its columns those that are `kept`.
pub(in crate::storage) fn copy_rows(
    fs: &Arc<dyn FileSystem>,
    from: &Path,
    to: &Path,
    rows: u64,
    kept: &dyn Fn(&str) -> bool,
) -> Result<()> {
    let location = open(fs, from)?;
    let columns: Vec<_> = location.columns().into_iter().filter(|column| kept(&column.name)).collect();
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
