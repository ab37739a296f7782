//! `getMeta`: the columns of a table, as a table.

use super::super::Table;
use crate::base::{Boolean, ColumnKind, ColumnType, Result};
use crate::memory::Chunk;

impl Table {
    /// One row a column: TableNamespace and TableName (null unless the table is a stored one to which no operation has been applied), Name, DataType (Java's name of the type, as scripts for Deephaven expect it), ColumnType (`Normal`, `Grouping` or
    /// `Partitioning`), IsPartitioning, IsGrouping. Reads nothing.
    pub fn get_meta(&self) -> Result<Table> {
        let columns = self.definition().columns();
        let attributes = self.attributes();
        let same = |text: &Option<std::sync::Arc<str>>| Chunk::strings(columns.iter().map(|_| text.as_deref()));
        let kind = |kind: ColumnKind| match kind {
            ColumnKind::Normal => "Normal",
            ColumnKind::Grouping => "Grouping",
            ColumnKind::Partitioning => "Partitioning",
        };
        let is = |wanted: ColumnKind| Chunk::Boolean(columns.iter().map(|c| Boolean::from(c.kind == wanted)).collect());
        Table::new_table(vec![
            ("TableNamespace".into(), same(&attributes.namespace)?),
            ("TableName".into(), same(&attributes.table_name)?),
            ("Name".into(), Chunk::strings(columns.iter().map(|c| Some(c.name.as_str())))?),
            ("DataType".into(), Chunk::strings(columns.iter().map(|c| Some(java_name(c.column_type))))?),
            ("ColumnType".into(), Chunk::strings(columns.iter().map(|c| Some(kind(c.kind))))?),
            ("IsPartitioning".into(), is(ColumnKind::Partitioning)),
            ("IsGrouping".into(), is(ColumnKind::Grouping)),
        ])
    }
}

fn java_name(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::String => "java.lang.String",
        ColumnType::Boolean => "java.lang.Boolean",
        ColumnType::DateTime => "java.time.Instant",
        ColumnType::BigDecimal => "java.math.BigDecimal",
        ColumnType::BigInteger => "java.math.BigInteger",
        ColumnType::StringSet => "io.deephaven.stringset.StringSet",
        ColumnType::Array(array) => match array.element() {
            ColumnType::Char => "io.deephaven.vector.CharVector",
            ColumnType::Byte => "io.deephaven.vector.ByteVector",
            ColumnType::Short => "io.deephaven.vector.ShortVector",
            ColumnType::Int => "io.deephaven.vector.IntVector",
            ColumnType::Long => "io.deephaven.vector.LongVector",
            ColumnType::Float => "io.deephaven.vector.FloatVector",
            ColumnType::Double => "io.deephaven.vector.DoubleVector",
            _ => "io.deephaven.vector.ObjectVector",
        },
        primitive => primitive.name(),
    }
}
