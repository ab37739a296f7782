//! JSON Lines as a whole: fields by path, null and absent, escapes, objects over lines, damage.

use super::*;
use crate::base::{ColumnType, Result, Value};
use crate::storage::import::csv::{CsvInput, CsvReader, FieldTarget, ReadLimits, ReadSummary};
use crate::storage::import::{RecordReader, Rows};
use std::io::Cursor;

fn input(text: &str) -> CsvInput {
    CsvInput::new("x.jsonl", Box::new(Cursor::new(text.as_bytes().to_vec())))
}

fn read(
    text: &str,
    wanted: &[(&str, ColumnType)],
    options: &CsvOptions,
    errors_max: u64,
) -> Result<(Vec<String>, ReadSummary)> {
    let names: Vec<String> = wanted.iter().map(|(name, _)| name.to_string()).collect();
    let reader = CsvReader::open_json(input(text), options, &names)?;
    let targets: Vec<FieldTarget> = wanted
        .iter()
        .map(|(name, column_type)| {
            let field = reader.names().iter().position(|known| known == name).unwrap();
            FieldTarget { nulls: options.nulls.clone(), ..FieldTarget::new(field, *name, *column_type) }
        })
        .collect();
    let mut rows = Vec::new();
    let mut each = |piece: Rows| {
        for row in 0..piece.row_count {
            let cell = |chunk: &crate::memory::Chunk| match chunk.value(row) {
                Value::Null => "null".to_string(),
                Value::String(text) => format!("{text:?}"),
                other => {
                    let mut out = Vec::new();
                    crate::base::text::write_csv_value(&other, b',', &mut out);
                    String::from_utf8(out).unwrap()
                }
            };
            rows.push(piece.chunks.iter().map(cell).collect::<Vec<_>>().join(" "));
        }
        Ok(())
    };
    let limits = ReadLimits { errors_max, ..ReadLimits::default() };
    let summary = Box::new(reader).read(&targets, limits, &mut each, &mut |_| Ok(()))?;
    Ok((rows, summary))
}

#[test]
fn fields_are_found_by_path_whatever_the_order() {
    use ColumnType::*;
    let wanted = [("s", String), ("q.bid", Double), ("q.n.x", Int), ("late", Long), ("a.b", Int)];
    let text = concat!(
        r#"{"s":"a","q":{"bid":1.5,"ask":[{"}":"{"}],"n":{"x":1}},"a.b":7}"#,
        "\n",
        r#" { "q" : { "n" : { "x" : 2 } , "bid" : -0.0 } , "s" : "\u00e9\n\"\\\ud83d\ude00" , "other" : {"s":"no"} } "#,
        "\r\n",
        "\n",
        r#"{"s":null,"q":null,"late":9223372036854775807}{"s":"","q":{}}"#,
        "\n",
        r#"{"s":"(null)","q":{"bid":"NaN"},"s":"last","a":{"b":8}}"#,
    );
    let expected = [
        r#""a" 1.5 1 null 7"#,
        "\"é\\n\\\"\\\\😀\" -0.0 2 null null",
        "null null null 9223372036854775807 null",
        r#""" null null null null"#,
        r#""last" NaN null null 8"#,
    ];
    for block_bytes in [16, 60, 1 << 20] {
        let options = CsvOptions { block_bytes, ..CsvOptions::json() };
        let (rows, summary) = read(text, &wanted, &options, 0).unwrap();
        assert_eq!(rows, expected, "blocks of {block_bytes}");
        assert_eq!(summary.seen, [true; 5]);
    }
    let (_, summary) = read("{\"s\":1}\n", &wanted, &CsvOptions::json(), 0).unwrap();
    assert_eq!(summary.seen, [true, false, false, false, false]);
}

#[test]
fn objects_may_span_lines_and_lie_in_one_array() {
    let wanted = [("a", ColumnType::Int), ("b", ColumnType::String)];
    for text in [
        "[\n{\"a\":1,\"b\":\"}\\\"{\"},\n{\"a\":2,\"b\":null}\n]\n",
        "{\n  \"a\": 1,\n  \"b\": \"}\\\"{\"\n}\n{\n  \"a\": 2\n}",
        "[{\"a\":1,\"b\":\"}\\\"{\"},{\"a\":2}]",
        "[\n  {\n \"a\": 1, \"b\": \"}\\\"{\" },\n {\n\"a\": 2}\n]",
    ] {
        for block_bytes in [16, 1 << 20] {
            // The first object tells the form: it must lie in the first block.
            let options =
                CsvOptions { block_bytes: if text.starts_with("[{") { block_bytes } else { 64 }, ..CsvOptions::json() };
            let (rows, _) = read(text, &wanted, &options, 0).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(rows, ["1 \"}\\\"{\"", "2 null"], "{text}");
        }
    }
}

