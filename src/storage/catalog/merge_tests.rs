//! Merges of sources that were replaced, of batches over several partitions, of many tiny batches, and of rows that a query gives.

use super::tests::{SCHEMA, append, catalog_with_table, history, key};
use super::*;
use crate::base::ErrorKind;
use crate::io::simulated::SimulatedFileSystem;
use crate::io::{FileSystem, RealFileSystem};
use crate::memory::Chunk;
use crate::storage::historical::{MergeOptions, MergePhase};
use crate::storage::import::{ImportMode, PartitionTarget};
use crate::storage::intraday::{Durability, IntradayWriter, WriterOptions};
use crate::storage::location::{Location, TableKind};
use crate::storage::root::RootConfig;
use crate::storage::schema::Validation;

const DAY: &str = "2017-08-25";

fn import(table: &TableEntry, mode: ImportMode, partition: PartitionTarget, text: &'static str) -> Result<()> {
    let mut options = table.csv_import_options(None, Some(partition))?;
    (options.mode, options.source) = (mode, "feed".into());
    let input = crate::storage::import::CsvInput::new("rows.csv", Box::new(text.as_bytes()));
    table.import_csv(input, &options, &|_| Ok(())).map(drop)
}

#[test]
fn what_replaces_rows_that_a_failed_deletion_left_is_not_new() {
    let add = MergeOptions { incremental: true, ..MergeOptions::default() };
    let rows = "Sym,Price\nAAPL,1\nAAPL,2\n";
    let day = || PartitionTarget::Value(DAY.into());
    for (times, by_hand) in [(1, false), (3, false), (1, true)] {
        let catalog = catalog_with_table();
        let table = catalog.table("Market", "Trades").unwrap();
        let feed = key("feed", DAY);
        let writer = append(&table, &feed, &[1.0, 2.0]);
        // Published, and to be removed, but its writer is at work.
        assert_eq!(table.merge(DAY, &add, true, &|_| Ok(())).unwrap_err().kind(), ErrorKind::Locked);
        drop(writer);
        if by_hand {
            let directory = table.intraday_directory(&feed).unwrap();
            crate::storage::intraday::remove_location(&**table.root().fs(), &directory).unwrap();
        }
        (0..times).for_each(|_| import(&table, ImportMode::Replace, day(), rows).unwrap());
        let merged = table.merge(DAY, &add, true, &|_| Ok(()));
        if by_hand {
            // What was removed before is not there twice: these are other rows.
            assert_eq!((merged.unwrap().rows, history(&table)), (4, vec![1.0, 1.0, 2.0, 2.0]));
            continue;
        }
        let error = merged.unwrap_err();
        assert!(
            error.kind() == ErrorKind::AlreadyExists && error.to_string().contains("was replaced after"),
            "{error}"
        );
        assert_eq!(history(&table), [1.0, 2.0]);
        let discard = MergeOptions { force: true, discard_merged: true, ..MergeOptions::default() };
        assert_eq!(table.merge(DAY, &discard, true, &|_| Ok(())).unwrap().rows, 2);
        assert_eq!((history(&table), table.intraday_keys().unwrap()), (vec![1.0, 2.0], vec![]));
        // The feed's next rows have nothing to do with them.
        import(&table, ImportMode::Safe, day(), "Sym,Price\nAAPL,3\n").unwrap();
        assert_eq!(table.merge(DAY, &add, true, &|_| Ok(())).unwrap().rows, 3);
    }
}

