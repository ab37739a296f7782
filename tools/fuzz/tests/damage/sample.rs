//! A small root with everything in it: all column types, an intraday location that grew commit by commit, and a merged partition.

use pilaster::base::{ColumnDefinition, ColumnType, Result};
use pilaster::engine::Table;
use pilaster::io::{FileSystem, OpenMode, SimulatedFileSystem, read_small};
use pilaster::storage::catalog::TableEntry;
use pilaster::storage::historical::MergeOptions;
use pilaster::storage::import::csv::CsvInput;
use pilaster::storage::import::{ImportOptions, PartitionTarget};
use pilaster::storage::intraday::{Durability, IntradayWriter, WriterOptions};
use pilaster::storage::{Catalog, Root, RootConfig, schema};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) const NAMESPACE: &str = "Ns";
pub(crate) const TABLE: &str = "T";
/// The partition that is merged.
pub(crate) const HISTORY: &str = "2017-08-24";
/// The partition that grows.
pub(crate) const INTRADAY: &str = "2017-08-25";
/// Where the growing partition lies.
pub(crate) const LOCATION: &str = "intraday/Ns/T/feed/2017-08-25";
/// Rows of the growing partition, after its commits.
pub(crate) const COMMITTED: [u64; 4] = [4, 5, 7, 9];
/// Rows of the merged partition.
const MERGED: u64 = 40;

/// The files of a root.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) files: Vec<(String, Vec<u8>)>,
}

impl Sample {
    /// The root. `salt` changes the values, and nothing else; `is_closed` makes the last commits durable.
    pub(crate) fn new(salt: u64, is_closed: bool) -> Self {
        let fs = SimulatedFileSystem::new(1);
        build(&fs, salt, is_closed).unwrap_or_else(|error| panic!("{error}"));
        let files = files_below(&fs, Path::new(""));
        Sample { files }
    }

    /// The root again, for a thread to damage.
    pub(crate) fn copy(&self) -> Arc<dyn FileSystem> {
        let copy = SimulatedFileSystem::new(1);
        for (path, bytes) in &self.files {
            put(&copy, path, bytes);
        }
        Arc::new(copy)
    }

    /// The content of a file.
    pub(crate) fn file(&self, path: &str) -> &[u8] {
        let found = self.files.iter().find(|(known, _)| known == path);
        found.map(|(_, bytes)| &bytes[..]).unwrap_or_else(|| panic!("no {path}"))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.files.iter().map(|(_, bytes)| bytes.len()).sum()
    }
}

/// Replaces a file's content, or makes it.
pub(crate) fn put(fs: &dyn FileSystem, path: &str, bytes: &[u8]) {
    let path = Path::new(path);
    fs.create_dir_all(path.parent().unwrap()).unwrap();
    let file = fs.open(path, OpenMode::Create).unwrap();
    file.set_size(bytes.len() as u64).unwrap();
    file.write_all_at(bytes, 0).unwrap();
}

pub(crate) fn table(fs: &Arc<dyn FileSystem>) -> Result<TableEntry> {
    Catalog::open(Arc::new(Root::open_in(fs.clone())?)).table(NAMESPACE, TABLE)
}

fn build(fs: &SimulatedFileSystem, salt: u64, is_closed: bool) -> Result<()> {
    let fs: Arc<dyn FileSystem> = Arc::new(fs.clone());
    let uuid = "8c1d2f5e-0b7a-4f39-9d5e-6a1b2c3d4e5f".parse().unwrap();
    Root::create_in(fs.clone(), RootConfig { uuid, ..RootConfig::new("EST")? })?;
    schema::deploy(&*fs, &schema_text(), Path::new("t.toml"), false)?;
    let table = table(&fs)?;
    import(&table, HISTORY, &csv(MERGED, salt))?;
    table.merge(HISTORY, &MergeOptions { threads: 1, ..MergeOptions::default() }, true, &|_| Ok(()))?;
    // The rows of the growing partition come from a location beside it that goes again.
    import(&table, "scratch", &csv(9, salt + 100))?;
    let rows = Table::of_source(table.intraday(Arc::default()));
    let columns: Vec<ColumnDefinition> = table.schema().definition.stored().cloned().collect();
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let options = WriterOptions { durability: Durability::None };
    let mut writer = IntradayWriter::open(fs.clone(), Path::new(LOCATION), &columns, options)?;
    let mut start = 0;
    for end in COMMITTED {
        writer.append(&rows.read(&names, start..end)?)?;
        writer.commit()?;
        if end == COMMITTED[1] {
            writer.sync()?;
        }
        start = end;
    }
    if is_closed {
        writer.close()?;
    } else {
        writer.discard();
    }
    pilaster::io::remove_tree(&*fs, Path::new("intraday/Ns/T/import"))
}

