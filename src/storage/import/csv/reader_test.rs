//! The promises of the reader as a whole: the cut into blocks does not matter, errors say where, hostile input is refused.

use super::*;
use crate::base::text::{DateTimeForm, DateTimeReader};
use crate::base::{ColumnType, Value};
use crate::storage::import::Rows;
use proptest::prelude::*;
use std::io::Cursor;

fn input(text: &str) -> CsvInput {
    CsvInput::new("x.csv", Box::new(Cursor::new(text.as_bytes().to_vec())))
}

/// The rows of a text, with the errors passed over.
fn read(
    text: &str,
    options: &CsvOptions,
    types: &[ColumnType],
    errors_max: u64,
) -> Result<(Vec<Vec<Value>>, ReadSummary)> {
    let reader = CsvReader::open(input(text), options)?;
    let targets: Vec<FieldTarget> = reader
        .names()
        .iter()
        .zip(types)
        .enumerate()
        .map(|(at, (name, column_type))| FieldTarget {
            date_times: DateTimeReader::new(options.zone.as_ref(), DateTimeForm::Iso),
            nulls: options.nulls.clone(),
            ..FieldTarget::new(at, name, *column_type)
        })
        .collect();
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let mut lines = Vec::new();
    let mut each = |piece: Rows| {
        for row in 0..piece.row_count {
            rows.push(piece.chunks.iter().map(|chunk| chunk.value(row)).collect());
            lines.push((piece.place(row), piece.offset(row)));
        }
        Ok(())
    };
    let summary =
        reader.read(&targets, ReadLimits { errors_max, ..ReadLimits::default() }, &mut each, &mut |_| Ok(()))?;
    assert_eq!(summary.progress.rows, rows.len() as u64);
    assert!(lines.windows(2).all(|pair: &[(String, Option<u64>)]| pair[0].1 < pair[1].1));
    Ok((rows, summary))
}

fn message(text: &str, options: &CsvOptions, types: &[ColumnType]) -> String {
    read(text, options, types, 0).map(|(rows, _)| format!("{rows:?}")).unwrap_or_else(|error| error.to_string())
}

const QUOTE: [ColumnType; 3] = [ColumnType::String, ColumnType::Double, ColumnType::Int];

#[test]
fn every_type_with_its_extremes() {
    use ColumnType::*;
    let text = "s,c,b,y,h,i,l,f,d,t\n\
        \"\",é,true,-127,-32767,-2147483647,-9223372036854775807,3.4028235e38,-0.0,1677-09-21T00:12:43.145224193Z\n\
        ,,,,,,,,,\n\
        \"a\"\"\n😀\",\u{FFFD},FALSE,127,32767,2147483647,9223372036854775807,1e-45,1.7976931348623157e308,2262-04-11T23:47:16.854775807Z\n\
        (null),(null),(null),(null),(null),(null),(null),(null),(null),(null)\n\
        \"(null)\", ,\"\",\"\", 1 ,\" 1 \",\"\",\"Infinity\",-inf,\" 1970-01-01T00:00:00Z\"\n";
    let types = [String, Char, Boolean, Byte, Short, Int, Long, Float, Double, DateTime];
    let (rows, _) = read(text, &CsvOptions::default(), &types, 0).unwrap();
    use Value as V;
    let nulls = vec![V::Null; 10];
    let expected = [
        vec![
            V::string(""),
            V::Char(233),
            V::Boolean(true),
            V::Byte(-127),
            V::Short(-32767),
            V::Int(-2147483647),
            V::Long(-i64::MAX),
            V::Float(f32::MAX),
            V::Double(-0.0),
            V::DateTime(-i64::MAX),
        ],
        nulls.clone(),
        vec![
            V::string("a\"\n😀"),
            V::Char(0xFFFD),
            V::Boolean(false),
            V::Byte(127),
            V::Short(32767),
            V::Int(2147483647),
            V::Long(i64::MAX),
            V::Float(1e-45),
            V::Double(f64::MAX),
            V::DateTime(i64::MAX),
        ],
        nulls,
        vec![
            V::string("(null)"),
            V::Char(32),
            V::Null,
            V::Null,
            V::Short(1),
            V::Int(1),
            V::Null,
            V::Float(f32::INFINITY),
            V::Double(f64::NEG_INFINITY),
            V::DateTime(0),
        ],
    ];
    assert_eq!(rows, expected);
}

