//! Key formulas: which are refused and where, and where rows go by them.

use super::key_formula::{check, compiler};
use crate::base::Result;
use crate::base::Value;
use crate::base::date_time::Zone;
use crate::io::{FileSystem, SimulatedFileSystem};
use crate::memory::Chunk;
use crate::storage::catalog::{MergeChain, TableEntry};
use crate::storage::historical::{MergeOptions, MergeReport};
use crate::storage::intraday::Durability;
use crate::storage::schema::Validation;
use crate::storage::{Appender, Catalog, Root, RootConfig, Storage, TableSchema, schema};
use std::path::Path;
use std::sync::Arc;

fn text(formula: &str) -> String {
    let line = if formula.is_empty() { String::new() } else { format!("key_formula = \"{formula}\"\n") };
    format!(
        "namespace = \"Market\"\ntable = \"Quotes\"\n{line}columns = [
  {{ name = \"Date\", type = \"String\", kind = \"partitioning\" }},
  {{ name = \"Sym\", type = \"String\", kind = \"grouping\" }},
  {{ name = \"Venue\", type = \"char\", kind = \"grouping\" }},
  {{ name = \"Time\", type = \"DateTime\" }},
  {{ name = \"Price\", type = \"double\" }},
  {{ name = \"Size\", type = \"int\" }},
]\n"
    )
}

#[test]
fn formulas_are_refused_where_they_are_wrong() {
    for (formula, expected) in [
        ("Sym", ""),
        ("Sym + Venue", ""),
        ("Size % 7", ""),
        ("(long)Price", ""),
        ("isNull(Sym)", ""),
        ("${autobalance_single}", ""),
        (" ${autobalance_by_first_grouping_column} ", ""),
        (
            "__WRITABLE_PARTITIONS__[abs((__NS_TN__ + Sym).hashCode() + __DAY_OF_YEAR__) % __NUM_WRITABLE_PARTITIONS__]",
            "",
        ),
        ("__PARTITION_AUTOBALANCE_SINGLE__", ""),
        ("Price", "3:16: a key formula gives a whole number, a char, a boolean or a String, this gives double"),
        ("Time", "3:16: a key formula gives a whole number, a char, a boolean or a String, this gives DateTime"),
        ("Syn", "3:16: unknown column Syn"),
        ("Size + Sizes", "3:23: unknown column Sizes"),
        ("Sym.hashCod()", "3:"),
        ("Sym +", "3:"),
        ("${autobalance_twice}", "3:"),
        ("Size_[i-1]", "3:16: rows are read in pieces"),
        ("ii", "3:16: rows are read in pieces"),
        ("currentTime() == Time", "3:"),
        ("  ", "3:15: a key_formula has 1 to 4096 bytes"),
    ] {
        let problems = schema::check_with(&text(formula), &check);
        match problems.first() {
            None => assert_eq!(expected, "", "{formula}"),
            Some(found) => {
                let shown = format!("{}:{}: {}", found.line, found.column, found.message);
                assert!(!expected.is_empty() && shown.starts_with(expected), "{formula}: {shown}");
            }
        }
        // Whoever knows no formulas takes them as they are, and writes them as they were.
        if expected.is_empty() {
            let schema = TableSchema::from_toml(&text(formula), Path::new("q.toml")).unwrap();
            assert_eq!(TableSchema::from_toml(&schema.to_toml(), Path::new("q.toml")).unwrap(), schema);
        }
    }
    let deployed = TableSchema::from_toml_with(&text("Size + Sizes"), Path::new("q.toml"), &check).unwrap_err();
    assert!(deployed.to_string().starts_with("q.toml: line 3, column 23: unknown column Sizes"), "{deployed}");
}

struct Fixture {
    root: Arc<Root>,
}

impl Fixture {
    /// A root with three storages, and two days of rows.
    fn new() -> Self {
        let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new(1));
        let mut config = RootConfig::new("UTC").unwrap();
        for name in ["b", "c"] {
            config.storages.push(Storage { name: name.into(), directory: format!("disk-{name}").into() });
        }
        let root = Arc::new(Root::create_in(fs, config).unwrap());
        let fixture = Fixture { root };
        fixture.deploy("");
        let mut appender = Appender::open(&fixture.table(), "feed", Durability::Commit).unwrap();
        for day in ["2017-08-25", "2017-08-26"] {
            for row in 0..300i32 {
                let sym = ["AAPL", "IBM", "SPY", "VMW", "QQQ"][row as usize % 5];
                let venue = Value::Char(65 + (row / 5 % 3) as u16);
                let values =
                    [Value::string(sym), venue, Value::DateTime(row.into()), Value::Double(1.0), Value::Int(row)];
                appender.row(day, &values).unwrap();
            }
        }
        appender.commit().unwrap();
        appender.close().unwrap();
        fixture
    }

    fn table(&self) -> TableEntry {
        Catalog::open(self.root.clone()).table("Market", "Quotes").unwrap()
    }

    fn deploy(&self, formula: &str) {
        schema::deploy(&**self.root.fs(), &text(formula), Path::new("q.toml"), false).unwrap();
    }

    fn merge(&self, day: &str, run_rows_max: Option<u64>) -> Result<MergeReport> {
        let key_compiler = Some(compiler(Zone::utc()));
        let options = MergeOptions { force: true, key_compiler, run_rows_max, threads: 1, ..MergeOptions::default() };
        let (rules, progress) = (Validation::default(), |_, _| Ok(()));
        let chain = MergeChain { validate: Some((&rules, &progress)), delete_intraday: false };
        let report = self.table().merge_chain(day, &options, chain, &|_| Ok(()))?;
        let found = report.validation.unwrap();
        assert!(found.passed(), "{found:?}");
        Ok(report.merge.unwrap())
    }

    /// For each storage of a day, what its rows have: sizes, which tell rows apart.
    fn sizes(&self, day: &str) -> Vec<(String, Vec<i32>)> {
        let mut all = Vec::new();
        for handle in self.table().historical(Arc::default()).unwrap().locations().unwrap() {
            if &*handle.key().column_partition != day {
                continue;
            }
            let location = handle.open().unwrap();
            let mut sizes = match location.column("Size").unwrap().map(|r| r.read(0..location.row_count()).unwrap()) {
                Some(Chunk::Int(sizes)) => sizes,
                _ => Vec::new(),
            };
            sizes.sort_unstable();
            all.push((handle.key().internal_partition.to_string(), sizes));
        }
        all
    }
}

#[test]
fn rows_go_where_the_formula_says_and_old_partitions_stay() {
    let fixture = Fixture::new();
    let (first, second) = ("2017-08-25", "2017-08-26");
    let by_size = |n: i32, of: i32| (0..300).filter(|row| row % of == n).collect::<Vec<i32>>();
    fixture.deploy("Size + 1");
    for run_rows in [None, Some(50)] {
        fixture.merge(first, run_rows).unwrap();
        let expected = [("b", 0), ("c", 1), ("main", 2)].map(|(name, part)| (name.to_string(), by_size(part, 3)));
        // Storages count in the order of their names: b is 0, so a size of 2 goes there.
        let turned: Vec<(String, Vec<i32>)> =
            (0..3).map(|at| (expected[at].0.clone(), by_size((at as i32 + 2) % 3, 3))).collect();
        assert_eq!(fixture.sizes(first), turned);
    }
    fixture.deploy("");
    fixture.merge(second, None).unwrap();
    fixture.deploy("Size + 1");
    let before = fixture.sizes(first);
    // Another formula decides for merges from then on.
    fixture.deploy("__WRITABLE_PARTITIONS__[(int)(Size / 100) % __NUM_WRITABLE_PARTITIONS__]");
    fixture.merge(second, None).unwrap();
    let hundreds = |n: i32| (n * 100..n * 100 + 100).collect::<Vec<i32>>();
    let expected = [("b", 0), ("c", 1), ("main", 2)].map(|(name, part)| (name.to_string(), hundreds(part)));
    assert_eq!(fixture.sizes(second), expected);
    assert_eq!(fixture.sizes(first), before);
    fixture.deploy("`main`");
    fixture.merge(second, Some(64)).unwrap();
    let counts = |day: &str| fixture.sizes(day).iter().map(|(_, sizes)| sizes.len()).collect::<Vec<_>>();
    assert_eq!((counts(second), counts(first)), (vec![0, 0, 300], vec![100, 100, 100]));
    fixture.deploy("${autobalance_single}");
    let places = [first, second].map(|day| {
        fixture.merge(day, None).unwrap();
        counts(day).iter().position(|count| *count == 300).unwrap()
    });
    assert_eq!((places[0] + 1) % 3, places[1]);
    // Whoever merges without somebody who knows formulas is told so, unless it needs none.
    let plain = MergeOptions { force: true, ..MergeOptions::default() };
    fixture.table().merge(first, &plain, false, &|_| Ok(())).unwrap();
    fixture.deploy("Sym");
    let error = fixture.table().merge(first, &plain, false, &|_| Ok(())).unwrap_err().to_string();
    assert!(error.contains("nothing was given to compute it"), "{error}");
    assert_eq!(fixture.sizes(second).len(), 3);
}

#[test]
fn an_error_of_the_formula_ends_the_merge_and_changes_nothing() {
    let fixture = Fixture::new();
    fixture.merge("2017-08-25", None).unwrap();
    let before = fixture.sizes("2017-08-25");
    fixture.deploy("100 % (Size - 7)");
    for run_rows in [None, Some(50)] {
        let error = fixture.merge("2017-08-25", run_rows).unwrap_err().to_string();
        assert!(error.contains("key_formula"), "{error}");
        assert_eq!(fixture.sizes("2017-08-25"), before);
    }
}
