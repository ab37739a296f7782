//! A table whose partitions were written under three schemas gives what a table gives that was written under the last one.

use super::{Database, key_formula};
use crate::base::date_time::Zone;
use crate::base::{ColumnType, ErrorKind, Result, Value};
use crate::engine::Table;
use crate::engine::formula::QueryScope;
use crate::engine::testing::{NONE, shown};
use crate::io::SimulatedFileSystem;
use crate::memory::Chunk;
use crate::storage::catalog::MergeChain;
use crate::storage::check::{self, Scope, VerifyOptions};
use crate::storage::historical::MergeOptions;
use crate::storage::intraday::Durability;
use crate::storage::location::TableKind;
use crate::storage::schema::{self, DeployOptions, Validation};
use crate::storage::tail::{TailEvent, TailSelection, TailStart};
use crate::storage::{Appender, Catalog, Root, RootConfig, Storage};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The columns: how they are called and what they are in each of the three schemas.
const COLUMNS: [[Option<(&str, &str)>; 3]; 12] = [
    [Some(("Sym", "String")), Some(("Sym", "String")), Some(("Sym", "String"))],
    [Some(("Lot", "short")), Some(("Lot", "int")), Some(("Lot", "long"))],
    [Some(("Venue", "char")), Some(("Venue", "char")), Some(("Venue", "String"))],
    [Some(("Px", "float")), Some(("Price", "double")), Some(("Price", "double"))],
    [Some(("Size", "int")), Some(("Size", "long")), Some(("Size", "long"))],
    [Some(("Flag", "byte")), Some(("Flag", "short")), Some(("Flag", "double"))],
    [Some(("Big", "long")), Some(("Big", "long")), Some(("Big", "BigInteger"))],
    [Some(("Old", "int")), None, None],
    [None, None, Some(("Old", "long"))],
    [None, Some(("New", "int")), Some(("Newer", "long"))],
    [Some(("Runs", "int[]")), Some(("Runs", "long[]")), Some(("Runs", "long[]"))],
    [Some(("Seq", "int")), Some(("Seq", "int")), Some(("SeqNo", "long"))],
];
const PARTITIONS: [&str; 3] = ["p1", "p2", "p3"];
const ROWS: u64 = 150;

/// The text of the schema of a step, grouped by a column.
fn text(step: usize, grouping: &str) -> String {
    let sort = COLUMNS[11][step].unwrap().0;
    let mut text = format!("namespace = \"Ns\"\ntable = \"T\"\nsort = [\"{sort}\"]\n");
    text += "[[columns]]\nname = \"Date\"\ntype = \"String\"\nkind = \"partitioning\"\n";
    for names in COLUMNS {
        let Some((name, column_type)) = names[step] else { continue };
        text += &format!("[[columns]]\nname = \"{name}\"\ntype = \"{column_type}\"\n");
        if name == grouping {
            text += "kind = \"grouping\"\n";
        }
        if let Some((before, _)) = step.checked_sub(1).and_then(|before| names[before])
            && before != name
        {
            text += &format!("renamed_from = [\"{before}\"]\n");
        }
    }
    text
}

/// A value of a column's first type: nulls, edges and values that repeat.
fn value(column: usize, row: u64) -> Value {
    let random = (row + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15 ^ ((column as u64 + 1) << 40)) >> 33;
    let pick = (random % 7) as usize;
    let of = |values: [Value; 6]| values.get(pick).cloned().unwrap_or(Value::Null);
    match column {
        0 => of(["a", "b", "é", "", "a", "b"].map(Value::string)),
        1 => of([i16::MIN + 1, -1, 0, 1, 1, i16::MAX].map(Value::Short)),
        2 => of([u16::from(b'Q'), u16::from(b'P'), 0xE9, 0, 0xFFFD, u16::from(b'Q')].map(Value::Char)),
        3 => of([f32::NAN, 0.1, -0.0, f32::MAX, f32::NEG_INFINITY, 2.5].map(Value::Float)),
        4 => of([i32::MIN + 1, -7, 0, 3, 100, i32::MAX].map(Value::Int)),
        5 => of([i8::MIN + 1, -1, 0, 1, 5, i8::MAX].map(Value::Byte)),
        6 => of([i64::MIN + 1, -1, 0, 1, 1 << 40, i64::MAX].map(Value::Long)),
        10 => match pick {
            6 => Value::Null,
            length => Value::array(
                ColumnType::Int,
                (0..length as i32).map(|n| if n == 2 { Value::Null } else { Value::Int(n - 1) }),
            ),
        },
        11 => Value::Int((random % 40) as i32),
        8 => of([5, -5, 0, 1, 1, 2].map(Value::Long)),
        _ => of([5, -5, 0, i32::MAX, 1, i32::MIN + 1].map(Value::Int)),
    }
}