#[test]
fn errors_say_where() {
    let default = CsvOptions::default();
    let padded = CsvOptions { pad_short_rows: true, ..CsvOptions::default() };
    let headless = CsvOptions { header: false, ..CsvOptions::default() };
    let skipping = CsvOptions { skip_lines: 2, ..CsvOptions::default() };
    for (options, text, part) in [
        (&default, "Sym,Bid,Size\nA,1,2\nB,x,3\n", "x.csv: line 3, column Bid: \"x\" is not a double (at byte 21)"),
        (&default, "Sym,Bid,Size\n\"A\n\n\",1,2\nB,1,1.5\n", "line 5, column Size: \"1.5\" is not an int"),
        (
            &default,
            "Sym,Bid,Size\r\nA,1,2\r\n\r\nB,1,99999999999\r\n",
            "line 4, column Size: \"99999999999\" is out of the range of int",
        ),
        (&default, "Sym,Bid,Size\nA,1,-2147483648\n", "a wider type can hold it"),
        (&default, "Sym,Bid,Size\nA,1\n", "line 2 has 2 fields, the header has 3 (at byte 13)"),
        (&default, "Sym,Bid,Size\nA\n", "line 2 has 1 field, the header has 3"),
        (&default, "Sym,Bid,Size\nA\n", "--pad-short-rows fills such rows with nulls"),
        (&default, "Sym,Bid,Size\nA,1,2,3\n", "--max-errors leaves some such rows out"),
        (&default, "Sym,Bid,Size\nA,1,NA\n", "--null NA takes it for null"),
        (&default, "Sym,Bid,Size\nA,1,2,3\n", "line 2 has 4 fields, the header has 3"),
        (&default, "Sym,Bid,Size\nA,x,2\nA\n", "line 2, column Bid"),
        (&default, "Sym,Bid,Size\nA\nA,x,2\n", "line 2 has 1 field"),
        (&padded, "Sym,Bid,Size\nA\nA,1,2,3\n", "line 3 has 4 fields"),
        (&headless, "A,1,2\nB\n", "line 2 has 1 field, expected are 3"),
        (&headless, "A,x,2\n", "line 1, column Column2"),
        (&skipping, "made by\nnobody\nSym,Bid,Size\nA,x,2\n", "line 4, column Bid"),
        (
            &default,
            "Sym,Bid,Size\nA,1,2\n\"B,1,2\nC,1,2\n",
            "line 3, column Sym: a quote is opened that is never closed",
        ),
        (&default, "Sym,Bid,Size\n\"A\"B,1,2\n", "line 2, column Sym: text follows the closing quote"),
        (&default, "", "the file is empty: there is no header"),
        (&headless, "\n\n", "the file is empty: there is no record"),
        (&default, "\"Sym,Bid\n", "a quote is opened that is never closed"),
        (&default, "Sym,Bid,Size\nA\0,1,2\n", "A\\0"),
        (&default, "Sym,Bid,Size\nA,1\0,2\n", "line 2, column Bid: \"1\\0\" is not a double"),
        (&default, "Sym,Bid,Size", "[]"),
    ] {
        for block_bytes in [16, 1 << 20] {
            let options = CsvOptions { block_bytes, ..options.clone() };
            let message = message(text, &options, &QUOTE);
            assert!(message.contains(part), "{text:?}: {message}");
        }
    }
}

