//! The maps of files that are alive, so that whoever has bytes of one can give back the memory behind them.
//!
//! **Invariant:** only pages of read-only maps of files are ever given back; their content comes back from the file at the next touch.

use bytes::Bytes;
use memmap2::{Mmap, UncheckedAdvice};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// By address.
static ALIVE: Mutex<BTreeMap<usize, Weak<Mmap>>> = Mutex::new(BTreeMap::new());

/// A map as the owner of [`Bytes`].
struct Mapped(Arc<Mmap>);

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // Before the map goes: its address may be taken again at once.
        alive().remove(&(self.0.as_ptr() as usize));
    }
}

fn alive() -> MutexGuard<'static, BTreeMap<usize, Weak<Mmap>>> {
    ALIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes over a read-only map of a file.
pub(super) fn share(map: Mmap) -> Bytes {
    let map = Arc::new(map);
    alive().insert(map.as_ptr() as usize, Arc::downgrade(&map));
    Bytes::from_owner(Mapped(map))
}

/// Says that bytes will not be read again soon: where they are a map of a file, the memory behind them is given back to the system. They
/// stay readable. Does nothing for bytes in memory. Costs a system call.
#[expect(unsafe_code, reason = "the advice is only sound for maps of files, which these are")]
pub fn release(bytes: &[u8]) {
    let address = bytes.as_ptr() as usize;
    let found = alive().range(..=address).next_back().and_then(|(start, map)| Some((*start, map.upgrade()?)));
    let Some((start, map)) = found else { return };
    let offset = address - start;
    if bytes.is_empty() || offset.checked_add(bytes.len()).is_none_or(|end| end > map.len()) {
        return;
    }
    // SAFETY: the map is read-only and of a file whose bytes do not change (`io::File::map`), so what is dropped comes back as it was.
    // Where the system refuses the advice, memory is not given back, which is no error.
    let _ = unsafe { map.unchecked_advise_range(UncheckedAdvice::DontNeed, offset, bytes.len()) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::{FileSystem, OpenMode, RealFileSystem};
    use std::path::Path;

    #[test]
    fn released_bytes_read_as_before() {
        let directory = tempfile::tempdir().unwrap();
        let fs = RealFileSystem::open(directory.path()).unwrap();
        let file = fs.open(Path::new("file"), OpenMode::CreateNew).unwrap();
        let content: Vec<u8> = (0..100_000u32).map(|at| (at % 251) as u8).collect();
        file.write_all_at(&content, 0).unwrap();
        let map = file.map(content.len() as u64).unwrap();
        for part in [0..map.len(), 5..5, 5_000..60_000, 99_999..100_000] {
            release(&map[part]);
            assert_eq!(&map[..], &content[..]);
        }
        // Bytes in memory are left alone.
        release(&content);
        assert_eq!(&map[..], &content[..]);
        // What is left after the map is gone names no dead one.
        drop(map);
        release(&content);
    }
}