/// The row as the schema of a step has it; what the schema it was written under lacks is null.
fn row(number: u64, step: usize, written: usize) -> Vec<Value> {
    let mut values = Vec::new();
    for (column, names) in COLUMNS.iter().enumerate() {
        let Some((_, column_type)) = names[step] else { continue };
        let value = if names[written].is_some() { value(column, number) } else { Value::Null };
        values.push(value.widened(column_type.parse().unwrap()).unwrap());
    }
    values
}

fn new_root() -> Arc<Root> {
    Arc::new(Root::create_in(Arc::new(SimulatedFileSystem::new(3)), RootConfig::new("UTC").unwrap()).unwrap())
}

/// Appends rows to a partition.
fn append(root: &Arc<Root>, source: &str, partition: &str, rows: impl Iterator<Item = Vec<Value>>) -> Result<()> {
    let table = Catalog::open(root.clone()).table("Ns", "T")?;
    let mut appender = Appender::open(&table, source, Durability::None)?;
    for row in rows {
        appender.row(partition, &row)?;
    }
    appender.commit()?;
    appender.close().map(drop)
}

fn merge(root: &Arc<Root>, partition: &str, options: &MergeOptions) {
    let table = Catalog::open(root.clone()).table("Ns", "T").unwrap();
    let rules = Validation::default();
    let chain = MergeChain { validate: Some((&rules, &|_, _| Ok(()))), delete_intraday: false };
    let done = table.merge_chain(partition, options, chain, &|_| Ok(())).unwrap();
    assert!(done.validation.unwrap().passed(), "{partition}");
}

/// The partitions written each under its schema, and the same rows written under the last one.
fn roots(grouping: &str) -> (Arc<Root>, Arc<Root>) {
    let (evolved, fresh) = (new_root(), new_root());
    let deploy = |root: &Arc<Root>, step: usize| {
        let text = text(step, grouping);
        schema::deploy_with(&**root.fs(), &text, Path::new("t.toml"), DeployOptions::default()).unwrap().changes
    };
    deploy(&fresh, 2);
    for (step, partition) in PARTITIONS.into_iter().enumerate() {
        let changes = deploy(&evolved, step);
        assert_eq!(changes.is_empty(), step == 0, "{changes:?}");
        let numbers = step as u64 * ROWS..(step as u64 + 1) * ROWS;
        append(&evolved, "feed", partition, numbers.clone().map(|number| row(number, step, step))).unwrap();
        append(&fresh, "feed", partition, numbers.map(|number| row(number, 2, step))).unwrap();
        [&evolved, &fresh].into_iter().for_each(|root| merge(root, partition, &MergeOptions::default()));
    }
    (evolved, fresh)
}

