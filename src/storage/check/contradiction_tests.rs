//! Sealed files of which each is good by its own checksums, and which are not what they say of each other or of their values.

use super::tests::Fixture;
use super::*;
use crate::format::grouping;
use crate::format::location_record::{FileRecord, LocationRecord, PublishedRecord};
use crate::format::record;
use crate::format::sealed_column::{ENTRY_BYTES, TAIL_BYTES};
use crate::format::sealed_symbols;
use crate::memory::{Chunk, SymbolCode};
use std::path::{Path, PathBuf};

const PUBLISHED: &str = "historical/Market/Trade/.published/2017-08-24";

struct Sealed {
    fixture: Fixture,
    version: PathBuf,
}

impl Sealed {
    fn new() -> Self {
        let fixture = Fixture::new();
        let partition = Path::new("historical/Market/Trade/main/2017-08-24");
        let entries = fixture.fs().list(partition).unwrap();
        let version = partition.join(&entries[0].name);
        Sealed { fixture, version }
    }

    fn file(&self, name: &str) -> Vec<u8> {
        self.fixture.read(&self.version.join(name))
    }

    /// Changes the location's record, and what is published with it.
    fn record(&self, change: impl FnOnce(&mut LocationRecord)) {
        let mut location = LocationRecord::decode(&self.file("location")).unwrap();
        change(&mut location);
        let bytes = location.encode().unwrap();
        self.fixture.overwrite(&self.version.join("location"), &bytes);
        self.published(|published| {
            let entry = &mut published.storages[0];
            (entry.seal, entry.row_count) = (record::seal(&bytes), location.row_count);
            entry.size_bytes = location.size_bytes() + bytes.len() as u64;
        });
    }

    fn published(&self, change: impl FnOnce(&mut PublishedRecord)) {
        let mut published = PublishedRecord::decode(&self.fixture.read(Path::new(PUBLISHED))).unwrap();
        change(&mut published);
        self.fixture.overwrite(Path::new(PUBLISHED), &published.encode().unwrap());
    }

    /// Replaces a file of a column, and what the record says of it.
    fn replace(&self, column: &str, extension: &str, (bytes, seal): (Vec<u8>, u32)) {
        self.fixture.overwrite(&self.version.join(format!("{column}.{extension}")), &bytes);
        self.record(|location| {
            let column = location.columns.iter_mut().find(|found| found.name == column).unwrap();
            let file = FileRecord { size_bytes: bytes.len() as u64, seal };
            match extension {
                "col" => column.file = file,
                "sym" => column.symbols = Some(file),
                _ => column.grouping = Some(file),
            }
        });
    }

    /// A sealed column whose only block's entry was changed, its checksums made anew.
    fn with_entry(&self, column: &str, change: impl FnOnce(&mut [u8])) -> (Vec<u8>, u32) {
        let mut bytes = self.file(&format!("{column}.col"));
        let tail = bytes.len() - TAIL_BYTES;
        change(&mut bytes[tail - ENTRY_BYTES..tail]);
        let index = crc32fast::hash(&bytes[tail - ENTRY_BYTES..tail]);
        bytes[tail + 20..tail + 24].copy_from_slice(&index.to_le_bytes());
        let seal = crc32fast::hash(&bytes[tail..tail + 28]);
        bytes[tail + 28..].copy_from_slice(&seal.to_le_bytes());
        (bytes, seal)
    }

    #[track_caller]
    fn says(&self, file: &str, expected: &str) {
        let report = self.fixture.verify();
        let told = |problem: &Problem| {
            problem.severity == Severity::Damage
                && problem.what.contains(expected)
                && problem.path.to_string_lossy().contains(file)
        };
        assert!(report.problems.iter().any(told), "{expected} in {:?}", report.problems);
    }
}

#[test]
fn records_that_are_rewritten_alike_are_good() {
    let sealed = Sealed::new();
    sealed.record(|_| {});
    sealed.replace("Price", "col", sealed.with_entry("Price", |_| {}));
    assert_eq!(sealed.fixture.verify().problems, []);
}

#[test]
fn zone_maps_are_compared_with_values() {
    // Nulls, least and greatest value, NaN, ascending.
    for (at, flip) in [(16, 1), (24, 1), (32, 1), (41, 2), (41, 4)] {
        let sealed = Sealed::new();
        sealed.replace("Price", "col", sealed.with_entry("Price", |entry| entry[at] ^= flip));
        sealed.says("Price.col", "the zone map says");
    }
}

#[test]
fn groups_are_compared_with_rows() {
    let sealed = Sealed::new();
    let rows = LocationRecord::decode(&sealed.file("location")).unwrap().row_count;
    let (values, starts, _) = grouping::decode(&sealed.file("Sym.grp"), crate::base::ColumnType::String, rows).unwrap();
    let Chunk::String(values) = values else { panic!("codes") };
    let index = |codes: Vec<SymbolCode>, starts: &[u64]| {
        let mut chunk = values.clone();
        chunk.codes = codes;
        grouping::encode(&Chunk::String(chunk), starts)
    };
    let mut moved = starts.clone();
    moved[1] += 1;
    sealed.replace("Sym", "grp", index(values.codes.clone(), &moved));
    sealed.says("Sym.grp", "is not of the group that it lies in");
    let mut swapped = values.codes.clone();
    swapped.swap(0, 1);
    sealed.replace("Sym", "grp", index(swapped, &starts));
    sealed.says("Sym.grp", "row 0 is not of the group that it lies in");
    let mut split = starts.clone();
    split.insert(1, 1);
    sealed.replace("Sym", "grp", index([&values.codes[..1], &values.codes].concat(), &split));
    sealed.says("Sym.grp", "a value has two groups");
}

#[test]
fn claimed_orders_and_counts_are_compared() {
    let sealed = Sealed::new();
    sealed.record(|location| location.sort_columns = vec!["Buy".into(), "Time".into()]);
    // The fixture's rows of one symbol have one truth value, so this order happens to hold; the next one does not.
    assert_eq!(sealed.fixture.verify().problems, []);
    sealed.replace("Time", "col", {
        let (mut writer, mut bytes) =
            crate::format::sealed_column::SealedColumnWriter::new(crate::base::ColumnType::DateTime);
        let times: Vec<i64> = (0..300).rev().collect();
        let block = crate::format::sealed_column::encode_block(&times, crate::format::encoding::Codec::Balanced);
        bytes.extend(writer.push(block));
        let (tail, seal) = writer.finish();
        (([&bytes[..], &tail]).concat(), seal)
    });
    sealed.says("2017-08-24", "row 1 sorts before the row above it");
    let sealed = Sealed::new();
    sealed.record(|location| location.sort_columns = vec!["Nowhere".into()]);
    sealed.says("2017-08-24", "names a sort column that it has not");
    for change in [
        (|published: &mut PublishedRecord| published.storages[0].row_count += 1) as fn(&mut PublishedRecord),
        |published| published.storages[0].seal ^= 1,
        |published| published.storages[0].size_bytes += 1,
        |published| published.storages[0].version = "v77-0".into(),
        |published| published.storages[0].name = "elsewhere".into(),
    ] {
        let sealed = Sealed::new();
        sealed.published(change);
        sealed.says("", "published");
    }
    let sealed = Sealed::new();
    sealed.record(|location| location.row_count += 1);
    sealed.says("Time.col", "not the one that the location record names");
}

#[test]
fn codes_need_their_strings() {
    let sealed = Sealed::new();
    sealed.replace("Sym", "sym", sealed_symbols::encode(["", "AAPL"]).unwrap());
    sealed.says("Sym.col", "in a table of 2 strings");
}
