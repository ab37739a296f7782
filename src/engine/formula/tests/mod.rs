//! The rules of the language, by their numbers in the reference, as data: an expression, columns, and what comes out.

use super::*;
use crate::base::Value;
use crate::base::array_text::{DateTimeText, write_element};

mod filters;
mod functions;
mod hostile;
mod rules;
mod values;

/// Columns of the tests: name, type and values as text (`null`, or as the type is written).
pub(super) fn table() -> Vec<(&'static str, Chunk)> {
    let strings = |texts: &[Option<&str>]| Chunk::strings(texts.iter().copied()).unwrap();
    let n = crate::base::nulls::NULL_CHAR;
    vec![
        ("A", Chunk::Int(vec![1, -7, i32::MIN, 0])),
        ("B", Chunk::Int(vec![10, 3, 30, i32::MIN])),
        ("L", Chunk::Long(vec![5, -1, i64::MIN, 4_000_000_000])),
        ("Y", Chunk::Byte(vec![1, 127, i8::MIN, -127])),
        ("H", Chunk::Short(vec![2, 300, i16::MIN, -300])),
        ("F", Chunk::Float(vec![1.5, 0.1, -f32::MAX, -0.0])),
        ("X", Chunk::Double(vec![1.5, f64::NAN, -f64::MAX, -0.0])),
        ("D", Chunk::Double(vec![2.5, f64::INFINITY, f64::NEG_INFINITY, 0.0])),
        ("C", Chunk::Char(vec![97, 98, n, 48])),
        ("S", strings(&[Some("hello"), Some(""), None, Some("😀a,b")])),
        ("K", strings(&[Some("ab"), Some("cd"), Some("x"), Some("cd")])),
        ("P", Chunk::Boolean(vec![Boolean::TRUE, Boolean::FALSE, Boolean(-1), Boolean::TRUE])),
        ("Q", Chunk::Boolean(vec![Boolean::TRUE, Boolean::TRUE, Boolean::FALSE, Boolean::FALSE])),
        ("T", Chunk::DateTime(vec![0, 1_503_667_800_000_000_000, i64::MIN, -1])),
    ]
}

struct Whole(Vec<Chunk>);

impl WholeColumns for Whole {
    fn len(&self) -> u64 {
        4
    }

    fn gather(&self, array: usize, positions: &[i64]) -> Result<Chunk> {
        let values: Vec<Value> = positions
            .iter()
            .map(|&at| if (0..4).contains(&at) { self.0[array].value(at as usize) } else { Value::Null })
            .collect();
        Chunk::from_values(self.0[array].column_type(), &values)
    }
}

pub(super) fn scope() -> QueryScope {
    struct Square;
    impl UserFunction for Square {
        fn call(&self, arguments: &[Value]) -> Result<Value> {
            Ok(match arguments {
                [Value::Int(v)] => Value::Long(i64::from(*v) * i64::from(*v)),
                [Value::Null] => Value::Null,
                _ => return Err(Error::invalid("square takes an int")),
            })
        }
    }
    let mut scope = QueryScope::default();
    scope.variables.insert("thr".into(), ScopeValue::Value(Value::Long(5)));
    scope.variables.insert("half".into(), ScopeValue::Value(Value::Double(0.5)));
    scope.variables.insert("name".into(), ScopeValue::Value(Value::string("cd")));
    scope.variables.insert("names".into(), ScopeValue::List(vec![Value::string("cd"), Value::string("x")]));
    scope.functions.insert("square".into(), std::sync::Arc::new(Square));
    scope.clock = Some(std::sync::Arc::new(|| 1_000_000_000));
    scope
}

