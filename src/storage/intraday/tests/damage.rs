//! Damaged files: every flipped bit, cut and loss gives the same rows or an error that names the file. Never other rows.

use super::*;
use crate::format::commit::slot::{BODY_AT, PAGE_BYTES, slot_offset};
use crate::io::{OpenMode, read_small};

/// A location of 9 rows; its last commits are durable only if it was closed.
fn small(fs: &Arc<dyn FileSystem>, closed: bool) {
    let mut writer = writer(fs, &numbered());
    for rows in [0..4, 4..5, 5..7, 7..9] {
        writer.append(&numbered_rows(rows.clone())).unwrap();
        writer.commit().unwrap();
        if rows.end == 5 {
            writer.sync().unwrap();
        }
    }
    if closed {
        writer.close().unwrap();
    }
}

/// The rows there are, or why not. Values other than the right ones fail the test.
fn rows(fs: &Arc<dyn FileSystem>) -> Result<(u64, bool)> {
    let location = open(fs)?;
    let rows = check_numbered(&location)?;
    for column in numbered() {
        location.region(&column.name)?.map_or(Ok(()), |region| region.verify_column())?;
    }
    Ok((rows, location.rejected().is_empty()))
}

fn files(fs: &Arc<dyn FileSystem>) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let entries = fs.list(directory()).unwrap().into_iter().filter(|entry| entry.name != LOCK_FILE);
    let read = |name: String| {
        let path = directory().join(name);
        let bytes = read_small(&**fs, &path, 1 << 20).unwrap();
        (path, bytes)
    };
    entries.map(|entry| read(entry.name)).collect()
}

fn put(fs: &Arc<dyn FileSystem>, path: &Path, bytes: &[u8]) {
    let file = fs.open(path, OpenMode::Create).unwrap();
    file.set_size(bytes.len() as u64).unwrap();
    file.write_all_at(bytes, 0).unwrap();
}

fn assert_names(error: &Error, path: &Path) {
    assert!(error.is_corrupt(), "{error:?}");
    let named = error.path().is_some_and(|named| {
        named.starts_with("/") && named.ends_with(DIRECTORY)
            || named.parent().is_some_and(|dir| dir.ends_with(DIRECTORY))
    });
    assert!(named, "{path:?}: {error}");
}

#[test]
fn every_flipped_bit_is_the_same_rows_or_an_error() {
    for closed in [true, false] {
        let (_root, fs) = root();
        small(&fs, closed);
        assert_eq!(rows(&fs).unwrap(), (9, true));
        let mut found = 0;
        for (path, bytes) in files(&fs) {
            let file = fs.open(&path, OpenMode::Write).unwrap();
            // The unused rest of a page is 90 % of a commit file: one bit of every 128th byte.
            let bits = |at: usize| match at % PAGE_BYTES {
                0..352 if closed => 0..8,
                0..352 => at % 8..at % 8 + 1,
                rest => 0..u8::from(rest % 128 == 0) as usize,
            };
            for at in 0..bytes.len() {
                for bit in bits(at) {
                    file.write_all_at(&[bytes[at] ^ 1 << bit], at as u64).unwrap();
                    match rows(&fs) {
                        Ok((9, _)) => {}
                        // What was never durable may be lost, but not silently.
                        Ok((rows, unharmed)) => {
                            assert!(!closed && (5..9).contains(&rows) && !unharmed, "{path:?} {at}: {rows}")
                        }
                        Err(error) => {
                            assert_names(&error, &path);
                            found += 1;
                        }
                    }
                }
                file.write_all_at(&bytes[at..at + 1], at as u64).unwrap();
            }
        }
        assert!(found > 100, "{found}");
        assert_eq!(rows(&fs).unwrap(), (9, true));
    }
}

#[test]
fn a_writer_on_damaged_files_writes_no_wrong_rows() {
    let (_root, fs) = root();
    small(&fs, true);
    let intact = files(&fs);
    let mut refused = 0;
    for (path, bytes) in &intact {
        for at in (0..bytes.len()).filter(|&at| bytes[at] != 0 || at % 512 == 0) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x20;
            put(&fs, path, &damaged);
            let appended = IntradayWriter::open(fs.clone(), directory(), &numbered(), options(Durability::None))
                .and_then(|mut writer| {
                    let from = writer.row_count() as i64;
                    writer.append(&numbered_rows(from..from + 3))?;
                    writer.commit()
                });
            match appended.and_then(|commit| Ok((commit.rows, rows(&fs)?.0))) {
                Ok((committed, rows)) => assert_eq!((committed, rows), (12, 12), "{path:?} {at}"),
                Err(error) => {
                    assert_names(&error, path);
                    refused += 1;
                }
            }
            for (path, bytes) in &intact {
                put(&fs, path, bytes);
            }
        }
    }
    assert!(refused > 50, "{refused}");
}

