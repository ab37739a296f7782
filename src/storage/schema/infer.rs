//! Proposes a schema from what a sampler saw in a file, and says why.
//!
//! The sampler (storage's `import`) decides types; this decides what each column is to storage: partitioning, grouping, sort.

use super::{ColumnSchema, ImportMapping, SymbolUse, TableSchema, Validation, write};
use crate::base::names::{self, NameKind};
use crate::base::{ColumnKind, ColumnType, Error, Result, TableDefinition};
use std::collections::HashMap;
use std::sync::Arc;

/// What a sampler saw of one column of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct InferredColumn {
    /// The header's text.
    pub source_name: String,
    /// The legal column name made of it, unique in the file.
    pub name: String,
    /// The narrowest type that holds every value.
    pub column_type: ColumnType,
    /// Rows seen.
    pub row_count: u64,
    /// Rows that were null.
    pub null_count: u64,
    /// Distinct values that are not null: exact up to some count that the sampler chooses, an estimate above it.
    pub distinct_count: u64,
    /// True if no value was less than the one before (by the type's order), nulls left out.
    pub ascending: bool,
    /// Some values as the file writes them, the first ones first; a handful.
    pub samples: Vec<String>,
}

/// A proposed schema with a reason for each choice.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The schema.
    pub schema: TableSchema,
    /// One a column, in order: why its type and kind were chosen.
    pub reasons: Vec<String>,
}

impl Proposal {
    /// The schema's text with the reasons as comments.
    pub fn to_toml(&self) -> String {
        let intro = "# Proposed from data. Look it through, add doc strings, then `pilaster schema deploy` it.\n";
        format!("{intro}{}", write::toml(&self.schema, &self.reasons))
    }
}

/// Names that a partitioning column usually has, best first, without case.
const PARTITIONING_NAMES: [&str; 6] = ["date", "importdate", "tradedate", "businessdate", "partition", "day"];
/// Names that a grouping column usually has, best first, without case.
const GROUPING_NAMES: [&str; 7] = ["sym", "symbol", "ticker", "instrument", "instrumentid", "isin", "cusip"];
/// The most partitions that one file should spread over: each is a directory with a file a column.
const PARTITIONS_MAX: u64 = 10_000;
/// Fewer rows a partition than this cost more than they are worth, where the partitions are many.
const ROWS_PER_PARTITION_MIN: u64 = 100;
/// So many partitions are not many, whatever they hold.
const PARTITIONS_FEW: u64 = 32;
/// What a partitioning column is called that no file has, best first.
const ADDED_NAMES: [&str; 2] = ["Date", "Partition"];
/// Fewer rows a value than this make grouping pointless.
const ROWS_PER_GROUP_MIN: u64 = 2;
/// Below so many rows, cardinality says nothing.
const ROWS_SEEN_MIN: u64 = 1_000;

