//! A file of text that grows, into intraday locations: every record exactly once, through whatever ends the process.
//!
//! Before each commit the source's ledger is told how many rows it will have then and how far in the file they reach; what a process that died had committed is told by the rows that are
//! there. A record counts when its line end is there.

use super::append::{AppendOptions, AppendReport, Checkpoints, append_with};
use super::csv::{CsvInput, CsvReader, Encoding};
use super::ledger::{Checkpoint, Counts, Followed, Ledger};
use super::{ImportInput, PartitionTarget};
use crate::base::{Error, ErrorKind, Result, TableDefinition};
use crate::io::external::PlainFile;
use crate::io::{FileSystem, create_dir_durable, interrupt};
use crate::storage::intraday::Commit;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Bytes at a file's begin by which it is recognised.
const HEAD_BYTES: u64 = 4 << 10;
/// Between two looks at a file that has not grown.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Bytes read at once to count lines.
const COUNTED_BYTES: usize = 1 << 20;

/// What can be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowFormat {
    /// Delimited text.
    Csv,
    /// JSON Lines.
    Json,
}

/// Appends the records of a file as they are written to it, until Ctrl-C or an error, going on where an earlier call for the same file and source ended or died. The file is known by its
/// absolute path; a file that was replaced, or cut below what is in already, is an error.
///
/// Rows may be committed that a power cut takes again (see [`AppendOptions::durability`]): they come again then. Other writers of the source must not add rows to its partitions between
/// the death of a follower and its next call. Otherwise as [`super::append_rows`].
pub fn follow_file(
    fs: &Arc<dyn FileSystem>,
    table_directory: &Path,
    definition: &TableDefinition,
    (path, format): (&Path, FollowFormat),
    options: &AppendOptions,
    acknowledge: &mut (dyn FnMut(Commit) -> Result<()> + Send),
) -> Result<AppendReport> {
    let source = table_directory.join(&options.import.source);
    crate::base::names::check(crate::base::names::NameKind::InternalPartition, &options.import.source)?;
    if options.import.csv.encoding != Encoding::Utf8 {
        let message = format!("a file that is followed must be UTF-8, not {}", options.import.csv.encoding.name());
        return Err(Error::invalid(message).at_path(path).hint("import it once it is whole"));
    }
    let file = Arc::new(PlainFile::open(path)?);
    let name = std::path::absolute(path).map_err(|error| Error::io("look for", path, error))?;
    let key = name.to_str().ok_or_else(|| Error::invalid("the name of the file is not UTF-8").at_path(path))?;
    create_dir_durable(&**fs, &source)?;
    let known = Ledger::load(&**fs, &source)?.followed.into_iter().find(|followed| followed.file == key);
    let mut options = options.clone();
    let mut start = 0;
    if let Some(known) = &known {
        check_same(&file, known)?;
        start = match known.settled {
            true => known.checkpoints.last().map_or(0, |checkpoint| checkpoint.offset),
            false => {
                reached(known, rows_now(fs, &source, &options.import.partition)?)
                    .map_err(|error| error.at_path(path))?
                    .offset
            }
        };
    }
    let mut input = CsvInput::new(
        path.display().to_string(),
        Box::new(Growing { file: file.clone(), path: path.to_path_buf(), at: start }),
    );
    if start > 0 {
        input.start_offset = start;
        input.start_lines = lines_before(&file, start)?;
        if format == FollowFormat::Csv {
            let head = CsvInput::new(
                path.display().to_string(),
                Box::new(Growing { file: file.clone(), path: path.to_path_buf(), at: 0 }.take(start)),
            );
            // Its first lines say the names, and may say the delimiter.
            let csv = &mut options.import.csv;
            let head = CsvReader::open(head, csv)?;
            csv.dialect = head.options().dialect;
            if csv.header {
                csv.column_names = Some(head.names().to_vec());
                csv.header = false;
            }
        }
        options.import.csv.skip_lines = 0;
    }
    let input = match format {
        FollowFormat::Csv => ImportInput::from(input),
        FollowFormat::Json => ImportInput::json(input),
    };
    let mut position = Position {
        fs: fs.clone(),
        source,
        partition: options.import.partition.clone(),
        file: file.clone(),
        followed: Followed { file: key.to_string(), ..known.unwrap_or_default() },
        start,
        base: 0,
        committed: 0,
        durable: 0,
    };
    append_with(fs, table_directory, definition, input, &options, acknowledge, Some(&mut position))
}

/// Rows that the partitions which the follower writes have had.
fn rows_now(fs: &Arc<dyn FileSystem>, source: &Path, partition: &PartitionTarget) -> Result<u64> {
    loop {
        let ledger = Ledger::load(&**fs, source)?;
        let counts = Counts::of(fs, source, &ledger);
        let rows = match partition {
            PartitionTarget::Value(partition) => counts.partition(partition)?,
            _ => counts.source()?,
        };
        // A merge may have removed rows meanwhile, which it noted before.
        if Ledger::load(&**fs, source)?.removed == ledger.removed {
            return Ok(rows);
        }
    }
}

