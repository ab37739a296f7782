//! Lists that may outgrow memory: appended once, read from the start any number of times, in a file of the merge's own directory.
//!
//! **Invariant:** what is read back is what was written, or an error: each piece's checksum is kept in memory.

use crate::base::{Error, Result};
use crate::io::{File, FileSystem, OpenMode};
use bytemuck::Pod;
use std::path::PathBuf;
use std::sync::Arc;

/// Bytes of a piece, the unit of writing and reading.
const PIECE_BYTES: usize = 256 << 10;

/// Fixed-size items in the order in which they were pushed. Lists of less than a piece make no file.
pub(super) struct SpillList<T> {
    fs: Arc<dyn FileSystem>,
    path: PathBuf,
    file: Option<Arc<dyn File>>,
    /// What is not in the file.
    buffer: Vec<T>,
    /// Of each piece in the file.
    checksums: Vec<u32>,
}

impl<T: Pod> SpillList<T> {
    /// An empty list; its file is made when it is needed, at a path where nothing is.
    pub(super) fn new(fs: &Arc<dyn FileSystem>, path: PathBuf) -> Self {
        SpillList { fs: fs.clone(), path, file: None, buffer: Vec::new(), checksums: Vec::new() }
    }

    fn piece_items() -> usize {
        PIECE_BYTES / size_of::<T>()
    }

    /// Appends an item.
    pub(super) fn push(&mut self, item: T) -> Result<()> {
        self.buffer.push(item);
        if self.buffer.len() < Self::piece_items() {
            return Ok(());
        }
        if self.file.is_none() {
            self.file = Some(self.fs.open(&self.path, OpenMode::CreateNew)?);
        }
        let Some(file) = &self.file else { return Ok(()) };
        let bytes: &[u8] = bytemuck::cast_slice(&self.buffer);
        file.write_all_at(bytes, (self.checksums.len() * bytes.len()) as u64)?;
        self.checksums.push(crc32fast::hash(bytes));
        self.buffer.clear();
        Ok(())
    }

    /// Gives back memory that only pushing needs.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.buffer.shrink_to_fit();
        Ok(())
    }

    /// The items from the first on.
    pub(super) fn reader(&self) -> SpillReader<'_, T> {
        SpillReader { list: self, piece: 0, items: Vec::new(), at: 0 }
    }
}

/// Reads a list.
pub(super) struct SpillReader<'a, T> {
    list: &'a SpillList<T>,
    /// The next piece to read.
    piece: usize,
    items: Vec<T>,
    at: usize,
}

impl<T: Pod> SpillReader<'_, T> {
    /// The next item, none at the end.
    pub(super) fn next(&mut self) -> Result<Option<T>> {
        if self.at == self.items.len() {
            self.read_piece()?;
        }
        let item = self.items.get(self.at).copied();
        self.at += 1;
        Ok(item)
    }

    fn read_piece(&mut self) -> Result<()> {
        self.at = 0;
        self.items.clear();
        let number = self.piece;
        self.piece += 1;
        match (self.list.checksums.get(number), &self.list.file) {
            (Some(&checksum), Some(file)) => {
                self.items.resize(SpillList::<T>::piece_items(), T::zeroed());
                let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut self.items);
                let offset = (number * bytes.len()) as u64;
                file.read_exact_at(bytes, offset)?;
                if crc32fast::hash(bytes) != checksum {
                    return Err(Error::corrupt("an unfinished merge's own file changed")
                        .at_path(file.path())
                        .at_offset(offset));
                }
            }
            // Asked for again at the end, there is nothing more.
            _ if number == self.list.checksums.len() => self.items.extend_from_slice(&self.list.buffer),
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::SimulatedFileSystem;
    use std::path::Path;

    #[test]
    fn items_come_back_in_order_from_memory_and_file() {
        for count in [0u64, 1, 32_767, 32_768, 100_000] {
            let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new(1));
            let mut list = SpillList::new(&fs, "list".into());
            (0..count).for_each(|item| list.push(item * 7).unwrap());
            list.finish().unwrap();
            assert_eq!(fs.metadata(Path::new("list")).unwrap().is_some(), count >= 32_768);
            for _ in 0..2 {
                let mut reader = list.reader();
                (0..count).for_each(|item| assert_eq!(reader.next().unwrap(), Some(item * 7)));
                assert_eq!(reader.next().unwrap(), None);
                assert_eq!(reader.next().unwrap(), None);
            }
        }
    }

    #[test]
    fn a_changed_file_is_noticed() {
        let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new(1));
        let mut list = SpillList::new(&fs, "list".into());
        (0..40_000u64).for_each(|item| list.push(item).unwrap());
        fs.open(Path::new("list"), OpenMode::Write).unwrap().write_all_at(&[9], 77).unwrap();
        assert!(list.reader().next().unwrap_err().is_corrupt());
    }
}
