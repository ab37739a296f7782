//! Finds out what the columns of a stream are, from all of it or its beginning, with the evidence.

use super::blocks::Block;
use super::candidates::{CANDIDATES, Candidates};
use super::dialect::{count_line_ends, trim_space};
use super::reader::run;
use super::records::find_records;
use super::{CsvInput, CsvOptions, CsvReader};
use crate::base::names::legal_column_name;
use crate::base::text::{DateTimeForm, DateTimeReader};
use crate::base::{ColumnType, Error, Result};
use crate::storage::schema::InferredColumn;
use foldhash::quality::FixedState;
use std::ops::ControlFlow;
use std::path::Path;

/// What was found out of a stream.
#[derive(Clone, Debug)]
pub struct CsvInference {
    /// The columns in the order of the file.
    pub columns: Vec<ColumnFinding>,
    /// Records looked at, those left out not counted.
    pub row_count: u64,
    /// Records left out since their number of fields is not the header's, or a quote is wrong.
    pub bad_record_count: u64,
    /// True if the whole stream was looked at.
    pub complete: bool,
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
}

/// Why a column is not of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuledOut {
    /// The type.
    pub column_type: ColumnType,
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

/// Finds out the types of a stream's columns, from all of it or from about the first `rows_max` records.
///
/// A column is the first of int, long, double, boolean, DateTime and char that can hold each of its values without losing anything, else a
/// String. What looks like a number but begins with a zero or a plus, or has more digits than a long, is text. A date without a time is
/// text. A column without values is a String. `tick` is called often; its error stops the work.
pub fn infer_csv(
    input: CsvInput,
    options: &CsvOptions,
    rows_max: Option<u64>,
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<CsvInference> {
    let (name, options, blocks, names, lines) = CsvReader::open(input, options)?.into_parts();
    let sampler = Sampler { options: &options, column_count: names.len() };
    let mut all = Sample { columns: vec![Candidates::default(); names.len()], ..Sample::default() };
    let mut complete = true;
    let mut consume = |sample: Result<Sample>| {
        let sample = sample.map_err(|error| error.at_path(Path::new(&name)))?;
        all.merge(sample);
        if rows_max.is_some_and(|most| all.rows >= most) {
            complete = false;
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    };
    run(blocks, &|block| sampler.sample(&block), &mut consume, tick)?;
    if all.rows == 0 && all.bad_records > 0 {
        return Err(Error::parse(format!("no record has the {} fields that the header has", names.len()))
            .at_path(Path::new(&name))
            .hint("is the delimiter right?"));
    }
    let mut taken = Vec::new();
    let columns = names
        .iter()
        .zip(all.columns)
        .map(|(source_name, candidates)| {
            let name = legal_column_name(source_name, &taken);
            taken.push(name.clone());
            finding(source_name, name, all.rows, candidates, lines)
        })
        .collect();
    Ok(CsvInference { columns, row_count: all.rows, bad_record_count: all.bad_records, complete })
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
        for (mine, mut its) in self.columns.iter_mut().zip(later.columns) {
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
                let mut candidates = Candidates::default();
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

fn finding(source_name: &str, name: String, rows: u64, candidates: Candidates, lines_before: u64) -> ColumnFinding {
    let column_type = candidates.column_type();
    let before = CANDIDATES.iter().position(|candidate| *candidate == column_type).unwrap_or(CANDIDATES.len());
    let ruled_out = CANDIDATES[..before]
        .iter()
        .zip(&candidates.ruled_out)
        .filter_map(|(candidate, evidence)| {
            let (line, text) = evidence.as_ref()?;
            Some(RuledOut { column_type: *candidate, line: lines_before + line + 1, text: text.clone() })
        })
        .collect();
    let is_string = column_type == ColumnType::String;
    let null_count = candidates.nulls + if is_string { 0 } else { candidates.empties };
    let distinct_count = candidates.distinct.count() + u64::from(is_string && candidates.empties > 0);
    let ascending = match column_type {
        ColumnType::Int | ColumnType::Long | ColumnType::Double => candidates.numbers.ascending,
        ColumnType::DateTime => candidates.times.ascending,
        _ => candidates.texts.ascending,
    };
    let is_time = column_type == ColumnType::DateTime;
    let constant = (distinct_count == 1 && null_count == 0).then(|| candidates.samples.first().cloned()).flatten();
    ColumnFinding {
        ruled_out,
        constant,
        time_range: candidates.times.range().filter(|_| is_time),
        zone_assumed: is_time && candidates.without_zone,
        column: InferredColumn {
            source_name: source_name.to_string(),
            name,
            column_type,
            row_count: rows,
            null_count,
            distinct_count,
            ascending,
            samples: candidates.samples,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn infer(text: &str, options: &CsvOptions) -> Result<CsvInference> {
        let input = CsvInput::new("x.csv", Box::new(Cursor::new(text.to_string().into_bytes())));
        infer_csv(input, options, None, &mut || Ok(()))
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
        let found = infer_csv(input, &options, Some(100), &mut || Ok(())).unwrap();
        assert!(!found.complete && found.row_count >= 100 && found.row_count < 10_000);
        assert_eq!(found.columns[0].column.column_type, ColumnType::Int);
        for (text, part) in [("", "no header"), ("A,B\n1;2\n", "no record has the 2 fields"), ("A\n1\n\u{1}", "")] {
            let message = infer(text, &CsvOptions::default()).map(|_| "".to_string()).unwrap_or_else(|e| e.to_string());
            assert!(message.contains(part), "{text:?}: {message}");
        }
        let odd = CsvInput::new("x.csv", Box::new(Cursor::new(b"A\n\xFF\n".to_vec())));
        let error = infer_csv(odd, &CsvOptions::default(), None, &mut || Ok(())).unwrap_err();
        assert_eq!(error.offset(), Some(2));
    }
}