/// Proposes a schema for a table whose rows look like these columns.
///
/// - Partitioning: a column of dates named like one, or constant, unless its partitions would be many and tiny; where the file has none, a column
///   `Date` that an import fills.
/// - Grouping: a String that repeats and is named like an instrument.
/// - Sort: the first DateTime, or else dates that are not the partitions.
///
/// `mapping` is what is known of the file already; the names that had to be changed are added to it.
pub fn propose(namespace: &str, table: &str, mapping: ImportMapping, columns: &[InferredColumn]) -> Result<Proposal> {
    names::check(NameKind::Namespace, namespace)?;
    names::check(NameKind::Table, table)?;
    if columns.is_empty() {
        return Err(Error::invalid("the file has no columns"));
    }
    let partitioning = choose_partitioning(columns);
    let grouping = choose_grouping(columns, partitioning);
    let sort = choose_sort(columns, partitioning);

    let mut schemas = Vec::with_capacity(columns.len() + 1);
    let mut reasons = Vec::with_capacity(columns.len() + 1);
    if partitioning.is_none() {
        let mut schema = ColumnSchema::new(added_name(columns), ColumnType::String);
        schema.kind = ColumnKind::Partitioning;
        schemas.push(schema);
        reasons
            .push("Not in the file, where no column looks like a partition: the import's --partition fills it.".into());
    }
    let usual = ImportMapping::new(mapping.format);
    let mut mapping = mapping;
    let mut named: HashMap<&str, usize> = HashMap::new();
    columns.iter().for_each(|column| *named.entry(&column.source_name).or_default() += 1);
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (at, column) in columns.iter().enumerate() {
        let mut schema = ColumnSchema::new(&column.name, column.column_type);
        let mut reason = describe(column);
        if Some(at) == partitioning {
            schema.column_type = ColumnType::String;
            schema.kind = ColumnKind::Partitioning;
            reason += "\nPartitioning: a date with few values, so each gets a directory of its own.";
        } else if Some(at) == grouping {
            schema.kind = ColumnKind::Grouping;
            reason += "\nGrouping: queries by its values will read one run of rows each.";
        } else if Some(at) == sort {
            reason += match column.column_type {
                ColumnType::DateTime => "\nThe first time in the row: a merge sorts by it.",
                _ => "\nDates with too few rows each to be partitions: a merge sorts by them.",
            };
        }
        if column.column_type == ColumnType::String && schema.kind == ColumnKind::Normal && hardly_repeats(column) {
            schema.symbol = SymbolUse::None;
            reason += "\nHardly repeats, so a symbol table would not save anything.";
        }
        let source = match named.get(column.source_name.as_str()) {
            // Which of the fields of that name it is.
            Some(2..) => {
                let number = seen.entry(column.source_name.as_str()).or_insert(0);
                *number += 1;
                reason += &format!("\nField {number} of that name in the file.");
                format!("{}#{number}", column.source_name)
            }
            _ => column.source_name.clone(),
        };
        if source != column.name {
            mapping.columns.entry(column.name.clone()).or_default().source = Some(source);
        }
        schemas.push(schema);
        reasons.push(reason);
    }
    let definitions = schemas.iter().map(|column| column.definition()).collect();
    let schema = TableSchema {
        namespace: namespace.to_string(),
        table: table.to_string(),
        doc: String::new(),
        definition: Arc::new(TableDefinition::new(definitions)?),
        sort_columns: sort.map(|at| columns[at].name.clone()).into_iter().collect(),
        key_formula: None,
        columns: schemas,
        imports: if mapping == usual { Vec::new() } else { vec![mapping] },
        validation: Validation::default(),
        dropped: Default::default(),
    };
    Ok(Proposal { schema, reasons })
}

fn choose_partitioning(columns: &[InferredColumn]) -> Option<usize> {
    let possible = |column: &InferredColumn| {
        let names_a_directory = |text: &String| names::check(NameKind::ColumnPartition, text).is_ok();
        column.null_count == 0
            && !column.samples.is_empty()
            && (1..=PARTITIONS_MAX).contains(&column.distinct_count)
            && column.samples.iter().all(names_a_directory)
    };
    let dates = |column: &InferredColumn| column.samples.iter().all(|text| is_date(text));
    let repeats = |column: &InferredColumn| {
        let (count, rows) = (column.distinct_count, column.row_count);
        count == 1 || (count < rows && (count <= PARTITIONS_FEW || rows / count >= ROWS_PER_PARTITION_MIN))
    };
    let by_name = PARTITIONING_NAMES.iter().find_map(|name| {
        columns.iter().position(|column| {
            column.name.eq_ignore_ascii_case(name) && possible(column) && dates(column) && repeats(column)
        })
    });
    let constant = || columns.iter().position(|column| possible(column) && dates(column) && column.distinct_count == 1);
    by_name.or_else(constant)
}

/// A name that no column has, not even in other letters: people and files are not careful about these.
fn added_name(columns: &[InferredColumn]) -> String {
    let taken = |name: &str| columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
    let numbered = (2..).map(|number| format!("{}{number}", ADDED_NAMES[0]));
    let mut free = ADDED_NAMES.iter().map(ToString::to_string).chain(numbered).filter(|name| !taken(name));
    free.next().unwrap_or_default()
}

