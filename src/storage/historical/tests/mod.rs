//! Merge and read back: order against a plain sort, pruning, publication, several storages, failures that leave nothing.

use super::*;
use crate::base::limits::{BLOCK_ROWS, VECTOR_ROWS};
use crate::base::{ColumnDefinition, ColumnKind, ColumnType, ErrorKind, TableDefinition, Value};
use crate::io::RealFileSystem;
use crate::memory::Chunk;
use crate::storage::Location;
use crate::storage::testing::Rows;
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

mod crash;
mod damage;
mod external;
mod kept;
mod spread;
mod variable;
mod wide;

const PARTITION: &str = crate::storage::testing::PARTITION;

fn quotes() -> TableDefinition {
    TableDefinition::new(vec![
        ColumnDefinition::new("Date", ColumnType::String).of_kind(ColumnKind::Partitioning),
        ColumnDefinition::new("Sym", ColumnType::String).of_kind(ColumnKind::Grouping),
        ColumnDefinition::new("Timestamp", ColumnType::DateTime),
        ColumnDefinition::new("Bid", ColumnType::Double),
        ColumnDefinition::new("Exchange", ColumnType::Char),
    ])
    .unwrap()
}

/// Quotes as they arrive: symbols mixed, times ascending per source.
fn arrivals(source: &str, rows: usize, seed: u64) -> Arc<dyn Location> {
    let mut state = seed;
    let mut next = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let names = [Some("AAPL"), Some("SPY"), None, Some("VMW"), Some("\u{1F600}"), Some("\u{FFFD}"), Some("")];
    let syms: Vec<Option<&str>> = (0..rows).map(|_| names[next(7) as usize]).collect();
    let mut time = 1_503_667_800_000_000_000i64;
    let times: Vec<i64> = (0..rows)
        .map(|_| {
            time += next(3) as i64 * 1_000_000;
            if next(50) == 0 { i64::MIN } else { time }
        })
        .collect();
    let bids: Vec<f64> = (0..rows).map(|_| [f64::NAN, -f64::MAX, 12.25, -0.0][next(4) as usize]).collect();
    let exchanges: Vec<u16> = (0..rows).map(|_| 65 + next(4) as u16).collect();
    let columns = [
        ("Sym", Chunk::strings(syms).unwrap()),
        ("Timestamp", Chunk::DateTime(times)),
        ("Bid", Chunk::Double(bids)),
        ("Exchange", Chunk::Char(exchanges)),
    ];
    Rows::of(source, &columns)
}

struct Fixture {
    _directory: Option<tempfile::TempDir>,
    fs: Arc<dyn FileSystem>,
}

const TABLE: &str = "historical/Ns/Quotes";

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let fs = RealFileSystem::open(directory.path()).unwrap();
        Fixture { _directory: Some(directory), fs }
    }

    fn over(fs: Arc<dyn FileSystem>) -> Self {
        Fixture { _directory: None, fs }
    }

    fn merge(&self, sources: &[Arc<dyn Location>], options: &MergeOptions) -> Result<MergeReport> {
        self.merge_with(sources, &quotes(), &["Timestamp".to_string()], options, &|_| Ok(()))
    }

    fn merge_with(
        &self,
        sources: &[Arc<dyn Location>],
        definition: &TableDefinition,
        sort_columns: &[String],
        options: &MergeOptions,
        progress: merge::ProgressCallback<'_>,
    ) -> Result<MergeReport> {
        let (fs, table_directory, column_partition) = (&self.fs, Path::new(TABLE), PARTITION);
        let request =
            MergeRequest { fs, table_directory, column_partition, sources, definition, sort_columns, provenance: &[] };
        merge(request, options, progress)
    }

    fn table(&self, storages: Vec<StorageDirectory>) -> HistoricalTable {
        HistoricalTable::new(self.fs.clone(), Path::new(TABLE), storages, Arc::default())
    }

    fn open(&self) -> Arc<dyn Location> {
        self.table(Vec::new()).handles().unwrap()[0].open().unwrap()
    }

    fn storage(&self, name: &str) -> StorageDirectory {
        StorageDirectory {
            name: name.into(),
            fs: self.fs.clone(),
            table_directory: format!("disk-{name}/Ns/Quotes").into(),
        }
    }

    /// All files below the root but locks, as text.
    fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut stack = vec![PathBuf::new()];
        while let Some(directory) = stack.pop() {
            for entry in self.fs.list(&directory).unwrap() {
                let path = directory.join(&entry.name);
                if entry.is_dir {
                    stack.push(path);
                } else if !entry.name.contains("lock") {
                    files.push(path.display().to_string());
                }
            }
        }
        files.sort();
        files
    }
}

