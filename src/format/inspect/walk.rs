//! The walk over a file's bytes: fields taken at offsets that may lie beyond the end, with what was found wrong about each.

use crate::base::date_time::format::format_iso;
use crate::format::commit::slot::{FieldForm, SlotField};
use std::ops::Range;

/// Whether a field is what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// Nothing to compare it with.
    None,
    /// A checksum or rule that holds.
    Ok,
    /// What is wrong.
    Bad(String),
}

/// A field of a structure on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Where it begins in the file.
    pub offset: u64,
    /// Its bytes.
    pub bytes: u64,
    /// The structure it belongs to: `head`, `slot 2`, `block 17`.
    pub structure: String,
    /// Its name in the specification.
    pub name: String,
    /// Its value.
    pub value: String,
    /// What comparing it gave.
    pub check: Check,
}

/// Collects fields.
pub(super) struct Walk<'a> {
    bytes: &'a [u8],
    structure: String,
    fields: Vec<Field>,
    /// True once a field was missed because the file ends before it: told once.
    ended: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Walk { bytes, structure: String::new(), fields: Vec::new(), ended: false }
    }

    pub(super) fn finish(self) -> Vec<Field> {
        self.fields
    }

    /// Names the structure that the next fields belong to.
    pub(super) fn enter(&mut self, structure: impl Into<String>) {
        self.structure = structure.into();
    }

    pub(super) fn structure(&self) -> &str {
        &self.structure
    }

    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Bytes of the file, none where it ends before.
    pub(super) fn bytes_at(&self, offset: u64, count: u64) -> Option<&'a [u8]> {
        let start = usize::try_from(offset).ok()?;
        self.bytes.get(start..start.checked_add(usize::try_from(count).ok()?)?)
    }

    /// A number of the file that is not shown.
    pub(super) fn peek(&self, offset: u64, bytes: u64) -> Option<u64> {
        let mut value = [0; 8];
        let found = self.bytes_at(offset, bytes).filter(|found| found.len() <= 8)?;
        value[..found.len()].copy_from_slice(found);
        Some(u64::from_le_bytes(value))
    }

    /// Adds a field that is no field of the file but follows from it.
    pub(super) fn note(&mut self, offset: u64, bytes: u64, structure: &str, name: &str, value: impl Into<String>) {
        let (structure, name) = (structure.to_string(), name.to_string());
        self.fields.push(Field { offset, bytes, structure, name, value: value.into(), check: Check::None });
    }

    /// Adds a field of the structure with a verdict.
    pub(super) fn field(&mut self, offset: u64, bytes: u64, name: &str, value: impl Into<String>, check: Check) {
        let structure = self.structure.clone();
        self.fields.push(Field { offset, bytes, structure, name: name.to_string(), value: value.into(), check });
    }

    fn missing(&mut self, offset: u64, bytes: u64, name: &str) {
        if !self.ended {
            self.ended = true;
            let end = self.len();
            self.field(offset, bytes, name, "", Check::Bad(format!("the file ends before, after {end} bytes")));
        }
    }

    /// An unsigned number of up to 8 bytes.
    pub(super) fn number(&mut self, offset: u64, bytes: u64, name: &str) -> Option<u64> {
        match self.peek(offset, bytes) {
            Some(value) => {
                self.field(offset, bytes, name, value.to_string(), Check::None);
                Some(value)
            }
            None => {
                self.missing(offset, bytes, name);
                None
            }
        }
    }

    /// True for a page of zeros, which is shown as such.
    pub(super) fn is_unwritten(&mut self, offset: u64, bytes: u64) -> bool {
        let zeros = self.bytes_at(offset, bytes).is_some_and(|page| page.iter().all(|&byte| byte == 0));
        if zeros {
            self.field(offset, bytes, "zeros", "never written", Check::Ok);
        }
        zeros
    }

    /// The fields of a table, from an offset on.
    pub(super) fn table(&mut self, base: u64, fields: &[SlotField]) {
        for field in fields {
            let (at, bytes) = (base + field.at as u64, field.bytes as u64);
            match field.form {
                FieldForm::Text => drop(self.text(at, bytes, field.name)),
                FieldForm::Bytes => drop(self.hex(at, bytes, field.name)),
                FieldForm::Number => drop(self.number(at, bytes, field.name)),
                FieldForm::Time => drop(self.time(at, field.name)),
                FieldForm::Checksum => drop(self.stored_checksum(at, field.name)),
            }
        }
    }

    /// Nanoseconds since the epoch.
    pub(super) fn time(&mut self, offset: u64, name: &str) -> Option<i64> {
        let value = self.number(offset, 8, name)? as i64;
        self.explain(offset, &format_iso(value));
        Some(value)
    }

    /// Text, shown with its control characters escaped.
    pub(super) fn text(&mut self, offset: u64, bytes: u64, name: &str) -> Option<&'a [u8]> {
        match self.bytes_at(offset, bytes) {
            Some(found) => {
                self.field(offset, bytes, name, super::quoted(&String::from_utf8_lossy(found)), Check::None);
                Some(found)
            }
            None => {
                self.missing(offset, bytes, name);
                None
            }
        }
    }

    /// Bytes, shown in hexadecimal.
    pub(super) fn hex(&mut self, offset: u64, bytes: u64, name: &str) -> Option<&'a [u8]> {
        match self.bytes_at(offset, bytes) {
            Some(found) => {
                let digits: String = found.iter().map(|byte| format!("{byte:02x}")).collect();
                self.field(offset, bytes, name, digits, Check::None);
                Some(found)
            }
            None => {
                self.missing(offset, bytes, name);
                None
            }
        }
    }

    /// Bytes that must be zero.
    pub(super) fn zeros(&mut self, offset: u64, bytes: u64, name: &str) {
        match self.bytes_at(offset, bytes) {
            Some(found) => {
                let odd = found.iter().position(|&byte| byte != 0);
                let check = odd.map_or(Check::Ok, |at| Check::Bad(format!("byte {} is not zero", offset + at as u64)));
                self.field(offset, bytes, name, format!("{bytes} bytes"), check);
            }
            None => self.missing(offset, bytes, name),
        }
    }

    /// A stored CRC-32 of a range of the file, compared.
    pub(super) fn checksum(&mut self, offset: u64, covered: Range<u64>, name: &str) -> Option<bool> {
        let Some(stored) = self.peek(offset, 4) else {
            self.missing(offset, 4, name);
            return None;
        };
        let length = covered.end.checked_sub(covered.start);
        let check = match length.and_then(|length| self.bytes_at(covered.start, length)).map(crc32fast::hash) {
            Some(computed) if u64::from(computed) == stored => Check::Ok,
            Some(computed) => Check::Bad(format!("the bytes have {computed:08x}")),
            None => Check::Bad("the bytes that it covers are not all there".into()),
        };
        let holds = check == Check::Ok;
        self.field(offset, 4, name, format!("{stored:08x}"), check);
        Some(holds)
    }

    /// A stored checksum of something that the caller compares.
    pub(super) fn stored_checksum(&mut self, offset: u64, name: &str) -> Option<u32> {
        let value = self.number(offset, 4, name)? as u32;
        if let Some(field) = self.fields.last_mut() {
            field.value = format!("{value:08x}");
        }
        Some(value)
    }

    /// Adds words to the last field at an offset.
    pub(super) fn explain(&mut self, offset: u64, words: &str) {
        if let Some(field) = self.fields.iter_mut().rev().find(|field| field.offset == offset) {
            field.value = format!("{} ({words})", field.value);
        }
    }

    /// Gives the last field at an offset its verdict.
    pub(super) fn judge(&mut self, offset: u64, holds: bool, why: impl FnOnce() -> String) {
        if let Some(field) = self.fields.iter_mut().rev().find(|field| field.offset == offset) {
            field.check = if holds { Check::Ok } else { Check::Bad(why()) };
        }
    }
}
