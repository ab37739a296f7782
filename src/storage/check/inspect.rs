//! Inspecting: one file field by field, or what a location consists of and which record readers take.

use super::Found;
use crate::base::limits::{RECORD_BYTES_MAX, SCHEMA_BYTES_MAX};
use crate::base::{Error, Result};
use crate::format::column_form::LEVELS_MAX;
use crate::format::commit::slot::{self, COMMIT_FILE_BYTES, DecodedSlot, PAGE_BYTES};
use crate::format::commit::{COMMIT_FILE, ColumnFile, CommitRecord};
use crate::format::group::GROUP_FILE;
use crate::format::header::FileKind;
use crate::format::inspect::raw::{self, RawFile};
use crate::format::inspect::{self as dump, Check, Field, View};
use crate::format::journal::JOURNAL_FILE;
use crate::format::location_record::{LocationRecord, PublishedRecord};
use crate::format::sealed_bytes::SealedBytes;
use crate::format::sealed_column::SealedColumn;
use crate::format::{grouping, record, sealed_symbols};
use crate::io::{self, DirEntry, FileSystem, OpenMode};
use crate::memory::Symbols;
use crate::storage::intraday::{IntradayLocation, LOCK_FILE};
use crate::storage::layout::ROOT_FILE;
use crate::storage::{LocationKey, RootConfig, schema};
use bytes::Bytes;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What one file, or one directory, is made of.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// The file or directory, as a person would type it.
    pub path: PathBuf,
    /// What it is.
    pub kind: String,
    /// Its fields; for a directory its files and records.
    pub fields: Vec<Field>,
}

impl Inspected {
    /// True if a check failed.
    pub fn is_damaged(&self) -> bool {
        self.fields.iter().any(|field| matches!(field.check, Check::Bad(_)))
    }
}

/// Shows what was found. Nothing is written, whatever it is; damaged files are shown as far as they go. Errs where there is nothing of ours.
pub fn inspect(found: &Found, view: &View) -> Result<Inspected> {
    let (fs, path) = match found {
        Found::InRoot { root, path, .. } => (root.fs(), path),
        Found::Alone { fs, path } => (fs, path),
    };
    let is_dir = fs.metadata(path)?.is_some_and(|found| found.is_dir);
    let (kind, fields) = if is_dir { directory(fs, path)? } else { file(fs, path, view)? };
    Ok(Inspected { path: fs.display(path), kind, fields })
}

fn file(fs: &Arc<dyn FileSystem>, path: &Path, view: &View) -> Result<(String, Vec<Field>)> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let directory = path.parent().unwrap_or(Path::new(""));
    if name == ROOT_FILE || name.ends_with(".toml") {
        return toml(fs, path, name);
    }
    let bytes = map(&**fs, path)?;
    let in_location =
        fs.metadata(&directory.join(COMMIT_FILE))?.is_some() || fs.metadata(&directory.join(LOCK_FILE))?.is_some();
    let column_file = ColumnFile::all()
        .filter(|file| name.ends_with(file.suffix()))
        .max_by_key(|file| file.suffix().len())
        .filter(|_| in_location || dump::kind_of(&bytes).is_none() && !name.ends_with(".sym"));
    if let Some(file) = column_file {
        let column = name.strip_suffix(file.suffix()).unwrap_or(name);
        return Ok((
            format!("{} of column {column}", file.suffix()),
            raw_file(fs, directory, column, file, &bytes, view),
        ));
    }
    if name == JOURNAL_FILE {
        return Ok(("journal".into(), dump::journal::inspect(&bytes, view)));
    }
    let Some(kind) = kind_by_name(name, directory).or_else(|| dump::kind_of(&bytes)) else {
        return Err(Error::invalid("this is none of Pilaster's files: neither its name nor its first bytes are")
            .at_path(&fs.display(path)));
    };
    let symbols = match kind {
        FileKind::SealedColumn | FileKind::Grouping => {
            let path = path.with_extension("sym");
            map(&**fs, &path).ok().and_then(|bytes| sealed_symbols::open(&bytes).ok()).map(|(symbols, _)| symbols)
        }
        _ => None,
    };
    Ok((kind.name().to_string(), dump::inspect(kind, &bytes, view, symbols.as_ref())))
}