/// All rows of a location, cell by cell; NaN and zeros by their bits.
fn rows(location: &dyn Location, definition: &TableDefinition) -> Vec<Vec<String>> {
    let mut rows = vec![Vec::new(); location.row_count() as usize];
    for column in definition.stored() {
        let mut chunk = Chunk::new(column.column_type);
        match location.column(&column.name).unwrap() {
            Some(region) => chunk = region.read(0..location.row_count()).unwrap(),
            None => chunk.push_nulls(rows.len()),
        }
        rows.iter_mut().enumerate().for_each(|(row, cells)| cells.push(cell(&chunk.value(row))));
    }
    rows
}

/// All that can be read of the partition: rows, groups, zones. `None` where nothing is published.
fn read_all(fs: Arc<dyn FileSystem>, definition: &TableDefinition) -> Result<Option<Vec<String>>> {
    let table = HistoricalTable::new(fs, Path::new(TABLE), Vec::new(), Arc::default());
    let Some(partition) = table.partitions()?.pop() else { return Ok(None) };
    let location = table.partition_handles(&partition)[0].open()?;
    let mut found = vec![format!("{} rows of {partition} by {:?}", location.row_count(), location.sort_columns())];
    for column in definition.stored() {
        let Some(region) = location.column(&column.name)? else { continue };
        let mut chunk = Chunk::new(region.column_type());
        region.fill(0..region.row_count(), &mut chunk)?;
        region.gather(&[0], &mut chunk)?;
        if let (Chunk::String(strings), Some(symbols)) = (&mut chunk, region.symbols()?) {
            strings.symbols = symbols;
        }
        found.extend((0..chunk.len()).map(|row| cell(&chunk.value(row))));
        found.push(format!("{:?}", region.zones()?));
        if let Some(index) = location.grouping(&column.name)? {
            found.extend(
                (0..index.group_count()).map(|at| format!("{:?} {}", index.rows(at), cell(&index.values.value(at)))),
            );
        }
    }
    table.usage(&partition)?;
    Ok(Some(found))
}

fn cell(value: &Value) -> String {
    match value {
        Value::Double(v) => format!("{:016x}", v.to_bits()),
        value => format!("{value:?}"),
    }
}

/// The rows of sources in merged order, by a plain stable sort.
fn sorted_model(sources: &[Arc<dyn Location>], definition: &TableDefinition, keys: &[&str]) -> Vec<Vec<String>> {
    let mut all: Vec<(Vec<SortCell>, Vec<String>)> = Vec::new();
    for source in sources {
        let cells = rows(&**source, definition);
        let keys: Vec<Chunk> = keys.iter().map(|name| source.downcast_chunk(name)).collect();
        for (row, cells) in cells.into_iter().enumerate() {
            all.push((keys.iter().map(|key| SortCell(key.value(row))).collect(), cells));
        }
    }
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all.into_iter().map(|(_, cells)| cells).collect()
}

trait DowncastChunk {
    fn downcast_chunk(&self, name: &str) -> Chunk;
}

impl DowncastChunk for Arc<dyn Location> {
    fn downcast_chunk(&self, name: &str) -> Chunk {
        self.column(name).unwrap().unwrap().read(0..self.row_count()).unwrap()
    }
}

/// Orders as the query language does.
#[derive(PartialEq)]
struct SortCell(Value);

impl Eq for SortCell {}

impl PartialOrd for SortCell {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SortCell {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        match (&self.0, &other.0) {
            (Value::Null, Value::Null) => std::cmp::Ordering::Equal,
            (Value::Null, _) => std::cmp::Ordering::Less,
            (_, Value::Null) => std::cmp::Ordering::Greater,
            (Value::String(a), Value::String(b)) => a.encode_utf16().cmp(b.encode_utf16()),
            (Value::DateTime(a), Value::DateTime(b)) => a.cmp(b),
            (Value::Char(a), Value::Char(b)) => a.cmp(b),
            (Value::Double(a), Value::Double(b)) => match (a.is_nan(), b.is_nan()) {
                (false, false) => a.partial_cmp(b).unwrap(),
                (a, b) => a.cmp(&b),
            },
            pair => unreachable!("{pair:?}"),
        }
    }
}

