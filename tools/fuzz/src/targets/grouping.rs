//! Grouping indices, with their checksum recomputed.

use super::{Target, checksum, put, seal_header};
use pilaster::base::{ColumnType, Value};
use pilaster::format::grouping;
use pilaster::format::header::FileKind;
use pilaster::memory::Chunk;

pub(super) const TARGET: Target = Target { name: "grouping", run, dictionary: &[], seeds };

/// The first byte is the row count that the location has, the rest the file.
fn run(bytes: &[u8]) {
    let Some((&rows, file)) = bytes.split_first() else { return };
    let types = ColumnType::SCALARS;
    let declared = types.into_iter().find(|t| Some(&t.code()) == file.get(16)).unwrap_or(ColumnType::Int);
    let _ = grouping::decode(file, declared, u64::from(rows));
    let mut sealed = file.to_vec();
    seal_header(&mut sealed, FileKind::Grouping);
    if let Some(end) = sealed.len().checked_sub(4) {
        let seal = checksum(&sealed[..end]);
        put(&mut sealed, end, &seal);
    }
    let Ok((values, starts, _)) = grouping::decode(&sealed, declared, u64::from(rows)) else { return };
    let (again, _) = grouping::encode(&values, &starts);
    let (same_values, same_starts, _) =
        grouping::decode(&again, declared, u64::from(rows)).expect("what was written reads");
    assert_eq!((format!("{same_values:?}"), &same_starts), (format!("{values:?}"), &starts));
    assert!(starts.len() == values.len() + 1 && starts.last() == Some(&u64::from(rows)));
}

fn seeds() -> Vec<Vec<u8>> {
    let seed = |values: Chunk, starts: &[u64]| {
        let (bytes, _) = grouping::encode(&values, starts);
        [&[starts[starts.len() - 1] as u8], &bytes[..]].concat()
    };
    vec![
        seed(
            Chunk::from_values(ColumnType::Long, &[Value::Null, Value::Long(-5), Value::Long(7)]).expect("longs"),
            &[0, 3, 4, 9],
        ),
        seed(Chunk::from_values(ColumnType::Double, &[Value::Double(-0.5)]).expect("doubles"), &[0, 1]),
        seed(Chunk::new(ColumnType::Char), &[0]),
    ]
}
