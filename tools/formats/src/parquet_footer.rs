//! The end of a Parquet file, looked at before the decoder believes its counts: it takes memory for as many columns and row groups as a list claims, and recurses as deep as a
//! schema nests.

use crate::parquet_input::Pieces;
use crate::thrift::{Cursor, Fault, I32, LIST, STRUCT};
use parquet::file::reader::Length;
use pilaster::base::limits::COLUMN_COUNT_MAX;

/// What a file ends with, behind the length of its description.
const MAGIC: &[u8] = b"PAR1";
/// Bytes of the length and of what the file ends with.
const TRAILER_BYTES: u64 = 8;
/// Bytes of the description of a file.
const FOOTER_BYTES_MAX: u64 = 64 << 20;
/// Column chunks of all row groups: the decoder keeps some hundred bytes for each.
const CHUNKS_MAX: u64 = 500_000;
/// Groups in groups of a schema.
const DEPTH_MAX: usize = 64;

/// Refuses a file whose description claims more than it has bytes for, or more than memory is for. Says nothing of a file that does not end as Parquet does: the decoder does.
pub(crate) fn check(file: &Pieces) -> Result<(), String> {
    let size = file.len();
    let Some(trailer) = size.checked_sub(TRAILER_BYTES) else { return Ok(()) };
    let bytes = file.bytes(trailer, TRAILER_BYTES as usize).map_err(|error| error.to_string())?;
    let length = u64::from(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    if &bytes[4..] != MAGIC || length > trailer {
        return Ok(());
    }
    if length > FOOTER_BYTES_MAX {
        return Err(format!("its description has {length} bytes, more than {FOOTER_BYTES_MAX}"));
    }
    let footer = file.bytes(trailer - length, length as usize).map_err(|error| error.to_string())?;
    let counts = Counts::of(&footer).map_err(|_| "its description is damaged".to_string())?;
    if counts.depth > DEPTH_MAX {
        return Err(format!("its columns are nested more than {DEPTH_MAX} deep"));
    }
    if counts.columns > COLUMN_COUNT_MAX as u64 {
        return Err(format!("it has {} columns, more than {COLUMN_COUNT_MAX}", counts.columns));
    }
    if counts.chunks > CHUNKS_MAX {
        return Err(format!("it has {} column chunks, more than {CHUNKS_MAX}; write larger row groups", counts.chunks));
    }
    Ok(())
}

/// What a description really has.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    columns: u64,
    depth: usize,
    chunks: u64,
}

impl Counts {
    fn of(bytes: &[u8]) -> Result<Self, Fault> {
        let mut counts = Counts::default();
        let mut cursor = Cursor::new(bytes);
        let mut field = 0;
        while let Some((number, form)) = cursor.field(&mut field)? {
            match (number, form) {
                (2, LIST) => counts.schema(&mut cursor)?,
                (4, LIST) => counts.row_groups(&mut cursor)?,
                _ => cursor.skip(form, 0)?,
            }
        }
        Ok(counts)
    }

    /// A tree, each group before its children.
    fn schema(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        let count = cursor.structs()?;
        // Children that are still to come of the groups around.
        let mut open: Vec<i64> = Vec::new();
        for _ in 0..count {
            let (mut field, mut children) = (0, 0);
            while let Some((number, form)) = cursor.field(&mut field)? {
                match (number, form) {
                    (5, I32) => children = cursor.number()?,
                    _ => cursor.skip(form, 1)?,
                }
            }
            while open.last().is_some_and(|left| *left <= 0) {
                open.pop();
            }
            if let Some(left) = open.last_mut() {
                *left -= 1;
            }
            if children > 0 {
                open.push(children);
                self.depth = self.depth.max(open.len());
            } else {
                self.columns += 1;
            }
        }
        Ok(())
    }

    fn row_groups(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        for _ in 0..cursor.structs()? {
            let mut field = 0;
            while let Some((number, form)) = cursor.field(&mut field)? {
                match (number, form) {
                    (1, LIST) => {
                        let chunks = cursor.structs()?;
                        self.chunks += chunks;
                        (0..chunks).try_for_each(|_| cursor.skip(STRUCT, 1))?;
                    }
                    _ => cursor.skip(form, 1)?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn file(footer: &[u8]) -> Pieces {
        let mut bytes = b"PAR1".to_vec();
        bytes.extend_from_slice(footer);
        bytes.extend_from_slice(&(footer.len() as u32).to_le_bytes());
        bytes.extend_from_slice(MAGIC);
        Pieces::Memory(Bytes::from(bytes))
    }

    /// A number as Thrift writes counts.
    fn varint(mut number: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while number > 0x7f {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    }

    /// Field 2, a list of so many structures, each with the field 5 of these bytes.
    fn schema(count: u64, element: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x29, 0xfc];
        bytes.extend(varint(count));
        for _ in 0..count.min(200_000) {
            bytes.extend_from_slice(element);
        }
        bytes.push(0);
        bytes
    }

    #[test]
    fn descriptions_that_claim_too_much_are_refused() {
        let check = |footer: &[u8], expected: &str| {
            let found = super::check(&file(footer)).err().unwrap_or_default();
            assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{found:?}, not {expected:?}");
        };
        // Elements without children, and with one each.
        let (leaf, group) = (&[0x00][..], &[0x55, 0x02, 0x00][..]);
        check(&schema(3, leaf), "");
        check(&schema(100_000, leaf), "it has 100000 columns, more than 10000");
        check(&schema(100_000, group), "its columns are nested more than 64 deep");
        // Lists that have no elements for what they claim.
        check(&schema(1 << 31, leaf), "its description is damaged");
        check(&[0x49, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07], "its description is damaged");
        // A row group of 600,000 empty chunks.
        let mut many = vec![0x49, 0x1c, 0x19, 0xfc];
        many.extend(varint(600_000));
        many.resize(many.len() + 600_000, 0);
        many.extend([0, 0]);
        check(&many, "it has 600000 column chunks");
        let mut long = file(&[]);
        if let Pieces::Memory(bytes) = &mut long {
            let mut changed = vec![0; 80 << 20];
            changed.extend_from_slice(&(70u32 << 20).to_le_bytes());
            changed.extend_from_slice(MAGIC);
            *bytes = changed.into();
        }
        assert!(super::check(&long).is_err_and(|error| error.contains("more than 67108864")));
    }
}
