//! `pilaster oracle-runner`: runs one case of a suite of scripts with known results, for whoever compares them.
//!
//! A job names tables as CSV with their types. They are imported, merged and read back like any other table, in a root that is removed
//! afterwards; the script's variable `result` is written in the suite's form: text in quotes, nulls as nothing, date-times as
//! nanoseconds.

use crate::context::Context;
use crate::failure::Failure;
use clap::Args;
use pilaster::base::array_text::{DateTimeText, write_element};
use pilaster::base::{ColumnType, Error, Value};
use pilaster::engine::{QueryLimits, Table};
use pilaster::io::{self, FileSystem, RealFileSystem, external};
use pilaster::memory::Chunk;
use pilaster::session::Database;
use pilaster::storage::historical::MergeOptions;
use pilaster::storage::import::csv::{CsvInput, CsvOptions};
use pilaster::storage::import::{ImportOptions, PartitionTarget, import_csv};
use pilaster::storage::schema::{self, ImportFormat};
use pilaster::storage::{Catalog, Root, RootConfig, layout};
use pilaster_script::{Options, ScriptValue};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Bytes of a job.
const JOB_BYTES_MAX: usize = 64 << 20;
/// The namespace of tables that are variables.
const VARIABLES: &str = "Variables";
/// The column that partitions a table without a date of its own.
const PARTITION_COLUMN: &str = "Partition__";

/// Run one case of the parity suite
#[derive(Args, Debug)]
pub(crate) struct OracleRunner {
    /// The case
    job: PathBuf,
    /// Where its result goes
    out: PathBuf,
}

#[derive(Deserialize)]
struct Job {
    script: String,
    tables: BTreeMap<String, JobTable>,
    /// Namespaces, their tables, and which of the job's tables each is.
    #[serde(default)]
    db: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct JobTable {
    csv: PathBuf,
    /// Names and types.
    schema: Vec<(String, String)>,
    rows: u64,
}

impl OracleRunner {
    pub(crate) fn run(self, _context: &Context) -> Result<(), Failure> {
        let job = external::read_all(&self.job, JOB_BYTES_MAX)?;
        let job: Job =
            serde_json::from_slice(&job).map_err(|error| Error::parse(error.to_string()).at_path(&self.job))?;
        let directory = std::env::temp_dir().join(format!("pilaster-oracle-{}", std::process::id()));
        let fs: Arc<dyn FileSystem> = RealFileSystem::create(&directory)?;
        let done = self.run_in(&fs, &job);
        for entry in fs.list(Path::new(""))? {
            io::remove_tree(&*fs, Path::new(&entry.name))?;
        }
        drop(fs);
        let parent = RealFileSystem::open(&std::env::temp_dir())?;
        io::remove_tree(&*parent, Path::new(directory.file_name().unwrap_or_default()))?;
        done
    }

    fn run_in(&self, fs: &Arc<dyn FileSystem>, job: &Job) -> Result<(), Failure> {
        let root = Arc::new(Root::create_in(fs.clone(), RootConfig::new("NY")?)?);
        let catalog = Catalog::open(root.clone());
        for (name, table) in &job.tables {
            import(&catalog, VARIABLES, name, table)?;
        }
        // Importing costs more than most scripts.
        let asks_database = job.script.contains("db.");
        for (namespace, tables) in job.db.iter().filter(|_| asks_database) {
            for (name, which) in tables {
                let table =
                    job.tables.get(which).ok_or_else(|| Error::invalid(format!("the job has no table {which}")))?;
                import(&catalog, namespace, name, table)?;
            }
        }
        let database = Arc::new(Database::of_root(root)?);
        let mut variables = Vec::new();
        for (name, table) in &job.tables {
            let stored = database.t(VARIABLES, name)?;
            let columns: Vec<&str> = table.schema.iter().map(|(name, _)| name.as_str()).collect();
            variables.push((name.clone(), ScriptValue::Table(stored.select(&columns, &database.query_scope())?)));
        }
        let options = Options {
            file_name: "case",
            limits: Arc::new(QueryLimits::default().with_time(Duration::from_secs(50))),
            variables,
            ..Options::default()
        };
        let outcome =
            pilaster_script::run(&job.script, Some(database), options).map_err(|error| Failure::script(&error))?;
        match outcome.variable("result") {
            Some(ScriptValue::Table(table)) => self.write(table),
            _ => Err(Error::invalid("the script leaves no table named result").into()),
        }
    }

