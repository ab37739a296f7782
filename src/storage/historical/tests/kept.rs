//! Locations kept open by a session: another query opens nothing, another version is seen at once, and what was replaced can go.

use super::*;
use crate::storage::historical::reader::HistoricalLocation;
use crate::storage::{KeptOpen, LocationKey, ReadStats};
use std::sync::atomic::Ordering::Relaxed;

fn kept_table(fixture: &Fixture, kept: &Arc<KeptOpen<HistoricalLocation>>, stats: &Arc<ReadStats>) -> HistoricalTable {
    HistoricalTable::new(fixture.fs.clone(), Path::new(TABLE), Vec::new(), stats.clone()).keeping(kept.clone())
}

/// Opens the partition as one query of the session does, and reads all of it.
fn query(fixture: &Fixture, kept: &Arc<KeptOpen<HistoricalLocation>>, stats: &Arc<ReadStats>) -> Vec<Vec<String>> {
    let location = kept_table(fixture, kept, stats).handles().unwrap()[0].open().unwrap();
    rows(&*location, &quotes())
}

#[test]
fn a_second_query_opens_no_file_and_a_new_version_is_seen() {
    let fixture = Fixture::new();
    let (kept, stats) = (Arc::default(), Arc::<ReadStats>::default());
    fixture.merge(&[arrivals("a", 300, 1)], &MergeOptions::default()).unwrap();
    let first = query(&fixture, &kept, &stats);
    let opened = stats.files_opened.load(Relaxed);
    assert_eq!(query(&fixture, &kept, &stats), first);
    assert_eq!(stats.files_opened.load(Relaxed), opened);
    // A reader without the session's help opens its files itself.
    assert_eq!(rows(&*fixture.open(), &quotes()), first);

    let files = fixture.files().len();
    fixture.merge(&[arrivals("a", 200, 2)], &MergeOptions { force: true, ..MergeOptions::default() }).unwrap();
    assert!(fixture.files().len() > files, "the session holds what was replaced");
    assert_eq!(query(&fixture, &kept, &stats).len(), 200);
    fixture.merge(&[arrivals("a", 250, 3)], &MergeOptions { force: true, ..MergeOptions::default() }).unwrap();
    assert_eq!(query(&fixture, &kept, &stats).len(), 250);
    drop(kept);
    fixture.merge(&[arrivals("a", 100, 4)], &MergeOptions { force: true, ..MergeOptions::default() }).unwrap();
    assert_eq!(fixture.files().len(), files, "nothing is left of what nobody holds");
}

#[test]
fn a_removed_partition_is_gone_for_the_session_too() {
    let fixture = Fixture::new();
    let (kept, stats) = (Arc::default(), Arc::<ReadStats>::default());
    fixture.merge(&[arrivals("a", 300, 1)], &MergeOptions::default()).unwrap();
    let handles = kept_table(&fixture, &kept, &stats).handles().unwrap();
    assert_eq!(handles[0].open().unwrap().row_count(), 300);
    remove_partition(&fixture.fs, Path::new(TABLE), PARTITION, &[]).unwrap();
    assert!(kept_table(&fixture, &kept, &stats).handles().unwrap().is_empty());
    assert!(handles[0].open().unwrap_err().is_not_found());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "looks at a file behind the library's back")]
fn what_was_damaged_is_opened_anew_once_it_is_repaired() {
    let fixture = Fixture::new();
    let (kept, stats) = (Arc::default(), Arc::<ReadStats>::default());
    fixture.merge(&[arrivals("a", 300, 1)], &MergeOptions::default()).unwrap();
    let first = query(&fixture, &kept, &stats);
    let session = Arc::<KeptOpen<HistoricalLocation>>::default();
    let path = fixture.files().into_iter().find(|path| path.ends_with("Bid.col")).unwrap();
    let path = fixture._directory.as_ref().unwrap().path().join(path);
    let whole = std::fs::read(&path).unwrap();
    let mut damaged = whole.clone();
    damaged[64] ^= 1;
    replace(&path, &damaged);
    let open = || kept_table(&fixture, &session, &stats).handles().unwrap()[0].open().unwrap();
    let read = |location: &dyn Location| location.column("Bid").unwrap().unwrap().read(0..300).map(|chunk| chunk.len());
    assert_eq!(read(&*open()).unwrap_err().kind(), ErrorKind::Corrupt);
    replace(&path, &whole);
    assert_eq!(read(&*open()).unwrap(), 300);
    assert_eq!(query(&fixture, &kept, &stats), first);
}

/// A new file under the name, as a repair makes it: who has mapped the old one keeps it.
#[expect(clippy::disallowed_methods, reason = "damages a file behind the library's back")]
fn replace(path: &Path, bytes: &[u8]) {
    std::fs::remove_file(path).unwrap();
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn no_more_than_the_last_locations_are_kept() {
    let fixture = Fixture::new();
    let kept = Arc::<KeptOpen<HistoricalLocation>>::default();
    let stats = Arc::<ReadStats>::default();
    let mut partitions = Vec::new();
    for number in 0..70 {
        let column_partition = format!("p{number:02}");
        let source = arrivals("a", 3, number);
        let request = MergeRequest {
            fs: &fixture.fs,
            table_directory: Path::new(TABLE),
            column_partition: &column_partition,
            sources: &[source],
            definition: &quotes(),
            sort_columns: &[],
            provenance: &[],
        };
        merge(request, &MergeOptions::default(), &|_| Ok(())).unwrap();
        partitions.push(column_partition);
    }
    let open = |name: &str| {
        let location = kept_table(&fixture, &kept, &stats).partition_handles(name)[0].open().unwrap();
        let key: &LocationKey = location.key();
        assert_eq!(*key.column_partition, *name);
        let before = stats.files_opened.load(Relaxed);
        rows(&*location, &quotes());
        stats.files_opened.load(Relaxed) > before
    };
    assert!(partitions.iter().all(|name| open(name)), "each is opened the first time");
    assert!(!open("p69") && !open("p06"), "the last 64 are open still");
    assert!(open("p00"), "the first one is not");
}
