//! Record batches as the library's records: fields by path, converted on all cores beside the decoding of what follows.

use crate::from_arrow::{BadValue, ColumnConverter};
use crate::{expansion, ipc_input, parquet_input, types};
use arrow::array::{Array, ArrayRef, RecordBatch, StructArray, make_array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields, SchemaRef};
use bytes::Bytes;
use pilaster::base::{ColumnType, Error, ErrorKind, Result};
use pilaster::memory::Chunk;
use pilaster::storage::import::csv::ERRORS_LISTED_MAX;
use pilaster::storage::import::{
    FieldTarget, ImportInput, ReadLimits, ReadProgress, ReadSummary, RecordReader, RowError, Rows,
};
use pilaster::storage::schema::ImportFormat;
use rayon::prelude::*;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

/// The most values converted in one go.
const PIECE_VALUES_MAX: usize = 4 << 20;
/// Rows converted in one go.
const PIECE_ROWS_MAX: usize = 64 << 10;
/// How long to wait for a batch before the caller may cancel.
const WAIT: Duration = Duration::from_millis(50);
/// Bytes of batches that wait or are converted, but for one batch that has more.
const IN_FLIGHT_BYTES_MAX: usize = 64 << 20;
/// The deepest struct that is looked into.
const DEPTH_MAX: usize = 32;

/// Batches as they are decoded.
pub type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// Starts the decoding of the top-level fields of these numbers.
pub(crate) type Start = Box<dyn FnOnce(&[usize]) -> Result<Batches>>;

/// A file of record batches.
pub struct BatchReader {
    name: String,
    names: Vec<String>,
    leaves: Vec<Leaf>,
    start: Start,
    /// Rows in all, where the file says so, and its bytes: for progress.
    row_count: Option<u64>,
    size_bytes: u64,
    consumed: Arc<AtomicU64>,
    counts_itself: bool,
}

/// A field that is no struct, and the way to it.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    path: Vec<usize>,
    pub(crate) field: Arc<Field>,
}

/// Opens a Parquet or Arrow file (IPC, file or stream; `-` is standard input) as the input of an import.
pub fn open(format: ImportFormat, path: &Path) -> Result<ImportInput> {
    let reader = open_batches(format, path)?;
    let (size, consumed) = (Some(reader.size_bytes).filter(|size| *size > 0), reader.consumed.clone());
    Ok(ImportInput::records(Box::new(reader), size, consumed))
}

/// As [`open`], of bytes in memory; `name` is for messages. What packs a whole file is not recognised.
pub fn open_memory(format: ImportFormat, name: &Path, bytes: Bytes) -> Result<ImportInput> {
    let reader = match format {
        ImportFormat::Parquet => parquet_input::open_memory(name, bytes),
        ImportFormat::Arrow => ipc_input::open_stream(name, Box::new(std::io::Cursor::new(bytes)), Sizes::default()),
        other => Err(Error::invalid(format!("{} files are read by the library itself", other.name()))),
    }?;
    Ok(ImportInput::records(Box::new(reader), None, Arc::default()))
}

/// As [`open`], to be looked at.
pub(crate) fn open_batches(format: ImportFormat, path: &Path) -> Result<BatchReader> {
    match format {
        ImportFormat::Parquet => parquet_input::open(path),
        ImportFormat::Arrow => ipc_input::open(path),
        other => Err(Error::invalid(format!("{} files are read by the library itself", other.name()))),
    }
}

impl BatchReader {
    pub(crate) fn new(name: String, schema: &SchemaRef, start: Start, sizes: Sizes) -> Self {
        let mut leaves = Vec::new();
        let mut names = Vec::new();
        flatten(schema.fields(), &mut Vec::new(), "", &mut names, &mut leaves);
        BatchReader {
            name,
            names,
            leaves,
            start,
            row_count: sizes.row_count,
            size_bytes: sizes.size_bytes.unwrap_or(0),
            counts_itself: sizes.consumed.is_none(),
            consumed: sizes.consumed.unwrap_or_default(),
        }
    }

    /// The fields that are no structs.
    pub(crate) fn leaves(&self) -> &[Leaf] {
        &self.leaves
    }
}

/// What is known of a file's size.
#[derive(Default)]
pub(crate) struct Sizes {
    pub(crate) row_count: Option<u64>,
    pub(crate) size_bytes: Option<u64>,
    pub(crate) consumed: Option<Arc<AtomicU64>>,
}