    fn write(&self, table: &Table) -> Result<(), Failure> {
        let names = table.column_names();
        let mut text = names.join(",") + "\n";
        let columns = table.read(&names, 0..table.row_count()?)?;
        for row in 0..table.row_count()? as usize {
            let cells: Vec<String> = columns.iter().map(|column| cell(column, row)).collect();
            text += &cells.join(",");
            text.push('\n');
        }
        write_file(&self.out, text.as_bytes())?;
        let types = table.definition().columns().iter().map(|column| {
            let name = column.column_type.name().replace("DateTime", "Instant");
            serde_json::json!([column.name, name])
        });
        let types: Vec<serde_json::Value> = types.collect();
        Ok(write_file(&self.out.with_extension("schema.json"), serde_json::Value::from(types).to_string().as_bytes())?)
    }
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut out = external::create(path)?;
    out.write_all(bytes).map_err(|error| Error::io("write", path, error))?;
    out.finish()
}

fn cell(column: &Chunk, row: usize) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    match column.value(row) {
        Value::Null => String::new(),
        Value::String(text) => quoted(&text),
        Value::Char(unit) => quoted(&String::from_utf16_lossy(&[unit])),
        Value::Boolean(value) => value.to_string(),
        Value::Byte(value) => value.to_string(),
        Value::Short(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Long(value) | Value::DateTime(value) => value.to_string(),
        Value::Float(value) => float(f64::from(value), format!("{value:?}")),
        Value::Double(value) => float(value, format!("{value:?}")),
        other => {
            let mut text = Vec::new();
            write_element(&other, DateTimeText::EpochNanos, &mut text);
            quoted(&String::from_utf8_lossy(&text))
        }
    }
}

fn float(value: f64, text: String) -> String {
    if value.is_infinite() { if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned() } else { text }
}

/// Deploys a schema for a table of a job, imports its CSV and merges all partitions. A table with a column of dates is partitioned by it.
fn import(catalog: &Catalog, namespace: &str, name: &str, table: &JobTable) -> Result<(), Error> {
    let date = table.schema.iter().map(|(name, _)| name).find(|name| matches!(name.as_str(), "Date" | "ImportDate"));
    let date = date.filter(|_| namespace != VARIABLES);
    let mut text = format!("namespace = {namespace:?}\ntable = {name:?}\n");
    let mut add = |column: &str, column_type: &str, kind: &str| {
        text += &format!("[[columns]]\nname = {column:?}\ntype = {column_type:?}\n{kind}");
    };
    if date.is_none() {
        add(PARTITION_COLUMN, "String", "kind = \"partitioning\"\n");
    }
    for (column, column_type) in &table.schema {
        let column_type: ColumnType = column_type.parse()?;
        add(column, column_type.name(), if date == Some(column) { "kind = \"partitioning\"\n" } else { "" });
    }
    text += "[[import]]\nformat = \"csv\"\n";
    for (column, _) in table.schema.iter().filter(|(_, column_type)| column_type == "Instant") {
        text += &format!("[import.columns.{column}]\nformat = \"epoch_ns\"\n");
    }
    let fs = catalog.root().fs();
    schema::deploy(&**fs, &text, &table.csv, false)?;
    if table.rows == 0 {
        return Ok(());
    }
    let entry = catalog.table(namespace, name)?;
    let schema = entry.schema();
    let mapping = schema.import(ImportFormat::Csv, None).cloned();
    let csv = mapping.as_ref().map(CsvOptions::for_mapping).transpose()?.unwrap_or_default();
    let partition = match date {
        Some(date) => PartitionTarget::Column(date.clone()),
        None => PartitionTarget::Value("all".to_owned()),
    };
    let options = ImportOptions { csv, mapping, ..ImportOptions::new(partition) };
    let input = CsvInput::from(external::open(&table.csv)?);
    let report =
        import_csv(fs, &layout::intraday_table(namespace, name)?, &schema.definition, input, &options, &|_| Ok(()))?;
    for (partition, _) in &report.partitions {
        entry.merge(partition, &MergeOptions::default(), false, &|_| Ok(()))?;
    }
    Ok(())
}
