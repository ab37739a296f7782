//! F1, schemas: a root and its schemas are there whole, the old or the new, after every crash.

use crate::walk::{Depth, History, Ledger, expect_no_violation, in_order, walk};
use pilaster::base::Result;
use pilaster::io::{FileSystem, SimulatedFileSystem, is_temporary};
use pilaster::storage::{Root, RootConfig, schema};
use std::path::Path;
use std::sync::Arc;

const NAMESPACE: &str = "Market";
const TABLE: &str = "Quotes";

/// A root, and how many columns the deployed schema has.
pub(crate) type Deployed = (bool, Option<usize>);

/// A new root into which schemas were deployed.
#[derive(Debug)]
pub(crate) struct Schemas {
    ledger: Ledger<Deployed>,
}

/// So many columns each: one twice, one beyond what a disk writes whole, and back.
pub(crate) const HISTORY: [usize; 5] = [2, 4, 4, 60, 3];

impl Schemas {
    pub(crate) fn new() -> Self {
        Schemas { ledger: Ledger::new((false, None)) }
    }

    /// Makes the root and deploys one schema after the other, until something fails. `log` tells the length of the simulated log.
    pub(crate) fn run(&mut self, fs: &Arc<dyn FileSystem>, log: &SimulatedFileSystem, columns: &[usize]) -> Result<()> {
        if !self.ledger.last().0 {
            self.ledger.begin(log.log_len(), (true, None));
            Root::create_in(fs.clone(), RootConfig::new("UTC")?)?;
            self.ledger.acknowledge(log.log_len());
        }
        columns.iter().try_for_each(|&columns| {
            self.ledger.begin(log.log_len(), (true, Some(columns)));
            schema::deploy(&**fs, &text(columns), Path::new("quotes.toml"), false)?;
            self.ledger.acknowledge(log.log_len());
            Ok(())
        })
    }
}

impl History for Schemas {
    type View = Deployed;

    fn look_at(&self, fs: &Arc<dyn FileSystem>) -> Result<Deployed> {
        let root = match Root::open_in(fs.clone()) {
            Err(error) if error.is_not_found() => false,
            answer => answer.map(|_| true)?,
        };
        let schema = schema::load(&**fs, NAMESPACE, TABLE)?;
        Ok((root, schema.map(|schema| schema.definition.columns().len())))
    }

    fn judge(&self, at: usize, view: &Deployed, _killed: bool) -> Result<(), String> {
        self.ledger.judge(at, view)
    }

    /// Whoever was cut off does the same again.
    fn go_on_at(&self, fs: &Arc<dyn FileSystem>, log: &SimulatedFileSystem, view: &Deployed) -> Result<Self> {
        let mut next = Schemas { ledger: Ledger::new(*view) };
        next.run(fs, log, &[view.1.unwrap_or(3)])?;
        Ok(next)
    }

    fn left_behind(&self, fs: &dyn FileSystem) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for directory in ["", "schemas", "schemas/Market"] {
            names.extend(fs.list(Path::new(directory))?.into_iter().map(|entry| entry.name));
        }
        names.retain(|name| is_temporary(name));
        Ok(names)
    }
}

/// The same where rows are stored, so that each deployment notes what becomes of their columns.
#[test]
fn fault_f1_schemas_over_stored_rows_are_replaced_whole_in_every_crash() {
    let walk = in_order(|| {
        let fs = SimulatedFileSystem::new(2);
        let handle: Arc<dyn FileSystem> = Arc::new(fs.clone());
        let mut schemas = Schemas::new();
        schemas.run(&handle, &fs, &[5]).expect("a disk without faults");
        handle.create_dir_all(Path::new("intraday/Market/Quotes/feed")).expect("a disk without faults");
        schemas.run(&handle, &fs, &[3, 5, 2]).expect("a disk without faults");
        let deployed = schema::require(&*handle, NAMESPACE, TABLE).expect("it is deployed");
        assert_eq!(deployed.dropped.len(), 5, "two columns before, and three that came after them");
        walk(&fs, &schemas, Depth { limit: 20, go_on_every: 2, again_every: 10, ..Depth::default() })
    });
    expect_no_violation("F1", "schema deployment over stored rows", &walk, 100);
}

fn text(columns: usize) -> String {
    let mut text = format!("namespace = \"{NAMESPACE}\"\ntable = \"{TABLE}\"\n\n");
    text += "[[columns]]\nname = \"Date\"\ntype = \"String\"\nkind = \"partitioning\"\n";
    for column in 1..columns {
        text += &format!("\n[[columns]]\nname = \"Column{column}\"\ntype = \"double\"\n");
    }
    text
}

#[test]
fn fault_f1_schemas_are_replaced_whole_in_every_crash() {
    let walk = in_order(|| {
        let fs = SimulatedFileSystem::new(1);
        let handle: Arc<dyn FileSystem> = Arc::new(fs.clone());
        let mut schemas = Schemas::new();
        schemas.run(&handle, &fs, &HISTORY).expect("a disk without faults");
        walk(&fs, &schemas, Depth { limit: 40, go_on_every: 2, again_every: 10, ..Depth::default() })
    });
    expect_no_violation("F1", "root and schema deployment", &walk, 400);
}
