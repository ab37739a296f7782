//! Rows from a program of one's own into a table, a value at a time or a column at a time.

use super::catalog::TableEntry;
use super::intraday::{Commit, Durability, GroupWriter, WriterOptions};
use super::layout;
use crate::base::names::{self, NameKind};
use crate::base::{ColumnDefinition, Error, Result, Value};
use crate::memory::Chunk;
use std::collections::BTreeMap;

/// Rows given one by one that are collected before they become columns.
const ROWS_COLLECTED_MAX: usize = 8 << 10;

/// Appends rows to the intraday partitions of a table.
///
/// Rows are given by [`Appender::row`], a value for each stored column, or by [`Appender::columns`], a chunk for each: the second is what to do where there are many, since it costs
/// no more than copying. They are seen by nobody before [`Appender::commit`], and then all at once, in all partitions. When they are safe from a power cut too is what the
/// [`Durability`] says: with [`Durability::Commit`] before `commit` returns. Rows that were not committed when the appender goes away are forgotten.
///
/// Each appender writes as one *source*, a name; two of the same source cannot write one partition at a time: the second gets an error of kind `Locked`. A failed commit ends the
/// appender; what it had acknowledged before is in.
///
/// ```
/// use pilaster::base::Value;
/// use pilaster::memory::Chunk;
/// use pilaster::storage::intraday::Durability;
/// use pilaster::storage::{Appender, Catalog, Root, RootConfig, schema};
/// use std::sync::Arc;
///
/// # fn main() -> pilaster::base::Result<()> {
/// # let directory = tempfile::tempdir().expect("a directory");
/// # let path = directory.path().join("root");
/// let root = Arc::new(Root::create(&path, RootConfig::new("NY")?)?);
/// let table = r#"
///     namespace = "Market"
///     table = "Trades"
///     [[columns]]
///     name = "Date"
///     type = "String"
///     kind = "partitioning"
///     [[columns]]
///     name = "Sym"
///     type = "String"
///     [[columns]]
///     name = "Price"
///     type = "double"
/// "#;
/// schema::deploy(&**root.fs(), table, "Trades.toml".as_ref(), false)?;
///
/// let trades = Catalog::open(root.clone()).table("Market", "Trades")?;
/// let mut appender = Appender::open(&trades, "feed", Durability::Commit)?;
/// // One row: the partition, then a value for each column but the partitioning one. Null is a value.
/// appender.row("2017-08-25", &[Value::string("AAPL"), Value::Double(159.86)])?;
/// appender.row("2017-08-25", &[Value::string("IBM"), Value::Null])?;
/// // Many rows: a chunk for each column.
/// let symbols = Chunk::strings([Some("AAPL"), Some("AAPL"), None])?;
/// appender.columns("2017-08-26", vec![symbols, Chunk::Double(vec![160.0, 160.5, 161.0])])?;
/// // All five appear at this instant, and no power cut takes them any more.
/// let committed = appender.commit()?;
/// assert_eq!((committed.rows, committed.durable_rows), (5, 5));
/// appender.close()?;
///
/// let database = pilaster::session::Database::of_root(root)?;
/// assert_eq!(database.i("Market", "Trades")?.row_count()?, 5);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Appender {
    writer: GroupWriter,
    columns: Vec<ColumnDefinition>,
    /// Rows given one by one, by partition.
    collected: BTreeMap<String, Collected>,
    collected_rows: usize,
}

#[derive(Debug, Default)]
struct Collected {
    rows: usize,
    /// A column each.
    values: Vec<Vec<Value>>,
}

impl Appender {
    /// An appender to the table as the source of this name. Opens nothing yet: other writers are met at the first commit.
    pub fn open(table: &TableEntry, source: &str, durability: Durability) -> Result<Self> {
        names::check(NameKind::InternalPartition, source)?;
        let schema = table.schema();
        let directory = layout::intraday_table(&schema.namespace, &schema.table)?.join(source);
        let columns: Vec<ColumnDefinition> = schema.definition.stored().cloned().collect();
        let writer = GroupWriter::open(table.root().fs().clone(), &directory, &columns, WriterOptions { durability })?;
        Ok(Appender { writer, columns, collected: BTreeMap::new(), collected_rows: 0 })
    }

    /// The columns whose values a row has, in order: all of the table's but the partitioning one.
    pub fn column_definitions(&self) -> &[ColumnDefinition] {
        &self.columns
    }

    /// Adds one row. Errs, and adds nothing, where the number of values is another, or one is neither null nor of its column's type.
    pub fn row(&mut self, partition: &str, values: &[Value]) -> Result<()> {
        names::check(NameKind::ColumnPartition, partition)?;
        if values.len() != self.columns.len() {
            return Err(Error::invalid(format!("a row has {} values, not {}", self.columns.len(), values.len())));
        }
        for (column, value) in self.columns.iter().zip(values) {
            if value.column_type().is_some_and(|given| given != column.column_type) {
                let message = format!("column {} is {}, and {value:?} is not", column.name, column.column_type);
                return Err(Error::type_mismatch(message));
            }
        }
        if !self.collected.contains_key(partition) {
            self.collected
                .insert(partition.to_string(), Collected { rows: 0, values: vec![Vec::new(); self.columns.len()] });
        }
        let Some(collected) = self.collected.get_mut(partition) else { return Ok(()) };
        collected.rows += 1;
        collected.values.iter_mut().zip(values).for_each(|(column, value)| column.push(value.clone()));
        self.collected_rows += 1;
        if self.collected_rows >= ROWS_COLLECTED_MAX { self.hand_over() } else { Ok(()) }
    }

    /// Adds the rows of chunks, one a column, all of one length. Errs, and adds nothing, where they do not fit the columns.
    pub fn columns(&mut self, partition: &str, chunks: Vec<Chunk>) -> Result<()> {
        // In the order in which they were given.
        self.hand_over()?;
        self.writer.append(partition, chunks)
    }

    /// Makes all rows that were added visible at once. Gives the rows that this appender has committed in all, and how many of them no power cut takes.
    pub fn commit(&mut self) -> Result<Commit> {
        self.hand_over()?;
        self.writer.commit()
    }

    /// Makes all committed rows durable, whatever the durability.
    pub fn sync(&mut self) -> Result<Commit> {
        self.writer.sync()
    }

    /// Makes all committed rows durable and gives the partitions up. Rows that were added and not committed are forgotten.
    pub fn close(self) -> Result<Commit> {
        self.writer.close()
    }

    fn hand_over(&mut self) -> Result<()> {
        self.collected_rows = 0;
        for (partition, collected) in std::mem::take(&mut self.collected) {
            let chunks = self.columns.iter().zip(&collected.values);
            let chunks = chunks.map(|(column, values)| Chunk::from_values(column.column_type, values));
            self.writer.append(&partition, chunks.collect::<Result<_>>()?)?;
        }
        Ok(())
    }
}
