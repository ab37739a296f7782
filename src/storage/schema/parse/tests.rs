use super::*;
use crate::storage::schema::{ImportFormat, TimeFormat};
use proptest::prelude::*;

const GOOD: &str = r#"
namespace = "Ns"
table = "T"
doc = "A \"table\"\nof two lines"
sort = ["Time", "Id"]

[[columns]]
name = "Date"
type = "String"
kind = "partitioning"

[[columns]]
name = "Sym"
type = "java.lang.String"
kind = "grouping"
doc = "Symbol."

[[columns]]
name = "Time"
type = "DateTime"
codec = "delta"

[[columns]]
name = "Id"
type = "String"
symbol = "none"
codec = "zstd"

[[columns]]
name = "Price$"
type = "double"

[[columns]]
name = "Side"
type = "char"

[[columns]]
name = "Live"
type = "boolean"

[[import]]
format = "csv"
nulls = ["", "NULL"]
time_zone = "NY"
delimiter = "|"
header = false

[import.columns]
Time = { source = "TS", format = "%d/%m/%Y %H:%M:%S%.f", time_zone = "America/Chicago" }
"Price$" = { default = 0 }
Side = { constant = "B" }
Id = { optional = true, nulls = ["-"] }

[[import]]
format = "csv"
name = "vendor"
[import.columns.Time]
format = "epoch_ms"

[validation]
row_count_min = 1
row_count_max = 0x10
not_null = ["Sym"]
sorted = ["Time"]
grouped = ["Sym"]
unique = ["Time"]
[[validation.counts]]
column = "Sym"
null_max = 0
distinct_max = 9000
[[validation.ranges]]
column = "Price$"
min = 0
max = 1.5e6
[[validation.ranges]]
column = "Time"
min = 2000-01-01T00:00:00Z
[[validation.sets]]
column = "Side"
values = ["B", "S"]
[[validation.sets]]
column = "Live"
values = [true]
"#;

#[test]
fn a_schema_is_read_and_written_back() {
    let read = schema(GOOD).unwrap();
    assert_eq!(read.full_name(), "Ns.T");
    assert_eq!(read.doc, "A \"table\"\nof two lines");
    assert_eq!(read.sort_columns, ["Time", "Id"]);
    assert_eq!(read.definition.partitioning().unwrap().name, "Date");
    assert_eq!(read.column("Id").unwrap().symbol, SymbolUse::None);
    assert_eq!(read.column("Time").unwrap().codec, Codec::Encoding(crate::format::encoding::Encoding::Delta));
    let csv = read.import(ImportFormat::Csv, None).unwrap();
    assert_eq!((csv.delimiter, csv.header, csv.nulls.as_ref().unwrap().len()), (Some('|'), Some(false), 2));
    assert!(matches!(csv.column("Time").unwrap().format, Some(TimeFormat::Pattern(_))));
    assert_eq!(csv.column("Price$").unwrap().default.as_deref(), Some("0"));
    let vendor = read.import(ImportFormat::Csv, Some("vendor")).unwrap();
    assert_eq!(vendor.column("Time").unwrap().format, Some(TimeFormat::EpochMillis));
    assert!(read.import(ImportFormat::Json, None).is_none());
    assert_eq!(read.validation.row_count_max, Some(16));
    assert_eq!(read.validation.unique, ["Time"]);
    let counts = &read.validation.counts[0];
    assert_eq!((counts.null_max, counts.distinct_min, counts.distinct_max), (Some(0), None, Some(9000)));
    assert_eq!(read.validation.ranges[0].max, Some(Value::Double(1.5e6)));
    assert_eq!(read.validation.ranges[1].min, Some(Value::DateTime(946_684_800_000_000_000)));
    assert_eq!(read.validation.sets[1].values, [Value::Boolean(true)]);
    assert_eq!(schema(&read.to_toml()).unwrap(), read);
}

