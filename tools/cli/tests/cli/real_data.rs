//! Real trades and quotes, from the files to answers, by the command alone: infer, deploy, import, merge, query.
//!
//! The answers were computed from the same files by DuckDB (`testdata/real/expected.py`) and lie in `testdata/real/expected`. The files
//! themselves are not ours to ship: without `../shared` beside the repository the test says that it skipped and passes.

use crate::run::Sandbox;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const DAYS: [&str; 5] = ["2013-10-07", "2013-10-08", "2013-10-09", "2013-10-10", "2013-10-11"];

/// What to ask, and the recorded answer. `T` and `Q` are the historical tables.
const QUERIES: [(&str, &str); 10] = [
    ("trades_last_by", "T.lastBy(\"Sym\")"),
    ("quotes_last_by", "Q.lastBy(\"Sym\")"),
    (
        "trades_where",
        "T.where(\"Date=`2013-10-08`\", \"Sym=`BAC`\", \"Size>=20000\").view(\"Sym\", \"ExchangeTimestamp\", \"Last\", \"Size\", \"Exchange\")",
    ),
    ("trades_sum_by", "T.where(\"Date=`2013-10-08`\", \"Sym=`BAC`\").view(\"Exchange\", \"Size\").sumBy(\"Exchange\")"),
    (
        "quotes_avg_by",
        "Q.where(\"Date=`2013-10-07`\").select(\"Sym\", \"Bid\", \"Ask\", \"BidSize\", \"AskSize\").avgBy(\"Sym\")",
    ),
    ("trades_avg_by", "T.select(\"Sym\", \"Last\", \"Size\").avgBy(\"Sym\")"),
    (
        "trades_top",
        "T.where(\"Date=`2013-10-07`\").sortDescending(\"Last\").head(10).select(\"Sym\", \"ExchangeTimestamp\", \"Last\", \"Size\")",
    ),
    ("quotes_null_bids", "Q.where(\"isNull(Bid)\").countBy(\"N\", \"Date\", \"Sym\")"),
    (
        "quotes_min_max",
        "M = Q.view(\"Sym\", \"MinBid=Bid\", \"MaxBid=Bid\", \"MinAsk=Ask\", \"MaxAsk=Ask\")\nA = M.minBy(\"Sym\")\nB = M.maxBy(\"Sym\")\nmerge(A, B)",
    ),
    ("quotes_intraday_last_by", "I.where(\"Date=`2013-10-08`\").lastBy(\"Sym\")"),
];

#[test]
fn answers_are_those_of_another_engine() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data = repository.join("../shared/data/us_equity_ticks");
    if !data.is_dir() {
        println!("skipped 1 test: no real data beside the repository");
        return;
    }
    let sandbox = Sandbox::empty();
    let run = |arguments: &[&str]| sandbox.succeed(arguments).out;
    run(&["init"]);
    for table in ["StockTrades", "StockQuotes"] {
        let schema = sandbox.root().with_file_name(format!("{table}.toml"));
        let schema = schema.to_str().unwrap();
        let file = |day: &&str| file_of(&data, table, day).to_str().unwrap().to_string();
        let files: Vec<String> = DAYS.iter().map(file).collect();
        let mut infer = vec!["schema", "infer", "--namespace", "Market", "--table", table, "-o", schema];
        infer.extend(files.iter().map(String::as_str));
        run(&infer);
        run(&["schema", "deploy", schema]);
        for (day, file) in DAYS.iter().zip(&files) {
            run(&["import", "csv", "--namespace", "Market", "--table", table, "--partition", day, file]);
        }
        let mut merge = vec!["merge", "--validate", "--namespace", "Market", "--table", table, "--partition"];
        merge.extend(DAYS);
        let merged = sandbox.json(&merge);
        assert_eq!(merged["errors"], 0, "{merged}");
    }
    for (table, name) in [("StockTrades", "trades_partitions"), ("StockQuotes", "quotes_partitions")] {
        let partitions = run(&["catalog", "partitions", "--namespace", "Market", "--table", table, "--format", "json"]);
        let partitions: serde_json::Value = serde_json::from_str(&partitions).unwrap();
        for kind in ["intraday", "historical"] {
            let mut rows: Vec<Vec<String>> = partitions
                .as_array()
                .unwrap()
                .iter()
                .filter(|p| p["kind"] == kind)
                .map(|p| vec![p["column_partition"].as_str().unwrap().to_string(), p["rows"].to_string()])
                .collect();
            rows.sort();
            assert_eq!(rows, expected(&repository, name)[1..], "{kind} partitions of {table}");
        }
    }
    let open = "T = db.t(\"Market\", \"StockTrades\")\nQ = db.t(\"Market\", \"StockQuotes\")\nI = db.i(\"Market\", \"StockQuotes\")\n";
    for (name, query) in QUERIES {
        let answer = run(&["query", "--format", "csv", "-e", &format!("{open}{query}")]);
        let mut answer = records(&answer);
        if name == "quotes_min_max" {
            answer = min_and_max(&answer);
        }
        assert_same(name, &answer, &expected(&repository, name));
    }
    for (table, price, size) in [("StockTrades", "Last", "Size"), ("StockQuotes", "Bid", "BidSize")] {
        let ask = |query: &str| {
            let query = format!("T = db.t(\"Market\", \"{table}\")\n{query}");
            records(&run(&["query", "--format", "csv", "-e", &query]))
        };
        check_against_the_files(table, price, size, &DAYS.map(|day| file_of(&data, table, day)), &ask);
    }
}

