//! F18: imports of hostile text in a process that may have little memory: errors, or rows, and the process lives.
#![expect(clippy::disallowed_methods, reason = "starts processes on the real file system")]

use crate::imports;
use crate::processes::{Role, Worker};
use pilaster::base::{Error, Result};
use pilaster::io::FileSystem;
use pilaster::storage::import::{CsvInput, ImportMode, ImportOptions, PartitionTarget, import_csv};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// Address space of a child, the 400 MB that a field may claim at once included.
const ADDRESS_SPACE: u64 = 1_500 << 20;
const CASES: u64 = 30;

/// Text that goes on and on: a beginning, a part again and again, an end.
struct Endless {
    head: &'static [u8],
    part: &'static [u8],
    times: u64,
    at: u64,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let end = self.head.len() as u64 + self.part.len() as u64 * self.times;
        let mut done = 0;
        while done < buffer.len() && self.at < end {
            let from = match self.at.checked_sub(self.head.len() as u64) {
                None => &self.head[self.at as usize..],
                Some(beyond) => &self.part[(beyond % self.part.len() as u64) as usize..],
            };
            let count = from.len().min(buffer.len() - done);
            buffer[done..done + count].copy_from_slice(&from[..count]);
            done += count;
            self.at += count as u64;
        }
        Ok(done)
    }
}

const HEAD: &[u8] = b"Date,Sym,Tag,Price\n";
const FIELD: &[u8] = b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A beginning, what repeats, and how many bytes of it at the most.
const TEXTS: [(&[u8], &[u8], u64); 15] = [
    // One field that never ends, plain, quoted, in the header.
    (b"Date,Sym,Tag,Price\n2017-08-25,", FIELD, 256 << 20),
    (b"Date,Sym,Tag,Price\n2017-08-25,\"", FIELD, 256 << 20),
    (b"", FIELD, 256 << 20),
    (b"\"", b"\"\"", 64 << 20),
    // Records of fields without end, headers of columns without end.
    (b"Date,Sym,Tag,Price\n2017-08-25", b",", 64 << 20),
    (b"", b"a,", 64 << 20),
    // Empty lines, carriage returns, zeros.
    (HEAD, b"\n", 16 << 20),
    (HEAD, b"\r", 64 << 20),
    (HEAD, b"\0", 64 << 20),
    (b"", b"\0", 64 << 20),
    (b"", b"\n", 16 << 20),
    // Quotes that open and close.
    (HEAD, b"\"\n\"", 32 << 20),
    (HEAD, b"\",\"", 64 << 20),
    // Bytes that are no text, and wrong records only.
    (HEAD, b"\xff\xfe,\xff\n", 4 << 20),
    (HEAD, b"2017-08-25,S,x,y\n", 4 << 20),
];

/// The child's part: little memory, then one of the texts.
pub(crate) fn import(fs: &Arc<dyn FileSystem>, number: u64) -> Result<()> {
    let limit = Rlimit { current: Some(ADDRESS_SPACE), maximum: Some(ADDRESS_SPACE) };
    setrlimit(Resource::As, limit)
        .map_err(|errno| Error::io("limit the memory of", Path::new("this"), errno.into()))?;
    let (head, part, bytes) = TEXTS[(number / 2) as usize];
    let endless = Endless { head, part, times: bytes / part.len() as u64, at: 0 };
    let target = match number % 2 {
        0 => PartitionTarget::Column("Date".into()),
        _ => PartitionTarget::Value(imports::DATES[0].into()),
    };
    let options =
        ImportOptions { mode: ImportMode::Replace, source: imports::SOURCE.into(), ..ImportOptions::new(target) };
    let input = CsvInput::new("hostile.csv", Box::new(endless));
    import_csv(fs, Path::new(imports::TABLE), &imports::definition(), input, &options, &|_| Ok(()))?;
    println!("\nimported");
    Ok(())
}

#[test]
fn fault_f18_hostile_imports_in_little_memory_end_in_errors() {
    let (mut errors, mut imported) = (0, 0);
    for number in 0..CASES {
        let place = tempfile::tempdir().expect("a directory");
        let mut worker = Worker::start(Role::Hostile, place.path(), number);
        // Whoever is killed, or aborts for lack of memory, says nothing.
        let mut said = None;
        while let Some(line) = worker.next_line("") {
            if line.starts_with("failed ") || line.starts_with("imported") {
                said = Some(line);
                break;
            }
        }
        let said = said.unwrap_or_else(|| panic!("case {number}: the process died"));
        if said.starts_with("imported") {
            imported += 1;
        } else {
            errors += 1;
        }
        let left = std::fs::read_dir(place.path().join(imports::TABLE)).map_or(0, Iterator::count);
        assert!(said.starts_with("imported") || left == 0, "case {number}: {said}; {left} entries left behind");
    }
    println!(
        "F18  hostile imports with {} MB of address space: {CASES} cases, {errors} errors, {imported} without rows or with all, 0 deaths",
        ADDRESS_SPACE >> 20
    );
    assert_eq!(errors + imported, CASES);
}
