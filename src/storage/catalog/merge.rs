//! Merges a column partition of a table: finds its intraday locations, decides what is to be merged, hands that to
//! [`historical::merge`](crate::storage::historical::merge()), validates, and removes intraday rows where that is asked for.
//!
//! All of it under the partition's lock, so that two chains never mix. Whoever is cut off runs the same again: what is published names its
//! sources by identity and rows, and whether they were to be removed.
//!
//! Invariant: an intraday location is removed only while its writer is locked out, only if each of its rows is in a version that is durable, and, where
//! validation was asked for, only after it held.

use super::merge_decision::{Decision, Present, decide};
use super::table::TableEntry;
use crate::base::names::{self, NameKind};
use crate::base::{ColumnType, Error, ErrorKind, Result};
use crate::format::location_record::PublishedRecord;
use crate::storage::historical::merge::ProgressCallback;
use crate::storage::historical::{
    self, HistoricalTable, KeyFormula, MergeOptions, MergeReport, MergeRequest, PartitionLock, Spread,
    StorageDirectory, merge_locked,
};
use crate::storage::import;
use crate::storage::intraday;
use crate::storage::layout;
use crate::storage::location::{Location, LocationKey, TableKind};
use crate::storage::schema::Validation;
use crate::storage::validation::{self, ValidationProgress, ValidationReport, ValidationRequest};
use std::sync::{Arc, Mutex, PoisonError};

/// What follows a merge.
#[derive(Clone, Copy, Default)]
pub struct MergeChain<'a> {
    /// The rules that a version must hold before it is published, and who is told how far that is; rows are compared with those merged as well.
    pub validate: Option<(&'a Validation, ValidationProgress<'a>)>,
    /// Removes the intraday rows, if what was validated holds.
    pub delete_intraday: bool,
}

/// What a merge and what followed did.
#[derive(Clone, Debug)]
pub struct ChainReport {
    /// What was merged; none where the new version did not validate and was not published.
    pub merge: Option<MergeReport>,
    /// What validation found, where it was asked for. If it did not pass, nothing was published and nothing removed.
    pub validation: Option<ValidationReport>,
    /// Intraday locations removed.
    pub removed: usize,
}

impl TableEntry {
    /// Merges all sources of a column partition and publishes the result; see [`TableEntry::merge_chain`].
    pub fn merge(
        &self,
        column_partition: &str,
        options: &MergeOptions,
        delete_intraday: bool,
        progress: ProgressCallback<'_>,
    ) -> Result<MergeReport> {
        let chain = MergeChain { validate: None, delete_intraday };
        let merged = self.merge_chain(column_partition, options, chain, progress)?.merge;
        merged.ok_or_else(|| Error::new(ErrorKind::Cancelled, "the merge was given up"))
    }