/// What operations give that take shortcuts, as text.
fn answers(table: &Table) -> Vec<(String, Vec<String>)> {
    let scope = &QueryScope::default();
    let mut answers = vec![("all".to_string(), shown(table))];
    let mut tell = |name: &str, result: Result<Table>| {
        answers.push((name.to_string(), shown(&result.unwrap_or_else(|error| panic!("{name}: {error}")))));
    };
    for filter in [
        "Sym=`a`",
        "Sym in `b`, `é`",
        "isNull(Sym)",
        "Lot=1",
        "Lot>0",
        "Lot in -1, 32767",
        "isNull(Lot)",
        "Lot != 1",
        "Venue=`Q`",
        "Venue>`P`",
        "isNull(Venue)",
        "Price=0.10000000149011612",
        "Price=0.1",
        "Price<0",
        "isNaN(Price)",
        "isNull(Price)",
        "Size=2147483647",
        "Size=2147483648",
        "Size<-2147483647",
        "Size>=100",
        "isNull(Size)",
        "Flag=-127",
        "Flag>4.5",
        "Old=5",
        "isNull(Old)",
        "Newer=-5",
        "isNull(Newer)",
        "SeqNo<3",
        "SeqNo=i",
        "Date=`p1`",
        "Runs.size()>2",
        "isNull(Big)",
    ] {
        tell(filter, table.filter(&[filter], scope));
    }
    tell("partition and value", table.filter(&["Date in `p1`, `p3`", "Lot=1", "Size>0"], scope));
    tell("one of", table.filter_one_of(&["Lot=1", "Price<0"], scope));
    for key in ["Sym", "Lot", "Venue", "Price", "Size", "Flag", "Big", "Old", "Newer", "SeqNo", "Date"] {
        tell(&format!("lastBy {key}"), table.last_by(&[key]));
        tell(&format!("firstBy {key}"), table.first_by(&[key]));
        tell(&format!("countBy {key}"), table.count_by("N", &[key]));
        tell(&format!("distinct {key}"), table.select_distinct(&[key], scope));
        if key != "Big" {
            tell(&format!("sort {key}"), table.sort(&[key]));
            tell(&format!("descending {key}"), table.sort_descending(&[key, "SeqNo"]));
        }
    }
    let numbers =
        table.view(&["Sym", "Lot", "Venue", "Price", "Size", "Flag", "Old", "Newer", "SeqNo"], scope).unwrap();
    for key in ["Sym", "Lot"] {
        let only: Vec<&str> = ["Price", "Size", "Flag", "Old", "Newer", "SeqNo"].into_iter().chain([key]).collect();
        let numbers = numbers.view(&only, scope).unwrap();
        tell(&format!("avgBy {key}"), numbers.avg_by(&[key]));
        tell(&format!("sumBy {key}"), numbers.sum_by(&[key]));
        tell(&format!("minBy {key}"), numbers.min_by(&[key]));
        tell(&format!("medianBy {key}"), numbers.median_by(&[key]));
    }
    let last = numbers.last_by(&["Lot"]).unwrap();
    tell("naturalJoin", table.natural_join(&last, &["Lot"], &["LastPrice=Price", "LastSize=Size"]));
    let right = table.filter(&["Date=`p2`"], scope).unwrap();
    tell("join", numbers.last_by(&["Sym"]).unwrap().join(&right, &["Lot"], &["RightSize=Size"]));
    let sorted = numbers.sort(&["SeqNo"]).unwrap();
    tell("aj", sorted.aj(&numbers.sort(&["Sym", "SeqNo"]).unwrap(), &["Sym", "SeqNo"], &["OtherPrice=Price"]));
    tell("aj by lot", sorted.aj(&sorted, &["Lot", "SeqNo"], &["OtherSize=Size"]));
    tell("whereIn", table.where_in(&last, &["Size"]));
    tell(
        "formulas",
        table.view(&["A=Size+1", "B=Price*2", "C=Venue+`x`", "D=Flag/2", "E=Lot+Newer", "F=Runs", "G=Big"], scope),
    );
    tell("meta", table.get_meta());
    tell("by", numbers.by(&["Lot"]));
    tell("sum", numbers.drop_columns(&["Sym", "Venue"]).unwrap().sum_by(NONE));
    answers
}

