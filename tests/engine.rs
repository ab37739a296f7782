//! The engine over locations on disk, intraday and historical: the same rows as in memory, and no more read than needed.

use pilaster::base::{ColumnDefinition, ColumnKind, ColumnType, Result, TableDefinition, Value};
use pilaster::engine::formula::QueryScope;
use pilaster::engine::{Table, Timing};
use pilaster::io::{FileSystem, RealFileSystem};
use pilaster::memory::Chunk;
use pilaster::storage::historical::{HistoricalTable, MergeOptions, MergeRequest, merge};
use pilaster::storage::intraday::{IntradayHandle, IntradayWriter, WriterOptions};
use pilaster::storage::read_stats::ReadCounts;
use pilaster::storage::{LocationHandle, LocationKey, LocationSource, ReadStats};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const HISTORY: &str = "historical/Test/Quotes";
const DATES: [&str; 3] = ["2017-08-24", "2017-08-25", "2017-08-28"];
const SOURCES: [&str; 2] = ["feed1", "feed2"];
const SYMBOLS: usize = 40;

fn definition() -> TableDefinition {
    TableDefinition::new(vec![
        ColumnDefinition::new("Date", ColumnType::String).of_kind(ColumnKind::Partitioning),
        ColumnDefinition::new("Sym", ColumnType::String).of_kind(ColumnKind::Grouping),
        ColumnDefinition::new("Timestamp", ColumnType::DateTime),
        ColumnDefinition::new("Bid", ColumnType::Double),
        ColumnDefinition::new("Exchange", ColumnType::Char),
        ColumnDefinition::new("Size", ColumnType::Int),
    ])
    .unwrap()
}

/// Rows of one location in order of time, with bids whose sums are exact; the second source has no `Size` and sees other symbols first.
fn rows(date: usize, source: usize, count: usize) -> Vec<Chunk> {
    let names: Vec<String> = (0..SYMBOLS).map(|at| format!("S{}", (at * 7 + source * 3) % SYMBOLS)).collect();
    let sym = |at: usize| (at % 17 != 5).then(|| names[(at * (3 + date) + at / 100) % SYMBOLS].as_str());
    let bid = |at: usize| if at % 31 == 7 { -f64::MAX } else { 100.0 + (at % 1000) as f64 / 128.0 };
    let mut columns = vec![
        Chunk::strings((0..count).map(sym)).unwrap(),
        Chunk::DateTime((0..count).map(|at| (date * 86_400 + at * 2 + source) as i64 * 1_000_000_000).collect()),
        Chunk::Double((0..count).map(bid).collect()),
        Chunk::Char((0..count).map(|at| 65 + (at % 5) as u16).collect()),
    ];
    if source == 0 {
        columns.push(Chunk::Int((0..count).map(|at| (at % 900) as i32).collect()));
    }
    columns
}

#[derive(Debug)]
struct Locations {
    definition: Arc<TableDefinition>,
    handles: Vec<Arc<dyn LocationHandle>>,
}

impl LocationSource for Locations {
    fn namespace(&self) -> &str {
        "Test"
    }
    fn table(&self) -> &str {
        "Quotes"
    }
    fn definition(&self) -> &Arc<TableDefinition> {
        &self.definition
    }
    fn locations(&self) -> Result<Vec<Arc<dyn LocationHandle>>> {
        Ok(self.handles.clone())
    }
}

struct Fixture {
    _directory: tempfile::TempDir,
    fs: Arc<dyn FileSystem>,
    stats: Arc<ReadStats>,
}