/// The kind that a file has by its place.
fn kind_by_name(name: &str, directory: &Path) -> Option<FileKind> {
    let side_file = name.strip_prefix(COMMIT_FILE).and_then(|rest| rest.strip_prefix('.'));
    match name.rsplit_once('.').map(|(_, end)| end) {
        _ if directory.ends_with(".published") => Some(FileKind::Published),
        _ if name == COMMIT_FILE => Some(FileKind::Commit),
        _ if side_file.is_some_and(|number| number.len() == 1) => Some(FileKind::CommitBody),
        _ if name == GROUP_FILE => Some(FileKind::Group),
        _ if name == "location" => Some(FileKind::LocationRecord),
        Some("col") => Some(FileKind::SealedColumn),
        Some("sym") => Some(FileKind::SealedSymbols),
        Some("grp") => Some(FileKind::Grouping),
        _ => None,
    }
}

/// A file of an intraday column, with the record that readers take, or else any that can be decoded.
fn raw_file(
    fs: &Arc<dyn FileSystem>,
    directory: &Path,
    column: &str,
    file: ColumnFile,
    bytes: &[u8],
    view: &View,
) -> Vec<Field> {
    let open = |name: String| map(&**fs, &directory.join(name)).ok();
    let record = open_location(fs, directory).ok().and_then(|location| location.record().cloned());
    let record = record.or_else(|| decodable(&**fs, directory));
    let state = record.as_ref().and_then(|record| record.column(column));
    let partner = match file {
        ColumnFile::Data => open(ColumnFile::Sums.name(column)),
        ColumnFile::Sums => open(ColumnFile::Data.name(column)),
        ColumnFile::Values(level) => open(ColumnFile::ValueSums(level).name(column)),
        ColumnFile::ValueSums(level) => open(ColumnFile::Values(level).name(column)),
        ColumnFile::SymbolEnds => open(ColumnFile::SymbolText.name(column)),
        ColumnFile::SymbolText => None,
    };
    let items = match file {
        ColumnFile::Data => open(ColumnFile::Values(1).name(column)),
        ColumnFile::Values(level) if usize::from(level) < LEVELS_MAX => {
            open(ColumnFile::Values(level + 1).name(column))
        }
        _ => None,
    };
    let symbols = state.and_then(|state| {
        let part = |file: ColumnFile| {
            let size = usize::try_from(state.file(file)?.size).ok()?;
            open(file.name(column)).filter(|bytes| bytes.len() >= size).map(|bytes| bytes.slice(..size))
        };
        Symbols::from_parts(part(ColumnFile::SymbolEnds)?, part(ColumnFile::SymbolText)?, true, false).ok()
    });
    raw::inspect(
        &RawFile {
            file,
            bytes,
            state,
            partner: partner.as_deref(),
            items: items.as_deref(),
            symbols: symbols.as_ref(),
        },
        view,
    )
}

fn open_location(fs: &Arc<dyn FileSystem>, directory: &Path) -> Result<Arc<IntradayLocation>> {
    let key = LocationKey { column_partition: "".into(), internal_partition: "".into() };
    IntradayLocation::open(fs.clone(), directory, key, Arc::default())
}

/// The newest record of a commit file that can be decoded, whether it holds or not.
fn decodable(fs: &dyn FileSystem, directory: &Path) -> Option<CommitRecord> {
    slots(fs, directory).into_iter().filter_map(|(_, record)| record.ok()).max_by_key(CommitRecord::version)
}

/// The slots that were written, each with its record.
fn slots(fs: &dyn FileSystem, directory: &Path) -> Vec<(usize, Result<CommitRecord>)> {
    let Ok(file) = map(fs, &directory.join(COMMIT_FILE)) else { return Vec::new() };
    let Some(location) = file.get(16..32).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok()) else { return Vec::new() };
    let pages = file.get(PAGE_BYTES..file.len().min(COMMIT_FILE_BYTES)).unwrap_or_default();
    let read = |(number, page)| {
        let record = match slot::decode(page, number, location) {
            Ok(DecodedSlot::Empty) => return None,
            Ok(DecodedSlot::Record(record)) => Ok(record),
            Ok(DecodedSlot::Aside(aside)) => {
                io::read_small(fs, &directory.join(slot::side_file_name(number)), RECORD_BYTES_MAX)
                    .and_then(|bytes| aside.with_side_file(&bytes))
            }
            Err(error) => Err(error),
        };
        Some((number, record))
    };
    pages.chunks(PAGE_BYTES).enumerate().filter_map(read).collect()
}

