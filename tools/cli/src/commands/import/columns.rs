//! What the command line says of single columns, put over what the schema's mapping says.

use crate::commands::import::transform;
use crate::failure::Failure;
use clap::Args;
use pilaster::base::{ColumnType, Error};
use pilaster::engine::formula::QueryScope;
use pilaster::storage::import::{ImportOptions, PartitionTarget};
use pilaster::storage::schema::{ColumnMapping, ImportFormat, ImportMapping};

/// Where columns come from, if not from the field of their name.
#[derive(Args, Debug)]
#[command(next_help_heading = "Column options")]
pub(crate) struct ColumnFlags {
    /// COL is read from the field of this name, or in JSON this path; may be repeated, as the following
    #[arg(long = "rename", value_name = "COL=FIELD")]
    renames: Vec<String>,
    /// COL has this text's value in every row
    #[arg(long = "constant", value_name = "COL=TEXT")]
    constants: Vec<String>,
    /// COL has this text's value where its field is null or the file lacks it
    #[arg(long = "default", value_name = "COL=TEXT")]
    defaults: Vec<String>,
    /// COL is computed, in the language of queries, of the table's columns and of further fields of the file
    #[arg(long = "transform", value_name = "COL=FORMULA")]
    transforms: Vec<String>,
    /// The type of a field that is not the table's, for formulas; String if not given
    #[arg(long = "field-type", value_name = "FIELD=TYPE")]
    field_types: Vec<String>,
}

impl ColumnFlags {
    /// Puts what was given over what `options` has.
    pub(crate) fn apply(
        &self,
        format: ImportFormat,
        partition_formula: Option<&str>,
        scope: &QueryScope,
        options: &mut ImportOptions,
    ) -> Result<(), Failure> {
        let mut mapping = options.mapping.take().unwrap_or_else(|| ImportMapping::new(format));
        let mut change = |texts: &[String], set: &dyn Fn(&mut ColumnMapping, String)| -> Result<(), Failure> {
            for text in texts {
                let (column, value) = pair(text)?;
                set(mapping.columns.entry(column.to_string()).or_default(), value.to_string());
            }
            Ok(())
        };
        change(&self.renames, &|column, field| column.source = Some(field))?;
        change(&self.constants, &|column, text| column.constant = Some(text))?;
        change(&self.defaults, &|column, text| column.default = Some(text))?;
        options.mapping = Some(mapping);
        for text in &self.field_types {
            let (field, column_type) = pair(text)?;
            options.field_types.push((field.to_string(), column_type.parse::<ColumnType>()?));
        }
        for text in &self.transforms {
            let (column, formula) = pair(text)?;
            options.transforms.push(transform::compiled(column, formula, scope));
        }
        if let Some(formula) = partition_formula {
            options.transforms.push(transform::compiled(transform::PARTITION, formula, scope));
            options.partition = PartitionTarget::Computed(transform::PARTITION.to_string());
        }
        Ok(())
    }
}

/// What stands on both sides of the first equals sign.
fn pair(text: &str) -> Result<(&str, &str), Failure> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim(), value)),
        _ => Err(Error::invalid(format!("{text:?} is not of the form COL=…")).into()),
    }
}