#[test]
fn tolerated_errors_are_listed_and_null() {
    let text = "Sym,Bid,Size\nA,x,2\nB\nC,1,y\nD,1,2\n";
    for block_bytes in [16, 1 << 20] {
        let options = CsvOptions { block_bytes, ..CsvOptions::default() };
        let (rows, summary) = read(text, &options, &QUOTE, 3).unwrap();
        let lines: Vec<u64> = summary.errors.iter().map(|error| error.line).collect();
        assert_eq!((lines, summary.progress.errors), (vec![2, 3, 4], 3));
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0], [Value::string("A"), Value::Null, Value::Int(2)]);
        let error = read(text, &options, &QUOTE, 2).unwrap_err().to_string();
        assert!(error.starts_with("more than 2 errors, the first of them: x.csv: line 2, column Bid"), "{error}");
        let unclosed = format!("{text}\"E,1,2\n");
        assert!(read(&unclosed, &options, &QUOTE, 99).unwrap_err().to_string().contains("line 6, column Sym: a quote"));
    }
}

#[test]
fn hostile_texts_are_refused_or_right() {
    let default = CsvOptions::default();
    let wide = format!("{}\n", vec!["a"; 100_000].join(","));
    assert!(message(&wide, &default, &[]).contains("more than 10000 columns"));
    let long = format!("Sym,Bid,Size\n{},1,2\n", "x".repeat(crate::base::limits::CSV_FIELD_BYTES_MAX + 1));
    assert!(message(&long, &default, &QUOTE).contains("line 2, column Sym: the field has more than 16777216 bytes"));
    let latin1 = CsvInput::new("x.csv", Box::new(Cursor::new(b"A\nok\n\xE9\n".to_vec())));
    let targets = [FieldTarget::new(0, "A", ColumnType::String)];
    let reader = CsvReader::open(latin1, &default).unwrap();
    let error = reader.read(&targets, ReadLimits::default(), &mut |_| Ok(()), &mut |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("line 3 is not UTF-8 (at byte 5)"), "{error}");
    // Rows of next to nothing in a table of many columns are taken in pieces that fit into memory.
    let tiny = format!("A\n{}", "1\n".repeat(300_000));
    let reader = CsvReader::open(input(&tiny), &default).unwrap();
    let (mut rows, mut most) = (0, 0);
    let mut each = |piece: Rows| {
        rows += piece.row_count;
        most = most.max(piece.row_count);
        Ok(())
    };
    let limits = ReadLimits { row_width: 10_000, ..ReadLimits::default() };
    reader.read(&targets, limits, &mut each, &mut |_| Ok(())).unwrap();
    assert_eq!(rows, 300_000);
    assert!(most < 1_000, "{most}");
}

#[test]
fn names_come_from_the_header_or_are_given() {
    let named = |header: bool, names: Option<&[&str]>| CsvOptions {
        header,
        column_names: names.map(|names| names.iter().map(|name| name.to_string()).collect()),
        ..CsvOptions::default()
    };
    for (options, text, expected) in [
        (named(true, None), "# a, b ,\"c d\"\n1,2,3\n", "# a/b/c d"),
        (named(true, Some(&["x", "y"])), "a,b\n1,2\n", "x/y"),
        (named(false, Some(&["x", "y"])), "1,2\n", "x/y"),
        (named(false, Some(&["x", "y"])), "", "x/y"),
        (named(false, None), "1,2\n", "Column1/Column2"),
        (named(true, None), "\u{FEFF}a,b\r\n", "a/b"),
        (named(true, None), "\n\n\r\na,b\n", "a/b"),
        (named(true, Some(&["x"])), "a,b\n1,2\n", "1 column names are given, the file has 2"),
        (named(true, Some(&[])), "a,b\n1,2\n", "list of column names is empty"),
    ] {
        let found = CsvReader::open(input(text), &options).map(|reader| reader.names().join("/"));
        let found = found.unwrap_or_else(|error| error.to_string());
        assert!(found.contains(expected), "{text:?}: {found}");
    }
}