fn toml(fs: &Arc<dyn FileSystem>, path: &Path, name: &str) -> Result<(String, Vec<Field>)> {
    let bytes = io::read_small(&**fs, path, SCHEMA_BYTES_MAX)?;
    let size = bytes.len() as u64;
    let mut fields = vec![field("file", "size", size, format!("{size} bytes"), Check::None)];
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if let Err(error) = std::str::from_utf8(&bytes) {
        let at = error.valid_up_to();
        fields.push(Field {
            offset: at as u64,
            ..field("text", "UTF-8", 1, "", Check::Bad(format!("byte {at} is not UTF-8")))
        });
    }
    if name == ROOT_FILE {
        match RootConfig::from_toml(&text, path) {
            Ok(config) => {
                fields.push(field("root", "uuid", 0, config.uuid.to_string(), Check::Ok));
                fields.push(field("root", "time_zone", 0, config.time_zone, Check::Ok));
                for storage in config.storages {
                    fields.push(field("storages", &storage.name, 0, storage.directory.to_string_lossy(), Check::Ok));
                }
            }
            Err(error) => fields.push(field("root", &place(error.position()), 0, "", Check::Bad(error.what()))),
        }
        return Ok(("root's file".into(), fields));
    }
    match schema::parse::schema(&text) {
        Ok(schema) => {
            fields.push(field("schema", "table", 0, schema.full_name(), Check::Ok));
            for column in &schema.columns {
                let value = format!("{} {}", column.column_type, schema::kind_name(column.kind));
                fields.push(field("columns", &column.name, 0, value, Check::Ok));
            }
            if !schema.sort_columns.is_empty() {
                fields.push(field("schema", "sort", 0, schema.sort_columns.join(", "), Check::Ok));
            }
        }
        Err(problems) => {
            for problem in problems {
                let place = place(Some((problem.line, problem.column)));
                fields.push(field("schema", &place, 0, "", Check::Bad(problem.message)));
            }
        }
    }
    Ok(("schema".into(), fields))
}

fn place(position: Option<(u64, u64)>) -> String {
    position.map_or_else(|| "text".to_string(), |(line, column)| format!("line {line}, column {column}"))
}

fn directory(fs: &Arc<dyn FileSystem>, path: &Path) -> Result<(String, Vec<Field>)> {
    let entries = fs.list(path)?;
    let has = |name: &str| entries.iter().any(|entry| entry.name == name);
    if has(COMMIT_FILE) || has(LOCK_FILE) || entries.iter().any(|entry| entry.name.ends_with(".dat")) {
        return Ok(("intraday location".into(), intraday(fs, path, &entries)?));
    }
    if has("location") || entries.iter().any(|entry| entry.name.ends_with(".col")) {
        return Ok(("historical location".into(), historical(fs, path, &entries)?));
    }
    if let Some(versions) = partition(&**fs, path, &entries) {
        return Ok(("historical partition".into(), versions));
    }
    Err(Error::invalid("this directory is no location")
        .at_path(&fs.display(path))
        .hint("give a file or a location's directory; `pilaster verify` looks at everything below a directory"))
}

