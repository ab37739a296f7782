//! The rules of the language by their numbers: the cases of `testdata/rules/*.txt`, each a script over the tables of `tables.txt` and what
//! it gives.
//!
//! A case is a script of one line or some, then `= Name type: value value … | Name type: …`, or `! part of the message` where it must
//! fail. Null is `null`, text stands between backticks, characters between quotes, date-times are nanoseconds. Floating values may
//! differ by 1e-12 of their size (floats 1e-6), zeros by nothing. With `PILASTER_BLESS=1` what stands there is rewritten instead: only
//! for cases whose new result is known to be right.
#![expect(clippy::disallowed_methods, reason = "tests read their own data")]

use pilaster::base::array_text::{DateTimeText, write_element};
use pilaster::base::{ColumnType, Value};
use pilaster::engine::{QueryLimits, Table};
use pilaster::memory::Chunk;
use pilaster_script::{Options, ScriptValue};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The last rule of the list.
const LAST_RULE: u32 = 130;

#[derive(PartialEq, Debug)]
enum Expected {
    Columns(String),
    Error(String),
}

struct Case {
    rule: u32,
    line: usize,
    script: String,
    expected: Expected,
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/rules")
}

/// The rules' files, without the one of tables.
fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.file_name().unwrap() != "tables.txt");
    files.sort();
    files
}

/// The cases of a file: whatever stands between a rule's head or a result and the next result is one script.
fn cases(text: &str) -> Vec<Case> {
    let (mut cases, mut rule, mut script, mut line) = (Vec::new(), 0, String::new(), 0);
    for (at, text) in text.lines().enumerate().skip(1) {
        if let Some(number) = text.strip_prefix("rule ") {
            assert_eq!(script, "", "line {at}: a script without a result");
            rule = number.parse().unwrap();
            continue;
        }
        let expected = match text.split_at_checked(1) {
            Some(("=", rest)) => Expected::Columns(rest.trim().to_owned()),
            Some(("!", rest)) => Expected::Error(rest.trim().to_owned()),
            _ => {
                if script.is_empty() {
                    line = at + 1;
                }
                if !(text.is_empty() && script.is_empty()) {
                    script += text;
                    script.push('\n');
                }
                continue;
            }
        };
        cases.push(Case { rule, line, script: std::mem::take(&mut script), expected });
    }
    assert_eq!(script.trim(), "", "a script without a result");
    cases
}

/// The words of a line: up to a space, but for text between backticks, quotes and double quotes.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut within, mut escaped) = (Vec::new(), String::new(), None, false);
    for c in text.chars() {
        if within.is_none() && c == ' ' {
            words.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
            continue;
        }
        word.push(c);
        match within {
            _ if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(end) if c == end => within = None,
            None if "`'\"".contains(c) => within = Some(c),
            _ => {}
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}

/// `Name type: value … | Name type: …` as name, type and values.
fn columns(text: &str) -> Vec<(String, String, Vec<String>)> {
    let words = words(text);
    let column = |words: &[String]| match words {
        [name, column_type, values @ ..] => {
            (name.clone(), column_type.trim_end_matches(':').to_owned(), values.to_vec())
        }
        _ => panic!("{text:?} has a column without name and type"),
    };
    if words.is_empty() { Vec::new() } else { words.split(|word| word == "|").map(column).collect() }
}

fn parsed(column_type: ColumnType, word: &str) -> Value {
    let within = || word.get(1..word.len() - 1).unwrap();
    match column_type {
        _ if word == "null" => Value::Null,
        ColumnType::String => Value::string(within()),
        ColumnType::Char => Value::Char(within().encode_utf16().next().unwrap()),
        ColumnType::Boolean => Value::Boolean(word.parse().unwrap()),
        ColumnType::Byte => Value::Byte(word.parse().unwrap()),
        ColumnType::Short => Value::Short(word.parse().unwrap()),
        ColumnType::Int => Value::Int(word.parse().unwrap()),
        ColumnType::Long => Value::Long(word.parse().unwrap()),
        ColumnType::Float => Value::Float(word.parse().unwrap()),
        ColumnType::Double => Value::Double(word.parse().unwrap()),
        ColumnType::DateTime => Value::DateTime(word.parse().unwrap()),
        other => panic!("no column of {other} in tables.txt"),
    }
}

/// The tables of `tables.txt`.
fn tables() -> Vec<(String, Table)> {
    let text = std::fs::read_to_string(directory().join("tables.txt")).unwrap();
    let table = |block: &str| {
        let mut lines = block.lines();
        let name = lines.next().unwrap().to_owned();
        let chunks = lines.take_while(|line| !line.is_empty()).map(|line| {
            let (name, column_type, values) = columns(line).swap_remove(0);
            let column_type: ColumnType = column_type.parse().unwrap();
            let values: Vec<Value> = values.iter().map(|word| parsed(column_type, word)).collect();
            (name, Chunk::from_values(column_type, &values).unwrap())
        });
        (name, Table::new_table(chunks.collect()).unwrap())
    };
    text.split("\ntable ").skip(1).map(table).collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => {
            format!("`{}`", text.replace('\\', "\\\\").replace('`', "\\`").replace('\n', "\\n").replace('\t', "\\t"))
        }
        Value::Char(unit) => format!("'{}'", String::from_utf16_lossy(&[*unit])),
        Value::Boolean(value) => value.to_string(),
        Value::Byte(value) => value.to_string(),
        Value::Short(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Long(value) | Value::DateTime(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
        Value::Double(value) => format!("{value:?}"),
        other => {
            let mut text = Vec::new();
            write_element(other, DateTimeText::EpochNanos, &mut text);
            String::from_utf8(text).unwrap()
        }
    }
}

/// What a script gives, as its case writes it.
fn found(script: &str, tables: &[(String, Table)]) -> Expected {
    let options = Options {
        file_name: "rule",
        limits: Arc::new(QueryLimits::default().with_time(Duration::from_secs(60))),
        variables: tables.iter().map(|(name, table)| (name.clone(), ScriptValue::Table(table.clone()))).collect(),
        ..Default::default()
    };
    let outcome = match pilaster_script::run(script, None, options) {
        Ok(outcome) => outcome,
        // Only what went wrong, not where.
        Err(error) => return Expected::Error(error.error().to_string().lines().next().unwrap_or("").to_owned()),
    };
    let ScriptValue::Table(table) = outcome.value else { panic!("{script} gives no table") };
    let names = table.column_names();
    let read = table.row_count().and_then(|count| table.read(&names, 0..count));
    let chunks = match read {
        Ok(chunks) => chunks,
        Err(error) => return Expected::Error(error.to_string().lines().next().unwrap_or("").to_owned()),
    };
    let column = |(name, chunk): (&&str, &Chunk)| {
        let values: Vec<String> = (0..chunk.len()).map(|at| shown(&chunk.value(at))).collect();
        format!("{name} {}: {}", chunk.column_type(), values.join(" ")).trim_end().to_owned()
    };
    Expected::Columns(names.iter().zip(&chunks).map(column).collect::<Vec<_>>().join(" | "))
}

/// Whether two values of a type are one: words, or numbers but for their last digits.
fn same(column_type: &str, a: &str, b: &str) -> bool {
    let float = column_type.starts_with("float");
    if a == b || !float && !column_type.starts_with("double") {
        return a == b;
    }
    let parts = |text: &str| -> Vec<String> { text.split(['[', ']', ',']).map(str::to_owned).collect() };
    let (a, b) = (parts(a), parts(b));
    let close = |a: &String, b: &String| match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) if a == b => a.is_sign_negative() == b.is_sign_negative(),
        (Ok(a), Ok(b)) if a.is_finite() && b.is_finite() => {
            (a - b).abs() <= if float { 1e-6 } else { 1e-12 } * a.abs().max(b.abs())
        }
        (Ok(a), Ok(b)) => a.is_nan() && b.is_nan(),
        _ => a == b,
    };
    a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| close(a, b))
}

