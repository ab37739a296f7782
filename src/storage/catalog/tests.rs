use super::*;
use crate::base::{ErrorKind, Value};
use crate::io::simulated::SimulatedFileSystem;
use crate::memory::Chunk;
use crate::storage::historical::{MergeOptions, MergePhase};
use crate::storage::intraday::{IntradayWriter, WriterOptions};
use crate::storage::location::{LocationKey, LocationSource, TableKind};
use crate::storage::read_stats::ReadStats;
use crate::storage::root::RootConfig;

pub(super) const SCHEMA: &str = r#"
namespace = "Market"
table = "Trades"
sort = ["Price"]
columns = [
    { name = "Date", type = "String", kind = "partitioning" },
    { name = "Sym", type = "String", kind = "grouping" },
    { name = "Price", type = "double" },
]
"#;

pub(super) fn catalog_with_table() -> Catalog {
    let root = Root::create_in(Arc::new(SimulatedFileSystem::new(7)), RootConfig::new("UTC").unwrap()).unwrap();
    schema::deploy(&**root.fs(), SCHEMA, Path::new("in.toml"), false).unwrap();
    Catalog::open(Arc::new(root))
}

pub(super) fn key(source: &str, partition: &str) -> LocationKey {
    LocationKey { column_partition: partition.into(), internal_partition: source.into() }
}

/// Appends rows and leaves the writer open, as a feed would.
pub(super) fn append(table: &TableEntry, key: &LocationKey, prices: &[f64]) -> IntradayWriter {
    let columns: Vec<_> = table.schema().definition.stored().cloned().collect();
    let fs = table.root().fs().clone();
    let directory = table.intraday_directory(key).unwrap();
    let mut writer = IntradayWriter::open(fs, &directory, &columns, WriterOptions::default()).unwrap();
    let syms = Chunk::strings(prices.iter().map(|_| Some("AAPL"))).unwrap();
    let values: Vec<Value> = prices.iter().map(|price| Value::Double(*price)).collect();
    writer.append(&[syms, Chunk::from_values(columns[1].column_type, &values).unwrap()]).unwrap();
    writer.commit().unwrap();
    writer.sync().unwrap();
    writer
}

fn names(partitions: &[PartitionEntry]) -> Vec<String> {
    partitions.iter().map(|partition| format!("{} {}", partition.kind.name(), partition.key)).collect()
}

#[test]
fn tables_are_found_or_the_nearest_named() {
    let catalog = catalog_with_table();
    let fs = catalog.root().fs().clone();
    for directory in
        ["intraday/Market/Raw/feed", "intraday/.x/T", "intraday/9x/T", "historical/Market/Trades", "schemas/Empty"]
    {
        fs.create_dir_all(Path::new(directory)).unwrap();
    }
    assert_eq!(catalog.namespaces().unwrap(), [NamespaceEntry { namespace: "Market".into(), table_count: 2 }]);
    let tables: Vec<_> = catalog
        .tables_of(None)
        .unwrap()
        .into_iter()
        .map(|entry| (entry.table, entry.has_schema, entry.has_intraday, entry.has_historical))
        .collect();
    assert_eq!(tables, [("Raw".into(), false, true, false), ("Trades".into(), true, false, true)]);
    assert_eq!(catalog.table("Market", "Trades").unwrap().schema().full_name(), "Market.Trades");
    for (namespace, table, expected) in [
        ("Markt", "Trades", "no namespace Markt; the nearest is Market"),
        ("Market", "Trade", "no table Trade in namespace Market; the nearest is Trades"),
        ("Market", "Raw", "Market.Raw has data but no deployed schema; `pilaster schema deploy FILE` deploys one"),
        ("../x", "T", "\"../x\" cannot be a namespace: character '.' is not allowed there"),
        ("Market", "../../etc", "\"../../etc\" cannot be a table name"),
    ] {
        let error = catalog.table(namespace, table).unwrap_err();
        let place = error.path().map_or_else(String::new, |path| format!("{}: ", path.display()));
        assert!(error.to_string().strip_prefix(&place).is_some_and(|text| text.starts_with(expected)), "{error}");
    }
    assert!(catalog.tables_of(Some("Nothing")).unwrap_err().is_not_found());
}