#[test]
fn lost_and_cut_files_are_errors_that_name_them() {
    let (_root, fs) = root();
    small(&fs, true);
    let all = files(&fs);
    for (path, bytes) in &all {
        let mut damages: Vec<Option<Vec<u8>>> = vec![None, Some(Vec::new()), Some(vec![0; bytes.len()])];
        damages.extend(
            [1, bytes.len() / 2, bytes.len().saturating_sub(1)].map(|end| bytes.get(..end).map(<[u8]>::to_vec)),
        );
        damages.extend(all.iter().filter(|(other, _)| other != path).map(|(_, bytes)| Some(bytes.clone())));
        for damage in damages {
            match &damage {
                None => fs.remove_file(path).unwrap(),
                Some(bytes) => put(&fs, path, bytes),
            }
            match rows(&fs) {
                // Files without committed bytes: no block of these few rows is full.
                Ok(found) => assert!(
                    found == (9, true) && (bytes.is_empty() || damage.as_ref().is_some_and(|d| d.starts_with(bytes))),
                    "{path:?}"
                ),
                Err(error) => assert_names(&error, path),
            }
            put(&fs, path, bytes);
        }
    }
    assert_eq!(rows(&fs).unwrap(), (9, true));
}

#[test]
fn what_is_wrong_with_a_commit_file_is_said() {
    let (_root, fs) = root();
    small(&fs, true);
    let path = directory().join("commit");
    let bytes = read_small(&*fs, &path, 1 << 20).unwrap();
    let mut headless = bytes.clone();
    headless[..16].fill(0);
    let mut empty_slots = bytes.clone();
    empty_slots[PAGE_BYTES..].fill(0);
    let mut torn = bytes.clone();
    (0..4).for_each(|slot| torn[slot_offset(slot) as usize + 60] ^= 1);
    let mut newer = bytes.clone();
    newer[10] = 2;
    let checksum = crc32fast::hash(&newer[..12]).to_le_bytes();
    newer[12..16].copy_from_slice(&checksum);
    for (damage, part) in [
        (&[][..], "the commit file is empty"),
        (&bytes[..4096], "the commit file has 4096 bytes, not 20480"),
        (&[&bytes[..], &[0]].concat(), "the commit file has 20481 bytes, not 20480"),
        (&headless, "the commit file begins with zeros"),
        (&empty_slots, "no commit record holds: all slots are empty"),
        (&torn, "no commit record holds: slot 0: its checksum is"),
        (&newer, "has format version 2; this build reads version 1"),
    ] {
        put(&fs, &path, damage);
        let error = open(&fs).unwrap_err();
        assert!(error.is_corrupt() && error.to_string().contains(part), "{error}");
        assert!(error.to_string().starts_with("location feed/2017-08-25: /"), "{error}");
    }
    fs.remove_file(&path).unwrap();
    let error = open(&fs).unwrap_err();
    assert!(error.to_string().contains("the commit file is missing, but there is Even.dat"), "{error}");
}

#[test]
fn damage_in_one_block_leaves_the_others_readable() {
    let (_root, fs) = root();
    let mut writer = writer(&fs, &columns(&[("Row", ColumnType::Long)]));
    writer.append(&[Chunk::Long((0..30_000).collect())]).unwrap();
    writer.commit().unwrap();
    writer.close().unwrap();
    let path = directory().join("Row.dat");
    fs.open(&path, OpenMode::Write).unwrap().write_all_at(&[1], 65_536 + 7).unwrap();
    let region = open(&fs).unwrap().region("Row").unwrap().unwrap();
    let mut out = Chunk::new(ColumnType::Long);
    region.fill(0..8_192, &mut out).unwrap();
    region.fill(16_384..30_000, &mut out).unwrap();
    let error = region.fill(8_191..8_193, &mut out).unwrap_err();
    assert!(error.to_string().contains("Row.dat: the checksum of a block of 65536 bytes is"), "{error}");
    assert_eq!(error.offset(), Some(65_536));
    assert!(region.gather(&[8_192], &mut out).is_err());
    assert!(region.mapped().is_none() && region.verify_column().is_err());
}

