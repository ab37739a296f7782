//! An import into a table with a column of every type, and what reads back of it.

use super::{contents, definition, memory};
use pilaster::base::Result;
use pilaster::engine::Table;
use pilaster::storage::import::{ImportInput, ImportOptions, import_rows};
use pilaster::storage::{Catalog, Root, RootConfig, schema};
use std::path::Path;
use std::sync::{Arc, OnceLock};

/// The table that an input makes, and what the import said of it.
pub(super) fn import(input: ImportInput, options: &ImportOptions) -> Result<(Table, String)> {
    static SCHEMA: OnceLock<String> = OnceLock::new();
    let text = SCHEMA.get_or_init(|| {
        let column = |name: &str, column_type: &str, kind: &str| {
            format!("[[columns]]\nname = \"{name}\"\ntype = \"{column_type}\"\nkind = \"{kind}\"\n")
        };
        let columns = definition();
        let columns =
            columns.columns().iter().map(|c| column(&c.name, c.column_type.name(), schema::kind_name(c.kind)));
        format!("namespace = \"N\"\ntable = \"T\"\n{}", columns.collect::<String>())
    });
    let root = Arc::new(Root::create_in(memory(), RootConfig::new("UTC")?)?);
    schema::deploy(&**root.fs(), text, Path::new("t.toml"), false)?;
    let table = Catalog::open(root.clone()).table("N", "T")?;
    let definition = &table.schema().definition;
    let report = import_rows(root.fs(), Path::new("intraday/N/T"), definition, input, options, &|_| Ok(()))?;
    let errors: Vec<String> = report.errors.into_iter().map(|error| format!("{error:?}")).collect();
    let said = format!("{} {} {:?} {errors:?}", report.rows, report.error_count, report.partitions);
    Ok((Table::of_source(table.intraday(Arc::default())), said))
}

/// As [`import`], all of it as text.
pub(super) fn imported(input: ImportInput, options: &ImportOptions) -> Result<String> {
    let (table, said) = import(input, options)?;
    Ok(format!("{said}\n{}", contents(&table)?))
}
