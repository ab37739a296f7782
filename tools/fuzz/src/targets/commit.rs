//! Commit records: a slot's page with its checksums recomputed, decoded, and read as the durable record of a location with files.

use super::{Target, checksum, definition, put, values_of};
use pilaster::base::ColumnDefinition;
use pilaster::format::commit::slot::{self, BODY_AT, DURABLE_SLOTS, DecodedSlot, PAGE_BYTES};
use pilaster::format::commit::{COMMIT_FILE, CommitRecord, body};
use pilaster::io::{FileSystem, OpenMode, read_small};
use pilaster::memory::Chunk;
use pilaster::storage::intraday::{IntradayLocation, IntradayWriter, WriterOptions};
use pilaster::storage::{Location, LocationKey};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

pub(super) const TARGET: Target = Target { name: "commit", run, dictionary: &[], seeds };

const SLOT: usize = DURABLE_SLOTS[0];
// The end of a slot's head, counted from where the columns begin.
const CHECKSUM_AT: usize = BODY_AT - 4;
const BODY_CHECKSUM_AT: usize = BODY_AT - 8;
const BODY_BYTES_AT: usize = BODY_AT - 12;
const SCHEMA_CHECKSUM_AT: usize = BODY_AT - 16;
const COLUMN_COUNT_AT: usize = BODY_AT - 20;

/// A location of five rows: its identity and files.
struct Sample {
    location: [u8; 16],
    files: Vec<(PathBuf, Vec<u8>)>,
}

fn run(bytes: &[u8]) {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    let sample = SAMPLE.get_or_init(sample);
    let mut page = bytes.to_vec();
    page.resize(PAGE_BYTES, 0);
    let _ = slot::decode(&page, SLOT, sample.location);
    seal(&mut page, sample.location, SLOT);
    match slot::decode(&page, SLOT, sample.location) {
        Ok(DecodedSlot::Record(record)) => check(&record, sample.location),
        Ok(DecodedSlot::Aside(aside)) => {
            let _ = (aside.side_file_bytes(), aside.with_side_file(bytes));
        }
        _ => {}
    }
    let _ = read(sample, &page);
}

fn check(record: &CommitRecord, location: [u8; 16]) {
    let encoded = slot::encode(record, SLOT);
    let again = match slot::decode(&encoded.page, SLOT, location) {
        Ok(DecodedSlot::Record(record)) => record,
        Ok(DecodedSlot::Aside(aside)) => {
            aside.with_side_file(&encoded.side_file.unwrap_or_default()).expect("it was written")
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(again, *record);
}

/// Makes what stands before the columns right: magic, version, slot, location and all checksums, whatever the columns say.
pub(super) fn seal(page: &mut [u8], location: [u8; 16], slot: usize) {
    let word =
        |page: &[u8], at: usize| u32::from_le_bytes([page[at], page[at + 1], page[at + 2], page[at + 3]]) as usize;
    put(page, 0, &slot::MAGIC);
    put(page, 4, &slot::VERSION.to_le_bytes());
    page[6] = slot as u8;
    page[7] &= slot::FLAG_ASIDE | slot::FLAG_SETTLED;
    put(page, 8, &location);
    let size = word(page, BODY_BYTES_AT).min(PAGE_BYTES - BODY_AT);
    put(page, BODY_BYTES_AT, &(size as u32).to_le_bytes());
    let body = checksum(&page[BODY_AT..BODY_AT + size]);
    put(page, BODY_CHECKSUM_AT, &body);
    if let Ok(columns) = body::decode(&page[BODY_AT..BODY_AT + size], word(page, COLUMN_COUNT_AT)) {
        put(page, SCHEMA_CHECKSUM_AT, &body::schema_checksum(&columns).to_le_bytes());
    }
    let head = checksum(&page[..CHECKSUM_AT]);
    put(page, CHECKSUM_AT, &head);
}

/// Reads everything of the sample's files under a hostile record, and lets a writer go on after it.
fn read(sample: &Sample, page: &[u8]) -> pilaster::base::Result<()> {
    let fs = super::memory();
    fs.create_dir_all(Path::new("l"))?;
    for (path, bytes) in &sample.files {
        fs.open(path, OpenMode::Create)?.write_all_at(bytes, 0)?;
    }
    let commit = fs.open(&Path::new("l").join(COMMIT_FILE), OpenMode::Write)?;
    for slot in 0..slot::SLOT_COUNT {
        let content = if slot == SLOT { page } else { &[0; PAGE_BYTES] };
        commit.write_all_at(content, slot::slot_offset(slot))?;
    }
    let location = open(&fs)?;
    for column in location.columns() {
        let Some(region) = location.region(&column.name)? else { continue };
        let mut chunk = Chunk::new(column.column_type);
        // A record may call for rows without end, all of them before the data and so null.
        let rows = location.row_count().min(100_000);
        let region = region as Arc<dyn pilaster::storage::ColumnRegion>;
        let filled = region.fill(0..rows, &mut chunk);
        let picked = region.gather(&[rows.saturating_sub(1), 0], &mut Chunk::new(column.column_type));
        let _ = (filled, picked, region.symbols(), region.mapped(), region.zones().map(<[_]>::len));
    }
    drop(IntradayWriter::open(fs, Path::new("l"), &stored(), WriterOptions::default()));
    Ok(())
}

fn open(fs: &Arc<dyn FileSystem>) -> pilaster::base::Result<Arc<IntradayLocation>> {
    let key = LocationKey { column_partition: "p".into(), internal_partition: "s".into() };
    IntradayLocation::open(fs.clone(), Path::new("l"), key, Arc::default())
}

/// The columns of the sample: of each type that the targets have rows of.
fn stored() -> Vec<ColumnDefinition> {
    definition().stored().filter(|column| values_of(column.column_type).is_some()).cloned().collect()
}

fn sample() -> Sample {
    let fs = super::memory();
    let chunk = |column: &ColumnDefinition| {
        Chunk::from_values(column.column_type, &values_of(column.column_type).unwrap_or_default())
            .expect("values of the type")
    };
    let chunks: Vec<Chunk> = stored().iter().map(chunk).collect();
    let mut writer =
        IntradayWriter::open(fs.clone(), Path::new("l"), &stored(), WriterOptions::default()).expect("a new location");
    writer.append(&chunks).expect("rows that fit");
    writer.commit().and_then(|_| writer.close()).expect("memory takes it");
    let location = open(&fs).expect("it was written").record().expect("it was committed").location;
    let entries = fs.list(Path::new("l")).expect("it is there");
    let files = entries.into_iter().map(|entry| Path::new("l").join(entry.name)).map(|path| {
        let bytes = read_small(&*fs, &path, 1 << 20).expect("it is there");
        (path, bytes)
    });
    Sample { location, files: files.collect() }
}

fn seeds() -> Vec<Vec<u8>> {
    let sample = sample();
    let Some((_, commit)) = sample.files.iter().find(|(path, _)| path.ends_with(COMMIT_FILE)) else {
        return Vec::new();
    };
    let page = &commit[slot::slot_offset(SLOT) as usize..][..PAGE_BYTES];
    let end = page.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    // Of two columns it is short, so that a change hits something.
    let mut short = page[..BODY_AT + 11 + 1 + 4 * 25].to_vec();
    put(&mut short, COLUMN_COUNT_AT, &1u32.to_le_bytes());
    let body = (short.len() - BODY_AT) as u32;
    put(&mut short, BODY_BYTES_AT, &body.to_le_bytes());
    vec![page[..end].to_vec(), short]
}
