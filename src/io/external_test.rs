#![expect(clippy::disallowed_methods, reason = "tests prepare the user's files")]

use super::*;
use crate::base::ErrorKind;
use std::io::Write;

const TEXT: &[u8] = b"Sym,Bid\nAAPL,1.5\n";

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn read(dir: &Path, content: &[u8]) -> Result<Vec<u8>> {
    let path = dir.join("input");
    std::fs::write(&path, content).unwrap();
    read_all(&path, 1 << 20)
}

#[test]
fn packed_files_are_recognised_by_content() {
    let dir = tempfile::tempdir().unwrap();
    let check = |content: &[u8], expected: &[u8]| assert_eq!(read(dir.path(), content).unwrap(), expected);
    let zstd = |content: &[u8]| zstd::encode_all(content, 1).unwrap();
    check(b"", b"");
    check(b"a", b"a");
    check(TEXT, TEXT);
    check(&gzip(TEXT), TEXT);
    check(&gzip(b""), b"");
    check(&[gzip(TEXT), gzip(b""), gzip(TEXT)].concat(), &[TEXT, TEXT].concat());
    check(&zstd(TEXT), TEXT);
    check(&[zstd(TEXT), zstd(TEXT)].concat(), &[TEXT, TEXT].concat());
    check(&gzip(&[b'x'; 900_000]), &[b'x'; 900_000]);
}

#[test]
fn damaged_and_cut_packed_files_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let body: Vec<u8> = (0..5_000_u32).flat_map(u32::to_le_bytes).collect();
    for packed in [gzip(&body), zstd::encode_all(&body[..], 1).unwrap()] {
        for length in (4..packed.len()).step_by(37) {
            let error = read(dir.path(), &packed[..length]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{length}: {error}");
            assert!(error.to_string().contains("input"), "{error}");
        }
    }
    let mut packed = gzip(&body);
    let middle = packed.len() / 2;
    packed[middle] ^= 0x55;
    assert_eq!(read(dir.path(), &packed).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(read(dir.path(), &gzip(&vec![0; 50 << 20])).unwrap_err().kind(), ErrorKind::Limit);
}

#[test]
fn what_is_no_file_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("no.csv");
    for error in [open(&missing).unwrap_err(), map(&missing).unwrap_err(), PlainFile::open(&missing).unwrap_err()] {
        assert!(error.is_not_found() && error.to_string().contains("no.csv"), "{error}");
    }
    for error in [open(dir.path()).unwrap_err(), map(dir.path()).unwrap_err(), create(dir.path()).unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    }
    assert_eq!(PlainFile::open(Path::new("/dev/null")).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(read_all(Path::new("/dev/null"), 10).unwrap(), b"");
    assert!(create(&dir.path().join("no/such/out")).unwrap_err().is_not_found());
}

#[test]
fn plain_files_read_in_pieces_and_map() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plain");
    std::fs::write(&path, TEXT).unwrap();
    let file = PlainFile::open(&path).unwrap();
    let mut buffer = [0; 10];
    assert_eq!((file.size_bytes(), file.read_at(&mut buffer, 8).unwrap()), (17, 9));
    assert_eq!(&buffer[..9], b"AAPL,1.5\n");
    assert_eq!(file.read_at(&mut buffer, 1 << 40).unwrap(), 0);
    assert_eq!(map(&path).unwrap(), TEXT);
    let source = open(&path).unwrap();
    assert_eq!(source.size_bytes, Some(17));
}

#[test]
fn an_output_appears_whole_or_not_at_all() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.csv");
    let names = || std::fs::read_dir(dir.path()).unwrap().count();
    let mut output = create(&path).unwrap();
    output.write_all(TEXT).unwrap();
    drop(output);
    assert_eq!(names(), 0);
    let large = vec![b'y'; 700_000];
    let mut output = create(&path).unwrap();
    output.write_all(TEXT).unwrap();
    output.write_all(&large).unwrap();
    assert!(!path.exists());
    output.finish().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), [TEXT, &large].concat());

    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink("out.csv", &link).unwrap();
    let mut output = create(&link).unwrap();
    output.write_all(b"new").unwrap();
    output.finish().unwrap();
    assert!(link.is_symlink());
    assert_eq!(std::fs::read(&path).unwrap(), b"new");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names(), 2);
    create(Path::new("/dev/null")).unwrap().finish().unwrap();
}

/// An archive as other programs write it, `streamed` ones with the sums behind the content.
fn zip(files: &[(&str, &[u8])], packed: bool, streamed: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in files {
        let body = if packed {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(content).unwrap();
            encoder.finish().unwrap()
        } else {
            content.to_vec()
        };
        let sum = crc32fast::hash(content).to_le_bytes();
        let sizes = [(body.len() as u32).to_le_bytes(), (content.len() as u32).to_le_bytes()].concat();
        out.extend(b"PK\x03\x04\x14\0");
        out.extend([if streamed { 8 } else { 0 }, 0, if packed { 8 } else { 0 }, 0, 0, 0, 0, 0]);
        out.extend(if streamed { vec![0; 12] } else { [&sum[..], &sizes].concat() });
        out.extend((name.len() as u16).to_le_bytes());
        out.extend([0, 0]);
        out.extend(name.as_bytes());
        out.extend(body);
        if streamed {
            out.extend([b"PK\x07\x08", &sum[..], &sizes].concat());
        }
    }
    out.extend(b"PK\x01\x02");
    out.extend([0; 60]);
    out
}

#[test]
fn archives_with_one_file_are_unpacked() {
    let dir = tempfile::tempdir().unwrap();
    let large: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    for content in [TEXT, b"", &large] {
        for (packed, streamed) in [(true, false), (true, true), (false, false)] {
            let archive = zip(&[("dir/", b""), ("dir/x.csv", content)], packed, false);
            assert_eq!(read(dir.path(), &archive).unwrap(), content, "{packed} {streamed}");
            let archive = zip(&[("x.csv", content)], packed, streamed);
            assert_eq!(read(dir.path(), &archive).unwrap(), content, "{packed} {streamed}");
            let mut wrong = archive.clone();
            wrong.truncate(archive.len() - 70);
            assert!(read(dir.path(), &wrong).is_err());
        }
    }
    let check = |archive: &[u8], expected: &str| {
        let error = read(dir.path(), archive).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(&zip(&[("a", TEXT), ("b", TEXT)], true, false), "the archive has several files");
    check(&zip(&[("a", TEXT), ("b", TEXT)], true, true), "the archive has several files");
    let mut wrong = zip(&[("a", TEXT)], false, false);
    wrong[14] ^= 1;
    check(&wrong, "the checksum of the file in it is wrong");
    wrong[6] |= 1;
    check(&wrong, "encrypted");
    check(b"BZh91AY&SY", "bzip2");
    check(b"\xFD7zXZ\0", "it is packed by xz");
    check(&zip(&[("[Content_Types].xml", TEXT)], true, false), "it is an Excel workbook");
}
