//! Schemas, checked, written, deployed and loaded.

use super::{Target, memory};
use crate::dictionary;
use pilaster::storage::schema::{self, TableSchema};
use std::path::Path;

pub(super) const TARGET: Target = Target { name: "schema", run, dictionary: dictionary::SCHEMA, seeds };

fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let path = Path::new("s.toml");
    let problems = schema::check(&text);
    let schema = match TableSchema::from_toml(&text, path) {
        Err(error) => {
            assert!(!problems.is_empty(), "no problem was found, but {error}");
            return;
        }
        Ok(schema) => schema,
    };
    assert!(problems.is_empty(), "{problems:?}");
    let written = schema.to_toml();
    let again = TableSchema::from_toml(&written, path).unwrap_or_else(|error| panic!("{error}\n{written}"));
    // By their text, in which NaN is like NaN.
    assert_eq!(format!("{again:?}"), format!("{schema:?}"), "{written}");
    let fs = memory();
    schema::deploy(&*fs, &text, path, false).expect("a good schema deploys");
    let loaded = schema::require(&*fs, &schema.namespace, &schema.table).expect("what was deployed loads");
    assert_eq!(format!("{loaded:?}"), format!("{schema:?}"));
}

fn seeds() -> Vec<Vec<u8>> {
    const RICH: &str = r#"
namespace = "Ns"
table = "T"
doc = "A \"table\""
sort = ["Time", "Id"]
[[columns]]
name = "Date"
type = "String"
kind = "partitioning"
[[columns]]
name = "Sym"
type = "java.lang.String"
kind = "grouping"
[[columns]]
name = "Time"
type = "DateTime"
codec = "delta"
[[columns]]
name = "Id"
type = "String"
symbol = "none"
codec = "zstd"
[[columns]]
name = "Price$"
type = "double"
[[columns]]
name = "Side"
type = "char"
[[import]]
format = "csv"
nulls = ["", "NULL"]
time_zone = "NY"
delimiter = "|"
header = false
[import.columns]
Time = { source = "TS", format = "%d/%m/%Y %H:%M:%S%.f", time_zone = "America/Chicago" }
"Price$" = { default = 0 }
Side = { constant = "B" }
Id = { optional = true, nulls = ["-"] }
[[import]]
format = "csv"
name = "vendor"
[import.columns.Time]
format = "epoch_ms"
[validation]
row_count_min = 1
row_count_max = 0x10
not_null = ["Sym"]
sorted = ["Time"]
grouped = ["Sym"]
[[validation.ranges]]
column = "Price$"
min = 0
max = 1.5e6
[[validation.ranges]]
column = "Time"
min = 2000-01-01T00:00:00Z
[[validation.sets]]
column = "Side"
values = ["B", "S"]
"#;
    const SHORT: &str =
        "namespace='N'\ntable='T'\ncolumns=[{name='D',type='String',kind='partitioning'},{name='A',type='int'}]\n";
    vec![RICH.into(), SHORT.into()]
}
