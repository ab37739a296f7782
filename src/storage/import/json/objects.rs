//! Finds the fields of the objects of a block: the same index of fields that delimited text has.

use super::JsonForm;
use super::scanner::{Scanner, Token, Why, is_between_objects, object_end};
use super::shape::{PATH_NAMES_MAX, Shape};
use crate::base::limits::CSV_FIELD_BYTES_MAX;
use crate::storage::import::csv::records::{BAD_KEPT_MAX, BadRecord, Field, FieldKind, RecordFault, Records};
use crate::storage::import::csv::{CsvOptions, NullTexts};
use std::ops::Range;

/// Calls `each` with where an object begins and where its line ends (or, without lines, the object itself), and goes on where it says that the object ended; until it
/// says nothing. Gives where the next one begins.
pub(super) fn for_each_object(
    bytes: &[u8],
    from: usize,
    form: JsonForm,
    each: &mut dyn FnMut(Range<usize>) -> Option<usize>,
) -> usize {
    let mut at = from;
    let mut line_end = 0;
    loop {
        let Some(skip) = bytes[at..].iter().position(|byte| !is_between_objects(*byte)) else { return bytes.len() };
        at += skip;
        match form {
            JsonForm::Lines if at < line_end => {}
            JsonForm::Lines => {
                line_end = memchr::memchr2(b'\n', b'\r', &bytes[at..]).map_or(bytes.len(), |end| at + end);
            }
            JsonForm::Spanning => line_end = object_end(bytes, at).unwrap_or(bytes.len()),
        }
        match each(at..line_end) {
            Some(end) => at = end.clamp(at + 1, line_end),
            None => return at,
        }
    }
}

/// Finds the objects of `bytes` from `from` on, at most `rows_max` of them, and in each the fields of the shape.
pub(in crate::storage::import) fn find_objects(
    bytes: &[u8],
    from: usize,
    options: &CsvOptions,
    shape: &Shape,
    column_count: usize,
    rows_max: usize,
) -> Records {
    let form = options.dialect.json.unwrap_or(JsonForm::Lines);
    let mut records = Records::for_columns(column_count);
    records.seen = vec![false; column_count];
    let named_nulls = options.nulls.texts().iter().any(|text| !text.is_empty()).then_some(&options.nulls);
    let mut fields = vec![Field::MISSING; column_count];
    let end = for_each_object(bytes, from, form, &mut |range| {
        if records.row_count() >= rows_max {
            return None;
        }
        fields.fill(Field::MISSING);
        let mut finder = Finder { bytes, shape, fields: &mut fields, seen: &mut records.seen, nulls: named_nulls };
        let (fault, end) = match finder.object(range.clone()) {
            Ok((None, end)) => (None, end),
            Ok((Some(field), end)) => (Some(RecordFault::FieldTooLong(field)), end),
            // What follows on the line cannot be trusted.
            Err(why) => (Some(RecordFault::NotJson(why)), range.end),
        };
        match fault {
            None => records.push(&fields, range.start),
            Some(fault) => {
                records.bad_count += 1;
                if records.bad.len() < BAD_KEPT_MAX || fault.is_fatal() {
                    records.bad.push(BadRecord { start: range.start, fault });
                }
            }
        }
        Some(end)
    });
    records.end = end;
    records
}

struct Finder<'a> {
    bytes: &'a [u8],
    shape: &'a Shape,
    fields: &'a mut [Field],
    seen: &'a mut [bool],
    nulls: Option<&'a NullTexts>,
}

impl Finder<'_> {
    /// Puts the fields of an object where they belong; gives one that is too long, and where the object ends.
    fn object(&mut self, range: Range<usize>) -> Result<(Option<usize>, usize), Why> {
        let mut scanner = Scanner { bytes: &self.bytes[..range.end], at: range.start };
        if scanner.next() != Some(b'{') {
            return Err("it is not an object");
        }
        let mut too_long = None;
        let mut scratch = Vec::new();
        // The node and the hint of each open object.
        let mut open: [(usize, usize); PATH_NAMES_MAX + 1] = [(0, 0); PATH_NAMES_MAX + 1];
        let mut depth = 0;
        let mut begins = true;
        loop {
            if begins {
                scanner.at += 1;
                begins = false;
                if scanner.next() != Some(b'}') {
                    // The first name follows.
                } else {
                    scanner.at += 1;
                    if depth == 0 {
                        break;
                    }
                    depth -= 1;
                    continue;
                }
            } else {
                match scanner.next() {
                    Some(b',') => scanner.at += 1,
                    Some(b'}') => {
                        scanner.at += 1;
                        if depth == 0 {
                            break;
                        }
                        depth -= 1;
                        continue;
                    }
                    _ => return Err("a comma or the object's end is missing"),
                }
            }
            if scanner.next() != Some(b'"') {
                return Err("a name in quotes is missing");
            }
            let name = scanner.string()?;
            if scanner.next() != Some(b':') {
                return Err("a colon is missing");
            }
            scanner.at += 1;
            let (node, hint) = &mut open[depth];
            let entry = match name {
                Token::Text { start, end, escaped: false } => self.shape.find(*node, &self.bytes[start..end], hint),
                _ => self.shape.find(*node, super::shape::text(name, self.bytes, &mut scratch).as_bytes(), hint),
            };
            let Some(entry) = entry else {
                scanner.value()?;
                continue;
            };
            let (field, child) = (entry.field, entry.child);
            let value_at = (scanner.next(), scanner.at).1;
            if let (Some(child), Some(b'{')) = (child, self.bytes.get(value_at)) {
                if let Some(field) = field {
                    let token = scanner.value()?;
                    self.put(field, token, &mut too_long);
                    scanner.at = value_at;
                }
                depth += 1;
                open[depth] = (child, 0);
                begins = true;
                continue;
            }
            let token = scanner.value()?;
            if let Some(field) = field {
                self.put(field, token, &mut too_long);
            }
        }
        Ok((too_long, scanner.at))
    }

    #[inline(always)]
    fn put(&mut self, field: usize, token: Token, too_long: &mut Option<usize>) {
        let (start, end, kind) = match token {
            Token::Null => {
                self.seen[field] = true;
                self.fields[field] = Field::MISSING;
                return;
            }
            Token::Text { start, end, escaped: false } => (start, end, FieldKind::Quoted),
            Token::Text { start, end, .. } => (start, end, FieldKind::QuotedEscaped),
            Token::Bare { start, end } | Token::Nested { start, end } => (start, end, FieldKind::Plain),
        };
        self.seen[field] = true;
        if end - start > CSV_FIELD_BYTES_MAX {
            *too_long = Some(field);
        }
        let means_null = kind == FieldKind::Quoted
            && start < end
            && self.nulls.is_some_and(|nulls| nulls.contains(&self.bytes[start..end]));
        self.fields[field] = if means_null { Field::MISSING } else { Field::new(start, end, kind) };
    }
}
