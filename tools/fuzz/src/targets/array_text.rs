//! The text of values: arrays nested three deep, sets, bytes, big numbers, as CSV fields and formulas have them.

use super::Target;
use crate::dictionary;
use pilaster::base::array_text::{DateTimeText, write_element};
use pilaster::base::text::{DateTimeForm, DateTimeReader, parse_text, write_csv_value};
use pilaster::base::{ColumnType, Value};

pub(super) const TARGET: Target = Target { name: "array_text", run, dictionary: dictionary::ARRAY_TEXT, seeds };

/// The first byte chooses the type, the second how date-times are written; the rest is the text.
fn run(bytes: &[u8]) {
    let Some((&[choice, form], text)) = bytes.split_first_chunk() else { return };
    let types: Vec<ColumnType> = ColumnType::all().collect();
    let wanted = types[usize::from(choice) % types.len()];
    let date_times = if form & 1 == 0 { DateTimeText::Iso } else { DateTimeText::EpochNanos };
    let mut reader = DateTimeReader::new(None, DateTimeForm::Iso);
    let Ok(value) = parse_text(text, wanted, &mut reader) else { return };
    assert!(value.is_null() || value.column_type() == Some(wanted), "{value:?} is no {wanted}");
    let mut csv = Vec::new();
    write_csv_value(&value, b',', &mut csv);
    assert!(std::str::from_utf8(&csv).is_ok(), "{csv:?}");
    // A value alone is written as CSV has it; within arrays it has a form of its own.
    if !matches!(wanted, ColumnType::Array(_) | ColumnType::StringSet) || value.is_null() {
        return;
    }
    let mut written = Vec::new();
    write_element(&value, date_times, &mut written);
    let again = parse_text(&written, wanted, &mut reader);
    let again: Value = again.unwrap_or_else(|refusal| panic!("{refusal:?}: {}", String::from_utf8_lossy(&written)));
    // By their text, in which NaN is like NaN.
    assert_eq!(format!("{again:?}"), format!("{value:?}"), "{}", String::from_utf8_lossy(&written));
}

fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        ("int[]", "[1,-2,null]"),
        ("long[][]", "[[9223372036854775807,null],[],null]"),
        ("double[]", "[1.5,NaN,-Infinity,-0.0,null,1e-300]"),
        ("boolean[][]", "[[true,false],[null]]"),
        ("char[]", r#"["a","\"","\ud83d","\n",null]"#),
        ("String[]", r#"["a","","null",null,"a\"b\\c\n\u0001é,]["]"#),
        ("String[][][]", r#"[[["a"],null],[]]"#),
        ("DateTime[]", r#"["1970-01-01T00:00:00.000000001Z",null,7]"#),
        ("BigDecimal[]", "[1.50,1E+3,0.00,null]"),
        ("BigInteger[]", "[123456789012345678901234567890,null]"),
        ("StringSet", r#"["b","a"]"#),
        ("StringSet[]", r#"[["a","b"],[],null]"#),
        ("Blob[]", r#"["AP8=","",null]"#),
        ("short[][][]", "[[[1]],[[]],null]"),
        ("float[]", "[0.1,3.4028235e38]"),
        ("byte[]", "[127,-127]"),
        ("BigDecimal", "-1.5e-7"),
        ("Blob", "AP8="),
    ];
    let place = |name: &str| ColumnType::all().position(|column_type| column_type.name() == name).unwrap_or_default();
    texts.iter().map(|(name, text)| [&[place(name) as u8, 0][..], text.as_bytes()].concat()).collect()
}
