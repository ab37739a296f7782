//! Formulas and filters against what Deephaven gave for them, where its recorded cases lie beside the repository.
//!
//! Runs the recorded scripts that are chains of `where`, `view`, `update` and `head` over one table; others, and those that record a quirk that we
//! do not share, are counted as skipped.

use pilaster::base::text::{DateTimeReader, parse_value};
use pilaster::base::{ColumnType, Value};
use pilaster::engine::formula::{
    Input, Positions, QueryScope, ScopeValue, WholeColumns, compile_filter, compile_select,
};
use pilaster::memory::Chunk;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};

/// Recorded, but not ours: a filter of the wrong type is an error rather than empty.
const OTHER: &[&str] = &["where_type_mismatch_eq"];

#[derive(Clone)]
struct Table {
    rows: usize,
    columns: Vec<(String, Chunk)>,
}

struct Whole<'a>(&'a Table, Vec<String>);

impl WholeColumns for Whole<'_> {
    fn len(&self) -> u64 {
        self.0.rows as u64
    }

    fn gather(&self, array: usize, positions: &[i64]) -> pilaster::base::Result<Chunk> {
        let chunk = self.0.column(&self.1[array]);
        let values: Vec<Value> = positions
            .iter()
            .map(|&at| if (0..self.0.rows as i64).contains(&at) { chunk.value(at as usize) } else { Value::Null })
            .collect();
        Chunk::from_values(chunk.column_type(), &values)
    }
}

impl Table {
    fn column(&self, name: &str) -> &Chunk {
        &self.columns.iter().find(|(known, _)| known == name).expect("a compiled input exists").1
    }

    fn schema(&self) -> Vec<(String, ColumnType)> {
        self.columns.iter().map(|(name, chunk)| (name.clone(), chunk.column_type())).collect()
    }

    fn take(&self, rows: &[u32]) -> Table {
        let columns = self.columns.iter().map(|(name, chunk)| (name.clone(), chunk.take(rows))).collect();
        Table { rows: rows.len(), columns }
    }

    fn formula(&self, text: &str, scope: &QueryScope) -> pilaster::base::Result<(String, Chunk)> {
        let formula = compile_select(text, &self.schema(), scope)?;
        let columns: Vec<Chunk> = formula.inputs().iter().map(|name| self.column(name).clone()).collect();
        let arrays = Whole(self, formula.arrays().to_vec());
        let positions = Positions::Range(0);
        let input = Input { len: self.rows, columns: &columns, positions, keys: positions, arrays: &arrays };
        Ok((formula.name().to_string(), formula.evaluate(&input)?))
    }

    fn update(&mut self, text: &str, scope: &QueryScope) -> pilaster::base::Result<()> {
        let (name, chunk) = self.formula(text, scope)?;
        match self.columns.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = chunk,
            None => self.columns.push((name, chunk)),
        }
        Ok(())
    }

    fn filter(&self, texts: &[String], scope: &QueryScope) -> pilaster::base::Result<Table> {
        let mut kept: Vec<u32> = (0..self.rows as u32).collect();
        for text in texts {
            let filter = compile_filter(text, &self.schema(), scope)?;
            let columns: Vec<Chunk> = filter.inputs().iter().map(|name| self.column(name).take(&kept)).collect();
            let arrays = Whole(self, filter.arrays().to_vec());
            let positions: Vec<u64> = kept.iter().map(|&row| u64::from(row)).collect();
            let positions = Positions::List(&positions);
            let input = Input { len: kept.len(), columns: &columns, positions, keys: positions, arrays: &arrays };
            let mut selected = Vec::new();
            filter.evaluate(&input, &mut selected)?;
            kept = selected.into_iter().map(|at| kept[at as usize]).collect();
        }
        Ok(self.take(&kept))
    }

    fn apply(self, method: &str, arguments: &[Json], scope: &QueryScope) -> Option<pilaster::base::Result<Table>> {
        let texts: Option<Vec<String>> = arguments.iter().map(|a| a.as_str().map(str::to_string)).collect();
        Some(match (method, texts) {
            ("where", Some(texts)) => self.filter(&texts, scope),
            ("update" | "updateView" | "lazyUpdate", Some(texts)) => {
                let mut table = self;
                match texts.iter().try_for_each(|text| table.update(text, scope)) {
                    Ok(()) => Ok(table),
                    Err(error) => Err(error),
                }
            }
            ("view" | "select", Some(texts)) if !texts.is_empty() => {
                let mut seen = self.clone();
                let mut result = Table { rows: self.rows, columns: Vec::new() };
                let run = texts.iter().try_for_each(|text| {
                    let (name, chunk) = seen.formula(text, scope)?;
                    for columns in [&mut seen.columns, &mut result.columns] {
                        match columns.iter_mut().find(|(known, _)| *known == name) {
                            Some((_, old)) => *old = chunk.clone(),
                            None => columns.push((name.clone(), chunk.clone())),
                        }
                    }
                    Ok(())
                });
                run.map(|()| result)
            }
            ("head", None) => {
                let count = arguments.first()?.as_u64()?.min(self.rows as u64) as u32;
                Ok(self.take(&(0..count).collect::<Vec<_>>()))
            }
            _ => return None,
        })
    }
}

