//! A table with a column of every type: what comes in as CSV goes out the same, from intraday and from history.

use crate::run::Sandbox;

/// Type, further lines of its column, values in the form in which CSV is written; an empty field is null.
pub(crate) const COLUMNS: &[(&str, &str, [&str; 5])] = &[
    ("String", "", ["AAPL", "", "\"\"", "naïve 🦀", "\"a, \"\"b\"\"\""]),
    ("String", "symbol = \"none\"", ["x", "", "\"\"", "naïve 🦀 １", "\"two\nlines\""]),
    ("char", "", ["a", "", "é", "Z", "0"]),
    ("boolean", "", ["true", "", "false", "true", "false"]),
    ("byte", "", ["127", "", "-127", "0", "1"]),
    ("short", "", ["32767", "", "-32767", "0", "1"]),
    ("int", "", ["2147483647", "", "-2147483647", "0", "1"]),
    ("long", "", ["9223372036854775807", "", "-9223372036854775807", "0", "1"]),
    ("float", "", ["3.4028235e38", "", "NaN", "-0.0", "1.5"]),
    ("double", "", ["1.7976931348623157e308", "", "NaN", "-Infinity", "0.1"]),
    (
        "DateTime",
        "",
        [
            "2017-08-25T13:30:00.000000001Z",
            "",
            "1970-01-01T00:00:00.000000000Z",
            "2262-04-11T23:47:16.854775807Z",
            "1969-12-31T23:59:59.999999999Z",
        ],
    ),
    ("BigDecimal", "", ["123456789012345678901234567890.123456789", "", "-0.001", "0", "1.50"]),
    ("BigInteger", "", ["-123456789012345678901234567890", "", "0", "170141183460469231731687303715884105728", "-1"]),
    ("StringSet", "", ["\"[\"\"a\"\",\"\"🦀\"\"]\"", "", "[]", "\"[\"\"\"\"]\"", "\"[\"\"a, b\"\",\"\"c\"\"]\""]),
    ("Blob", "codec_name = \"protobuf:Order\"", ["AAEC/w==", "", "\"\"", "AA==", "aGVsbG8="]),
    ("int[]", "", ["\"[1,null,-3]\"", "", "[]", "[null]", "[7]"]),
    ("double[]", "", ["\"[1.5,NaN]\"", "", "[]", "[null]", "[-0.0]"]),
    ("char[]", "", ["\"[\"\"a\"\",null]\"", "", "[]", "\"[\"\"é\"\"]\"", "\"[\"\",\"\"]\""]),
    ("boolean[]", "", ["\"[true,null,false]\"", "", "[]", "[null]", "[true]"]),
    (
        "DateTime[]",
        "",
        [
            "\"[\"\"2017-08-25T13:30:00.000000001Z\"\",null]\"",
            "",
            "[]",
            "[null]",
            "\"[\"\"1969-12-31T23:59:59.999999999Z\"\"]\"",
        ],
    ),
    ("String[]", "", ["\"[\"\"a\"\",null,\"\"\"\"]\"", "", "[]", "\"[\"\"🦀\"\"]\"", "\"[\"\"a\"\"]\""]),
    (
        "String[]",
        "symbol = \"none\"",
        ["\"[\"\"a\"\",null,\"\"\"\"]\"", "", "[]", "\"[\"\"🦀\"\"]\"", "\"[\"\"a\"\"]\""],
    ),
    ("BigInteger[]", "", ["\"[1,null]\"", "", "[]", "[-123456789012345678901234567890]", "[0]"]),
    ("StringSet[]", "", ["\"[[\"\"a\"\"],null,[]]\"", "", "[]", "[null]", "[[]]"]),
    ("long[][]", "", ["\"[[1,2],null,[]]\"", "", "[]", "[[]]", "\"[[null],[3]]\""]),
    ("Blob[][][]", "", ["\"[[[\"\"AA==\"\",\"\"\"\",null],null],[]]\"", "", "[]", "[[[]]]", "[null]"]),
];

pub(crate) fn schema() -> String {
    let mut text = "namespace = \"Market\"\ntable = \"All\"\nsort = [\"Row\"]\n".to_string();
    let mut column = |name: &str, column_type: &str, more: &str| {
        text += &format!("[[columns]]\nname = \"{name}\"\ntype = \"{column_type}\"\n{more}\n");
    };
    column("Date", "String", "kind = \"partitioning\"");
    column("Row", "int", "");
    for (at, (column_type, more, _)) in COLUMNS.iter().enumerate() {
        column(&format!("C{at}"), column_type, more);
    }
    text
}

pub(crate) fn csv(rows: impl Iterator<Item = usize>) -> String {
    let names: Vec<String> = (0..COLUMNS.len()).map(|at| format!("C{at}")).collect();
    let line = |row: usize| {
        let values: Vec<&str> = COLUMNS.iter().map(|(_, _, values)| values[row % 5]).collect();
        format!("{row},{}\n", values.join(","))
    };
    format!("Row,{}\n{}", names.join(","), rows.map(line).collect::<String>())
}

#[test]
fn every_type_comes_back_from_intraday_and_from_history() {
    let sandbox = Sandbox::with_schema(&schema());
    let shown = sandbox.succeed(&["schema", "show", "--namespace", "Market", "--table", "All"]).out;
    assert!(shown.contains("codec_name = \"protobuf:Order\""), "{shown}");
    let table = ["--namespace", "Market", "--table", "All"];
    let text = csv(0..1_203);
    let file = sandbox.file("all.csv", &text);
    sandbox.succeed(&[&["import", "csv"], &table[..], &["--partition", "p", &file]].concat());
    // A second source, whose rows come later.
    let more = sandbox.file("more.csv", &csv(1_203..1_206));
    sandbox.succeed(&[&["import", "csv"], &table[..], &["--partition", "p", "--source", "other", &more]].concat());
    let query = |script: &str| sandbox.succeed(&["query", "--format", "csv", "-e", script]).out;
    let all = csv(0..1_206);
    assert_eq!(query("db.i(\"Market\",\"All\").dropColumns(\"Date\").sort(\"Row\")"), all);
    let merged = sandbox.succeed(&[&["merge"], &table[..], &["--partition", "p", "--delete-intraday"]].concat());
    assert!(merged.err.contains("merged 1,206 rows"), "{merged:?}");
    assert_eq!(query("db.t(\"Market\",\"All\").dropColumns(\"Date\")"), all);
    let some = query("db.t(\"Market\",\"All\").where(\"Row%5==0\", \"C1=`x`\").dropColumns(\"Date\").tail(2)");
    assert_eq!(some, csv([1_200, 1_205].into_iter()));
    sandbox.succeed(&["catalog", "usage", "--namespace", "Market", "--table", "All"]);
}

#[test]
fn what_is_no_value_of_its_type_is_an_error_with_its_line() {
    let sandbox = Sandbox::with_schema(&schema());
    for (column, value, wanted) in [(11, "1.5x", "BigDecimal"), (15, "\"[1,x]\"", "int[]"), (14, "AB", "Blob")] {
        let mut fields: Vec<&str> = COLUMNS.iter().map(|(_, _, values)| values[0]).collect();
        fields[column] = value;
        let header = csv(0..0);
        let file = sandbox.file("bad.csv", &format!("{header}0,{}\n", fields.join(",")));
        let ran = sandbox.run(&["import", "csv", "--namespace", "Market", "--table", "All", "--partition", "p", &file]);
        assert_eq!(ran.code, 1);
        assert!(ran.err.contains(wanted) && ran.err.contains("line 2"), "{}", ran.err);
    }
}
