//! Every kind is shown whole; every damage is shown where it is, and never ends the showing by a panic.

use super::*;
use crate::format::header;
use crate::format::samples;
use proptest::prelude::*;

const ALL: View = View { block: None, rows: None, all: true };

fn bad(fields: &[Field]) -> Vec<&Field> {
    fields.iter().filter(|field| matches!(field.check, Check::Bad(_))).collect()
}

fn value<'f>(fields: &'f [Field], structure: &str, name: &str) -> &'f str {
    let found = fields.iter().find(|field| field.structure == structure && field.name == name);
    found.map_or_else(|| panic!("no {structure} {name}"), |field| field.value.as_str())
}

#[test]
fn good_files_are_good() {
    for (kind, bytes) in samples::files() {
        assert_eq!(kind_of(&bytes), Some(kind));
        let fields = inspect(kind, &bytes, &ALL, None);
        assert_eq!(bad(&fields), Vec::<&Field>::new(), "{}", kind.name());
        assert!(fields.iter().filter(|field| field.check == Check::Ok).count() >= 3, "{}", kind.name());
    }
}

/// The names of fields are those of the specification.
#[test]
fn names_are_in_the_specification() {
    let specification = include_str!("../README.md");
    for field in crate::format::commit::slot::FIELDS {
        assert!(specification.contains(field.name) || field.name == "checksum of the slot", "{}", field.name);
    }
    for (kind, bytes) in samples::files() {
        let view = View { block: Some(0), ..View::default() };
        for field in inspect(kind, &bytes, &view, None) {
            // What is no field of the file, names that count something, and the fields of a list's entries are told in other words.
            let own = ["file", "rows", "block 0", "strings"].contains(&field.structure.as_str());
            let counted = field.name.contains(" of group ") || field.name.starts_with("sort_columns ");
            let entry = ["columns", "sources", "storages"].iter().any(|list| field.structure.starts_with(list));
            let known = specification.contains(&field.name) || field.name == "checksum of the slot";
            assert!(own || counted || entry || known, "{}: {} {}", kind.name(), field.structure, field.name);
        }
    }
}

#[test]
fn values_are_those_of_the_file() {
    let commit = inspect(FileKind::Commit, &samples::file(FileKind::Commit), &ALL, None);
    assert_eq!(value(&commit, "slot 1 (live)", "row count"), "9");
    assert_eq!(value(&commit, "slot 2 (durable)", "epoch"), "3");
    assert_eq!(value(&commit, "slot 0 (live)", "zeros"), "never written");
    assert_eq!(value(&commit, "slot 1 (live) column C6 .dat", "committed size"), "36");
    let location = inspect(FileKind::LocationRecord, &samples::file(FileKind::LocationRecord), &ALL, None);
    assert_eq!(value(&location, "content", "row_count"), "70000");
    assert_eq!(value(&location, "columns 1", "type_code"), "6 (int)");
    assert_eq!(value(&location, "columns 0 file", "seal"), "abcdef01");
    assert_eq!(value(&location, "content", "sort_columns 0"), "\"Size\"");
    assert_eq!(value(&location, "content", "written_ns"), "1503619200000000000 (2017-08-25T00:00:00.000000000Z)");
    let view = View { rows: Some(65_534..65_538), ..View::default() };
    let column = inspect(FileKind::SealedColumn, &samples::file(FileKind::SealedColumn), &view, None);
    for row in 65_534..65_538 {
        assert_eq!(value(&column, "rows", &format!("row {row}")), (row / 3).to_string());
    }
    let symbols = inspect(FileKind::SealedSymbols, &samples::file(FileKind::SealedSymbols), &ALL, None);
    assert_eq!(value(&symbols, "strings", "string 1"), "ends at 4: \"AAPL\"");
    let groups = inspect(FileKind::Grouping, &samples::file(FileKind::Grouping), &ALL, None);
    assert_eq!(value(&groups, "groups", "first row of group 0"), "0 (null)");
    assert_eq!(value(&groups, "groups", "first row of group 2"), "4 (7)");
}

/// What lies before the damage is shown, what is damaged is said, and a version is named with the one supported.
#[test]
fn damage_is_shown_where_it_is() {
    for (kind, good) in samples::files() {
        let mut newer = good.clone();
        newer[..16].copy_from_slice(&header::encode(kind, 7));
        let fields = inspect(kind, &newer, &ALL, None);
        let said = Check::Bad(format!("found 7, supported {}", kind.version()));
        assert!(fields.iter().any(|field| field.name == "format version" && field.check == said), "{}", kind.name());
        let step = (good.len() / 300).max(1);
        for at in (0..good.len()).step_by(step) {
            let mut damaged = good.clone();
            damaged[at] ^= 0x10;
            let fields = inspect(kind, &damaged, &ALL, None);
            // The side file's checksum is in the slot, so nothing here can tell.
            if kind != FileKind::CommitBody && !(matches!(kind, FileKind::Commit | FileKind::Group) && at >= 4_096) {
                assert!(!bad(&fields).is_empty(), "{} byte {at}", kind.name());
            }
            assert!(fields.len() > 3, "{} byte {at}", kind.name());
            let cut = inspect(kind, &good[..at], &ALL, None);
            assert!(kind == FileKind::CommitBody && at > 16 || !bad(&cut).is_empty(), "{} cut at {at}", kind.name());
        }
        assert!(!bad(&inspect(kind, &vec![0; good.len()], &ALL, None)).is_empty());
    }
    let mut column = samples::file(FileKind::SealedColumn);
    column[40] ^= 1;
    let view = View { rows: Some(65_536..65_538), ..View::default() };
    let fields = inspect(FileKind::SealedColumn, &column, &view, None);
    assert_eq!(bad(&fields).iter().map(|field| field.structure.as_str()).collect::<Vec<_>>(), ["block 0"]);
    assert_eq!(value(&fields, "rows", "row 65537"), "21845");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_bytes_panic(which in 0..FileKind::ALL.len(), at in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 1..64)) {
        let kind = FileKind::ALL[which];
        let mut file = samples::file(kind);
        let at = at.index(file.len());
        for (byte, new) in file[at..].iter_mut().zip(&bytes) {
            *byte = *new;
        }
        let view = View { block: Some(0), rows: Some(65_000..66_000), all: true };
        let _ = inspect(kind, &file, &view, None);
        let _ = inspect(kind, &bytes, &view, None);
    }
}
