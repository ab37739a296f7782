//! Deephaven's schema files (`<Namespace>.<Table>.schema`, XML) as schemas of ours.
//!
//! Columns, types, partitioning, grouping, symbol tables and the import sources for CSV and JSON are taken over; what has no counterpart is told in comments, not lost silently.

use super::xml::{self, Element};
use super::{ColumnMapping, ColumnSchema, ImportFormat, ImportMapping, Proposal, SymbolUse, TableSchema, Validation};
use crate::base::names::{self, NameKind};
use crate::base::{ColumnKind, ColumnType, Error, Result, TableDefinition};
use std::path::Path;
use std::sync::Arc;

/// The schema that a file describes, its `keyFormula` as it stands there, with what had to be changed or left out as comments of its columns, general remarks before the first. Errors have the line of the element.
pub fn from_deephaven(text: &str, path: &Path) -> Result<Proposal> {
    convert(text).map_err(|error| error.at_path(path))
}

fn convert(text: &str) -> Result<Proposal> {
    let table = xml::parse(text)?;
    if table.name != "Table" {
        return Err(at(&table, format!("the element is <{}>, not <Table>", table.name)));
    }
    let namespace = required(&table, "namespace")?;
    let name = required(&table, "name")?;
    names::check(NameKind::Namespace, namespace)?;
    names::check(NameKind::Table, name)?;
    let mut key_formula = None;
    let (mut columns, mut reasons, mut remarks, mut imports) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    if let Some(storage) = table.attribute("storageType").filter(|storage| *storage != "NestedPartitionedOnDisk") {
        remarks.push(format!("The storage type {storage} has no counterpart: the table is partitioned here."));
    }
    for child in &table.children {
        match child.name.as_str() {
            "Column" => {
                let (column, reason) = column(child)?;
                columns.push(column);
                reasons.push(reason);
            }
            "Partitions" => {
                key_formula = child.attribute("keyFormula").map(str::trim).filter(|formula| !formula.is_empty());
            }
            "ImportSource" => imports.extend(import(child, &mut remarks)?),
            other => remarks.push(format!("<{other}> of line {} has no counterpart and was left out.", child.line)),
        }
    }
    if columns.is_empty() {
        return Err(at(&table, "the table has no <Column>".to_string()));
    }
    let known: Vec<&str> = columns.iter().map(|column: &ColumnSchema| column.name.as_str()).collect();
    for mapping in &mut imports {
        mapping.columns.retain(|column, _| {
            let kept = known.contains(&column.as_str());
            if !kept {
                remarks.push(format!("An import column {column} is no column of the table and was left out."));
            }
            kept
        });
    }
    if let Some(first) = reasons.first_mut() {
        remarks.push(std::mem::take(first));
        remarks.retain(|remark| !remark.is_empty());
        *first = remarks.join("\n");
    }
    let definitions = columns.iter().map(ColumnSchema::definition).collect();
    let schema = TableSchema {
        namespace: namespace.to_string(),
        table: name.to_string(),
        doc: String::new(),
        definition: Arc::new(TableDefinition::new(definitions)?),
        columns,
        sort_columns: Vec::new(),
        key_formula: key_formula.map(str::to_string),
        imports,
        validation: Validation::default(),
        dropped: Default::default(),
    };
    Ok(Proposal { schema, reasons })
}

fn at(element: &Element, message: String) -> Error {
    Error::invalid(message).at_position(element.line, 1)
}

fn required<'a>(element: &'a Element, name: &str) -> Result<&'a str> {
    element.attribute(name).ok_or_else(|| at(element, format!("<{}> lacks the attribute {name}", element.name)))
}