#[test]
fn damage_is_told_with_its_line_and_leaves_the_other_lines_alone() {
    let wanted = [("a", ColumnType::Int), ("b", ColumnType::String)];
    for (line, reason) in [
        ("[1,2]", "it is not an object"),
        ("{\"a\":1", "a comma or the object's end is missing"),
        ("{\"a\" 1}", "a colon is missing"),
        ("{\"a\":}", "a value is neither"),
        ("{\"a\":tru}", "a value is neither"),
        ("{a:1}", "a name in quotes is missing"),
        ("{\"a\":1,}", "a name in quotes is missing"),
        ("{\"b\":\"x}", "a string has no end"),
        ("{\"b\":\"\\x\"}", "an escape that JSON does not know"),
        ("{\"b\":\"\\u12g4\"}", "lacks its four digits"),
        ("{\"b\":[1}", "brackets do not match"),
        ("x", "it is not an object"),
    ] {
        let text = format!("{{\"a\":1}}\n{line}\n{{\"a\":2}}\n");
        let error = read(&text, &wanted, &CsvOptions::json(), 0).unwrap_err().to_string();
        assert!(error.contains("line 2 is no JSON object") && error.contains(reason), "{line}: {error}");
        let (rows, summary) = read(&text, &wanted, &CsvOptions::json(), 1).unwrap();
        assert_eq!((rows, summary.progress.errors), (vec!["1 null".to_string(), "2 null".to_string()], 1), "{line}");
    }
    let error = read("{\"a\":1}\n{\"a\":\"x\"}\n", &wanted, &CsvOptions::json(), 0).unwrap_err();
    assert!(error.to_string().contains("line 2, column a: \"x\" is not an int"), "{error}");
    assert_eq!(error.offset(), Some(14));
    for deep in ["[", "{\"a\":", "[[{\"a\":"] {
        let text = format!("{{\"b\":{}", deep.repeat(200_000));
        read(&text, &wanted, &CsvOptions::json(), 0).unwrap_err();
    }
    let (rows, _) = read(
        &format!("{{\"b\":{}1{},\"a\":3}}", "[".repeat(100_000), "]".repeat(100_000)),
        &[wanted[0]],
        &CsvOptions::json(),
        0,
    )
    .unwrap();
    assert_eq!(rows, ["3"]);
}

#[test]
fn types_are_inferred_with_paths_as_columns() {
    let text = concat!(
        r#"{"sym":"A","q":{"bid":1,"at":"2017-08-25T04:00:00Z"},"n":[1,2],"t":["a"],"m":1,"code":"123","x":null}"#,
        "\n",
        r#"{"sym":"BB","q":{"bid":1.5,"at":"2017-08-25T04:00:01Z"},"n":[],"t":[null,"b b"],"m":"z","f":true,"x":{"y":3000000000}}"#,
        "\n",
        "oops\n",
    );
    for block_bytes in [16, 1 << 20] {
        let options = CsvOptions { block_bytes, ..CsvOptions::json() };
        let found = infer_json(vec![input(text)], &options, None, &mut || Ok(())).unwrap();
        assert_eq!((found.row_count, found.bad_record_count), (2, 1));
        let types: Vec<String> = found
            .columns
            .iter()
            .map(|c| format!("{} {} {}", c.column.name, c.column.column_type, c.column.null_count))
            .collect();
        assert_eq!(
            types,
            [
                "sym String 0",
                "q_bid double 0",
                "q_at DateTime 0",
                "n int[] 0",
                "t String[] 0",
                "m String 0",
                "code String 1",
                "f boolean 1",
                "x_y long 1"
            ]
        );
    }
    assert!(infer_json(vec![input("x\n")], &CsvOptions::json(), None, &mut || Ok(())).is_err());
}