fn choose_sort(columns: &[InferredColumn], partitioning: Option<usize>) -> Option<usize> {
    let find = |fits: &dyn Fn(&InferredColumn) -> bool| {
        columns.iter().enumerate().position(|(at, column)| Some(at) != partitioning && fits(column))
    };
    let dated = |column: &InferredColumn| {
        column.column_type == ColumnType::String
            && PARTITIONING_NAMES.iter().any(|name| column.name.eq_ignore_ascii_case(name))
            && !column.samples.is_empty()
            && column.samples.iter().all(|text| is_date(text))
    };
    find(&|column| column.column_type == ColumnType::DateTime).or_else(|| find(&dated))
}

fn choose_grouping(columns: &[InferredColumn], partitioning: Option<usize>) -> Option<usize> {
    GROUPING_NAMES.iter().find_map(|name| {
        columns.iter().enumerate().position(|(at, column)| {
            Some(at) != partitioning
                && column.column_type == ColumnType::String
                && column.name.eq_ignore_ascii_case(name)
                && (column.row_count < ROWS_SEEN_MIN || column.distinct_count * ROWS_PER_GROUP_MIN <= column.row_count)
        })
    })
}

fn hardly_repeats(column: &InferredColumn) -> bool {
    let present = column.row_count - column.null_count.min(column.row_count);
    present >= ROWS_SEEN_MIN && column.distinct_count > present / 2
}

/// `2017-08-25`, `20170825` or `2017.08.25`.
fn is_date(text: &str) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let separators: Vec<(usize, char)> = text.char_indices().filter(|(_, c)| !c.is_ascii_digit()).collect();
    let form = matches!(separators[..], [] | [(4, '-' | '.'), (7, '-' | '.')]);
    let number =
        |range: std::ops::Range<usize>| digits.get(range).and_then(|part| part.parse::<u32>().ok()).unwrap_or(0);
    form && digits.len() == 8
        && (1600..=2400).contains(&number(0..4))
        && (1..=12).contains(&number(4..6))
        && (1..=31).contains(&number(6..8))
}