fn expect_equal(evolved: &Arc<Root>, fresh: &Arc<Root>, when: &str) {
    for kind in ["i", "t"] {
        let open = |root: &Arc<Root>| {
            let database = Database::of_root(root.clone()).unwrap();
            if kind == "i" { database.i("Ns", "T").unwrap() } else { database.t("Ns", "T").unwrap() }
        };
        for ((name, mine), (_, expected)) in answers(&open(evolved)).into_iter().zip(answers(&open(fresh))) {
            let first = mine.iter().zip(&expected).position(|(mine, expected)| mine != expected);
            assert!(
                mine == expected,
                "{when}, db.{kind}, {name}: {} rows and {}; the first that differs: {:?}",
                mine.len(),
                expected.len(),
                first.map(|at| (at, &mine[at], &expected[at]))
            );
        }
    }
}

#[test]
fn partitions_of_three_schemas_are_one_table() {
    for grouping in ["Sym", "Lot"] {
        let (evolved, fresh) = roots(grouping);
        expect_equal(&evolved, &fresh, "as written");
        // Pruning works on what is stored: no more is read than of a table that has the types itself.
        let scope = QueryScope::default();
        for filter in [
            "Lot=1",
            "Lot>40000",
            "Size=2147483648",
            "Size>2147483648L",
            "Price>1e300",
            "Flag>1000",
            "Newer>2147483647L",
            "Old=77",
            "SeqNo<0",
        ] {
            let [mine, its] = [&evolved, &fresh].map(|root| {
                let database = Database::of_root(root.clone()).unwrap();
                let rows = database.t("Ns", "T").unwrap().filter(&[filter], &scope).unwrap().row_count().unwrap();
                (rows, database.stats().counts().values_read)
            });
            assert!(mine.0 == its.0 && mine.1 <= its.1, "{filter} by {grouping}: {mine:?}, {its:?}");
            assert!(filter == "Lot=1" || mine == (0, 0), "{filter}: {mine:?}");
        }
    }
}

#[test]
fn old_partitions_are_looked_after_as_new_ones() {
    let (evolved, fresh) = roots("Sym");
    let report = check::verify(&evolved, &Scope::default(), VerifyOptions::default(), &|_, _| Ok(())).unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    let table = Catalog::open(evolved.clone()).table("Ns", "T").unwrap();
    let definition = table.schema().definition.clone();
    // Following gives the rows that reading gives.
    let mut tailer = table.tail(TailSelection::default(), TailStart::Start).unwrap();
    let mut rows = Vec::new();
    for event in tailer.next(Duration::ZERO).unwrap() {
        let TailEvent::Rows(found) = event else { unreachable!("rows only") };
        let chunks = found.read(&definition, found.rows()).unwrap();
        let names = definition.columns().iter().map(|column| column.name.clone());
        let table = Table::new_table(names.zip(chunks).collect()).unwrap();
        rows.extend(shown(&table).split_off(1));
    }
    let expected = shown(&Database::of_root(fresh.clone()).unwrap().i("Ns", "T").unwrap());
    assert_eq!(rows, expected[1..]);
    // What is stored is told by the names that the schema has now.
    let names = |kind: TableKind| {
        let usage = table.column_usage(kind, None).unwrap();
        usage.columns.iter().map(|usage| format!("{} {}", usage.name, usage.column_type)).collect::<Vec<_>>()
    };
    for kind in [TableKind::Intraday, TableKind::Historical] {
        let names = names(kind);
        assert!(names.contains(&"Price double".into()) && names.contains(&"Old long".into()), "{names:?}");
        assert_eq!(names.last().unwrap(), "Old (dropped) int", "{names:?}");
    }
    // History of the old schema is compared with intraday rows of the old schema in the new one's terms.
    for partition in PARTITIONS {
        let found = table.validate(partition, &Validation::default(), true, &|_, _| Ok(())).unwrap();
        assert!(found.passed(), "{partition}: {:?}", found);
    }
}

