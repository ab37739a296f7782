//! What a historical location consists of, and which version of a partition is current. Both are [`record`]s.

use super::column_form::ColumnForm;
use super::header::FileKind;
use super::record;
use crate::base::names::{self, NameKind};
use crate::base::{ColumnType, Error, Result};
use serde::{Deserialize, Serialize};

/// The format version written and read.
pub const VERSION: u16 = 1;

/// The content of a historical location's record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationRecord {
    /// Rows of each column.
    pub row_count: u64,
    /// The columns with files, in the order of the table.
    pub columns: Vec<ColumnRecord>,
    /// By which rows are sorted within a group.
    pub sort_columns: Vec<String>,
    /// What the rows were merged from, in order.
    pub sources: Vec<SourceRecord>,
    /// When it was written, nanoseconds since the epoch.
    pub written_ns: i64,
}

/// One column's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnRecord {
    /// Its name.
    pub name: String,
    /// [`ColumnType::code`] of its values.
    pub type_code: u8,
    /// The sealed column.
    pub file: FileRecord,
    /// The symbol table of text; none where text lies as bytes.
    pub symbols: Option<FileRecord>,
    /// The grouping index, where rows of equal values lie together.
    pub grouping: Option<FileRecord>,
    /// The levels of the column's form beyond the first.
    pub values: Vec<FileRecord>,
}

/// What a file must be for a record to mean it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its size.
    pub size_bytes: u64,
    /// The checksum that it carries over its index, which holds those of its parts.
    pub seal: u32,
}

/// An intraday location that was merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// Its internal partition.
    pub name: String,
    /// How many of its rows were committed then.
    pub row_count: u64,
    /// The random identity of the location, as its commit records have it; zero where it has none.
    pub location: [u8; 16],
    /// How often its writers had given up rows until then: with the identity and the count it says which rows they were.
    pub rollbacks: u64,
    /// True once its rows were to be removed, because history has all of them.
    pub retired: bool,
}

/// The version of a column partition that is current.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedRecord {
    /// One more with each publication of the partition.
    pub generation: u64,
    /// When it was published, nanoseconds since the epoch.
    pub published_ns: i64,
    /// The locations, one a storage.
    pub storages: Vec<PublishedStorage>,
    /// What the rows were merged from, those of earlier versions that this one took over included.
    pub sources: Vec<SourceRecord>,
}

/// One storage's share of a published version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedStorage {
    /// The storage, an internal partition.
    pub name: String,
    /// The name of the version's directory within the partition's.
    pub version: String,
    /// Rows there.
    pub row_count: u64,
    /// Bytes of its files.
    pub size_bytes: u64,
    /// [`record::seal`] of the location record.
    pub seal: u32,
}

impl LocationRecord {
    /// The file's bytes.
    pub fn encode(&self) -> Result<Vec<u8>> {
        record::encode(FileKind::LocationRecord, VERSION, self)
    }

    /// Reads a file's bytes; names and types are checked, so that they may become paths.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let found: Self = record::decode(FileKind::LocationRecord, VERSION, bytes)?;
        for column in &found.columns {
            names::check(NameKind::Column, &column.name).map_err(refused)?;
            let form = column.form()?;
            if form.has_symbols() != column.symbols.is_some() || form.depth() != column.values.len() {
                return Err(Error::corrupt(format!("column {} of the wrong type for its files", column.name)));
            }
        }
        Ok(found)
    }

    /// The record of a column.
    pub fn column(&self, name: &str) -> Option<&ColumnRecord> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Bytes of all files but the record.
    pub fn size_bytes(&self) -> u64 {
        self.columns.iter().map(ColumnRecord::size_bytes).sum()
    }
}

impl ColumnRecord {
    /// The type of the values.
    pub fn column_type(&self) -> Result<ColumnType> {
        ColumnType::from_code(self.type_code)
            .ok_or_else(|| Error::corrupt(format!("column {} has the unknown type {}", self.name, self.type_code)))
    }

    /// Into which levels the values go.
    pub fn form(&self) -> Result<ColumnForm> {
        Ok(ColumnForm::new(self.column_type()?, self.symbols.is_none()))
    }

    /// Bytes of all its files.
    pub fn size_bytes(&self) -> u64 {
        [Some(self.file), self.symbols, self.grouping]
            .iter()
            .flatten()
            .chain(&self.values)
            .fold(0, |sum: u64, f| sum.saturating_add(f.size_bytes))
    }
}

impl PublishedRecord {
    /// The file's bytes.
    pub fn encode(&self) -> Result<Vec<u8>> {
        record::encode(FileKind::Published, VERSION, self)
    }

    /// Reads a file's bytes; names are checked, so that they may become paths.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let found: Self = record::decode(FileKind::Published, VERSION, bytes)?;
        for storage in &found.storages {
            for name in [&storage.name, &storage.version] {
                names::check(NameKind::InternalPartition, name).map_err(refused)?;
            }
        }
        Ok(found)
    }

    /// Rows in all storages.
    pub fn row_count(&self) -> u64 {
        self.storages.iter().fold(0, |sum, storage| sum.saturating_add(storage.row_count))
    }

    /// Bytes in all storages.
    pub fn size_bytes(&self) -> u64 {
        self.storages.iter().fold(0, |sum, storage| sum.saturating_add(storage.size_bytes))
    }
}

fn refused(error: Error) -> Error {
    Error::corrupt(format!("the record names what no record may: {}", error.message()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let storage = |name: &str, version: &str| PublishedStorage {
            name: name.into(),
            version: version.into(),
            row_count: 1,
            size_bytes: 2,
            seal: 3,
        };
        let published =
            |storage| PublishedRecord { generation: 1, published_ns: 0, storages: vec![storage], sources: vec![] };
        let good = published(storage("default", "v1"));
        assert_eq!(PublishedRecord::decode(&good.encode().unwrap()).unwrap(), good);
        for (name, version) in [("..", "v1"), ("default", "../../etc"), ("a/b", "v1"), ("", "v1"), ("default", "")] {
            let bytes = published(storage(name, version)).encode().unwrap();
            assert!(PublishedRecord::decode(&bytes).unwrap_err().is_corrupt(), "{name} {version}");
        }
        let file = FileRecord { size_bytes: 1, seal: 2 };
        let location = |name: &str, type_code| LocationRecord {
            row_count: 0,
            columns: vec![ColumnRecord {
                name: name.into(),
                type_code,
                file,
                symbols: None,
                grouping: None,
                values: vec![],
            }],
            sort_columns: vec![],
            sources: vec![],
            written_ns: 0,
        };
        assert!(LocationRecord::decode(&location("Bid", 9).encode().unwrap()).is_ok());
        for (name, type_code) in [("../x", 9), ("Bid", 200), ("Bid", 1)] {
            assert!(LocationRecord::decode(&location(name, type_code).encode().unwrap()).unwrap_err().is_corrupt());
        }
    }
}
