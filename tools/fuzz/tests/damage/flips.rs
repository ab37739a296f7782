//! F11: every single bit.

use crate::reading::{Reading, Scope, read, read_table};
use crate::sample::{LOCATION, Sample, in_parallel, table};
use crate::tally::Tally;
use pilaster::format::commit::CommitRecord;
use pilaster::io::{FileSystem, OpenMode};
use pilaster::storage::LocationKey;
use pilaster::storage::catalog::TableEntry;
use rayon::prelude::*;
use std::path::Path;
use std::sync::Arc;

/// Bytes that one task damages, on a copy of its own.
const TASK_BYTES: usize = 512;

#[test]
fn fault_f11_every_bit() {
    let sample = Sample::new(7, true);
    let (tally, whole) = (Tally::default(), whole_of(&sample.copy()));
    let record = record_of(&table(&sample.copy()).unwrap());
    let tasks: Vec<(&str, &[u8], usize)> = sample
        .files
        .iter()
        .flat_map(|(path, bytes)| (0..bytes.len()).step_by(TASK_BYTES).map(|from| (path.as_str(), &bytes[..], from)))
        .collect();
    let damage = |&(path, bytes, from): &(&str, &[u8], usize)| {
        let fs = sample.copy();
        let file = fs.open(Path::new(path), OpenMode::Write).unwrap();
        let scope = Scope::of_file(path);
        // What has no part in the damage is opened once.
        let opened = table(&fs).unwrap();
        let part = if scope == Scope::All { whole_of(&fs) } else { read_table(&opened, &scope) };
        let is_commit = path == format!("{LOCATION}/commit");
        for at in from..bytes.len().min(from + TASK_BYTES) {
            for bit in 0..8 {
                file.write_all_at(&[bytes[at] ^ 1 << bit], at as u64).unwrap();
                // Everything that a query may touch for one bit in many; what depends on the file for all of them.
                let (good, scope) = if bit == at % 8 && at % 32 == 0 { (&whole, &Scope::All) } else { (&part, &scope) };
                let how = || format!("byte {at} bit {bit}");
                let read = || match is_commit && *scope != Scope::All && record_of(&opened) == record {
                    // The very record over the very files: what it leads to was read before.
                    true => good
                        .iter()
                        .filter_map(|(part, value)| Some((part.clone(), Ok(value.as_ref().ok()?.clone()))))
                        .collect::<Reading>(),
                    false if *scope == Scope::All => whole_of(&fs),
                    false => read_table(&opened, scope),
                };
                tally.check(good, path, &how, read, &|_| false);
            }
            file.write_all_at(&bytes[at..at + 1], at as u64).unwrap();
        }
    };
    in_parallel(|| tasks.par_iter().for_each(damage));
    tally.report("fault_f11_every_bit", &format!("bits of {} files, {} bytes", sample.files.len(), sample.bytes()));
    assert!(tally.refused() > 20_000);
}

fn whole_of(fs: &Arc<dyn FileSystem>) -> Reading {
    read(fs, &Scope::All)
}

/// The commit record that a reader finds.
fn record_of(table: &TableEntry) -> Option<CommitRecord> {
    let key = LocationKey { column_partition: crate::sample::INTRADAY.into(), internal_partition: "feed".into() };
    table.intraday_handle(key, &Arc::default()).ok()?.open_intraday().ok()?.record().cloned()
}