/// A column, and what is to be said of it.
fn column(element: &Element) -> Result<(ColumnSchema, String)> {
    let name = required(element, "name")?;
    names::check(NameKind::Column, name).map_err(|error| error.at_position(element.line, 1))?;
    let data_type = required(element, "dataType")?;
    let mut notes = Vec::new();
    let column_type = column_type(data_type).unwrap_or_else(|| {
        notes.push(format!("It was of the class {data_type}: its values are opaque bytes here."));
        ColumnType::Blob
    });
    let kind = match element.attribute("columnType").unwrap_or("Normal") {
        kind if kind.eq_ignore_ascii_case("partitioning") => ColumnKind::Partitioning,
        kind if kind.eq_ignore_ascii_case("grouping") => ColumnKind::Grouping,
        kind if kind.eq_ignore_ascii_case("normal") => ColumnKind::Normal,
        other => return Err(at(element, format!("column {name} has the unknown column type {other}"))),
    };
    let codec = element.attribute("objectCodec");
    if let (Some(codec), false) = (codec, column_type == ColumnType::Blob) {
        notes.push(format!("Its codec {codec} is not needed: numbers of any length are stored as they are."));
    }
    let is_plain = element.attribute("symbolTable").is_some_and(|table| table.eq_ignore_ascii_case("none"));
    let schema = ColumnSchema {
        kind,
        symbol: if is_plain && column_type == ColumnType::String && kind == ColumnKind::Normal {
            SymbolUse::None
        } else {
            SymbolUse::Auto
        },
        codec_name: (column_type == ColumnType::Blob).then(|| codec.unwrap_or(data_type).to_string()),
        ..ColumnSchema::new(name, column_type)
    };
    Ok((schema, notes.join("\n")))
}

/// The type of a class or primitive type of Java's or Deephaven's; none for those that have no counterpart.
fn column_type(data_type: &str) -> Option<ColumnType> {
    let name = data_type.trim();
    if let Some(element) = name.strip_suffix("[]") {
        return column_type(element)?.array().ok();
    }
    match name.rsplit('.').next() {
        Some("CharSequence") => Some(ColumnType::String),
        Some("ZonedDateTime") => Some(ColumnType::DateTime),
        // A class that happens to have that name is as opaque as others.
        _ => name.parse().ok().filter(|found| *found != ColumnType::Blob),
    }
}

