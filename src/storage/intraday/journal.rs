//! The journal of a location: how a writer makes a commit of any number of files durable by one write and one sync, and what recovery
//! reads out of it after a power cut. Layout: [`crate::format::journal`].
//!
//! **Invariants:** a record is synced before the bytes that it carries are seen by anybody, and before the next one is written. Records are
//! overwritten only after a durable record of the commit file, their next base, was synced: it covers them. Only the writer whose durable
//! record the base is appends.

use super::tails::Tails;
use crate::base::{Error, Result};
use crate::format::commit::{ColumnFile, CommitRecord, FileState};
use crate::format::journal::{
    ALIGN, Base, HEAD_BYTES, Head, JOURNAL_BYTES_MAX, JOURNAL_FILE, JournalRecord, Piece, decode, decode_head, encode,
    next_offset,
};
use crate::io::{File, FileSystem, OpenMode};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Bytes of a new journal. Doubled when it is full, so that a location with few commits does not pay for many.
const BYTES_FIRST: u64 = 64 << 10;
/// Bytes up to which it grows: some thousand small commits between two checkpoints.
const BYTES_GROWN: u64 = 4 << 20;
/// Bytes that are looked through at once for heads of records.
const WINDOW_BYTES: u64 = 256 << 10;
/// Commits of more bytes sync the column files instead: then it is the bytes that cost, and here they would be written twice.
pub(super) const BATCH_BYTES_MAX: usize = 1 << 20;

/// A commit's bytes for one file.
#[derive(Debug)]
pub(super) struct Appended {
    pub(super) column: usize,
    pub(super) file: ColumnFile,
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
}

impl Appended {
    fn piece(&self) -> Piece<'_> {
        Piece { column: self.column, file: self.file, offset: self.offset, bytes: &self.bytes }
    }
}

/// The writer's end of the journal.
#[derive(Debug, Default)]
pub(super) struct JournalWriter {
    file: Option<Arc<dyn File>>,
    size: u64,
    /// Where the next record goes.
    head: u64,
    base: Option<Base>,
    /// True if a record did not fit: it is enlarged at the next checkpoint.
    full: bool,
}

impl JournalWriter {
    /// Appends a commit and syncs it: it is durable when this returns true. False, and nothing written, where there is no room: then
    /// whoever commits makes a checkpoint, and the journal begins anew from that.
    pub(super) fn append(
        &mut self,
        fs: &dyn FileSystem,
        directory: &Path,
        base: Base,
        record: &CommitRecord,
        appended: &[Appended],
    ) -> Result<bool> {
        if self.base != Some(base) {
            self.prepare(fs, directory)?;
            (self.base, self.head) = (Some(base), 0);
        }
        let pieces: Vec<Piece<'_>> = appended.iter().map(Appended::piece).collect();
        let bytes = encode(&base, fs.boot(), record, &pieces);
        let Some(file) = self.file.as_ref().filter(|_| self.head + bytes.len() as u64 <= self.size) else {
            self.full = true;
            return Ok(false);
        };
        if let Err(error) = file.write_all_at(&bytes, self.head).and_then(|()| file.sync()) {
            // Nobody was told of the commit, and nobody is to see it while the system is up: a power cut may take it, or leave it. Whoever
            // cannot write here cannot help it.
            let _ = file.write_all_at(&[0; ALIGN as usize][..bytes.len().min(ALIGN as usize)], self.head);
            return Err(error);
        }
        self.head = next_offset(self.head, bytes.len() as u64);
        Ok(true)
    }

