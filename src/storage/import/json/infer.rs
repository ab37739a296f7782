//! Finds out what the fields of JSON objects are.

use super::scanner::{Scanner, Token};
use super::shape::{self, leaves};
use super::{JsonForm, objects};
use crate::base::limits::COLUMN_COUNT_MAX;
use crate::base::names::LegalNames;
use crate::base::text::{DateTimeForm, DateTimeReader};
use crate::base::{ColumnType, Error, Result};
use crate::storage::import::csv::blocks::Block;
use crate::storage::import::csv::candidates::Candidates;
use crate::storage::import::csv::dialect::count_line_ends;
use crate::storage::import::csv::infer::{FILE_SHIFT, finding};
use crate::storage::import::csv::reader::run;
use crate::storage::import::csv::{CsvInference, CsvInput, CsvOptions, CsvReader};
use foldhash::quality::FixedState;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;

/// Finds out the paths of the leaves of all objects, or of about the first `rows_max` of each stream, and their types.
///
/// Numbers are int, long or double, whichever is the first that loses nothing; true and false boolean; strings DateTime or char where all are, else String (also `"NaN"` and
/// `"Infinity"` among numbers are numbers). Arrays of one kind of these are arrays; other arrays, and values of several kinds, are String: their JSON text. `tick` is called
/// often; its error stops the work.
pub fn infer_json(
    inputs: Vec<CsvInput>,
    options: &CsvOptions,
    rows_max: Option<u64>,
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<CsvInference> {
    let mut files = Vec::new();
    let mut all = Sample::default();
    let mut complete = true;
    for (number, input) in inputs.into_iter().enumerate() {
        let reader = CsvReader::open_json(input, options, &[])?;
        let (name, options, blocks, _, lines) = reader.into_parts();
        let mut own = Sample { lines, ..Sample::default() };
        let mut consume = |sample: Result<Sample>| {
            own.merge(sample.map_err(|error| error.at_path(Path::new(&name)))?)?;
            if rows_max.is_some_and(|most| own.rows >= most) {
                complete = false;
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        };
        run(blocks, &|block| sample(&block, &options), &mut consume, tick)?;
        if own.rows == 0 && own.bad > 0 {
            return Err(Error::parse("no line is a JSON object").at_path(Path::new(&name)));
        }
        for field in own.fields.values_mut() {
            field.shift_lines(|line| line | (number as u64) << FILE_SHIFT);
        }
        files.push(name);
        all.lines = 0;
        all.merge(own)?;
    }
    if files.is_empty() {
        return Err(Error::invalid("there is no file to infer from"));
    }
    if all.order.is_empty() {
        return Err(Error::invalid("the objects have no fields").at_path(Path::new(&files[0])));
    }
    let mut names = LegalNames::default();
    let mut columns = Vec::new();
    for path in &all.order {
        let Some(mut field) = all.fields.remove(path) else { continue };
        let below = format!("{path}.");
        if field.values.values == 0
            && field.elements.is_none()
            && all.order.iter().any(|other| other.starts_with(&below))
        {
            // Null where it is not an object, whose own fields say the same.
            continue;
        }
        let name = names.name(path);
        let present = field.values.values + field.values.empties;
        let arrays = field.elements.take().map(|(count, elements)| (count, elements.column_type()));
        field.values.nulls = all.rows.saturating_sub(present + arrays.map_or(0, |(count, _)| count));
        let mut found = finding(path, name, all.rows, field.values, &files);
        found.column.null_count = found.column.null_count.min(all.rows);
        match arrays {
            Some((_, element)) if present == 0 => {
                if let Ok(array) = element.array() {
                    found.column.column_type = array;
                    found.column.distinct_count = found.column.row_count - found.column.null_count;
                    found.column.ascending = false;
                }
            }
            Some(_) => found.column.column_type = ColumnType::String,
            None => {}
        }
        columns.push(found);
    }
    let dialect = options.dialect;
    Ok(CsvInference { columns, row_count: all.rows, bad_record_count: all.bad, complete, dialect })
}

/// What some blocks told.
#[derive(Default)]
struct Sample {
    fields: HashMap<String, FieldSample>,
    /// Paths in the order of first appearance.
    order: Vec<String>,
    rows: u64,
    bad: u64,
    lines: u64,
}

#[derive(Default)]
struct FieldSample {
    values: Candidates,
    /// How many arrays there were, and what is in them.
    elements: Option<(u64, Box<Candidates>)>,
}

impl FieldSample {
    fn shift_lines(&mut self, change: impl Fn(u64) -> u64) {
        let elements = self.elements.iter_mut().flat_map(|(_, elements)| elements.ruled_out.iter_mut());
        for (line, _) in self.values.ruled_out.iter_mut().chain(elements).flatten() {
            *line = change(*line);
        }
    }
}

impl Sample {
    fn merge(&mut self, mut later: Sample) -> Result<()> {
        for path in std::mem::take(&mut later.order) {
            let Some(mut its) = later.fields.remove(&path) else { continue };
            its.shift_lines(|line| line + self.lines);
            match self.fields.get_mut(&path) {
                Some(mine) => {
                    mine.values.merge(its.values);
                    match (&mut mine.elements, its.elements) {
                        (Some((count, mine)), Some((more, its))) => {
                            *count += more;
                            mine.merge(*its);
                        }
                        (mine, its) => *mine = mine.take().or(its),
                    }
                }
                None => {
                    self.order.push(path.clone());
                    self.fields.insert(path, its);
                }
            }
        }
        if self.order.len() > COLUMN_COUNT_MAX {
            return Err(Error::limit(format!("the objects have more than {COLUMN_COUNT_MAX} fields"))
                .hint("are names of fields values in truth?"));
        }
        let width = self.order.len();
        for field in self.fields.values_mut() {
            field.values.distinct.limit(width);
            field.elements.iter_mut().for_each(|(_, elements)| elements.distinct.limit(width));
        }
        self.rows += later.rows;
        self.bad += later.bad;
        self.lines += later.lines;
        Ok(())
    }

    /// The field of a path; none where that would be more fields than are refused anyway.
    fn field(&mut self, path: &str) -> Option<&mut FieldSample> {
        if !self.fields.contains_key(path) && self.order.len() <= COLUMN_COUNT_MAX {
            self.order.push(path.to_string());
            self.fields.insert(path.to_string(), FieldSample::default());
        }
        self.fields.get_mut(path)
    }
}

fn sample(block: &Block, options: &CsvOptions) -> Result<Sample> {
    let bytes = &block.bytes;
    if let Err(error) = std::str::from_utf8(bytes) {
        return Err(Error::parse("the text is not UTF-8").at_offset(block.offset + error.valid_up_to() as u64));
    }
    let state = FixedState::default();
    let mut date_times = DateTimeReader::new(options.zone.as_ref(), DateTimeForm::Iso);
    let (mut sample, mut scratch, mut text) = (Sample::default(), Vec::new(), Vec::new());
    let form = options.dialect.json.unwrap_or(JsonForm::Lines);
    objects::for_each_object(bytes, 0, form, &mut |range| {
        let object = Scanner { bytes: &bytes[..range.end], at: range.start };
        // Twice over its text, rather than to remember millions of fields of one that is damaged at its end.
        if leaves(&mut object.clone(), &mut scratch, &mut |_, _| {}).is_err() {
            sample.bad += 1;
            return Some(range.end);
        }
        sample.rows += 1;
        let mut scanner = object;
        let mut take = |path: &str, token| {
            let Some(field) = sample.field(path) else { return };
            match token {
                Token::Nested { start, end } if bytes[start] == b'[' => {
                    let (count, elements) = field.elements.get_or_insert_with(Default::default);
                    *count += 1;
                    let mut inner = Scanner { bytes: &bytes[..end - 1], at: start + 1 };
                    while inner.next().is_some() {
                        let Ok(token) = inner.value() else { break };
                        add(elements, token, bytes, range.start, &mut date_times, &state, &mut text);
                        if inner.next() == Some(b',') {
                            inner.at += 1;
                        }
                    }
                }
                token => add(&mut field.values, token, bytes, range.start, &mut date_times, &state, &mut text),
            }
        };
        let _ = leaves(&mut scanner, &mut scratch, &mut take);
        (sample.order.len() <= COLUMN_COUNT_MAX).then_some(scanner.at)
    });
    for field in sample.fields.values_mut() {
        field.shift_lines(|at| count_line_ends(&bytes[..at as usize]));
    }
    sample.lines = count_line_ends(bytes);
    Ok(sample)
}

/// Looks at one value; `at` is where its object begins.
fn add(
    candidates: &mut Candidates,
    token: Token,
    bytes: &[u8],
    at: usize,
    date_times: &mut DateTimeReader,
    state: &FixedState,
    scratch: &mut Vec<u8>,
) {
    match token {
        Token::Null => candidates.nulls += 1,
        // An object in an array, or an array in one, is text.
        Token::Bare { start, end } | Token::Nested { start, end } => {
            candidates.add(&bytes[start..end], at as u64, date_times, state);
            candidates.rule_out_bare(&bytes[start..end], at as u64);
        }
        Token::Text { .. } => {
            let text = shape::text(token, bytes, scratch);
            if text.is_empty() {
                candidates.empties += 1;
                return;
            }
            candidates.add(text.as_bytes(), at as u64, date_times, state);
            if !matches!(text, "NaN" | "Infinity" | "-Infinity") {
                candidates.rule_out_quoted(text.as_bytes(), at as u64);
            }
        }
    }
}