#[test]
fn rows_come_back_grouped_and_sorted() {
    let fixture = Fixture::new();
    let sources = [arrivals("a", 5_000, 1), arrivals("b", 3_000, 2), arrivals("c", 0, 3)];
    let report = fixture.merge(&sources, &MergeOptions::default()).unwrap();
    assert_eq!((report.rows, report.columns, report.groups, report.generation), (8_000, 4, 7, 1));
    let location = fixture.open();
    assert_eq!(&*location.key().internal_partition, "main");
    assert_eq!(location.sort_columns(), ["Timestamp"]);
    assert!(rows(&*location, &quotes()) == sorted_model(&sources, &quotes(), &["Sym", "Timestamp"]));
    assert!(location.column("Date").unwrap().is_none() && location.column("Ask").unwrap().is_none());
    let grouping = location.grouping("Sym").unwrap().unwrap();
    let values: Vec<Value> = (0..grouping.group_count()).map(|group| grouping.values.value(group)).collect();
    let texts = ["", "AAPL", "SPY", "VMW", "\u{1F600}", "\u{FFFD}"].map(Value::string);
    assert_eq!(values, [&[Value::Null][..], &texts].concat());
    for (group, value) in values.iter().enumerate() {
        let mut chunk = Chunk::new(ColumnType::String);
        let region = location.column("Sym").unwrap().unwrap();
        region.fill(grouping.rows(group), &mut chunk).unwrap();
        let Chunk::String(strings) = &chunk else { unreachable!() };
        assert!(strings.codes.iter().all(|code| region.symbols().unwrap().unwrap().get(*code) == value.as_str()));
    }
    assert!(location.grouping("Bid").unwrap().is_none());
    let zones = location.column("Timestamp").unwrap().unwrap();
    assert_eq!(zones.zones().unwrap()[0].rows, 0..8_000);
}

#[test]
fn reading_costs_what_is_touched() {
    let fixture = Fixture::new();
    fixture.merge(&[arrivals("a", BLOCK_ROWS + 10_000, 1)], &MergeOptions::default()).unwrap();
    let stats = Arc::new(ReadStats::default());
    let table = HistoricalTable::new(fixture.fs.clone(), Path::new(TABLE), Vec::new(), stats.clone());
    let handles = table.handles().unwrap();
    assert_eq!(stats.counts().files_opened, 0);
    let location = handles[0].open().unwrap();
    assert_eq!((stats.counts().files_opened, stats.counts().locations_opened), (2, 1));
    let bid = location.column("Bid").unwrap().unwrap();
    assert_eq!(stats.counts().files_opened, 2);
    let mut chunk = Chunk::new(ColumnType::Double);
    bid.gather(&[5, 6, 900], &mut chunk).unwrap();
    let counts = stats.counts();
    assert_eq!((counts.files_opened, counts.values_read), (3, 3));
    assert!(counts.bytes_read > 0 && counts.bytes_read <= (VECTOR_ROWS * 8) as u64, "{counts:?}");
    let mut all = Chunk::new(ColumnType::Double);
    bid.fill(0..bid.row_count(), &mut all).unwrap();
    assert_eq!(stats.counts().files_opened, 3);
    assert_eq!(cell(&all.value(900)), cell(&chunk.value(2)));
}

