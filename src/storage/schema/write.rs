//! Prints a schema as TOML, in the order and form in which people would write it.

use super::import_mapping::{ColumnMapping, ImportMapping, TextMapping};
use super::validation::Validation;
use super::{Codec, ColumnSchema, TableSchema, kind_name, literal};
use crate::base::{ColumnKind, ColumnType, Value};
use std::fmt::Write;

/// The text of a schema. `comments` are put before the columns of the same position, a line each; those beyond are left out.
pub fn toml(schema: &TableSchema, comments: &[String]) -> String {
    let mut out = String::new();
    line(&mut out, "namespace", &quoted(&schema.namespace));
    line(&mut out, "table", &quoted(&schema.table));
    if !schema.doc.is_empty() {
        line(&mut out, "doc", &quoted(&schema.doc));
    }
    if !schema.sort_columns.is_empty() {
        line(&mut out, "sort", &list(schema.sort_columns.iter().map(|name| quoted(name))));
    }
    if let Some(formula) = &schema.key_formula {
        line(&mut out, "key_formula", &quoted(formula));
    }
    for (at, one) in schema.columns.iter().enumerate() {
        out.push('\n');
        for comment in comments.get(at).into_iter().flat_map(|text| text.lines()) {
            // Control characters may not stand in a comment.
            let clean: String = comment.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let _ = writeln!(out, "# {}", clean.trim_end());
        }
        column(&mut out, one);
    }
    for mapping in &schema.imports {
        import(&mut out, mapping);
    }
    if !schema.validation.is_empty() {
        validation(&mut out, schema);
    }
    let evolution = evolution(schema);
    if !evolution.is_empty() {
        out.push('\n');
    }
    out + &evolution
}

/// What deployments note of columns that were renamed or dropped: the last section of a deployed schema. Empty if there is nothing to note.
pub(super) fn evolution(schema: &TableSchema) -> String {
    let renamed = schema.columns.iter().filter_map(|column| Some((&column.name, column.stored.as_ref()?)));
    let stored: Vec<String> = renamed.map(|(name, stored)| format!("{} = {}", key(name), quoted(stored))).collect();
    let types = schema.dropped.iter();
    let dropped: Vec<String> = types.map(|(name, t)| format!("{} = {}", key(name), quoted(t.name()))).collect();
    let mut out = String::new();
    for (name, entries) in [("stored", stored), ("dropped", dropped)] {
        if !entries.is_empty() {
            line(&mut out, name, &format!("{{ {} }}", entries.join(", ")));
        }
    }
    if out.is_empty() { out } else { format!("{EVOLUTION}{out}") }
}

/// The beginning of that section.
const EVOLUTION: &str = "# Kept by deployments: under which names stored partitions have columns, and which they have besides.\n[evolution]\n";

fn column(out: &mut String, column: &ColumnSchema) {
    out.push_str("[[columns]]\n");
    line(out, "name", &quoted(&column.name));
    line(out, "type", &quoted(column.column_type.name()));
    if column.kind != ColumnKind::Normal {
        line(out, "kind", &quoted(kind_name(column.kind)));
    }
    if let Some(symbol) = column.symbol.name() {
        line(out, "symbol", &quoted(symbol));
    }
    if column.codec != Codec::default() {
        line(out, "codec", &quoted(column.codec.name()));
    }
    if let Some(name) = &column.codec_name {
        line(out, "codec_name", &quoted(name));
    }
    if !column.doc.is_empty() {
        line(out, "doc", &quoted(&column.doc));
    }
    if !column.renamed_from.is_empty() {
        line(out, "renamed_from", &list(column.renamed_from.iter().map(|name| quoted(name))));
    }
}

fn import(out: &mut String, mapping: &ImportMapping) {
    out.push_str("\n[[import]]\n");
    line(out, "format", &quoted(mapping.format.name()));
    if let Some(name) = &mapping.name {
        line(out, "name", &quoted(name));
    }
    if let Some(delimiter) = mapping.delimiter {
        line(out, "delimiter", &quoted(&delimiter.to_string()));
    }
    for (key, sign) in [("decimal", mapping.decimal), ("thousands", mapping.thousands)] {
        if let Some(sign) = sign {
            line(out, key, &quoted(&sign.to_string()));
        }
    }
    if let Some(header) = mapping.header {
        line(out, "header", &header.to_string());
    }
    if let Some(nulls) = &mapping.nulls {
        line(out, "nulls", &list(nulls.iter().map(|text| quoted(text))));
    }
    if let Some(zone) = &mapping.time_zone {
        line(out, "time_zone", &quoted(zone));
    }
    text_mapping(out, &mapping.text);
    if !mapping.columns.is_empty() {
        out.push_str("\n[import.columns]\n");
        for (name, one) in &mapping.columns {
            line(out, &key(name), &column_mapping(one));
        }
    }
}

