//! Runs the reading of a stream on all cores and hands the rows over in the order of the file.

use super::blocks::{Block, BlockReader};
use super::columns::{BAD_KEPT_MAX, BadFields, FieldTarget, read_column};
use super::dialect::count_line_ends;
use super::records::{Records, find_records, first_record};
use super::row_error::{RowError, row_fault};
use super::{CsvInput, CsvOptions, usually_means_null};
use crate::base::limits::COLUMN_COUNT_MAX;
use crate::base::names::legal_column_name;
use crate::base::{Error, ErrorKind, Result};
use crate::memory::Chunk;
use crate::storage::import::json::JsonForm;
use crate::storage::import::json::objects::find_objects;
use crate::storage::import::json::shape::{self, Shape};
use crate::storage::import::reading::{RecordReader, Rows};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// An opened stream whose columns are known.
pub struct CsvReader {
    name: String,
    options: CsvOptions,
    blocks: BlockReader,
    names: Vec<String>,
    /// Lines before the first record.
    lines: u64,
    /// True where records are JSON objects, of which only the fields that are wanted are looked for.
    json: bool,
}

/// Where the rows of a piece of text are.
pub(in crate::storage::import) struct Places {
    records: Records,
    block: std::sync::Arc<Block>,
    lines_before: u64,
}

impl Places {
    /// The line of the file where a row begins, from 1. O(bytes before it): for messages.
    pub(in crate::storage::import) fn line(&self, row: usize) -> u64 {
        self.lines_before + 1 + count_line_ends(&self.block.bytes[..self.records.start(row)])
    }

    /// The byte of the file where a row begins.
    pub(in crate::storage::import) fn offset(&self, row: usize) -> u64 {
        self.block.offset + self.records.start(row) as u64
    }

    /// The byte behind the last record that was looked at.
    pub(in crate::storage::import) fn end_offset(&self) -> u64 {
        self.block.offset + self.records.end as u64
    }
}

/// How far a reading is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadProgress {
    /// Rows handed over.
    pub rows: u64,
    /// Bytes of the decompressed stream that they and what lies between them take.
    pub bytes: u64,
    /// Errors so far.
    pub errors: u64,
}

/// Takes the bytes of a record.
pub type Reject<'a> = &'a (dyn Fn(&[u8]) -> Result<()> + Sync);

/// What a reading must keep to.
#[derive(Clone, Copy, Default)]
pub struct ReadLimits<'a> {
    /// Errors that are passed over: the field is null then, or the record left out. One more fails the reading.
    pub errors_max: u64,
    /// Values that a caller makes of each row, if more than there are targets: bounds the rows handed over at once.
    pub row_width: usize,
    /// The most time between two calls of the progress function; 50 ms if not given.
    pub tick: Option<Duration>,
    /// Takes the bytes of each record that is passed over, its line end included, as they stand. A record with a bad field is left out then instead of having null there.
    /// Text only.
    pub reject: Option<Reject<'a>>,
}

/// What came of a reading.
#[derive(Clone, Debug, Default)]
pub struct ReadSummary {
    /// How far it came: everything.
    pub progress: ReadProgress,
    /// The first errors passed over, in the order of the file.
    pub errors: Vec<RowError>,
    /// Of each target, whether any record had its field; empty where all records have the same fields.
    pub seen: Vec<bool>,
}

/// The most errors that a summary lists; the others are counted.
pub const ERRORS_LISTED_MAX: usize = 1_000;
/// The most values read in one go: a block of tiny fields, or of rows that most columns of a table are not in, is taken in pieces.
const PIECE_VALUES_MAX: usize = 4 << 20;
/// How long to wait for input before the caller may cancel.
const WAIT: Duration = Duration::from_millis(50);

