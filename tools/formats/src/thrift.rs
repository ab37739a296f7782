//! Thrift's compact form, as much of it as it takes to learn the sizes in the header of a Parquet page and the counts in the description of a file.
//!
//! **Invariant:** no count is believed: every element is passed over before the next, so that work and memory are bounded by the bytes.

use crate::parquet_input::Pieces;
use parquet::errors::{ParquetError, Result};

/// Bytes that are read for a header at first, and the most that it may have: statistics in it may hold long texts.
const FIRST_BYTES: u64 = 256;
const HEADER_BYTES_MAX: u64 = 16 << 20;
/// Structures in structures.
const DEPTH_MAX: usize = 16;

/// What a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageKind {
    Data,
    Dictionary,
    /// Indices and what is not known, which no reader looks at.
    Other,
}

/// What the header of a page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PageHead {
    pub(crate) kind: PageKind,
    /// Bytes of the page in memory and in the file, the header left out.
    pub(crate) unpacked: u64,
    pub(crate) packed: u64,
    pub(crate) values: u64,
    /// The number of the encoding of its values.
    pub(crate) encoding: i64,
    /// Bytes of the header itself.
    pub(crate) bytes: u64,
}

impl PageHead {
    /// Of the page whose header begins at `at`; none of it lies behind `end`.
    pub(crate) fn read(file: &Pieces, at: u64, end: u64) -> Result<Self> {
        let mut wanted = FIRST_BYTES;
        loop {
            let length = wanted.min(end.saturating_sub(at));
            let bytes = file.bytes(at, length as usize)?;
            match Self::decode(&bytes) {
                Ok(head) => return Ok(head),
                Err(Fault::Short) if length == wanted && wanted < HEADER_BYTES_MAX => wanted *= 16,
                Err(Fault::Short) => return Err(ParquetError::EOF("the header of a page is cut".to_string())),
                Err(Fault::Damaged) => {
                    return Err(ParquetError::General("the header of a page is damaged".to_string()));
                }
            }
        }
    }

    fn decode(bytes: &[u8]) -> std::result::Result<Self, Fault> {
        let mut cursor = Cursor::new(bytes);
        let (mut kind, mut unpacked, mut packed, mut values, mut encoding) = (None, None, None, 0, 0);
        let mut field = 0;
        while let Some((number, form)) = cursor.field(&mut field)? {
            match (number, form) {
                (1, I32) => kind = Some(cursor.number()?),
                (2, I32) => unpacked = Some(cursor.number()?),
                (3, I32) => packed = Some(cursor.number()?),
                // The headers of the kinds of pages begin with the number of values; the second version of data pages has two more before the encoding.
                (5 | 7 | 8, STRUCT) => {
                    let encoded = if number == 8 { 4 } else { 2 };
                    let mut inner = 0;
                    while let Some((number, form)) = cursor.field(&mut inner)? {
                        match (number, form) {
                            (1, I32) => values = cursor.number()?,
                            (number, I32) if number == encoded => encoding = cursor.number()?,
                            _ => cursor.skip(form, 1)?,
                        }
                    }
                }
                _ => cursor.skip(form, 0)?,
            }
        }
        // 32 bits wide, and not less than nothing.
        let size = |number: Option<i64>| {
            number
                .and_then(|number| i32::try_from(number).ok())
                .and_then(|number| u64::try_from(number).ok())
                .ok_or(Fault::Damaged)
        };
        Ok(PageHead {
            kind: match kind {
                Some(0 | 3) => PageKind::Data,
                Some(2) => PageKind::Dictionary,
                Some(_) => PageKind::Other,
                None => return Err(Fault::Damaged),
            },
            unpacked: size(unpacked)?,
            packed: size(packed)?,
            values: size(Some(values))?,
            encoding,
            bytes: cursor.at as u64,
        })
    }
}

/// Why something could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It goes on behind the bytes.
    Short,
    Damaged,
}

pub(crate) const I32: u8 = 5;
pub(crate) const LIST: u8 = 9;
pub(crate) const STRUCT: u8 = 12;

