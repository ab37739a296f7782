//! Tables to files, a run of rows at a time: text by the library, Arrow and Parquet here.

use crate::batches::Batches;
use crate::parquet_output;
use arrow::error::ArrowError;
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use pilaster::base::{ColumnKind, Error, Result};
use pilaster::engine::Table;
use pilaster::engine::formula::{QueryScope, ScopeValue};
use pilaster::io::external;
use pilaster::session::output::{Format, TextOptions, write_table};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// As the library writes it.
    Text(Format),
    /// Parquet: row groups with statistics, strings that repeat by dictionary.
    Parquet,
    /// Arrow IPC, a file that can be read at any place.
    Arrow,
    /// Arrow IPC, a stream.
    ArrowStream,
}

impl ExportFormat {
    /// What a file of the format is called at its end.
    pub fn extension(self) -> &'static str {
        match self {
            ExportFormat::Text(Format::Table) => "txt",
            ExportFormat::Text(Format::Csv) => "csv",
            ExportFormat::Text(Format::Json) => "json",
            ExportFormat::Text(Format::JsonLines) => "jsonl",
            ExportFormat::Parquet => "parquet",
            ExportFormat::Arrow => "arrow",
            ExportFormat::ArrowStream => "arrows",
        }
    }

    /// The format that the end of a file's name asks for, if it asks for one.
    pub fn of_file(path: &Path) -> Option<Self> {
        Some(match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => ExportFormat::Text(Format::Csv),
            "json" => ExportFormat::Text(Format::Json),
            "jsonl" | "ndjson" => ExportFormat::Text(Format::JsonLines),
            "parquet" => ExportFormat::Parquet,
            "arrow" | "feather" | "ipc" => ExportFormat::Arrow,
            "arrows" => ExportFormat::ArrowStream,
            _ => return None,
        })
    }
}

/// How pages and buffers are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Zstandard, fast.
    #[default]
    Zstd,
    /// Snappy; Parquet only.
    Snappy,
    /// LZ4.
    Lz4,
    /// As they are.
    None,
}

/// What can be chosen of an export.
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// How Parquet and Arrow are packed; none packs Arrow only if given.
    pub compression: Option<Compression>,
    /// Rows of a row group of Parquet, and of a batch of Arrow at most.
    pub row_group_rows: usize,
    /// How text for people looks.
    pub text: TextOptions,
}

impl Default for ExportOptions {
    fn default() -> Self {
        ExportOptions { compression: None, row_group_rows: 1 << 20, text: TextOptions::default() }
    }
}

/// Writes all rows of a table. Memory: some batches, with Parquet a row group. Gives the writer back, flushed.
///
/// An error of the writer is of kind `Io` and has its [`std::io::Error`] as source.
pub fn export<W: Write + Send>(table: &Table, format: ExportFormat, options: &ExportOptions, mut out: W) -> Result<W> {
    match format {
        ExportFormat::Text(format) => write_table(table, format, &options.text, &mut out)?,
        ExportFormat::Parquet => out = parquet_output::write(table, options, out)?,
        ExportFormat::Arrow => {
            let (batches, ipc) = (Batches::new(table)?, ipc_options(options)?);
            let mut writer = FileWriter::try_new_with_options(out, batches.schema(), ipc).map_err(arrow_failed)?;
            batches.for_each(options.row_group_rows, |batch| writer.write(&batch).map_err(arrow_failed))?;
            writer.finish().map_err(arrow_failed)?;
            out = writer.into_inner().map_err(arrow_failed)?;
        }
        ExportFormat::ArrowStream => {
            let (batches, ipc) = (Batches::new(table)?, ipc_options(options)?);
            let mut writer = StreamWriter::try_new_with_options(out, batches.schema(), ipc).map_err(arrow_failed)?;
            batches.for_each(options.row_group_rows, |batch| writer.write(&batch).map_err(arrow_failed))?;
            writer.finish().map_err(arrow_failed)?;
            out = writer.into_inner().map_err(arrow_failed)?;
        }
    }
    out.flush().map_err(|error| Error::io("write", Path::new("output"), error))?;
    Ok(out)
}

