//! Journals of intraday locations, which have records and no header.

use super::walk::{Field, Walk};
use super::{View, version_check};
use crate::format::commit::slot::{FieldForm, SlotField};
use crate::format::journal::{ALIGN, HEAD_BYTES, MAGIC, VERSION, next_offset};

const CHECKSUM_AT: u64 = 92;
const CONTENT_CHECKSUM_AT: u64 = 68;

/// The fields of a record before its content.
const FIELDS: [SlotField; 13] = {
    const fn field(at: usize, bytes: usize, name: &'static str, form: FieldForm) -> SlotField {
        SlotField { at, bytes, name, form }
    }
    [
        field(0, 8, "magic", FieldForm::Text),
        field(8, 4, "version", FieldForm::Number),
        field(12, 4, "bytes of the record", FieldForm::Number),
        field(16, 16, "location", FieldForm::Bytes),
        field(32, 8, "epoch of the base", FieldForm::Number),
        field(40, 8, "generation of the base", FieldForm::Number),
        field(48, 8, "generation of the commit", FieldForm::Number),
        field(56, 4, "bytes of the slot", FieldForm::Number),
        field(60, 4, "bytes of the side file", FieldForm::Number),
        field(64, 4, "count of pieces", FieldForm::Number),
        field(68, 4, "checksum of the content", FieldForm::Checksum),
        field(72, 16, "start of the system that wrote it", FieldForm::Bytes),
        field(88, 4, "zero", FieldForm::Number),
    ]
};

/// Shows a journal: every record that is there, those left over from earlier bases too. Which of them count, the commit file says.
pub fn inspect(bytes: &[u8], view: &View) -> Vec<Field> {
    let mut walk = Walk::new(bytes);
    walk.note(0, walk.len(), "file", "size", format!("{} bytes", bytes.len()));
    let (mut at, mut number) = (0, 0);
    while at < walk.len() {
        let size = record(&mut walk, at, number, view.shows(number));
        number += u64::from(size.is_some());
        at = size.map_or(at + ALIGN, |size| next_offset(at, size));
    }
    walk.note(0, 0, "file", "records", number.to_string());
    walk.finish()
}

/// One record; its bytes if there is one. A damaged length counts as one page.
fn record(walk: &mut Walk<'_>, at: u64, number: u64, shown: bool) -> Option<u64> {
    walk.bytes_at(at, 8).filter(|found| *found == MAGIC)?;
    let head = walk.bytes_at(at, HEAD_BYTES as u64)?;
    let size = walk.peek(at + 12, 4)?;
    let head_holds = walk.peek(at + CHECKSUM_AT, 4) == Some(u64::from(crc32fast::hash(&head[..CHECKSUM_AT as usize])));
    let content = size.checked_sub(HEAD_BYTES as u64).and_then(|bytes| walk.bytes_at(at + HEAD_BYTES as u64, bytes));
    let computed = content.map(|content| u64::from(crc32fast::hash(content)));
    let content_holds = computed.is_some() && walk.peek(at + CONTENT_CHECKSUM_AT, 4) == computed;
    if shown || !head_holds || !content_holds {
        walk.enter(format!("record {number}"));
        walk.table(at, &FIELDS);
        if let Some(version) = walk.peek(at + 8, 4) {
            version_check(walk, at + 8, u16::try_from(version).unwrap_or(u16::MAX), VERSION as u16);
        }
        walk.judge(at + 12, content.is_some(), || "the file ends before".into());
        walk.judge(at + CONTENT_CHECKSUM_AT, content_holds, || match computed {
            Some(computed) => format!("the bytes have {computed:08x}"),
            None => "there are not as many bytes".into(),
        });
        walk.checksum(at + CHECKSUM_AT, at..at + CHECKSUM_AT, "checksum of bytes 0 to 91");
    }
    Some(if head_holds && size >= HEAD_BYTES as u64 { size } else { 1 })
}

#[cfg(test)]
mod tests {
    use super::super::Check;
    use super::*;
    use crate::format::commit::tests::sample;
    use crate::format::journal::{Base, encode};

    fn bad(bytes: &[u8]) -> usize {
        let fields = inspect(bytes, &View::default());
        fields.iter().filter(|field| matches!(field.check, Check::Bad(_))).count()
    }

    #[test]
    fn records_are_shown_and_damage_is_told() {
        let base = Base { location: *b"0123456789abcdef", version: (3, 40) };
        let record = encode(&base, *b"fedcba9876543210", &sample(3, 2), &[]);
        let mut file = vec![0; 4 * ALIGN as usize];
        for at in [0, ALIGN as usize] {
            file[at..at + record.len()].copy_from_slice(&record);
        }
        let fields = inspect(&file, &View::default());
        assert_eq!(fields.last().map(|field| &*field.value), Some("2"));
        assert_eq!(fields.iter().filter(|field| field.name == "generation of the commit").count(), 2);
        assert_eq!(bad(&file), 0);
        for at in [9, 13, 50, 70, 75, 93, record.len() - 1] {
            let mut damaged = file.clone();
            damaged[at] ^= 4;
            assert!(bad(&damaged) > 0, "byte {at}");
        }
        for end in 0..record.len() {
            inspect(&file[..end], &View { all: true, ..View::default() });
        }
    }
}