    /// Merges all sources of a column partition into the root's storages where the options name none, validates the new version if the chain
    /// says so, publishes it, and removes the intraday rows if the chain says so. May be cut off at any instant and run again.
    ///
    /// Where what is published has all rows already, nothing is merged. Otherwise that is `AlreadyExists`, unless the options say `force` or
    /// `incremental`. `force` refuses to lose rows of which the intraday locations are gone. `NotFound`, with the nearest partitions, where there
    /// is nothing of that value.
    pub fn merge_chain(
        &self,
        column_partition: &str,
        options: &MergeOptions,
        chain: MergeChain<'_>,
        progress: ProgressCallback<'_>,
    ) -> Result<ChainReport> {
        names::check(NameKind::ColumnPartition, column_partition)?;
        let schema = self.schema();
        let directory = layout::historical_table(&schema.namespace, &schema.table)?;
        let all = self.intraday_keys()?;
        let history = self.historical_table(Arc::default())?;
        if !all.iter().any(|key| *key.column_partition == *column_partition)
            && (options.force || history.published(column_partition)?.is_none())
        {
            return Err(self.no_partition(column_partition, TableKind::Intraday, &all));
        }
        let lock = PartitionLock::take(self.root().fs(), &directory, column_partition)?;
        let published = lock.published()?;
        if !options.dry_run {
            self.settle(all.iter().filter(|key| *key.column_partition == *column_partition))?;
        }
        let present = self.present(column_partition)?;
        let old = || open_history(&history, column_partition);
        let decision = decide(column_partition, published.as_ref(), &present, options, &old)
            .map_err(|error| error.context(schema.full_name()))?;
        let validation = Mutex::new(None);
        let check = |merged: Option<&[Arc<dyn Location>]>, history: &[Arc<dyn Location>]| {
            self.check_version(column_partition, chain.validate, merged, history, &validation)
        };
        let (merge, passed) = match decision {
            Decision::Nothing(record) => {
                if options.dry_run {
                    let merge = Some(already(&record, schema.definition.stored().count()));
                    return Ok(ChainReport { merge, validation: None, removed: 0 });
                }
                let compared = if chain.validate.is_some() { rows_of(&record, &present)? } else { None };
                let passed = check(compared.as_deref(), &open_history(&history, column_partition)?)?;
                (Some(already(&record, schema.definition.stored().count())), passed)
            }
            Decision::Merge { sources, mut provenance } => {
                // Who is cut off after publication goes on with the removal: what is published was validated before.
                provenance.iter_mut().for_each(|source| source.retired |= chain.delete_intraday);
                let options = self.with_schema(column_partition, options)?;
                let request = MergeRequest {
                    fs: self.root().fs(),
                    table_directory: &directory,
                    column_partition,
                    sources: &sources,
                    definition: &schema.definition,
                    sort_columns: &schema.sort_columns,
                    provenance: &provenance,
                };
                let merged =
                    merge_locked(&lock, request, &options, progress, &|version| check(Some(&sources), version));
                let merged = merged.map_err(|error| error.context(schema.full_name()))?;
                // The version before goes, which this had open if it added to it.
                drop(sources);
                if !options.dry_run {
                    lock.collect_garbage(&options.storages);
                }
                let published = merged.is_some();
                (merged, published)
            }
        };
        let mut outcome = ChainReport { merge, validation: None, removed: 0 };
        outcome.validation = validation.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !passed || options.dry_run {
            return Ok(outcome);
        }
        if chain.delete_intraday && !present.is_empty() {
            if outcome.merge.as_ref().is_some_and(|merge| merge.already) {
                lock.retire_sources()?;
            }
            for source in &present {
                self.remove_merged(source).map_err(|error| {
                    error
                        .context("the rows are merged, but the intraday partition stays")
                        .hint("run the same again when its writer is done, with --incremental if it added rows")
                })?;
                outcome.removed += 1;
            }
        }
        Ok(outcome)
    }

    /// Whether a version holds what is asked for, where something is; what was found goes to `found`.
    pub(super) fn check_version(
        &self,
        column_partition: &str,
        validate: Option<(&Validation, ValidationProgress<'_>)>,
        merged: Option<&[Arc<dyn Location>]>,
        history: &[Arc<dyn Location>],
        found: &Mutex<Option<ValidationReport>>,
    ) -> Result<bool> {
        let Some((rules, progress)) = validate else { return Ok(true) };
        let schema = self.schema();
        let (definition, sort_columns) = (&schema.definition, &schema.sort_columns);
        let request = ValidationRequest { intraday: merged, history, definition, sort_columns, rules };
        let report = validation::validate(&request, progress)
            .map_err(|error| error.context(format!("validation of {column_partition} of {}", schema.full_name())))?;
        let passed = report.passed();
        *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(report);
        Ok(passed)
    }

    /// The options with what the schema and the root say and they leave open.
    pub(super) fn with_schema(&self, column_partition: &str, options: &MergeOptions) -> Result<MergeOptions> {
        let schema = self.schema();
        let mut options = options.clone();
        if options.storages.is_empty() {
            options.storages = StorageDirectory::of_root(self.root(), &schema.namespace, &schema.table)?;
        }
        options.spread = self.spread(column_partition, &options)?;
        for column in &schema.columns {
            options.codecs.entry(column.name.clone()).or_insert(column.codec);
        }
        Ok(options)
    }

    /// How the schema spreads rows over the storages.
    fn spread(&self, column_partition: &str, options: &MergeOptions) -> Result<Spread> {
        let schema = self.schema();
        let storages: Vec<String> = options.storages.iter().map(|storage| storage.name.clone()).collect();
        let columns: Vec<(String, ColumnType)> =
            schema.columns.iter().map(|column| (column.name.clone(), column.column_type)).collect();
        let formula = schema.key_formula.as_deref().map(|text| KeyFormula {
            text,
            columns: &columns,
            namespace: &schema.namespace,
            table: &schema.table,
            column_partition,
            storages: &storages,
        });
        Spread::of(formula.as_ref(), options.key_compiler.as_ref()).map_err(|error| error.context(schema.full_name()))
    }

    /// The intraday locations of a column partition, opened.
    pub(super) fn present(&self, column_partition: &str) -> Result<Vec<Present>> {
        let keys = self.intraday_keys()?;
        let mut present = Vec::new();
        for key in keys.into_iter().filter(|key| *key.column_partition == *column_partition) {
            let opened = self.intraday_handle(key, &Arc::default())?.open_intraday();
            match opened {
                // Removed since it was listed.
                Err(error) if error.is_not_found() => {}
                answer => present.push(Present::of(answer?)),
            }
        }
        Ok(present)
    }

    /// Makes commits over several locations that these locations have part of durable, unless a writer is at work: what is published of one of them must
    /// not be a part of what a power cut takes from the others.
    fn settle<'a>(&self, keys: impl Iterator<Item = &'a LocationKey>) -> Result<()> {
        let fs = self.root().fs();
        for key in keys {
            let opened = match self.intraday_handle(key.clone(), &Arc::default())?.open_intraday() {
                Err(error) if error.is_not_found() => continue,
                answer => answer?,
            };
            let group = opened.record().and_then(|record| record.group);
            if let (Some(false), Some(source)) =
                (group.map(|group| group.settled), self.intraday_directory(key)?.parent())
            {
                intraday::settle_published(fs, source)?;
            }
        }
        Ok(())
    }

