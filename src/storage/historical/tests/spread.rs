//! Which storage rows go to: groups stay whole, formulas decide, rows without groups are shared out evenly; both ways of merging alike.

use super::external::{definition, merged, source};
use super::*;
use crate::storage::Computation;
use std::collections::{BTreeMap, BTreeSet};

/// A computation of one column as it is.
fn column(name: &str) -> Spread {
    let inputs = vec![name.to_string()];
    Spread::Computed(Arc::new(Computation { inputs, compute: Box::new(|columns, _| Ok(columns[0].clone())) }))
}

/// One of each kind.
pub(super) fn spreads() -> Vec<Spread> {
    vec![Spread::Groups, Spread::FirstGroup, Spread::Single(8), column("Size"), column("Note")]
}

/// The rows of each storage.
fn parts(fixture: &Fixture, storages: usize, definition: &TableDefinition) -> Vec<Vec<Vec<String>>> {
    let storages = (0..storages).map(|n| fixture.storage(&format!("s{n}"))).collect();
    let handles = fixture.table(storages).handles().unwrap();
    handles.iter().map(|handle| rows(&*handle.open().unwrap(), definition)).collect()
}

/// In how many storages the values of the first so many columns are, and how many values there are.
fn homes(parts: &[Vec<Vec<String>>], columns: usize) -> BTreeMap<Vec<String>, BTreeSet<usize>> {
    let mut homes: BTreeMap<Vec<String>, BTreeSet<usize>> = BTreeMap::new();
    for (part, rows) in parts.iter().enumerate() {
        for row in rows {
            homes.entry(row[..columns].to_vec()).or_default().insert(part);
        }
    }
    homes
}

#[test]
fn groups_of_two_columns_never_split() {
    let sources = [source("a", 900, 11, None), source("b", 700, 12, None)];
    for run_rows in [None, Some(128)] {
        let all = parts(&merged(&sources, &["Time"], (5, Spread::Groups), run_rows), 5, &definition());
        let homes_of_groups = homes(&all, 2);
        assert!(homes_of_groups.len() > 20 && homes_of_groups.values().all(|parts| parts.len() == 1));
        // The first column alone does not decide: the other one spreads its values.
        assert!(homes(&all, 1).values().any(|parts| parts.len() > 1));
        assert!(all.iter().all(|rows| !rows.is_empty()), "{:?}", all.iter().map(Vec::len).collect::<Vec<_>>());
        assert_eq!(all.iter().map(Vec::len).sum::<usize>(), 1_600);

        let all = parts(&merged(&sources, &["Time"], (5, Spread::FirstGroup), run_rows), 5, &definition());
        assert!(homes(&all, 1).values().all(|parts| parts.len() == 1));
        assert!(all.iter().filter(|rows| !rows.is_empty()).count() > 1);

        let all = parts(&merged(&sources, &["Time"], (5, Spread::Single(13)), run_rows), 5, &definition());
        assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [0, 0, 0, 1_600, 0]);
    }
}