/// `name.method(args).method(args)` with literal arguments, as (name, arguments of the name, calls).
type Script = (String, Vec<Json>, Vec<(String, Vec<Json>)>);

fn parse_script(text: &str) -> Option<Script> {
    let mut rest = text.trim();
    let name_len = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    let name = rest[..name_len].to_string();
    rest = &rest[name_len..];
    let mut own = Vec::new();
    if rest.starts_with('(') {
        (own, rest) = parse_arguments(rest)?;
    }
    let mut calls = Vec::new();
    while let Some(after) = rest.strip_prefix('.') {
        let len = after.find('(')?;
        let method = after[..len].to_string();
        let (arguments, remaining) = parse_arguments(&after[len..])?;
        calls.push((method, arguments));
        rest = remaining;
    }
    rest.trim().is_empty().then_some((name, own, calls))
}

fn parse_arguments(text: &str) -> Option<(Vec<Json>, &str)> {
    let mut rest = text.strip_prefix('(')?;
    let mut arguments = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix(')') {
            return Some((arguments, after));
        }
        let quote = rest.chars().next()?;
        if quote == '"' || quote == '\'' {
            let mut value = String::new();
            let mut chars = rest.char_indices().skip(1);
            let end = loop {
                let (at, c) = chars.next()?;
                match c {
                    '\\' => match chars.next()?.1 {
                        'n' => value.push('\n'),
                        't' => value.push('\t'),
                        other => value.push(other),
                    },
                    c if c == quote => break at + 1,
                    c => value.push(c),
                }
            };
            arguments.push(Json::String(value));
            rest = &rest[end..];
        } else {
            let end = rest.find([',', ')'])?;
            arguments.push(Json::from(rest[..end].trim().parse::<u64>().ok()?));
            rest = &rest[end..];
        }
    }
}

fn scalar(text: &str) -> Option<ScopeValue> {
    let text = text.trim();
    if let Some(list) = text.strip_prefix('[') {
        let items = list.strip_suffix(']')?.split(',');
        let values: Option<Vec<Value>> = items
            .map(|item| match scalar(item) {
                Some(ScopeValue::Value(value)) => Some(value),
                _ => None,
            })
            .collect();
        return values.map(ScopeValue::List);
    }
    let value = match text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
        Some(string) => Value::string(string),
        None => match text.parse::<i64>() {
            Ok(v) => Value::Long(v),
            Err(_) => Value::Double(text.parse().ok()?),
        },
    };
    Some(ScopeValue::Value(value))
}

/// Records of fields; none is an unquoted empty one.
fn csv(text: &str) -> Vec<Vec<Option<String>>> {
    let mut records = Vec::new();
    let mut record = Vec::new();
    let (mut field, mut quoted, mut inside) = (String::new(), false, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if inside && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' => {
                inside = !inside;
                quoted = true;
            }
            ',' | '\n' if !inside => {
                let text = std::mem::take(&mut field);
                record.push((quoted || !text.is_empty()).then_some(text));
                quoted = false;
                if c == '\n' {
                    records.push(std::mem::take(&mut record));
                }
            }
            c => field.push(c),
        }
    }
    records
}

fn value(field: Option<&String>, column_type: ColumnType) -> Value {
    let Some(text) = field else { return Value::Null };
    let float = |text: &str| match text {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        other => other.parse().expect("a number"),
    };
    match column_type {
        ColumnType::String => Value::string(text),
        ColumnType::Char => Value::Char(text.encode_utf16().next().expect("a character")),
        ColumnType::Boolean => Value::Boolean(text == "true"),
        ColumnType::Byte => Value::Byte(text.parse().expect("a byte")),
        ColumnType::Short => Value::Short(text.parse().expect("a short")),
        ColumnType::Int => Value::Int(text.parse().expect("an int")),
        ColumnType::Long => Value::Long(text.parse().expect("a long")),
        ColumnType::Float => Value::Float(float(text) as f32),
        ColumnType::Double => Value::Double(float(text)),
        ColumnType::DateTime => Value::DateTime(text.parse().expect("nanoseconds")),
        other => parse_value(text, other, &mut DateTimeReader::default()).expect("a value"),
    }
}