#[test]
fn partitions_are_listed_counted_and_merged() {
    let catalog = catalog_with_table();
    let table = catalog.table("Market", "Trades").unwrap();
    drop(append(&table, &key("b", "2017-08-25"), &[3.0, 1.0]));
    drop(append(&table, &key("a", "2017-08-25"), &[2.0]));
    drop(append(&table, &key("a", "2017-08-28"), &[5.0]));
    let fs = table.root().fs();
    fs.create_dir_all(Path::new("intraday/Market/Trades/a/.removed-1")).unwrap();
    let listed = table.partitions().unwrap();
    assert_eq!(names(&listed), ["intraday a/2017-08-25", "intraday b/2017-08-25", "intraday a/2017-08-28"]);
    let rows: Vec<(u64, u64)> = table
        .statistics(&listed)
        .into_iter()
        .map(|one| one.map(|one| (one.row_count, one.durable_row_count)).unwrap())
        .collect();
    assert_eq!(rows, [(1, 1), (2, 2), (1, 1)]);

    let options = MergeOptions::default();
    let nothing = table.merge("2017-08-26", &options, false, &|_| Ok(())).unwrap_err();
    assert_eq!(
        nothing.to_string(),
        "no intraday partition 2017-08-26 in Market.Trades; the nearest are 2017-08-25, 2017-08-28"
    );
    assert_eq!(table.merge("2017-08-25", &options, false, &|_| Ok(())).unwrap().rows, 3);
    assert!(table.merge("2017-08-25", &options, false, &|_| Ok(())).unwrap().already);
    assert_eq!(names(&table.partitions_of(TableKind::Historical).unwrap()), ["historical main/2017-08-25"]);

    let usage = table.usage(TableKind::Historical).unwrap();
    assert_eq!((usage.partition_count, usage.row_count, usage.damaged_count), (1, 3, 0));
    assert!(usage.size_bytes > 0 && usage.first_partition.as_deref() == Some("2017-08-25"));
    let usage = table.usage(TableKind::Intraday).unwrap();
    assert_eq!((usage.partition_count, usage.row_count, usage.last_partition.as_deref()), (3, 4, Some("2017-08-28")));

    let stats = Arc::new(ReadStats::default());
    let sources = [table.intraday(stats.clone()), table.historical(stats.clone()).unwrap()];
    let counts = |source: &Arc<dyn LocationSource>| source.locations().unwrap().len();
    assert_eq!(sources.iter().map(counts).collect::<Vec<_>>(), [3, 1]);
    assert_eq!(stats.counts().files_opened, 0, "listing opens nothing");
    let history = sources[1].locations().unwrap()[0].open().unwrap();
    assert_eq!(history.row_count(), 3);
    assert_eq!(history.grouping("Sym").unwrap().unwrap().rows(0), 0..3);
}

#[test]
fn merged_intraday_rows_are_removed_only_if_all_were_merged() {
    let catalog = catalog_with_table();
    let table = catalog.table("Market", "Trades").unwrap();
    let feed = key("feed", "2017-08-25");
    let writer = append(&table, &feed, &[1.0]);
    let options = MergeOptions { force: true, ..MergeOptions::default() };
    // Its writer is at work.
    assert_eq!(table.merge("2017-08-25", &options, true, &|_| Ok(())).unwrap_err().kind(), ErrorKind::Locked);
    drop(writer);
    // Rows arrive while the merge publishes.
    let late = table.merge("2017-08-25", &options, true, &|at| {
        if at.phase == MergePhase::Publishing {
            drop(append(&table, &feed, &[2.0]));
        }
        Ok(())
    });
    assert!(late.unwrap_err().to_string().contains("location feed/2017-08-25 has 2 rows, 1 were merged"));
    assert_eq!(table.merge("2017-08-25", &options, true, &|_| Ok(())).unwrap().rows, 2);
    assert_eq!(table.intraday_keys().unwrap(), []);
    assert_eq!(table.usage(TableKind::Historical).unwrap().row_count, 2);
}

/// Prices in history, in order, over all storages.
pub(super) fn history(table: &TableEntry) -> Vec<f64> {
    let mut prices = Vec::new();
    for handle in table.historical(Arc::default()).unwrap().locations().unwrap() {
        let location = handle.open().unwrap();
        let Some(region) = location.column("Price").unwrap() else { continue };
        let Chunk::Double(found) = region.read(0..location.row_count()).unwrap() else { unreachable!() };
        prices.extend(found);
    }
    prices
}