fn describe(column: &InferredColumn) -> String {
    if column.row_count == 0 {
        return "No rows were seen, so nothing is known of it.".to_string();
    }
    let counted = |count: u64, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let nulls = match column.null_count {
        0 => "No nulls".to_string(),
        count => counted(count, "null", "nulls"),
    };
    let rows = counted(column.row_count, "row", "rows");
    let mut text = format!("{nulls} in {rows}, {}", counted(column.distinct_count, "value", "distinct values"));
    if column.ascending && column.distinct_count > 1 {
        text += ", ascending";
    }
    let shown: Vec<String> = column
        .samples
        .iter()
        .take(3)
        .map(|sample| sample.chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect())
        .collect();
    if !shown.is_empty() {
        text += &format!("; such as {}", shown.join(", "));
    }
    text + "."
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::schema::ImportFormat;

    fn column(name: &str, column_type: ColumnType, distinct: u64, sample: &str) -> InferredColumn {
        InferredColumn {
            source_name: name.into(),
            name: names::legal_column_name(name, &[]),
            column_type,
            row_count: 10_000,
            null_count: 0,
            distinct_count: distinct,
            ascending: false,
            samples: vec![sample.into()],
        }
    }

    fn propose_csv(columns: &[InferredColumn]) -> Proposal {
        propose("Ns", "T", ImportMapping::new(ImportFormat::Csv), columns).unwrap()
    }

    #[test]
    fn quotes_are_partitioned_grouped_and_sorted() {
        let proposal = propose_csv(&[
            column("Date", ColumnType::String, 5, "2013-10-07"),
            column("Sym", ColumnType::String, 40, "IBM"),
            column("ExchangeTimestamp", ColumnType::DateTime, 9_000, "2013-10-07T08:00:00.054Z"),
            column("Bid", ColumnType::Double, 500, "180.01"),
            column("Order Id", ColumnType::String, 9_900, "a1"),
        ]);
        let schema = &proposal.schema;
        let kinds: Vec<ColumnKind> = schema.columns.iter().map(|column| column.kind).collect();
        assert_eq!(kinds[..3], [ColumnKind::Partitioning, ColumnKind::Grouping, ColumnKind::Normal]);
        assert_eq!(schema.sort_columns, ["ExchangeTimestamp"]);
        assert_eq!(schema.columns[4].symbol, SymbolUse::None);
        assert_eq!(
            schema.import(ImportFormat::Csv, None).unwrap().column("Order_Id").unwrap().source.as_deref(),
            Some("Order Id")
        );
        let text = proposal.to_toml();
        assert!(text.contains("# No nulls in 10000 rows, 40 distinct values; such as IBM.\n# Grouping"), "{text}");
        assert_eq!(TableSchema::from_toml(&text, std::path::Path::new("T.toml")).unwrap(), *schema);
    }

    #[test]
    fn partitioning_is_found_or_added() {
        let check = |columns: &[InferredColumn], expected: &str| {
            let schema = propose_csv(columns).schema;
            assert_eq!(schema.definition.partitioning().unwrap().name, expected);
        };
        let price = column("Price", ColumnType::Double, 10, "1.5");
        check(std::slice::from_ref(&price), "Date");
        check(&[price.clone(), column("ImportDate", ColumnType::Int, 3, "20171101")], "ImportDate");
        check(&[column("Settles", ColumnType::String, 1, "2017-11-01"), price.clone()], "Settles");
        // Dates that differ from row to row are data, whatever they are called.
        check(&[column("Date", ColumnType::String, 9_000, "2017-11-01")], "Partition");
        check(&[column("Date", ColumnType::String, 1, "25/08/2017"), price.clone()], "Partition");
        // A few rows a day: thousands of tiny partitions are worse than none.
        check(&[column("Date", ColumnType::String, 3_270, "2017-11-01")], "Partition");
        check(&[column("Date", ColumnType::String, 100, "2017-11-01")], "Date");
        check(&[column("date", ColumnType::DateTime, 9_000, "2017-11-01 10:00:00"), price.clone()], "Partition");
        let both = [column("DATE", ColumnType::Int, 9_000, "7"), column("partition", ColumnType::Int, 9_000, "7")];
        check(&both, "Date2");
        let mut nulls = column("Date", ColumnType::String, 1, "2017-11-01");
        nulls.null_count = 1;
        check(&[nulls], "Partition");
    }

    #[test]
    fn times_sort_a_merge_or_else_dates_that_are_no_partitions() {
        let check = |columns: &[InferredColumn], expected: &[&str]| {
            assert_eq!(propose_csv(columns).schema.sort_columns, expected);
        };
        let dates = column("Date", ColumnType::String, 3_270, "2017-11-01");
        check(&[dates.clone(), column("Price", ColumnType::Double, 10, "1.5")], &["Date"]);
        check(&[dates, column("At", ColumnType::DateTime, 10, "2017-11-01T10:00:00Z")], &["At"]);
        check(&[column("Date", ColumnType::String, 5, "2017-11-01")], &[]);
    }

    #[test]
    fn counts_are_told_in_words() {
        let check = |rows: u64, nulls: u64, distinct: u64, expected: &str| {
            let mut seen = column("Price", ColumnType::Double, distinct, "1.5");
            (seen.row_count, seen.null_count) = (rows, nulls);
            assert_eq!(describe(&seen), expected);
        };
        check(0, 0, 0, "No rows were seen, so nothing is known of it.");
        check(1, 0, 1, "No nulls in 1 row, 1 value; such as 1.5.");
        check(3, 1, 2, "1 null in 3 rows, 2 distinct values; such as 1.5.");
    }

    #[test]
    fn dates_are_told_from_numbers() {
        for (text, expected) in [
            ("2017-08-25", true),
            ("20170825", true),
            ("2017.08.25", true),
            ("2017-13-01", false),
            ("12345678", false),
            ("2017-8-25", false),
            ("20-170825", false),
            ("", false),
            ("é2017082", false),
        ] {
            assert_eq!(is_date(text), expected, "{text}");
        }
    }
}
