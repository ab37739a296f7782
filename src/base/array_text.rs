//! Arrays, sets and bytes as text: `[1,2,null]`, `["a","b"]`, base64.
//!
//! An array is JSON but for `NaN` and infinities, which stand bare. Texts, chars, date-times and bytes are quoted, numbers and truth
//! values are not, null is `null`. Reading takes what writing makes and gives the same value; it also takes texts without quotes,
//! spaces around elements and epoch nanoseconds for date-times. Nesting is bounded by the type.

use super::text::{DateTimeReader, FromText, Refusal, parse_text, write_scalar};
use super::{ColumnType, Primitive, StringSet, Value, date_time};
use std::borrow::Cow;

/// How the date-times within arrays are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DateTimeText {
    /// ISO-8601 with nine digits and `Z`, quoted.
    #[default]
    Iso,
    /// Nanoseconds since the epoch.
    EpochNanos,
}

/// Appends an array or a set; `null` for null, other values as they stand within arrays.
pub fn write_element(value: &Value, date_times: DateTimeText, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Array { values, .. } => {
            write_list(values.iter(), out, |value, out| write_element(value, date_times, out))
        }
        Value::StringSet(set) => write_list(set.iter(), out, write_json_text),
        Value::String(text) => write_json_text(text, out),
        Value::Char(unit) => match char::from_u32(u32::from(*unit)) {
            Some(c) => write_json_text(c.encode_utf8(&mut [0; 4]), out),
            // Half of a pair has no other form.
            None => out.extend_from_slice(format!("\"\\u{unit:04x}\"").as_bytes()),
        },
        Value::Blob(bytes) => {
            out.push(b'"');
            write_base64(bytes, out);
            out.push(b'"');
        }
        Value::DateTime(nanos) => match date_times {
            DateTimeText::EpochNanos => out.extend_from_slice(nanos.to_string().as_bytes()),
            DateTimeText::Iso => {
                out.push(b'"');
                date_time::write_iso(*nanos, out);
                out.push(b'"');
            }
        },
        scalar => write_scalar(scalar, out),
    }
}

fn write_list<T>(elements: impl Iterator<Item = T>, out: &mut Vec<u8>, mut write: impl FnMut(T, &mut Vec<u8>)) {
    out.push(b'[');
    for (at, element) in elements.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(element, out);
    }
    out.push(b']');
}

/// Appends a text in quotes, as JSON.
pub fn write_json_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for &c in text.as_bytes() {
        match c {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', c]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => out.extend_from_slice(format!("\\u{c:04x}").as_bytes()),
            c => out.push(c),
        }
    }
    out.push(b'"');
}

/// Appends bytes as base64 with padding.
pub fn write_base64(bytes: &[u8], out: &mut Vec<u8>) {
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            out.push(if at > chunk.len() { b'=' } else { BASE64[(bits >> (18 - 6 * at) & 63) as usize] });
        }
    }
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The bytes of a base64 text with padding; none for other texts.
pub fn parse_base64(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let padding = text.iter().rev().take(2).take_while(|&&c| c == b'=').count();
    let digit = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let digits = &text[..text.len() - padding];
    for chunk in digits.chunks(4) {
        let mut bits = 0u32;
        for &c in chunk {
            bits = bits << 6 | u32::from(digit(c)?);
        }
        bits <<= 6 * (4 - chunk.len());
        let [_, first, second, third] = bits.to_be_bytes();
        let whole = chunk.len() - 1;
        if [first, second, third][whole..].iter().any(|&rest| rest != 0) {
            return None;
        }
        bytes.extend_from_slice(&[first, second, third][..whole]);
    }
    Some(bytes)
}

/// The array that a text names. Errs for elements that are not of the type, and for nesting that is not the type's.
pub fn parse_array(text: &[u8], element: ColumnType, date_times: &mut DateTimeReader) -> Result<Value, Refusal> {
    let mut reader = Reader { text, at: 0, date_times };
    reader.spaces();
    let values = reader.list(element)?;
    reader.end()?;
    Ok(Value::Array { element, values: values.into() })
}