fn flatten(fields: &Fields, path: &mut Vec<usize>, prefix: &str, names: &mut Vec<String>, leaves: &mut Vec<Leaf>) {
    for (at, field) in fields.iter().enumerate() {
        path.push(at);
        let name = format!("{prefix}{}", field.name());
        match field.data_type() {
            DataType::Struct(inner) if path.len() < DEPTH_MAX && !inner.is_empty() => {
                flatten(inner, path, &format!("{name}."), names, leaves);
            }
            _ => {
                names.push(name);
                leaves.push(Leaf { path: path.clone(), field: field.clone() });
            }
        }
        path.pop();
    }
}

impl Leaf {
    /// The number of its top-level field.
    fn root(&self) -> usize {
        self.path[0]
    }

    /// Its values in a batch whose top-level fields are those of these numbers. Null where a struct around it is.
    fn values(&self, batch: &RecordBatch, roots: &[usize]) -> Result<ArrayRef> {
        let lost = || Error::corrupt("a batch lacks a field of its schema");
        let root = roots.iter().position(|root| *root == self.root()).ok_or_else(lost)?;
        let mut array = batch.columns().get(root).ok_or_else(lost)?.clone();
        let mut nulls: Option<NullBuffer> = None;
        for &at in &self.path[1..] {
            let parent = array.as_any().downcast_ref::<StructArray>().ok_or_else(lost)?;
            nulls = NullBuffer::union(nulls.as_ref(), parent.nulls());
            array = parent.columns().get(at).ok_or_else(lost)?.clone();
        }
        if nulls.is_none() {
            return Ok(array);
        }
        let all = NullBuffer::union(nulls.as_ref(), array.nulls());
        let data = array.to_data().into_builder().nulls(all).build();
        Ok(make_array(data.map_err(|error| Error::corrupt(error.to_string()))?))
    }
}

/// The fields that leaves lie in, ascending.
fn roots_of<'a>(leaves: impl Iterator<Item = &'a Leaf>) -> Vec<usize> {
    let mut roots: Vec<usize> = leaves.map(Leaf::root).collect();
    roots.sort_unstable();
    roots.dedup();
    roots
}