impl Fixture {
    /// Three days of two sources, appended and merged.
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let fs: Arc<dyn FileSystem> = RealFileSystem::open(directory.path()).unwrap();
        let fixture = Fixture { _directory: directory, fs, stats: Arc::default() };
        let stored: Vec<ColumnDefinition> = definition().stored().cloned().collect();
        for (date, name) in DATES.iter().enumerate() {
            for (source, source_name) in SOURCES.iter().enumerate() {
                let columns = rows(date, source, if date == 1 { 40_000 } else { 900 });
                let place = intraday_directory(source_name, name);
                let options = WriterOptions::default();
                let mut writer =
                    IntradayWriter::open(fixture.fs.clone(), &place, &stored[..columns.len()], options).unwrap();
                writer.append(&columns).unwrap();
                writer.commit().unwrap();
                writer.close().unwrap();
            }
            let opened: Vec<_> = fixture.intraday_handles(name).iter().map(|handle| handle.open().unwrap()).collect();
            let request = MergeRequest {
                fs: &fixture.fs,
                table_directory: Path::new(HISTORY),
                column_partition: name,
                sources: &opened,
                definition: &definition(),
                sort_columns: &["Timestamp".to_string()],
                provenance: &[],
            };
            merge(request, &MergeOptions::default(), &|_| Ok(())).unwrap();
        }
        fixture
    }

    fn intraday_handles(&self, date: &str) -> Vec<Arc<dyn LocationHandle>> {
        let handle = |source: &&str| {
            let key = LocationKey { column_partition: date.into(), internal_partition: (*source).into() };
            let place = intraday_directory(source, date);
            Arc::new(IntradayHandle::new(self.fs.clone(), place, key, self.stats.clone())) as Arc<dyn LocationHandle>
        };
        SOURCES.iter().map(handle).collect()
    }

    fn intraday(&self) -> Table {
        let handles = DATES.iter().flat_map(|date| self.intraday_handles(date)).collect();
        Table::of_source(Arc::new(Locations { definition: Arc::new(definition()), handles }))
    }

    fn historical(&self) -> Table {
        let table = HistoricalTable::new(self.fs.clone(), Path::new(HISTORY), Vec::new(), self.stats.clone());
        let handles = table.handles().unwrap();
        Table::of_source(Arc::new(Locations { definition: Arc::new(definition()), handles }))
    }

    /// What work reads.
    fn cost<T>(&self, work: impl FnOnce() -> T) -> (T, ReadCounts) {
        let before = self.stats.counts();
        let result = work();
        (result, self.stats.counts().since(before))
    }
}

fn intraday_directory(source: &str, date: &str) -> PathBuf {
    PathBuf::from(format!("intraday/Test/Quotes/{source}/{date}"))
}

/// The same rows in memory.
fn in_memory(table: &Table) -> Table {
    let names = table.column_names();
    let columns = names.iter().map(|name| (name.to_string(), table.read_column(name).unwrap()));
    Table::new_table(columns.collect()).unwrap()
}

fn shown(table: &Table) -> Vec<Vec<String>> {
    let names = table.column_names();
    let count = table.row_count().unwrap();
    let chunks = table.read(&names, 0..count).unwrap();
    (0..count as usize).map(|at| chunks.iter().map(|chunk| format!("{:?}", chunk.value(at))).collect()).collect()
}

/// What is done to a table.
type Operation<'a> = &'a dyn Fn(&Table) -> Result<Table>;

