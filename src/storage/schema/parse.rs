//! Reads a schema's TOML: structure first, then what the parts say about each other. All problems are found in one pass.

mod evolution;
mod imports;

use super::key_formula::{self, KeyCheck};
use super::validation::{CountRule, RangeRule, SetRule, Validation, compare_values};
use super::{Codec, ColumnSchema, Problem, SymbolUse, TableSchema, literal};
use crate::base::limits::NAME_BYTES_MAX;
use crate::base::limits::{COLUMN_COUNT_MAX, SCHEMA_BYTES_MAX};
use crate::base::names::{self, NameKind};
use crate::base::{ColumnKind, ColumnType, Error, TableDefinition, Value};
use crate::format::column_form::ColumnForm;
use crate::storage::toml_reader::{self, Placed, Problems, TableReader, shown};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Everything that is wrong with a schema's text, in its order; empty for a good one. Whether a key formula makes sense is not looked at.
pub fn check(text: &str) -> Vec<Problem> {
    schema(text).err().unwrap_or_default()
}

/// As [`check`], the key formula included.
pub fn check_with(text: &str, key_check: KeyCheck<'_>) -> Vec<Problem> {
    schema_with(text, key_check).err().unwrap_or_default()
}

/// The error of a file with problems: the first, and how many more there are.
pub(super) fn first_error(problems: Vec<Problem>, path: &Path) -> Error {
    toml_reader::first_error(problems, path, "; `pilaster schema check` lists them all")
}

/// Reads a schema, or gives all its problems.
pub fn schema(text: &str) -> Result<TableSchema, Vec<Problem>> {
    schema_with(text, &|_| Ok(()))
}

/// As [`schema`], with a check of the key formula.
pub fn schema_with(text: &str, key_check: KeyCheck<'_>) -> Result<TableSchema, Vec<Problem>> {
    let mut problems = Problems::new(text);
    if text.len() > SCHEMA_BYTES_MAX {
        problems.add(0..0, format!("the schema has {} bytes, the most is {SCHEMA_BYTES_MAX}", text.len()));
        return Err(problems.into_found());
    }
    let root = toml_reader::parse(text, &mut problems);
    if !problems.is_empty() {
        // What follows a syntax error would be guessed at.
        return Err(problems.into_found());
    }
    let known = ["namespace", "table", "doc", "sort", "key_formula", "columns", "import", "validation", "evolution"];
    // A key that is missing at the top belongs to the first line.
    let reader = TableReader::new(root.get_ref(), 0..0, "the schema", &known, &mut problems);
    let namespace = name(&reader, "namespace", NameKind::Namespace, &mut problems);
    let table = name(&reader, "table", NameKind::Table, &mut problems);
    let doc = reader.string("doc", &mut problems).map(|doc| doc.value).unwrap_or_default();
    let mut columns = columns(&reader, &mut problems);
    let dropped = evolution::read(&reader, &mut columns, &mut problems);
    let known_columns = Columns(&columns);
    let sort_columns = sort(&reader, known_columns, &mut problems);
    let key = key_formula::read(&reader, &mut problems);
    let imports = imports::imports(&reader, known_columns, &mut problems);
    let validation = validation(&reader, known_columns, &mut problems);

    let definitions = columns.iter().map(super::ColumnSchema::definition);
    let definition = TableDefinition::new(definitions.collect());
    match definition {
        Ok(definition) if problems.is_empty() => {
            let (key_formula, key_span) = key.map(|placed| (placed.value, placed.span)).unzip();
            let definition = Arc::new(definition);
            let schema = TableSchema {
                namespace,
                table,
                doc,
                definition,
                columns,
                sort_columns,
                key_formula,
                imports,
                validation,
                dropped,
            };
            key_formula::check(text, key_span, &schema, key_check, &mut problems);
            if problems.is_empty() { Ok(schema) } else { Err(problems.into_found()) }
        }
        Err(error) if problems.is_empty() => {
            problems.add_error(0..0, &error);
            Err(problems.into_found())
        }
        _ => Err(problems.into_found()),
    }
}

/// The columns read so far, to look names up in.
#[derive(Clone, Copy)]
struct Columns<'a>(&'a [ColumnSchema]);