#[test]
fn a_batch_of_which_a_part_was_merged_and_deleted_is_never_rolled_back() {
    let simulated = SimulatedFileSystem::new(5);
    let fs: Arc<dyn FileSystem> = Arc::new(simulated.clone());
    let table_in = |fs: &Arc<dyn FileSystem>| {
        Catalog::open(Arc::new(Root::open_in(fs.clone()).unwrap())).table("Market", "Trades").unwrap()
    };
    let root = Root::create_in(fs.clone(), RootConfig::new("UTC").unwrap()).unwrap();
    schema::deploy(&**root.fs(), SCHEMA, Path::new("in.toml"), false).unwrap();
    let begun = simulated.log_len();
    let text = "Date,Sym,Price\n2017-08-25,A,1\n2017-08-26,A,2\n2017-08-25,B,3\n";
    import(&table_in(&fs), ImportMode::Safe, PartitionTarget::Column("Date".into()), text).unwrap();
    let rows_of = |table: &TableEntry, partition: &str| match table
        .intraday_handle(key("feed", partition), &Arc::default())
        .unwrap()
        .open_intraday()
    {
        Err(error) if error.is_not_found() => 0,
        opened => opened.unwrap().row_count(),
    };
    let (mut merged, mut states) = (0, 0);
    for at in begun..=simulated.log_len() {
        // The import dies here, the system goes on: somebody merges what is to be seen of one partition, and removes it.
        let forked = simulated.fork_at(at);
        let fs: Arc<dyn FileSystem> = Arc::new(forked.clone());
        let table = table_in(&fs);
        if rows_of(&table, DAY) == 0 {
            continue;
        }
        assert_eq!((rows_of(&table, DAY), rows_of(&table, "2017-08-26")), (2, 1), "after {at} calls");
        table.merge(DAY, &MergeOptions { threads: 1, ..MergeOptions::default() }, true, &|_| Ok(())).unwrap();
        merged += 1;
        for state in forked.crash_states_up_to(forked.log_len(), 12) {
            let fs: Arc<dyn FileSystem> = Arc::new(state.fs.clone());
            let table = table_in(&fs);
            assert_eq!(history(&table), [1.0, 3.0], "{state}");
            assert_eq!(rows_of(&table, "2017-08-26"), 1, "after {at} calls, {state}");
            states += 1;
        }
    }
    assert!(merged >= 3 && states >= 3, "{merged} {states}");
}

#[test]
fn thousands_of_tiny_batches_become_a_few_blocks() {
    let directory = tempfile::tempdir().unwrap();
    let fs: Arc<dyn FileSystem> = RealFileSystem::open(directory.path()).unwrap();
    let root = Arc::new(Root::create_in(fs.clone(), RootConfig::new("UTC").unwrap()).unwrap());
    schema::deploy(&*fs, SCHEMA, Path::new("in.toml"), false).unwrap();
    let table = Catalog::open(root).table("Market", "Trades").unwrap();
    let columns: Vec<_> = table.schema().definition.stored().cloned().collect();
    let place = table.intraday_directory(&key("feed", DAY)).unwrap();
    let mut writer =
        IntradayWriter::open(fs.clone(), &place, &columns, WriterOptions { durability: Durability::None }).unwrap();
    let batches = 3_000u32;
    for batch in 0..batches {
        let syms = Chunk::strings([Some(["A", "B", "C"][batch as usize % 3]), None]).unwrap();
        let prices = Chunk::Double(vec![f64::from(batches - batch), f64::from(batch)]);
        writer.append(&[syms, prices]).unwrap();
        writer.commit().unwrap();
    }
    writer.close().unwrap();
    let before = table.usage(TableKind::Intraday).unwrap().size_bytes;
    let report = table.merge(DAY, &MergeOptions::default(), true, &|_| Ok(())).unwrap();
    assert_eq!((report.rows, report.groups), (u64::from(batches) * 2, 4));
    let after = table.usage(TableKind::Historical).unwrap().size_bytes;
    assert!(after * 2 < before, "{after} of {before} bytes");
    let mut prices = history(&table);
    // Nulls first, then each symbol, by price.
    assert!(prices[..batches as usize].iter().copied().eq((0..batches).map(f64::from)));
    assert!(prices[batches as usize..].chunks(1_000).all(|group| group.is_sorted()));
    prices.sort_by(f64::total_cmp);
    let mut expected: Vec<f64> = (0..batches).flat_map(|n| [f64::from(n), f64::from(batches - n)]).collect();
    expected.sort_by(f64::total_cmp);
    assert_eq!(prices, expected);
    for column in table.column_usage(TableKind::Historical, None).unwrap().columns {
        assert_eq!(column.encodings.iter().map(|usage| usage.blocks).sum::<u64>(), 1, "{column:?}");
    }
}

/// Rows as a query gives them: a few chunks, then perhaps an error.
fn rows(prices: &'static [f64], fails: bool) -> RowProducer<'static> {
    Box::new(move |take: RowTaker<'_>| {
        for prices in prices.chunks(2) {
            let syms = Chunk::strings(prices.iter().map(|_| Some("Q")))?;
            take(&[syms, Chunk::Double(prices.to_vec())])?;
        }
        if fails { Err(Error::invalid("the query failed")) } else { Ok(()) }
    })
}