#[test]
fn codes_without_strings_and_odd_truth_values_are_refused() {
    let (_root, fs) = root();
    small(&fs, true);
    for (name, bytes, part) in
        [("Name.dat", &[200, 0, 0, 0][..], "code 200 of 7 symbols"), ("Even.dat", &[7], "7 is not a truth value")]
    {
        let path = directory().join(name);
        let intact = read_small(&*fs, &path, 1 << 20).unwrap();
        let commit = directory().join("commit");
        let intact_commit = read_small(&*fs, &commit, 1 << 20).unwrap();
        fs.open(&path, OpenMode::Write).unwrap().write_all_at(bytes, 0).unwrap();
        // Whoever forges values can forge checksums as well.
        let forged = read_small(&*fs, &path, 1 << 20).unwrap();
        forge(&fs, &commit, crc32fast::hash(&intact), crc32fast::hash(&forged));
        let error = rows(&fs).unwrap_err();
        assert!(error.is_corrupt() && error.to_string().contains(part), "{error}");
        put(&fs, &path, &intact);
        put(&fs, &commit, &intact_commit);
    }
}

/// Replaces a checksum in all slots, and the checksums above it.
fn forge(fs: &Arc<dyn FileSystem>, commit: &Path, old: u32, new: u32) {
    let mut bytes = read_small(&**fs, commit, 1 << 20).unwrap();
    for slot in 0..4 {
        let page = &mut bytes[slot_offset(slot) as usize..][..PAGE_BYTES];
        let size = u32::from_le_bytes(page[112..116].try_into().unwrap()) as usize;
        for at in BODY_AT..BODY_AT + size {
            if page[at..].starts_with(&old.to_le_bytes()) {
                page[at..at + 4].copy_from_slice(&new.to_le_bytes());
            }
        }
        let body = crc32fast::hash(&page[BODY_AT..BODY_AT + size]).to_le_bytes();
        page[116..120].copy_from_slice(&body);
        let head = crc32fast::hash(&page[..120]).to_le_bytes();
        page[120..124].copy_from_slice(&head);
    }
    put(fs, commit, &bytes);
}

/// A rotten newest slot under a running reader: what it has stays right, and it is told when rows are gone.
#[test]
fn a_reader_is_told_of_lost_rows() {
    let (_root, fs) = root();
    small(&fs, false);
    let reader = open(&fs).unwrap();
    let older = directory().join("commit");
    assert_eq!(check_numbered(&reader).unwrap(), 9);
    let slot = (0..2).find(|&slot| {
        let page = &read_small(&*fs, &older, 1 << 20).unwrap()[slot_offset(slot) as usize..];
        page[56] == 9
    });
    let file = fs.open(&older, OpenMode::Write).unwrap();
    file.write_all_at(&[0xFF], slot_offset(slot.unwrap()) + 40).unwrap();
    let shorter = open(&fs).unwrap();
    assert_eq!((shorter.row_count(), shorter.rejected().len()), (7, 1));
    assert_eq!(reader.refresh().unwrap_err().kind(), ErrorKind::RolledBack);
    let mut writer = writer(&fs, &numbered());
    assert_eq!(writer.row_count(), 7);
    writer.append(&numbered_rows(7..30)).unwrap();
    writer.commit().unwrap();
    let error = reader.refresh().unwrap_err();
    assert!(error.to_string().contains("it had 9 and has 30"), "{error}");
    // Whoever came after the loss has lost nothing.
    assert_eq!(check_numbered(&shorter.refresh().unwrap().unwrap()).unwrap(), 30);
}

/// A bit of each byte of each file of each column: the same values, or an error that names the file.
#[test]
fn flipped_bits_of_values_of_variable_width_are_seen() {
    let (_root, fs) = root();
    let columns = kinds::kinds();
    let mut writer = writer(&fs, &columns);
    writer.append(&kinds::kind_rows(&columns, 0..7)).unwrap();
    writer.commit().unwrap();
    writer.close().unwrap();
    let mut found = 0;
    for (path, bytes) in files(&fs) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let Some(column) = columns.iter().find(|c| name.starts_with(&format!("{}.", c.name))) else { continue };
        let read = || -> Result<Vec<Value>> {
            let region = open(&fs)?.region(&column.name)?.unwrap();
            region.verify_column()?;
            let chunk = region.read(0..7)?;
            Ok((0..7).map(|at| chunk.value(at)).collect())
        };
        let good = read().unwrap();
        let file = fs.open(&path, OpenMode::Write).unwrap();
        for at in 0..bytes.len() {
            file.write_all_at(&[bytes[at] ^ 1 << (at % 8)], at as u64).unwrap();
            match read() {
                Ok(values) => assert!(values == good, "{path:?} {at}"),
                Err(error) => {
                    assert_names(&error, &path);
                    found += 1;
                }
            }
            file.write_all_at(&bytes[at..at + 1], at as u64).unwrap();
        }
        for length in [0, bytes.len() / 2, bytes.len() - 1] {
            file.set_size(length as u64).unwrap();
            assert_names(&read().unwrap_err(), &path);
            file.write_all_at(&bytes, 0).unwrap();
        }
    }
    assert!(found > 1_000, "{found}");
}