#[test]
fn an_error_of_the_caller_or_the_stream_ends_the_reading() {
    struct Failing(u64);
    impl std::io::Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0 += 1;
            if self.0 > 100 {
                return Err(std::io::Error::from(std::io::ErrorKind::PermissionDenied));
            }
            buffer[0] = b"1\n"[self.0 as usize % 2];
            Ok(1)
        }
    }
    let options = CsvOptions { block_bytes: 16, ..CsvOptions::default() };
    let targets = [FieldTarget::new(0, "1", ColumnType::Int)];
    let open = || CsvReader::open(CsvInput::new("x.csv", Box::new(Failing(0))), &options).unwrap();
    let limits = ReadLimits::default();
    let error = open().read(&targets, limits, &mut |_| Ok(()), &mut |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("x.csv"), "{error}");
    let stop = || Err(Error::new(crate::base::ErrorKind::Cancelled, "stopped"));
    for error in [
        open().read(&targets, limits, &mut |_| stop(), &mut |_| Ok(())).unwrap_err(),
        open().read(&targets, limits, &mut |_| Ok(()), &mut |_| stop()).unwrap_err(),
    ] {
        assert_eq!(error.kind(), crate::base::ErrorKind::Cancelled);
    }
}

/// Texts that may hold anything, more often than not something with a meaning.
fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-c0-9.]{0,4}",
        2 => Just(String::new()),
        1 => "[ \",\n\r\\\\#é😀\0]{0,6}",
    ]
}

proptest! {
    #[test]
    fn written_rows_are_read_back(rows in proptest::collection::vec([field(), field(), field()], 0..60), block_bytes in 16usize..200) {
        let mut text = Vec::from(&b"A,B,C\n"[..]);
        for row in &rows {
            for (at, field) in row.iter().enumerate() {
                if at > 0 {
                    text.push(b',');
                }
                crate::base::text::write_csv_text(field, b',', &mut text);
            }
            text.push(b'\n');
        }
        let text = String::from_utf8(text).unwrap();
        let options = CsvOptions { block_bytes, ..CsvOptions::default() };
        let (read, _) = read(&text, &options, &[ColumnType::String; 3], 0).unwrap();
        let expected: Vec<Vec<Value>> = rows.iter().map(|row| row.iter().map(|text| Value::string(text)).collect()).collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn the_cut_into_blocks_does_not_matter(
        text in proptest::collection::vec(prop_oneof![
            6 => "[a-c0-9]{0,5}", 4 => Just(",".to_string()), 3 => Just("\n".to_string()), 1 => Just("\r\n".to_string()),
            1 => Just("\r".to_string()), 2 => Just("\"".to_string()), 1 => Just("\\".to_string()), 1 => Just("#".to_string()), 1 => Just(" ".to_string()),
        ], 0..150),
        block_bytes in 16usize..60,
        dialect in 0usize..5,
        skip_footer_lines in 0usize..3,
    ) {
        let text = format!("A,B\n{}", text.concat());
        let default = Dialect::default();
        let dialect = [
            default,
            Dialect { trim: true, ..default },
            Dialect { escape: Some(b'\\'), ..default },
            Dialect { quote: None, escape: Some(b'\\'), ..default },
            Dialect { comment: Some(b'#'), trim: true, ..default },
        ][dialect];
        let options = |block_bytes| CsvOptions { dialect, block_bytes, skip_footer_lines, ..CsvOptions::default() };
        let types = [ColumnType::String, ColumnType::Int];
        let whole = read(&text, &options(1 << 20), &types, 1_000);
        let parts = read(&text, &options(block_bytes), &types, 1_000);
        match (whole, parts) {
            (Ok((rows, summary)), Ok((rows2, summary2))) => {
                prop_assert_eq!(rows, rows2);
                prop_assert_eq!(summary.errors, summary2.errors);
                prop_assert_eq!(summary.progress, summary2.progress);
            }
            (Err(a), Err(b)) => prop_assert_eq!(a.to_string(), b.to_string()),
            (a, b) => prop_assert!(false, "{:?} {:?}", a.map(|x| x.0), b.map(|x| x.0)),
        }
    }
}