/// A table from a file; none where a column has a type that formulas do not make.
fn load(path: &Path, schema: &Json) -> Option<Table> {
    let text = read(path)?;
    let records = csv(&text);
    let rows = records.len() - 1;
    let mut columns = Vec::new();
    for (index, entry) in schema.as_array()?.iter().enumerate() {
        let column_type: ColumnType = entry[1].as_str()?.parse().ok()?;
        let values: Vec<Value> = records[1..].iter().map(|record| value(record[index].as_ref(), column_type)).collect();
        columns.push((entry[0].as_str()?.to_string(), Chunk::from_values(column_type, &values).expect("typed values")));
    }
    Some(Table { rows, columns })
}

#[expect(clippy::disallowed_methods, reason = "a test reads what lies beside the repository")]
fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

fn same(a: &Value, b: &Value) -> bool {
    let near = |a: f64, b: f64, tolerance: f64| {
        a == b && a.is_sign_negative() == b.is_sign_negative()
            || a.is_nan() && b.is_nan()
            || (a - b).abs() <= tolerance * a.abs().max(b.abs())
    };
    match (a, b) {
        (Value::Double(a), Value::Double(b)) => near(*a, *b, 1e-12),
        (Value::Float(a), Value::Float(b)) => near(f64::from(*a), f64::from(*b), 1e-6),
        _ => a == b,
    }
}

fn compare(found: &Table, expected: &Table) -> Result<(), String> {
    let shape = |table: &Table| table.schema();
    if shape(found) != shape(expected) || found.rows != expected.rows {
        return Err(format!(
            "{} rows of {:?}, expected {} of {:?}",
            found.rows,
            shape(found),
            expected.rows,
            shape(expected)
        ));
    }
    for ((name, a), (_, b)) in found.columns.iter().zip(&expected.columns) {
        for row in 0..found.rows {
            if !same(&a.value(row), &b.value(row)) {
                return Err(format!("row {row} of {name} is {:?}, expected {:?}", a.value(row), b.value(row)));
            }
        }
    }
    Ok(())
}

enum Outcome {
    Passed,
    Failed(String),
}

fn run(root: &Path, case: &Json, directory: &Path) -> Option<Outcome> {
    let script = case["script"].as_str()?;
    let mut scope = QueryScope::default();
    let mut last = None;
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, expression) = line.split_once('=')?;
        if name.trim() == "result" {
            last = Some(expression);
        } else {
            scope.variables.insert(name.trim().to_string(), scalar(expression)?);
        }
    }
    let (name, own, calls) = parse_script(last?)?;
    let mut table = if name == "emptyTable" {
        Table { rows: own.first()?.as_u64()? as usize, columns: Vec::new() }
    } else {
        let schema: Json = serde_json::from_str(&read(&root.join(format!("tables/{name}.schema.json")))?).ok()?;
        load(&root.join(format!("tables/{name}.csv")), &schema["columns"])?
    };
    let wants_error = case["expect_error"].as_bool().unwrap_or(false);
    let expected = match case["expect"].as_str() {
        Some(file) => Some(load(&directory.join(file), &case["expect_schema"])?),
        None => None,
    };
    for (method, arguments) in &calls {
        table = match table.apply(method, arguments, &scope)? {
            Ok(table) => table,
            Err(_) if wants_error => return Some(Outcome::Passed),
            Err(error) => return Some(Outcome::Failed(error.to_string())),
        };
    }
    let Some(expected) = expected else { return Some(Outcome::Failed("an error was expected".to_string())) };
    Some(match compare(&table, &expected) {
        Ok(()) => Outcome::Passed,
        Err(difference) => Outcome::Failed(difference),
    })
}

fn cases(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for area in ["arith", "cast", "compare", "string", "time", "where", "columns"] {
        #[expect(clippy::disallowed_methods, reason = "a test reads what lies beside the repository")]
        let Ok(entries) = std::fs::read_dir(root.join("cases").join(area)) else { continue };
        found.extend(
            entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "json")),
        );
    }
    found.sort();
    found
}

#[test]
fn recorded_cases_come_out_the_same() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().map(|above| above.join("shared/oracle")).find(|path| path.is_dir());
    let Some(root) = root else {
        println!("0 recorded cases: none lie beside the repository");
        return;
    };
    let (mut passed, mut skipped, mut failures) = (0, 0, Vec::new());
    for path in cases(&root) {
        let case: Json = serde_json::from_str(&read(&path).expect("a readable case")).expect("a case");
        let id = case["id"].as_str().unwrap_or_default().to_string();
        let directory = path.parent().expect("a directory");
        match run(&root, &case, directory).filter(|_| !OTHER.contains(&id.as_str())) {
            Some(Outcome::Passed) => passed += 1,
            Some(Outcome::Failed(why)) => failures.push(format!("{id}: {why}")),
            None => skipped += 1,
        }
    }
    println!("{passed} recorded cases passed, {skipped} skipped");
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}
