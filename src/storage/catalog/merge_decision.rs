//! What a merge of a column partition has to do, given what is published and which intraday locations there are.
//!
//! | published | present | plain | force | incremental |
//! |---|---|---|---|---|
//! | nothing | any | merge all | merge all | merge all |
//! | sources | the same, or a part of them | nothing to do | merge all, unless some are gone | nothing to do |
//! | sources | more rows, or more locations | refused | merge all, unless some are gone | history and the new rows |
//! | sources | fewer rows in one, or another in its place | refused | refused | refused |
//!
//! In its place means: under the same name where nobody retired the one that was merged, or put there by a replacing import while that one was
//! still there.
//!
//! `discard_merged` makes `force` give up rows whose locations are gone. **Invariant:** without it the new version has every row that the published one has.

use crate::base::{Error, ErrorKind, Result};
use crate::format::location_record::{PublishedRecord, SourceRecord};
use crate::storage::historical::{LocationPart, MergeOptions};
use crate::storage::intraday::{IntradayLocation, took_place};
use crate::storage::location::Location;
use std::sync::Arc;

/// An intraday location that is there.
pub(super) struct Present {
    pub(super) location: Arc<dyn Location>,
    /// As a published record would name it.
    pub(super) record: SourceRecord,
    rollback_rows: u64,
}

/// What is to be done.
pub(super) enum Decision {
    /// What is published has all rows.
    Nothing(PublishedRecord),
    /// These rows make the new version.
    Merge { sources: Vec<Arc<dyn Location>>, provenance: Vec<SourceRecord> },
}

impl Present {
    pub(super) fn of(location: Arc<IntradayLocation>) -> Self {
        let (row_count, name) = (location.row_count(), location.key().internal_partition.to_string());
        let (id, rollbacks, rollback_rows) = location
            .record()
            .map_or(([0; 16], 0, 0), |record| (record.location, record.rollbacks, record.rollback_rows));
        let record = SourceRecord { name, row_count, location: id, rollbacks, retired: false };
        Present { location, record, rollback_rows }
    }

    /// True where it is the location that was merged, whatever its rows.
    pub(super) fn is(&self, merged: &SourceRecord) -> bool {
        self.record.name == merged.name && self.record.location == merged.location
    }

    /// True where the rows that were merged are the first of the location's.
    pub(super) fn continues(&self, merged: &SourceRecord) -> bool {
        let kept = match self.record.rollbacks.checked_sub(merged.rollbacks) {
            Some(0) => true,
            Some(1) => merged.row_count <= self.rollback_rows,
            _ => false,
        };
        self.is(merged) && kept && self.record.row_count >= merged.row_count
    }
}

/// Decides. `history` opens the published version.
pub(super) fn decide(
    partition: &str,
    published: Option<&PublishedRecord>,
    present: &[Present],
    options: &MergeOptions,
    history: &dyn Fn() -> Result<Vec<Arc<dyn Location>>>,
) -> Result<Decision> {
    let all = || Decision::Merge {
        sources: present.iter().map(|one| one.location.clone()).collect(),
        provenance: present.iter().map(|one| one.record.clone()).collect(),
    };
    let Some(published) = published else { return Ok(all()) };
    let holds = |source: &SourceRecord| present.iter().any(|one| one.continues(source));
    if options.force {
        return match published.sources.iter().find(|source| source.row_count > 0 && !holds(source)) {
            Some(gone) if !options.discard_merged => Err(lost(partition, gone)),
            _ => Ok(all()),
        };
    }
    let changed = |source: &&SourceRecord| present.iter().any(|one| one.is(source)) && !holds(source);
    if let Some(source) = published.sources.iter().find(changed) {
        let message =
            format!("rows of source {} that were merged into {partition} are not its rows any more", source.name);
        return Err(Error::new(ErrorKind::RolledBack, message).hint("merge with --force to replace what is published"));
    }
    // Of each location, the first row that is not in history.
    let merged = |one: &Present| published.sources.iter().find(|source| one.is(source));
    let from = |one: &Present| merged(one).map_or(0, |source| source.row_count);
    let new_rows: u64 = present.iter().map(|one| one.record.row_count - from(one)).sum();
    if new_rows == 0 {
        return Ok(Decision::Nothing(published.clone()));
    }
    if !options.incremental {
        let rows = published.row_count();
        let message = format!("partition {partition} has been merged, {rows} rows; {new_rows} rows are new");
        let hint = "merge with --incremental to add them, or with --force to replace what is published";
        return Err(Error::new(ErrorKind::AlreadyExists, message).hint(hint));
    }
    // A location that took the place of one that nobody retired, or whose removal never came to pass, may well have the same rows again.
    let replaces = |one: &Present, source: &SourceRecord| {
        let is_new = one.record.name == source.name && merged(one).is_none();
        is_new && (!source.retired || took_place(one.record.location, source.location))
    };
    let in_place = |source: &&SourceRecord| !holds(source) && present.iter().any(|one| replaces(one, source));
    if let Some(source) = published.sources.iter().find(in_place) {
        let message = format!(
            "source {} was replaced after it was merged into {partition}: it may have the same rows again",
            source.name
        );
        return Err(Error::new(ErrorKind::AlreadyExists, message)
            .hint("merge with --force --discard-merged to replace what is published"));
    }
    let mut sources = history()?;
    let mut provenance = published.sources.clone();
    for one in present {
        if one.record.row_count > from(one) {
            sources.push(LocationPart::of(&one.location, from(one)..one.record.row_count));
        }
        match provenance.iter_mut().find(|source| one.is(source)) {
            Some(known) => *known = one.record.clone(),
            None => provenance.push(one.record.clone()),
        }
    }
    Ok(Decision::Merge { sources, provenance })
}

fn lost(partition: &str, gone: &SourceRecord) -> Error {
    let (rows, name) = (gone.row_count, &gone.name);
    let message = format!("replacing {partition} would lose rows: {rows} of source {name} are not intraday any more");
    Error::new(ErrorKind::AlreadyExists, message)
        .hint("merge with --incremental to add rows, or with --force --discard-merged to give those up")
}
