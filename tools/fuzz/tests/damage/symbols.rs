//! F25: symbol tables that nobody wrote: bytes that are no text, ends that lead astray, strings twice, codes without a string.

use crate::reading::{Reading, Scope, read};
use crate::sample::{LOCATION, Sample, put, table};
use pilaster::format::commit::slot::{DecodedSlot, PAGE_BYTES, SLOT_COUNT, decode, encode, slot_offset};
use pilaster::format::commit::{ColumnFile, CommitRecord};
use pilaster::io::FileSystem;
use pilaster::storage::TableKind;
use pilaster::storage::check::{VerifyOptions, verify_bare};
use pilaster::storage::intraday::{IntradayWriter, WriterOptions};
use std::path::Path;
use std::sync::Arc;

fn ends(ends: &[u64]) -> Vec<u8> {
    ends.iter().flat_map(|end| end.to_le_bytes()).collect()
}

/// The commit file with another record in every slot that has one, its checksums right.
fn with_record(commit: &[u8], change: impl Fn(&mut CommitRecord)) -> Vec<u8> {
    let mut changed = commit.to_vec();
    let location = commit[16..32].try_into().unwrap();
    for slot in 0..SLOT_COUNT {
        let place = slot_offset(slot) as usize..slot_offset(slot) as usize + PAGE_BYTES;
        if let DecodedSlot::Record(mut record) = decode(&commit[place.clone()], slot, location).unwrap() {
            change(&mut record);
            changed[place].copy_from_slice(&encode(&record, slot).page);
        }
    }
    changed
}

/// Reads column C1 after its symbol table was replaced, the commit record telling of the new one; and whether a writer takes the location.
fn with_table(sample: &Sample, ends: &[u8], text: &[u8]) -> (Reading, bool) {
    let fs = forged(sample, ends, text);
    let reading = read(&fs, &Scope::Columns(TableKind::Intraday, Some("C1".into())));
    let columns: Vec<_> = table(&fs).unwrap().schema().definition.stored().cloned().collect();
    let writes = IntradayWriter::open(fs, Path::new(LOCATION), &columns, WriterOptions::default()).is_ok();
    (reading, writes)
}

/// The root with another symbol table of column C1.
fn forged(sample: &Sample, ends: &[u8], text: &[u8]) -> Arc<dyn FileSystem> {
    let fs = sample.copy();
    put(&*fs, &format!("{LOCATION}/C1.sym"), ends);
    put(&*fs, &format!("{LOCATION}/C1.sym.bytes"), text);
    let commit = format!("{LOCATION}/commit");
    let changed = with_record(sample.file(&commit), |record| {
        let column = record.columns.iter_mut().find(|column| column.name == "C1").unwrap();
        let files: Vec<ColumnFile> = ColumnFile::of(column.form).collect();
        for (file, bytes) in [(ColumnFile::SymbolEnds, ends), (ColumnFile::SymbolText, text)] {
            let at = files.iter().position(|&other| other == file).unwrap();
            let state = &mut column.files[at];
            (state.size, state.durable_size, state.checksum, state.delta_checksum) =
                (bytes.len() as u64, bytes.len() as u64, crc32fast::hash(bytes), 0);
        }
    });
    put(&*fs, &commit, &changed);
    fs
}

/// What verifying says of the location.
fn verified(fs: &Arc<dyn FileSystem>) -> Vec<String> {
    let report = verify_bare(fs, Path::new(LOCATION), VerifyOptions { threads: 1 }, &|_, _| Ok(())).unwrap();
    report.problems.into_iter().map(|problem| format!("{}: {}", problem.path.display(), problem.what)).collect()
}

