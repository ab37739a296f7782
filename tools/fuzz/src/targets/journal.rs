//! The journal of durable commits: its records with all checksums recomputed, found by who opens the location after a power cut, and replayed by who writes to it.

use super::{Target, checksum, commit, contents_of, put};
use pilaster::base::{ColumnDefinition, ColumnType, Result, SymbolUse, Value};
use pilaster::format::commit::slot::{self, LIVE_SLOTS, PAGE_BYTES};
use pilaster::format::journal::{ALIGN, Base, HEAD_BYTES, JOURNAL_FILE, MAGIC, VERSION, decode, decode_head, encode};
use pilaster::io::{FileSystem, OpenMode, SimulatedFileSystem, read_small};
use pilaster::memory::Chunk;
use pilaster::storage::intraday::{Durability, IntradayLocation, IntradayWriter, WriterOptions};
use pilaster::storage::{Location, LocationKey};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

pub(super) const TARGET: Target = Target { name: "journal", run, dictionary: &[], seeds };

const DIRECTORY: &str = "l";
const COLUMNS: [&str; 3] = ["S", "I", "N"];
/// Commits of the sample, all but the first of which only the journal has.
const COMMITS: i32 = 4;
// The fields of a record's head that the target makes right; the specification has the table.
const SIZE_AT: usize = 12;
const LOCATION_AT: usize = 16;
const BASE_AT: usize = 32;
const GENERATION_AT: usize = 48;
const PAGE_BYTES_AT: usize = 56;
const CONTENT_CHECKSUM_AT: usize = 68;
const CHECKSUM_AT: usize = 92;

/// A location as a power cut leaves it, with the base of its journal.
struct Sample {
    base: Base,
    files: Vec<(PathBuf, Vec<u8>)>,
}

/// The first byte says what is made right: bit 0 bases, bit 1 generations, bit 2 the commit records; the rest is the journal.
fn run(bytes: &[u8]) {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    let sample = SAMPLE.get_or_init(|| sample().expect("memory takes it"));
    let Some((&choice, journal)) = bytes.split_first() else { return };
    let mut journal = journal.to_vec();
    let mut generation = sample.base.version.1;
    let mut at = 0;
    while at + HEAD_BYTES <= journal.len() {
        generation += 1;
        let record = &mut journal[at..];
        seal(record, choice, &sample.base, generation);
        check(record, &sample.base);
        let size = word(record, SIZE_AT).max(1);
        at = (at + size.min(record.len())).next_multiple_of(ALIGN as usize);
    }
    let _ = read(sample, &journal);
}

fn word(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize
}

/// Makes a record right as far as its sizes let it be.
fn seal(record: &mut [u8], choice: u8, base: &Base, generation: u64) {
    put(record, 0, &MAGIC);
    put(record, 8, &VERSION.to_le_bytes());
    if choice & 1 == 0 {
        put(record, LOCATION_AT, &base.location);
        put(record, BASE_AT, &[base.version.0.to_le_bytes(), base.version.1.to_le_bytes()].concat());
    }
    if choice & 2 == 0 {
        put(record, GENERATION_AT, &generation.to_le_bytes());
    }
    let size = word(record, SIZE_AT).clamp(HEAD_BYTES, record.len());
    put(record, SIZE_AT, &(size as u32).to_le_bytes());
    let page_bytes = word(record, PAGE_BYTES_AT).min(PAGE_BYTES).min(size - HEAD_BYTES);
    if choice & 4 == 0 && page_bytes > slot::BODY_AT {
        let mut page = record[HEAD_BYTES..HEAD_BYTES + page_bytes].to_vec();
        page.resize(PAGE_BYTES, 0);
        commit::seal(&mut page, base.location, LIVE_SLOTS[0]);
        put(record, HEAD_BYTES, &page[..page_bytes]);
    }
    let content = checksum(&record[HEAD_BYTES..size]);
    put(record, CONTENT_CHECKSUM_AT, &content);
    let head = checksum(&record[..CHECKSUM_AT]);
    put(record, CHECKSUM_AT, &head);
}

fn check(record: &[u8], base: &Base) {
    let Ok(Some(head)) = decode_head(record, base) else { return };
    let Ok(found) = decode(record, &head) else { return };
    let again = encode(base, head.boot, &found.record, &found.pieces);
    let head = decode_head(&again, base).expect("it is of this version").expect("it is of this base");
    assert_eq!(decode(&again, &head).expect("what was written reads"), found);
}

