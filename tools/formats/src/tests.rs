//! What other programs write: types that no table of ours has, and values that no column can have.

use crate::from_arrow::ColumnConverter;
use crate::records::{Sizes, scan};
use crate::{ipc_input, parquet_input, types};
use arrow::array::*;
use arrow::datatypes::*;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use pilaster::base::date_time::Zone;
use pilaster::base::text::{DateTimeForm, DateTimeReader, write_csv_value};
use pilaster::base::{ColumnType, Value};
use pilaster::memory::Chunk;
use pilaster::storage::import::RecordReader;
use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

fn converted(array: ArrayRef, wanted: &str) -> (Vec<String>, Vec<String>) {
    let zone = Zone::named("NY").unwrap();
    let column_type: ColumnType = wanted.parse().unwrap();
    let mut converter = ColumnConverter::new(column_type, false, DateTimeReader::new(Some(&zone), DateTimeForm::Iso));
    let mut bad = Vec::new();
    let chunk: Chunk = converter.convert(&array, &mut bad).unwrap();
    assert_eq!(chunk.column_type(), column_type);
    (texts(&chunk), bad.into_iter().map(|one| format!("{} {} {:?}", one.row, one.text, one.refusal)).collect())
}

fn texts(chunk: &Chunk) -> Vec<String> {
    let text = |row: usize| {
        let mut out = Vec::new();
        let value = chunk.value(row);
        write_csv_value(&value, b'\t', &mut out);
        if value == Value::Null { "null".to_string() } else { String::from_utf8(out).unwrap() }
    };
    (0..chunk.len()).map(text).collect()
}

#[test]
fn types_of_others_become_ours() {
    let check = |array: ArrayRef, wanted: &str, expected: &[&str]| {
        let (values, bad) = converted(array.clone(), wanted);
        assert_eq!(
            (values.as_slice(), bad.len()),
            (&expected.iter().map(|text| text.to_string()).collect::<Vec<_>>()[..], 0),
            "{:?} as {wanted}",
            array.data_type()
        );
    };
    check(Arc::new(UInt8Array::from(vec![Some(255), None])), "short", &["255", "null"]);
    check(Arc::new(UInt32Array::from(vec![Some(u32::MAX), None])), "long", &["4294967295", "null"]);
    check(Arc::new(UInt64Array::from(vec![Some(u64::MAX), None])), "BigInteger", &["18446744073709551615", "null"]);
    check(Arc::new(Int64Array::from(vec![5, -5])), "int", &["5", "-5"]);
    check(
        Arc::new(Float32Array::from(vec![1.5, f32::NAN, f32::INFINITY, -0.0])),
        "double",
        &["1.5", "NaN", "Infinity", "-0.0"],
    );
    check(Arc::new(Float64Array::from(vec![Some(0.1), None])), "float", &["0.1", "null"]);
    check(Arc::new(StringArray::from(vec![Some("1.50"), None])), "BigDecimal", &["1.50", "null"]);
    check(Arc::new(LargeStringArray::from(vec![Some("a"), Some(""), None])), "String", &["a", "\"\"", "null"]);
    check(Arc::new(StringViewArray::from(vec![Some("7"), None])), "byte", &["7", "null"]);
    let decimals = Decimal128Array::from(vec![Some(-150), None]).with_precision_and_scale(20, 2).unwrap();
    check(Arc::new(decimals.clone()), "BigDecimal", &["-1.50", "null"]);
    check(Arc::new(decimals), "double", &["-1.5", "null"]);
    check(Arc::new(Date32Array::from(vec![Some(17_403), None])), "String", &["2017-08-25", "null"]);
    check(Arc::new(Date64Array::from(vec![Some(17_403 * 86_400_000), None])), "String", &["2017-08-25", "null"]);
    check(Arc::new(Date64Array::from(vec![17_403 * 86_400_000 + 1_500])), "String", &["2017-08-25T00:00:01.500"]);
    check(Arc::new(Date32Array::from(vec![17_403])), "DateTime", &["2017-08-25T04:00:00.000000000Z"]);
    let seconds = TimestampSecondArray::from(vec![Some(1_503_633_600), None]);
    check(Arc::new(seconds.clone().with_timezone("+02:00")), "DateTime", &["2017-08-25T04:00:00.000000000Z", "null"]);
    // Without a zone it is what the clock on the wall said: here in New York.
    check(Arc::new(seconds), "DateTime", &["2017-08-25T08:00:00.000000000Z", "null"]);
    check(Arc::new(Time32MillisecondArray::from(vec![1_500])), "long", &["1500000000"]);
    check(Arc::new(DurationMicrosecondArray::from(vec![7])), "long", &["7000"]);
    check(Arc::new(BinaryArray::from(vec![Some(&b"\0\xff"[..]), None])), "Blob", &["AP8=", "null"]);
    check(Arc::new(BinaryArray::from(vec![&b"ab"[..]])), "String", &["ab"]);
    check(Arc::new(NullArray::new(2)), "int[]", &["null", "null"]);
    check(Arc::new(BooleanArray::from(vec![Some(true), None])), "String", &["true", "null"]);
    let keys = Int8Array::from(vec![Some(1), None, Some(0), Some(1)]);
    let dictionary = DictionaryArray::<Int8Type>::new(keys, Arc::new(StringArray::from(vec!["x", "x"])));
    check(Arc::new(dictionary), "String", &["x", "null", "x", "x"]);
    let lists = vec![Some(vec![Some(1), None]), None, Some(vec![])];
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(lists);
    check(Arc::new(lists.clone()), "long[]", &["[1,null]", "null", "[]"]);
    check(Arc::new(lists.slice(1, 2)), "int[]", &["null", "[]"]);
    let fixed = FixedSizeListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1), Some(2)]), None], 2);
    check(Arc::new(fixed), "int[]", &["[1,2]", "null"]);
}

