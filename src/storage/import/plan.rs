//! Which field of a file becomes which column of a table.

use super::csv::{CsvOptions, Dialect, FieldTarget, NullTexts, delimiter_hint};
use super::reading::RecordReader;
use super::transform::{Computed, Transform};
use super::{ImportOptions, PartitionTarget};
use crate::base::date_time::Zone;
use crate::base::names::{LegalNames, legal_column_name, nearest_hint};
use crate::base::text::{DateTimeForm, DateTimeReader, EpochUnit, parse_value};
use crate::base::{ColumnDefinition, ColumnType, Error, Result, SymbolUse, TableDefinition, Value};
use crate::storage::schema::{ColumnMapping, ImportFormat, ImportMapping, TimeFormat};
use std::sync::Arc;

/// How the rows of a table are made of the records of a file.
pub(super) struct Plan {
    /// What is read of each record.
    pub(super) targets: Vec<FieldTarget>,
    /// Where each stored column comes from, in the order of the definition.
    pub(super) columns: Vec<Origin>,
    /// Which target says the partition, if the file does.
    pub(super) partition: Option<usize>,
    /// What is computed of targets.
    pub(super) computed: Vec<Computed>,
    /// Which of these says the partition, if one does.
    pub(super) computed_partition: Option<usize>,
    /// Targets that a file must have which does not say at its begin what it has.
    required: Vec<usize>,
    /// Columns of the file that are not read.
    pub(super) ignored: Vec<String>,
    /// Columns of the table that the file does not have.
    pub(super) filled: Vec<String>,
}

/// Where the values of a column come from.
#[derive(Debug, PartialEq)]
pub(super) enum Origin {
    /// This target.
    Target(usize),
    /// The same value in every row; null among them.
    Constant(ColumnType, Value),
    /// This computation.
    Computed(usize),
}

impl Plan {
    /// Matches columns and fields by what the mapping says, then by name: as it stands, as [`legal_column_name`] changes it, without case. Fields
    /// without names are the table's columns in order, where there are as many.
    ///
    /// Errs where a column has no field and is neither optional, constant nor given a default; with all of these at once.
    pub(super) fn new(
        definition: &TableDefinition,
        reader: &dyn RecordReader,
        options: &ImportOptions,
    ) -> Result<Self> {
        let unnamed = reader.is_unnamed();
        let positional = unnamed.then(|| by_position(definition, options, reader.names().len())).flatten();
        let header = Header::new(positional.as_deref().unwrap_or(reader.names()), unnamed);
        let none = ColumnMapping::default();
        let mapping = |column: &str| options.mapping.as_ref().and_then(|m| m.column(column)).unwrap_or(&none);
        if let Some(unknown) =
            options.mapping.iter().flat_map(|m| m.columns.keys()).find(|c| definition.column(c).is_none())
        {
            let error = Error::invalid(format!("the import mapping speaks of a column {unknown} that the table lacks"));
            return Err(match nearest_hint(unknown, definition.columns().iter().map(|c| c.name.as_str())) {
                Some(hint) => error.hint(hint),
                None => error,
            });
        }
        let mut plan = Plan {
            targets: Vec::new(),
            columns: Vec::new(),
            partition: None,
            computed: Vec::new(),
            computed_partition: None,
            required: Vec::new(),
            ignored: Vec::new(),
            filled: Vec::new(),
        };
        let sources = Sources { definition, header: &header, options };
        let partition_name = match &options.partition {
            PartitionTarget::Computed(name) => Some(name.as_str()),
            _ => None,
        };
        for transform in &options.transforms {
            let is_partition = partition_name == Some(transform.column.as_str());
            if !is_partition && definition.stored().all(|column| column.name != transform.column) {
                let known: Vec<&str> = definition.stored().map(|column| column.name.as_str()).collect();
                let error = Error::invalid(format!("the table has no column {} to be computed", transform.column));
                return Err(match nearest_hint(&transform.column, known.iter().copied()) {
                    Some(hint) => error.hint(hint),
                    None => error,
                });
            }
        }
        let mut missing: Vec<(&str, &str)> = Vec::new();
        for column in definition.stored() {
            let told = mapping(&column.name);
            let target = Target { column, told, options: &options.csv };
            if let Some(transform) = options.transforms.iter().find(|transform| transform.column == column.name) {
                plan.columns.push(Origin::Computed(plan.computed.len()));
                plan.compute(&sources, transform, column.column_type)?;
                continue;
            }
            if let Some(constant) = &told.constant {
                plan.columns.push(Origin::Constant(column.column_type, target.value(constant)?));
                continue;
            }
            let source = told.source.as_deref().unwrap_or(&column.name);
            match header.find(source)? {
                Some(field) => {
                    plan.columns.push(Origin::Target(plan.targets.len()));
                    if !told.optional && told.default.is_none() && !options.lenient {
                        plan.required.push(plan.targets.len());
                    }
                    plan.targets.push(target.field(field)?);
                }
                None => {
                    let value = match &told.default {
                        Some(default) => target.value(default)?,
                        None => Value::Null,
                    };
                    if value.is_null() && !told.optional && !options.lenient {
                        missing.push((&column.name, source));
                    }
                    plan.filled.push(column.name.clone());
                    plan.columns.push(Origin::Constant(column.column_type, value));
                }
            }
        }
        if !missing.is_empty() {
            return Err(header.missing_error(&missing));
        }
        if let Some(name) = partition_name {
            let found = options.transforms.iter().find(|transform| transform.column == name);
            let transform = found.ok_or_else(|| Error::not_found(format!("no transform {name}")))?;
            plan.computed_partition = Some(plan.computed.len());
            plan.compute(&sources, transform, ColumnType::String)?;
        }
        plan.add_partition(definition, &header, options, mapping)?;
        let used: Vec<usize> = plan.targets.iter().map(|target| target.field).collect();
        plan.ignored = header
            .names
            .iter()
            .enumerate()
            .filter(|(at, _)| !used.contains(at))
            .map(|(_, name)| name.clone())
            .collect();
        Ok(plan)
    }

