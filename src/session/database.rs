//! The database that a script sees as `db`: the stored tables of a root as tables of the query language.

use crate::base::date_time::Zone;
use crate::base::{ColumnType, Result, Value};
use crate::engine::formula::QueryScope;
use crate::engine::{Table, Timing};
use crate::io::clock;
use crate::memory::Chunk;
use crate::storage::historical::reader::HistoricalLocation;
use crate::storage::intraday::IntradayLocation;
use crate::storage::{Catalog, KeptOpen, ReadStats, Root};
use std::path::Path;
use std::sync::Arc;

/// An open root. Tables come lazily: `db.t(...)` opens no file of a partition until rows are asked for, and a `where` on the
/// partitioning column decides which partitions ever are.
#[derive(Debug)]
pub struct Database {
    catalog: Catalog,
    zone: Zone,
    stats: Arc<ReadStats>,
    timing: Arc<Timing>,
    intraday: Arc<KeptOpen<IntradayLocation>>,
    historical: Arc<KeptOpen<HistoricalLocation>>,
}

impl Database {
    /// Opens the root at a path.
    pub fn open(path: &Path) -> Result<Self> {
        Self::of_root(Arc::new(Root::open(path)?))
    }

    /// The database of an open root.
    pub fn of_root(root: Arc<Root>) -> Result<Self> {
        let zone = root.time_zone()?;
        let stats = Arc::<ReadStats>::default();
        let timing = Arc::new(Timing::notes_only(Some(stats.clone())));
        let (intraday, historical) = (Arc::default(), Arc::default());
        Ok(Database { catalog: Catalog::open(root), zone, stats, timing, intraday, historical })
    }

    /// The same database, logging what each operation on its tables costs.
    #[must_use]
    pub fn with_timing(mut self) -> Self {
        self.timing = Arc::new(Timing::new(Some(self.stats.clone())));
        self
    }

    /// A table's intraday partitions: rows that had been committed when each was opened. The 64 locations used last stay open for the next query,
    /// which looks at the rows that came since.
    pub fn i(&self, namespace: &str, table: &str) -> Result<Table> {
        let entry = self.catalog.table(namespace, table)?;
        Ok(self.logged(Table::of_source(entry.intraday_kept(self.stats.clone(), &self.intraday))))
    }

    /// A table's historical partitions. The 64 locations used last stay open for the next query.
    pub fn t(&self, namespace: &str, table: &str) -> Result<Table> {
        let entry = self.catalog.table(namespace, table)?;
        Ok(self.logged(Table::of_source(entry.historical_kept(self.stats.clone(), &self.historical)?)))
    }

    fn logged(&self, table: Table) -> Table {
        table.with_timing(self.timing.clone())
    }

    /// The namespaces that have tables, sorted.
    pub fn namespaces(&self) -> Result<Vec<String>> {
        Ok(self.catalog.namespaces()?.into_iter().map(|entry| entry.namespace).collect())
    }

    /// The namespaces whose tables have deployed schemas, sorted.
    pub fn system_namespaces(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for name in self.namespaces()? {
            if self.catalog.tables(&name)?.iter().any(|table| table.has_schema) {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// The namespaces without a deployed schema, sorted.
    pub fn user_namespaces(&self) -> Result<Vec<String>> {
        let system = self.system_namespaces()?;
        Ok(self.namespaces()?.into_iter().filter(|name| !system.contains(name)).collect())
    }

    /// The tables of a namespace, sorted; an error that names the nearest namespaces if there is none of that name.
    pub fn table_names(&self, namespace: &str) -> Result<Vec<String>> {
        Ok(self.catalog.tables_of(Some(namespace))?.into_iter().map(|entry| entry.table).collect())
    }

    /// All tables of all namespaces, one row each: `NamespaceSet`, `Namespace`, `TableName`.
    pub fn catalog_table(&self) -> Result<Table> {
        let entries = self.catalog.tables_of(None)?;
        let text = |of: &dyn Fn(usize) -> String| -> Result<Chunk> {
            let values: Vec<Value> = (0..entries.len()).map(|at| Value::string(&of(at))).collect();
            Chunk::from_values(ColumnType::String, &values)
        };
        let set = |at: usize| if entries[at].has_schema { "System" } else { "User" };
        Table::new_table(vec![
            ("NamespaceSet".into(), text(&|at| set(at).to_owned())?),
            ("Namespace".into(), text(&|at| entries[at].namespace.clone())?),
            ("TableName".into(), text(&|at| entries[at].table.clone())?),
        ])
    }

    /// What formulas need beside a script's names: the root's zone and its clock.
    pub fn query_scope(&self) -> QueryScope {
        let fs = self.catalog.root().fs().clone();
        QueryScope { zone: self.zone.clone(), clock: Some(Arc::new(move || fs.now_ns())), ..QueryScope::default() }
    }

    /// What formulas see where there is no root: UTC and the system's clock.
    pub fn scope_without_root() -> QueryScope {
        QueryScope { clock: Some(Arc::new(clock::system_now_ns)), ..QueryScope::default() }
    }

    /// The root's time zone.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The catalog.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Counters of everything read through this database.
    pub fn stats(&self) -> &Arc<ReadStats> {
        &self.stats
    }

    /// The log: notes, and records of operations after [`Database::with_timing`].
    pub fn timing(&self) -> &Arc<Timing> {
        &self.timing
    }
}
