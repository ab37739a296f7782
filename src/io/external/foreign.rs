//! Files that people take for others: what they are, told by their first bytes, and a way to the text in them.

use crate::base::Error;
use std::path::Path;

/// First bytes, what a file is that has them, and what to do with it.
const PACKED: [(&[u8], &str, &str); 5] = [
    (b"BZh", "it is packed by bzip2", "bunzip2 -c FILE"),
    (b"\xFD7zX", "it is packed by xz", "xz -dc FILE"),
    (b"\x04\x22\x4D\x18", "it is packed by lz4", "lz4 -dc FILE"),
    (b"\x1F\x9D", "it is packed by compress", "uncompress -c FILE"),
    (b"7z\xBC\xAF", "it is a 7z archive", "7z x -so FILE"),
];
/// As [`PACKED`], of files whose content is no text.
const OTHERS: [(&[u8], &str, &str); 7] = [
    (
        b"PAR1\x15",
        "it is a Parquet file, not text",
        "`import parquet` reads it, and `schema infer --input-format parquet`",
    ),
    (
        b"ARROW1\0\0",
        "it is an Arrow file, not text",
        "`import arrow` reads it, and `schema infer --input-format arrow`",
    ),
    (
        b"\xFF\xFF\xFF\xFF",
        "it is an Arrow stream, not text",
        "`import arrow` reads it, and `append --input-format arrow`",
    ),
    (b"\xD0\xCF\x11\xE0", "it is an Excel workbook, not text", "save the sheet as CSV"),
    (
        b"SQLite format 3",
        "it is an SQLite database, not text",
        "read `sqlite3 -csv -header FILE 'SELECT …'` from standard input",
    ),
    (b"Obj\x01", "it is an Avro file, not text", "convert it to Parquet or JSON Lines first"),
    (b"\x89HDF\r\n", "it is an HDF5 file, not text", "convert it to Parquet or CSV first"),
];
/// Where a tar archive says what it is, in the middle of the description of its first file.
const TAR: (usize, &[u8]) = (257, b"ustar");

/// Bytes by which everything but an archive of tar is recognised that is packed.
pub(super) const PACKED_BYTES: usize = 4;

/// The error for a file that begins as one which is packed in a way that is not unpacked.
pub(super) fn refuse_packed(begin: &[u8], path: &Path) -> Result<(), Error> {
    match PACKED.iter().find(|(magic, ..)| begin.starts_with(magic)) {
        Some((_, what, command)) => Err(Error::invalid(format!("{what}, which is not unpacked on the way"))
            .at_path(path)
            .hint(format!("unpack it first, or read `{command}` from standard input"))),
        None => Ok(()),
    }
}

/// The error for something that should be text and begins, once unpacked, as what is none.
pub fn refuse_other_than_text(begin: &[u8], path: &Path) -> Result<(), Error> {
    if let Some((_, what, way)) = OTHERS.iter().find(|(magic, ..)| begin.starts_with(magic)) {
        return Err(Error::invalid(*what).at_path(path).hint(*way));
    }
    if begin.get(TAR.0..).is_some_and(|rest| rest.starts_with(TAR.1)) && begin[..TAR.0].contains(&0) {
        let hint = "unpack it first, or read `tar -xOf FILE NAME` from standard input";
        return Err(Error::invalid("it is an archive of tar, not text").at_path(path).hint(hint));
    }
    refuse_packed(begin, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_text_are_called_what_they_are() {
        let mut tar = vec![0; 512];
        tar[..5].copy_from_slice(b"a.csv");
        tar[257..262].copy_from_slice(b"ustar");
        for (begin, expected) in [
            (&b"PAR1\x15\x04"[..], "it is a Parquet file, not text"),
            (b"ARROW1\0\0", "it is an Arrow file"),
            (b"\xFF\xFF\xFF\xFF\x70\0\0\0", "it is an Arrow stream"),
            (b"\xD0\xCF\x11\xE0\xA1", "it is an Excel workbook"),
            (b"\xFD7zXZ\0", "it is packed by xz, which is not unpacked on the way"),
            (&tar, "it is an archive of tar"),
            (b"Sym,Time\n", ""),
            (b"PAR1,PAR2\n", ""),
            (b"\xFF\xFEa\0", ""),
            (b"", ""),
        ] {
            let found = refuse_other_than_text(begin, Path::new("x"));
            match expected {
                "" => assert!(found.is_ok(), "{begin:?}"),
                text => assert!(found.unwrap_err().to_string().contains(text), "{begin:?}"),
            }
        }
        for (magic, ..) in PACKED {
            assert!(magic.len() <= PACKED_BYTES && refuse_packed(magic, Path::new("x")).is_err());
        }
        // Text that has the word where tar has it.
        let text = format!("{}ustar\n", "a".repeat(257));
        assert!(refuse_other_than_text(text.as_bytes(), Path::new("x")).is_ok());
    }
}
