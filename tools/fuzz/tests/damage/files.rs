//! F12: files that are cut, lost, emptied, zeroed, or another file.

use crate::reading::{Reading, Scope, read, read_table};
use crate::sample::{HISTORY, LOCATION, Sample, in_parallel, put, table};
use crate::tally::Tally;
use rayon::prelude::*;
use std::path::Path;

/// Readings in which the merged partition is not there: what names a partition is its published record, and without one there is none.
fn is_unpublished(path: &str, reading: &Reading) -> bool {
    let published = format!("historical/Ns/T/.published/{HISTORY}");
    path == published
        && !reading.contains_key(&format!("root/historical/main-{HISTORY}"))
        && reading.values().all(Result::is_ok)
}

#[test]
fn fault_f12_every_cut() {
    let sample = Sample::new(7, true);
    let tally = Tally::default();
    let damage = |(path, bytes): &(String, Vec<u8>)| {
        let fs = sample.copy();
        let scope = Scope::of_file(path);
        let opened = table(&fs).unwrap();
        let read = || if scope == Scope::All { read(&fs, &scope) } else { read_table(&opened, &scope) };
        let good = read();
        for length in 0..bytes.len() {
            put(&*fs, path, &bytes[..length]);
            tally.check(&good, path, &|| format!("cut to {length}"), read, &|_| false);
            let mut zeroed = bytes.clone();
            zeroed[length..].fill(0);
            // The unused end of a slot is zeros anyway, and zeroing less of it costs no more insight.
            if zeroed == *bytes || path.ends_with("commit") && length % 32 != 0 {
                continue;
            }
            put(&*fs, path, &zeroed);
            tally.check(&good, path, &|| format!("zeros from {length}"), read, &|_| false);
        }
        put(&*fs, path, bytes);
    };
    in_parallel(|| sample.files.par_iter().for_each(damage));
    tally.report("fault_f12_every_cut", "cut and zeroed files");
    assert!(tally.refused() > 10_000);
}

#[test]
fn fault_f12_lost_and_swapped_files() {
    let sample = Sample::new(7, true);
    // The same shape, other values; the same values, another life of the location.
    let others = [Sample::new(8, true), Sample::new(7, true)];
    let tally = Tally::default();
    let damage = |(path, bytes): &(String, Vec<u8>)| {
        let fs = sample.copy();
        let whole = read(&fs, &Scope::All);
        let (scope, opened) = (Scope::of_file(path), table(&fs).unwrap());
        let good = if scope == Scope::All { read(&fs, &scope) } else { read_table(&opened, &scope) };
        let check = |how: &str| {
            tally.check(&whole, path, &|| how.into(), || read(&fs, &Scope::All), &|reading| {
                is_unpublished(path, reading)
            })
        };
        fs.remove_file(Path::new(path)).unwrap();
        check("missing");
        for (how, content) in
            [("empty", Vec::new()), ("zeros", vec![0; bytes.len()]), ("longer", [bytes, &[0][..]].concat())]
        {
            put(&*fs, path, &content);
            check(how);
        }
        for (other, content) in sample.files.iter().filter(|(other, content)| other != path && content != bytes) {
            put(&*fs, path, content);
            // A file in another's place is told by its first bytes or its checksum, wherever it is: what depends on it suffices.
            let read = || if scope == Scope::All { read(&fs, &scope) } else { read_table(&opened, &scope) };
            tally.check(&good, path, &|| format!("is {other}"), read, &|_| false);
        }
        for other in &others {
            let name = Path::new(path).file_name().unwrap();
            let found = other
                .files
                .iter()
                .find(|(other, _)| same_place(other, path) && Path::new(other).file_name() == Some(name));
            if let Some((_, content)) = found.filter(|(_, content)| content != bytes) {
                put(&*fs, path, content);
                check("of another root");
            }
        }
        put(&*fs, path, bytes);
    };
    in_parallel(|| sample.files.par_iter().for_each(damage));
    tally.report("fault_f12_lost_and_swapped_files", &format!("damages of {} files", sample.files.len()));
    assert!(tally.refused() > 500);
}

/// True for the same file of two roots, whatever the name of the merged version.
fn same_place(one: &str, other: &str) -> bool {
    let place = |path: &str| path.split('/').take(4).map(str::to_string).collect::<Vec<_>>();
    place(one) == place(other)
}

/// Two files of one location that lie in each other's place.
#[test]
fn fault_f12_exchanged_files() {
    let sample = Sample::new(7, true);
    let tally = Tally::default();
    let files: Vec<&(String, Vec<u8>)> = sample.files.iter().collect();
    let damage = |first: usize| {
        let fs = sample.copy();
        let opened = table(&fs).unwrap();
        let ((path, bytes), directory) = (files[first], Path::new(&files[first].0).parent());
        for (other, content) in files[first + 1..]
            .iter()
            .filter(|(other, content)| Path::new(other).parent() == directory && content != bytes)
        {
            put(&*fs, path, content);
            put(&*fs, other, bytes);
            let mut scope = Scope::of_file(path);
            if let Scope::Columns(_, column) = &mut scope {
                *column = None;
            }
            let found = read_table(&opened, &scope);
            put(&*fs, path, bytes);
            put(&*fs, other, content);
            tally
                .check(&read_table(&opened, &scope), path, &|| format!("exchanged with {other}"), || found, &|_| false);
        }
    };
    in_parallel(|| (0..files.len()).into_par_iter().for_each(damage));
    tally.report("fault_f12_exchanged_files", &format!("pairs of files, among them those of {LOCATION}"));
    assert!(tally.refused() > 100);
}
