//! What is to be known of a typed column to propose what it is to storage: counts, order and examples.

use super::csv::distinct::Distinct;
use crate::base::ColumnType;
use crate::base::names::legal_column_name;
use crate::base::text::write_csv_value;
use crate::memory::Chunk;
use crate::storage::schema::InferredColumn;
use foldhash::quality::FixedState;
use std::hash::BuildHasher;

/// Values kept as examples.
const SAMPLES_MAX: usize = 5;
/// Characters kept of a value.
const TEXT_MAX: usize = 60;

/// Takes the values of one column of a file whose types are known.
#[derive(Debug)]
pub struct ColumnSample {
    source_name: String,
    name: String,
    column_type: ColumnType,
    rows: u64,
    nulls: u64,
    distinct: Distinct,
    ascending: bool,
    last: Option<Chunk>,
    samples: Vec<String>,
}

impl ColumnSample {
    /// Of a field of this name and type; `taken` are the names of the columns before it.
    pub fn new(source_name: &str, column_type: ColumnType, taken: &[String]) -> Self {
        ColumnSample {
            source_name: source_name.to_string(),
            name: legal_column_name(source_name, taken),
            column_type,
            rows: 0,
            nulls: 0,
            distinct: Distinct::default(),
            ascending: true,
            last: None,
            samples: Vec::new(),
        }
    }

    /// The legal name of the column.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of its values.
    pub fn column_type(&self) -> ColumnType {
        self.column_type
    }

    /// Looks at values, which follow those before.
    pub fn add(&mut self, values: &Chunk) {
        let state = FixedState::default();
        let mut text = Vec::new();
        let ordered = !matches!(values, Chunk::Array(_) | Chunk::Object(_));
        self.ascending &= ordered;
        let mut before: Option<usize> = None;
        for row in 0..values.len() {
            self.rows += 1;
            if values.is_null(row) {
                self.nulls += 1;
                continue;
            }
            text.clear();
            let value = values.value(row);
            write_csv_value(&value, b',', &mut text);
            self.distinct.add(state.hash_one(&text));
            if self.samples.len() < SAMPLES_MAX {
                let shown: String = String::from_utf8_lossy(&text).chars().take(TEXT_MAX).collect();
                if !self.samples.contains(&shown) {
                    self.samples.push(shown);
                }
            }
            if self.ascending {
                let less = |one: &Chunk, at: usize| match (one.value(at), &value) {
                    (crate::base::Value::String(a), crate::base::Value::String(b)) => *b < a,
                    (crate::base::Value::Double(a), crate::base::Value::Double(b)) => *b < a,
                    (crate::base::Value::Float(a), crate::base::Value::Float(b)) => *b < a,
                    (crate::base::Value::DateTime(a), crate::base::Value::DateTime(b)) => *b < a,
                    (crate::base::Value::Long(a), crate::base::Value::Long(b)) => *b < a,
                    (crate::base::Value::Int(a), crate::base::Value::Int(b)) => *b < a,
                    _ => false,
                };
                let descends = match (before, &self.last) {
                    (Some(at), _) => less(values, at),
                    (None, Some(last)) => less(last, 0),
                    (None, None) => false,
                };
                self.ascending = !descends;
            }
            before = Some(row);
        }
        if let Some(at) = before {
            self.last = Some(values.take(&[at as u32]));
        }
    }

    /// What a schema is proposed from.
    pub fn finish(self) -> InferredColumn {
        InferredColumn {
            source_name: self.source_name,
            name: self.name,
            column_type: self.column_type,
            row_count: self.rows,
            null_count: self.nulls,
            distinct_count: self.distinct.count().min(self.rows - self.nulls),
            ascending: self.ascending,
            samples: self.samples,
        }
    }
}