#[test]
fn values_that_a_column_cannot_have_are_told_with_their_row() {
    let check =
        |array: ArrayRef, wanted: &str, expected: &[&str]| assert_eq!(converted(array, wanted).1, expected, "{wanted}");
    check(Arc::new(Int32Array::from(vec![1, i32::MIN])), "int", &["1 -2147483648 Reserved"]);
    check(Arc::new(Int64Array::from(vec![1 << 40, 2])), "int", &["0 1099511627776 OutOfRange"]);
    check(Arc::new(Float64Array::from(vec![1.5])), "int", &["0 1.5 NotOfType"]);
    check(Arc::new(Float64Array::from(vec![f64::MIN])), "double", &[&format!("0 {} Reserved", f64::MIN)]);
    check(Arc::new(UInt16Array::from(vec![0xFFFE])), "char", &["0 65534 Reserved"]);
    check(
        Arc::new(TimestampSecondArray::from(vec![i64::MAX]).with_timezone("UTC")),
        "DateTime",
        &["0 9223372036854775807 Second OutOfRange"],
    );
    let lists = vec![Some(vec![Some(1)]), Some(vec![]), Some(vec![Some(2), Some(i32::MIN)])];
    check(Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists)), "int[]", &["2 -2147483648 Reserved"]);
}

#[test]
fn a_dictionary_is_looked_up_once() {
    let values: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let batch = |keys: Vec<i32>| -> ArrayRef {
        Arc::new(DictionaryArray::<Int32Type>::new(Int32Array::from(keys), values.clone()))
    };
    let mut converter = ColumnConverter::new(ColumnType::String, false, DateTimeReader::default());
    let mut symbols = Vec::new();
    for keys in [vec![0, 1], vec![1, 1, 0]] {
        let Chunk::String(strings) = converter.convert(&batch(keys), &mut Vec::new()).unwrap() else {
            panic!("strings")
        };
        symbols.push(strings.symbols.clone());
    }
    assert!(Arc::ptr_eq(&symbols[0], &symbols[1]));
}

