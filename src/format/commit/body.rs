//! The columns of a commit record: names, types and file states, one after the other. The specification in [`crate::format`] has the table.

use super::{ColumnFile, ColumnState, FileState};
use crate::base::limits::NAME_BYTES_MAX;
use crate::base::{ColumnType, Error, Result};
use crate::format::column_form::ColumnForm;

/// Bytes of a column before its name.
pub const COLUMN_BYTES: usize = 11;
/// Bytes of a file's state.
pub const FILE_BYTES: usize = 25;
const _: () = assert!(NAME_BYTES_MAX <= u8::MAX as usize, "the length of a name is one byte");

/// The bytes of columns.
pub fn encode(columns: &[ColumnState]) -> Vec<u8> {
    let mut out = Vec::with_capacity(columns.len() * (COLUMN_BYTES + 4 * FILE_BYTES + 16));
    for column in columns {
        let length = u8::try_from(column.name.len()).expect("column names are checked when a writer opens");
        out.extend_from_slice(&[column.column_type().code(), length, column.files.len() as u8]);
        out.extend_from_slice(&column.first_row.to_le_bytes());
        out.extend_from_slice(column.name.as_bytes());
        for (file, state) in column.files() {
            out.push(file.code());
            out.extend_from_slice(&state.size.to_le_bytes());
            out.extend_from_slice(&state.durable_size.to_le_bytes());
            out.extend_from_slice(&state.checksum.to_le_bytes());
            out.extend_from_slice(&state.delta_checksum.to_le_bytes());
        }
    }
    out
}

/// The columns of bytes that passed their checksum; what they say is checked for sense by the caller.
pub fn decode(bytes: &[u8], column_count: usize) -> Result<Vec<ColumnState>> {
    if column_count > bytes.len() / COLUMN_BYTES {
        return Err(Error::corrupt(format!("{column_count} columns do not fit {} bytes", bytes.len())));
    }
    let mut fields = Fields { bytes, at: 0 };
    let columns = (0..column_count).map(|_| column(&mut fields)).collect::<Result<Vec<_>>>()?;
    match fields.at == bytes.len() {
        true => Ok(columns),
        false => Err(Error::corrupt(format!("{} bytes follow the last column", bytes.len() - fields.at))),
    }
}

/// The checksum that tells schemas apart: of each column's type code, length of name and name.
pub fn schema_checksum(columns: &[ColumnState]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for column in columns {
        hasher.update(&[column.column_type().code(), column.name.len() as u8]);
        hasher.update(column.name.as_bytes());
    }
    hasher.finalize()
}

fn column(fields: &mut Fields<'_>) -> Result<ColumnState> {
    let [code, name_bytes, file_count] = fields.take()?;
    let first_row = u64::from_le_bytes(fields.take()?);
    let name = fields.slice(name_bytes as usize)?;
    let Some(column_type) = ColumnType::from_code(code) else {
        return Err(Error::corrupt(format!("column type {code} is unknown")));
    };
    let name = std::str::from_utf8(name).map_err(|_| Error::corrupt("a column name is not UTF-8"))?.to_string();
    let files = (0..file_count).map(|_| file_state(fields)).collect::<Result<Vec<_>>>()?;
    // Which files there are says how text is kept.
    let codes = || files.iter().map(|(code, _)| *code);
    let forms = [false, true].map(|plain| ColumnForm::new(column_type, plain));
    let form =
        forms.into_iter().find(|form| ColumnFile::of(*form).map(ColumnFile::code).eq(codes())).ok_or_else(|| {
            Error::corrupt(format!("a {column_type} column has the files {:?}", codes().collect::<Vec<_>>()))
        })?;
    Ok(ColumnState { name, form, first_row, files: files.into_iter().map(|(_, state)| state).collect() })
}

/// The code of a file and its state.
fn file_state(fields: &mut Fields<'_>) -> Result<(u8, FileState)> {
    let [code] = fields.take()?;
    let state = FileState {
        size: u64::from_le_bytes(fields.take()?),
        durable_size: u64::from_le_bytes(fields.take()?),
        checksum: u32::from_le_bytes(fields.take()?),
        delta_checksum: u32::from_le_bytes(fields.take()?),
    };
    Ok((code, state))
}

/// Takes fields from the front of bytes that may end too early.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    fn slice(&mut self, length: usize) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..length).ok_or_else(|| {
            Error::corrupt(format!("the columns end after {} bytes, within a field", self.bytes.len()))
        })?;
        self.at += length;
        Ok(taken)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut field = [0; N];
        field.copy_from_slice(self.slice(N)?);
        Ok(field)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn columns_round_trip_and_every_cut_is_an_error() {
        let columns = sample(70_000, 3).columns;
        let bytes = encode(&columns);
        assert_eq!(decode(&bytes, columns.len()).unwrap(), columns);
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end], columns.len()).unwrap_err().is_corrupt(), "{end}");
        }
        assert!(decode(&bytes, columns.len() - 1).is_err());
        assert!(decode(&bytes, usize::MAX).is_err());
        assert_eq!(decode(&[], 0).unwrap(), []);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), count in 0usize..40) {
            let _ = decode(&bytes, count);
        }
    }
}