/// Reads on from a place.
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Cursor { bytes, at: 0 }
    }

    /// How many structures a list says that it has.
    pub(crate) fn structs(&mut self) -> std::result::Result<u64, Fault> {
        match self.list()? {
            (STRUCT, count) | (_, count @ 0) => Ok(count),
            _ => Err(Fault::Damaged),
        }
    }

    /// The form of the elements of a list, and how many it says that it has.
    fn list(&mut self) -> std::result::Result<(u8, u64), Fault> {
        let head = self.byte()?;
        let count = if head >> 4 == 15 { self.unsigned()? } else { u64::from(head >> 4) };
        Ok((head & 0x0f, count))
    }

    fn byte(&mut self) -> std::result::Result<u8, Fault> {
        let byte = *self.bytes.get(self.at).ok_or(Fault::Short)?;
        self.at += 1;
        Ok(byte)
    }

    /// Seven bits a byte, the lowest first.
    fn unsigned(&mut self) -> std::result::Result<u64, Fault> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Fault::Damaged)
    }

    /// Small numbers of either sign are small.
    pub(crate) fn number(&mut self) -> std::result::Result<i64, Fault> {
        let number = self.unsigned()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// The number and form of the next field; none at the end of the structure. `last` is the number of the field before.
    pub(crate) fn field(&mut self, last: &mut i64) -> std::result::Result<Option<(i64, u8)>, Fault> {
        let byte = self.byte()?;
        if byte == 0 {
            return Ok(None);
        }
        *last = match byte >> 4 {
            0 => self.number()?,
            step => last.saturating_add(i64::from(step)),
        };
        Ok(Some((*last, byte & 0x0f)))
    }

    fn advance(&mut self, count: u64) -> std::result::Result<(), Fault> {
        let end = usize::try_from(count).ok().and_then(|count| self.at.checked_add(count)).ok_or(Fault::Damaged)?;
        if end > self.bytes.len() {
            return Err(if end as u64 > HEADER_BYTES_MAX { Fault::Damaged } else { Fault::Short });
        }
        self.at = end;
        Ok(())
    }

    /// Passes over a value. Elements of lists that take no bytes are none in Thrift, so that a claimed length costs no time.
    pub(crate) fn skip(&mut self, form: u8, depth: usize) -> std::result::Result<(), Fault> {
        if depth > DEPTH_MAX {
            return Err(Fault::Damaged);
        }
        match form {
            1 | 2 => Ok(()),
            3 => self.advance(1),
            4..=6 => self.unsigned().map(drop),
            7 => self.advance(8),
            8 => {
                let length = self.unsigned()?;
                self.advance(length)
            }
            9 | 10 => {
                let (form, count) = self.list()?;
                (0..count).try_for_each(|_| self.element(form, depth))
            }
            11 => {
                let count = self.unsigned()?;
                let forms = if count == 0 { 0 } else { self.byte()? };
                (0..count).try_for_each(|_| {
                    self.element(forms >> 4, depth)?;
                    self.element(forms & 0x0f, depth)
                })
            }
            STRUCT => {
                let mut last = 0;
                while let Some((_, form)) = self.field(&mut last)? {
                    self.skip(form, depth + 1)?;
                }
                Ok(())
            }
            _ => Err(Fault::Damaged),
        }
    }

    /// An element of a list: truth values have a byte there.
    fn element(&mut self, form: u8, depth: usize) -> std::result::Result<(), Fault> {
        match form {
            1 | 2 => self.advance(1),
            other => self.skip(other, depth + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_say_sizes_and_cut_ones_are_told_from_damaged_ones() {
        // A data page of 300 bytes, 200 packed, 70 values, with statistics of two texts.
        let header = [
            0x15, 0x00, 0x15, 0xd8, 0x04, 0x15, 0x90, 0x03, 0x2c, 0x15, 0x8c, 0x01, 0x15, 0x00, 0x15, 0x06, 0x15, 0x06,
            0x1c, 0x18, 0x03, b'a', b'b', b'c', 0x18, 0x01, b'a', 0x11, 0x00, 0x00, 0x00,
        ];
        let Ok(head) = PageHead::decode(&header) else { panic!("not read") };
        let expected =
            PageHead { kind: PageKind::Data, unpacked: 300, packed: 200, values: 70, encoding: 0, bytes: 31 };
        assert_eq!(head, expected);
        for end in 0..header.len() {
            assert!(matches!(PageHead::decode(&header[..end]), Err(Fault::Short)), "{end}");
        }
        // A negative size, a list of 2^60 elements, structures without end.
        for damaged in [
            &[0x15, 0x00, 0x15, 0x01, 0x15, 0x00, 0x00][..],
            &[0x1e],
            &[0x1c; 100],
            &[0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert!(matches!(PageHead::decode(damaged), Err(Fault::Damaged)), "{damaged:?}");
        }
    }
}