#[test]
fn merges_never_lose_rows_whose_intraday_partitions_are_gone() {
    let catalog = catalog_with_table();
    let table = catalog.table("Market", "Trades").unwrap();
    let (a, b) = (key("a", "2017-08-25"), key("b", "2017-08-25"));
    drop(append(&table, &a, &[1.0]));
    // The chain is cut off between the two deletions: the second source has a writer.
    let writer = append(&table, &b, &[2.0, 3.0]);
    let merge = |options: &MergeOptions, delete| table.merge("2017-08-25", options, delete, &|_| Ok(()));
    let (plain, force) = (MergeOptions::default(), MergeOptions { force: true, ..MergeOptions::default() });
    assert_eq!(merge(&plain, true).unwrap_err().kind(), ErrorKind::Locked);
    drop(writer);
    assert_eq!(table.intraday_keys().unwrap(), std::slice::from_ref(&b));
    let error = merge(&force, true).unwrap_err();
    assert!(
        error.kind() == ErrorKind::AlreadyExists && error.to_string().contains("would lose rows: 1 of source a"),
        "{error}"
    );
    assert_eq!(history(&table), [1.0, 2.0, 3.0]);
    // Run again, it goes on; and again, it has nothing to do.
    let report = merge(&plain, true).unwrap();
    assert_eq!((report.already, report.rows), (true, 3));
    assert_eq!(table.intraday_keys().unwrap(), []);
    assert!(merge(&plain, true).unwrap().already);
    assert_eq!(merge(&force, true).unwrap_err().kind(), ErrorKind::NotFound);
    // The feed comes back with other rows.
    drop(append(&table, &a, &[0.5]));
    assert_eq!(merge(&plain, true).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(merge(&force, true).unwrap_err().kind(), ErrorKind::AlreadyExists);
    let add = MergeOptions { incremental: true, ..MergeOptions::default() };
    assert_eq!(merge(&add, true).unwrap().rows, 4);
    assert_eq!((history(&table), table.intraday_keys().unwrap()), (vec![0.5, 1.0, 2.0, 3.0], vec![]));
    let discard = MergeOptions { discard_merged: true, ..force };
    drop(append(&table, &a, &[9.0]));
    assert_eq!(merge(&discard, false).unwrap().rows, 1);
    assert_eq!(history(&table), [9.0]);
}

#[test]
fn what_a_growing_source_adds_is_merged_once() {
    let catalog = catalog_with_table();
    let table = catalog.table("Market", "Trades").unwrap();
    let feed = key("feed", "2017-08-25");
    let add = MergeOptions { incremental: true, ..MergeOptions::default() };
    let mut expected = Vec::new();
    for round in 0..4 {
        let prices = [f64::from(round) + 0.5, f64::from(10 - round)];
        drop(append(&table, &feed, &prices));
        expected.extend(prices);
        expected.sort_by(f64::total_cmp);
        for already in [false, true] {
            let report = table.merge("2017-08-25", &add, false, &|_| Ok(())).unwrap();
            assert_eq!((report.rows, report.already), (expected.len() as u64, already));
            assert_eq!(history(&table), expected);
        }
    }
    // Of the versions only the last is left.
    let fs = table.root().fs();
    assert_eq!(fs.list(Path::new("historical/Market/Trades/main/2017-08-25")).unwrap().len(), 1);
    // Whoever replaces the location may have the same rows again.
    crate::storage::intraday::remove_location(&**fs, &table.intraday_directory(&feed).unwrap()).unwrap();
    drop(append(&table, &feed, &[1.0]));
    let error = table.merge("2017-08-25", &add, false, &|_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("was replaced after it was merged"), "{error}");
    assert_eq!(history(&table), expected);
}

#[test]
fn what_does_not_validate_stays_intraday() {
    let catalog = catalog_with_table();
    let table = catalog.table("Market", "Trades").unwrap();
    drop(append(&table, &key("feed", "2017-08-25"), &[1.0]));
    let progress = |_, _| Ok(());
    let mut rules = crate::storage::schema::Validation { row_count_min: Some(2), ..Default::default() };
    for (removed, left) in [(0, 1), (1, 0)] {
        let chain = MergeChain { validate: Some((&rules, &progress)), delete_intraday: true };
        let report = table.merge_chain("2017-08-25", &MergeOptions::default(), chain, &|_| Ok(())).unwrap();
        assert_eq!((report.removed, report.validation.unwrap().passed()), (removed, removed == 1));
        assert_eq!((report.merge.is_some(), history(&table).len()), (removed == 1, removed));
        assert_eq!(table.intraday_keys().unwrap().len(), left);
        rules.row_count_min = Some(1);
    }
}

#[test]
fn damage_in_one_partition_leaves_the_others() {
    let catalog = catalog_with_table();
    let table = catalog.table("Market", "Trades").unwrap();
    for partition in ["2017-08-25", "2017-08-28"] {
        drop(append(&table, &key("feed", partition), &[1.0]));
    }
    let directory = table.intraday_directory(&key("feed", "2017-08-25")).unwrap();
    let fs = table.root().fs();
    for entry in fs.list(&directory).unwrap() {
        let file = fs.open(&directory.join(entry.name), crate::io::OpenMode::Write).unwrap();
        let size = file.size().unwrap();
        file.write_all_at(&vec![0; size as usize], 0).unwrap();
    }
    let partitions = table.partitions().unwrap();
    let statistics = table.statistics(&partitions);
    assert!(statistics[0].as_ref().unwrap_err().is_corrupt());
    assert_eq!(statistics[1].as_ref().unwrap().row_count, 1);
    let usage = table.usage(TableKind::Intraday).unwrap();
    assert_eq!((usage.row_count, usage.damaged_count), (1, 1));
}