fn file_of(data: &Path, table: &str, day: &str) -> PathBuf {
    data.join(format!("{table}-{day}.csv.gz"))
}

/// Takes from a row, under a header, what it says.
type Take<'a> = &'a dyn Fn(&mut Totals, &[String], &[String]);

/// What a day's rows of one symbol come to, counted from the lines of its file.
#[derive(Debug, Default, PartialEq)]
struct Totals {
    rows: u64,
    /// Rows without a price.
    unpriced: u64,
    size: i64,
    first: Vec<String>,
    last: Vec<String>,
}

/// Compares history with sums and rows that are found by nothing but reading lines.
fn check_against_the_files(
    table: &str,
    price: &str,
    size: &str,
    files: &[PathBuf],
    ask: &dyn Fn(&str) -> Vec<Vec<String>>,
) {
    let mut totals: BTreeMap<(String, String), Totals> = BTreeMap::new();
    let mut names: Vec<String> = Vec::new();
    for file in files {
        let unpacked = Command::new("gzip").arg("-dc").arg(file).output().unwrap();
        let text = String::from_utf8(unpacked.stdout).unwrap();
        let mut lines = records(&text).into_iter();
        names = lines.next().unwrap();
        let at = |name: &str| names.iter().position(|known| known == name).unwrap();
        let (date_at, sym_at, price_at, size_at) = (at("Date"), at("Sym"), at(price), at(size));
        for fields in lines {
            let one = totals.entry((fields[date_at].clone(), fields[sym_at].clone())).or_default();
            one.rows += 1;
            one.unpriced += u64::from(fields[price_at].is_empty());
            one.size += fields[size_at].parse().unwrap_or(0);
            // Within a symbol the files are in the order of time, and equal times keep their order.
            if one.first.is_empty() {
                one.first = fields.clone();
            }
            one.last = fields;
        }
    }
    assert!(totals.len() >= 7, "{}", totals.len());
    let mut found: BTreeMap<(String, String), Totals> = BTreeMap::new();
    let mut each = |query: &str, take: Take<'_>| {
        let answer = ask(query);
        for row in &answer[1..] {
            take(found.entry((row[0].clone(), row[1].clone())).or_default(), &answer[0], row);
        }
    };
    let number = |text: &str| text.parse::<i64>().unwrap_or(0);
    each("T.countBy(\"N\", \"Date\", \"Sym\")", &|one, _, row| one.rows = number(&row[2]) as u64);
    let unpriced = format!("T.where(\"isNull({price})\").countBy(\"N\", \"Date\", \"Sym\")");
    each(&unpriced, &|one, _, row| one.unpriced = number(&row[2]) as u64);
    let sizes = format!("T.view(\"Date\", \"Sym\", \"{size}\").sumBy(\"Date\", \"Sym\")");
    each(&sizes, &|one, _, row| one.size = number(&row[2]));
    let as_in_file = |header: &[String], row: &[String]| -> Vec<String> {
        let value = |name: &String| row[header.iter().position(|known| known == name).unwrap()].clone();
        names.iter().map(value).collect()
    };
    each("T.firstBy(\"Date\", \"Sym\")", &|one, header, row| one.first = as_in_file(header, row));
    each("T.lastBy(\"Date\", \"Sym\")", &|one, header, row| one.last = as_in_file(header, row));
    assert!(found.keys().eq(totals.keys()), "{table}: {:?} {:?}", found.keys(), totals.keys());
    for (key, expected) in &totals {
        let found = &found[key];
        let sums = |one: &Totals| (one.rows, one.unpriced, one.size);
        assert_eq!(sums(found), sums(expected), "{table} {key:?}");
        let rows = |one: &Totals| vec![one.first.clone(), one.last.clone()];
        assert_same(&format!("{table} {key:?}"), &rows(found), &rows(expected));
    }
}

fn expected(repository: &Path, name: &str) -> Vec<Vec<String>> {
    records(&std::fs::read_to_string(repository.join(format!("testdata/real/expected/{name}.csv"))).unwrap())
}

/// The records of CSV text whose fields hold no comma.
fn records(text: &str) -> Vec<Vec<String>> {
    text.lines().map(|line| line.split(',').map(str::to_string).collect()).collect()
}

/// Joins the two halves that the query merged: minima in the first rows, maxima in the last.
fn min_and_max(merged: &[Vec<String>]) -> Vec<Vec<String>> {
    let half = (merged.len() - 1) / 2;
    let pick = |at: usize| {
        let (low, high) = (&merged[1 + at], &merged[1 + half + at]);
        assert_eq!(low[0], high[0]);
        vec![low[0].clone(), low[1].clone(), high[2].clone(), low[3].clone(), high[4].clone()]
    };
    std::iter::once(merged[0].clone()).chain((0..half).map(pick)).collect()
}

/// Cells are equal as text, or as numbers to a relative 1e-12: averages are summed in another order.
fn assert_same(name: &str, answer: &[Vec<String>], expected: &[Vec<String>]) {
    assert_eq!(answer.len(), expected.len(), "rows of {name}");
    for (row, (mine, its)) in answer.iter().zip(expected).enumerate() {
        assert_eq!(mine.len(), its.len(), "columns of {name}");
        for (a, b) in mine.iter().zip(its) {
            let close = match (a.parse::<f64>(), b.parse::<f64>()) {
                (Ok(a), Ok(b)) => (a - b).abs() <= 1e-12 * a.abs().max(b.abs()),
                _ => a == b,
            };
            assert!(close, "{name}, row {row}: {mine:?} is not {its:?}");
        }
    }
}
