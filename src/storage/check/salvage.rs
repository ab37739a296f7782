//! Salvaging: what of a damaged location or partition stays where it is, because whoever repairs asked for it.
//!
//! **Invariants:** what is kept is what verifies, the rest reads as null or is gone, and both are said before; the damaged files go to quarantine as they were.

use super::Problem;
use super::repair::{Action, Repair, STAGING, Salvage, Work, exclusive};
use crate::base::Result;
use crate::io::{self, remove_tree};
use crate::storage::historical::{HistoricalTable, Remains, Restoration};
use crate::storage::intraday::{self, LOCK_FILE, Readable};
use std::path::Path;

impl Work<'_> {
    /// Damaged values of an intraday location whose record holds.
    pub(super) fn values(&mut self, directory: &Path, repair: &mut Repair) -> Result<bool> {
        if self.options.salvage == Salvage::None {
            let note = "the other blocks and columns can be read; import the partition again, or keep the rows before the damage with --salvage, or the columns that \
                        are whole with --salvage=columns";
            repair.note = Some(note.into());
            return Ok(false);
        }
        self.plan(directory, repair)?;
        if !self.options.force {
            return Ok(false);
        }
        let _lock = self.writer_lock(directory)?;
        // With the lock nothing grows; what was readable before may be less than what there is now.
        let Some((rows, lost)) = self.plan(directory, repair)? else {
            return self.take(directory, directory, &repair.what).map(|()| true);
        };
        if self.is_good(directory)? {
            repair.note = Some("it holds by now".into());
            return Ok(false);
        }
        let (Some(source), Some(partition)) = (directory.parent(), directory.file_name()) else { return Ok(false) };
        let staging = source.join(format!("{STAGING}{}", uuid::Uuid::new_v4().simple()));
        self.fs.create_dir_all(&staging)?;
        let lock = exclusive(&**self.fs, &staging.join(LOCK_FILE), "somebody is at work there")?;
        let prepared = staging.join(partition);
        intraday::copy_rows(self.fs, directory, &prepared, rows, &|column| !lost.iter().any(|lost| lost == column))?;
        io::create_dir_durable(&**self.fs, &prepared)?;
        if self.fs.exchange(&prepared, directory).is_ok() {
            self.fs.sync_dir(source)?;
            self.fs.sync_dir(&staging)?;
            self.take(&prepared, directory, &repair.what)?;
        } else {
            self.take(directory, directory, &repair.what)?;
            self.fs.rename(&prepared, directory)?;
            self.fs.sync_dir(source)?;
        }
        drop(lock);
        remove_tree(&**self.fs, &staging)?;
        self.fs.sync_dir(source)?;
        Ok(true)
    }

    /// How many rows of an intraday location stay, and which columns do not; none where nothing would stay.
    fn plan(&self, directory: &Path, repair: &mut Repair) -> Result<Option<(u64, Vec<String>)>> {
        let Readable { row_count, columns } = intraday::readable(self.fs, directory)?;
        let before_damage = columns.iter().map(|(_, rows)| *rows).min().unwrap_or(0);
        let (rows, lost) = match self.options.salvage {
            Salvage::Columns => {
                let lost = columns.iter().filter(|(_, rows)| *rows < row_count).map(|(name, _)| name.clone());
                (row_count, lost.collect::<Vec<_>>())
            }
            _ => (before_damage, Vec::new()),
        };
        if rows == 0 || lost.len() == columns.len() {
            repair.action = Action::Quarantine;
            if columns.iter().any(|(_, rows)| *rows == row_count) {
                repair.note =
                    Some("nothing lies before the damage; --salvage=columns keeps the columns that are whole".into());
            }
            return Ok(None);
        }
        repair.action = Action::Salvage { rows, without: lost.clone() };
        Ok(Some((rows, lost)))
    }

    /// What would stay of a published partition that has no version to go back to: none where its records are damaged, or every column.
    pub(super) fn remains(
        &self,
        history: &HistoricalTable,
        column_partition: &str,
        restoration: &Restoration,
        problems: &[&Problem],
    ) -> Result<Option<Remains>> {
        match (&restoration.previous, &restoration.published) {
            (None, Some(published)) => history.remains(column_partition, published, problems),
            _ => Ok(None),
        }
    }
}