    /// Errs where records never had a field that a column needs. `seen` says of each target whether one had; it is empty where all have all fields.
    pub(super) fn check_seen(&self, seen: &[bool]) -> Result<()> {
        let missing = self.required.iter().filter(|&&at| seen.get(at) == Some(&false));
        let names: Vec<&str> = missing.map(|&at| self.targets[at].name.as_str()).take(10).collect();
        if names.is_empty() {
            return Ok(());
        }
        let (what, verb) = if names.len() == 1 { ("column", "is") } else { ("columns", "are") };
        Err(Error::invalid(format!("{what} {} {verb} in no record of the file", names.join(", "))).hint(
            "map the column to its field in the schema, make it optional there, or import with --lenient for nulls",
        ))
    }

    /// Adds a computation with targets of its own.
    fn compute(&mut self, sources: &Sources<'_>, transform: &Transform, wanted: ColumnType) -> Result<()> {
        let context = |error: Error| error.context(format!("the transform of {}", transform.column));
        let computation = (transform.compile)(&sources.names()?, wanted).map_err(context)?;
        let mut targets = Vec::with_capacity(computation.inputs.len());
        for input in &computation.inputs {
            targets.push(self.targets.len());
            self.targets.push(sources.target(input).map_err(context)?);
        }
        self.computed.push(Computed { targets, computation });
        Ok(())
    }