impl CsvReader {
    /// Reads up to the first record and finds the columns.
    ///
    /// Errs on an empty stream, unless names are given and there is no header; and past the limit of columns.
    pub fn open(input: CsvInput, options: &CsvOptions) -> Result<Self> {
        options.check()?;
        let mut lines = input.start_lines;
        let path = input.name.clone();
        let mut blocks = BlockReader::start(input.name.clone(), input.reader, options, &mut lines)?;
        blocks.add_offset(input.start_offset);
        let names = loop {
            if let (false, Some(names)) = (options.header, &options.column_names) {
                break names.clone();
            }
            let Some(block) = blocks.next_block()? else {
                let what = if options.header { "no header" } else { "no record" };
                return Err(Error::parse(format!("the file is empty: there is {what}")).at_path(Path::new(&path)));
            };
            let record = first_record(&block.bytes, &options.dialect).map_err(|bad| {
                let line = lines + 1 + count_line_ends(&block.bytes[..bad.start]);
                row_fault(line, &block, bad, &[], options).into_error(&path)
            })?;
            let Some((fields, place)) = record else {
                lines += count_line_ends(&block.bytes);
                continue;
            };
            if std::str::from_utf8(&block.bytes[place.clone()]).is_err() {
                return Err(Error::parse("the header is not UTF-8")
                    .at_path(Path::new(&path))
                    .at_offset(block.offset + place.start as u64));
            }
            let end = if options.header { place.end } else { 0 };
            lines += count_line_ends(&block.bytes[..end]);
            blocks.put_back(block, end);
            break match (&options.column_names, options.header) {
                (Some(names), _) if names.len() != fields.len() => {
                    let given =
                        format!("{} column names are given, the file has {} columns", names.len(), fields.len());
                    return Err(Error::parse(given).at_path(Path::new(&path)));
                }
                (Some(names), _) => names.clone(),
                (None, true) => fields,
                (None, false) => (1..=fields.len()).map(|number| format!("Column{number}")).collect(),
            };
        };
        if names.len() > COLUMN_COUNT_MAX {
            return Err(Error::limit(format!("the file has more than {COLUMN_COUNT_MAX} columns"))
                .at_path(Path::new(&path))
                .hint("is the delimiter right?"));
        }
        Ok(CsvReader { name: path, options: options.clone(), blocks, names, lines, json: false })
    }

    /// Opens a stream of JSON objects; see [`crate::storage::import::json`]. Its fields are the paths of the objects of its first block, and then those of `wanted` that are not
    /// among them: they may come later.
    ///
    /// An empty stream has no rows. Objects that go on over lines are recognised by the first one.
    pub fn open_json(input: CsvInput, options: &CsvOptions, wanted: &[String]) -> Result<Self> {
        let mut options = options.clone();
        options.dialect.json = Some(JsonForm::Lines);
        let mut lines = input.start_lines;
        let path = input.name.clone();
        let mut blocks = BlockReader::start(input.name.clone(), input.reader, &options, &mut lines)?;
        blocks.add_offset(input.start_offset);
        if blocks.begins_with_spanning_object() {
            options.dialect.json = Some(JsonForm::Spanning);
            blocks.set_json(JsonForm::Spanning);
        }
        let mut names = Vec::new();
        if let Some(block) = blocks.next_block()? {
            names = shape::paths(&block.bytes, options.dialect.json.unwrap_or(JsonForm::Lines));
            blocks.put_back(block, 0);
        }
        if names.len() > COLUMN_COUNT_MAX {
            return Err(
                Error::limit(format!("the objects have more than {COLUMN_COUNT_MAX} fields")).at_path(Path::new(&path))
            );
        }
        for wanted in wanted {
            let fits = |name: &String| name.eq_ignore_ascii_case(wanted) || legal_column_name(name, &[]) == *wanted;
            if !names.iter().any(fits) {
                names.push(wanted.clone());
            }
        }
        Ok(CsvReader { name: path, options, blocks, names, lines, json: true })
    }

