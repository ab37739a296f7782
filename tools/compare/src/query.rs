//! T3 to T12 and T15: questions to history, as scripts that a user would write.

use crate::Arguments;
use crate::day::{self, Day, NAMESPACE};
use crate::report::{self, emit};
use pilaster::base::{Error, Result};
use pilaster::engine::formula::QueryScope;
use pilaster::engine::{Table, Version};
use pilaster::io::clock::Stopwatch;
use pilaster::memory::{Chunk, RowSet};
use pilaster::session::Database;
use pilaster_script::{Options, ScriptValue};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// A question and the columns by whose sums its answer is known.
struct Task {
    name: &'static str,
    script: String,
    sums: &'static [(&'static str, &'static str)],
    /// The row count under this name, if it is part of the answer.
    rows: Option<&'static str>,
}

const TASKS: &str = "T3,T4a,T4b,T5,T6,T7,T8,T9,T10,T11,T12,T15";

fn task(name: &str, day: &Day) -> Option<Task> {
    let quotes = format!("db.t('{NAMESPACE}','StockQuotes').where('Date=`{}`')", day.date);
    let live = format!("db.i('{NAMESPACE}','StockQuotes').where('Date=`{}`')", day.date);
    let trades = format!("db.t('{NAMESPACE}','StockTrades').where('Date=`{}`')", day.date);
    let drop = ".dropColumns('Date')";
    let of_symbol = |symbol: &str| format!("{quotes}.where('Sym=`{symbol}`'){drop}.select()");
    let as_of = |filter: &str| {
        format!(
            "{trades}{filter}.view('Sym','Timestamp','Price').aj({quotes}{filter}.view('Sym','Timestamp','Bid','Ask'), 'Sym,Timestamp', 'Bid,Ask')\
             .view('D=Price-Bid','Ask','N=isNull(Bid) ? 0 : 1').aggBy([AggSum('d=D','a=Ask','n=N')])"
        )
    };
    let (t0, t1) = day.minutes;
    let sums_of_rows = &[("Bid", "Bid"), ("AskSize", "AskSize"), ("SeqNo", "SeqNo")];
    let (name, script, sums, rows): (_, _, &[(&str, &str)], _) = match name {
        "T3" => ("T3", format!("{quotes}.aggBy([AggSum('s=Bid'), AggAvg('a=Ask')])"), &[("s", "s"), ("a", "a")], None),
        "T4a" => ("T4a", of_symbol(&day.mid), sums_of_rows, Some("rows")),
        "T4b" => ("T4b", of_symbol(&day.hot), sums_of_rows, Some("rows")),
        // In the order of arrival, as the peer that is best at it answers; T5t asks the merged rows.
        "T5" | "T5t" => (
            if name == "T5" { "T5" } else { "T5t" },
            format!(
                "{}.where('Timestamp >= nanosToTime({t0}L)', 'Timestamp < nanosToTime({t1}L)').aggBy([AggCount('n'), AggAvg('a=Bid')])",
                if name == "T5" { &live } else { &quotes }
            ),
            &[("n", "n"), ("a", "a")],
            None,
        ),
        "T6" => (
            "T6",
            format!("{quotes}{drop}.lastBy('Sym').select()"),
            &[("Bid", "Bid"), ("SeqNo", "SeqNo"), ("BidSize", "BidSize")],
            Some("rows"),
        ),
        "T7" => (
            "T7",
            format!("{quotes}.aggBy([AggAvg('avg=Bid'), AggMin('min=Bid'), AggMax('max=Bid')], 'Sym').select()"),
            &[("avg", "avg"), ("min", "min"), ("max", "max")],
            Some("rows"),
        ),
        "T8" => (
            "T8",
            format!(
                "{quotes}.view('Sym','Bin=lowerBin(Timestamp, 5*MINUTE)','Timestamp','Bid','Ask','SeqNo').lastBy('Sym','Bin').select()"
            ),
            &[("Bid", "Bid"), ("SeqNo", "SeqNo")],
            Some("rows"),
        ),
        "T9" | "T10" => {
            let filter = if name == "T9" { String::new() } else { format!(".where('Sym=`{}`')", day.hot) };
            (if name == "T9" { "T9" } else { "T10" }, as_of(&filter), &[("n", "n"), ("d", "d"), ("a", "a")], None)
        }
        "T11" => ("T11", format!("{quotes}.selectDistinct('Sym').select()"), &[], Some("rows")),
        "T12" => ("T12", format!("{quotes}.where('Bid > 100', 'Exchange=`Q`')"), &[], Some("n")),
        _ => return None,
    };
    Some(Task { name, script, sums, rows })
}

/// An open database and what the questions need.
struct Session {
    database: Arc<Database>,
    day: Day,
    positions: Vec<u64>,
}

