//! Group files: a slot's page with its checksums recomputed, decoded, and taken for what says which commits over two locations count.

use super::{Target, checksum, contents_of, put};
use pilaster::base::{ColumnDefinition, ColumnType, Result};
use pilaster::format::group::{self, DURABLE_SLOTS, GROUP_FILE, GROUP_FILE_BYTES, PAGE_BYTES, SLOT_COUNT};
use pilaster::io::{FileSystem, OpenMode, read_small};
use pilaster::memory::Chunk;
use pilaster::storage::intraday::{
    Durability, GroupWriter, IntradayHandle, IntradayWriter, WriterOptions, open_together,
};
use pilaster::storage::{Location, LocationKey};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

pub(super) const TARGET: Target = Target { name: "group", run, dictionary: &[], seeds };

const SOURCE: &str = "s";
const PARTITIONS: [&str; 2] = ["p", "q"];
/// Rows that each commit adds to each location.
const COMMIT_ROWS: usize = 2;
// The fields of a slot that the target makes right; the specification has the table.
const BOOT_AT: usize = 24;
const COUNT_AT: usize = 72;
const LIST_CHECKSUM_AT: usize = 76;
const CHECKSUM_AT: usize = 80;
const LIST_AT: usize = 84;

/// A source of which the last commits were published and not made durable, as a process that was killed leaves it.
struct Sample {
    group: [u8; 16],
    files: Vec<(PathBuf, Vec<u8>)>,
}

/// Bits 0 and 1 of the first byte choose the slot, bit 2 whether the others stay, bit 3 whether another start of the system wrote it; the rest is its page, or with bit 4 the
/// whole file.
fn run(bytes: &[u8]) {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    let sample = SAMPLE.get_or_init(|| sample().expect("memory takes it"));
    let Some((&choice, rest)) = bytes.split_first() else { return };
    let slot = usize::from(choice & 3);
    if choice & 16 != 0 {
        let fs = copy(sample);
        write(&*fs, rest).expect("memory takes it");
        let _ = look(&fs);
        return;
    }
    let mut page = rest.to_vec();
    page.resize(PAGE_BYTES, 0);
    let _ = group::decode(&page, slot, sample.group);
    seal(&mut page, slot, sample.group);
    if let Ok(Some(state)) = group::decode(&page, slot, sample.group) {
        let again = group::encode(&state, slot, sample.group).expect("what was read can be written");
        assert_eq!(group::decode(&again, slot, sample.group).expect("what was written reads"), Some(state));
    }
    let _ = read(sample, slot, page, choice);
}

/// Makes what stands before the list right, and its checksum.
fn seal(page: &mut [u8], slot: usize, group: [u8; 16]) {
    put(page, 0, b"PGRP");
    put(page, 4, &group::VERSION.to_le_bytes());
    page[6] = slot as u8;
    put(page, 8, &group);
    let count = u32::from_le_bytes([page[COUNT_AT], page[COUNT_AT + 1], page[COUNT_AT + 2], page[COUNT_AT + 3]]);
    if let Some(list) = page.get(LIST_AT..LIST_AT.saturating_add(8usize.saturating_mul(count as usize))) {
        let sum = checksum(list);
        put(page, LIST_CHECKSUM_AT, &sum);
    }
    let sum = checksum(&page[..CHECKSUM_AT]);
    put(page, CHECKSUM_AT, &sum);
}

/// Reads both locations under a hostile slot, and lets writers settle and go on.
fn read(sample: &Sample, slot: usize, mut page: Vec<u8>, choice: u8) -> Result<()> {
    let fs = copy(sample);
    if choice & 8 == 0 {
        put(&mut page, BOOT_AT, &fs.boot());
        let sum = checksum(&page[..CHECKSUM_AT]);
        put(&mut page, CHECKSUM_AT, &sum);
    }
    let file = fs.open(&Path::new(SOURCE).join(GROUP_FILE), OpenMode::Write)?;
    for other in (0..SLOT_COUNT).filter(|&other| other != slot && choice & 4 == 0) {
        file.write_all_at(&[0; PAGE_BYTES], group::slot_offset(other))?;
    }
    file.write_all_at(&page, group::slot_offset(slot))?;
    let before = look(&fs);
    // One location alone, and then all of the source.
    let location = Path::new(SOURCE).join(PARTITIONS[0]);
    drop(IntradayWriter::open(fs.clone(), &location, &columns(), WriterOptions::default()));
    let mut writer = GroupWriter::open(fs.clone(), Path::new(SOURCE), &columns(), OPTIONS)?;
    for partition in PARTITIONS {
        writer.append(partition, chunks(100))?;
    }
    writer.commit().and_then(|_| writer.close())?;
    // What was seen before a writer came stays, since nothing was lost meanwhile, and what was committed is seen at once.
    let (before, after) = (before?, look(&fs)?);
    assert!(after >= before + COMMIT_ROWS as u64, "{before} rows, then {after}");
    Ok(())
}