    /// Removes an intraday location if it still has just the rows that were merged.
    fn remove_merged(&self, merged: &Present) -> Result<()> {
        let key: &LocationKey = merged.location.key();
        let directory = self.intraday_directory(key)?;
        intraday::remove_location_if(&**self.root().fs(), &directory, &|| {
            let now = Present::of(self.intraday_handle(key.clone(), &Arc::default())?.open_intraday()?);
            if now.record == merged.record {
                // Who counts the rows of the source must not take these for gone.
                let source = directory.parent().unwrap_or(&directory);
                let (id, rows) = (now.record.location, now.record.row_count);
                return import::note_removal(&**self.root().fs(), source, &key.column_partition, id, rows);
            }
            let (rows, before) = (now.record.row_count, merged.record.row_count);
            let message = format!("location {key} has {rows} rows, {before} were merged");
            Err(Error::new(ErrorKind::Locked, message).hint("merge again with --incremental"))
        })
    }
}

/// The locations of the version that is published now.
fn open_history(history: &HistoricalTable, column_partition: &str) -> Result<Vec<Arc<dyn Location>>> {
    history.partition_handles(column_partition).iter().map(|handle| handle.open()).collect()
}

/// What the rows of a version were merged from, as far as it is there; none if they were validated before the first of them was removed.
fn rows_of(record: &PublishedRecord, present: &[Present]) -> Result<Option<Vec<Arc<dyn Location>>>> {
    let mut sources = Vec::with_capacity(record.sources.len());
    for source in &record.sources {
        match present.iter().find(|present| present.continues(source)) {
            Some(found) => sources.push(historical::LocationPart::of(&found.location, 0..source.row_count)),
            None if record.sources.iter().all(|source| source.retired) => return Ok(None),
            None => {
                let message = format!("the rows of source {} cannot be compared: they are gone", source.name);
                return Err(
                    Error::not_found(message).hint("leave --validate out, or use the verb validate for rules only")
                );
            }
        }
    }
    Ok(Some(sources))
}

/// What a merge says that has nothing to do.
fn already(record: &PublishedRecord, columns: usize) -> MergeReport {
    MergeReport {
        rows: record.row_count(),
        bytes: record.size_bytes(),
        columns,
        groups: 0,
        ungrouped: None,
        runs: 0,
        already: true,
        version: record.storages.first().map(|storage| storage.version.clone()).unwrap_or_default(),
        generation: record.generation,
        storages: record.storages.iter().map(|storage| (storage.name.clone(), storage.row_count)).collect(),
    }
}