    /// Makes the file, or enlarges it. Its bytes are written before they are needed: overwriting is synced without changes to the size of
    /// the file or its place on the disk, in half the time of appending.
    fn prepare(&mut self, fs: &dyn FileSystem, directory: &Path) -> Result<()> {
        let path = directory.join(JOURNAL_FILE);
        let (from, size) = match &self.file {
            Some(_) if !self.full || self.size >= BYTES_GROWN => return Ok(()),
            Some(_) => (self.size, self.size * 2),
            // What another writer left may never have reached the disk, size included: all of it is written anew.
            None => {
                let found = fs.metadata(&path)?.map_or(0, |found| found.size_bytes);
                (0, found.clamp(BYTES_FIRST, BYTES_GROWN).next_multiple_of(ALIGN))
            }
        };
        let file = match self.file.take() {
            Some(file) => file,
            None => fs.open(&path, OpenMode::Create)?,
        };
        file.write_all_at(&vec![0; (size - from) as usize], from)?;
        file.sync()?;
        if from == 0 {
            fs.sync_dir(directory)?;
        }
        (self.file, self.size, self.full) = (Some(file), size, false);
        Ok(())
    }
}

/// What a journal has beyond the slots of the commit file.
#[derive(Debug, Default)]
pub(super) struct Replay {
    /// The last commit in it, if that is newer than what the slots have, and the bytes of its files from their durable sizes on.
    pub(super) newer: Option<(CommitRecord, Arc<Tails>)>,
    /// Why an even newer commit is lost, and its version.
    pub(super) lost: Option<(Error, (u64, u64))>,
    /// The start of the system that wrote its newest record.
    pub(super) boot: [u8; 16],
}

impl Replay {
    /// True where the slots have everything.
    pub(super) fn is_nothing(&self) -> bool {
        self.newer.is_none() && self.lost.is_none()
    }
}

/// Reads what the journal has beyond the version `found`. `durable` is the newest durable record of the commit file. Costs a read of the file.
pub(super) fn replay(
    fs: &dyn FileSystem,
    directory: &Path,
    durable: &CommitRecord,
    found: (u64, u64),
) -> Result<Replay> {
    let file = match fs.open(&directory.join(JOURNAL_FILE), OpenMode::Read) {
        Err(error) if error.is_not_found() => return Ok(Replay::default()),
        answer => answer?,
    };
    let size = file.size()?.min(JOURNAL_BYTES_MAX);
    let base = Base { location: durable.location, version: durable.version() };
    let heads = heads(&*file, size, &base)?;
    let Some(last) = heads.iter().map(|(_, head)| *head).max_by_key(|head| head.generation) else {
        return Ok(Replay::default());
    };
    let newest = (base.version.0, last.generation);
    if newest <= found {
        return Ok(Replay::default());
    }
    let mut chain = Chain::new(durable);
    let mut expected = (0, base.version.1.saturating_add(1));
    let mut broken = None;
    for (offset, head) in &heads {
        if (*offset, head.generation) != expected {
            broken = Some(Error::corrupt(format!("no record of generation {} at {}", expected.1, expected.0)));
            break;
        }
        let read = read_record(&*file, *offset, size, head, &mut chain);
        match read {
            Ok(()) => expected = (next_offset(*offset, head.size), head.generation.saturating_add(1)),
            Err(error) if error.is_corrupt() => {
                broken = Some(error.at_offset(*offset));
                break;
            }
            Err(error) => return Err(error),
        }
    }
    let newer = match chain.finish(directory) {
        Ok(newer) => newer.filter(|(record, _)| record.version() > found),
        Err(error) => {
            broken = Some(error);
            None
        }
    };
    let reached = newer.as_ref().map_or(found, |(record, _)| record.version()).max(found);
    // The last record may be one that a power cut tore: it was never acknowledged. One before another was.
    let torn = newest.1 == expected.1 && heads.last().is_some_and(|(offset, _)| *offset == expected.0);
    let lost = broken.filter(|_| newest > reached && !torn).map(|error| (error.at_path(file.path()), newest));
    Ok(Replay { newer, lost, boot: last.boot })
}

