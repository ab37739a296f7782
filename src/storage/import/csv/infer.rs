//! Finds out what the columns of a stream are, from all of it or its beginning, with the evidence.

use super::blocks::Block;
use super::candidates::{CANDIDATES, Candidates};
use super::day_month::Order;
use super::dialect::{count_line_ends, trim_space};
use super::reader::run;
use super::records::find_records;
use super::words::{is_of_symbols, is_of_time};
use super::{CsvInput, CsvOptions, CsvReader, Detect, Dialect};
use crate::base::names::LegalNames;
use crate::base::text::{DateTimeForm, DateTimeReader, EpochUnit};
use crate::base::{ColumnType, Error, Result};
use crate::storage::schema::InferredColumn;
use foldhash::quality::FixedState;
use std::ops::ControlFlow;
use std::path::Path;

/// What was found out of streams.
#[derive(Clone, Debug)]
pub struct CsvInference {
    /// The columns in the order of the file.
    pub columns: Vec<ColumnFinding>,
    /// Records looked at, those left out not counted.
    pub row_count: u64,
    /// Records left out since their number of fields is not the header's, or a quote is wrong.
    pub bad_record_count: u64,
    /// True if all of it was looked at.
    pub complete: bool,
    /// How the first of the streams is written: as the options say, but for what they let be found out.
    pub dialect: Dialect,
}

/// What was found out of one column.
#[derive(Clone, Debug)]
pub struct ColumnFinding {
    /// What a schema is proposed from.
    pub column: InferredColumn,
    /// The types that come before the one found, each with the first value that ruled it out.
    pub ruled_out: Vec<RuledOut>,
    /// The one value that all rows have, if they have one.
    pub constant: Option<String>,
    /// The earliest and latest date-time, nanoseconds since the epoch.
    pub time_range: Option<(i64, i64)>,
    /// True if some date-times name no zone, so that the options' was taken.
    pub zone_assumed: bool,
    /// The unit in which numbers are taken for times since the epoch: the column is a DateTime then.
    pub epoch: Option<EpochUnit>,
    /// The pattern by which all texts are date-times, which they are by no other: the column is a DateTime then.
    pub pattern: Option<String>,
    /// Two patterns by either of which they are.
    pub patterns: Option<(String, String)>,
    /// The least and greatest number of a column whose name speaks of time and whose numbers are not taken for times.
    pub untimely: Option<(f64, f64)>,
}

/// Why a column is not of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuledOut {
    /// The type.
    pub column_type: ColumnType,
    /// The file that has it.
    pub file: String,
    /// The line where the record begins, from 1.
    pub line: u64,
    /// The value, shortened.
    pub text: String,
}

impl CsvInference {
    /// The columns as a schema is proposed from.
    pub fn columns(&self) -> Vec<InferredColumn> {
        self.columns.iter().map(|finding| finding.column.clone()).collect()
    }
}