/// The mapping of an import source; none for kinds of sources that are not read.
fn import(element: &Element, remarks: &mut Vec<String>) -> Result<Option<ImportMapping>> {
    let kind = required(element, "type")?;
    let format = match kind.to_ascii_uppercase().as_str() {
        "CSV" => ImportFormat::Csv,
        "JSON" => ImportFormat::Json,
        _ => {
            remarks.push(format!(
                "The import source of type {kind} (line {}) was left out: such sources are not read.",
                element.line
            ));
            return Ok(None);
        }
    };
    let mut mapping = ImportMapping::new(format);
    mapping.name = element.attribute("name").map(str::to_string);
    if let Some(most) = element.attribute("maxError") {
        remarks.push(format!("Its {kind} source allowed {most} errors: `--max-errors {most}` does so."));
    }
    if let Some(delimiter) = element.attribute("arrayDelimiter").filter(|delimiter| *delimiter != ",") {
        remarks.push(format!(
            "Its {kind} source separated elements of arrays by {delimiter:?}; they are separated by commas here."
        ));
    }
    for child in &element.children {
        if child.name != "ImportColumn" {
            remarks.push(format!("<{}> of line {} was left out.", child.name, child.line));
            continue;
        }
        let name = required(child, "name")?;
        let mut told = ColumnMapping {
            source: child.attribute("sourceName").filter(|source| *source != name).map(str::to_string),
            ..ColumnMapping::default()
        };
        told.default = child.attribute("default").map(str::to_string);
        if child.attribute("sourceType").is_some_and(|source| source.eq_ignore_ascii_case("constant")) {
            remarks.push(format!("Column {name} had the importer's constant: `--constant {name}=…` gives it."));
            told.optional = true;
        }
        for key in ["formula", "transform"] {
            if let Some(formula) = child.attribute(key) {
                remarks.push(format!(
                    "Column {name} was computed by {formula}: `--transform '{name}={formula}'` may do so."
                ));
                told.optional = true;
            }
        }
        if told != ColumnMapping::default() {
            mapping.columns.insert(name.to_string(), told);
        }
    }
    Ok(Some(mapping))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTES: &str = r#"<?xml version="1.0"?>
<Table namespace="Market" name="Quotes" storageType="NestedPartitionedOnDisk">
  <Partitions keyFormula="${autobalance_by_first_grouping_column}" />
  <Column name="Date" dataType="String" columnType="Partitioning" />
  <Column name="Sym" dataType="String" columnType="Grouping" symbolTable="ColumnLocation" />
  <Column name="Note" dataType="java.lang.String" symbolTable="None" />
  <Column name="Ts" dataType="com.illumon.iris.db.tables.utils.DBDateTime" />
  <Column name="Px" dataType="java.math.BigDecimal" objectCodec="BigDecimalCodec" objectCodecArguments="20,4" />
  <Column name="Sizes" dataType="double[]" />
  <Column name="State" dataType="com.acme.State" />
  <ImportSource type="CSV" name="acme" maxError="3">
    <ImportColumn name="Sym" sourceName="ticker" default="?" />
    <ImportColumn name="Px" sourceName="px" formula="Double.parseDouble(px)" />
    <ImportColumn name="Gone" sourceName="x" />
  </ImportSource>
  <ImportSource type="JDBC" />
  <Listener logFormat="1" />
</Table>"#;

    #[test]
    fn a_schema_is_taken_over_with_remarks() {
        let proposal = from_deephaven(QUOTES, Path::new("q.schema")).unwrap();
        let text = proposal.to_toml();
        let again = TableSchema::from_toml(&text, Path::new("q.toml")).unwrap();
        assert_eq!(again, proposal.schema, "{text}");
        let types: Vec<String> = again.columns.iter().map(|column| column.column_type.name().to_string()).collect();
        assert_eq!(types, ["String", "String", "String", "DateTime", "BigDecimal", "double[]", "Blob"]);
        assert_eq!(again.columns[1].kind, ColumnKind::Grouping);
        assert_eq!(again.key_formula.as_deref(), Some("${autobalance_by_first_grouping_column}"));
        assert_eq!(again.columns[2].symbol, SymbolUse::None);
        assert_eq!(again.columns[6].codec_name.as_deref(), Some("com.acme.State"));
        let mapping = again.import(ImportFormat::Csv, Some("acme")).unwrap();
        let sym = mapping.column("Sym").unwrap();
        assert_eq!((sym.source.as_deref(), sym.default.as_deref()), (Some("ticker"), Some("?")));
        assert!(mapping.column("Px").unwrap().optional && mapping.column("Gone").is_none());
        for remark in [
            "--max-errors 3",
            "--transform 'Px=Double.parseDouble(px)'",
            "import column Gone",
            "of type JDBC",
            "<Listener> of line 17",
            "codec BigDecimalCodec",
            "class com.acme.State",
        ] {
            assert!(text.contains(remark), "{remark}: {text}");
        }
    }

    #[test]
    fn what_cannot_be_taken_over_is_an_error_with_its_line() {
        for (from, to, expected) in [
            ("<Column name=\"Sym\" dataType=\"String\"", "<Column name=\"Sym\"", "lacks the attribute dataType"),
            ("name=\"Sym\"", "name=\"1x\"", "1x"),
            ("\"Grouping\"", "\"Virtual\"", "unknown column type Virtual"),
            ("name=\"Sym\"", "name=\"Date\"", "Date"),
            ("<Table namespace=\"Market\"", "<Table", "lacks the attribute namespace"),
            ("</Table>", "", "never closed"),
        ] {
            let error = from_deephaven(&QUOTES.replacen(from, to, 1), Path::new("q.schema")).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("q.schema"), "{to}: {error}");
        }
    }
}