#[test]
fn how_text_is_written_is_read_and_written_back() {
    let keys = concat!(
        "dialect = \"tdf\"\nquote = \"\"\nescape = \"\\\\\"\ncomment = \"#\"\nencoding = \"latin1\"\ntrim = false\n",
        "skip_lines = 2\nskip_footer_lines = 1\npad_short_rows = true\nfield_names = [\"Time\", \"Id\"]\n",
    );
    let text = format!("{GOOD}\n[[import]]\nformat = \"csv\"\nname = \"told\"\n{keys}");
    let read = schema(&text).unwrap();
    let told = &read.import(ImportFormat::Csv, Some("told")).unwrap().text;
    assert_eq!((told.quote, told.escape, told.skip_lines, told.trim), (Some(None), Some('\\'), Some(2), Some(false)));
    assert_eq!(schema(&read.to_toml()).unwrap(), read);
    let of_parquet = check(&text.replace("format = \"csv\"\nname = \"told\"", "format = \"parquet\"\nname = \"told\""));
    assert_eq!(of_parquet.len(), 10, "{of_parquet:?}");
    assert_eq!(of_parquet[0].message, "dialect is for text, and parquet files have none");
}

/// Replaces a piece of the good schema and expects these problems, and only these.
#[track_caller]
fn check_problems(from: &str, to: &str, expected: &[&str]) {
    assert!(GOOD.contains(from), "{from}");
    let found: Vec<String> = check(&GOOD.replacen(from, to, 1)).iter().map(ToString::to_string).collect();
    assert_eq!(found, expected, "{from} -> {to}");
}

#[test]
fn problems_have_places_and_ways_out() {
    let check = check_problems;
    check("namespace = \"Ns\"\n", "", &["line 1, column 1: the schema has no namespace"]);
    check(
        "namespace = \"Ns\"",
        "namespace = \"../x\"",
        &["line 2, column 13: \"../x\" cannot be a namespace: character '.' is not allowed there; \
           allowed are letters, digits, '_' and '$', not starting with a digit"],
    );
    check("sort =", "sorted =", &["line 5, column 1: the schema has no key \"sorted\"; the nearest is sort"]);
    check("[\"Time\", \"Id\"]", "[\"time\"]", &["line 5, column 9: there is no column \"time\"; the nearest is Time"]);
    check(
        "[\"Time\", \"Id\"]",
        "[\"Date\", \"Id\", \"Id\"]",
        &[
            "line 5, column 9: Date is partitioning: all rows of a partition have the same",
            "line 5, column 23: Id is named twice in sort",
        ],
    );
    check(
        "\"java.lang.String\"",
        "\"Strng\"",
        &[
            "line 14, column 8: unknown column type \"Strng\"; the types are String, char, boolean, byte, short, int, long, float, double, DateTime, BigDecimal, BigInteger, StringSet, Blob, and arrays of them such as int[]",
        ],
    );
    check(
        "kind = \"grouping\"",
        "kind = \"group\"",
        &["line 15, column 8: \"group\" is no kind; it is one of normal, grouping, partitioning"],
    );
    check(
        "kind = \"grouping\"",
        "kind = \"partitioning\"",
        &["line 12, column 1: Date and Sym are both partitioning; a table has one partitioning column"],
    );
    check(
        "name = \"Id\"",
        "name = \"Sym\"",
        &[
            "line 5, column 17: there is no column \"Id\"; the nearest are Side, Live, Time",
            "line 24, column 8: column Sym is defined twice",
            "line 52, column 1: there is no column \"Id\"; the nearest are Side, Live, Time",
        ],
    );
    check("codec = \"delta\"", "codec = \"decimal\"", &["line 21, column 9: codec decimal does not encode DateTime"]);
    check(
        "type = \"char\"",
        "type = \"char\"\nsymbol = \"none\"",
        &["line 36, column 10: symbol is for String columns, not char"],
    );
    check("\"NY\"", "\"N\"", &["line 44, column 13: unknown time zone \"N\"; the nearest are IN, MN, NF"]);
    check(
        "delimiter = \"|\"",
        "delimiter = \"||\"",
        &["line 45, column 13: delimiter must be one ASCII character, not a quote or a line end"],
    );
    check("default = 0", "default = \"x\"", &["line 50, column 24: \"x\" is not a double, for column Price$"]);
    check(
        "constant = \"B\"",
        "constant = \"B\", source = \"S\", format = \"iso\"",
        &[
            "line 51, column 21: Side has both a source and a constant",
            "line 51, column 49: format is for DateTime columns, Side is char",
        ],
    );
    check(
        "name = \"vendor\"\n",
        "",
        &["line 54, column 1: a second csv import of the same name could never be chosen; give it a name of its own"],
    );
    check("row_count_min = 1", "row_count_min = 17", &["line 62, column 17: row_count_max is less than row_count_min"]);
    check("row_count_min = 1", "row_count_min = -1", &["line 61, column 17: row_count_min must be a count, 0 or more"]);
    check("max = 1.5e6", "max = -1", &["line 71, column 1: the range of Price$ is empty: min is greater than max"]);
    check("\"B\", \"S\"", "\"BS\"", &["line 80, column 11: \"BS\" is not a char, for column Side"]);
    check(
        "[[columns]]",
        "[columns]",
        &[
            "line 12, column 3: duplicate key",
            "line 18, column 3: duplicate key",
            "line 23, column 3: duplicate key",
            "line 29, column 3: duplicate key",
            "line 33, column 3: duplicate key",
            "line 37, column 3: duplicate key",
        ],
    );
}

