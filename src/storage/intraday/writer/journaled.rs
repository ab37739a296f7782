//! Durable commits of a writer that sync the journal instead of every column.

use super::super::column_writer::ColumnWriter;
use super::super::journal::BATCH_BYTES_MAX;
use super::IntradayWriter;
use crate::base::Result;
use crate::format::commit::CommitRecord;
use crate::format::journal::Base;

impl IntradayWriter {
    /// Commits by the journal. False, and nothing done, where the column files have to be synced instead: this writer's first commit, which
    /// makes the base of the records, many bytes, and new columns.
    pub(super) fn commit_to_journal(&mut self) -> Result<bool> {
        let base = self.durable_version.filter(|(epoch, _)| *epoch == self.epoch);
        let (Some(version), Some(last), false) = (base, &self.record, self.columns_changed) else { return Ok(false) };
        let base = Base { location: last.location, version };
        let fs = &*self.fs;
        self.columns.iter_mut().try_for_each(|column| column.stage(fs))?;
        let mut appended = Vec::new();
        let buffered =
            self.columns.iter_mut().enumerate().all(|(number, column)| column.add_uncommitted(number, &mut appended));
        if !buffered || appended.iter().map(|a| a.bytes.len()).sum::<usize>() > BATCH_BYTES_MAX {
            return Ok(false);
        }
        let columns = self.columns.iter_mut().map(ColumnWriter::commit).collect();
        let mut record = self.next_record(columns);
        record.durable_row_count = record.row_count;
        let durable = self.journal.append(fs, &self.directory, base, &record, &appended)?;
        self.columns.iter_mut().try_for_each(|column| column.flush(fs))?;
        self.record = Some(record);
        if !durable {
            self.make_durable()?;
        }
        self.journaled_version = self.record.as_ref().map(CommitRecord::version);
        match self.record.clone() {
            Some(record) => self.write_live(&record).map(|()| true),
            None => Ok(true),
        }
    }
}