#[test]
fn publication_is_once_unless_forced_and_readers_keep_their_version() {
    let fixture = Fixture::new();
    fixture.merge(&[arrivals("a", 100, 1)], &MergeOptions::default()).unwrap();
    let error = fixture.merge(&[arrivals("a", 200, 2)], &MergeOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(error.to_string().contains("--force"), "{error}");
    let old = fixture.open();
    let before = rows(&*old, &quotes());
    let force = MergeOptions { force: true, ..MergeOptions::default() };
    assert_eq!(fixture.merge(&[arrivals("a", 200, 2)], &force).unwrap().generation, 2);
    assert_eq!(fixture.open().row_count(), 200);
    // Opened before, first read of most files after: the old version is still there.
    assert!(rows(&*old, &quotes()) == before);
    let again = fixture.table(Vec::new()).handles().unwrap();
    drop(old);
    fixture.merge(&[arrivals("a", 300, 3)], &force).unwrap();
    assert_eq!(again[0].open().unwrap().row_count(), 300);
    assert_eq!(fixture.files().iter().filter(|file| file.ends_with("/location")).count(), 1);
}

#[test]
fn rows_spread_over_storages_are_one_version() {
    let fixture = Fixture::new();
    let storages = vec![fixture.storage("b"), fixture.storage("a")];
    let sources = [arrivals("x", 4_000, 5)];
    let options = MergeOptions { storages: storages.clone(), ..MergeOptions::default() };
    let report = fixture.merge(&sources, &options).unwrap();
    assert_eq!(report.storages.iter().map(|(_, rows)| rows).sum::<u64>(), 4_000);
    assert!(report.storages.iter().all(|(_, rows)| *rows > 0), "{report:?}");
    let table = fixture.table(storages.clone());
    let handles = table.handles().unwrap();
    assert_eq!(handles.iter().map(|h| &*h.key().internal_partition).collect::<Vec<_>>(), ["a", "b"]);
    let open: Vec<_> = handles.iter().map(|handle| handle.open().unwrap()).collect();
    let mut found: Vec<_> = open.iter().flat_map(|location| rows(&**location, &quotes())).collect();
    let mut expected = sorted_model(&sources, &quotes(), &["Sym", "Timestamp"]);
    found.sort();
    expected.sort();
    assert!(found == expected);
    let groups: usize = open.iter().map(|l| l.grouping("Sym").unwrap().unwrap().group_count()).sum();
    assert_eq!(groups, 7);
    // A publication between two openings of the same listing must not mix versions.
    let listing = table.handles().unwrap();
    let first = listing[0].open().unwrap();
    let again = MergeOptions { force: true, ..options };
    fixture.merge(&[arrivals("x", 10, 6)], &again).unwrap();
    let second = listing[1].open().unwrap();
    assert_eq!(first.row_count() + second.row_count(), 4_000);
    let usage = table.usage(PARTITION).unwrap();
    assert_eq!(usage.iter().map(|u| (u.name.as_str(), u.row_count)).collect::<Vec<_>>()[0], ("Sym", 10));
    let wrong = fixture.table(vec![fixture.storage("a")]);
    assert!(wrong.handles().unwrap()[0].open().unwrap_err().to_string().contains("storage b, which is not configured"));
}

#[test]
fn a_failed_merge_leaves_nothing() {
    let fixture = Fixture::new();
    let sources = [arrivals("a", 3_000, 1)];
    let calls = AtomicUsize::new(0);
    let definition = quotes();
    let sort = ["Timestamp".to_string()];
    let count = |_: MergeProgress| {
        calls.fetch_add(1, Ordering::Relaxed);
        Ok(())
    };
    fixture.merge_with(&sources, &definition, &sort, &MergeOptions::default(), &count).unwrap();
    let total = calls.load(Ordering::Relaxed);
    assert!(total >= 4);
    for stop in 0..total {
        let fixture = Fixture::new();
        let calls = AtomicUsize::new(0);
        let cancel = |_: MergeProgress| match calls.fetch_add(1, Ordering::Relaxed) == stop {
            true => Err(Error::new(ErrorKind::Cancelled, "stopped")),
            false => Ok(()),
        };
        let result = fixture.merge_with(&sources, &definition, &sort, &MergeOptions::default(), &cancel);
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(fixture.files(), Vec::<String>::new());
        assert!(fixture.table(Vec::new()).partitions().unwrap().is_empty());
        fixture.merge(&sources, &MergeOptions::default()).unwrap();
    }
}

#[test]
fn what_cannot_be_merged_is_refused() {
    let fixture = Fixture::new();
    let rows = arrivals("a", 10, 1);
    let plain = MergeOptions::default();
    let one = std::slice::from_ref(&rows);
    let check = |result: Result<MergeReport>, kind: ErrorKind, part: &str| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    };
    check(fixture.merge(&[], &plain), ErrorKind::NotFound, "no intraday rows");
    let sort = |name: &str| fixture.merge_with(one, &quotes(), &[name.to_string()], &plain, &|_| Ok(()));
    check(sort("TimeStamp"), ErrorKind::NotFound, "Timestamp");
    check(sort("Date"), ErrorKind::Invalid, "partitioning column Date");
    let other =
        Rows::of("a", &[("Sym", Chunk::nulls(ColumnType::String, 1)), ("Bid", Chunk::nulls(ColumnType::DateTime, 1))]);
    check(fixture.merge(&[other], &plain), ErrorKind::Type, "is DateTime in location");
    for partition in ["../x", "", "a/b", "x.tmp-1-1"] {
        let (fs, table_directory, definition) = (&fixture.fs, Path::new(TABLE), &quotes());
        let request = MergeRequest {
            fs,
            table_directory,
            column_partition: partition,
            sources: one,
            definition,
            sort_columns: &[],
            provenance: &[],
        };
        let result = merge(request, &plain, &|_| Ok(()));
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Invalid, "{partition}");
    }
    let _lock = publish::lock_partition(&*fixture.fs, Path::new(TABLE), PARTITION).unwrap();
    check(fixture.merge(one, &plain), ErrorKind::Locked, "another process");
    assert_eq!(fixture.files(), Vec::<String>::new());
}