/// Fields of a file, the names and types of the columns that they become, and their values: three rows.
fn fields_of_others() -> Vec<(&'static str, ArrayRef, &'static str, &'static str, [&'static str; 3])> {
    let decimal = |values: Vec<Option<i128>>| {
        Arc::new(Decimal128Array::from(values).with_precision_and_scale(30, 2).unwrap()) as ArrayRef
    };
    let wide = Decimal256Array::from(vec![Some(i256::from_i128(-15)), None, Some(i256::from_i128(i128::MAX))]);
    let text = |values: [Option<&'static str>; 3]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
    let half = Float16Array::from(vec![
        Some(<Float16Type as ArrowPrimitiveType>::Native::from_f32(1.5)),
        None,
        Some(<Float16Type as ArrowPrimitiveType>::Native::NEG_INFINITY),
    ]);
    let mut lists = ListBuilder::new(StringBuilder::new());
    lists.append_value([Some("a"), None, Some("a")]);
    lists.append_null();
    lists.append_value([Some("b"), Some("")]);
    let mut nested = ListBuilder::new(ListBuilder::new(Int64Builder::new()));
    nested.values().append_value([Some(1), None]);
    nested.append(true);
    nested.append(false);
    nested.append(true);
    let inner = Fields::from(vec![Field::new("z", DataType::Utf8, true)]);
    let inner = StructArray::new(inner, vec![text([Some("q"), Some("r"), None])], Some(vec![true, false, true].into()));
    let fields = Fields::from(vec![Field::new("y", inner.data_type().clone(), true)]);
    let outer = StructArray::new(fields, vec![Arc::new(inner)], Some(vec![true, true, false].into()));
    let fixed = vec![Some(vec![Some(1.5), None]), None, Some(vec![Some(f64::NAN), Some(-0.0)])];
    let ints = DictionaryArray::<Int8Type>::new(
        Int8Array::from(vec![Some(1), None, Some(0)]),
        Arc::new(Int64Array::from(vec![7, 9])),
    );
    vec![
        (
            "Decimal",
            decimal(vec![Some(-150), None, Some(10i128.pow(29))]),
            "Decimal",
            "BigDecimal",
            ["-1.50", "null", "1000000000000000000000000000.00"],
        ),
        (
            "Wide",
            Arc::new(wide.with_precision_and_scale(76, 1).unwrap()),
            "Wide",
            "BigDecimal",
            ["-1.5", "null", "17014118346046923173168730371588410572.7"],
        ),
        (
            "Large",
            Arc::new(LargeStringArray::from(vec![Some("x"), None, Some("")])),
            "Large",
            "String",
            ["x", "null", "\"\""],
        ),
        (
            "View",
            Arc::new(StringViewArray::from(vec![Some("a text that is not inline"), None, Some("\u{1f600}")])),
            "View",
            "String",
            ["a text that is not inline", "null", "\u{1f600}"],
        ),
        ("Half", Arc::new(half), "Half", "float", ["1.5", "null", "-Infinity"]),
        (
            "Texts",
            Arc::new(lists.finish()),
            "Texts",
            "String[]",
            ["\"[\"\"a\"\",null,\"\"a\"\"]\"", "null", "\"[\"\"b\"\",\"\"\"\"]\""],
        ),
        ("Nested", Arc::new(nested.finish()), "Nested", "long[][]", ["[[1,null]]", "null", "[]"]),
        ("x", Arc::new(outer), "x.y.z", "String", ["q", "null", "null"]),
        (
            "Fixed",
            Arc::new(FixedSizeListArray::from_iter_primitive::<Float64Type, _, _>(fixed, 2)),
            "Fixed",
            "double[]",
            ["[1.5,null]", "null", "[NaN,-0.0]"],
        ),
        ("Ints", Arc::new(ints), "Ints", "long", ["9", "null", "7"]),
        (
            "Millis",
            Arc::new(Time32MillisecondArray::from(vec![Some(1), None, Some(86_399_999)])),
            "Millis",
            "long",
            ["1000000", "null", "86399999000000"],
        ),
        (
            "Micros",
            Arc::new(Time64MicrosecondArray::from(vec![Some(1), None, Some(2)])),
            "Micros",
            "long",
            ["1000", "null", "2000"],
        ),
        (
            "Instant",
            Arc::new(TimestampMicrosecondArray::from(vec![Some(0), None, Some(-1)]).with_timezone("America/New_York")),
            "Instant",
            "DateTime",
            ["1970-01-01T00:00:00.000000000Z", "null", "1969-12-31T23:59:59.999999000Z"],
        ),
        (
            "Unsigned",
            Arc::new(UInt64Array::from(vec![Some(u64::MAX), None, Some(0)])),
            "Unsigned",
            "BigInteger",
            ["18446744073709551615", "null", "0"],
        ),
        (
            "Date",
            Arc::new(Date64Array::from(vec![Some(0), None, Some(86_400_000)])),
            "Date",
            "String",
            ["1970-01-01", "null", "1970-01-02"],
        ),
        (
            "Bytes",
            Arc::new(
                FixedSizeBinaryArray::try_from_sparse_iter_with_size(
                    [Some([0u8, 255]), None, Some([1, 2])].into_iter(),
                    2,
                )
                .unwrap(),
            ),
            "Bytes",
            "Blob",
            ["AP8=", "null", "AQI="],
        ),
    ]
}

#[test]
fn files_of_others_give_the_same_values_in_both_formats() {
    let fields = fields_of_others();
    let batch =
        RecordBatch::try_from_iter_with_nullable(fields.iter().map(|(name, array, ..)| (*name, array.clone(), true)))
            .unwrap();
    let mut stream = arrow::ipc::writer::StreamWriter::try_new(Vec::new(), batch.schema_ref()).unwrap();
    stream.write(&batch).unwrap();
    let stream = stream.into_inner().unwrap();
    let parquet = |rows: usize| {
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(rows)).build();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.into_inner().unwrap()
    };
    let name = Path::new("in");
    for (what, reader) in [
        ("Arrow", ipc_input::open_stream(name, Box::new(Cursor::new(stream)), Sizes::default()).unwrap()),
        ("Parquet", parquet_input::open_memory(name, parquet(10).into()).unwrap()),
        ("Parquet in groups", parquet_input::open_memory(name, parquet(1).into()).unwrap()),
    ] {
        let names: Vec<&str> = fields.iter().map(|(_, _, name, ..)| *name).collect();
        assert_eq!(reader.names(), names, "{what}");
        let found: Vec<Option<ColumnType>> =
            reader.leaves().iter().map(|leaf| types::column_type(&leaf.field)).collect();
        let mut values = vec![Vec::new(); fields.len()];
        let rows =
            scan(reader, &found, None, &mut |field, chunk| values[field].extend(texts(chunk)), &mut || Ok(())).unwrap();
        assert_eq!(rows, 3, "{what}");
        for ((field, column_type), values) in fields.iter().zip(found).zip(values) {
            assert_eq!(column_type.unwrap().name(), field.3, "{what} {}", field.0);
            assert_eq!(values, field.4, "{what} {}", field.0);
        }
    }
}