/// Decodes in a thread of its own and calls `each` with every batch in order; `tick` is called between batches and while one is waited for. A panic of a decoder is an error.
fn for_each_batch(
    name: &str,
    batches: Batches,
    wait: Duration,
    each: &mut dyn FnMut(RecordBatch) -> Result<()>,
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<()> {
    let (sender, receiver) = sync_channel(2);
    // Of each batch that was taken, for whoever decodes ahead.
    let (taken_sender, taken) = std::sync::mpsc::channel::<()>();
    let decode = move || {
        let mut batches = batches;
        let mut in_flight: VecDeque<usize> = VecDeque::new();
        loop {
            // What comes next is about as large as the last one.
            while taken.try_recv().is_ok() {
                in_flight.pop_front();
            }
            let next_bytes = in_flight.back().copied().unwrap_or(0);
            while !in_flight.is_empty() && in_flight.iter().sum::<usize>() + next_bytes > IN_FLIGHT_BYTES_MAX {
                if taken.recv().is_err() {
                    return;
                }
                in_flight.pop_front();
            }
            let next = catch_unwind(AssertUnwindSafe(|| batches.next()));
            let Ok(next) = next else {
                let _ = sender.send(Err(Error::corrupt("the file is damaged: its decoder gave up")));
                // A decoder that panicked is not asked to clean up.
                std::mem::forget(batches);
                return;
            };
            let Some(next) = next else { return };
            let failed = next.is_err();
            in_flight.push_back(next.as_ref().map_or(0, RecordBatch::get_array_memory_size));
            if sender.send(next).is_err() || failed {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new().name("batches".into()).spawn(decode);
    thread.map_err(|error| Error::io("start a thread to read", Path::new(name), error))?;
    loop {
        match receiver.recv_timeout(wait) {
            Ok(batch) => {
                each(batch.map_err(|error| error.at_path(Path::new(name)))?)?;
                // Nobody may decode ahead any more.
                let _ = taken_sender.send(());
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        tick()?;
    }
}

/// Calls `work` with the values of all fields, batch by batch, converted to the types that suit them; fields without one are left out.
pub(crate) fn scan(
    reader: BatchReader,
    types: &[Option<ColumnType>],
    rows_max: Option<u64>,
    work: &mut dyn FnMut(usize, &Chunk),
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<u64> {
    let BatchReader { name, leaves, start, .. } = reader;
    let wanted: Vec<(usize, ColumnType)> = types.iter().enumerate().filter_map(|(at, t)| t.map(|t| (at, t))).collect();
    let roots = roots_of(wanted.iter().map(|(at, _)| &leaves[*at]));
    let utc = pilaster::base::date_time::Zone::utc();
    let reader = || pilaster::base::text::DateTimeReader::new(Some(&utc), Default::default());
    let mut converters: Vec<ColumnConverter> =
        wanted.iter().map(|(_, column_type)| ColumnConverter::new(*column_type, false, reader())).collect();
    let mut rows = 0;
    let mut each = |batch: RecordBatch| {
        rows += batch.num_rows() as u64;
        for ((at, _), converter) in wanted.iter().zip(&mut converters) {
            let values = leaves[*at].values(&batch, &roots)?;
            let rows_max = expansion::rows_at_once(&values, true)?.min(PIECE_ROWS_MAX);
            for start in (0..values.len()).step_by(rows_max) {
                let piece = values.slice(start, rows_max.min(values.len() - start));
                work(*at, &converter.convert(&piece, &mut Vec::new())?);
            }
        }
        match rows_max {
            Some(most) if rows >= most => Err(Error::new(ErrorKind::Cancelled, ENOUGH)),
            _ => Ok(()),
        }
    };
    match for_each_batch(&name, start(&roots)?, WAIT, &mut each, tick) {
        Err(error) if error.message() == ENOUGH => Ok(rows),
        other => other.map(|()| rows),
    }
}

const ENOUGH: &str = "enough rows were seen";

impl RecordReader for BatchReader {
    fn name(&self) -> &str {
        &self.name
    }

    fn names(&self) -> &[String] {
        &self.names
    }

    fn read(
        self: Box<Self>,
        targets: &[FieldTarget],
        limits: ReadLimits<'_>,
        each: &mut (dyn FnMut(Rows) -> Result<()> + Send),
        progress: &mut dyn FnMut(ReadProgress) -> Result<()>,
    ) -> Result<ReadSummary> {
        let reader = *self;
        if limits.reject.is_some() {
            return Err(
                Error::invalid("records of a binary format cannot be put aside").at_path(Path::new(&reader.name))
            );
        }
        let leaves: Vec<Leaf> = targets.iter().map(|target| reader.leaves[target.field].clone()).collect();
        for (target, leaf) in targets.iter().zip(&leaves) {
            check_importable(target, leaf).map_err(|error| error.at_path(Path::new(&reader.name)))?;
        }
        let roots = roots_of(leaves.iter());
        let batches = (reader.start)(&roots).map_err(|error| error.at_path(Path::new(&reader.name)))?;
        let mut work = Work {
            converters: targets
                .iter()
                .map(|t| ColumnConverter::new(t.column_type, t.plain, t.date_times.clone()))
                .collect(),
            targets,
            limits,
            name: &reader.name,
            rows_before: 0,
            summary: ReadSummary::default(),
        };
        let rows_max = (PIECE_VALUES_MAX / targets.len().max(limits.row_width).max(1)).clamp(16, PIECE_ROWS_MAX);
        let counts = std::cell::Cell::new(ReadProgress::default());
        let mut take = |batch: RecordBatch| {
            let arrays = leaves.iter().map(|leaf| leaf.values(&batch, &roots)).collect::<Result<Vec<_>>>()?;
            let mut rows_max = rows_max;
            for (array, target) in arrays.iter().zip(targets) {
                let as_symbols = target.column_type == ColumnType::String && !target.plain;
                let of_column = expansion::rows_at_once(array, as_symbols)
                    .map_err(|error| error.context(format!("column {}", target.name)))?;
                rows_max = rows_max.min(of_column);
            }
            let mut at = 0;
            while at < batch.num_rows() {
                let count = rows_max.min(batch.num_rows() - at);
                let piece: Vec<ArrayRef> = arrays.iter().map(|array| array.slice(at, count)).collect();
                work.take(&piece, count, each)?;
                at += count;
            }
            let done = work.summary.progress.rows;
            if let (true, Some(all)) = (reader.counts_itself, reader.row_count) {
                let bytes = u128::from(reader.size_bytes) * u128::from(done) / u128::from(all.max(1));
                reader.consumed.store(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
            work.summary.progress.bytes = reader.consumed.load(Ordering::Relaxed);
            counts.set(work.summary.progress);
            Ok(())
        };
        let wait = limits.tick.unwrap_or(WAIT).min(WAIT);
        for_each_batch(&reader.name, batches, wait, &mut take, &mut || progress(counts.get()))?;
        if reader.row_count.is_some_and(|expected| expected != work.rows_before) {
            return Err(Error::corrupt(format!(
                "the file says that it has {} rows, and has {}",
                reader.row_count.unwrap_or(0),
                work.rows_before
            ))
            .at_path(Path::new(&reader.name)));
        }
        Ok(work.summary)
    }
}

/// Structs and maps have no values that a column could have, but text.
fn check_importable(target: &FieldTarget, leaf: &Leaf) -> Result<()> {
    if target.column_type == ColumnType::String || types::column_type(&leaf.field).is_some() {
        return Ok(());
    }
    let message = format!(
        "column {}: values of the type {} do not become {}",
        target.name,
        leaf.field.data_type(),
        target.column_type
    );
    Err(Error::type_mismatch(message).hint("a String column can have them as text"))
}

struct Work<'a> {
    converters: Vec<ColumnConverter>,
    targets: &'a [FieldTarget],
    limits: ReadLimits<'a>,
    name: &'a str,
    rows_before: u64,
    summary: ReadSummary,
}

impl Work<'_> {
    fn take(&mut self, arrays: &[ArrayRef], row_count: usize, each: &mut dyn FnMut(Rows) -> Result<()>) -> Result<()> {
        let read: Vec<Result<(Chunk, Vec<BadValue>)>> = self
            .converters
            .par_iter_mut()
            .zip(arrays.par_iter().zip(self.targets))
            .map(|(converter, (array, target))| {
                let mut bad = Vec::new();
                let done = catch_unwind(AssertUnwindSafe(|| converter.convert(array, &mut bad)));
                let chunk =
                    done.unwrap_or_else(|_| Err(Error::corrupt("the file is damaged: its values are out of place")));
                let chunk = chunk.map_err(|error| error.context(format!("column {}", target.name)))?;
                Ok((target.filled(chunk)?, bad))
            })
            .collect();
        let mut chunks = Vec::with_capacity(read.len());
        let mut bad: Vec<(usize, BadValue)> = Vec::new();
        for (at, column) in read.into_iter().enumerate() {
            let (chunk, of_column) = column.map_err(|error| error.at_path(Path::new(self.name)))?;
            if chunk.len() != row_count {
                return Err(Error::corrupt("a column has another number of values").at_path(Path::new(self.name)));
            }
            chunks.push(chunk);
            bad.extend(of_column.into_iter().map(|one| (at, one)));
        }
        self.note(bad)?;
        each(Rows::numbered(chunks, row_count, self.rows_before))?;
        self.rows_before += row_count as u64;
        self.summary.progress.rows += row_count as u64;
        Ok(())
    }

    fn note(&mut self, mut bad: Vec<(usize, BadValue)>) -> Result<()> {
        if bad.is_empty() {
            return Ok(());
        }
        bad.sort_by_key(|(at, one)| (one.row, *at));
        self.summary.progress.errors += bad.len() as u64;
        let failed = self.summary.progress.errors > self.limits.errors_max;
        let room = ERRORS_LISTED_MAX.saturating_sub(self.summary.errors.len()).max(usize::from(failed));
        for (at, one) in bad.into_iter().take(room) {
            let target = &self.targets[at];
            let error = one.refusal.error(one.text.as_bytes(), target.column_type);
            self.summary.errors.push(RowError {
                line: self.rows_before + one.row as u64 + 1,
                in_rows: true,
                column: Some(target.name.clone()),
                offset: 0,
                text: one.text.chars().take(200).collect(),
                reason: error.message().to_string(),
                hint: error.hint_text().map(str::to_string),
            });
        }
        match self.summary.errors.first().cloned() {
            Some(first) if failed => {
                let first = first.into_error(self.name);
                Err(match self.limits.errors_max {
                    0 => first,
                    most => first.context(format!("more than {most} errors, the first of them")),
                })
            }
            _ => Ok(()),
        }
    }
}