#[test]
fn rows_of_a_query_become_a_partition_whole_or_not_at_all() {
    let catalog = catalog_with_table();
    let table = catalog.table("Market", "Trades").unwrap();
    let (plain, force) = (MergeOptions::default(), MergeOptions { force: true, ..MergeOptions::default() });
    let merge =
        |prices, fails, options: &MergeOptions| table.merge_rows(DAY, rows(prices, fails), options, None, &|_| Ok(()));
    let left = || {
        let fs = table.root().fs();
        fs.list(Path::new("historical/Market/Trades/main")).map_or(0, |days| {
            days.iter()
                .map(|day| fs.list(&Path::new("historical/Market/Trades/main").join(&day.name)).unwrap().len())
                .sum()
        })
    };
    assert!(merge(&[1.0, 2.0, 3.0], true, &plain).unwrap_err().to_string().contains("the query failed"));
    assert!(merge(&[], false, &plain).unwrap_err().to_string().contains("gave no rows for partition 2017-08-25"));
    let planned = merge(&[5.0], false, &MergeOptions { dry_run: true, ..plain.clone() }).unwrap();
    assert_eq!((planned.merge.unwrap().rows, left(), history(&table)), (1, 0, vec![]));
    let merged = merge(&[3.0, 1.0, 2.0], false, &plain).unwrap().merge.unwrap();
    assert_eq!((merged.rows, merged.generation, left()), (3, 1, 1));
    assert_eq!(history(&table), [1.0, 2.0, 3.0]);
    let refused = merge(&[9.0], false, &plain).unwrap_err();
    assert!(refused.kind() == ErrorKind::AlreadyExists && refused.to_string().contains("--force"), "{refused}");
    // A query that fails leaves what was; one that succeeds replaces it.
    assert!(merge(&[9.0], true, &force).is_err());
    assert_eq!((history(&table), left()), (vec![1.0, 2.0, 3.0], 1));
    merge(&[9.0, 8.0], false, &force).unwrap();
    assert_eq!((history(&table), left()), (vec![8.0, 9.0], 1));
    // Rules are looked at before publication.
    let rules = Validation { row_count_min: Some(3), ..Validation::default() };
    let progress = |_, _| Ok(());
    let report = table.merge_rows(DAY, rows(&[7.0], false), &force, Some((&rules, &progress)), &|_| Ok(())).unwrap();
    assert!(report.merge.is_none() && !report.validation.unwrap().passed());
    assert_eq!((history(&table), left()), (vec![8.0, 9.0], 1));
    // Somebody who is killed at work leaves rows that the next merge removes.
    let stopped = table.merge_rows(DAY, rows(&[7.0], false), &force, None, &|at| match at.phase {
        MergePhase::Publishing => Err(Error::new(ErrorKind::Cancelled, "stopped")),
        _ => Ok(()),
    });
    assert_eq!((stopped.unwrap_err().kind(), history(&table), left()), (ErrorKind::Cancelled, vec![8.0, 9.0], 1));
    assert!(merge(&[1.0], false, &MergeOptions { incremental: true, ..plain.clone() }).is_err());

    // What a query made is not there to be lost by a merge of intraday rows, nor the other way round.
    drop(append(&table, &key("feed", DAY), &[0.5]));
    assert_eq!(table.merge(DAY, &plain, false, &|_| Ok(())).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert!(table.merge(DAY, &force, false, &|_| Ok(())).unwrap_err().to_string().contains("would lose rows"));
    let add = MergeOptions { incremental: true, ..plain.clone() };
    assert_eq!(table.merge(DAY, &add, false, &|_| Ok(())).unwrap().rows, 3);
    assert!(table.validate(DAY, &Validation::default(), false, &progress).unwrap().passed());
    // The feed's row is intraday still, so that replacing it loses nothing.
    merge(&[4.0], false, &force).unwrap();
    assert_eq!(table.merge(DAY, &add, true, &|_| Ok(())).unwrap().rows, 2);
    let refused = merge(&[4.0], false, &force).unwrap_err();
    assert!(refused.to_string().contains("may lose rows: 1 of source feed"), "{refused}");
    merge(&[4.0], false, &MergeOptions { discard_merged: true, ..force }).unwrap();
    assert_eq!(history(&table), [4.0]);
}
