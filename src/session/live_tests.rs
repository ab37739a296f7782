//! Live queries of one session: a range of time reads the few blocks of `db.i` that it may lie in, and what came since the query before.

use super::Database;
use crate::base::{ErrorKind, Value};
use crate::engine::formula::QueryScope;
use crate::io::SimulatedFileSystem;
use crate::memory::Chunk;
use crate::storage::intraday::{Durability, IntradayWriter, WriterOptions, remove_location};
use crate::storage::{LocationKey, Root, RootConfig, schema};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

const SCHEMA: &str = r#"
namespace = "Market"
table = "Ticks"
columns = [
    { name = "Date", type = "String", kind = "partitioning" },
    { name = "Time", type = "DateTime" },
    { name = "Price", type = "double" },
]
"#;
const BLOCK_ROWS: u64 = 8_192;

struct Live {
    root: Arc<Root>,
    database: Database,
}

impl Live {
    fn new() -> Self {
        let root = Root::create_in(Arc::new(SimulatedFileSystem::new(3)), RootConfig::new("UTC").unwrap()).unwrap();
        schema::deploy(&**root.fs(), SCHEMA, Path::new("in.toml"), false).unwrap();
        let root = Arc::new(root);
        Live { database: Database::of_root(root.clone()).unwrap(), root }
    }

    fn directory(&self) -> std::path::PathBuf {
        let key = LocationKey { column_partition: "d".into(), internal_partition: "feed".into() };
        self.database.catalog().table("Market", "Ticks").unwrap().intraday_directory(&key).unwrap()
    }

    fn writer(&self) -> IntradayWriter {
        let entry = self.database.catalog().table("Market", "Ticks").unwrap();
        let columns: Vec<_> = entry.schema().definition.stored().cloned().collect();
        let options = WriterOptions { durability: Durability::None };
        IntradayWriter::open(self.root.fs().clone(), &self.directory(), &columns, options).unwrap()
    }

    /// Rows with times `from` to `to`, in nanoseconds, and the values and files that finding them read.
    fn between(&self, from: u64, to: u64) -> (u64, u64, u64) {
        let stats = self.database.stats();
        let before = stats.counts();
        let filters = [format!("Time >= nanosToTime({from}L)"), format!("Time < nanosToTime({to}L)")];
        let table = self.database.i("Market", "Ticks").unwrap().filter(&filters, &QueryScope::default()).unwrap();
        let rows = table.row_count().unwrap();
        let read = stats.counts().since(before);
        (rows, read.values_read, read.files_opened)
    }
}

fn append(writer: &mut IntradayWriter, rows: std::ops::Range<i64>) {
    let prices = Chunk::Double(rows.clone().map(|row| row as f64).collect());
    writer.append(&[Chunk::DateTime(rows.collect()), prices]).unwrap();
    writer.commit().unwrap();
}

#[test]
fn a_range_of_time_reads_the_blocks_it_lies_in() {
    let live = Live::new();
    let mut writer = live.writer();
    append(&mut writer, 0..100_000);
    let (rows, first, _) = live.between(50_000, 50_100);
    assert_eq!(rows, 100);
    // Bounds of full blocks are stored; the rest is looked at once.
    assert!((100..=2 * BLOCK_ROWS).contains(&first), "{first} values");
    let (rows, again, files) = live.between(50_000, 50_100);
    assert_eq!((rows, files), (100, 0));
    assert!((100..=BLOCK_ROWS).contains(&again), "{again} values");

    append(&mut writer, 100_000..200_000);
    let (rows, read, _) = live.between(150_000, 150_100);
    assert_eq!(rows, 100);
    assert!((100..=3 * BLOCK_ROWS).contains(&read), "{read} values");
    let ways = live.database.i("Market", "Ticks").unwrap();
    let ways = ways.filter(&["Time < nanosToTime(9000L)"], &QueryScope::default()).unwrap().explain().unwrap();
    assert!(ways.iter().any(|step| step.strategy == "bounds in 1, rows in 1"), "{ways:?}");
    // A block whose rows all pass is not read for it.
    let (rows, read, _) = live.between(1, 190_000);
    assert_eq!(rows, 189_999);
    assert!(read <= 2 * BLOCK_ROWS, "{read} values");
}

#[test]
fn a_location_that_was_removed_or_replaced_is_not_read_from_memory() {
    let live = Live::new();
    let mut writer = live.writer();
    append(&mut writer, 0..20_000);
    writer.close().unwrap();
    assert_eq!(live.between(0, 1 << 40).0, 20_000);
    remove_location(&**live.root.fs(), &live.directory()).unwrap();
    assert_eq!(live.between(0, 1 << 40).0, 0);
    let mut writer = live.writer();
    append(&mut writer, 5_000..5_010);
    assert_eq!(live.between(0, 5_005).0, 5);
    // What was opened before stays as it is.
    let table = live.database.i("Market", "Ticks").unwrap();
    let time = |at: usize| table.read_column("Time").unwrap().value(at);
    assert_eq!(time(0), Value::DateTime(5_000));
    append(&mut writer, 0..10);
    assert_eq!(time(9), Value::DateTime(5_009));
    assert_eq!(live.between(0, 1 << 40).0, 20);
    assert!(live.database.stats().files_opened.load(Relaxed) > 0);
    assert_eq!(live.database.i("Market", "Tick").unwrap_err().kind(), ErrorKind::NotFound);
}