/// The set that a text names: an array of texts, in any order.
pub fn parse_set(text: &[u8]) -> Result<StringSet, Refusal> {
    let mut date_times = DateTimeReader::default();
    let mut reader = Reader { text, at: 0, date_times: &mut date_times };
    reader.spaces();
    let set = reader.set()?;
    reader.end()?;
    Ok(set)
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    date_times: &'a mut DateTimeReader,
}

impl<'a> Reader<'a> {
    fn next(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn spaces(&mut self) {
        while self.next().is_some_and(|c| c.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn end(&mut self) -> Result<(), Refusal> {
        self.spaces();
        if self.at == self.text.len() { Ok(()) } else { Err(Refusal::NotOfType) }
    }

    /// True if the next character is `wanted`, which is then behind.
    fn skip(&mut self, wanted: u8) -> bool {
        let found = self.next() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    /// Recurses no deeper than the type.
    fn list(&mut self, element: ColumnType) -> Result<Vec<Value>, Refusal> {
        if !self.skip(b'[') {
            return Err(Refusal::NotOfType);
        }
        let mut values = Vec::new();
        self.spaces();
        if self.skip(b']') {
            return Ok(values);
        }
        loop {
            self.spaces();
            values.push(self.value(element)?);
            self.spaces();
            if self.skip(b']') {
                return Ok(values);
            }
            if !self.skip(b',') {
                return Err(Refusal::NotOfType);
            }
        }
    }

    fn value(&mut self, wanted: ColumnType) -> Result<Value, Refusal> {
        match (self.next(), wanted) {
            (Some(b'['), ColumnType::Array(array)) => {
                let values = self.list(array.element())?;
                Ok(Value::Array { element: array.element(), values: values.into() })
            }
            (Some(b'['), ColumnType::StringSet) => self.set().map(Value::StringSet),
            (Some(b'"'), ColumnType::Char) => self.quoted_char(),
            (Some(b'"'), ColumnType::Array(_) | ColumnType::StringSet) => Err(Refusal::NotOfType),
            (Some(b'"'), _) => {
                let text = self.quoted()?;
                parse_text(text.as_bytes(), wanted, self.date_times)
            }
            _ => match (self.bare()?, wanted) {
                (b"null", _) => Ok(Value::Null),
                (_, ColumnType::Array(_) | ColumnType::StringSet) => Err(Refusal::NotOfType),
                (text, ColumnType::DateTime) => match i64::from_text(text) {
                    Err(Refusal::NotOfType) => parse_text(text, wanted, self.date_times),
                    nanos => nanos.map(Value::DateTime),
                },
                (text, wanted) => parse_text(text, wanted, self.date_times),
            },
        }
    }

    fn set(&mut self) -> Result<StringSet, Refusal> {
        let texts = self.list(ColumnType::String)?;
        let text = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            _ => Err(Refusal::NotOfType),
        };
        Ok(StringSet::new(texts.iter().map(text).collect::<Result<Vec<_>, _>>()?))
    }

    /// Text up to the next comma or bracket, without spaces behind it.
    fn bare(&mut self) -> Result<&'a [u8], Refusal> {
        let rest = &self.text[self.at..];
        let end = rest.iter().position(|c| matches!(c, b',' | b'[' | b']' | b'"')).unwrap_or(rest.len());
        self.at += end;
        match rest[..end].trim_ascii_end() {
            [] => Err(Refusal::NotOfType),
            text => Ok(text),
        }
    }

    /// A JSON text, its escapes undone.
    fn quoted(&mut self) -> Result<Cow<'a, str>, Refusal> {
        let rest = &self.text[self.at + 1..];
        let plain = rest.iter().position(|c| matches!(c, b'"' | b'\\')).ok_or(Refusal::NotOfType)?;
        let start = std::str::from_utf8(&rest[..plain]).map_err(|_| Refusal::NotOfType)?;
        self.at += 1 + plain;
        if self.skip(b'"') {
            return Ok(Cow::Borrowed(start));
        }
        let mut bytes = start.as_bytes().to_vec();
        loop {
            match self.next().ok_or(Refusal::NotOfType)? {
                b'"' => break,
                b'\\' => {
                    let unit = self.escape()?;
                    let c = match unit {
                        0xD800..0xDC00 if self.next() == Some(b'\\') => {
                            let low = self.escape()?;
                            char::decode_utf16([unit, low]).next().and_then(|c| c.ok())
                        }
                        unit => char::from_u32(u32::from(unit)),
                    };
                    let c = c.ok_or(Refusal::NotOfType)?;
                    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                c => {
                    bytes.push(c);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        String::from_utf8(bytes).map(Cow::Owned).map_err(|_| Refusal::NotOfType)
    }

    /// One UTF-16 unit, also half of a pair.
    fn quoted_char(&mut self) -> Result<Value, Refusal> {
        let start = self.at;
        if self.text[start..].starts_with(b"\"\\u") {
            self.at += 1;
            let unit = self.escape()?;
            if self.skip(b'"') {
                return if unit.is_null() { Err(Refusal::Reserved) } else { Ok(Value::Char(unit)) };
            }
            self.at = start;
        }
        let text = self.quoted()?;
        parse_text(text.as_bytes(), ColumnType::Char, self.date_times)
    }

    fn escape(&mut self) -> Result<u16, Refusal> {
        let rest = &self.text[self.at..];
        self.at += 2;
        Ok(match rest.get(1).copied().ok_or(Refusal::NotOfType)? {
            c @ (b'"' | b'\\' | b'/') => u16::from(c),
            b'n' => 0x0A,
            b'r' => 0x0D,
            b't' => 0x09,
            b'b' => 0x08,
            b'f' => 0x0C,
            b'u' => {
                let digits = rest.get(2..6).ok_or(Refusal::NotOfType)?;
                self.at += 4;
                let digit = |c: &u8| char::from(*c).to_digit(16).ok_or(Refusal::NotOfType);
                digits.iter().try_fold(0, |unit: u16, c| Ok(unit << 4 | digit(c)? as u16))?
            }
            _ => return Err(Refusal::NotOfType),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::{DateTimeForm, parse_value, write_csv_value};
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str, wanted: &str) -> Result<Value, String> {
        let mut reader = DateTimeReader::new(None, DateTimeForm::Iso);
        parse_value(text, wanted.parse().unwrap(), &mut reader).map_err(|error| error.to_string())
    }

    fn written(value: &Value) -> String {
        let mut out = Vec::new();
        write_element(value, DateTimeText::Iso, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn arrays_are_written_and_read_back() {
        for (wanted, text) in [
            ("int[]", "[]"),
            ("int[]", "[1,-2,null]"),
            ("long[]", "[9223372036854775807]"),
            ("double[]", "[1.5,NaN,Infinity,-Infinity,-0.0,null]"),
            ("float[]", "[0.1,3.4028235e38]"),
            ("boolean[]", "[true,false,null]"),
            ("char[]", r#"["a","\"","\ud83d","\n",null]"#),
            ("String[]", r#"["a","","null",null,"a\"b\\c\n\u0001é,]["]"#),
            ("DateTime[]", r#"["1970-01-01T00:00:00.000000001Z",null]"#),
            ("BigDecimal[]", "[1.50,1E+3,0.00,null]"),
            ("BigInteger[]", "[123456789012345678901234567890,null]"),
            ("StringSet[]", r#"[["a","b"],[],null]"#),
            ("Blob[]", r#"["AP8=","",null]"#),
            ("int[][]", "[[1,2],[],null]"),
            ("String[][][]", r#"[[["a"],null],[]]"#),
            ("StringSet", r#"["a","b"]"#),
        ] {
            let value = parse(text, wanted).unwrap_or_else(|error| panic!("{text} as {wanted}: {error}"));
            assert_eq!(value.column_type().unwrap().name(), wanted);
            assert_eq!(written(&value), text, "{wanted}");
        }
    }

    #[test]
    fn other_forms_are_read_too() {
        for (wanted, text, expected) in [
            ("int[]", " [ 1 , 2 ] ", "[1,2]"),
            ("String[]", "[a b, c ,null,\"null\"]", "[\"a b\",\"c\",null,\"null\"]"),
            ("DateTime[]", "[0,1]", "[\"1970-01-01T00:00:00.000000000Z\",\"1970-01-01T00:00:00.000000001Z\"]"),
            ("String[]", r#"["\ud83d\ude00\u00e9\/"]"#, "[\"😀é/\"]"),
            ("StringSet", "[b,a,b]", "[\"a\",\"b\"]"),
            ("double[]", "[1]", "[1.0]"),
        ] {
            assert_eq!(written(&parse(text, wanted).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn texts_that_are_no_arrays() {
        for (wanted, text) in [
            ("int[]", ""),
            ("int[]", "1"),
            ("int[]", "["),
            ("int[]", "[1"),
            ("int[]", "[1,]"),
            ("int[]", "[,1]"),
            ("int[]", "[1]x"),
            ("int[]", "[[1]]"),
            ("int[]", "[2147483648]"),
            ("int[]", "[-2147483648]"),
            ("int[]", "[1 2]"),
            ("int[][]", "[1]"),
            ("int[][]", "[\"[1]\"]"),
            ("char[]", "[\"ab\"]"),
            ("char[]", "[\"\\ufffe\"]"),
            ("String[]", "[\"a]"),
            ("String[]", "[\"\\"),
            ("String[]", "[\"\\x\"]"),
            ("String[]", "[\"\\ud83d\"]"),
            ("String[]", "[\"\\ud83d\\u0041\"]"),
            ("String[]", "[\"\\u00"),
            ("StringSet", "[null]"),
            ("StringSet", "[[a]]"),
            ("Blob[]", "[\"A\"]"),
        ] {
            assert!(parse(text, wanted).is_err(), "{text} as {wanted}");
        }
        assert!(parse(&"[".repeat(1_000_000), "int[][][]").is_err());
    }

    #[test]
    fn base64_is_exact() {
        for (bytes, expected) in
            [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"\xff\xfe\xfd\xfc", "//79/A==")]
        {
            let mut out = Vec::new();
            write_base64(bytes, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected);
            assert_eq!(parse_base64(&out).as_deref(), Some(bytes));
        }
        for text in ["Z", "Zg=", "Zh==", "Zm9=", "====", "Zg==Zg==", "Zm 9v", "Z===", "Zm9v\n"] {
            assert_eq!(parse_base64(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_texts_round_trip(texts in proptest::collection::vec(proptest::option::of(any::<String>()), 0..6), bytes: Vec<u8>) {
            let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::string);
            let value = Value::Array { element: ColumnType::String, values: texts.iter().map(text).collect() };
            prop_assert_eq!(parse(&written(&value), "String[]").unwrap(), value.clone());
            let mut field = Vec::new();
            write_csv_value(&value, b',', &mut field);
            prop_assert!(field.starts_with(b"[") || field.starts_with(b"\""));
            let set = Value::StringSet(StringSet::new(texts.into_iter().flatten()));
            prop_assert_eq!(parse(&written(&set), "StringSet").unwrap(), set);
            let mut out = Vec::new();
            write_base64(&bytes, &mut out);
            prop_assert_eq!(parse_base64(&out), Some(bytes));
        }
    }
}