#[test]
fn the_first_problem_becomes_the_error() {
    let text = GOOD.replace("codec = \"zstd\"", "codec = \"zst\"").replace("\"NY\"", "\"N\"");
    let error = TableSchema::from_toml(&text, Path::new("T.toml")).unwrap_err();
    assert_eq!(error.position(), Some((27, 9)));
    assert!(
        error.to_string().starts_with("T.toml: line 27, column 9: \"zst\" is no codec; it is one of fastest"),
        "{error}"
    );
    assert!(check("").iter().any(|problem| problem.message.contains("no columns")));
}

#[test]
fn the_shipped_schemas_are_good_and_documented() {
    for text in [
        include_str!("../../../../schemas/LearnDeephaven/StockQuotes.toml"),
        include_str!("../../../../schemas/LearnDeephaven/StockTrades.toml"),
        include_str!("../../../../schemas/LearnDeephaven/EODPrices.toml"),
        include_str!("../../../../schemas/LearnDeephaven/EODTrades.toml"),
    ] {
        assert_eq!(check(text), [], "{text}");
        let schema = schema(text).unwrap();
        assert!(!schema.doc.is_empty() && schema.columns.iter().all(|column| !column.doc.is_empty()));
        assert!(schema.definition.partitioning().is_some() && schema.definition.grouping().count() == 1);
    }
}

/// The schema in the documentation is good, uses what is spoken of, and every type is there.
#[test]
fn the_documented_schema_is_good() {
    let document = include_str!("../../../../schemas/README.md");
    let (_, rest) = document.split_once("```toml\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    assert_eq!(check(text), []);
    let read = schema(text).unwrap();
    assert!(read.columns.iter().any(|column| column.codec_name.is_some()));
    assert!(read.columns.iter().any(|column| column.symbol == SymbolUse::None));
    assert!(!read.imports.is_empty() && !read.validation.is_empty() && !read.sort_columns.is_empty());
    for column_type in ColumnType::SCALARS {
        assert!(document.contains(&format!("`{column_type}`")), "{column_type}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "(\\[\\[?(columns|import|validation)(\\.(columns|ranges|x))?\\]?\\]|[a-z]+ = (\"[^\"\\n]{0,5}\"|[0-9.:-]{1,12}|\\[\\]|\\{\\})|\\n|.)*") {
        if let Ok(read) = schema(&text) {
            prop_assert_eq!(schema(&read.to_toml()).unwrap(), read);
        }
    }

    #[test]
    fn damage_anywhere_gives_problems_within_the_text(at in 0..GOOD.len(), byte in 0u8..128) {
        let mut bytes = GOOD.as_bytes().to_vec();
        bytes[at] = byte;
        let text = String::from_utf8(bytes).unwrap();
        let lines = text.lines().count() as u64 + 1;
        match schema(&text) {
            Ok(read) => prop_assert_eq!(schema(&read.to_toml()).unwrap(), read),
            Err(problems) => {
                prop_assert!(!problems.is_empty());
                prop_assert!(problems.iter().all(|problem| problem.line <= lines && problem.column >= 1));
            }
        }
    }

    #[test]
    fn any_text_survives_writing(doc in any::<String>(), default in any::<String>()) {
        let mut read = schema(GOOD).unwrap();
        read.doc = doc;
        read.imports[0].columns.get_mut("Id").unwrap().default = Some(default);
        prop_assert_eq!(schema(&read.to_toml()).unwrap(), read);
    }
}
