//! Takes the rows of an import and keeps them, by column partition, until all of them are there.
//!
//! Rows of one partition go straight to a writer. Rows of many are collected in memory up to a bound and then written partition by
//! partition, so that neither memory nor open files grow with the number of partitions.

use super::ledger::{Counts, Expected, identity};
use super::staging::Staging;
use super::{Destination, ImportMode, PartitionTarget};
use crate::base::names::{self, NameKind};
use crate::base::{Error, Result};
use crate::memory::{Chunk, StringChunk, SymbolTableBuilder};
use crate::storage::intraday::{Durability, IntradayWriter, each};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Column partitions of one import: each is a directory with some files a column.
pub const PARTITIONS_MAX: usize = 20_000;
/// Bytes of rows collected before they are written.
const COLLECTED_BYTES_MAX: usize = 96 << 20;

/// Where rows go.
pub(super) enum Sink {
    /// To the end of the rows of a partition, where nobody sees them before the commit.
    Append(Single),
    /// To a new location of one partition.
    New(Single, Staging),
    /// To new locations of many.
    Many(Many),
}

/// What an import made visible.
pub(super) struct Published {
    /// The partitions with the rows that each got, in order.
    pub(super) partitions: Vec<(String, u64)>,
    /// True if all of them are durable.
    pub(super) durable: bool,
}

pub(super) struct Single {
    destination: Destination,
    partition: String,
    writer: IntradayWriter,
    rows: u64,
}

pub(super) struct Many {
    destination: Destination,
    staging: Staging,
    /// Rows not written yet, pieces in their order.
    collected: BTreeMap<String, Vec<Vec<Chunk>>>,
    collected_bytes: usize,
    shared: Shared,
    rows: BTreeMap<String, u64>,
}

impl Sink {
    /// Opens what can be opened before the first row is known; refuses partitions that have rows in safe mode.
    pub(super) fn open(destination: Destination, partition: &PartitionTarget) -> Result<Self> {
        let PartitionTarget::Value(partition) = partition else {
            let staging = Staging::create(&destination)?;
            return Ok(Sink::Many(Many {
                destination,
                staging,
                collected: BTreeMap::new(),
                collected_bytes: 0,
                shared: Shared::default(),
                rows: BTreeMap::new(),
            }));
        };
        names::check(NameKind::ColumnPartition, partition)?;
        destination.check_safe(partition)?;
        let place = destination.directory.join(partition);
        let open = |directory: &std::path::Path| {
            let options = destination.writer_options();
            IntradayWriter::open(destination.fs.clone(), directory, &destination.columns, options)
        };
        let has_rows = destination.row_count(partition)?.is_some_and(|rows| rows > 0);
        if destination.mode == ImportMode::Append && has_rows {
            let writer = open(&place)?;
            return Ok(Sink::Append(Single { writer, partition: partition.clone(), rows: 0, destination }));
        }
        let staging = Staging::create(&destination)?;
        let mut writer = open(&staging.location(partition))?;
        destination.succeed(partition, &mut writer)?;
        Ok(Sink::New(Single { writer, partition: partition.clone(), rows: 0, destination }, staging))
    }

    /// Takes rows of a partition, behind those it got before.
    pub(super) fn append(&mut self, partition: &str, chunks: Vec<Chunk>) -> Result<()> {
        match self {
            Sink::Append(single) => single.append(&chunks),
            Sink::New(single, _) => {
                single.append(&chunks)?;
                match single.destination.durability {
                    // Out of sight; the writer looks whether a sync is due.
                    Durability::Interval(_) => single.writer.commit().map(drop),
                    Durability::None | Durability::Commit => Ok(()),
                }
            }
            Sink::Many(many) => many.append(partition, chunks),
        }
    }

    /// Writes all rows, out of sight.
    pub(super) fn complete(&mut self) -> Result<()> {
        match self {
            // Here a commit would be seen.
            Sink::Append(_) => Ok(()),
            Sink::New(single, _) => single.writer.commit().map(drop),
            Sink::Many(many) => many.write_collected(),
        }
    }

    /// What publication will make of the row counts of the partitions; all rows are written.
    pub(super) fn expected(&self, counts: &Counts<'_>) -> Result<Vec<Expected>> {
        let (destination, staging, rows) = match self {
            Sink::Append(single) => {
                (&single.destination, None, BTreeMap::from([(single.partition.clone(), single.rows)]))
            }
            Sink::New(single, staging) => {
                (&single.destination, Some(staging), BTreeMap::from([(single.partition.clone(), single.rows)]))
            }
            Sink::Many(many) => (&many.destination, Some(&many.staging), many.rows.clone()),
        };
        let expected = |(partition, rows): (String, u64)| {
            let before = counts.partition(&partition)?;
            let staged = staging.filter(|_| destination.mode == ImportMode::Replace);
            let location = match staged.map(|staging| destination.open(&staging.location(&partition), &partition)) {
                Some(staged) => identity(&*staged?),
                None => String::new(),
            };
            let gone = if destination.mode == ImportMode::Replace { destination.row_count(&partition)? } else { None };
            let after = before - gone.unwrap_or(0).min(before) + rows;
            Ok(Expected { partition, before, after, location })
        };
        rows.into_iter().map(expected).collect()
    }

