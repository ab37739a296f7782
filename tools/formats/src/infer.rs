//! Schemas proposed from files that say their types.

use crate::records::{open_batches, scan};
use crate::types;
use pilaster::base::{ColumnType, Error, Result};
use pilaster::storage::import::{ColumnSample, propose_sampled};
use pilaster::storage::schema::{ImportFormat, Proposal};
use std::path::PathBuf;

/// Names of fields, with the column types that they have.
type Fields = Vec<(String, Option<ColumnType>)>;

/// Looks through files with the same fields, all of each or about its first `rows_max` rows, and proposes a schema. `tick` is called often; its error stops the work.
///
/// Fields that have no column type (maps, unions, lists of structs) are left out, and named in the first comment.
pub fn propose(
    format: ImportFormat,
    namespace: &str,
    table: &str,
    files: &[PathBuf],
    rows_max: Option<u64>,
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<Proposal> {
    let mut all: Option<(Fields, Vec<ColumnSample>)> = None;
    for file in files {
        let reader = open_batches(format, file)?;
        let fields: Fields = {
            use pilaster::storage::import::RecordReader;
            let types = reader.leaves().iter().map(|leaf| types::column_type(&leaf.field));
            reader.names().iter().cloned().zip(types).collect()
        };
        let (known, samples) = all.get_or_insert_with(|| {
            let mut taken: Vec<String> = Vec::new();
            let mut samples = Vec::new();
            for (name, column_type) in &fields {
                if let Some(column_type) = column_type {
                    let sample = ColumnSample::new(name, *column_type, &taken);
                    taken.push(sample.name().to_string());
                    samples.push(sample);
                }
            }
            (fields.clone(), samples)
        });
        if *known != fields {
            return Err(Error::invalid("the fields are not those of the first file").at_path(file));
        }
        let types: Vec<Option<ColumnType>> = fields.iter().map(|(_, column_type)| *column_type).collect();
        // The sample of each field that has one.
        let places: Vec<usize> = types
            .iter()
            .scan(0, |count, column_type| {
                let at = *count;
                *count += usize::from(column_type.is_some());
                Some(at)
            })
            .collect();
        scan(reader, &types, rows_max, &mut |field, chunk| samples[places[field]].add(chunk), tick)
            .map_err(|error| error.at_path(file))?;
    }
    let Some((fields, samples)) = all else { return Err(Error::invalid("there is no file to infer from")) };
    if samples.is_empty() {
        return Err(Error::invalid("no field has a type that a column can have"));
    }
    let mut proposal = propose_sampled(namespace, table, format, samples)?;
    let left_out: Vec<&str> =
        fields.iter().filter(|(_, column_type)| column_type.is_none()).map(|(name, _)| name.as_str()).collect();
    if let (false, Some(first)) = (left_out.is_empty(), proposal.reasons.first_mut()) {
        *first = format!(
            "Fields left out, whose type no column has: {}. A String column of the name takes their JSON text.\n{first}",
            left_out.join(", ")
        );
    }
    Ok(proposal)
}
