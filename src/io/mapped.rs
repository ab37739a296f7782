//! The maps of files that are alive, so that whoever has bytes of one can give back the memory behind them.
//!
//! **Invariant:** only pages of read-only maps of files are ever given back; their content comes back from the file at the next touch.

use bytes::Bytes;
use memmap2::{Advice, Mmap, UncheckedAdvice};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// So much is asked for at a time: systems cut off longer advice, and tell nobody (Linux at the device's read-ahead, 128 KiB or more).
const ADVICE_BYTES: usize = 128 << 10;

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

/// The map that bytes lie in and where in it; none for bytes in memory.
fn place_of(bytes: &[u8]) -> Option<(Arc<Mmap>, usize)> {
    let address = bytes.as_ptr() as usize;
    let (start, map) = alive().range(..=address).next_back().and_then(|(start, map)| Some((*start, map.upgrade()?)))?;
    let offset = address - start;
    let lies_within = !bytes.is_empty() && offset.checked_add(bytes.len()).is_some_and(|end| end <= map.len());
    lies_within.then_some((map, offset))
}

/// Says that bytes will not be read again soon: where they are a map of a file, the memory behind them is given back to the system. They
/// stay readable. Does nothing for bytes in memory. Costs a system call.
#[expect(unsafe_code, reason = "the advice is only sound for maps of files, which these are")]
pub fn release(bytes: &[u8]) {
    let Some((map, offset)) = place_of(bytes) else { return };
    // SAFETY: the map is read-only and of a file whose bytes do not change (`io::File::map`), so what is dropped comes back as it was.
    // Where the system refuses the advice, memory is not given back, which is no error.
    let _ = unsafe { map.unchecked_advise_range(UncheckedAdvice::DontNeed, offset, bytes.len()) };
}

/// Says that bytes are read here and there: where they are a map of a file, the system brings in what is touched or was asked for by
/// [`read_ahead`], not what lies around it (which can be megabytes a touch). Does nothing for bytes in memory. Costs a system call.
pub fn expect_jumps(bytes: &[u8]) {
    if let Some((map, offset)) = place_of(bytes) {
        let _ = map.advise_range(Advice::Random, offset, bytes.len());
    }
}

/// Says that bytes will be read soon: where they are a map of a file, the system begins to bring them in and this returns. Does nothing for bytes in
/// memory. Costs a system call for each 128 KiB, and a look at each page.
pub fn read_ahead(bytes: &[u8]) {
    let Some((map, offset)) = place_of(bytes) else { return };
    for start in (0..bytes.len()).step_by(ADVICE_BYTES) {
        let _ = map.advise_range(Advice::WillNeed, offset + start, ADVICE_BYTES.min(bytes.len() - start));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::{FileSystem, OpenMode, RealFileSystem};
    use std::path::Path;

    #[test]
    fn advised_bytes_read_as_before() {
        let directory = tempfile::tempdir().unwrap();
        let fs = RealFileSystem::open(directory.path()).unwrap();
        let file = fs.open(Path::new("file"), OpenMode::CreateNew).unwrap();
        let content: Vec<u8> = (0..100_000u32).map(|at| (at % 251) as u8).collect();
        file.write_all_at(&content, 0).unwrap();
        let map = file.map(content.len() as u64).unwrap();
        for part in [0..map.len(), 5..5, 5_000..60_000, 99_999..100_000] {
            release(&map[part.clone()]);
            assert_eq!(&map[..], &content[..]);
            expect_jumps(&map[part.clone()]);
            read_ahead(&map[part]);
            assert_eq!(&map[..], &content[..]);
        }
        // Bytes in memory are left alone.
        [release, expect_jumps, read_ahead].iter().for_each(|advise| advise(&content));
        assert_eq!(&map[..], &content[..]);
        // What is left after the map is gone names no dead one.
        drop(map);
        release(&content);
    }
}