    /// The names of the columns: those given, the header's, or `Column1` and so on.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What messages call the stream.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The options that it was opened with.
    pub fn options(&self) -> &CsvOptions {
        &self.options
    }

    /// Reads every record into chunks of the targets and hands them to `each` in the order of the file.
    ///
    /// `each` runs beside the reading of what follows. `progress` is called often, also while input is waited for; its error stops the
    /// reading. Memory: some blocks and their values.
    pub fn read(
        self,
        targets: &[FieldTarget],
        limits: ReadLimits<'_>,
        each: &mut (dyn FnMut(Rows) -> Result<()> + Send),
        progress: &mut dyn FnMut(ReadProgress) -> Result<()>,
    ) -> Result<ReadSummary> {
        let CsvReader { name, options, blocks, names, lines, json } = self;
        // Of objects only what is wanted is indexed.
        let (mut found, mut shape) = (Vec::new(), None);
        if json {
            shape = Some(Shape::new(targets.iter().enumerate().map(|(at, target)| (names[target.field].as_str(), at))));
            found = targets.to_vec();
            found.iter_mut().enumerate().for_each(|(at, target)| target.field = at);
        }
        let targets = if json { &found } else { targets };
        let field_count = if json { targets.len() } else { names.len() };
        let width = targets.len().max(limits.row_width).max(field_count).max(1);
        let parser = Parser {
            options: &options,
            targets,
            names: &names,
            field_count,
            shape: shape.as_ref(),
            rows_max: (PIECE_VALUES_MAX / width).max(16),
            keeps_all_bad: limits.reject.is_some(),
        };
        let mut collector = Collector { parser: &parser, name: &name, lines, limits, summary: ReadSummary::default() };
        let state = std::sync::Mutex::new(ReadProgress::default());
        let mut consume = |parsed: Parsed| {
            collector.take(parsed, each)?;
            if let Ok(mut state) = state.lock() {
                *state = collector.summary.progress;
            }
            Ok(ControlFlow::Continue(()))
        };
        let mut tick = || progress(state.lock().map(|state| *state).unwrap_or_default());
        let wait = limits.tick.unwrap_or(WAIT).min(WAIT);
        let done = run_with(blocks, wait, &|block| parser.parse(block), &mut consume, &mut tick);
        match done {
            Ok(()) => Ok(collector.summary),
            Err(error) if error.kind() == ErrorKind::Limit => {
                Err(error.context(format!("line {}", collector.lines + 1)))
            }
            Err(error) => Err(error),
        }
    }

    /// What [`run`] needs, for inference.
    pub(in crate::storage::import) fn into_parts(self) -> (String, CsvOptions, BlockReader, Vec<String>, u64) {
        (self.name, self.options, self.blocks, self.names, self.lines)
    }
}

impl RecordReader for CsvReader {
    fn name(&self) -> &str {
        &self.name
    }

    fn names(&self) -> &[String] {
        &self.names
    }

    fn is_unnamed(&self) -> bool {
        !self.json && !self.options.header && self.options.column_names.is_none()
    }

    fn read(
        self: Box<Self>,
        targets: &[FieldTarget],
        limits: ReadLimits<'_>,
        each: &mut (dyn FnMut(Rows) -> Result<()> + Send),
        progress: &mut dyn FnMut(ReadProgress) -> Result<()>,
    ) -> Result<ReadSummary> {
        CsvReader::read(*self, targets, limits, each, progress)
    }
}