/// Finds out the types of the columns of one or more streams with the same columns, from all of them or from about the first `rows_max`
/// records of each.
///
/// A column is the first of int, long, double, boolean, DateTime and char that can hold each of its values without losing anything, else a
/// String; single characters are a String too in a column whose name says that it names things. What looks like a number but begins with a zero or a plus, or has more digits than a long, is text. A date without a time is
/// text. Numbers in a column whose name speaks of time, all of which are of the years 1980 to 2100 in one unit since the epoch, are DateTime. A column without values is a String. `tick` is called often; its error stops the work.
pub fn infer_csv(
    inputs: Vec<CsvInput>,
    options: &CsvOptions,
    rows_max: Option<u64>,
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<CsvInference> {
    let mut names: Option<Vec<String>> = None;
    let mut files: Vec<(String, Sample)> = Vec::new();
    let mut complete = true;
    let mut options = options.clone();
    for input in inputs {
        let reader = CsvReader::open(input, &options)?;
        (options.dialect, options.detect) = (reader.options().dialect, Detect::default());
        let expected = names.get_or_insert_with(|| reader.names().to_vec());
        if let Some(differs) = first_difference(expected, reader.names()) {
            return Err(Error::invalid(format!("the columns are not those of the first file: {differs}"))
                .at_path(Path::new(reader.name())));
        }
        let (sample, whole, name) = sample(reader, rows_max, tick)?;
        complete &= whole;
        files.push((name, sample));
    }
    let Some(names) = names else { return Err(Error::invalid("there is no file to infer from")) };
    let file_names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    let mut all = Sample { columns: vec![Candidates::default(); names.len()], ..Sample::default() };
    for (number, (_, mut sample)) in files.into_iter().enumerate() {
        // Lines are counted in each file: they carry its number in their upper bits.
        all.lines = 0;
        for (line, _) in sample.columns.iter_mut().flat_map(|column| column.ruled_out.iter_mut().flatten()) {
            *line |= (number as u64) << FILE_SHIFT;
        }
        all.merge(sample);
    }
    if all.rows == 0 && all.bad_records > 0 {
        let fields = if names.len() == 1 { "one field" } else { &format!("{} fields", names.len()) };
        return Err(Error::parse(format!("no record has the {fields} that the header has"))
            .at_path(Path::new(&file_names[0]))
            .hint(delimiter_hint(&names).unwrap_or_else(|| "is the delimiter right?".to_string())));
    }
    let mut legal = LegalNames::default();
    let columns = names
        .iter()
        .zip(all.columns)
        .map(|(source_name, candidates)| {
            finding(source_name, legal.name(source_name), all.rows, candidates, &file_names)
        })
        .collect();
    Ok(CsvInference {
        columns,
        row_count: all.rows,
        bad_record_count: all.bad_records,
        complete,
        dialect: options.dialect,
    })
}

/// A way out for a header that is one name only, with what usually separates names in it.
pub fn delimiter_hint(names: &[String]) -> Option<String> {
    let [name] = names else { return None };
    let (_, written) =
        [('\t', "\\t"), (';', ";"), ('|', "|"), (',', ",")].into_iter().find(|(c, _)| name.contains(*c))?;
    Some(format!("the header is one name; --delimiter '{written}' would separate it"))
}

/// Where in a line number that of its file begins. No file has so many lines, nobody so many files.
pub(in crate::storage::import) const FILE_SHIFT: u32 = 44;

/// What is known of one stream, whether all of it was looked at, and its name.
fn sample(
    reader: CsvReader,
    rows_max: Option<u64>,
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<(Sample, bool, String)> {
    let (name, options, blocks, names, lines) = reader.into_parts();
    let sampler = Sampler { options: &options, column_count: names.len() };
    let mut all = Sample { columns: vec![Candidates::default(); names.len()], lines, ..Sample::default() };
    let mut complete = true;
    let mut consume = |sample: Result<Sample>| {
        all.merge(sample.map_err(|error| error.at_path(Path::new(&name)))?);
        if rows_max.is_some_and(|most| all.rows >= most) {
            complete = false;
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    };
    run(blocks, &|block| sampler.sample(&block), &mut consume, tick)?;
    Ok((all, complete, name))
}

fn first_difference(expected: &[String], found: &[String]) -> Option<String> {
    if expected.len() != found.len() {
        return Some(format!("{} columns, not {}", found.len(), expected.len()));
    }
    let at = (0..expected.len()).find(|&at| expected[at] != found[at])?;
    Some(format!("column {} is {}, not {}", at + 1, found[at], expected[at]))
}

/// What some blocks told; line ends are counted from their begin.
#[derive(Default)]
struct Sample {
    columns: Vec<Candidates>,
    rows: u64,
    bad_records: u64,
    lines: u64,
}

impl Sample {
    fn merge(&mut self, later: Sample) {
        let width = self.columns.len();
        for (mine, mut its) in self.columns.iter_mut().zip(later.columns) {
            mine.distinct.limit(width);
            for (at, _) in its.ruled_out.iter_mut().flatten() {
                *at += self.lines;
            }
            mine.merge(its);
        }
        self.rows += later.rows;
        self.bad_records += later.bad_records;
        self.lines += later.lines;
    }
}

struct Sampler<'a> {
    options: &'a CsvOptions,
    column_count: usize,
}

impl Sampler<'_> {
    fn sample(&self, block: &Block) -> Result<Sample> {
        let bytes = &block.bytes;
        if let Err(error) = std::str::from_utf8(bytes) {
            return Err(Error::parse("the text is not UTF-8")
                .at_offset(block.offset + error.valid_up_to() as u64)
                .hint("convert the file to UTF-8 first"));
        }
        let records = find_records(bytes, 0, self.options, self.column_count, usize::MAX);
        let state = FixedState::default();
        let mut scratch = Vec::new();
        let columns = (0..self.column_count)
            .map(|column| {
                let mut candidates = Candidates { style: self.options.dialect.numbers, ..Candidates::default() };
                let mut date_times = DateTimeReader::new(self.options.zone.as_ref(), DateTimeForm::Iso);
                for (row, field) in records.column(column).enumerate() {
                    let text = field.text(bytes, &self.options.dialect, &mut scratch);
                    let trimmed = trim_space(text);
                    if field.is_plain() && (trimmed.is_empty() || self.options.nulls.contains(trimmed)) {
                        candidates.nulls += 1;
                    } else if trimmed.is_empty() {
                        candidates.empties += 1;
                    } else {
                        candidates.add(trimmed, row as u64, &mut date_times, &state);
                    }
                }
                // Rows become lines once a column and type, not once a value.
                for (at, _) in candidates.ruled_out.iter_mut().flatten() {
                    *at = count_line_ends(&bytes[..records.start(*at as usize)]);
                }
                candidates
            })
            .collect();
        Ok(Sample {
            columns,
            rows: records.row_count() as u64,
            bad_records: records.bad_count,
            lines: count_line_ends(bytes),
        })
    }
}

pub(in crate::storage::import) fn finding(
    source_name: &str,
    name: String,
    rows: u64,
    candidates: Candidates,
    files: &[String],
) -> ColumnFinding {
    let column_type = match candidates.column_type() {
        // The next file will have longer ones.
        ColumnType::Char if is_of_symbols(source_name) => ColumnType::String,
        found => found,
    };
    let before = CANDIDATES.iter().position(|candidate| *candidate == column_type).unwrap_or(CANDIDATES.len());
    let ruled_out = CANDIDATES[..before]
        .iter()
        .zip(&candidates.ruled_out)
        .filter_map(|(candidate, evidence)| {
            let (line, text) = evidence.as_ref()?;
            let file = files.get((line >> FILE_SHIFT) as usize).cloned().unwrap_or_default();
            let line = (line & ((1 << FILE_SHIFT) - 1)) + 1;
            Some(RuledOut { column_type: *candidate, file, line, text: text.clone() })
        })
        .collect();
    let is_string = column_type == ColumnType::String;
    let null_count = candidates.nulls + if is_string { 0 } else { candidates.empties };
    // An estimate may be too high; there are no more values than rows that have one.
    let distinct_count = candidates.distinct.count() + u64::from(is_string && candidates.empties > 0);
    let distinct_count = distinct_count.min(rows.saturating_sub(null_count));
    let ascending = match column_type {
        ColumnType::Int | ColumnType::Long | ColumnType::Double => candidates.numbers.ascending,
        ColumnType::DateTime => candidates.times.ascending,
        _ => candidates.texts.ascending,
    };
    let is_time = column_type == ColumnType::DateTime;
    let epoch = candidates.epoch(source_name);
    let numbers = candidates.numbers.range();
    let is_number = matches!(column_type, ColumnType::Int | ColumnType::Long | ColumnType::Double);
    let untimely = numbers.filter(|_| is_number && epoch.is_none() && is_of_time(source_name));
    let of_epoch = |unit: EpochUnit| {
        let nanos = |number: f64| (number * unit.nanos() as f64) as i64;
        numbers.map(|(least, greatest)| (nanos(least), nanos(greatest)))
    };
    let (mut pattern, mut patterns, mut slashed) = (None, None, None);
    match candidates.day_month.order() {
        Order::Told(told, times) if is_string => (pattern, slashed) = (Some(told.to_string()), Some(times)),
        Order::Open(one, other) if is_string => patterns = Some((one.to_string(), other.to_string())),
        _ => {}
    }
    let null_count = null_count + if pattern.is_some() { candidates.empties } else { 0 };
    let constant = (distinct_count == 1 && null_count == 0).then(|| candidates.samples.first().cloned()).flatten();
    ColumnFinding {
        ruled_out,
        constant,
        time_range: epoch
            .and_then(of_epoch)
            .or_else(|| candidates.times.range().filter(|_| is_time))
            .or_else(|| slashed?.range()),
        epoch,
        untimely,
        zone_assumed: (is_time && candidates.without_zone) || pattern.is_some(),
        column: InferredColumn {
            source_name: source_name.to_string(),
            name,
            column_type: if epoch.is_some() || pattern.is_some() { ColumnType::DateTime } else { column_type },
            row_count: rows,
            null_count,
            distinct_count,
            ascending: slashed.map_or(ascending, |times| times.ascending),
            samples: candidates.samples,
        },
        pattern,
        patterns,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn infer(text: &str, options: &CsvOptions) -> Result<CsvInference> {
        let input = CsvInput::new("x.csv", Box::new(Cursor::new(text.to_string().into_bytes())));
        infer_csv(vec![input], options, None, &mut || Ok(()))
    }

    #[test]
    fn the_narrowest_type_that_loses_nothing() {
        use ColumnType::*;
        for (values, expected, evidence) in [
            ("1 2 -3", Int, ""),
            ("2147483647 -2147483647", Int, ""),
            ("1 2147483648", Long, "int line 3 2147483648"),
            ("1 -2147483648", Long, "int line 3 -2147483648"),
            ("1 9223372036854775808", String, "int line 3 9223372036854775808"),
            ("1 1.5", Double, "int line 3 1.5"),
            ("1e5 NaN -Infinity", Double, "int line 2 1e5"),
            ("1.5 x", String, "int line 2 1.5"),
            ("007 8", String, "int line 2 007"),
            ("0 0.5 -0.5", Double, ""),
            ("00.5", String, ""),
            ("+49123", String, ""),
            ("true FALSE", Boolean, "int line 2 true"),
            ("true 1", String, ""),
            ("2017-08-25T04:00:00Z 2017-08-25T04:00:00.5-04:00", DateTime, ""),
            ("2017-08-25T04:00 2017-08-25T04:00:00Z", DateTime, ""),
            ("2017-08-25", String, "int line 2 2017-08-25"),
            ("2017-08-25T04:00:00Z 2017-02-30T04:00:00Z", String, ""),
            ("Q P é", Char, "int line 2 Q"),
            ("1 2 Q", Char, "int line 4 Q"),
            ("Q PP", String, ""),
            ("\"1\" \"\" 2", Int, ""),
            ("(null) 1 (null)", Int, ""),
            ("(null) (null)", String, ""),
            ("\"\" \"\"", String, ""),
        ] {
            for block_bytes in [16, 1 << 20] {
                let text = format!("A\n{}\n", values.replace(' ', "\n"));
                let options = CsvOptions { block_bytes, ..CsvOptions::default() };
                let found = infer(&text, &options).unwrap().columns.remove(0);
                assert_eq!(found.column.column_type, expected, "{values}");
                let said = found.ruled_out.first().map(|r| format!("{} line {} {}", r.column_type, r.line, r.text));
                assert!(evidence.is_empty() || said.as_deref() == Some(evidence), "{values}: {said:?}");
            }
        }
    }

    #[test]
    fn what_a_schema_needs_is_found() {
        let text = "Date,Sym,Time Stamp,Size,Size\n\
            2017-08-25,A,2017-08-25 04:00:00,1,x\n2017-08-25,A,2017-08-25 04:00:01,,y\n2017-08-25,B,2017-08-25 04:00:01,3,\"\"\n2017-08-25,A,2017-08-25 04:00:02,2\n";
        for block_bytes in [16, 1 << 20] {
            let found = infer(text, &CsvOptions { block_bytes, ..CsvOptions::default() }).unwrap();
            assert_eq!((found.row_count, found.bad_record_count, found.complete), (3, 1, true));
            let names: Vec<&str> = found.columns.iter().map(|c| c.column.name.as_str()).collect();
            assert_eq!(names, ["Date", "Sym", "Time_Stamp", "Size", "Size2"]);
            let counts: Vec<(u64, u64, bool)> = found
                .columns
                .iter()
                .map(|c| (c.column.null_count, c.column.distinct_count, c.column.ascending))
                .collect();
            assert_eq!(counts, [(0, 1, true), (0, 2, true), (0, 2, true), (1, 2, true), (1, 2, true)]);
            assert_eq!(found.columns[0].constant.as_deref(), Some("2017-08-25"));
            assert_eq!(found.columns[2].time_range, Some((1_503_633_600_000_000_000, 1_503_633_601_000_000_000)));
            assert!(found.columns[2].zone_assumed);
            assert_eq!(found.columns[1].column.samples, ["A", "B"]);
        }
    }

    #[test]
    fn a_bound_stops_early_and_nothing_is_an_error() {
        let text = format!("A\n{}x\n", "1\n".repeat(10_000));
        let options = CsvOptions { block_bytes: 64, ..CsvOptions::default() };
        let input = CsvInput::new("x.csv", Box::new(Cursor::new(text.into_bytes())));
        let found = infer_csv(vec![input], &options, Some(100), &mut || Ok(())).unwrap();
        assert!(!found.complete && found.row_count >= 100 && found.row_count < 10_000);
        assert_eq!(found.columns[0].column.column_type, ColumnType::Int);
        for (text, part) in [("", "no header"), ("A,B\n1;2\n", "no record has the 2 fields"), ("A\n1\n\u{1}", "")] {
            let message = infer(text, &CsvOptions::default()).map(|_| "".to_string()).unwrap_or_else(|e| e.to_string());
            assert!(message.contains(part), "{text:?}: {message}");
        }
        let odd = CsvInput::new("x.csv", Box::new(Cursor::new(b"A\n\xFF\n".to_vec())));
        let error = infer_csv(vec![odd], &CsvOptions::default(), None, &mut || Ok(())).unwrap_err();
        assert_eq!(error.offset(), Some(2));
    }

    #[test]
    fn several_files_are_one_column_each() {
        let infer = |texts: &[&str]| {
            let inputs = texts.iter().enumerate().map(|(at, text)| {
                CsvInput::new(format!("{at}.csv"), Box::new(Cursor::new(text.to_string().into_bytes())))
            });
            infer_csv(inputs.collect(), &CsvOptions::default(), None, &mut || Ok(()))
        };
        let found = infer(&["A,B\n1,2\n", "A,B\n3,4\nxx,5\n", "A,B\ny,6.5\n"]).unwrap();
        assert_eq!(found.row_count, 4);
        let evidence: Vec<String> = found
            .columns
            .iter()
            .map(|c| format!("{} {} {}", c.column.column_type, c.ruled_out[0].file, c.ruled_out[0].line))
            .collect();
        // A column of numbers and letters of one character each would be char.
        assert_eq!(evidence, ["String 1.csv 3", "double 2.csv 2"]);
        for (texts, part) in [
            (&["A,B\n", "A,C\n"][..], "1.csv: the columns are not those of the first file: column 2 is C, not B"),
            (&["A,B\n", "A\n"], "1 columns, not 2"),
            (&[], "no file"),
        ] {
            let message = infer(texts).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