/// Writes a table into a new directory, the rows of each value of `column` into a file of their own: `<directory>/<column>=<value>/part-0.<extension>`, without the column. The
/// directory appears under its name complete. Gives the values and their rows.
///
/// Values are written as Hive does: what a path cannot have as `%` and two hexadecimal digits, null as `__HIVE_DEFAULT_PARTITION__`.
pub fn export_partitioned(
    table: &Table,
    column: &str,
    format: ExportFormat,
    options: &ExportOptions,
    directory: &Path,
    scope: &QueryScope,
) -> Result<Vec<(String, u64)>> {
    let kind = table.definition().column(column).map(|column| column.kind);
    let parts: Vec<(pilaster::base::Value, Table)> = match kind {
        Some(ColumnKind::Partitioning) => {
            // Each value's locations are opened when it is their turn, and no others.
            let values = table.select_distinct(&[column], scope)?.read_column(column)?;
            let part = |at: usize| {
                let value = values.value(at);
                let mut scope = scope.clone();
                scope.variables.insert("partition_value".to_string(), ScopeValue::Value(value.clone()));
                let part = match value.is_null() {
                    true => table.filter(&[format!("isNull({column})")], &scope)?,
                    false => table.filter(&[format!("{column} == partition_value")], &scope)?,
                };
                Ok((value, part))
            };
            (0..values.len()).map(part).collect::<Result<_>>()?
        }
        _ => {
            let map = table.partition_by(&[column])?;
            map.keys().iter().map(|key| key[0].clone()).zip(map.tables().iter().cloned()).collect()
        }
    };
    if table.column_names().len() < 2 {
        return Err(Error::invalid(format!("the table has no column besides {column}")));
    }
    let output = external::create_directory(directory)?;
    let large = Mutex::new(());
    let write = |value: &pilaster::base::Value, part: &Table| {
        let mut text = Vec::new();
        pilaster::base::text::write_csv_value(value, b',', &mut text);
        let mut plain = String::from_utf8_lossy(&text).into_owned();
        if let Some(whole) = value.as_str() {
            plain = whole.to_string();
        }
        let name = if value.is_null() { "__HIVE_DEFAULT_PARTITION__".to_string() } else { escaped(&plain) };
        let place = PathBuf::from(format!("{column}={name}")).join(format!("part-0.{}", format.extension()));
        let rows = part.row_count()?;
        let _alone = (rows > SMALL_ROWS).then(|| large.lock().unwrap_or_else(PoisonError::into_inner));
        let file = output.create(&place)?;
        export(&part.drop_columns(&[column])?, format, options, file)?.finish()?;
        Ok((plain, rows))
    };
    let written = in_threads(parts, |(value, part)| write(&value, &part))?;
    output.finish()?;
    Ok(written)
}

/// Small files that are written at once: they wait for the disk, and not for a core.
const FILES_AT_ONCE: usize = 8;
/// Rows of a small file; larger ones come one after the other, for the memory that each takes.
const SMALL_ROWS: u64 = 32 << 10;

/// Does work on each of the items, some at once, each forgotten when it is done. The results are in the order of the items; of several errors it is one of them.
fn in_threads<I: Send, T: Send>(items: Vec<I>, work: impl Fn(I) -> Result<T> + Sync) -> Result<Vec<T>> {
    let mut done: Vec<Option<Result<T>>> = items.iter().map(|_| None).collect();
    let queue = Mutex::new(items.into_iter().zip(&mut done));
    let failed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..FILES_AT_ONCE {
            scope.spawn(|| {
                while !failed.load(Relaxed) {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((item, place)) = next else { return };
                    let result = work(item);
                    failed.fetch_or(result.is_err(), Relaxed);
                    *place = Some(result);
                }
            });
        }
    });
    drop(queue);
    if failed.into_inner() {
        let error = done.into_iter().flatten().find_map(Result::err);
        return Err(error.unwrap_or_else(|| Error::invalid("a file was not written")));
    }
    done.into_iter().flatten().collect()
}

fn escaped(value: &str) -> String {
    let mut name = String::new();
    for c in value.chars() {
        match c {
            '/'
            | '\\'
            | '%'
            | '='
            | ':'
            | '"'
            | '\''
            | '#'
            | '*'
            | '?'
            | '{'
            | '['
            | ']'
            | '^'
            | '\0'..='\u{1f}'
            | '\u{7f}' => {
                name.push_str(&format!("%{:02X}", c as u32));
            }
            c => name.push(c),
        }
    }
    // Nobody's directory is called `.`.
    if name.chars().all(|c| c == '.') { name.replace('.', "%2E") } else { name }
}

fn ipc_options(options: &ExportOptions) -> Result<IpcWriteOptions> {
    let compression = match options.compression {
        None | Some(Compression::None) => None,
        Some(Compression::Zstd) => Some(CompressionType::ZSTD),
        Some(Compression::Lz4) => Some(CompressionType::LZ4_FRAME),
        Some(Compression::Snappy) => {
            return Err(Error::invalid("Arrow files are not packed by Snappy").hint("they are by zstd, lz4 or none"));
        }
    };
    IpcWriteOptions::default().try_with_compression(compression).map_err(arrow_failed)
}

pub(crate) fn arrow_failed(error: ArrowError) -> Error {
    match error {
        ArrowError::IoError(_, source) => Error::io("write", Path::new("output"), source),
        other => Error::invalid(format!("cannot write Arrow: {other}")),
    }
}
