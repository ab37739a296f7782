//! Validates a column partition of a table: its history against the schema's rules, and against the intraday rows where there are any.

use super::merge_decision::Present;
use super::table::TableEntry;
use crate::base::names::{self, NameKind};
use crate::base::{Error, Result};
use crate::format::location_record::SourceRecord;
use crate::storage::location::{Location, TableKind};
use crate::storage::schema::Validation;
use crate::storage::validation::{self, ValidationProgress, ValidationReport, ValidationRequest};
use std::sync::Arc;

impl TableEntry {
    /// Checks what is published of a column partition. With `compare` its rows must be those of the intraday locations, and it is an error of
    /// kind `NotFound` if there are none; without, they are compared if all that was merged is still there.
    pub fn validate(
        &self,
        column_partition: &str,
        rules: &Validation,
        compare: bool,
        progress: ValidationProgress<'_>,
    ) -> Result<ValidationReport> {
        names::check(NameKind::ColumnPartition, column_partition)?;
        let history = self.historical_table(Arc::default())?;
        let Some(published) = history.published(column_partition)? else {
            let known = self.historical_keys()?;
            return Err(self.no_partition(column_partition, TableKind::Historical, &known).hint("merge it first"));
        };
        let handles = history.partition_handles(column_partition);
        let history = handles.iter().map(|handle| handle.open()).collect::<Result<Vec<_>>>()?;
        let keys = self.intraday_keys()?;
        let mut sources: Vec<Arc<dyn Location>> = Vec::new();
        let mut present = Vec::new();
        for key in keys.iter().filter(|key| *key.column_partition == *column_partition) {
            let opened = self.intraday_handle(key.clone(), &Arc::default())?.open_intraday()?;
            present.push(Present::of(opened.clone()));
            sources.push(opened);
        }
        if sources.is_empty() && compare {
            return Err(self.no_partition(column_partition, TableKind::Intraday, &keys));
        }
        let is_gone = |source: &SourceRecord| !present.iter().any(|one: &Present| one.is(source));
        if let Some(gone) = published.sources.iter().find(|source| source.location != [0; 16] && is_gone(source)) {
            if compare {
                return Err(Error::not_found(format!(
                    "the rows of source {} are gone and cannot be compared",
                    gone.name
                )));
            }
            sources.clear();
        }
        let schema = self.schema();
        let request = ValidationRequest {
            intraday: (!sources.is_empty()).then_some(&sources[..]),
            history: &history,
            definition: &schema.definition,
            sort_columns: &schema.sort_columns,
            rules,
        };
        validation::validate(&request, progress).map_err(|error: Error| {
            error.context(format!("validation of {column_partition} of {}", schema.full_name()))
        })
    }
}
