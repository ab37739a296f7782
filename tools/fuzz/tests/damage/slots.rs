//! F13: the newest commit slot is rotten: the commit before it, and the reader is told.

use crate::reading::{Reading, Scope, read};
use crate::sample::{COMMITTED, INTRADAY, LOCATION, Sample, put, table};
use pilaster::base::{ErrorKind, Result};
use pilaster::format::commit::slot::{PAGE_BYTES, SLOT_COUNT, slot_offset};
use pilaster::io::{FileSystem, OpenMode};
use pilaster::storage::catalog::TableEntry;
use pilaster::storage::intraday::{Durability, IntradayLocation, IntradayWriter, WriterOptions};
use pilaster::storage::{Location, LocationKey, TableKind};
use std::path::Path;
use std::sync::Arc;

fn open(fs: &Arc<dyn FileSystem>) -> Result<Arc<IntradayLocation>> {
    open_of(&table(fs)?)
}

fn open_of(table: &TableEntry) -> Result<Arc<IntradayLocation>> {
    let key = LocationKey { column_partition: INTRADAY.into(), internal_partition: "feed".into() };
    table.intraday_handle(key, &Arc::default())?.open_intraday()
}

/// What a root without damage holds that stopped after so many rows.
fn rows_until(fs: &Arc<dyn FileSystem>, rows: u64) -> Reading {
    let mut reading = read(fs, &Scope::Columns(TableKind::Intraday, None));
    reading.retain(|part, _| part.contains(INTRADAY));
    for value in reading.values_mut() {
        let Ok(text) = value else { continue };
        // Values are printed in a list; as many as there are rows.
        let text_rows =
            text.trim_start_matches('[').split(", ").take(rows as usize).map(str::to_string).collect::<Vec<_>>();
        *value = Ok(text_rows.join(", ").trim_end_matches("] []").to_string());
    }
    reading
}

#[test]
fn fault_f13_rotten_slots() {
    // Nothing after the fifth row was made durable: the newest record lies in one live slot.
    let sample = Sample::new(7, false);
    let path = format!("{LOCATION}/commit");
    let commit = sample.file(&path).to_vec();
    let fs = sample.copy();
    assert_eq!(open(&fs).unwrap().row_count(), COMMITTED[3]);
    let (mut flips, mut kept, mut rolled_back, mut refused) = (0, 0, 0, 0);
    let opened = table(&fs).unwrap();
    let prefixes: Vec<Reading> = COMMITTED.iter().map(|&rows| rows_until(&fs, rows)).collect();
    for slot in 0..SLOT_COUNT {
        let page = slot_offset(slot) as usize;
        let file = fs.open(Path::new(&path), OpenMode::Write).unwrap();
        for at in page..page + PAGE_BYTES {
            for bit in [at % 8, (at + 3) % 8] {
                file.write_all_at(&[commit[at] ^ 1 << bit], at as u64).unwrap();
                flips += 1;
                match open_of(&opened) {
                    Err(error) => {
                        assert!(error.is_corrupt() && error.path().is_some(), "slot {slot} byte {at}: {error}");
                        refused += 1;
                    }
                    Ok(location) if location.row_count() == COMMITTED[3] => kept += 1,
                    Ok(location) => {
                        // The commit before the newest, never less, and never without a word.
                        assert_eq!(location.row_count(), COMMITTED[2], "slot {slot} byte {at}");
                        assert_eq!(location.rejected().len(), 1, "slot {slot} byte {at}");
                        let rejection = &location.rejected()[0];
                        assert!(rejection.slot == slot && rejection.error.is_corrupt(), "{rejection:?}");
                        rolled_back += 1;
                        if at % 64 == 0 || rolled_back < 20 {
                            let found = rows_until(&fs, COMMITTED[2]);
                            let same = |(part, value): (&String, &Result<String>)| {
                                part.contains("rows")
                                    || prefixes[2]
                                        .get(part)
                                        .is_some_and(|good| good.as_ref().ok() == value.as_ref().ok())
                            };
                            let odd: Vec<&String> = found
                                .iter()
                                .filter(|(part, _)| part.split('/').count() > 3)
                                .filter(|entry| !same(*entry))
                                .map(|(part, _)| part)
                                .collect();
                            assert!(odd.is_empty(), "{odd:?}");
                        }
                    }
                }
                file.write_all_at(&commit[at..at + 1], at as u64).unwrap();
            }
        }
    }
    println!(
        "fault_f13_rotten_slots: {flips} flips in {SLOT_COUNT} slots: {kept} read the newest commit, {rolled_back} the one before and said so, \
         {refused} were refused, 0 silently wrong"
    );
    assert!(rolled_back > 500 && kept > 10_000);
}

/// Whoever had the rows is told that they are gone, and a writer goes on from what is left.
#[test]
fn fault_f13_a_reader_and_a_writer_after_a_rotten_slot() {
    let sample = Sample::new(7, false);
    let path = format!("{LOCATION}/commit");
    let commit = sample.file(&path);
    let mut tested = 0;
    for slot in 0..SLOT_COUNT {
        let fs = sample.copy();
        let reader = open(&fs).unwrap();
        let mut damaged = commit.to_vec();
        damaged[slot_offset(slot) as usize + 57] ^= 0x40;
        put(&*fs, &path, &damaged);
        let Ok(shorter) = open(&fs) else { panic!("slot {slot}: no record holds") };
        if shorter.row_count() == COMMITTED[3] {
            continue;
        }
        tested += 1;
        assert_eq!(reader.refresh().unwrap_err().kind(), ErrorKind::RolledBack);
        let columns: Vec<_> = table(&fs).unwrap().schema().definition.stored().cloned().collect();
        let options = WriterOptions { durability: Durability::Commit };
        let mut writer = IntradayWriter::open(fs.clone(), Path::new(LOCATION), &columns, options).unwrap();
        assert_eq!(writer.row_count(), COMMITTED[2]);
        let rows = pilaster::engine::Table::of_source(table(&sample.copy()).unwrap().intraday(Arc::default()));
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        writer.append(&rows.read(&names, COMMITTED[2]..COMMITTED[3]).unwrap()).unwrap();
        writer.commit().unwrap();
        writer.close().unwrap();
        assert_eq!(
            reader.refresh().unwrap_err().kind(),
            ErrorKind::RolledBack,
            "rows that were given up came back as others"
        );
        assert_eq!(shorter.refresh().unwrap().unwrap().row_count(), COMMITTED[3]);
        let (good, found) = (read(&sample.copy(), &Scope::All), read(&fs, &Scope::All));
        assert_eq!(format!("{good:?}"), format!("{found:?}"));
    }
    assert_eq!(tested, 1);
    println!(
        "fault_f13_a_reader_and_a_writer_after_a_rotten_slot: {tested} slot held the newest commit; its reader was told, its writer went on"
    );
}