    fn add_partition<'a>(
        &mut self,
        definition: &TableDefinition,
        header: &Header<'_>,
        options: &ImportOptions,
        mapping: impl Fn(&str) -> &'a ColumnMapping,
    ) -> Result<()> {
        let partitioning = definition.partitioning().map(|column| column.name.as_str());
        let own_source = |name: &str| mapping(name).source.clone().unwrap_or_else(|| name.to_string());
        let field = match &options.partition {
            PartitionTarget::Computed(_) => None,
            // A field that only looks like it, and that another column has by its very name, says nothing about partitions.
            PartitionTarget::Value(_) => match partitioning.map(own_source) {
                Some(source) => header.find(&source)?.filter(|&field| {
                    header.names[field] == source || self.targets.iter().all(|target| target.field != field)
                }),
                None => None,
            },
            PartitionTarget::Column(name) => {
                let source = if partitioning == Some(name.as_str()) { own_source(name) } else { name.clone() };
                let found = header.find(&source)?;
                Some(found.ok_or_else(|| header.no_partition_error(name, &source))?)
            }
        };
        if let Some(field) = field {
            self.partition = Some(self.targets.len());
            let name = header.names[field].clone();
            self.targets.push(FieldTarget::new(field, name, ColumnType::String));
        }
        Ok(())
    }
}

/// The sources of the table's columns in order, for a file with so many fields without names: all columns that are not constant, or all but the partitioning
/// one. None where the numbers differ, or where the mapping or the partition column speaks of fields itself.
fn by_position(definition: &TableDefinition, options: &ImportOptions, field_count: usize) -> Option<Vec<String>> {
    let told = |name: &str| options.mapping.as_ref().and_then(|mapping| mapping.column(name));
    let columns = definition.columns().iter();
    if columns.clone().any(|column| told(&column.name).is_some_and(|told| told.source.is_some())) {
        return None;
    }
    if matches!(&options.partition, PartitionTarget::Column(name) if definition.column(name).is_none()) {
        return None;
    }
    let partitioning = definition.partitioning().map(|column| column.name.as_str());
    let all = columns.filter(|column| told(&column.name).is_none_or(|told| told.constant.is_none()));
    let mut names: Vec<String> = all.map(|column| column.name.clone()).collect();
    if names.len() != field_count {
        names.retain(|name| Some(name.as_str()) != partitioning);
    }
    (names.len() == field_count).then_some(names)
}

/// What transforms may read.
struct Sources<'a> {
    definition: &'a TableDefinition,
    header: &'a Header<'a>,
    options: &'a ImportOptions,
}

impl Sources<'_> {
    fn told(&self, column: &str) -> ColumnMapping {
        let found = self.options.mapping.as_ref().and_then(|mapping| mapping.column(column));
        found.cloned().unwrap_or_default()
    }

    /// The columns of the table that have a field, then the fields by their legal names.
    fn names(&self) -> Result<Vec<(String, ColumnType)>> {
        let mut names: Vec<(String, ColumnType)> = Vec::new();
        for column in self.definition.columns() {
            let source = self.told(&column.name).source.unwrap_or_else(|| column.name.clone());
            if self.header.find(&source)?.is_some() {
                names.push((column.name.clone(), column.column_type));
            }
        }
        for name in &self.header.distinct {
            if names.iter().all(|(known, _)| known != name) {
                let declared = self.options.field_types.iter().find(|(field, _)| field == name);
                names.push((name.clone(), declared.map_or(ColumnType::String, |(_, column_type)| *column_type)));
            }
        }
        Ok(names)
    }

    fn target(&self, name: &str) -> Result<FieldTarget> {
        let absent = || Error::not_found(format!("no field {name} in the file"));
        if let Some(column) = self.definition.column(name) {
            let told = self.told(name);
            let source = told.source.as_deref().unwrap_or(name);
            if let Some(field) = self.header.find(source)? {
                return Target { column, told: &told, options: &self.options.csv }.field(field);
            }
        }
        let field = self.header.distinct.iter().position(|legal| legal == name).ok_or_else(absent)?;
        let declared = self.options.field_types.iter().find(|(field, _)| field == name);
        let column = ColumnDefinition::new(name, declared.map_or(ColumnType::String, |(_, declared)| *declared));
        Target { column: &column, told: &ColumnMapping::default(), options: &self.options.csv }.field(field)
    }
}

/// A column with what is told of it.
struct Target<'a> {
    column: &'a ColumnDefinition,
    told: &'a ColumnMapping,
    options: &'a CsvOptions,
}

