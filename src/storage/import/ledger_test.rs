//! What is remembered, through damage, interruption and merges.

use super::*;
use crate::io::SimulatedFileSystem;

#[test]
fn what_was_written_is_read_and_damage_is_told() {
    let fs = SimulatedFileSystem::new(1);
    let source = Path::new("s");
    fs.create_dir_all(source).unwrap();
    assert_eq!(Ledger::load(&fs, source).unwrap(), Ledger::default());
    let batch = |id: &str, done| Batch { id: id.into(), rows: 7, done, ..Batch::default() };
    let followed = Followed {
        file: "/a \"b\"".into(),
        checkpoints: vec![Checkpoint { rows: 1, offset: 2 }],
        ..Followed::default()
    };
    Ledger::update(&fs, source, |ledger| {
        ledger.put_batch(batch("é ]", false));
        ledger.put(followed.clone());
        Ok(())
    })
    .unwrap();
    let read = Ledger::load(&fs, source).unwrap();
    assert_eq!((read.batches[0].clone(), read.followed[0].clone()), (batch("é ]", false), followed));
    let mut full = read.clone();
    full.batches.extend((0..BATCHES_MAX + 5).map(|n| batch(&n.to_string(), true)));
    full.forget();
    assert!(!full.batches[0].done && full.batches.len() == BATCHES_MAX);
    let bytes = encode(&read).unwrap();
    for at in 0..bytes.len() {
        let mut wrong = bytes.clone();
        wrong[at] ^= 1;
        assert!(decode(&wrong).is_err(), "{at}");
        assert!(decode(&bytes[..at]).is_err(), "{at}");
    }
    for id in ["", "a\nb", &"x".repeat(201)] {
        assert!(check_id(id).is_err(), "{id:?}");
    }
}

/// Puts rows into a partition; gives the identity of its location.
fn put(fs: &Arc<dyn FileSystem>, partition: &str, rows: u64) -> [u8; 16] {
    use crate::base::{ColumnDefinition, ColumnType};
    use crate::storage::intraday::{Durability, IntradayWriter, WriterOptions};
    let columns = [ColumnDefinition::new("N", ColumnType::Long)];
    let options = WriterOptions { durability: Durability::Commit };
    let place = Path::new("s").join(partition);
    let mut writer = IntradayWriter::open(fs.clone(), &place, &columns, options).unwrap();
    writer.append(&[crate::memory::Chunk::Long(vec![1; rows as usize])]).unwrap();
    writer.commit().unwrap();
    writer.close().unwrap();
    let key = LocationKey { column_partition: "".into(), internal_partition: "".into() };
    let location = IntradayLocation::open(fs.clone(), &place, key, Arc::default()).unwrap();
    location.record().unwrap().location
}

#[test]
fn counts_tell_whether_a_batch_was_applied() {
    let expected = |partition: &str, before, after| Expected {
        partition: partition.into(),
        before,
        after,
        location: String::new(),
    };
    let batch =
        Batch { partitions: vec![expected("a", 0, 5), expected("b", 3, 3), expected("c", 1, 2)], ..Batch::default() };
    for (counts, answer) in [([5, 9, 2], Some(true)), ([0, 9, 1], Some(false)), ([5, 3, 1], None), ([4, 3, 2], None)] {
        let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new(1));
        for (partition, rows) in ["a", "b", "c"].into_iter().zip(counts) {
            if rows > 0 {
                put(&fs, partition, rows);
            }
        }
        let counts_now = Counts::load(&fs, Path::new("s")).unwrap();
        assert_eq!(batch.is_applied(&counts_now).ok(), answer, "{counts:?}");
    }
    let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new(1));
    assert!(Batch::default().is_applied(&Counts::load(&fs, Path::new("s")).unwrap()).unwrap());
}

#[test]
fn rows_that_were_merged_and_removed_count_on() {
    let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new(1));
    let source = Path::new("s");
    let one = put(&fs, "a", 5);
    let batch = |done, location: &str| Batch {
        id: "x".into(),
        done,
        partitions: vec![Expected { partition: "a".into(), before: 2, after: 5, location: location.into() }],
        ..Batch::default()
    };
    let applied = |fs: &Arc<dyn FileSystem>, batch: &Batch| batch.is_applied(&Counts::load(fs, source).unwrap()).ok();
    // Nobody counts: nothing is noted.
    note_removal(&*fs, source, "a", one, 5).unwrap();
    assert!(fs.metadata(&source.join(LEDGER_FILE)).unwrap().is_none());
    Ledger::update(&*fs, source, |ledger| {
        ledger.put_batch(batch(false, ""));
        Ok(())
    })
    .unwrap();
    // Noted twice, and not removed yet: the rows count once.
    note_removal(&*fs, source, "a", one, 4).unwrap();
    note_removal(&*fs, source, "a", one, 5).unwrap();
    let counts = |fs: &Arc<dyn FileSystem>| {
        let counts = Counts::load(fs, source).unwrap();
        (counts.partition("a").unwrap(), counts.source().unwrap())
    };
    assert_eq!((counts(&fs), applied(&fs, &batch(false, ""))), ((5, 5), Some(true)));
    crate::storage::intraday::remove_location(&*fs, &source.join("a")).unwrap();
    assert_eq!((counts(&fs), applied(&fs, &batch(false, ""))), ((5, 5), Some(true)));
    let two = put(&fs, "a", 7);
    put(&fs, "b", 1);
    assert_eq!((counts(&fs), applied(&fs, &batch(false, ""))), ((12, 13), None));
    // What takes the place of other rows is known by its location.
    assert_eq!(applied(&fs, &batch(false, &digits(one))), Some(true));
    assert_eq!(applied(&fs, &batch(false, &digits(two))), Some(true));
    assert_eq!(applied(&fs, &batch(false, &digits([7; 16]))), Some(false));
    let mut both = batch(false, &digits(one));
    both.partitions.push(Expected { partition: "b".into(), location: digits([7; 16]), ..Expected::default() });
    assert_eq!(applied(&fs, &both), None, "one of them is merged, the other is not there");
    both.partitions[0].location = digits(two);
    assert_eq!(applied(&fs, &both), Some(false), "can be done again");
    Ledger::update(&*fs, source, |ledger| {
        ledger.put_batch(batch(true, ""));
        Ok(())
    })
    .unwrap();
    note_removal(&*fs, source, "a", two, 7).unwrap();
    assert_eq!(Ledger::load(&*fs, source).unwrap().removed.len(), 1, "nobody needs the first");
}
