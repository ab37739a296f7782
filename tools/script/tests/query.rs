//! Runs the scripts of `testdata/query/*.txt` and compares what they print and give with what stands below them.
//!
//! Those of `testdata/query/real` run over a day of real trades and quotes, where that lies beside the repository.
//!
//! A file holds cases: `=== title`, the script, `---`, the expected output. With `PILASTER_BLESS=1` the outputs are rewritten instead. All
//! cases see one database, made of the files of `testdata/query/data`.
#![expect(clippy::disallowed_methods, reason = "tests read their own data")]

use pilaster::engine::QueryLimits;
use pilaster::io::external;
use pilaster::session::output::{self, Format, TextOptions};
use pilaster::session::{Database, demo};
use pilaster::storage::historical::MergeOptions;
use pilaster::storage::import::csv::CsvInput;
use pilaster::storage::import::{ImportOptions, PartitionTarget, import_csv};
use pilaster::storage::{Catalog, Root, RootConfig, layout, schema};
use pilaster_script::{Options, ScriptValue};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

struct Case {
    title: String,
    script: String,
    expected: String,
}

fn parse(text: &str, file: &Path) -> Vec<Case> {
    let cases = text.split("=== ").skip(1).map(|case| {
        let (title, rest) = case.split_once('\n').unwrap_or((case, ""));
        let (script, expected) =
            rest.split_once("---\n").unwrap_or_else(|| panic!("{}: {title}: no ---", file.display()));
        Case { title: title.to_owned(), script: script.to_owned(), expected: expected.to_owned() }
    });
    cases.collect()
}

/// A root with the schemas of the demo and the files of a directory, `<table>-<partition>.csv`, imported and merged.
fn database(directory: &Path, root: &Path) -> pilaster::base::Result<Arc<Database>> {
    let root = Arc::new(Root::create(root, RootConfig::new("NY")?)?);
    for table in demo::TABLES {
        schema::deploy(&**root.fs(), table.schema, Path::new(table.table), false)?;
    }
    let catalog = Catalog::open(root.clone());
    for file in std::fs::read_dir(directory).unwrap() {
        let file = file.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let (table, partition) = name.split_once('-').unwrap();
        let entry = catalog.table(demo::NAMESPACE, table)?;
        let options = ImportOptions::new(PartitionTarget::Value(partition.to_owned()));
        let input = CsvInput::from(external::open(&file)?);
        let place = layout::intraday_table(demo::NAMESPACE, table)?;
        import_csv(root.fs(), &place, &entry.schema().definition, input, &options, &|_| Ok(()))?;
        entry.merge(partition, &MergeOptions::default(), false, &|_| Ok(()))?;
    }
    Ok(Arc::new(Database::of_root(root)?))
}

/// What a script prints, then its value, or its error.
fn output_of(script: &str, database: &Arc<Database>) -> String {
    let printed = Mutex::new(String::new());
    let print = |text: &str| {
        let mut printed = printed.lock().unwrap();
        printed.push_str(text);
        printed.push('\n');
    };
    let options = Options {
        file_name: "script",
        limits: Arc::new(QueryLimits::default().with_time(Duration::from_secs(60))),
        print: &print,
        ..Default::default()
    };
    let result = pilaster_script::run(script, Some(database.clone()), options);
    let mut out = printed.into_inner().unwrap();
    match result {
        Ok(outcome) => match outcome.value {
            ScriptValue::Table(table) => {
                let mut text = Vec::new();
                match output::write_table(&table, Format::Table, &TextOptions::default(), &mut text) {
                    Ok(()) => out.push_str(&String::from_utf8(text).unwrap()),
                    Err(error) => out.push_str(&format!("error: {error}\n")),
                }
            }
            ScriptValue::None => {}
            value => out.push_str(&format!("{value}\n")),
        },
        Err(error) => out.push_str(&format!("error: {error}\n")),
    }
    out
}

#[test]
fn scripts_give_what_stands_below_them() {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/query");
    let root = tempfile::tempdir().unwrap();
    let database = database(&directory.join("data"), &root.path().join("root")).unwrap();
    run_all(&directory, &database);
}

#[test]
fn the_tour_goes_over_real_data() {
    let repository = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data = repository.join("../shared/data/us_equity_ticks");
    let data = if data.is_dir() { data } else { repository.join("../../shared/data/us_equity_ticks") };
    if !data.is_dir() {
        println!("skipped: no real data beside the repository");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let database = real_database(&data, &root.path().join("root")).unwrap();
    run_all(&repository.join("testdata/query/real"), &database);
}

/// A root with one day of real trades and quotes.
fn real_database(data: &Path, root: &Path) -> pilaster::base::Result<Arc<Database>> {
    const DAY: &str = "2013-10-11";
    let root = Arc::new(Root::create(root, RootConfig::new("NY")?)?);
    let column = |name: &str, rest: &str| format!("[[columns]]\nname = \"{name}\"\n{rest}\n");
    let common = [
        column("Date", "type = \"String\"\nkind = \"partitioning\""),
        column("Sym", "type = \"String\"\nkind = \"grouping\""),
        column("ExchangeTimestamp", "type = \"DateTime\""),
    ]
    .concat();
    let number = |name: &str, of: &str| column(name, &format!("type = \"{of}\""));
    let trades = [
        number("Last", "double"),
        number("Size", "int"),
        number("Exchange", "String"),
        number("SaleCondition", "String"),
    ];
    let quotes = [
        number("Bid", "double"),
        number("BidSize", "int"),
        number("Ask", "double"),
        number("AskSize", "int"),
        number("Exchange", "String"),
    ];
    let catalog = Catalog::open(root.clone());
    for (name, columns) in [("StockTrades", trades.concat()), ("StockQuotes", quotes.concat())] {
        let text =
            format!("namespace = \"Market\"\ntable = \"{name}\"\nsort = [\"ExchangeTimestamp\"]\n{common}{columns}");
        schema::deploy(&**root.fs(), &text, Path::new(name), false)?;
        let entry = catalog.table("Market", name)?;
        let options = ImportOptions::new(PartitionTarget::Column("Date".to_owned()));
        let input = CsvInput::from(external::open(&data.join(format!("{name}-{DAY}.csv.gz")))?);
        let place = layout::intraday_table("Market", name)?;
        import_csv(root.fs(), &place, &entry.schema().definition, input, &options, &|_| Ok(()))?;
        entry.merge(DAY, &MergeOptions::default(), false, &|_| Ok(()))?;
    }
    Ok(Arc::new(Database::of_root(root)?))
}

/// Runs the cases of every file of a directory.
fn run_all(directory: &Path, database: &Arc<Database>) {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    assert!(!files.is_empty());
    let bless = std::env::var_os("PILASTER_BLESS").is_some();
    let mut wrong = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(file).unwrap();
        let mut rewritten = text.split("=== ").next().unwrap_or("").to_owned();
        for case in parse(&text, file) {
            let found = output_of(&case.script, database);
            // Blank lines separate cases and belong to neither.
            if found.trim_end() != case.expected.trim_end() {
                wrong.push(format!(
                    "{}: {}\nexpected:\n{}\nfound:\n{found}",
                    file.display(),
                    case.title,
                    case.expected
                ));
            }
            rewritten.push_str(&format!("=== {}\n{}---\n{}\n\n", case.title, case.script, found.trim_end()));
        }
        if bless {
            std::fs::write(file, rewritten.trim_end().to_owned() + "\n").unwrap();
        }
    }
    assert!(bless || wrong.is_empty(), "{} cases differ\n{}", wrong.len(), wrong.join("\n"));
}