impl Target<'_> {
    fn field(&self, field: usize) -> Result<FieldTarget> {
        Ok(FieldTarget {
            field,
            name: self.column.name.clone(),
            column_type: self.column.column_type,
            plain: self.column.symbol == SymbolUse::None,
            nulls: self.told.nulls.as_ref().map_or_else(
                || self.options.nulls.clone(),
                |nulls| {
                    let absent = self.options.dialect.json.map(|_| "");
                    NullTexts::new(nulls.iter().map(String::as_str).chain(absent))
                },
            ),
            default: match &self.told.default {
                Some(default) => self.value(default)?,
                None => Value::Null,
            },
            date_times: self.date_times()?,
        })
    }

    /// A constant or default.
    fn value(&self, text: &str) -> Result<Value> {
        let context = |error: Error| error.context(format!("column {}", self.column.name));
        parse_value(text, self.column.column_type, &mut self.date_times()?).map_err(context)
    }

    fn date_times(&self) -> Result<DateTimeReader> {
        let zone = self.told.time_zone.as_deref().map(Zone::named).transpose()?;
        let form = self.told.format.as_ref().map_or(DateTimeForm::Iso, form);
        Ok(DateTimeReader::new(zone.as_ref().or(self.options.zone.as_ref()), form))
    }
}

fn form(format: &TimeFormat) -> DateTimeForm {
    match format {
        TimeFormat::Iso => DateTimeForm::Iso,
        TimeFormat::EpochSeconds => DateTimeForm::Epoch(EpochUnit::Seconds),
        TimeFormat::EpochMillis => DateTimeForm::Epoch(EpochUnit::Millis),
        TimeFormat::EpochMicros => DateTimeForm::Epoch(EpochUnit::Micros),
        TimeFormat::EpochNanos => DateTimeForm::Epoch(EpochUnit::Nanos),
        TimeFormat::Pattern(pattern) => DateTimeForm::Pattern(Arc::from(pattern.as_str())),
    }
}

/// The names of a file's columns.
struct Header<'a> {
    names: &'a [String],
    legal: Vec<String>,
    /// As `legal`, with numbers behind those that are there before: what formulas call them.
    distinct: Vec<String>,
    /// True if the file has no header and nobody named its fields.
    unnamed: bool,
}

impl<'a> Header<'a> {
    fn new(names: &'a [String], unnamed: bool) -> Self {
        let mut distinct = LegalNames::default();
        Header {
            names,
            legal: names.iter().map(|name| legal_column_name(name, &[])).collect(),
            distinct: names.iter().map(|name| distinct.name(name)).collect(),
            unnamed,
        }
    }

    /// Which field has a name; none if no one has. `Name#2` is the second of those that have the same.
    fn find(&self, name: &str) -> Result<Option<usize>> {
        let find = |fits: &dyn Fn(usize) -> bool| -> Result<Option<usize>> {
            let mut found = (0..self.names.len()).filter(|&at| fits(at));
            match (found.next(), found.next()) {
                (Some(first), Some(second)) => Err(Error::invalid(format!(
                    "the file has two columns that may be {name}: {} and {}",
                    first + 1,
                    second + 1
                ))
                .hint(format!(
                    "`{}#1` is the first of them, for --rename COL=FIELD and for a mapping's source; --columns gives them other names",
                    self.names[first]
                ))),
                (first, _) => Ok(first),
            }
        };
        if let Some(found) = find(&|at| self.names[at] == name)? {
            return Ok(Some(found));
        }
        if let Some((several, number)) = name.rsplit_once('#')
            && let Ok(number @ 1..) = number.parse::<usize>()
        {
            let mut same = (0..self.names.len()).filter(|&at| self.names[at] == several);
            return Ok(same.nth(number - 1));
        }
        match find(&|at| self.legal[at] == name)? {
            Some(found) => Ok(Some(found)),
            None => find(&|at| self.names[at].eq_ignore_ascii_case(name)),
        }
    }