fn pick(names: &[String], table: &[(&'static str, Chunk)]) -> Vec<Chunk> {
    names.iter().map(|name| table.iter().find(|(known, _)| known == name).unwrap().1.clone()).collect()
}

fn schema(table: &[(&'static str, Chunk)]) -> Vec<(&'static str, ColumnType)> {
    table.iter().map(|(name, chunk)| (*name, chunk.column_type())).collect()
}

/// The column that an expression gives over [`table`], as `type: v, v, v, v`.
pub(super) fn evaluate(expression: &str) -> Result<String> {
    let table = table();
    let formula = compile_select(&format!("R={expression}"), &schema(&table), &scope())?;
    let columns = pick(formula.inputs(), &table);
    let arrays = Whole(pick(formula.arrays(), &table));
    let input = Input {
        len: 4,
        columns: &columns,
        positions: Positions::Range(0),
        keys: Positions::List(&[10, 11, 12, 13]),
        arrays: &arrays,
    };
    let chunk = formula.evaluate(&input)?;
    assert_eq!((chunk.column_type(), chunk.len()), (formula.column_type(), 4), "{expression}");
    // Once more, so that what is remembered a symbol table is used.
    assert_eq!(show(&chunk), show(&formula.evaluate(&input)?), "{expression}");
    Ok(show(&chunk))
}

fn show(chunk: &Chunk) -> String {
    let values: Vec<String> = (0..chunk.len())
        .map(|at| match chunk.value(at) {
            Value::Null => "null".to_string(),
            Value::String(text) => format!("`{text}`"),
            Value::Char(unit) => format!("'{}'", String::from_utf16_lossy(&[unit])),
            Value::Boolean(v) => v.to_string(),
            Value::Byte(v) => v.to_string(),
            Value::Short(v) => v.to_string(),
            Value::Int(v) => v.to_string(),
            Value::Long(v) => v.to_string(),
            Value::Float(v) => format!("{v:?}"),
            Value::Double(v) => format!("{v:?}"),
            Value::DateTime(v) => v.to_string(),
            other => {
                let mut out = Vec::new();
                write_element(&other, DateTimeText::EpochNanos, &mut out);
                String::from_utf8(out).unwrap()
            }
        })
        .collect();
    format!("{}: {}", chunk.column_type(), values.join(" "))
}

/// The rows of [`table`] that a filter keeps.
pub(super) fn filter(text: &str) -> Result<Vec<u32>> {
    let table = table();
    let filter = compile_filter(text, &schema(&table), &scope())?;
    let columns = pick(filter.inputs(), &table);
    let arrays = Whole(pick(filter.arrays(), &table));
    let input =
        Input { len: 4, columns: &columns, positions: Positions::Range(0), keys: Positions::Range(0), arrays: &arrays };
    let mut selected = Vec::new();
    filter.evaluate(&input, &mut selected)?;
    assert_eq!(selected, one_after_the_other(text, &table)?, "{text}: in one piece and part by part");
    if let Some((column, predicate)) = filter.column_predicate() {
        let chunk = &pick(&[column.to_string()], &table)[0];
        let matches: Vec<u32> = (0..4).filter(|&at| predicate.matches(&chunk.value(at as usize))).collect();
        assert_eq!(selected, matches, "{text}: the kernel and the single value disagree");
    }
    Ok(selected)
}

/// The rows that the parts of a filter keep, each evaluated for the rows that those before it left.
fn one_after_the_other(text: &str, table: &[(&'static str, Chunk)]) -> Result<Vec<u32>> {
    let mut kept: Vec<u32> = (0..4).collect();
    for filter in compile_filters(text, &schema(table), &scope())? {
        let columns: Vec<Chunk> = pick(filter.inputs(), table).iter().map(|chunk| chunk.take(&kept)).collect();
        let arrays = Whole(pick(filter.arrays(), table));
        let positions: Vec<u64> = kept.iter().map(|&row| row.into()).collect();
        let positions = Positions::List(&positions);
        let input = Input { len: kept.len(), columns: &columns, positions, keys: positions, arrays: &arrays };
        let mut selected = Vec::new();
        filter.evaluate(&input, &mut selected)?;
        kept = selected.into_iter().map(|at| kept[at as usize]).collect();
    }
    Ok(kept)
}

#[track_caller]
pub(super) fn check(expression: &str, expected: &str) {
    match evaluate(expression) {
        Ok(found) => assert_eq!(found, expected, "{expression}"),
        Err(error) => panic!("{expression}: {error}"),
    }
}

#[track_caller]
pub(super) fn keeps(text: &str, expected: &[u32]) {
    match filter(text) {
        Ok(found) => assert_eq!(found, expected, "{text}"),
        Err(error) => panic!("{text}: {error}"),
    }
}

/// The message of what an expression or filter errs with contains this.
#[track_caller]
pub(super) fn refuses(text: &str, message: &str) {
    let (column, row_filter) = (evaluate(text), filter(text));
    let found = column.err().or(row_filter.err());
    let shown = found.map(|error| error.to_string()).unwrap_or_else(|| "no error".to_string());
    assert!(shown.contains(message), "{text}: {shown}");
}