#[test]
fn stored_tables_give_the_rows_that_memory_gives() {
    let fixture = Fixture::new();
    let scope = QueryScope::default();
    let intraday = in_memory(&fixture.intraday());
    assert_eq!(intraday.row_count().unwrap(), 2 * (40_000 + 900 + 900));
    let historical = in_memory(&fixture.historical());
    assert_eq!(shown(&historical), shown(&intraday.sort(&["Date", "Sym", "Timestamp"]).unwrap()));
    let operations: [(&str, Operation<'_>); 14] = [
        ("sym", &|t| t.filter(&["Date=`2017-08-25`", "Sym=`S7`"], &scope)),
        ("syms", &|t| t.filter(&["Sym in `S1`, `S2`, null", "Bid>107.5"], &scope)),
        ("no size", &|t| t.filter(&["Size==null", "Exchange='C'"], &scope)?.count_by("N", &["Sym"])),
        ("times", &|t| {
            t.filter(&["Timestamp>='1970-01-02T00:10:00 UTC'", "Timestamp<'1970-01-02T00:20:00 UTC'"], &scope)
        }),
        ("general", &|t| t.filter(&["Bid*2>Size+200", "i%7==3"], &scope)),
        ("last", &|t| t.last_by(&["Sym"])),
        ("first of some", &|t| t.filter(&["Bid>105", "Date!=`2017-08-24`"], &scope)?.first_by(&["Sym"])),
        ("average", &|t| t.view(&["Sym", "Bid", "Size"], &scope)?.avg_by(&["Sym"])),
        ("two keys", &|t| t.view(&["Date", "Sym", "Bid", "Size"], &scope)?.max_by(&["Date", "Sym"])),
        ("distinct", &|t| t.select_distinct(&["Sym"], &scope)),
        ("top", &|t| t.sort_descending(&["Bid", "Sym"])?.head(100)),
        ("scattered", &|t| t.sort(&["Exchange", "Size"])?.tail(5_000)),
        ("update", &|t| t.tail(70_000)?.update(&["X=Bid+Size", "Y=X_[i-1]"], &scope)?.head(1_000)),
        ("both", &|t| Table::merge(&[t.head(10)?, t.tail(10)?, intraday.head(3)?])?.sort(&["Sym"])),
    ];
    for (name, operation) in operations {
        for (table, memory) in [(fixture.intraday(), &intraday), (fixture.historical(), &historical)] {
            assert_eq!(shown(&operation(&table).unwrap()), shown(&operation(memory).unwrap()), "{name}");
        }
    }
}

#[test]
fn history_reads_what_a_query_needs() {
    let fixture = Fixture::new();
    let scope = QueryScope::default();
    let per_symbol = in_memory(&fixture.historical()).filter(&["Sym=`S7`", "Date=`2017-08-25`"], &scope).unwrap();
    let wanted = per_symbol.row_count().unwrap();
    let timing = Arc::new(Timing::new(Some(fixture.stats.clone())));
    let table = fixture.historical().with_timing(timing.clone());
    let day = table.filter(&["Date=`2017-08-25`", "Sym=`S7`"], &scope).unwrap();
    let (count, counts) = fixture.cost(|| day.row_count().unwrap());
    assert_eq!((count, counts.locations_opened, counts.values_read), (wanted, 1, 0));
    let (_, counts) = fixture.cost(|| day.read_column("Bid").unwrap());
    assert_eq!(counts.values_read, wanted);
    assert_eq!(timing.records()[1].locations, Some((1, 3)));

    let (last, counts) = fixture.cost(|| fixture.historical().last_by(&["Sym"]).unwrap());
    assert_eq!((last.row_count().unwrap(), counts.values_read), (SYMBOLS as u64 + 1, 0));
    let (_, counts) = fixture.cost(|| fixture.historical().select_distinct(&["Sym"], &scope).unwrap());
    assert_eq!((counts.values_read, counts.locations_opened), (0, 3));
    // Sorted by time within a symbol: zone maps leave few blocks of the large day for the last minutes of all.
    let all = fixture.historical().row_count().unwrap();
    let (_, counts) = fixture.cost(|| {
        let late = fixture.historical().filter(&["Timestamp>'1970-01-03T00:00:00 UTC'"], &scope).unwrap();
        late.row_count().unwrap()
    });
    assert!(counts.values_read < all / 2, "{} of {all} values were read", counts.values_read);
}

#[test]
fn a_version_stays_as_it_was_opened() {
    let fixture = Fixture::new();
    let table = fixture.intraday();
    let before = shown(&table.tail(5).unwrap());
    let stored: Vec<ColumnDefinition> = definition().stored().cloned().collect();
    let place = intraday_directory(SOURCES[0], DATES[2]);
    let mut writer = IntradayWriter::open(fixture.fs.clone(), &place, &stored, WriterOptions::default()).unwrap();
    writer.append(&rows(2, 0, 50)).unwrap();
    writer.commit().unwrap();
    writer.close().unwrap();
    assert_eq!(shown(&table.tail(5).unwrap()), before);
    assert_eq!(fixture.intraday().row_count().unwrap(), table.row_count().unwrap() + 50);
    let value = fixture.intraday().read(&["Sym"], 0..1).unwrap()[0].value(0);
    assert!(matches!(value, Value::String(_)));
}

/// Groups of the large day, and rows of each: more than a vector of 1,024, so that groups and vectors do not coincide.
const GROUPS: usize = 500;
const GROUP_ROWS: usize = 1_030;
/// As many rows in fewer groups.
const LARGE_GROUPS: usize = 20;
const SECOND_NS: i64 = 1_000_000_000;

/// A day of more than half a million rows, symbols in turn, a second after the other; merged, grouped by symbol or not.
struct LargeDay {
    fixture: Fixture,
    definition: TableDefinition,
}

impl LargeDay {
    fn new(is_grouped: bool) -> Self {
        Self::of_groups(is_grouped, GROUPS)
    }

    fn of_groups(is_grouped: bool, groups: usize) -> Self {
        let kind = if is_grouped { ColumnKind::Grouping } else { ColumnKind::Normal };
        let definition = TableDefinition::new(vec![
            ColumnDefinition::new("Date", ColumnType::String).of_kind(ColumnKind::Partitioning),
            ColumnDefinition::new("Sym", ColumnType::String).of_kind(kind),
            ColumnDefinition::new("Timestamp", ColumnType::DateTime),
            ColumnDefinition::new("Bid", ColumnType::Double),
            ColumnDefinition::new("Size", ColumnType::Int),
        ])
        .unwrap();
        let directory = tempfile::tempdir().unwrap();
        let fs: Arc<dyn FileSystem> = RealFileSystem::open(directory.path()).unwrap();
        let fixture = Fixture { _directory: directory, fs, stats: Arc::default() };
        let place = intraday_directory("feed1", DATES[0]);
        let stored: Vec<ColumnDefinition> = definition.stored().cloned().collect();
        let mut writer = IntradayWriter::open(fixture.fs.clone(), &place, &stored, WriterOptions::default()).unwrap();
        let names: Vec<String> = (0..groups).map(|at| format!("S{at}")).collect();
        let rows = 0..GROUPS * GROUP_ROWS;
        let mix = |row: usize| (row as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let columns = [
            Chunk::strings(rows.clone().map(|row| Some(names[row % groups].as_str()))).unwrap(),
            Chunk::DateTime(rows.clone().map(|row| row as i64 * SECOND_NS).collect()),
            Chunk::Double(rows.clone().map(|row| mix(row) as f64 / 7.0).collect()),
            Chunk::Int(rows.map(|row| mix(row + 1) as i32).collect()),
        ];
        writer.append(&columns).unwrap();
        writer.commit().unwrap();
        writer.close().unwrap();
        let key = LocationKey { column_partition: DATES[0].into(), internal_partition: "feed1".into() };
        let source = IntradayHandle::new(fixture.fs.clone(), place, key, Arc::default()).open().unwrap();
        let request = MergeRequest {
            fs: &fixture.fs,
            table_directory: Path::new(HISTORY),
            column_partition: DATES[0],
            sources: &[source],
            definition: &definition,
            sort_columns: &["Timestamp".to_string()],
            provenance: &[],
        };
        merge(request, &MergeOptions::default(), &|_| Ok(())).unwrap();
        LargeDay { fixture, definition }
    }

    /// What an operation and reading all of its result read, and how many rows it gave. Nothing is open before.
    fn cost(&self, columns: &[&str], operation: Operation<'_>) -> (u64, ReadCounts) {
        let fixture = &self.fixture;
        let history = HistoricalTable::new(fixture.fs.clone(), Path::new(HISTORY), Vec::new(), fixture.stats.clone());
        let source = Locations { definition: Arc::new(self.definition.clone()), handles: history.handles().unwrap() };
        let table = Table::of_source(Arc::new(source));
        fixture.cost(|| {
            let result = operation(&table).unwrap();
            columns.iter().for_each(|column| drop(result.read_column(column).unwrap()));
            result.row_count().unwrap()
        })
    }
}

const LARGE_COLUMNS: [&str; 4] = ["Sym", "Timestamp", "Bid", "Size"];

#[test]
fn a_group_its_ends_and_a_range_of_it_read_only_what_they_must() {
    let day = LargeDay::new(true);
    let scope = QueryScope::default();
    let groups = GROUPS as u64;
    let (rows, whole) = day.cost(&LARGE_COLUMNS, &|table| Ok(table.clone()));
    assert_eq!((rows, whole.values_read), (groups * GROUP_ROWS as u64, 4 * rows));
    let (_, times) = day.cost(&["Timestamp"], &|table| Ok(table.clone()));

    // One of five hundred groups: its rows, which lie in no more than three vectors of each column.
    let (rows, group) = day.cost(&LARGE_COLUMNS, &|table| table.filter(&["Sym=`S77`"], &scope));
    assert_eq!((rows, group.values_read), (GROUP_ROWS as u64, 4 * GROUP_ROWS as u64));
    assert!(group.bytes_read * 150 < whole.bytes_read, "{group:?} of {whole:?}");
    let (_, column) = day.cost(&["Size"], &|table| table.filter(&["Sym=`S77`"], &scope));
    assert_eq!(column.values_read, GROUP_ROWS as u64);

    // The ends of groups: a value a group and column, and no more than its vector of bytes.
    for operation in [&|t: &Table| t.last_by(&["Sym"]), &|t: &Table| t.first_by(&["Sym"])] as [Operation<'_>; 2] {
        let (rows, ends) = day.cost(&LARGE_COLUMNS, operation);
        assert_eq!(rows, groups);
        assert!(ends.values_read <= 4 * groups, "{ends:?} of {whole:?}");
        assert!(ends.bytes_read * 20 < whole.bytes_read, "{ends:?} of {whole:?}");
    }
    let last_of = |t: &Table| t.filter(&["Sym=`S77`"], &scope)?.last_by(&["Sym"]);
    let (rows, last) = day.cost(&LARGE_COLUMNS, &last_of);
    assert!(rows == 1 && last.bytes_read * 150 < whole.bytes_read, "{last:?} of {whole:?}");

    // A minute of one group: its times are looked at, and of the other columns the rows of that minute.
    let minute = ["Timestamp>='1970-01-04T00:00:00 UTC'", "Timestamp<'1970-01-04T01:00:00 UTC'"];
    let of_group = [&["Sym=`S77`"], &minute[..]].concat();
    let (rows, range) = day.cost(&LARGE_COLUMNS, &|table| table.filter(&of_group, &scope));
    assert!((7..=8).contains(&rows), "{rows}");
    assert!(range.values_read <= 2 * GROUP_ROWS as u64 + 4 * rows, "{range:?}");
    assert!(range.bytes_read * 150 < whole.bytes_read, "{range:?} of {whole:?}");
    // That of all groups: no more than the times, and the rows. Each group is about a vector, which begins in one and ends in another.
    let (rows, range) = day.cost(&LARGE_COLUMNS, &|table| table.filter(&minute, &scope));
    assert_eq!(rows, 3_600);
    assert!(range.values_read <= times.values_read + 4 * rows, "{range:?} of {times:?}");
    assert!(range.bytes_read < whole.bytes_read, "{range:?} of {whole:?}");
}

#[test]
fn a_range_of_all_groups_reads_the_vectors_that_it_may_lie_in() {
    let day = LargeDay::of_groups(true, LARGE_GROUPS);
    let scope = QueryScope::default();
    let (_, times) = day.cost(&["Timestamp"], &|table| Ok(table.clone()));
    let range = ["Timestamp>='1970-01-04T00:00:00 UTC'", "Timestamp<'1970-01-04T01:00:00 UTC'"];
    let (rows, cost) = day.cost(&LARGE_COLUMNS, &|table| table.filter(&range, &scope));
    assert_eq!(rows, 3_600);
    // A group's rows of that hour lie in two vectors at most; where a group ends and the next one begins the bounds of a vector are wide.
    assert!(cost.values_read <= 3 * 1_024 * LARGE_GROUPS as u64 + 4 * rows, "{cost:?} of {times:?}");
    assert!(cost.values_read < times.values_read / 5, "{cost:?} of {times:?}");
    // Where every value of a vector passes none of them is read.
    let most = ["Timestamp>='1970-01-02T00:00:00 UTC'"];
    let (rows, cost) = day.cost(&[], &|table| table.filter(&most, &scope));
    assert_eq!(rows, (GROUPS * GROUP_ROWS) as u64 - 86_400);
    assert!(cost.values_read <= 3 * 1_024 * LARGE_GROUPS as u64, "{cost:?} of {times:?}");
}

#[test]
fn a_range_of_sorted_rows_reads_its_vectors() {
    let day = LargeDay::new(false);
    let scope = QueryScope::default();
    let (_, whole) = day.cost(&LARGE_COLUMNS, &|table| Ok(table.clone()));
    let (_, times) = day.cost(&["Timestamp"], &|table| Ok(table.clone()));
    let range = ["Timestamp>='1970-01-04T00:00:00 UTC'", "Timestamp<'1970-01-04T01:00:00 UTC'"];
    let (rows, cost) = day.cost(&LARGE_COLUMNS, &|table| table.filter(&range, &scope));
    assert_eq!(rows, 3_600);
    // Of the vectors of times two hold such rows and others too; of the other columns these rows are read.
    assert!(cost.values_read <= 2 * 1_024 + 4 * rows, "{cost:?}");
    assert!(cost.bytes_read < times.bytes_read / 20 + whole.bytes_read / 50, "{cost:?} of {whole:?}");
    let (rows, none) =
        day.cost(&LARGE_COLUMNS, &|table| table.filter(&["Timestamp<'1969-01-01T00:00:00 UTC'"], &scope));
    assert_eq!((rows, none.values_read, none.bytes_read), (0, 0, 0));
}
