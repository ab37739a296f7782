//! What a power cut leaves of an import, at each level: all of it or nothing, never damage, and all of what was said to be durable.

use super::tests::{by, import, into, rows};
use super::*;
use crate::io::faulty::{CallKind, FaultyFileSystem};
use crate::io::simulated::SimulatedFileSystem;

const LEVELS: [Durability; 4] =
    [Durability::None, Durability::Interval(0), Durability::Interval(3_600_000), Durability::Commit];
/// Longer than the smallest block that is read at once.
const LATER: [&str; 3] = ["B,2.00000000000000\n", "C,3.00000000000000\n", "D,4.00000000000000\n"];

/// Imports, what a reader sees after them, and whether they are durable whatever was asked for.
fn cases() -> Vec<(ImportMode, ImportOptions, String, Vec<&'static str>, bool)> {
    let text = |head: &str, prefix: &str| head.to_string() + &LATER.map(|line| format!("{prefix}{line}")).concat();
    vec![
        (ImportMode::Append, into("d1"), text("Sym,Bid\n", ""), vec!["d1: A1 B2 C3 D4"], false),
        (ImportMode::Safe, into("d2"), text("Sym,Bid\n", ""), vec!["d1: A1", "d2: B2 C3 D4"], false),
        (ImportMode::Replace, into("d2"), text("Sym,Bid\n", ""), vec!["d1: A1", "d2: B2 C3 D4"], false),
        (ImportMode::Replace, into("d1"), text("Sym,Bid\n", ""), vec!["d1: B2 C3 D4"], true),
        (ImportMode::Append, by("Date"), text("Date,Sym,Bid\n", "d1,"), vec!["d1: A1 B2 C3 D4"], true),
        (
            ImportMode::Append,
            by("Date"),
            "Date,Sym,Bid\nd1,B,2\nd2,C,3\n".to_string(),
            vec!["d1: A1 B2", "d2: C3"],
            true,
        ),
    ]
}

/// A line a block, so that the rows of one import come in pieces.
fn in_pieces(options: ImportOptions, mode: ImportMode, durability: Durability) -> ImportOptions {
    let mut options = ImportOptions { mode, durability, ..options };
    options.csv.block_bytes = 1;
    options
}

#[test]
fn a_power_cut_leaves_all_of_an_import_or_nothing_at_every_level() {
    for (mode, options, text, after, always) in cases() {
        for durability in LEVELS {
            let options = in_pieces(options.clone(), mode, durability);
            let simulated = SimulatedFileSystem::new(7);
            let fs: Arc<dyn FileSystem> = Arc::new(simulated.clone());
            import(&fs, "Sym,Bid\nA,1\n", &into("d1")).unwrap();
            let before = simulated.log_len();
            let report = import(&fs, &text, &options).unwrap();
            let end = simulated.log_len();
            assert_eq!(rows(&fs), after, "{options:?}");
            let durable = always || durability != Durability::None;
            assert_eq!(report.durable_rows, if durable { report.rows } else { 0 }, "{options:?}");
            let mut lost = false;
            for at in before..=end {
                let crashed = simulated.crash_states_up_to(at, 8).map(|state| state.fs);
                for state in std::iter::once(simulated.kill_at(at)).chain(crashed) {
                    let fs: Arc<dyn FileSystem> = Arc::new(state);
                    let found = rows(&fs);
                    let whole = found == after;
                    assert!(whole || found == ["d1: A1"], "{options:?} crash after {at} of {end}: {found:?}");
                    assert!(whole || !durable || at < end, "{options:?} lost {found:?}");
                    lost |= at == end && !whole;
                    // What a power cut left is no obstacle to the same import, nor to what comes after.
                    if at == end && !whole {
                        import(&fs, &text, &ImportOptions { durability: Durability::Commit, ..options.clone() })
                            .unwrap();
                        assert_eq!(rows(&fs), after, "{options:?} again");
                    }
                }
            }
            assert_eq!(lost, !durable, "{options:?}: whether a power cut after the end takes the rows");
        }
    }
}

/// Rows that are not durable become so with the first durable ones of the partition.
#[test]
fn the_next_writer_makes_the_rows_durable() {
    let simulated = SimulatedFileSystem::new(7);
    let fs: Arc<dyn FileSystem> = Arc::new(simulated.clone());
    import(&fs, "Sym,Bid\nA,1\n", &in_pieces(into("d1"), ImportMode::Safe, Durability::None)).unwrap();
    import(&fs, "Sym,Bid\nB,2\n", &in_pieces(into("d1"), ImportMode::Append, Durability::None)).unwrap();
    import(&fs, "Sym,Bid\nC,3\n", &in_pieces(into("d1"), ImportMode::Append, Durability::Commit)).unwrap();
    for state in simulated.crash_states(simulated.log_len(), 50) {
        let fs: Arc<dyn FileSystem> = Arc::new(state.fs);
        assert_eq!(rows(&fs), ["d1: A1 B2 C3"]);
    }
}

/// The calls that wait for the content of files.
#[test]
fn levels_wait_for_the_disk_as_they_say() {
    let syncs = |mode, durability| {
        let simulated = SimulatedFileSystem::new(7);
        let plain: Arc<dyn FileSystem> = Arc::new(simulated.clone());
        import(&plain, "Sym,Bid\nA,1\n", &into("d1")).unwrap();
        let faulty = FaultyFileSystem::simulated(&simulated);
        let fs: Arc<dyn FileSystem> = Arc::new(faulty.clone());
        let partition = if mode == ImportMode::Append { "d1" } else { "d2" };
        let text = "Sym,Bid\n".to_string() + &LATER.concat();
        import(&fs, &text, &in_pieces(into(partition), mode, durability)).unwrap();
        faulty.calls(Some(CallKind::Sync))
    };
    let [none, often, seldom, commit] = LEVELS.map(|level| syncs(ImportMode::Append, level));
    // What an earlier writer called durable is on the disk before anything depends on it.
    assert!(none == 1 && none < commit && often == commit && seldom == commit, "{none} {often} {seldom} {commit}");
    let [none, often, seldom, commit] = LEVELS.map(|level| syncs(ImportMode::Safe, level));
    // The empty commit file.
    assert!(none == 1 && none < commit && seldom == commit, "{none} {seldom} {commit}");
    assert!(often > commit, "rows become durable while the file is read: {often} {commit}");
}