fn intraday(fs: &Arc<dyn FileSystem>, directory: &Path, entries: &[DirEntry]) -> Result<Vec<Field>> {
    let mut fields = Vec::new();
    let opened = open_location(fs, directory);
    let slots = slots(&**fs, directory);
    let said = |record: &CommitRecord| {
        let (rows, durable) = (record.row_count, record.durable_row_count);
        format!("epoch {}, generation {}, {rows} rows, {durable} durable", record.epoch, record.generation)
    };
    let taken = opened.as_ref().ok().and_then(|location| location.record());
    match &opened {
        Ok(location) => {
            let value = location.record().map_or_else(|| "nothing is committed yet".to_string(), said);
            fields.push(field("record", "readers take", 0, value, Check::Ok));
            for rejection in location.rejected() {
                let why = Check::Bad(format!("passed over: {}", rejection.error));
                let name = match rejection.slot {
                    slot::SLOT_COUNT => "journal".to_string(),
                    slot => format!("slot {slot}"),
                };
                fields.push(field("record", &name, 0, "", why));
            }
        }
        Err(error) => fields.push(field("record", "readers take", 0, "none", Check::Bad(error.what()))),
    }
    for (number, found) in slots {
        let told = fields.iter().any(|field| field.name == format!("slot {number}"));
        let (value, check) = match &found {
            Ok(record) if taken == Some(record) => (format!("taken: {}", said(record)), Check::Ok),
            Ok(record) => (said(record), Check::None),
            Err(error) => (String::new(), Check::Bad(error.what())),
        };
        if !told {
            fields.push(Field {
                offset: slot::slot_offset(number),
                ..field("record", &format!("slot {number}"), PAGE_BYTES as u64, value, check)
            });
        }
    }
    let record = taken.cloned().or_else(|| decodable(&**fs, directory));
    let mut known = vec![COMMIT_FILE.to_string(), JOURNAL_FILE.to_string(), LOCK_FILE.to_string()];
    for column in record.iter().flat_map(|record| &record.columns) {
        for (file, state) in column.files() {
            let name = file.name(&column.name);
            let size = fs.metadata(&directory.join(&name))?.map(|found| found.size_bytes);
            let check = match size {
                None if state.size > 0 => Check::Bad("the file is missing".into()),
                Some(size) if size < state.size => Check::Bad(format!("the file has {size} bytes")),
                _ => Check::Ok,
            };
            let value =
                format!("{}: {} bytes committed, {} durable", column.column_type(), state.size, state.durable_size);
            fields.push(field("files", &name, size.unwrap_or(0), value, check));
            known.push(name);
        }
    }
    if let Some(found) = fs.metadata(&directory.join(JOURNAL_FILE))? {
        let value = "commits that are durable before their columns are";
        fields.push(field("files", JOURNAL_FILE, found.size_bytes, value, Check::None));
    }
    others(&**fs, directory, entries, &known, &mut fields)?;
    Ok(fields)
}

/// Files that no record names.
fn others(
    fs: &dyn FileSystem,
    directory: &Path,
    entries: &[DirEntry],
    known: &[String],
    fields: &mut Vec<Field>,
) -> Result<()> {
    for entry in entries.iter().filter(|entry| !known.contains(&entry.name)) {
        let size = fs.metadata(&directory.join(&entry.name))?.map_or(0, |found| found.size_bytes);
        let value = match entry.name.strip_prefix(COMMIT_FILE) {
            Some(rest) if rest.starts_with('.') && !io::is_temporary(rest) => "columns of a slot",
            _ => "no record names it",
        };
        fields.push(field("files", &entry.name, size, value, Check::None));
    }
    Ok(())
}