fn text_mapping(out: &mut String, text: &TextMapping) {
    let character = |sign: Option<char>| sign.map(String::from);
    let texts = [
        ("dialect", text.dialect.clone()),
        ("quote", text.quote.map(|quote| character(quote).unwrap_or_default())),
        ("escape", character(text.escape)),
        ("comment", character(text.comment)),
        ("encoding", text.encoding.clone()),
    ];
    for (key, value) in texts {
        if let Some(value) = value {
            line(out, key, &quoted(&value));
        }
    }
    let others = [
        ("trim", text.trim.map(|trim| trim.to_string())),
        ("skip_lines", text.skip_lines.map(|lines| lines.to_string())),
        ("skip_footer_lines", text.skip_footer_lines.map(|lines| lines.to_string())),
        ("pad_short_rows", text.pad_short_rows.map(|pad| pad.to_string())),
        ("field_names", text.field_names.as_ref().map(|names| list(names.iter().map(|name| quoted(name))))),
    ];
    for (key, value) in others {
        if let Some(value) = value {
            line(out, key, &value);
        }
    }
}

fn column_mapping(mapping: &ColumnMapping) -> String {
    let mut parts = Vec::new();
    let mut text = |key: &str, value: &Option<String>| {
        if let Some(value) = value {
            parts.push(format!("{key} = {}", quoted(value)));
        }
    };
    text("source", &mapping.source);
    text("constant", &mapping.constant);
    text("default", &mapping.default);
    text("format", &mapping.format.as_ref().map(ToString::to_string));
    text("time_zone", &mapping.time_zone);
    if mapping.optional {
        parts.push("optional = true".into());
    }
    if let Some(nulls) = &mapping.nulls {
        parts.push(format!("nulls = {}", list(nulls.iter().map(|text| quoted(text)))));
    }
    format!("{{ {} }}", parts.join(", "))
}

fn validation(out: &mut String, schema: &TableSchema) {
    let rules = &schema.validation;
    let Validation { row_count_min, row_count_max, not_null, sorted, grouped, unique, counts, ranges, sets } = rules;
    out.push_str("\n[validation]\n");
    for (key, count) in [("row_count_min", row_count_min), ("row_count_max", row_count_max)] {
        if let Some(count) = count {
            line(out, key, &count.to_string());
        }
    }
    for (key, columns) in [("not_null", not_null), ("sorted", sorted), ("grouped", grouped), ("unique", unique)] {
        if !columns.is_empty() {
            line(out, key, &list(columns.iter().map(|name| quoted(name))));
        }
    }
    let scalar = |column: &str, value: &Value| match schema.column(column).map(|column| column.column_type) {
        Some(t) if t.is_integer() || t == ColumnType::Boolean => literal::text(value),
        _ => quoted(&literal::text(value)),
    };
    for rule in counts {
        out.push_str("\n[[validation.counts]]\n");
        line(out, "column", &quoted(&rule.column));
        let bounds =
            [("null_max", rule.null_max), ("distinct_min", rule.distinct_min), ("distinct_max", rule.distinct_max)];
        for (key, bound) in bounds {
            if let Some(bound) = bound {
                line(out, key, &bound.to_string());
            }
        }
    }
    for range in ranges {
        out.push_str("\n[[validation.ranges]]\n");
        line(out, "column", &quoted(&range.column));
        for (key, bound) in [("min", &range.min), ("max", &range.max)] {
            if let Some(bound) = bound {
                line(out, key, &scalar(&range.column, bound));
            }
        }
    }
    for set in sets {
        out.push_str("\n[[validation.sets]]\n");
        line(out, "column", &quoted(&set.column));
        line(out, "values", &list(set.values.iter().map(|value| scalar(&set.column, value))));
    }
}

fn line(out: &mut String, key: &str, value: &str) {
    let _ = writeln!(out, "{key} = {value}");
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

/// A bare key where TOML allows it, quoted otherwise.
fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if bare { name.to_string() } else { quoted(name) }
}

/// A basic string on one line.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
