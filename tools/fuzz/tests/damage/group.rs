//! F11 of what makes commits over several locations: the group file, and the side files of records that do not fit a slot.

use crate::sample::{files_below, in_parallel, put};
use pilaster::base::{ColumnDefinition, ColumnType, Result, Value};
use pilaster::format::group::{GROUP_FILE, PAGE_BYTES};
use pilaster::io::{FileSystem, SimulatedFileSystem};
use pilaster::memory::Chunk;
use pilaster::storage::intraday::{Durability, GroupWriter, IntradayHandle, WriterOptions, open_together};
use pilaster::storage::{ColumnRegion, Location, LocationKey};
use rayon::prelude::*;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const PARTITIONS: [&str; 2] = ["p", "q"];
const COMMITS: i32 = 3;

/// Two columns that are read, and as many with long names as make a record too large for its slot.
pub(crate) fn wide_columns() -> Vec<ColumnDefinition> {
    let more = (0..16).map(|n| ColumnDefinition::new(format!("X{n:0>180}"), ColumnType::Byte));
    let first = [("Sym", ColumnType::String), ("C6", ColumnType::Int)].map(|(name, t)| ColumnDefinition::new(name, t));
    first.into_iter().chain(more).collect()
}

/// One row for each of these columns.
pub(crate) fn wide_row(number: i32) -> Vec<Chunk> {
    let value = |column: &ColumnDefinition| match column.column_type {
        ColumnType::String => Value::string(["AAPL", "SPY"][number as usize % 2]),
        ColumnType::Int => Value::Int(number),
        _ => Value::Byte(number as i8),
    };
    wide_columns().iter().map(|column| Chunk::from_values(column.column_type, &[value(column)]).unwrap()).collect()
}

/// A source after some commits over two locations, all durable.
fn files() -> Vec<(String, Vec<u8>)> {
    let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new(1));
    let options = WriterOptions { durability: Durability::Commit };
    let mut writer = GroupWriter::open(fs.clone(), Path::new("s"), &wide_columns(), options).unwrap();
    for commit in 0..COMMITS {
        for partition in PARTITIONS {
            writer.append(partition, wide_row(commit)).unwrap();
        }
        writer.commit().unwrap();
    }
    writer.close().unwrap();
    files_below(&*fs, Path::new(""))
}

fn copy(files: &[(String, Vec<u8>)]) -> Arc<dyn FileSystem> {
    let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new(1));
    files.iter().for_each(|(path, bytes)| put(&*fs, path, bytes));
    fs
}

/// What both locations hold, and whether a slot was passed over; the first error otherwise.
fn read(fs: &Arc<dyn FileSystem>) -> Result<(Vec<String>, bool)> {
    let handle = |partition: &str| {
        let key = LocationKey { column_partition: partition.into(), internal_partition: "s".into() };
        IntradayHandle::new(fs.clone(), Path::new("s").join(partition), key, Arc::default())
    };
    let opened = open_together(&PARTITIONS.map(handle)).into_iter().collect::<Result<Vec<_>>>()?;
    let mut contents = Vec::new();
    for location in &opened {
        let mut text = format!("{} rows", location.row_count());
        for name in ["Sym", "C6"] {
            let Some(region) = location.region(name)? else { continue };
            let chunk = ColumnRegion::read(&*region, 0..location.row_count())?;
            text += &format!(" {:?}", (0..chunk.len()).map(|at| chunk.value(at)).collect::<Vec<_>>());
        }
        contents.push(text);
    }
    Ok((contents, opened.iter().any(|location| !location.rejected().is_empty())))
}

#[test]
fn fault_f11_every_bit_of_group_and_side_files() {
    let files = files();
    let (good, _) = read(&copy(&files)).unwrap();
    assert!(good[0] == good[1] && good[0].starts_with(&format!("{COMMITS} rows")), "{good:?}");
    let is_side_file = |path: &str| path.rsplit_once("/commit.").is_some();
    let damaged: Vec<&(String, Vec<u8>)> =
        files.iter().filter(|(path, _)| path.ends_with(GROUP_FILE) || is_side_file(path)).collect();
    assert!(damaged.len() > 4, "{:?}", damaged.iter().map(|(path, _)| path).collect::<Vec<_>>());
    let [same, before, refused, flips] = [(); 4].map(|()| AtomicU64::new(0));
    let tasks: Vec<(&str, &[u8], usize)> = damaged
        .iter()
        .flat_map(|(path, bytes)| (0..bytes.len()).step_by(512).map(|from| (path.as_str(), &bytes[..], from)))
        .collect();
    let damage = |&(path, bytes, from): &(&str, &[u8], usize)| {
        let fs = copy(&files);
        let is_group = path.ends_with(GROUP_FILE);
        for at in from..bytes.len().min(from + 512) {
            // Every bit of what says something; of the zeros behind it and within the one checksum of a side file some bits are as good as all.
            let bits = match is_group {
                true if at % PAGE_BYTES < 128 => 0..8,
                true if at % 64 != 0 => 0..0,
                false if at % 4 != 0 => 0..0,
                _ => at % 8..at % 8 + 1,
            };
            for bit in bits {
                let mut flipped = bytes.to_vec();
                flipped[at] ^= 1 << bit;
                put(&*fs, path, &flipped);
                flips.fetch_add(1, Relaxed);
                match read(&fs) {
                    Ok((found, _)) if found == good => same.fetch_add(1, Relaxed),
                    Ok((found, told)) => {
                        // The commit before, in both locations and with a word.
                        assert!(
                            told && found.iter().all(|text| *text == found[0]),
                            "{path} byte {at} bit {bit}: {found:?}"
                        );
                        before.fetch_add(1, Relaxed)
                    }
                    Err(error) => {
                        assert!(
                            error.is_corrupt() && error.to_string().contains("s/"),
                            "{path} byte {at} bit {bit}: {error}"
                        );
                        refused.fetch_add(1, Relaxed)
                    }
                };
            }
        }
    };
    in_parallel(|| tasks.par_iter().for_each(damage));
    let get = |counter: &AtomicU64| counter.load(Relaxed);
    println!(
        "fault_f11_every_bit_of_group_and_side_files: {} flips in {} files: {} read the same, {} the commit before and said so, {} were refused, 0 \
         silently wrong",
        get(&flips),
        damaged.len(),
        get(&same),
        get(&before),
        get(&refused)
    );
    assert!(get(&refused) > 200 && get(&same) > 5_000);
}
