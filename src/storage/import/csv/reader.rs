//! Runs the reading of a stream on all cores and hands the rows over in the order of the file.

use super::blocks::{Block, BlockReader};
use super::columns::FieldTarget;
use super::dialect::count_line_ends;
use super::parser::{Collector, Parsed, Parser};
use super::records::first_record;
use super::row_error::{RowError, row_fault};
use super::{CsvInput, CsvOptions, Detect, Dialect, sniff};
use crate::base::limits::COLUMN_COUNT_MAX;
use crate::base::names::legal_column_name;
use crate::base::{Error, ErrorKind, Result};
use crate::storage::import::json::JsonForm;
use crate::storage::import::json::shape::{self, Shape};
use crate::storage::import::reading::{RecordReader, Rows};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use std::collections::VecDeque;
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
/// Bytes of blocks that are read, parsed or handed over at once, but for one block that has more: records may be large.
const IN_FLIGHT_BYTES_MAX: usize = 64 << 20;
/// How long to wait for input before the caller may cancel.
const WAIT: Duration = Duration::from_millis(50);

impl CsvReader {
    /// Reads up to the first record and finds the columns.
    ///
    /// A first line `sep=;` says the delimiter, whatever the options do. Errs on an empty stream, unless names are given and there is no header; and past the limit of columns.
    pub fn open(input: CsvInput, options: &CsvOptions) -> Result<Self> {
        options.check()?;
        let mut options = options.clone();
        let input = input.decoded(options.encoding);
        let mut lines = input.start_lines;
        let path = input.name.clone();
        let mut blocks = BlockReader::start(input.name.clone(), input.reader, &options, &mut lines)?;
        blocks.add_offset(input.start_offset);
        if input.start_offset == 0 {
            blocks.refuse_other_than_text()?;
        }
        if input.start_offset == 0
            && options.skip_lines == 0
            && let Some(delimiter) = blocks.skip_sep_line()?
        {
            lines += 1;
            (options.dialect.delimiter, options.detect.delimiter) = (delimiter, false);
            options.check().map_err(|error| error.at_path(Path::new(&path)))?;
        }
        if options.detect != Detect::default() {
            options.dialect = sniff::dialect(blocks.begin(), &options);
        }
        blocks.set_dialect(options.dialect);
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
                row_fault(line, &block, bad, &[], &options).into_error(&path)
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
        Ok(CsvReader { name: path, options, blocks, names, lines, json: false })
    }

    /// Opens a stream of JSON objects; see [`crate::storage::import::json`]. Its fields are the paths of the objects of its first block, and then those of `wanted` that are not
    /// among them: they may come later.
    ///
    /// An empty stream has no rows. Objects that go on over lines are recognised by the first one.
    pub fn open_json(input: CsvInput, options: &CsvOptions, wanted: &[String]) -> Result<Self> {
        let mut options = options.clone();
        options.dialect.json = Some(JsonForm::Lines);
        let input = input.decoded(options.encoding);
        let mut lines = input.start_lines;
        let path = input.name.clone();
        let mut blocks = BlockReader::start(input.name.clone(), input.reader, &options, &mut lines)?;
        blocks.add_offset(input.start_offset);
        blocks.refuse_other_than_text()?;
        if blocks.begins_with_spanning_object()? {
            options.dialect.json = Some(JsonForm::Spanning);
            blocks.set_dialect(options.dialect);
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

    fn dialect(&self) -> Option<Dialect> {
        (!self.json).then_some(self.options.dialect)
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
    // Of each block that was consumed, for whoever reads ahead.
    let (consumed_sender, consumed_blocks) = std::sync::mpsc::channel::<()>();
    // Not a scoped thread: it may sit in a read of a terminal or pipe for ever after the work was cancelled.
    let reading = move || {
        let mut in_flight: VecDeque<usize> = VecDeque::new();
        loop {
            let next = blocks.next_block();
            let bytes = match &next {
                Ok(Some(block)) => block.bytes.len(),
                _ => 0,
            };
            while consumed_blocks.try_recv().is_ok() {
                in_flight.pop_front();
            }
            while !in_flight.is_empty() && in_flight.iter().sum::<usize>() + bytes > IN_FLIGHT_BYTES_MAX {
                if consumed_blocks.recv().is_err() {
                    return;
                }
                in_flight.pop_front();
            }
            in_flight.push_back(bytes);
            if sender.send(next).is_err() || bytes == 0 {
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
                    ControlFlow::Continue(()) => {
                        let flow = consume(p);
                        // Nobody may read ahead any more.
                        let _ = consumed_sender.send(());
                        flow
                    }
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
