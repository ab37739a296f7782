//! The part of a schema's text that says how files become rows.

use super::{Columns, typed, word};
use crate::base::ColumnType;
use crate::base::date_time::Zone;
use crate::storage::schema::ColumnSchema;
use crate::storage::schema::import_mapping::{ColumnMapping, ImportFormat, ImportMapping, TextMapping, TimeFormat};
use crate::storage::toml_reader::{Placed, Problems, TableReader};

/// The mappings of a schema, with problems where they say what cannot be.
pub(super) fn imports(
    reader: &TableReader<'_, '_>,
    columns: Columns<'_>,
    problems: &mut Problems<'_>,
) -> Vec<ImportMapping> {
    let known = ["format", "name", "delimiter", "decimal", "thousands", "header", "nulls", "time_zone", "columns"];
    let known: Vec<&str> = known.into_iter().chain(TEXT_KEYS).chain(["encoding"]).collect();
    let mut mappings: Vec<ImportMapping> = Vec::new();
    for table in reader.tables("import", problems) {
        let span = table.span.clone();
        let reader = TableReader::new(table.value, table.span, "an import", &known, problems);
        if reader.string("format", &mut Problems::new("")).is_none() {
            reader.missing("format", problems);
        }
        let words: Vec<&str> = ImportFormat::ALL.iter().map(|format| format.name()).collect();
        let Some(format) = word(&reader, "format", problems, &words, ImportFormat::from_name) else { continue };
        let mut mapping = ImportMapping::new(format.value);
        mapping.name = reader.string("name", problems).map(|name| name.value);
        mapping.header = reader.boolean("header", problems);
        mapping.nulls = texts(reader.strings("nulls", problems));
        mapping.time_zone = time_zone(&reader, problems);
        if let Some(delimiter) = reader.string("delimiter", problems) {
            let mut characters = delimiter.value.chars();
            mapping.delimiter = characters.next().filter(|c| c.is_ascii() && !matches!(c, '"' | '\n' | '\r'));
            if mapping.delimiter.is_none() || characters.next().is_some() {
                problems.add(delimiter.span, "delimiter must be one ASCII character, not a quote or a line end");
            }
        }
        mapping.decimal = character(&reader, "decimal", problems);
        mapping.thousands = character(&reader, "thousands", problems);
        if let Err(error) = mapping.numbers().and_then(|style| style.check())
            && let Some(sign) = reader.string("thousands", problems).or_else(|| reader.string("decimal", problems))
        {
            problems.add_error(sign.span, &error);
        }
        mapping.text = text(&reader, mapping.format, problems);
        // Each of them may be right, and all together not.
        if let Err((key, error)) = mapping.text.check(mapping.delimiter) {
            problems.add_error(reader.span_of(key).unwrap_or(span.clone()), &error);
        }
        if let Some(table) = reader.table("columns", problems) {
            for (key, value) in table.value.iter() {
                let Some(column) = columns.find(key.get_ref(), key.span(), problems) else { continue };
                match value.get_ref().as_table() {
                    Some(table) => {
                        let placed = Placed { value: table, span: value.span() };
                        mapping.columns.insert(column.name.clone(), column_mapping(placed, column, problems));
                    }
                    None => problems.add(value.span(), format!("the mapping of {} must be a table", column.name)),
                }
            }
        }
        if mappings.iter().any(|other| other.format == mapping.format && other.name == mapping.name) {
            let message = format!("a second {} import of the same name could never be chosen", format.value.name());
            problems.add_with_hint(span, message, Some("give it a name of its own".into()));
        }
        mappings.push(mapping);
    }
    mappings
}

/// The keys of delimited text, but for those that are older.
const TEXT_KEYS: [&str; 9] = [
    "dialect",
    "quote",
    "escape",
    "comment",
    "trim",
    "skip_lines",
    "skip_footer_lines",
    "pad_short_rows",
    "field_names",
];