#[test]
fn fault_f25_symbol_tables() {
    let sample = Sample::new(7, true);
    let good = read(&sample.copy(), &Scope::Columns(TableKind::Intraday, Some("C1".into())));
    let ok = (&ends(&[5, 8, 11])[..], &b"threeonetwo"[..]);
    let (same, writes) = with_table(&sample, ok.0, ok.1);
    assert!(writes && same.values().all(Result::is_ok), "{same:?}");
    let mut tested = 0;
    for (what, table_ends, text) in [
        ("not UTF-8", ends(&[5, 8, 11]), b"thr\xffeonetwo".to_vec()),
        ("cut within a letter", ends(&[1, 8, 11]), "é...one.two".as_bytes().to_vec()),
        ("ends that go back", ends(&[8, 5, 11]), b"threeonetwo".to_vec()),
        ("an end beyond the text", ends(&[5, 8, 12]), b"threeonetwo".to_vec()),
        ("an end beyond memory", ends(&[5, 8, u64::MAX]), b"threeonetwo".to_vec()),
        ("fewer strings than codes", ends(&[5]), b"three".to_vec()),
        ("no strings", Vec::new(), Vec::new()),
        ("half an end", ends(&[5, 8, 11])[..20].to_vec(), b"threeonetwo".to_vec()),
    ] {
        let (reading, _) = with_table(&sample, &table_ends, &text);
        let error =
            reading.values().find_map(|value| value.as_ref().err()).unwrap_or_else(|| panic!("{what}: {reading:?}"));
        assert!(error.is_corrupt() && error.to_string().contains(LOCATION), "{what}: {error}");
        tested += 1;
    }
    // Empty strings are strings.
    let (reading, writes) = with_table(&sample, &ends(&[0, 3, 6]), b"onetwo");
    assert!(
        writes && reading.values().all(Result::is_ok) && format!("{reading:?}").contains("String(\\\"\\\")"),
        "{reading:?}"
    );
    // A string with two codes: rows keep their text, and nobody adds to such a table.
    let (reading, writes) = with_table(&sample, &ends(&[3, 6, 9]), b"twotwoone");
    assert!(reading.values().all(Result::is_ok) && !writes, "{reading:?}");
    assert_eq!(verified(&forged(&sample, ok.0, ok.1)), [""; 0]);
    let told = verified(&forged(&sample, &ends(&[3, 6, 9]), b"twotwoone"));
    assert!(
        told.len() == 1 && told[0].contains("C1.sym") && told[0].contains("codes 0 and 1 stand for the same string"),
        "{told:?}"
    );
    // More symbols than codes can name.
    let commit = format!("{LOCATION}/commit");
    for count in [1u64 << 32, 1 << 60] {
        let fs = sample.copy();
        let changed = with_record(sample.file(&commit), |record| {
            let column = record.columns.iter_mut().find(|column| column.name == "C1").unwrap();
            column.files[2].size = count.wrapping_mul(8);
            column.files[2].durable_size = count.wrapping_mul(8);
        });
        put(&*fs, &commit, &changed);
        let reading = read(&fs, &Scope::Columns(TableKind::Intraday, Some("C1".into())));
        assert!(
            reading.values().any(|value| value.as_ref().is_err_and(|error| error.is_corrupt())),
            "{count}: {reading:?}"
        );
        tested += 1;
    }
    tested += sealed(&sample);
    println!(
        "fault_f25_symbol_tables: {} forged tables refused or read right, of {} good parts",
        tested + 3,
        good.len()
    );
}

/// Sealed tables with all checksums right, of which something else is not.
fn sealed(sample: &Sample) -> u64 {
    let place =
        sample.files.iter().find(|(path, _)| path.ends_with("/C1.sym") && path.starts_with("historical")).unwrap();
    let location = place.0.replace("C1.sym", "location");
    let published = "historical/Ns/T/.published/2017-08-24";
    let mut tested = 0;
    for (what, table_ends, text) in [
        ("out of order", ends(&[3, 6, 11]), b"twoonethree".to_vec()),
        ("a string twice", ends(&[3, 6, 11]), b"oneonethree".to_vec()),
        ("not UTF-8", ends(&[3, 8, 11]), b"onethre\xfftwo".to_vec()),
        ("ends that go back", ends(&[8, 3, 11]), b"onethreetwo".to_vec()),
        ("fewer strings than codes", ends(&[3]), b"one".to_vec()),
    ] {
        let fs = sample.copy();
        let mut bytes = place.1[..16].to_vec();
        bytes.extend_from_slice(&(table_ends.len() as u64 / 8).to_le_bytes());
        bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&table_ends).to_le_bytes());
        bytes.extend_from_slice(&crc32fast::hash(&text).to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        let seal = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&seal.to_le_bytes());
        bytes.extend([&table_ends[..], &text].concat());
        put(&*fs, &place.0, &bytes);
        // The records above it are made to name this very table.
        let mut record = pilaster::format::location_record::LocationRecord::decode(sample.file(&location)).unwrap();
        let column = record.columns.iter_mut().find(|column| column.name == "C1").unwrap();
        let symbols = column.symbols.as_mut().unwrap();
        (symbols.size_bytes, symbols.seal) = (bytes.len() as u64, seal);
        let record = record.encode().unwrap();
        put(&*fs, &location, &record);
        let mut current = pilaster::format::location_record::PublishedRecord::decode(sample.file(published)).unwrap();
        current.storages[0].seal = pilaster::format::record::seal(&record);
        put(&*fs, published, &current.encode().unwrap());
        let reading = read(&fs, &Scope::Columns(TableKind::Historical, Some("C1".into())));
        let error =
            reading.values().find_map(|value| value.as_ref().err()).unwrap_or_else(|| panic!("{what}: {reading:?}"));
        assert!(error.is_corrupt() && error.to_string().contains("/C1."), "{what}: {error}");
        tested += 1;
    }
    tested
}