/// Runs `work` on the blocks of a stream on all cores and `consume` on its results, one at a time in the order of the stream.
///
/// `tick` is called on the calling thread, between blocks and while input is waited for.
pub(in crate::storage::import) fn run<P: Send>(
    blocks: BlockReader,
    work: &(dyn Fn(Block) -> P + Sync),
    consume: &mut (dyn FnMut(P) -> Result<ControlFlow<()>> + Send),
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<()> {
    run_with(blocks, WAIT, work, consume, tick)
}

/// [`run`] with a call of `tick` at least so often.
fn run_with<P: Send>(
    mut blocks: BlockReader,
    wait: Duration,
    work: &(dyn Fn(Block) -> P + Sync),
    consume: &mut (dyn FnMut(P) -> Result<ControlFlow<()>> + Send),
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<()> {
    let threads = rayon::current_num_threads();
    let (sender, receiver) = sync_channel(threads);
    // Not a scoped thread: it may sit in a read of a terminal or pipe for ever after the work was cancelled.
    let reading = move || {
        loop {
            let next = blocks.next_block();
            let ended = !matches!(next, Ok(Some(_)));
            if sender.send(next).is_err() || ended {
                break;
            }
        }
    };
    std::thread::Builder::new()
        .name("csv-blocks".into())
        .spawn(reading)
        .map_err(|error| Error::io("start a thread to read", Path::new(""), error))?;

    let mut ready: Vec<P> = Vec::new();
    let mut ended = None;
    loop {
        let mut batch = Vec::new();
        while ended.is_none() && batch.len() < 2 * threads {
            match receive(&receiver, (batch.is_empty() && ready.is_empty()).then_some(wait), tick)? {
                Received::Block(block) => batch.push(block),
                Received::Nothing => break,
                Received::End(result) => ended = Some(result),
            }
        }
        if batch.is_empty() && ready.is_empty() {
            return ended.unwrap_or(Ok(()));
        }
        let before = std::mem::take(&mut ready);
        let (consumed, parsed) = rayon::join(
            || {
                before.into_iter().try_fold(ControlFlow::Continue(()), |flow, p| match flow {
                    ControlFlow::Continue(()) => consume(p),
                    stop => Ok(stop),
                })
            },
            || batch.into_par_iter().map(work).collect(),
        );
        ready = parsed;
        if consumed?.is_break() {
            return Ok(());
        }
        tick()?;
    }
}

enum Received {
    Block(Block),
    Nothing,
    End(Result<()>),
}

fn receive(
    receiver: &Receiver<Result<Option<Block>>>,
    wait: Option<Duration>,
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<Received> {
    loop {
        let next = if let Some(wait) = wait {
            receiver.recv_timeout(wait)
        } else {
            receiver.try_recv().map_err(|error| match error {
                std::sync::mpsc::TryRecvError::Empty => RecvTimeoutError::Timeout,
                std::sync::mpsc::TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
            })
        };
        return Ok(match next {
            Ok(Ok(Some(block))) => Received::Block(block),
            Ok(Ok(None)) => Received::End(Ok(())),
            Ok(Err(error)) => Received::End(Err(error)),
            // The end is said; silence is not one.
            Err(RecvTimeoutError::Disconnected) => {
                Received::End(Err(Error::new(ErrorKind::Io, "the thread that reads the file failed")))
            }
            Err(RecvTimeoutError::Timeout) if wait.is_some() => {
                tick()?;
                continue;
            }
            Err(RecvTimeoutError::Timeout) => Received::Nothing,
        });
    }
}

/// Turns blocks into chunks; shared by the threads.
struct Parser<'a> {
    options: &'a CsvOptions,
    targets: &'a [FieldTarget],
    names: &'a [String],
    field_count: usize,
    /// Where records are JSON objects: which names lead to which field.
    shape: Option<&'a Shape>,
    rows_max: usize,
    keeps_all_bad: bool,
}

/// A block of which the first piece has been read.
struct Parsed {
    block: Block,
    /// Lines that end in the block.
    lines: u64,
    piece: Result<Piece, Damage>,
}

struct Piece {
    chunks: Vec<Chunk>,
    records: Records,
    bad: BadFields,
}

/// Why no record of a block can be taken.
enum Damage {
    /// Bytes that are not UTF-8.
    Encoding(usize),
    Failed(Error),
}

impl Parser<'_> {
    fn parse(&self, block: Block) -> Parsed {
        let lines = count_line_ends(&block.bytes);
        let piece = match std::str::from_utf8(&block.bytes) {
            Ok(_) => self.piece(&block.bytes, 0).map_err(Damage::Failed),
            Err(error) => Err(Damage::Encoding(error.valid_up_to())),
        };
        Parsed { block, lines, piece }
    }

    fn piece(&self, bytes: &[u8], from: usize) -> Result<Piece> {
        let records = match self.shape {
            Some(shape) => find_objects(bytes, from, self.options, shape, self.field_count, self.rows_max),
            None => find_records(bytes, from, self.options, self.field_count, self.rows_max),
        };
        let mut bad = BadFields::keeping(if self.keeps_all_bad { usize::MAX } else { BAD_KEPT_MAX });
        if self.keeps_all_bad && records.bad_count > records.bad.len() as u64 {
            return Err(Error::limit("too many bad records in one block").hint("is the delimiter right?"));
        }
        let chunks = (0..self.targets.len())
            .map(|at| read_column(bytes, &records, &self.options.dialect, self.targets, at, &mut bad))
            .collect::<Result<Vec<Chunk>>>()?;
        Ok(Piece { chunks, records, bad })
    }
}

/// Takes parsed blocks in the order of the stream, counts lines and errors, and hands the rows over.
struct Collector<'a> {
    parser: &'a Parser<'a>,
    name: &'a str,
    /// Lines before the block.
    lines: u64,
    limits: ReadLimits<'a>,
    summary: ReadSummary,
}