#[test]
fn computed_keys_decide_modulo_the_storages() {
    let table = TableDefinition::new(vec![
        ColumnDefinition::new("Date", ColumnType::String).of_kind(ColumnKind::Partitioning),
        ColumnDefinition::new("Row", ColumnType::Long),
        ColumnDefinition::new("Name", ColumnType::String),
        ColumnDefinition::new("Letter", ColumnType::Char),
        ColumnDefinition::new("Truth", ColumnType::Boolean),
        ColumnDefinition::new("Price", ColumnType::Double),
    ])
    .unwrap();
    let names = [Some("s2"), Some("AAPL"), Some("polygenelubricants"), None, Some("")];
    let count = 40i64;
    let longs = |row: i64| [row - 20, i64::MIN, i64::MIN + 1, i64::MAX][usize::from(row % 7 == 0) * (row % 4) as usize];
    let source = Rows::of(
        "a",
        &[
            ("Row", Chunk::Long((0..count).map(longs).collect())),
            ("Name", Chunk::strings((0..count).map(|row| names[row as usize % 5])).unwrap()),
            ("Letter", Chunk::Char((0..count).map(|row| if row == 3 { 0xFFFE } else { 65 + row as u16 }).collect())),
            ("Truth", Chunk::Boolean((0..count).map(|row| crate::base::Boolean((row % 3 - 1) as i8)).collect())),
            ("Price", Chunk::nulls(ColumnType::Double, count as usize)),
        ],
    );
    // Java's hash codes: "AAPL" 2001436, "polygenelubricants" the least int, which has no absolute value, "" 0.
    let by_name = [2, 2001436 % 3, i64::from(i32::MIN).rem_euclid(3), 0, 0];
    let fixture = |key: &str, runs| {
        let fixture = Fixture::new();
        let storages: Vec<StorageDirectory> = (0..3).map(|n| fixture.storage(&format!("s{n}"))).collect();
        let options = MergeOptions { storages, spread: column(key), run_rows_max: runs, ..MergeOptions::default() };
        fixture.merge_with(std::slice::from_ref(&source), &table, &[], &options, &|_| Ok(())).map(|_| fixture)
    };
    for runs in [None, Some(7)] {
        let check = |key: &str, part: &dyn Fn(i64) -> i64| {
            let found = parts(&fixture(key, runs).unwrap(), 3, &table);
            let all = rows(&*source, &table);
            for (at, part_rows) in found.iter().enumerate() {
                let expected: Vec<_> =
                    (0..count).filter(|row| part(*row) == at as i64).map(|row| all[row as usize].clone()).collect();
                assert!(*part_rows == expected, "{key}, storage {at}");
            }
        };
        check("Row", &|row| if longs(row) == i64::MIN { 0 } else { longs(row).rem_euclid(3) });
        check("Name", &|row| by_name[row as usize % 5]);
        check("Letter", &|row| if row == 3 { 0 } else { (65 + row) % 3 });
        check("Truth", &|row| i64::from(row % 3 == 2));
        // The partitioning column is the same everywhere: here 2017-08-25 or what the sources are of.
        assert_eq!(parts(&fixture("Date", runs).unwrap(), 3, &table).iter().filter(|rows| !rows.is_empty()).count(), 1);
        let error = fixture("Price", runs).map(drop).unwrap_err();
        assert!(error.kind() == ErrorKind::Type && error.to_string().contains("gives double"), "{error}");
        assert!(fixture("Gone", runs).map(drop).unwrap_err().is_not_found());
    }
}

#[test]
fn rows_without_groups_are_shared_out_evenly() {
    let plain = TableDefinition::new(vec![ColumnDefinition::new("Row", ColumnType::Long)]).unwrap();
    for (count, storages) in [(1_001usize, 4usize), (3, 5), (1_000, 7)] {
        for run_rows_max in [None, Some(64)] {
            for spread in [Spread::Groups, Spread::FirstGroup] {
                let source = Rows::of("a", &[("Row", Chunk::Long((0..count as i64).rev().collect()))]);
                let fixture = Fixture::new();
                let places: Vec<StorageDirectory> = (0..storages).map(|n| fixture.storage(&format!("s{n}"))).collect();
                let options = MergeOptions { storages: places, spread, run_rows_max, ..MergeOptions::default() };
                let report =
                    fixture.merge_with(&[source], &plain, &["Row".to_string()], &options, &|_| Ok(())).unwrap();
                let counts: Vec<u64> = report.storages.iter().map(|(_, rows)| *rows).collect();
                let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
                assert!(most - least <= 1 && counts.iter().sum::<u64>() == count as u64, "{counts:?}");
                let all = parts(&fixture, storages, &plain);
                let ascends = |rows: &Vec<Vec<String>>| {
                    rows.is_sorted_by_key(|row| row[0].trim_matches(|c: char| !c.is_ascii_digit()).parse::<i64>().ok())
                };
                assert!(all.iter().all(ascends));
            }
        }
    }
}

#[test]
fn a_partition_that_goes_to_one_storage_goes_to_another_the_next_day() {
    let days = ["2017-08-25", "2017-08-26", "2017-08-27", "2017-08-28"];
    let numbers = days.map(|day| single_number("Ns", "Quotes", day) % 3);
    assert!(numbers.windows(2).all(|pair| (pair[0] + 1) % 3 == pair[1]), "{numbers:?}");
    assert_eq!(single_number("Ns", "Quotes", "all"), single_number("Ns", "Quotes", "all"));
}
