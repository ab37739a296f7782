//! The targets, one file a noun, and what they share.

mod array_text;
mod binary;
mod commit;
mod csv;
mod definition;
mod formula;
mod group;
mod grouping;
mod imports;
mod inspect;
mod journal;
mod json;
mod levels;
mod record;
mod schema;
mod script;
mod sealed_column;
mod symbols;

use pilaster::base::{ColumnDefinition, ColumnKind, ColumnType, Result, TableDefinition, Value};
use pilaster::engine::Table;
use pilaster::io::{FileSystem, SimulatedFileSystem, publish};
use pilaster::memory::Chunk;
use pilaster::storage::Location;
use std::path::Path;
use std::sync::Arc;

/// One reader of bytes from outside.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, also of its directory in `testdata/fuzz`.
    pub name: &'static str,
    /// Reads the bytes. Panics where something is wrong with Pilaster; refusing the bytes is right.
    pub run: fn(&[u8]),
    /// Words to mutate with.
    pub dictionary: &'static [&'static str],
    /// Inputs to begin with, that are accepted.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    array_text::TARGET,
    binary::ARROW,
    commit::TARGET,
    csv::TARGET,
    definition::TARGET,
    formula::TARGET,
    group::TARGET,
    grouping::TARGET,
    inspect::TARGET,
    journal::TARGET,
    json::TARGET,
    levels::TARGET,
    binary::PARQUET,
    record::TARGET,
    schema::TARGET,
    script::TARGET,
    sealed_column::TARGET,
    symbols::TARGET,
];

/// The target of a name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// An empty file system in memory.
fn memory() -> Arc<dyn FileSystem> {
    Arc::new(SimulatedFileSystem::new(1))
}

/// A file system with one file.
fn with_file(path: &str, bytes: &[u8]) -> Arc<dyn FileSystem> {
    let fs = memory();
    let path = Path::new(path);
    fs.create_dir_all(path.parent().unwrap_or(Path::new(""))).expect("memory takes any directory");
    publish(&*fs, path, bytes).expect("memory takes any file");
    fs
}

/// A column for every type, named by the type's name, and the partitioning column `Date` before them.
fn definition() -> TableDefinition {
    let date = ColumnDefinition::new("Date", ColumnType::String).of_kind(ColumnKind::Partitioning);
    let columns = types().map(|column_type| ColumnDefinition::new(name_of(column_type), column_type));
    TableDefinition::new([date].into_iter().chain(columns).collect()).expect("the names are valid")
}

/// The types that the targets have values of.
fn types() -> impl Iterator<Item = ColumnType> {
    ColumnType::SCALARS.into_iter().filter(|column_type| values_of(*column_type).is_some())
}

/// The name of the column of a type: a letter for short formulas.
fn name_of(column_type: ColumnType) -> String {
    match column_type {
        ColumnType::String => "S".into(),
        ColumnType::Char => "C".into(),
        ColumnType::Boolean => "Z".into(),
        ColumnType::Byte => "B".into(),
        ColumnType::Short => "H".into(),
        ColumnType::Int => "I".into(),
        ColumnType::Long => "L".into(),
        ColumnType::Float => "F".into(),
        ColumnType::Double => "D".into(),
        ColumnType::DateTime => "T".into(),
        other => format!("X{}", other.name()),
    }
}

/// Five rows of a type: null, small, large, odd.
fn values_of(column_type: ColumnType) -> Option<Vec<Value>> {
    const DAY: i64 = 1_503_619_200_000_000_000;
    Some(match column_type {
        ColumnType::String => {
            vec![Value::Null, Value::string("A"), Value::string(""), Value::string("Ω\u{1f600}b"), Value::string("A")]
        }
        ColumnType::Char => {
            [0xFFFE, 65, 0, 0xD83D, 98].map(|c| if c == 0xFFFE { Value::Null } else { Value::Char(c) }).into()
        }
        ColumnType::Boolean => {
            vec![Value::Null, Value::Boolean(true), Value::Boolean(false), Value::Boolean(true), Value::Boolean(true)]
        }
        ColumnType::Byte => vec![Value::Null, Value::Byte(1), Value::Byte(0), Value::Byte(-127), Value::Byte(127)],
        ColumnType::Short => {
            vec![Value::Null, Value::Short(1), Value::Short(0), Value::Short(-32767), Value::Short(i16::MAX)]
        }
        ColumnType::Int => vec![Value::Null, Value::Int(1), Value::Int(0), Value::Int(-i32::MAX), Value::Int(i32::MAX)],
        ColumnType::Long => {
            vec![Value::Null, Value::Long(1), Value::Long(0), Value::Long(-i64::MAX), Value::Long(i64::MAX)]
        }
        ColumnType::Float => {
            vec![Value::Null, Value::Float(1.5), Value::Float(-0.0), Value::Float(f32::NAN), Value::Float(f32::MAX)]
        }
        ColumnType::Double => vec![
            Value::Null,
            Value::Double(12.25),
            Value::Double(f64::MIN_POSITIVE),
            Value::Double(f64::NAN),
            Value::Double(f64::INFINITY),
        ],
        ColumnType::DateTime => vec![
            Value::Null,
            Value::DateTime(DAY),
            Value::DateTime(0),
            Value::DateTime(-i64::MAX),
            Value::DateTime(i64::MAX),
        ],
        _ => return None,
    })
}

/// The five rows of all types as a table in memory.
fn table() -> Table {
    let column = |column_type: ColumnType| {
        let values = values_of(column_type)?;
        Some((name_of(column_type), Chunk::from_values(column_type, &values).expect("the values are of the type")))
    };
    Table::new_table(types().filter_map(column).collect()).expect("the columns have one length")
}

/// All values of a table as text, in which NaN is like NaN.
fn contents(table: &Table) -> Result<String> {
    let mut out = String::new();
    for name in table.column_names() {
        let chunk = table.read_column(name)?;
        let values: Vec<Value> = (0..chunk.len()).map(|at| chunk.value(at)).collect();
        out.push_str(&format!("{name} {}: {values:?}\n", chunk.column_type()));
    }
    Ok(out)
}

/// All values of a location as text, in which NaN is like NaN.
fn contents_of(location: &dyn Location, columns: &[&str]) -> Result<String> {
    let mut out = String::new();
    for name in columns {
        let Some(region) = location.column(name)? else { continue };
        let chunk = region.read(0..location.row_count())?;
        let values: Vec<Value> = (0..chunk.len()).map(|at| chunk.value(at)).collect();
        out.push_str(&format!("{name} {}: {values:?}\n", chunk.column_type()));
    }
    Ok(out)
}

/// CRC-32 of some bytes, little-endian, as all files have it.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    crc32fast::hash(bytes).to_le_bytes()
}

/// Puts bytes at a place, where they fit.
fn put(bytes: &mut [u8], at: usize, new: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + new.len()) {
        place.copy_from_slice(new);
    }
}

/// Makes the header of a metadata file right: its magic, kind, version and checksum.
fn seal_header(bytes: &mut [u8], kind: pilaster::format::header::FileKind) {
    put(bytes, 0, &pilaster::format::header::encode(kind, 1));
}