fn text(reader: &TableReader<'_, '_>, format: ImportFormat, problems: &mut Problems<'_>) -> TextMapping {
    let is_text = matches!(format, ImportFormat::Csv | ImportFormat::Json);
    let elsewhere = TEXT_KEYS.iter().copied().filter(|_| format != ImportFormat::Csv);
    for key in elsewhere.chain(["encoding"].into_iter().filter(|_| !is_text)) {
        if let Some(span) = reader.span_of(key) {
            problems.add(span, format!("{key} is for text, and {} files have none", format.name()));
        }
    }
    let quote = match reader.string("quote", &mut Problems::new("")) {
        Some(none) if none.value.is_empty() => Some(None),
        _ => character(reader, "quote", problems).map(Some),
    };
    TextMapping {
        dialect: reader.string("dialect", problems).map(|name| name.value),
        quote,
        escape: character(reader, "escape", problems),
        comment: character(reader, "comment", problems),
        trim: reader.boolean("trim", problems),
        skip_lines: reader.unsigned("skip_lines", problems).map(|lines| lines.value),
        skip_footer_lines: reader.unsigned("skip_footer_lines", problems).map(|lines| lines.value),
        pad_short_rows: reader.boolean("pad_short_rows", problems),
        field_names: texts(reader.strings("field_names", problems)),
        encoding: reader.string("encoding", problems).map(|name| name.value),
    }
}

fn character(reader: &TableReader<'_, '_>, key: &str, problems: &mut Problems<'_>) -> Option<char> {
    let text = reader.string(key, problems)?;
    let mut characters = text.value.chars();
    match (characters.next(), characters.next()) {
        (Some(one), None) => Some(one),
        _ => {
            problems.add(text.span, format!("{key} must be one character"));
            None
        }
    }
}

fn column_mapping(
    table: Placed<&toml::de::DeTable<'_>>,
    column: &ColumnSchema,
    problems: &mut Problems<'_>,
) -> ColumnMapping {
    let known = ["source", "constant", "default", "optional", "format", "time_zone", "nulls"];
    let reader = TableReader::new(table.value, table.span, format!("the mapping of {}", column.name), &known, problems);
    let source = reader.string("source", problems);
    let constant = reader.scalar("constant", problems);
    let default = reader.scalar("default", problems);
    let format = reader.string("format", problems);
    let zone = time_zone(&reader, problems);
    if let (Some(_), Some(constant)) = (&source, &constant) {
        problems.add(constant.span.clone(), format!("{} has both a source and a constant", column.name));
    }
    for text in constant.iter().chain(&default) {
        // A date-time's text depends on the format and zone beside it; the importer reads it.
        if column.column_type != ColumnType::DateTime {
            typed(column, text, problems);
        }
    }
    let format = format.and_then(|text| match text.value.parse::<TimeFormat>() {
        Ok(_) if column.column_type != ColumnType::DateTime => {
            problems
                .add(text.span, format!("format is for DateTime columns, {} is {}", column.name, column.column_type));
            None
        }
        Ok(format) => Some(format),
        Err(error) => {
            problems.add_error(text.span, &error);
            None
        }
    });
    ColumnMapping {
        source: source.map(|text| text.value),
        constant: constant.map(|text| text.value),
        default: default.map(|text| text.value),
        optional: reader.boolean("optional", problems).unwrap_or(false),
        format,
        time_zone: zone,
        nulls: texts(reader.strings("nulls", problems)),
    }
}

fn time_zone(reader: &TableReader<'_, '_>, problems: &mut Problems<'_>) -> Option<String> {
    let zone = reader.string("time_zone", problems)?;
    if let Err(error) = Zone::named(&zone.value) {
        problems.add_error(zone.span, &error);
    }
    Some(zone.value)
}

fn texts(list: Option<Vec<Placed<String>>>) -> Option<Vec<String>> {
    list.map(|list| list.into_iter().map(|text| text.value).collect())
}