/// The rows of both locations, which must be as many: all commits were over both.
fn look(fs: &Arc<dyn FileSystem>) -> Result<u64> {
    let handle = |partition: &str| {
        let key = LocationKey { column_partition: partition.into(), internal_partition: SOURCE.into() };
        IntradayHandle::new(fs.clone(), Path::new(SOURCE).join(partition), key, Arc::default())
    };
    let opened = open_together(&PARTITIONS.map(handle)).into_iter().collect::<Result<Vec<_>>>()?;
    let rows: Vec<u64> = opened.iter().map(|location| location.row_count()).collect();
    assert!(rows.iter().all(|&count| count == rows[0]), "a commit is seen in part: {rows:?} rows");
    let contents: Vec<String> =
        opened.iter().map(|location| contents_of(&**location, &["S", "I"])).collect::<Result<_>>()?;
    assert_eq!(contents[0], contents[1]);
    Ok(rows[0])
}

fn columns() -> [ColumnDefinition; 2] {
    [ColumnDefinition::new("S", ColumnType::String), ColumnDefinition::new("I", ColumnType::Int)]
}

fn chunks(from: i32) -> Vec<Chunk> {
    use pilaster::base::Value;
    let texts = (0..COMMIT_ROWS as i32).map(|row| Value::string(&format!("v{}", (from + row) % 3))).collect::<Vec<_>>();
    let texts = Chunk::from_values(ColumnType::String, &texts).expect("texts");
    vec![texts, Chunk::Int((from..from + COMMIT_ROWS as i32).collect())]
}

const OPTIONS: WriterOptions = WriterOptions { durability: Durability::None };

fn copy(sample: &Sample) -> Arc<dyn FileSystem> {
    let fs = super::memory();
    for (path, bytes) in &sample.files {
        fs.create_dir_all(path.parent().unwrap_or(Path::new(""))).expect("memory takes any directory");
        let file = fs.open(path, OpenMode::Create).expect("memory takes any file");
        file.write_all_at(bytes, 0).expect("memory takes any file");
    }
    fs
}

fn write(fs: &dyn FileSystem, bytes: &[u8]) -> Result<()> {
    let file = fs.open(&Path::new(SOURCE).join(GROUP_FILE), OpenMode::Write)?;
    file.set_size(bytes.len() as u64)?;
    file.write_all_at(bytes, 0)
}

fn sample() -> Result<Sample> {
    let fs = super::memory();
    let mut writer = GroupWriter::open(fs.clone(), Path::new(SOURCE), &columns(), OPTIONS)?;
    for commit in 0..4 {
        for partition in PARTITIONS {
            writer.append(partition, chunks(commit * COMMIT_ROWS as i32))?;
        }
        writer.commit()?;
        if commit == 1 {
            writer.sync()?;
        }
    }
    let mut files = Vec::new();
    for directory in ["s", "s/p", "s/q"] {
        for entry in fs.list(Path::new(directory))?.into_iter().filter(|entry| !entry.is_dir) {
            let path = Path::new(directory).join(entry.name);
            let bytes = read_small(&*fs, &path, 1 << 20)?;
            files.push((path, bytes));
        }
    }
    drop(writer);
    let file = files.iter().find(|(path, _)| path.ends_with(GROUP_FILE)).map(|(_, bytes)| &bytes[..]);
    Ok(Sample { group: group::decode_head(file.unwrap_or_default())?, files })
}

fn seeds() -> Vec<Vec<u8>> {
    let Ok(sample) = sample() else { return Vec::new() };
    let Some((_, file)) = sample.files.iter().find(|(path, _)| path.ends_with(GROUP_FILE)) else { return Vec::new() };
    assert_eq!(file.len(), GROUP_FILE_BYTES);
    let page = |slot: usize| {
        let page = &file[group::slot_offset(slot) as usize..][..PAGE_BYTES];
        let end = page.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1).max(LIST_AT);
        page[..end].to_vec()
    };
    // One with commits given up: the second and the last.
    let mut with_list = page(DURABLE_SLOTS[0]);
    let published = u64::from_le_bytes(with_list[48..56].try_into().unwrap_or_default());
    put(&mut with_list, COUNT_AT, &2u32.to_le_bytes());
    with_list.extend([published.saturating_sub(1), published].into_iter().flat_map(u64::to_le_bytes));
    let with = |choice: u8, page: Vec<u8>| [&[choice][..], &page].concat();
    let mut seeds: Vec<Vec<u8>> = (0..SLOT_COUNT).map(|slot| with(slot as u8 | 4, page(slot))).collect();
    seeds.extend([with(2, page(2)), with(2, with_list.clone()), with(3 | 4, with_list), with(1 | 4 | 8, page(1))]);
    seeds.push([&[16][..], &file[..group::slot_offset(0) as usize + 100]].concat());
    seeds
}