#[test]
fn an_empty_partition_only_where_it_is_asked_for() {
    let fixture = Fixture::new();
    let options = MergeOptions { allow_empty: true, ..MergeOptions::default() };
    fixture.merge(&[], &options).unwrap();
    let location = fixture.open();
    assert_eq!(location.row_count(), 0);
    assert_eq!(location.grouping("Sym").unwrap().unwrap().group_count(), 0);
    assert!(rows(&*location, &quotes()).is_empty());
}

#[test]
fn removal_takes_all_but_what_is_open() {
    let fixture = Fixture::new();
    fixture.merge(&[arrivals("a", 100, 1)], &MergeOptions::default()).unwrap();
    let open = fixture.open();
    remove_partition(&fixture.fs, Path::new(TABLE), PARTITION, &[]).unwrap();
    assert!(fixture.table(Vec::new()).partitions().unwrap().is_empty());
    assert_eq!(rows(&*open, &quotes()).len(), 100);
    drop(open);
    assert!(remove_partition(&fixture.fs, Path::new(TABLE), PARTITION, &[]).unwrap_err().is_not_found());
    fixture.merge(&[arrivals("a", 50, 1)], &MergeOptions::default()).unwrap();
    assert_eq!(fixture.files().iter().filter(|file| file.ends_with("/location")).count(), 1);
}

#[test]
fn a_missing_column_reads_as_nulls_and_unused_symbols_go() {
    let fixture = Fixture::new();
    let table = Chunk::strings([Some("B"), Some("unused"), Some("A")]).unwrap();
    let columns = [("Sym", table.take(&[0, 2])), ("Timestamp", Chunk::DateTime(vec![1, 2]))];
    fixture.merge(&[Rows::of("a", &columns)], &MergeOptions::default()).unwrap();
    let location = fixture.open();
    let sym = location.column("Sym").unwrap().unwrap();
    let symbols = sym.symbols().unwrap().unwrap();
    assert_eq!(symbols.iter().collect::<Vec<_>>(), ["A", "B"]);
    assert!(symbols.is_sorted());
    let zone = &location.column("Bid").unwrap().unwrap().zones().unwrap()[0].clone();
    assert_eq!((zone.null_count, &zone.min), (2, &Value::Null));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_order_is_that_of_a_plain_stable_sort(
        sizes in prop::collection::vec(0usize..300, 1..4),
        grouped in prop::sample::subsequence(vec!["Sym", "Exchange"], 0..=2),
        sort in prop::sample::subsequence(vec!["Timestamp", "Bid", "Exchange", "Sym"], 0..=2),
        seed in any::<u64>(),
    ) {
        let fixture = Fixture::new();
        let base = quotes();
        let columns = base.columns().iter().map(|column| {
            let kind = match column.kind {
                ColumnKind::Partitioning => ColumnKind::Partitioning,
                _ if grouped.contains(&column.name.as_str()) => ColumnKind::Grouping,
                _ => ColumnKind::Normal,
            };
            column.clone().of_kind(kind)
        });
        let definition = TableDefinition::new(columns.collect()).unwrap();
        let sources: Vec<_> = sizes.iter().enumerate().map(|(at, &rows)| arrivals(&format!("s{at}"), rows, seed ^ at as u64)).collect();
        let sort_columns: Vec<String> = sort.iter().map(|name| name.to_string()).collect();
        let options = MergeOptions { allow_empty: true, threads: 1, ..MergeOptions::default() };
        fixture.merge_with(&sources, &definition, &sort_columns, &options, &|_| Ok(())).unwrap();
        let keys: Vec<&str> = grouped.iter().chain(sort.iter().filter(|name| !grouped.contains(name))).copied().collect();
        let location = fixture.open();
        prop_assert!(rows(&*location, &definition) == sorted_model(&sources, &definition, &keys));
        for (at, name) in grouped.iter().enumerate() {
            let index = location.grouping(name).unwrap();
            prop_assert!(index.is_some() || at > 0);
        }
    }
}