/// The heads of all records of a base, with their places.
fn heads(file: &dyn File, size: u64, base: &Base) -> Result<Vec<(u64, Head)>> {
    let mut heads = Vec::new();
    let mut window = Vec::new();
    let (mut start, mut offset) = (0, 0);
    while offset + HEAD_BYTES as u64 <= size {
        if offset < start || offset + HEAD_BYTES as u64 > start + window.len() as u64 {
            start = offset;
            window.resize((size - start).min(WINDOW_BYTES) as usize, 0);
            file.read_exact_at(&mut window, start)?;
        }
        let bytes = &window[(offset - start) as usize..];
        let head = decode_head(bytes, base).map_err(|error| error.at_path(file.path()).at_offset(offset))?;
        offset = match head {
            Some(head) => {
                heads.push((offset, head));
                next_offset(offset, head.size)
            }
            None => offset + ALIGN,
        };
    }
    Ok(heads)
}

fn read_record(file: &dyn File, offset: u64, size: u64, head: &Head, chain: &mut Chain<'_>) -> Result<()> {
    if head.size > size - offset {
        return Err(Error::corrupt(format!("a record of {} bytes in a journal of {size}", head.size)));
    }
    let mut bytes = vec![0; head.size as usize];
    file.read_exact_at(&mut bytes, offset)?;
    chain.push(decode(&bytes, head)?)
}

/// Commits one after the other, put together.
struct Chain<'a> {
    durable: &'a CommitRecord,
    last: Option<CommitRecord>,
    /// By column and place of the file among the column's.
    tails: BTreeMap<(usize, usize), Vec<u8>>,
}

impl<'a> Chain<'a> {
    fn new(durable: &'a CommitRecord) -> Self {
        Chain { durable, last: None, tails: BTreeMap::new() }
    }

    /// Takes the next commit; leaves everything as it was where a piece does not go on from the one before.
    fn push(&mut self, next: JournalRecord<'_>) -> Result<()> {
        let names = |record: &CommitRecord| record.columns.iter().map(|c| (c.name.clone(), c.form)).collect::<Vec<_>>();
        if names(&next.record) != names(self.durable) {
            return Err(Error::corrupt("its columns are not those of its base"));
        }
        let mut places = Vec::with_capacity(next.pieces.len());
        for piece in &next.pieces {
            let column = &self.durable.columns[piece.column];
            let place = column.files().position(|(file, _)| file == piece.file).unwrap_or(usize::MAX);
            let start = column.file(piece.file).map_or(0, |state| state.size);
            let before = self.tails.get(&(piece.column, place)).map_or(0, |tail| tail.len() as u64);
            if start.checked_add(before) != Some(piece.offset) {
                return Err(Error::corrupt(format!("a piece at {} of a file that ends elsewhere", piece.offset)));
            }
            places.push((piece.column, place));
        }
        for (place, piece) in places.into_iter().zip(&next.pieces) {
            self.tails.entry(place).or_default().extend_from_slice(piece.bytes);
        }
        self.last = Some(next.record);
        Ok(())
    }

    /// The last commit, with the ends of its files if they are what it says.
    fn finish(mut self, directory: &Path) -> Result<Option<(CommitRecord, Arc<Tails>)>> {
        let Some(record) = self.last else { return Ok(None) };
        let mut tails = Tails::default();
        for (number, column) in record.columns.iter().enumerate() {
            for (place, (file, state)) in column.files().enumerate() {
                let bytes = self.tails.remove(&(number, place)).unwrap_or_default();
                let base = self.durable.columns[number].file(file).map_or(0, |base| base.size);
                check_tail(state, base, &bytes).map_err(|error| error.context(file.name(&column.name)))?;
                if !bytes.is_empty() {
                    tails.insert(directory.join(file.name(&column.name)), state.durable_size, bytes);
                }
            }
        }
        Ok(Some((record, Arc::new(tails))))
    }
}

/// Compares the end of a file, which goes on from `base` bytes, with what the record says of it.
fn check_tail(state: &FileState, base: u64, bytes: &[u8]) -> Result<()> {
    let fits = state.durable_size == base && base.checked_add(bytes.len() as u64) == Some(state.size);
    if !fits || (!bytes.is_empty() && crc32fast::hash(bytes) != state.delta_checksum) {
        return Err(Error::corrupt(format!(
            "the journal has {} bytes from {base} on, the record others from {} to {}",
            bytes.len(),
            state.durable_size,
            state.size
        )));
    }
    Ok(())
}