impl Collector<'_> {
    fn take(&mut self, parsed: Parsed, each: &mut dyn FnMut(Rows) -> Result<()>) -> Result<()> {
        let Parsed { block, lines, piece } = parsed;
        let mut piece = match piece {
            Ok(piece) => piece,
            Err(Damage::Failed(error)) => return Err(error.at_path(Path::new(self.name))),
            Err(Damage::Encoding(at)) => {
                let line = self.lines + 1 + count_line_ends(&block.bytes[..at]);
                return Err(Error::parse(format!("line {line} is not UTF-8"))
                    .at_path(Path::new(self.name))
                    .at_offset(block.offset + at as u64)
                    .hint("convert the file to UTF-8 first"));
            }
        };
        let block = std::sync::Arc::new(block);
        loop {
            self.note_errors(&block, &piece)?;
            if let Some(reject) = self.limits.reject
                && piece.bad.count + piece.records.bad_count > 0
            {
                piece = self.without_bad(&block, piece, reject)?;
            }
            self.note_seen(&piece.records);
            let end = piece.records.end;
            let row_count = piece.records.row_count();
            if row_count > 0 {
                let places = Places { records: piece.records, block: block.clone(), lines_before: self.lines };
                each(Rows::of_text(piece.chunks, row_count, places))?;
                self.summary.progress.rows += row_count as u64;
            }
            if end >= block.bytes.len() {
                break;
            }
            piece = self.parser.piece(&block.bytes, end).map_err(|error| error.at_path(Path::new(self.name)))?;
        }
        self.lines += lines;
        self.summary.progress.bytes = block.offset + block.bytes.len() as u64;
        Ok(())
    }

    fn note_seen(&mut self, records: &Records) {
        if self.summary.seen.len() < records.seen.len() {
            self.summary.seen.resize(records.seen.len(), false);
        }
        self.summary.seen.iter_mut().zip(&records.seen).for_each(|(all, seen)| *all |= seen);
    }

    /// The piece without the rows that have a bad field. The bytes of these and of records that were left out before go to `reject`, in the order of the file.
    fn without_bad(&self, block: &Block, piece: Piece, reject: Reject<'_>) -> Result<Piece> {
        let Piece { chunks, mut records, bad } = piece;
        let mut is_bad = vec![false; records.row_count()];
        bad.kept.iter().for_each(|field| is_bad[field.row] = true);
        let mut starts: Vec<usize> =
            (0..is_bad.len()).filter(|&row| is_bad[row]).map(|row| records.start(row)).collect();
        starts.extend(records.bad.iter().map(|bad| bad.start));
        starts.sort_unstable();
        for start in starts {
            let end = self.parser.options.dialect.record_end(&block.bytes, start).unwrap_or(block.bytes.len());
            reject(&block.bytes[start..end])?;
        }
        let good: Vec<u32> = (0..is_bad.len()).filter(|&row| !is_bad[row]).map(|row| row as u32).collect();
        let chunks = match good.len() == is_bad.len() {
            true => chunks,
            false => chunks.iter().map(|chunk| chunk.take(&good)).collect(),
        };
        records.keep(&good);
        Ok(Piece { chunks, records, bad })
    }

    fn note_errors(&mut self, block: &Block, piece: &Piece) -> Result<()> {
        let count = piece.bad.count + piece.records.bad_count;
        if count == 0 {
            return Ok(());
        }
        self.summary.progress.errors += count;
        let failed = self.summary.progress.errors > self.limits.errors_max;
        let room = ERRORS_LISTED_MAX.saturating_sub(self.summary.errors.len());
        let errors = self.row_errors(block, piece, if failed { room.max(1) } else { room });
        self.summary.errors.extend(errors);
        // Behind these there is nothing to go on with, however many errors are allowed.
        let fatal = piece.records.bad.iter().find(|bad| bad.fault.is_fatal()).filter(|_| self.limits.errors_max > 0);
        if let Some(bad) = fatal {
            let line = self.lines + 1 + count_line_ends(&block.bytes[..bad.start]);
            return Err(row_fault(line, block, *bad, self.parser.names, self.parser.options).into_error(self.name));
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

    /// The first `most` errors of a piece in the order of the file.
    fn row_errors(&self, block: &Block, piece: &Piece, most: usize) -> Vec<RowError> {
        enum Kind {
            Field(usize),
            Record(usize),
        }
        let fields = piece.bad.kept.iter().enumerate().map(|(at, bad)| {
            // A field that is missing from a padded record is null, never bad: this one lies behind the record's start.
            (piece.records.start(bad.row), self.parser.targets[bad.target].field, Kind::Field(at))
        });
        let records = piece.records.bad.iter().enumerate().map(|(at, bad)| (bad.start, 0, Kind::Record(at)));
        let mut all: Vec<_> = fields.chain(records).collect();
        all.sort_by_key(|(start, field, _)| (*start, *field));
        let (mut line, mut counted) = (self.lines + 1, 0);
        let mut errors = Vec::new();
        for (start, _, kind) in all.into_iter().take(most) {
            line += count_line_ends(&block.bytes[counted..start]);
            counted = start;
            errors.push(match kind {
                Kind::Record(at) => {
                    row_fault(line, block, piece.records.bad[at], self.parser.names, self.parser.options)
                }
                Kind::Field(at) => {
                    let bad = &piece.bad.kept[at];
                    let target = &self.parser.targets[bad.target];
                    let mut scratch = Vec::new();
                    let text = bad.field.text(&block.bytes, &self.parser.options.dialect, &mut scratch);
                    let error = bad.refusal.error(text, target.column_type);
                    RowError {
                        line,
                        in_rows: false,
                        column: Some(target.name.clone()),
                        offset: block.offset + bad.field.start() as u64,
                        text: String::from_utf8_lossy(text).chars().take(200).collect(),
                        reason: error.message().to_string(),
                        hint: error.hint_text().map(str::to_string).or_else(|| {
                            let word = std::str::from_utf8(text).ok().filter(|word| usually_means_null(word))?;
                            Some(format!("--null {word} takes it for null"))
                        }),
                    }
                }
            });
        }
        errors
    }
}