/// Opens the location, and lets a writer go on in it: what was seen before stays.
fn read(sample: &Sample, journal: &[u8]) -> Result<()> {
    let fs = super::memory();
    fs.create_dir_all(Path::new(DIRECTORY))?;
    for (path, bytes) in &sample.files {
        fs.open(path, OpenMode::Create)?.write_all_at(bytes, 0)?;
    }
    let file = fs.open(&Path::new(DIRECTORY).join(JOURNAL_FILE), OpenMode::Create)?;
    file.set_size(journal.len() as u64)?;
    file.write_all_at(journal, 0)?;
    let location = open(&fs)?;
    let rows = location.row_count();
    // A record may call for rows without end, all of them before the data and so null.
    let before = if rows < 100_000 { contents_of(&*location, &COLUMNS) } else { Ok(String::new()) };
    let options = WriterOptions { durability: Durability::Commit };
    let mut writer = IntradayWriter::open(fs.clone(), Path::new(DIRECTORY), &columns(), options)?;
    writer.append(&chunks(1_000))?;
    writer.commit()?;
    writer.close()?;
    let after = open(&fs)?;
    assert_eq!(after.row_count(), rows + 2, "{rows} rows, and two were appended");
    if let (Ok(before), true) = (before, rows < 100_000) {
        let region = |name: &str| after.region(name).ok().flatten();
        for line in before.lines() {
            let Some(region) = line.split(' ').next().and_then(region) else { continue };
            let chunk = pilaster::storage::ColumnRegion::read(&*region, 0..rows)?;
            let values: Vec<Value> = (0..chunk.len()).map(|at| chunk.value(at)).collect();
            assert!(line.ends_with(&format!(": {values:?}")), "{line}, then {values:?}");
        }
    }
    Ok(())
}

fn open(fs: &Arc<dyn FileSystem>) -> Result<Arc<IntradayLocation>> {
    let key = LocationKey { column_partition: "p".into(), internal_partition: "s".into() };
    IntradayLocation::open(fs.clone(), Path::new(DIRECTORY), key, Arc::default())
}

fn columns() -> [ColumnDefinition; 3] {
    [
        ColumnDefinition::new("S", ColumnType::String),
        ColumnDefinition::new("I", ColumnType::Int),
        ColumnDefinition::new("N", ColumnType::String).with_symbol(SymbolUse::None),
    ]
}

fn chunks(from: i32) -> Vec<Chunk> {
    let texts = |prefix: &str| {
        let texts: Vec<Value> = (from..from + 2).map(|n| Value::string(&format!("{prefix}{n}"))).collect();
        Chunk::from_values(ColumnType::String, &texts).expect("texts")
    };
    vec![texts("v"), Chunk::Int(vec![from, from + 1]), texts("note ")]
}

fn sample() -> Result<Sample> {
    let simulated = SimulatedFileSystem::new(1);
    let fs: Arc<dyn FileSystem> = Arc::new(simulated.clone());
    let options = WriterOptions { durability: Durability::Commit };
    let mut writer = IntradayWriter::open(fs, Path::new(DIRECTORY), &columns(), options)?;
    for commit in 0..COMMITS {
        writer.append(&chunks(commit * 2))?;
        writer.commit()?;
    }
    let cut: Arc<dyn FileSystem> = Arc::new(simulated.power_cut());
    drop(writer);
    let mut files = Vec::new();
    for entry in cut.list(Path::new(DIRECTORY))? {
        let path = Path::new(DIRECTORY).join(entry.name);
        let bytes = read_small(&*cut, &path, 1 << 24)?;
        files.push((path, bytes));
    }
    // The first record's own words say what it goes on from.
    let journal =
        files.iter().find(|(path, _)| path.ends_with(JOURNAL_FILE)).map(|(_, bytes)| &bytes[..]).unwrap_or_default();
    let number = |at: usize| u64::from_le_bytes(journal[at..at + 8].try_into().unwrap_or_default());
    let location = journal[LOCATION_AT..LOCATION_AT + 16].try_into().unwrap_or_default();
    let base = Base { location, version: (number(BASE_AT), number(BASE_AT + 8)) };
    Ok(Sample { base, files })
}

fn seeds() -> Vec<Vec<u8>> {
    let Ok(sample) = sample() else { return Vec::new() };
    let Some((_, journal)) = sample.files.iter().find(|(path, _)| path.ends_with(JOURNAL_FILE)) else {
        return Vec::new();
    };
    let end = journal.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    let first = word(journal, SIZE_AT);
    vec![
        [&[0][..], &journal[..first]].concat(),
        [&[0][..], &journal[..end]].concat(),
        [&[7][..], &journal[..end]].concat(),
        // A record of a later commit where the first one was.
        [&[2][..], &journal[ALIGN as usize..end]].concat(),
    ]
}