    /// Makes all rows visible, and as durable as was asked for or as their publication needs.
    pub(super) fn publish(self) -> Result<Published> {
        match self {
            Sink::Append(Single { destination, partition, mut writer, rows }) => {
                writer.commit()?;
                let durable = !destination.may_end_early();
                end(writer, durable)?;
                Ok(Published { partitions: vec![(partition, rows)], durable })
            }
            Sink::New(Single { destination, partition, mut writer, rows }, staging) => {
                writer.commit()?;
                // What takes the place of another location is durable before.
                let durable = !destination.may_end_early() || destination.row_count(&partition)?.is_some();
                end(writer, durable)?;
                let durable = staging.publish(&destination, &partition, durable)?;
                Ok(Published { partitions: vec![(partition, rows)], durable })
            }
            Sink::Many(mut many) => {
                many.write_collected()?;
                let partitions: Vec<&str> = many.rows.keys().map(String::as_str).collect();
                many.staging.publish_all(&many.destination, &partitions)?;
                Ok(Published { partitions: many.rows.into_iter().collect(), durable: true })
            }
        }
    }
}

/// Gives a location up, with all committed rows durable or as they are.
fn end(writer: IntradayWriter, durable: bool) -> Result<()> {
    match durable {
        true => writer.close().map(drop),
        false => {
            writer.discard();
            Ok(())
        }
    }
}

impl Single {
    fn append(&mut self, chunks: &[Chunk]) -> Result<()> {
        self.rows += chunks.first().map_or(0, Chunk::len) as u64;
        self.writer.append(chunks)
    }
}

/// What pieces share and is counted once, by address: symbol tables, elements, bytes.
#[derive(Default)]
struct Shared(HashSet<usize>);

impl Shared {
    /// Bytes of memory of a chunk, without what was counted before.
    fn bytes_of(&mut self, chunk: &Chunk) -> usize {
        let own = chunk.len() * chunk.column_type().width() + size_of::<Chunk>() + 32;
        own + match chunk {
            Chunk::String(strings) if self.0.insert(Arc::as_ptr(&strings.symbols) as usize) => {
                strings.symbols.text_bytes() + 8 * strings.symbols.len()
            }
            Chunk::Object(objects) if self.0.insert(Arc::as_ptr(&objects.bytes) as usize) => {
                objects.bytes.len() + 8 * objects.slices.len()
            }
            Chunk::Array(arrays) if self.0.insert(Arc::as_ptr(&arrays.values) as usize) => {
                self.bytes_of(&arrays.values) + 8 * arrays.slices.len()
            }
            _ => 0,
        }
    }
}

/// Why rows are not taken into any number of partitions: each is a directory with files of its own.
pub(super) fn too_many_partitions() -> Error {
    Error::limit(format!("the rows belong to more than {PARTITIONS_MAX} partitions"))
        .hint("is it the right column to partition by?")
}

impl Many {
    fn append(&mut self, partition: &str, chunks: Vec<Chunk>) -> Result<()> {
        let rows = chunks.first().map_or(0, Chunk::len) as u64;
        match self.rows.get_mut(partition) {
            Some(sum) => *sum += rows,
            None => {
                if self.rows.len() >= PARTITIONS_MAX {
                    return Err(too_many_partitions());
                }
                self.destination.check_safe(partition)?;
                self.rows.insert(partition.to_string(), rows);
            }
        }
        for chunk in &chunks {
            self.collected_bytes += self.shared.bytes_of(chunk);
        }
        match self.collected.get_mut(partition) {
            Some(pieces) => pieces.push(chunks),
            None => drop(self.collected.insert(partition.to_string(), vec![chunks])),
        }
        if self.collected_bytes > COLLECTED_BYTES_MAX { self.write_collected() } else { Ok(()) }
    }

    /// Writes what was collected, several partitions at a time: their syncs wait for each other's.
    fn write_collected(&mut self) -> Result<()> {
        let (destination, staging) = (&self.destination, &self.staging);
        let collected = std::mem::take(&mut self.collected);
        each(collected.into_iter().collect(), |(partition, pieces): (String, Vec<Vec<Chunk>>)| {
            let place = staging.location(&partition);
            let mut writer = IntradayWriter::open_member(destination.fs.clone(), &place, &destination.columns)?;
            destination.succeed(&partition, &mut writer)?;
            writer.append(&concatenate(pieces)?)?;
            writer.commit()?;
            writer.close().map(drop)
        })?;
        self.shared.0.clear();
        self.collected_bytes = 0;
        Ok(())
    }
}

/// The rows of pieces with the same columns, in their order, with one symbol table a column.
fn concatenate(mut pieces: Vec<Vec<Chunk>>) -> Result<Vec<Chunk>> {
    if pieces.len() == 1 {
        return Ok(pieces.pop().unwrap_or_default());
    }
    let column_count = pieces.first().map_or(0, Vec::len);
    (0..column_count).map(|column| join(pieces.iter().map(|piece| &piece[column]))).collect()
}

fn join<'a>(mut chunks: impl Iterator<Item = &'a Chunk>) -> Result<Chunk> {
    let Some(first) = chunks.next() else { return Err(Error::invalid("no chunk")) };
    if let Chunk::String(strings) = first
        && !strings.symbols.is_distinct()
    {
        // Text that is not looked for: the first piece's own rows, and those of the others behind them.
        let mut all = Chunk::new(first.column_type());
        for chunk in std::iter::once(first).chain(chunks) {
            all.append(chunk, 0..chunk.len())?;
        }
        return Ok(all);
    }
    if let Chunk::String(first) = first {
        let mut builder = SymbolTableBuilder::new();
        let mut codes = Vec::new();
        let strings = chunks.filter_map(|chunk| match chunk {
            Chunk::String(strings) => Some(strings),
            _ => None,
        });
        for strings in std::iter::once(first).chain(strings) {
            for text in strings.iter() {
                codes.push(builder.intern_option(text)?);
            }
        }
        return Ok(Chunk::String(StringChunk { codes, symbols: Arc::new(builder.finish()) }));
    }
    let mut all = first.clone();
    for chunk in chunks {
        all.append(chunk, 0..chunk.len())?;
    }
    Ok(all)
}
