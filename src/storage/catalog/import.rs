//! Imports files into a table: the schema's mapping, the root's zone and the table's directory, put together.

use super::table::TableEntry;
use crate::base::names;
use crate::base::{Error, Result};
use crate::storage::import::{
    self, AppendOptions, AppendReport, CsvInput, CsvOptions, FollowFormat, ImportInput, ImportOptions, ImportProgress,
    ImportReport, PartitionTarget,
};
use crate::storage::intraday::Commit;
use crate::storage::layout;
use crate::storage::schema::ImportFormat;
use crate::storage::tail::{TailSelection, TailStart, Tailer};
use std::path::Path;

impl TableEntry {
    /// The options with which the schema wants CSV imported; see [`TableEntry::import_options`].
    pub fn csv_import_options(
        &self,
        mapping: Option<&str>,
        partition: Option<PartitionTarget>,
    ) -> Result<ImportOptions> {
        self.import_options(ImportFormat::Csv, mapping, partition)
    }

    /// The options with which the schema wants files of a format imported: those of the mapping of that name, or of the first one. Date-times without
    /// a zone are on the wall clock of the mapping's zone or the root's. Without a target, rows go where the partitioning column says.
    pub fn import_options(
        &self,
        format: ImportFormat,
        mapping: Option<&str>,
        partition: Option<PartitionTarget>,
    ) -> Result<ImportOptions> {
        let schema = self.schema();
        let found = schema.import(format, mapping);
        if let (Some(name), None) = (mapping, found) {
            let known = schema.imports.iter().filter_map(|import| import.name.as_deref());
            let error = Error::not_found(format!("{} has no {} import {name}", schema.full_name(), format.name()));
            return Err(match names::nearest_hint(name, known) {
                Some(hint) => error.hint(hint),
                None => error,
            });
        }
        let partition = match (partition, schema.definition.partitioning()) {
            (Some(partition), _) => partition,
            (None, Some(column)) => PartitionTarget::Column(column.name.clone()),
            (None, None) => {
                let message = format!("{} has no partitioning column", schema.full_name());
                return Err(Error::invalid(message).hint("--partition names the one that the rows go to"));
            }
        };
        let mut options = ImportOptions::new(partition);
        if format == ImportFormat::Json {
            options.csv = CsvOptions::json();
        }
        if let Some(mapping) = found {
            options.csv = CsvOptions::for_mapping(mapping)?;
        }
        if found.is_none_or(|mapping| mapping.time_zone.is_none()) {
            options.csv.zone = Some(self.root().time_zone()?);
        }
        options.mapping = found.cloned();
        Ok(options)
    }

    /// Imports one stream of CSV, whole or not at all; see [`import::import_csv`].
    pub fn import_csv(
        &self,
        input: CsvInput,
        options: &ImportOptions,
        progress: &dyn Fn(ImportProgress) -> Result<()>,
    ) -> Result<ImportReport> {
        self.import(input.into(), options, progress)
    }

    /// Imports one stream of any format, whole or not at all; see [`import::import_rows`].
    pub fn import(
        &self,
        input: ImportInput,
        options: &ImportOptions,
        progress: &dyn Fn(ImportProgress) -> Result<()>,
    ) -> Result<ImportReport> {
        let schema = self.schema();
        let directory = layout::intraday_table(&schema.namespace, &schema.table)?;
        import::import_rows(self.root().fs(), &directory, &schema.definition, input, options, progress)
            .map_err(|error| error.context(schema.full_name()))
    }

    /// Appends the rows of a stream as they come; see [`import::append_rows`].
    pub fn append(
        &self,
        input: ImportInput,
        options: &AppendOptions,
        acknowledge: &mut (dyn FnMut(Commit) -> Result<()> + Send),
    ) -> Result<AppendReport> {
        let schema = self.schema();
        let directory = layout::intraday_table(&schema.namespace, &schema.table)?;
        import::append_rows(self.root().fs(), &directory, &schema.definition, input, options, acknowledge)
            .map_err(|error| error.context(schema.full_name()))
    }

    /// Appends the records of a file as it grows, each exactly once; see [`import::follow_file`].
    pub fn follow(
        &self,
        file: (&Path, FollowFormat),
        options: &AppendOptions,
        acknowledge: &mut (dyn FnMut(Commit) -> Result<()> + Send),
    ) -> Result<AppendReport> {
        let schema = self.schema();
        let directory = layout::intraday_table(&schema.namespace, &schema.table)?;
        import::follow_file(self.root().fs(), &directory, &schema.definition, file, options, acknowledge)
            .map_err(|error| error.context(schema.full_name()))
    }

    /// Follows the table's intraday partitions; see [`Tailer`].
    pub fn tail(&self, selection: TailSelection, start: TailStart) -> Result<Tailer> {
        let schema = self.schema();
        let directory = layout::intraday_table(&schema.namespace, &schema.table)?;
        Tailer::open(self.root().fs().clone(), &directory, selection, start)
            .map_err(|error| error.context(schema.full_name()))
    }
}