impl<'a> Columns<'a> {
    /// The column of a name, or a problem that names the nearest.
    fn find(self, name: &str, span: Range<usize>, problems: &mut Problems<'_>) -> Option<&'a ColumnSchema> {
        let found = self.0.iter().find(|column| column.name == name);
        if found.is_none() {
            let hint = names::nearest_hint(name, self.0.iter().map(|column| column.name.as_str()));
            problems.add_with_hint(span, format!("there is no column {}", shown(name)), hint);
        }
        found
    }

    /// A list of column names under a key, each once.
    fn list(self, reader: &TableReader<'_, '_>, key: &str, problems: &mut Problems<'_>) -> Vec<&'a ColumnSchema> {
        let mut list: Vec<&ColumnSchema> = Vec::new();
        for placed in reader.strings(key, problems).unwrap_or_default() {
            let Some(column) = self.find(&placed.value, placed.span.clone(), problems) else { continue };
            if list.iter().any(|other| other.name == column.name) {
                problems.add(placed.span, format!("{} is named twice in {key}", column.name));
            } else {
                list.push(column);
            }
        }
        list
    }
}

fn name(reader: &TableReader<'_, '_>, key: &str, kind: NameKind, problems: &mut Problems<'_>) -> String {
    let Some(placed) = reader.required_string(key, problems) else { return String::new() };
    if let Err(error) = names::check(kind, &placed.value) {
        problems.add_error(placed.span, &error);
    }
    placed.value
}

fn columns(reader: &TableReader<'_, '_>, problems: &mut Problems<'_>) -> Vec<ColumnSchema> {
    let tables = reader.tables("columns", problems);
    if tables.is_empty() {
        reader.missing("columns: [[columns]]", problems);
    }
    if tables.len() > COLUMN_COUNT_MAX {
        problems.add(tables[COLUMN_COUNT_MAX].span.clone(), format!("there are more than {COLUMN_COUNT_MAX} columns"));
        return Vec::new();
    }
    let mut columns: Vec<ColumnSchema> = Vec::with_capacity(tables.len());
    let mut seen = std::collections::HashSet::new();
    let mut partitioning: Option<String> = None;
    for (at, table) in tables.into_iter().enumerate() {
        let span = table.span.clone();
        let (column, name_span) = column(table, at, problems);
        if column.name.is_empty() {
            continue;
        }
        if !seen.insert(column.name.clone()) {
            problems.add(name_span, format!("column {} is defined twice", column.name));
            continue;
        }
        if column.kind == ColumnKind::Partitioning {
            match &partitioning {
                Some(other) => problems.add_with_hint(
                    span,
                    format!("{other} and {} are both partitioning", column.name),
                    Some("a table has one partitioning column".into()),
                ),
                None => partitioning = Some(column.name.clone()),
            }
        }
        columns.push(column);
    }
    columns
}

fn column(
    table: Placed<&toml::de::DeTable<'_>>,
    at: usize,
    problems: &mut Problems<'_>,
) -> (ColumnSchema, Range<usize>) {
    let known = ["name", "type", "kind", "symbol", "codec", "codec_name", "doc", "renamed_from"];
    let reader = TableReader::new(table.value, table.span, format!("column {}", at + 1), &known, problems);
    let name = reader.required_string("name", problems);
    let name_span = name.as_ref().map_or(reader.span.clone(), |name| name.span.clone());
    if let Some(name) = &name
        && let Err(error) = names::check(NameKind::Column, &name.value)
    {
        problems.add_error(name.span.clone(), &error);
    }
    let type_text = reader.required_string("type", problems);
    let column_type = type_text.as_ref().and_then(|text| {
        text.value.parse::<ColumnType>().map_err(|error| problems.add_error(text.span.clone(), &error)).ok()
    });
    let kind = word(&reader, "kind", problems, &["normal", "grouping", "partitioning"], |word| match word {
        "normal" => Some(ColumnKind::Normal),
        "grouping" => Some(ColumnKind::Grouping),
        "partitioning" => Some(ColumnKind::Partitioning),
        _ => None,
    });
    let symbol = word(&reader, "symbol", problems, &["table", "none"], |word| match word {
        "table" => Some(SymbolUse::Table),
        "none" => Some(SymbolUse::None),
        _ => None,
    });
    let codec = word(&reader, "codec", problems, &Codec::names(), Codec::from_name);
    let codec_name = reader.string("codec_name", problems);
    // Without a type the rest would only repeat that.
    if let (Some(column_type), Some(type_text)) = (column_type, &type_text) {
        if let Some(kind) = &kind
            && kind.value == ColumnKind::Partitioning
            && column_type != ColumnType::String
        {
            problems.add(type_text.span.clone(), format!("a partitioning column must be a String, not {column_type}"));
        }
        let form = ColumnForm::new(column_type, false);
        if let Some(symbol) = &symbol
            && !form.has_symbols()
        {
            problems.add(symbol.span.clone(), format!("symbol is for String columns, not {column_type}"));
        }
        if let Some(kind) = &kind
            && kind.value == ColumnKind::Grouping
            && form.depth() > 0
        {
            problems.add_with_hint(
                kind.span.clone(),
                format!("{column_type} columns cannot be grouping"),
                Some("a merge groups by strings and by values of fixed width".into()),
            );
        }
        if let Some(name) = &codec_name {
            if form.scalar() != ColumnType::Blob {
                problems.add(name.span.clone(), format!("codec_name is for Blob columns, not {column_type}"));
            } else if name.value.is_empty()
                || name.value.len() > NAME_BYTES_MAX
                || name.value.contains(char::is_control)
            {
                problems.add(
                    name.span.clone(),
                    format!("a codec_name has 1 to {NAME_BYTES_MAX} bytes without control characters"),
                );
            }
        }
        if let (Some(symbol), Some(kind)) = (&symbol, &kind)
            && symbol.value == SymbolUse::None
            && kind.value == ColumnKind::Grouping
        {
            problems.add(symbol.span.clone(), "a grouping column needs its symbol table");
        }
        if let Some(codec) = &codec
            && !form.leaf().is_none_or(|leaf| codec.value.fits(leaf))
        {
            problems.add(codec.span.clone(), format!("codec {} does not encode {column_type}", codec.value.name()));
        }
    }
    let column = ColumnSchema {
        name: name.map(|name| name.value).unwrap_or_default(),
        column_type: column_type.unwrap_or(ColumnType::String),
        kind: kind.map(|kind| kind.value).unwrap_or_default(),
        symbol: symbol.map(|symbol| symbol.value).unwrap_or_default(),
        codec: codec.map(|codec| codec.value).unwrap_or_default(),
        codec_name: codec_name.map(|name| name.value),
        doc: reader.string("doc", problems).map(|doc| doc.value).unwrap_or_default(),
        renamed_from: evolution::renamed_from(&reader, problems),
        stored: None,
    };
    (column, name_span)
}

/// One of a few words under a key.
fn word<T>(
    reader: &TableReader<'_, '_>,
    key: &str,
    problems: &mut Problems<'_>,
    words: &[&str],
    convert: impl FnOnce(&str) -> Option<T>,
) -> Option<Placed<T>> {
    let text = reader.string(key, problems)?;
    match convert(&text.value) {
        Some(value) => Some(Placed { value, span: text.span }),
        None => {
            let hint = format!("it is one of {}", words.join(", "));
            problems.add_with_hint(text.span, format!("{} is no {key}", shown(&text.value)), Some(hint));
            None
        }
    }
}

fn sort(reader: &TableReader<'_, '_>, columns: Columns<'_>, problems: &mut Problems<'_>) -> Vec<String> {
    let Some(list) = reader.strings("sort", problems) else { return Vec::new() };
    let mut sort: Vec<String> = Vec::new();
    for placed in list {
        let Some(column) = columns.find(&placed.value, placed.span.clone(), problems) else { continue };
        if column.kind == ColumnKind::Partitioning {
            problems
                .add(placed.span, format!("{} is partitioning: all rows of a partition have the same", column.name));
        } else if column.column_type.is_object() || column.column_type.element().is_some() {
            problems.add_with_hint(
                placed.span,
                format!("{} is {}, which rows are not sorted by", column.name, column.column_type),
                Some("a merge sorts by strings and by values of fixed width".into()),
            );
        } else if sort.contains(&column.name) {
            problems.add(placed.span, format!("{} is named twice in sort", column.name));
        } else {
            sort.push(placed.value);
        }
    }
    sort
}

fn validation(reader: &TableReader<'_, '_>, columns: Columns<'_>, problems: &mut Problems<'_>) -> Validation {
    let Some(table) = reader.table("validation", problems) else { return Validation::default() };
    let known =
        ["row_count_min", "row_count_max", "not_null", "sorted", "grouped", "unique", "counts", "ranges", "sets"];
    let reader = TableReader::new(table.value, table.span, "validation", &known, problems);
    let own = |columns: Vec<&ColumnSchema>| columns.iter().map(|column| column.name.clone()).collect();
    let least = reader.unsigned("row_count_min", problems);
    let most = reader.unsigned("row_count_max", problems);
    if let (Some(least), Some(most)) = (&least, &most)
        && least.value > most.value
    {
        problems.add(most.span.clone(), "row_count_max is less than row_count_min");
    }
    Validation {
        row_count_min: least.map(|count| count.value),
        row_count_max: most.map(|count| count.value),
        not_null: own(columns.list(&reader, "not_null", problems)),
        sorted: own(columns.list(&reader, "sorted", problems)),
        grouped: own(columns.list(&reader, "grouped", problems)),
        unique: own(columns.list(&reader, "unique", problems)),
        counts: counts(&reader, columns, problems),
        ranges: ranges(&reader, columns, problems),
        sets: sets(&reader, columns, problems),
    }
}

fn ranges(reader: &TableReader<'_, '_>, columns: Columns<'_>, problems: &mut Problems<'_>) -> Vec<RangeRule> {
    let mut rules = Vec::new();
    for table in reader.tables("ranges", problems) {
        let span = table.span.clone();
        let reader = TableReader::new(table.value, table.span, "a range", &["column", "min", "max"], problems);
        let Some(name) = reader.required_string("column", problems) else { continue };
        let (min, max) = (reader.scalar("min", problems), reader.scalar("max", problems));
        let Some(column) = columns.find(&name.value, name.span.clone(), problems) else { continue };
        if min.is_none() && max.is_none() {
            problems.add(span.clone(), format!("the range of {} has neither min nor max", column.name));
        }
        let min = min.and_then(|text| typed(column, &text, problems));
        let max = max.and_then(|text| typed(column, &text, problems));
        if let (Some(min), Some(max)) = (&min, &max)
            && compare_values(min, max).is_some_and(std::cmp::Ordering::is_gt)
        {
            problems.add(span, format!("the range of {} is empty: min is greater than max", column.name));
        }
        rules.push(RangeRule { column: column.name.clone(), min, max });
    }
    rules
}

fn counts(reader: &TableReader<'_, '_>, columns: Columns<'_>, problems: &mut Problems<'_>) -> Vec<CountRule> {
    let mut rules = Vec::new();
    for table in reader.tables("counts", problems) {
        let span = table.span.clone();
        let known = ["column", "null_max", "distinct_min", "distinct_max"];
        let reader = TableReader::new(table.value, table.span, "a count", &known, problems);
        let Some(name) = reader.required_string("column", problems) else { continue };
        let bounds = known[1..].iter().map(|bound| reader.unsigned(bound, problems).map(|count| count.value));
        let bounds: Vec<Option<u64>> = bounds.collect();
        let Some(column) = columns.find(&name.value, name.span.clone(), problems) else { continue };
        if bounds.iter().all(Option::is_none) {
            problems.add(span, format!("the counts of {} have no bound", column.name));
        }
        let (null_max, distinct_min, distinct_max) = (bounds[0], bounds[1], bounds[2]);
        rules.push(CountRule { column: column.name.clone(), null_max, distinct_min, distinct_max });
    }
    rules
}

fn sets(reader: &TableReader<'_, '_>, columns: Columns<'_>, problems: &mut Problems<'_>) -> Vec<SetRule> {
    let mut rules = Vec::new();
    for table in reader.tables("sets", problems) {
        let reader = TableReader::new(table.value, table.span, "a set", &["column", "values"], problems);
        let Some(name) = reader.required_string("column", problems) else { continue };
        let values = reader.scalars("values", problems).unwrap_or_default();
        let Some(column) = columns.find(&name.value, name.span.clone(), problems) else { continue };
        if values.is_empty() {
            problems.add(reader.span.clone(), format!("the set of {} has no values", column.name));
        }
        let values = values.iter().filter_map(|text| typed(column, text, problems)).collect();
        rules.push(SetRule { column: column.name.clone(), values });
    }
    rules
}

fn typed(column: &ColumnSchema, text: &Placed<String>, problems: &mut Problems<'_>) -> Option<Value> {
    literal::value(column.column_type, &text.value)
        .map_err(|error| problems.add(text.span.clone(), format!("{}, for column {}", error.message(), column.name)))
        .ok()
}

#[cfg(test)]
mod tests;