fn import(table: &TableEntry, partition: &str, text: &str) -> Result<()> {
    let input = CsvInput::new("rows.csv", Box::new(Cursor::new(text.as_bytes().to_vec())));
    let options = ImportOptions { lenient: true, ..ImportOptions::new(PartitionTarget::Value(partition.into())) };
    table.import_csv(input, &options, &|_| Ok(())).map(drop)
}

/// The columns besides `Date`, with what the schema says of them.
fn columns() -> Vec<(String, ColumnType, &'static str)> {
    let mut columns: Vec<(String, ColumnType, &'static str)> = vec![
        ("Sym".into(), ColumnType::String, "kind = \"grouping\"\n"),
        ("Note".into(), ColumnType::String, "symbol = \"none\"\n"),
        ("Time".into(), ColumnType::DateTime, "codec = \"delta\"\n"),
    ];
    let samples = ColumnType::SCALARS.into_iter().filter(|column_type| text_of(*column_type, 1).is_some());
    columns.extend(samples.map(|column_type| (format!("C{}", column_type.code()), column_type, "")));
    let arrays = [("Ints", "int[]"), ("Texts", "String[]"), ("Deep", "double[][]")];
    columns.extend(arrays.map(|(name, column_type)| (name.into(), column_type.parse().expect("a type"), "")));
    columns
}

fn schema_text() -> String {
    let mut text = format!(
        "namespace = \"{NAMESPACE}\"\ntable = \"{TABLE}\"\ndoc = \"All types.\" # a comment\nsort = [\"Time\"]\n"
    );
    text += "[[columns]]\nname = \"Date\"\ntype = \"String\"\nkind = \"partitioning\"\n";
    for (name, column_type, more) in columns() {
        text += &format!("[[columns]]\nname = \"{name}\"\ntype = \"{column_type}\"\n{more}");
    }
    text
}

fn csv(rows: u64, salt: u64) -> String {
    let columns = columns();
    let mut text = columns.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>().join(",") + "\n";
    for row in 0..rows {
        let field = |(name, column_type, _): &(String, ColumnType, &str)| match name.as_str() {
            "Sym" => ["AAPL", "SPY", "", "\"\"", "Ω"][(row * 3 + salt) as usize % 5].to_string(),
            "Note" => format!("row {row} of {salt}"),
            "Time" => format!("2017-08-25T0{}:00:0{}.000000{:03} NY", row % 10, (row + salt) % 10, row * 7),
            // One in five is null.
            _ if row % 5 == 4 => String::new(),
            _ => text_of(*column_type, row * 13 + salt).unwrap_or_default(),
        };
        text += &(columns.iter().map(field).collect::<Vec<_>>().join(",") + "\n");
    }
    text
}

/// A value of a type as CSV has it; none for types that the sample leaves out.
fn text_of(column_type: ColumnType, n: u64) -> Option<String> {
    Some(match column_type.name() {
        "String" => ["one", "two", "three"][n as usize % 3].into(),
        "char" => ["a", "Z", "é"][n as usize % 3].into(),
        "boolean" => n.is_multiple_of(2).to_string(),
        "byte" => (n as i8).max(-127).to_string(),
        "short" => ((n * 301) as i16).max(-32_767).to_string(),
        "int" => (n * 70_001).to_string(),
        "long" => (n * 5_000_000_000).to_string(),
        "float" => format!("{}.5", n),
        "double" => format!("{}.25", n * 3),
        "DateTime" => format!("2017-08-25T04:00:00.{:09}Z", n * 71_175_597 % 1_000_000_000),
        "StringSet" => format!("\"[\"\"a{}\"\",\"\"b\"\"]\"", n % 4),
        "Blob" => ["AP8=", "", "SGVsbG8="][n as usize % 3].into(),
        "int[]" => format!("\"[{n},null,{}]\"", n % 7),
        "String[]" => format!("\"[\"\"x{}\"\",null,\"\"\"\"]\"", n % 3),
        "double[][]" => format!("\"[[{n}.5,1],[],null]\""),
        "BigDecimal" => format!("{}.{:05}", n * 123_456_789, n),
        "BigInteger" => format!("{}00000000000000000000", n + 1),
        _ => return None,
    })
}

/// All files below a directory, by path.
pub(crate) fn files_below(fs: &dyn FileSystem, directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs.list(directory).unwrap() {
        let path: PathBuf = directory.join(&entry.name);
        if entry.is_dir {
            files.extend(files_below(fs, &path));
        } else {
            let bytes = read_small(fs, &path, 1 << 20).unwrap();
            files.push((path.to_str().unwrap().to_string(), bytes));
        }
    }
    files
}

/// Runs work on threads of its own: whoever uses the shared ones meanwhile must not wait for tasks this long.
pub(crate) fn in_parallel(work: impl FnOnce() + Send) {
    rayon::ThreadPoolBuilder::new().build().unwrap().install(work);
}