fn agrees(expected: &Expected, found: &Expected) -> bool {
    match (expected, found) {
        (Expected::Error(part), Expected::Error(message)) => !part.is_empty() && message.contains(part.as_str()),
        (Expected::Columns(expected), Expected::Columns(found)) => {
            let (expected, found) = (columns(expected), columns(found));
            expected.len() == found.len()
                && expected.iter().zip(&found).all(|((name, of, values), (found_name, found_of, found_values))| {
                    name == found_name
                        && of == found_of
                        && values.len() == found_values.len()
                        && values.iter().zip(found_values).all(|(a, b)| same(of, a, b))
                })
        }
        _ => false,
    }
}

fn line_of(result: &Expected) -> String {
    match result {
        Expected::Columns(text) => format!("= {text}").trim_end().to_owned(),
        Expected::Error(message) => format!("! {message}").trim_end().to_owned(),
    }
}

#[test]
fn every_rule_gives_what_stands_below_its_cases() {
    let tables = tables();
    let bless = std::env::var_os("PILASTER_BLESS").is_some();
    let (mut wrong, mut count) = (Vec::new(), 0);
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut rewritten = text.lines().next().unwrap_or("").to_owned() + "\n";
        let mut rule = 0;
        for case in cases(&text) {
            let found = found(&case.script, &tables);
            count += 1;
            let right = agrees(&case.expected, &found);
            if !right {
                let name = file.file_name().unwrap().to_string_lossy().into_owned();
                wrong.push(format!(
                    "{name}:{}: rule {}: {}  {}\n  found {}",
                    case.line,
                    case.rule,
                    case.script,
                    line_of(&case.expected),
                    line_of(&found)
                ));
            }
            if case.rule != rule {
                rule = case.rule;
                rewritten += &format!("\nrule {rule}\n");
            }
            rewritten += &format!("{}{}\n", case.script, line_of(if right { &case.expected } else { &found }));
        }
        if bless {
            std::fs::write(file, rewritten).unwrap();
        }
    }
    assert!(bless || wrong.is_empty(), "{} of {count} cases differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_rule_has_cases() {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for file in files() {
        for case in cases(&std::fs::read_to_string(file).unwrap()) {
            *counts.entry(case.rule).or_default() += 1;
        }
    }
    let without: BTreeSet<u32> = (1..=LAST_RULE).filter(|rule| !counts.contains_key(rule)).collect();
    assert_eq!(without, BTreeSet::new(), "rules without a case");
    assert!(counts.keys().all(|rule| (1..=LAST_RULE).contains(rule)), "a rule beyond the list");
}
