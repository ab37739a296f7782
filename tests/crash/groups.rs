//! F1, commits over several partitions: all of a batch is seen, or none of it, through every crash.

use crate::rows::{chunks, columns, verify_rows};
use crate::walk::{Depth, History, Ledger, Walk, expect_no_violation, in_order, walk};
use pilaster::base::Result;
use pilaster::io::{FileSystem, SimulatedFileSystem, is_temporary};
use pilaster::storage::LocationKey;
use pilaster::storage::intraday::{Durability, GroupWriter, IntradayHandle, WriterOptions, open_together};
use std::path::Path;
use std::sync::Arc;

const SOURCE: &str = "intraday/Market/Quotes/feed";
const DATES: [&str; 2] = ["2017-08-25", "2017-08-26"];

/// One step of a source's life.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// Commits so many rows to each of the two partitions.
    Commit([u64; 2]),
    Sync,
    /// The writer dies, and another comes.
    Reopen,
}

const HISTORY: [Work; 9] = {
    use Work::*;
    [
        Commit([3, 2]),
        Commit([0, 4]),
        Commit([20, 30]),
        Sync,
        Commit([1, 1]),
        Reopen,
        Commit([2, 3]),
        Commit([4, 0]),
        Sync,
    ]
};

/// Rows of the two partitions.
#[derive(Debug)]
struct Groups {
    ledger: Ledger<[u64; 2]>,
    durability: Durability,
}

impl Groups {
    fn run(&mut self, fs: &Arc<dyn FileSystem>, log: &SimulatedFileSystem, works: &[Work]) -> Result<()> {
        let options = WriterOptions { durability: self.durability };
        let open = || GroupWriter::open(fs.clone(), Path::new(SOURCE), &columns(0), options);
        let mut writer = open()?;
        for work in works {
            match *work {
                Work::Commit(counts) => {
                    let mut rows = *self.ledger.last();
                    for (at, count) in counts.into_iter().enumerate() {
                        let new = rows[at]..rows[at] + count;
                        writer.append(DATES[at], chunks(&columns(0), new, at as u64 + 1))?;
                        rows[at] += count;
                    }
                    self.ledger.begin(log.log_len(), rows);
                    writer.commit()?;
                    if self.durability == Durability::Commit {
                        self.ledger.acknowledge(log.log_len());
                    }
                }
                Work::Sync => {
                    writer.sync()?;
                    self.ledger.acknowledge(log.log_len());
                }
                Work::Reopen => {
                    drop(writer);
                    writer = open()?;
                }
            }
        }
        Ok(())
    }
}

impl History for Groups {
    type View = [u64; 2];

    fn look_at(&self, fs: &Arc<dyn FileSystem>) -> Result<[u64; 2]> {
        let handles = DATES.map(|date| {
            let key = LocationKey { column_partition: date.into(), internal_partition: "feed".into() };
            IntradayHandle::new(fs.clone(), Path::new(SOURCE).join(date), key, Arc::default())
        });
        let mut rows = [0, 0];
        for (at, location) in open_together(&handles).into_iter().enumerate() {
            rows[at] = match location {
                Err(error) if error.is_not_found() => 0,
                answer => verify_rows(&*answer?, &vec![(0, at as u64 + 1)], &columns(0))?,
            };
        }
        Ok(rows)
    }

    fn judge(&self, at: usize, rows: &[u64; 2], _killed: bool) -> Result<(), String> {
        self.ledger.judge(at, rows)
    }

    fn go_on_at(&self, fs: &Arc<dyn FileSystem>, log: &SimulatedFileSystem, rows: &[u64; 2]) -> Result<Self> {
        let mut next = Groups { ledger: Ledger::new(*rows), durability: self.durability };
        next.run(fs, log, &[Work::Commit([2, 2]), Work::Sync])?;
        Ok(next)
    }

    fn left_behind(&self, fs: &dyn FileSystem) -> Result<Vec<String>> {
        let mut names: Vec<String> = fs.list(Path::new(SOURCE))?.into_iter().map(|entry| entry.name).collect();
        for date in DATES {
            names.extend(fs.list(&Path::new(SOURCE).join(date))?.into_iter().map(|entry| entry.name));
        }
        names.retain(|name| is_temporary(name));
        Ok(names)
    }
}

fn run(durability: Durability) -> Walk {
    in_order(|| {
        let fs = SimulatedFileSystem::new(1);
        let mut groups = Groups { ledger: Ledger::new([0, 0]), durability };
        let handle: Arc<dyn FileSystem> = Arc::new(fs.clone());
        groups.run(&handle, &fs, &HISTORY).expect("a disk without faults");
        walk(&fs, &groups, Depth { limit: 40, go_on_every: 31, again_every: 997, killed_every: 17, ..Depth::default() })
    })
}

#[test]
fn fault_f1_commits_over_partitions_are_whole_in_every_crash() {
    expect_no_violation("F1", "append to two partitions at once, durability commit", &run(Durability::Commit), 4_000);
    expect_no_violation("F1", "append to two partitions at once, durability none", &run(Durability::None), 3_000);
}