impl Session {
    fn open(arguments: &Arguments) -> Result<Self> {
        let mut positions = day::positions(&arguments.data.join("positions.npy"))?;
        positions.sort_unstable();
        positions.dedup();
        Ok(Session { database: Arc::new(Database::open(&arguments.store)?), day: Day::read(arguments)?, positions })
    }

    /// The answer to a task, materialised; none for a task that is not known.
    fn run(&self, name: &str) -> Result<Option<Table>> {
        if name == "T15" {
            return self.random_rows().map(Some);
        }
        let Some(task) = task(name, &self.day) else { return Ok(None) };
        let table = self.table(&task.script)?;
        // Nothing is left for later.
        table.row_count()?;
        Ok(Some(table))
    }

    fn table(&self, script: &str) -> Result<Table> {
        let outcome = pilaster_script::run(script, Some(self.database.clone()), Options::default())
            .map_err(|error| Error::invalid(error.to_string()))?;
        match outcome.value {
            ScriptValue::Table(table) => Ok(table),
            other => Err(Error::invalid(format!("the script gave {other}, not a table"))),
        }
    }

    /// All columns at 10,000 positions of the historical rows.
    fn random_rows(&self) -> Result<Table> {
        let scope = QueryScope::default();
        let table = self.database.t(NAMESPACE, "StockQuotes")?;
        let table = table.filter(&[format!("Date=`{}`", self.day.date)], &scope)?.drop_columns(&["Date"])?;
        let version = table.version()?;
        let keys = self.positions.iter().filter_map(|&position| version.rows.key_at(position));
        let chosen = Version { rows: RowSet::from_keys(keys), columns: version.columns.clone() };
        Table::new((**table.definition()).clone(), chosen)?.select(&[] as &[&str], &scope)
    }

    fn result(&self, name: &str, table: &Table) -> Result<Value> {
        let known = task(name, &self.day);
        let (sums, rows) = match &known {
            Some(task) => (task.sums, task.rows),
            None => (&[("Bid", "Bid"), ("SeqNo", "SeqNo")][..], Some("rows")),
        };
        let mut result = Map::new();
        if let Some(rows) = rows {
            result.insert(rows.to_owned(), json!(table.row_count()?));
        }
        for (key, column) in sums {
            result.insert((*key).to_owned(), json!(sum(&table.read_column(column)?)));
        }
        Ok(Value::Object(result))
    }
}

fn sum(chunk: &Chunk) -> f64 {
    use pilaster::base::Value;
    let number = |at| match chunk.value(at) {
        Value::Double(value) => value,
        Value::Float(value) => f64::from(value),
        Value::Long(value) => value as f64,
        Value::Int(value) => f64::from(value),
        _ => 0.0,
    };
    (0..chunk.len()).map(number).sum()
}

fn names(arguments: &Arguments) -> Vec<&str> {
    let list = if arguments.tasks.is_empty() { TASKS } else { &arguments.tasks };
    list.split(',').collect()
}

/// Opens once, then each task: a first run, then timed ones.
pub(crate) fn warm(arguments: &Arguments) -> Result<()> {
    let stopwatch = Stopwatch::start();
    let session = Session::open(arguments)?;
    emit(&json!({"task": "open", "times": [stopwatch.elapsed_seconds()]}));
    for name in names(arguments) {
        report::reset_peak();
        let (mut first, mut times, mut result) = (0.0, Vec::new(), Value::Null);
        let mut failed = None;
        for run in 0..=arguments.reps {
            let stopwatch = Stopwatch::start();
            let answer = session.run(name);
            let seconds = stopwatch.elapsed_seconds();
            match answer {
                Ok(Some(table)) if run == 0 => {
                    first = seconds;
                    result = session.result(name, &table)?;
                }
                Ok(Some(_)) => times.push(seconds),
                Ok(None) => {
                    failed = Some(json!({"task": name, "skip": "not supported"}));
                    break;
                }
                Err(error) => {
                    failed = Some(json!({"task": name, "error": error.to_string()}));
                    break;
                }
            }
        }
        let how = task(name, &session.day).map_or("row positions", |task| task.name);
        emit(&failed.unwrap_or_else(|| {
            json!({"task": name, "times": times, "first": first, "result": result, "peak_rss": report::peak_bytes(), "how": how})
        }));
    }
    Ok(())
}

/// Each task three times, with the store's files out of the cache and the database opened anew.
pub(crate) fn cold(arguments: &Arguments) -> Result<()> {
    for name in names(arguments) {
        let mut times = Vec::new();
        for _ in 0..arguments.reps.min(3) {
            report::evict(&arguments.store)?;
            let stopwatch = Stopwatch::start();
            Session::open(arguments)?.run(name)?;
            times.push(stopwatch.elapsed_seconds());
        }
        emit(&json!({"task": format!("{name}c"), "times": times}));
    }
    Ok(())
}