    fn missing_error(&self, missing: &[(&str, &str)]) -> Error {
        let shown: Vec<String> = missing
            .iter()
            .take(10)
            .map(
                |(column, source)| {
                    if column == source { column.to_string() } else { format!("{column} (from {source})") }
                },
            )
            .collect();
        let (what, verb) = if missing.len() == 1 { ("column", "is") } else { ("columns", "are") };
        let more = if missing.len() > shown.len() { ", …" } else { "" };
        let error = Error::invalid(format!("{what} {}{more} {verb} not in the file", shown.join(", ")));
        if self.unnamed {
            return error.hint(format!(
                "the fields of the file have no names; --columns names them, {} of them",
                self.names.len()
            ));
        }
        if let Some(hint) = delimiter_hint(self.names) {
            return error.hint(hint);
        }
        match nearest_hint(missing[0].1, self.names.iter().map(String::as_str)) {
            Some(hint) => {
                error.hint(format!("{hint}; map the column in the schema, or import with --lenient for nulls"))
            }
            None => error.hint("is the delimiter right?"),
        }
    }

    /// The file does not say which partition a row belongs to.
    fn no_partition_error(&self, name: &str, source: &str) -> Error {
        let from = if name == source { String::new() } else { format!(" (from {source})") };
        let error = Error::invalid(format!("column {name}{from} is not in the file, so no row says its partition"));
        if let Some(hint) = delimiter_hint(self.names) {
            return error.hint(hint);
        }
        let ways = "--partition puts all rows into one, --partition-column names another column";
        match nearest_hint(source, self.names.iter().map(String::as_str)) {
            Some(hint) => error.hint(format!("{hint}; {ways}")),
            None => error.hint(ways),
        }
    }
}

impl CsvOptions {
    /// The options that a schema's mapping asks for, the usual ones where it asks for nothing.
    pub fn for_mapping(mapping: &ImportMapping) -> Result<Self> {
        let json = mapping.format == ImportFormat::Json;
        let mut options = if json { CsvOptions::json() } else { CsvOptions::default() };
        let ascii = |what: &str, sign: char| {
            u8::try_from(sign)
                .ok()
                .filter(u8::is_ascii)
                .ok_or_else(|| Error::invalid(format!("the {what} cannot be {sign:?}: it must be one ASCII character")))
        };
        let text = &mapping.text;
        if let Some(name) = &text.dialect {
            options.dialect = Dialect::named(name)?;
        }
        if let Some(quote) = text.quote {
            options.dialect.quote = quote.map(|quote| ascii("quote", quote)).transpose()?;
        }
        if let Some(escape) = text.escape {
            options.dialect.escape = Some(ascii("escape", escape)?);
        }
        if let Some(comment) = text.comment {
            options.dialect.comment = Some(ascii("comment", comment)?);
        }
        options.dialect.trim = text.trim.unwrap_or(options.dialect.trim);
        options.skip_lines = text.skip_lines.unwrap_or(0);
        options.skip_footer_lines = usize::try_from(text.skip_footer_lines.unwrap_or(0)).unwrap_or(usize::MAX);
        options.pad_short_rows = text.pad_short_rows.unwrap_or(false);
        options.column_names = text.field_names.clone();
        if let Some(encoding) = &text.encoding {
            options.encoding = encoding.parse()?;
        }
        if let Some(delimiter) = mapping.delimiter {
            options.dialect.delimiter = ascii("delimiter", delimiter)?;
        }
        options.dialect.numbers = mapping.numbers()?;
        options.header = mapping.header.unwrap_or(!json);
        if let Some(nulls) = &mapping.nulls {
            // Absent fields are null in any case where no text is.
            options.nulls = NullTexts::new(nulls.iter().map(String::as_str).chain(json.then_some("")));
        }
        if let Some(zone) = &mapping.time_zone {
            options.zone = Some(Zone::named(zone)?);
        }
        Ok(options)
    }
}
