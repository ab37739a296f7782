//! What an import reads from, whatever its format.

use super::csv::{CsvInput, CsvReader};
use super::reading::RecordReader;
use super::{ImportOptions, PartitionTarget};
use crate::base::{Result, TableDefinition};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};

/// A stream of records, not opened yet.
pub struct ImportInput {
    form: Form,
    pub(super) size_bytes: Option<u64>,
    pub(super) consumed_bytes: Arc<AtomicU64>,
}

enum Form {
    Csv(CsvInput),
    Json(CsvInput),
    Records(Box<dyn RecordReader>),
}

impl From<CsvInput> for ImportInput {
    /// Delimited text.
    fn from(input: CsvInput) -> Self {
        let (size_bytes, consumed_bytes) = (input.size_bytes, input.consumed_bytes.clone());
        ImportInput { form: Form::Csv(input), size_bytes, consumed_bytes }
    }
}

impl ImportInput {
    /// JSON Lines, read with options that begin with [`super::CsvOptions::json`].
    pub fn json(input: CsvInput) -> Self {
        let (size_bytes, consumed_bytes) = (input.size_bytes, input.consumed_bytes.clone());
        ImportInput { form: Form::Json(input), size_bytes, consumed_bytes }
    }

    /// Records of another format; how many bytes there are and how many were consumed is for progress alone.
    pub fn records(reader: Box<dyn RecordReader>, size_bytes: Option<u64>, consumed_bytes: Arc<AtomicU64>) -> Self {
        ImportInput { form: Form::Records(reader), size_bytes, consumed_bytes }
    }

    /// True for text whose first record names the fields.
    pub(super) fn has_header(&self, options: &ImportOptions) -> bool {
        matches!(self.form, Form::Csv(_)) && options.csv.header
    }

    /// The text of it, where it is text.
    pub(super) fn text(&mut self) -> Option<&mut CsvInput> {
        match &mut self.form {
            Form::Csv(input) | Form::Json(input) => Some(input),
            Form::Records(_) => None,
        }
    }

    pub(super) fn open(self, definition: &TableDefinition, options: &ImportOptions) -> Result<Box<dyn RecordReader>> {
        Ok(match self.form {
            Form::Csv(input) => Box::new(CsvReader::open(input, &options.csv)?),
            Form::Json(input) => Box::new(CsvReader::open_json(input, &options.csv, &wanted(definition, options))?),
            Form::Records(reader) => reader,
        })
    }
}

impl fmt::Debug for ImportInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.form {
            Form::Csv(input) => write!(f, "ImportInput({input:?})"),
            Form::Json(input) => write!(f, "ImportInput(JSON, {input:?})"),
            Form::Records(reader) => write!(f, "ImportInput({})", reader.name()),
        }
    }
}

/// The fields that a table may be made of, whether objects at the begin of a stream have them or not.
fn wanted(definition: &TableDefinition, options: &ImportOptions) -> Vec<String> {
    let told = |name: &str| options.mapping.as_ref().and_then(|mapping| mapping.column(name));
    let source = |name: &str| told(name).and_then(|told| told.source.clone()).unwrap_or_else(|| name.to_string());
    let is_made = |name: &str| {
        told(name).is_some_and(|told| told.constant.is_some())
            || options.transforms.iter().any(|transform| transform.column == name)
    };
    let mut all: Vec<String> =
        definition.stored().filter(|column| !is_made(&column.name)).map(|column| source(&column.name)).collect();
    if let PartitionTarget::Column(name) = &options.partition {
        all.push(source(name));
    }
    all
}

/// Takes the bytes of records that are passed over, those of several imports one after the other. Delimited text with a header begins with one.
#[derive(Clone)]
pub struct Rejects {
    take: Take,
    begun: Arc<AtomicBool>,
}

type Take = Arc<dyn Fn(&[u8]) -> Result<()> + Send + Sync>;

impl Rejects {
    /// Hands each record to `take`.
    pub fn new(take: impl Fn(&[u8]) -> Result<()> + Send + Sync + 'static) -> Self {
        Rejects { take: Arc::new(take), begun: Arc::default() }
    }

    pub(super) fn take(&self, header: Option<&[u8]>, record: &[u8]) -> Result<()> {
        if let (false, Some(header)) = (self.begun.swap(true, Relaxed), header) {
            (self.take)(header)?;
        }
        (self.take)(record)
    }
}

impl fmt::Debug for Rejects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rejects")
    }
}