#[test]
fn writers_and_merges_of_old_partitions() {
    let (evolved, fresh) = roots("Lot");
    let late = || (1_000..1_030).map(|number| row(number, 2, 2));
    // What was begun under another schema is not gone on with.
    for (partition, expected) in [("p1", "that the table lacks"), ("p2", "in the location and type")] {
        let error = append(&evolved, "feed", partition, late()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Type | ErrorKind::Invalid), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.to_string().contains("another source name"), "{error}");
    }
    append(&evolved, "feed", "p3", late()).unwrap();
    append(&fresh, "feed", "p3", late()).unwrap();
    for root in [&evolved, &fresh] {
        append(root, "late", "p1", late()).unwrap();
    }
    expect_equal(&evolved, &fresh, "with late rows");
    // What is published under the old schema, and rows of the new one.
    let add = MergeOptions { incremental: true, ..MergeOptions::default() };
    for root in [&evolved, &fresh] {
        merge(root, "p1", &add);
        merge(root, "p3", &add);
    }
    expect_equal(&evolved, &fresh, "with late rows merged");
    // All of it rewritten, in memory and by runs.
    for (partition, run_rows_max) in [("p1", None), ("p2", Some(40)), ("p3", Some(40))] {
        let options = MergeOptions { force: true, run_rows_max, ..MergeOptions::default() };
        [&evolved, &fresh].into_iter().for_each(|root| merge(root, partition, &options));
    }
    expect_equal(&evolved, &fresh, "rewritten");
    let table = Catalog::open(evolved.clone()).table("Ns", "T").unwrap();
    for handle in table.historical(Arc::default()).unwrap().locations().unwrap() {
        let location = handle.open().unwrap();
        let stored = |name: &str| location.column(name).unwrap().map(|region| region.column_type());
        assert_eq!(
            (stored("Lot"), stored("Px"), stored("Price")),
            (Some(ColumnType::Long), Some(ColumnType::Double), None)
        );
        assert_eq!((stored("Old"), stored("Old$2")), (None, Some(ColumnType::Long)));
        assert_eq!(location.sort_columns(), ["Seq"]);
    }
    let report = check::verify(&evolved, &Scope::default(), VerifyOptions::default(), &|_, _| Ok(())).unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
}

#[test]
fn key_formulas_speak_of_columns_as_they_are_called_now() {
    let mut config = RootConfig::new("UTC").unwrap();
    config.storages.push(Storage { name: "b".into(), directory: "disk-b".into() });
    let root = Arc::new(Root::create_in(Arc::new(SimulatedFileSystem::new(3)), config).unwrap());
    let deploy = |columns: &str| {
        let date = "{ name = \"Date\", type = \"String\", kind = \"partitioning\" }";
        let text = format!("namespace = \"Ns\"\ntable = \"T\"\nkey_formula = \"A\"\ncolumns = [{date}, {columns}]\n");
        schema::deploy(&**root.fs(), &text, Path::new("t.toml"), false).unwrap();
    };
    deploy("{ name = \"A\", type = \"int\" }, { name = \"B\", type = \"int\" }");
    append(&root, "feed", "p1", (0..100).map(|row| vec![Value::Int(row / 50), Value::Int(row)])).unwrap();
    // Exchanged: the files of B are those of A now.
    deploy(
        "{ name = \"B\", type = \"long\", renamed_from = [\"A\"] }, { name = \"A\", type = \"long\", renamed_from = [\"B\"] }",
    );
    let key_compiler = Some(key_formula::compiler(Zone::utc()));
    for run_rows_max in [None, Some(16)] {
        merge(
            &root,
            "p1",
            &MergeOptions { force: true, key_compiler: key_compiler.clone(), run_rows_max, ..MergeOptions::default() },
        );
        let table = Catalog::open(root.clone()).table("Ns", "T").unwrap();
        let definition = table.schema().definition.clone();
        let mut rests = Vec::new();
        for handle in table.historical(Arc::default()).unwrap().locations().unwrap() {
            let location = handle.open().unwrap();
            let region = location.column_as(definition.column("A").unwrap()).unwrap().unwrap();
            let chunk = region.read(0..location.row_count()).unwrap();
            let Chunk::Long(values) = chunk else { unreachable!("it is long now") };
            assert_eq!(values.len(), 50);
            rests.push(values.iter().map(|value| value % 2).collect::<std::collections::BTreeSet<_>>().len());
        }
        assert_eq!(rests, [1, 1], "even numbers in one storage, odd ones in the other");
    }
}