/// The checkpoint that the rows tell of.
fn reached(known: &Followed, rows: u64) -> Result<Checkpoint> {
    let found = known.checkpoints.iter().rev().find(|checkpoint| checkpoint.rows == rows);
    found.copied().ok_or_else(|| {
        let expected: Vec<String> = known.checkpoints.iter().map(|checkpoint| checkpoint.rows.to_string()).collect();
        let message =
            format!("cannot tell how far it was followed: the source has {rows} rows, not {}", expected.join(" or "));
        Error::new(ErrorKind::Invalid, message)
            .hint("somebody else changed the partitions since: follow the file under another --source")
    })
}

/// Errs where the file does not begin as the one that was followed.
fn check_same(file: &PlainFile, known: &Followed) -> Result<()> {
    let last = known.checkpoints.last().map_or(0, |checkpoint| checkpoint.offset);
    let size = file.current_size()?;
    let (_, checksum) = head(file, known.head_bytes)?;
    if checksum == known.head_checksum && size >= last.max(known.head_bytes) {
        return Ok(());
    }
    let message = if checksum == known.head_checksum {
        "it is shorter than what was followed"
    } else {
        "it is another file than the one that was followed"
    };
    Err(Error::invalid(message).at_path(file.path()).hint("follow it under another name or another --source"))
}

/// Bytes at the begin, at most so many, and their checksum.
fn head(file: &PlainFile, most: u64) -> Result<(u64, u32)> {
    let mut bytes = vec![0; most.min(HEAD_BYTES) as usize];
    let count = file.read_at(&mut bytes, 0)?;
    Ok((count as u64, crc32fast::hash(&bytes[..count])))
}

fn lines_before(file: &PlainFile, end: u64) -> Result<u64> {
    let (mut at, mut lines) = (0, 0);
    let mut bytes = vec![0; COUNTED_BYTES];
    while at < end {
        let room = usize::try_from(end - at).unwrap_or(usize::MAX).min(bytes.len());
        let count = file.read_at(&mut bytes[..room], at)?;
        if count == 0 {
            break;
        }
        lines += memchr::memchr_iter(b'\n', &bytes[..count]).count() as u64;
        at += count as u64;
        interrupt::check()?;
    }
    Ok(lines)
}

/// A file that is waited for at its end.
struct Growing {
    file: Arc<PlainFile>,
    path: PathBuf,
    at: u64,
}

impl Read for Growing {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            interrupt::check().map_err(std::io::Error::other)?;
            let count = self.file.read_at(buffer, self.at).map_err(std::io::Error::other)?;
            if count > 0 {
                self.at += count as u64;
                return Ok(count);
            }
            let size = self.file.current_size().map_err(std::io::Error::other)?;
            if size < self.at {
                let error = Error::invalid("the file was cut while it was followed").at_path(&self.path);
                return Err(std::io::Error::other(error));
            }
            if size == self.at
                && !self.file.is_at(&self.path)
                && self.file.current_size().is_ok_and(|size| size == self.at)
            {
                let error = Error::invalid("another file has taken its name").at_path(&self.path);
                return Err(std::io::Error::other(
                    error.hint("all of the one before is in; follow the new one under another --source"),
                ));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }
}

/// Keeps the ledger ahead of the rows.
struct Position {
    fs: Arc<dyn FileSystem>,
    source: PathBuf,
    partition: PartitionTarget,
    file: Arc<PlainFile>,
    followed: Followed,
    /// Where this run began.
    start: u64,
    /// The source's rows at its begin.
    base: u64,
    committed: u64,
    durable: u64,
}

impl Position {
    fn write(&self) -> Result<()> {
        Ledger::update(&*self.fs, &self.source, |ledger| {
            ledger.put(self.followed.clone());
            Ok(())
        })
    }
}

impl Checkpoints for Position {
    fn begin(&mut self) -> Result<()> {
        self.base = rows_now(&self.fs, &self.source, &self.partition)?;
        self.followed.settled = false;
        self.followed.checkpoints = vec![Checkpoint { rows: self.base, offset: self.start }];
        // Nothing is in yet that another run could not read again.
        Ok(())
    }

    fn before_commit(&mut self, rows: u64, offset: u64) -> Result<()> {
        // What can no longer be lost needs no way back.
        let kept = self.base + self.durable.min(self.committed);
        let checkpoints = &mut self.followed.checkpoints;
        let first = checkpoints.iter().rposition(|checkpoint| checkpoint.rows <= kept).unwrap_or(0);
        checkpoints.drain(..first);
        checkpoints.push(Checkpoint { rows: self.base + rows, offset });
        if self.followed.head_bytes < HEAD_BYTES {
            (self.followed.head_bytes, self.followed.head_checksum) = head(&self.file, offset)?;
        }
        self.write()
    }

    fn committed(&mut self, committed: Commit) {
        (self.committed, self.durable) = (committed.rows, committed.durable_rows);
    }

    fn end(&mut self) -> Result<()> {
        if self.followed.head_bytes == 0 {
            // Not a record was committed, now or ever.
            return Ok(());
        }
        let last = self.followed.checkpoints.pop();
        self.followed.checkpoints = last.into_iter().collect();
        self.followed.settled = true;
        self.write()
    }
}
