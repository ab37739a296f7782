//! F19: files of a version that this build does not know, from the past, the future or a machine of the other endianness.

use crate::reading::{Scope, read};
use crate::sample::{LOCATION, Sample, put};
use pilaster::base::ErrorKind;
use pilaster::format::commit::slot::{BODY_AT, PAGE_BYTES, SLOT_COUNT, slot_offset};

/// Versions other than 1; the last is 1 in the other byte order.
const VERSIONS: [u16; 4] = [0, 2, 65_535, 0x0100];

#[test]
fn fault_f19_other_versions() {
    let sample = Sample::new(7, true);
    let (mut refused, mut kinds) = (0, std::collections::BTreeSet::new());
    for (path, bytes) in &sample.files {
        for version in VERSIONS {
            let Some(changed) = of_version(bytes, version) else { continue };
            let fs = sample.copy();
            put(&*fs, path, &changed);
            let reading = read(&fs, &Scope::of_file(path));
            let error = reading
                .values()
                .find_map(|value| value.as_ref().err())
                .unwrap_or_else(|| panic!("{path} of version {version} was read"));
            assert_eq!(error.kind(), ErrorKind::UnknownVersion, "{error}");
            let text = error.to_string();
            assert!(
                text.contains(&version.to_string()) && text.contains("version 1") && text.contains(path.as_str()),
                "{text}"
            );
            kinds.insert(u16::from_le_bytes([bytes[8], bytes[9]]));
            refused += 1;
        }
    }
    // A record of another version in any slot: to take an older slot instead would lose rows.
    let path = format!("{LOCATION}/commit");
    for slot in 0..SLOT_COUNT {
        for version in VERSIONS {
            let mut changed = sample.file(&path).to_vec();
            let page = &mut changed[slot_offset(slot) as usize..][..PAGE_BYTES];
            page[..4].copy_from_slice(b"PCMT");
            page[4..6].copy_from_slice(&version.to_le_bytes());
            let sum = crc32fast::hash(&page[..BODY_AT - 4]);
            page[BODY_AT - 4..BODY_AT].copy_from_slice(&sum.to_le_bytes());
            let fs = sample.copy();
            put(&*fs, &path, &changed);
            let reading = read(&fs, &Scope::of_file(&path));
            let error = reading.values().find_map(|value| value.as_ref().err()).unwrap();
            let text = error.to_string();
            assert!(error.kind() == ErrorKind::UnknownVersion && text.contains(&path), "{text}");
            assert!(text.contains(&version.to_string()) && text.contains("version 1"), "{text}");
            refused += 1;
        }
    }
    let text = String::from_utf8(sample.file("pilaster.toml").to_vec()).unwrap();
    let (_, unsealed) = text.split_once('\n').unwrap();
    for version in ["0", "2", "9223372036854775807"] {
        let fs = sample.copy();
        put(
            &*fs,
            "pilaster.toml",
            unsealed.replace("format_version = 1", &format!("format_version = {version}")).as_bytes(),
        );
        let reading = read(&fs, &Scope::All);
        let error = reading["root"].as_ref().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownVersion, "{error}");
        assert!(error.to_string().contains(&format!("format version {version}, this build supports 1")), "{error}");
        refused += 1;
    }
    println!(
        "fault_f19_other_versions: {refused} files and records of other versions in {} kinds, all refused by both versions' names",
        kinds.len()
    );
    assert!(kinds.len() >= 6, "{kinds:?}");
}

/// A metadata file with another version in its header, the header's checksum made right; none for other files.
fn of_version(bytes: &[u8], version: u16) -> Option<Vec<u8>> {
    let mut changed = bytes.to_vec();
    bytes.starts_with(b"PILASTER").then_some(())?;
    changed[10..12].copy_from_slice(&version.to_le_bytes());
    let sum = crc32fast::hash(&changed[..12]);
    changed[12..16].copy_from_slice(&sum.to_le_bytes());
    Some(changed)
}