fn historical(fs: &Arc<dyn FileSystem>, directory: &Path, entries: &[DirEntry]) -> Result<Vec<Field>> {
    let mut fields = Vec::new();
    let mut known = vec!["location".to_string(), "lock".to_string()];
    let bytes = io::read_small(&**fs, &directory.join("location"), RECORD_BYTES_MAX);
    let decoded = bytes.and_then(|bytes| Ok((LocationRecord::decode(&bytes)?, record::seal(&bytes))));
    if let Some(published) = published(&**fs, directory) {
        let version = directory.file_name().unwrap_or_default();
        let entry = published.storages.iter().find(|entry| version == entry.version.as_str());
        let check = match (entry, &decoded) {
            (None, _) => Check::None,
            (Some(entry), Ok((_, seal))) if entry.seal == *seal => Check::Ok,
            (Some(_), _) => Check::Bad("the record there is not the one published".into()),
        };
        let value = match entry {
            Some(_) => format!("generation {}", published.generation),
            None => "another version is published".into(),
        };
        fields.push(field("record", "published", 0, value, check));
    }
    match decoded {
        Ok((record, seal)) => {
            fields.push(field("record", "seal", 0, format!("{seal:08x}"), Check::Ok));
            fields.push(field("record", "row_count", 0, record.row_count.to_string(), Check::None));
            fields.push(field("record", "sort_columns", 0, record.sort_columns.join(", "), Check::None));
            for column in &record.columns {
                let files = [("col", Some(column.file)), ("sym", column.symbols), ("grp", column.grouping)];
                let levels = ["val", "val2", "val3", "val4"].into_iter().zip(column.values.iter().copied().map(Some));
                let files = files.into_iter().chain(levels);
                for (extension, file) in files.filter_map(|(extension, file)| Some((extension, file?))) {
                    let name = format!("{}.{extension}", column.name);
                    let bytes = map(&**fs, &directory.join(&name));
                    let size = bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
                    let seal =
                        bytes.and_then(|bytes| seal_of(extension, &bytes, column.column_type()?, record.row_count));
                    let check = match seal {
                        _ if size != 0 && size != file.size_bytes => {
                            Check::Bad(format!("the record says {} bytes", file.size_bytes))
                        }
                        Ok(seal) if seal == file.seal => Check::Ok,
                        Ok(seal) => Check::Bad(format!("its seal is {seal:08x}, the record says {:08x}", file.seal)),
                        Err(error) => Check::Bad(error.what()),
                    };
                    let value = column.column_type().map_or_else(|error| error.what(), |t| t.to_string());
                    fields.push(field("files", &name, size, value, check));
                    known.push(name);
                }
            }
        }
        Err(error) => fields.push(field("record", "location", 0, "", Check::Bad(error.what()))),
    }
    others(&**fs, directory, entries, &known, &mut fields)?;
    Ok(fields)
}

/// The seal that a file carries, if its metadata holds; blocks are not read.
fn seal_of(extension: &str, bytes: &Bytes, column_type: crate::base::ColumnType, rows: u64) -> Result<u32> {
    match extension {
        "col" => SealedColumn::open(bytes.clone()).map(|column| column.seal()),
        "sym" => sealed_symbols::open(bytes).map(|(_, seal)| seal),
        "val" | "val2" | "val3" | "val4" => match dump::kind_of(bytes) {
            Some(FileKind::SealedBytes) => SealedBytes::open(bytes.clone()).map(|file| file.seal()),
            _ => SealedColumn::open(bytes.clone()).map(|column| column.seal()),
        },
        _ => grouping::decode(bytes, column_type, rows).map(|(_, _, seal)| seal),
    }
}

/// The published record of the partition whose version lies in a directory, where the storage lies in the table's own directory.
fn published(fs: &dyn FileSystem, version: &Path) -> Option<PublishedRecord> {
    let partition = version.parent()?;
    let table = partition.parent()?.parent()?;
    let path = table.join(".published").join(partition.file_name()?);
    PublishedRecord::decode(&io::read_small(fs, &path, RECORD_BYTES_MAX).ok()?).ok()
}

/// The versions of a partition in one storage.
fn partition(fs: &dyn FileSystem, path: &Path, entries: &[DirEntry]) -> Option<Vec<Field>> {
    let versions: Vec<&DirEntry> = entries.iter().filter(|entry| entry.is_dir).collect();
    let is_version = |entry: &&DirEntry| matches!(fs.metadata(&path.join(&entry.name).join("lock")), Ok(Some(_)));
    if versions.is_empty() || !versions.iter().any(is_version) {
        return None;
    }
    let published = published(fs, &path.join("any"));
    let shown = |entry: &&DirEntry| {
        let current = published.iter().flat_map(|record| &record.storages).any(|storage| storage.version == entry.name);
        let value = if current { "published" } else { "not published" };
        field("versions", &entry.name, 0, value, if current { Check::Ok } else { Check::None })
    };
    Some(versions.iter().map(shown).collect())
}

fn field(structure: &str, name: &str, bytes: u64, value: impl Into<String>, check: Check) -> Field {
    Field { offset: 0, bytes, structure: structure.into(), name: name.into(), value: value.into(), check }
}

/// All bytes of a file, mapped.
fn map(fs: &dyn FileSystem, path: &Path) -> Result<Bytes> {
    let file = fs.open(path, OpenMode::Read)?;
    file.map(file.size()?)
}
