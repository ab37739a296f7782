//! Repairs: told first, done only when forced, nothing destroyed, also when the power fails in the middle.

use super::tests::{FEED, Fixture};
use super::*;
use crate::format::commit::slot::{self, PAGE_BYTES};
use crate::io::{LockKind, SimulatedFileSystem};
use crate::storage::Root;
use crate::storage::intraday::{Durability, GroupWriter, IntradayLocation, WriterOptions};
use crate::storage::{Location, LocationKey, ReadStats};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const VERSIONS: &str = "historical/Market/Trade/main/2017-08-24";

impl Fixture {
    /// The same root as another process would see it, over another state of the disk.
    fn over(simulated: SimulatedFileSystem) -> Self {
        let root = Root::open_in(Arc::new(simulated.clone()));
        Fixture { simulated, root: Arc::new(root.unwrap()) }
    }

    fn repair(&self, force: bool, salvage: bool) -> RepairReport {
        self.repair_with(force, if salvage { Salvage::Rows } else { Salvage::None })
    }

    fn repair_with(&self, force: bool, salvage: Salvage) -> RepairReport {
        let options = RepairOptions { force, salvage, threads: 1 };
        repair(&self.root, &Scope::default(), options, &|_, _| Ok(())).unwrap()
    }

    fn location(&self, directory: &str) -> Arc<IntradayLocation> {
        let key = LocationKey { column_partition: "".into(), internal_partition: "".into() };
        IntradayLocation::open(self.fs().clone(), Path::new(directory), key, Arc::new(ReadStats::default())).unwrap()
    }

    fn historical_rows(&self) -> Option<u64> {
        let table = crate::storage::Catalog::open(self.root.clone()).table("Market", "Trade").unwrap();
        let published = table.historical_table(Arc::default()).unwrap().published("2017-08-24").unwrap();
        published.map(|record| record.row_count())
    }

    /// Files by name and content, wherever they are: what must not get lost. Locks, manifests and commit files that are written anew aside.
    fn inventory(&self) -> BTreeMap<(String, Vec<u8>), usize> {
        let mut all = BTreeMap::new();
        for path in self.files("") {
            let name = path.file_name().unwrap().to_str().unwrap().to_string();
            if !name.contains("lock") && name != "manifest.toml" && !name.starts_with("2017-08-24") {
                *all.entry((name, self.read(&path))).or_default() += 1;
            }
        }
        all
    }

    fn flip(&self, path: &Path, at: usize) {
        let mut bytes = self.read(path);
        bytes[at] ^= 1;
        self.overwrite(path, &bytes);
    }

    fn version(&self) -> PathBuf {
        let entries = self.fs().list(Path::new(VERSIONS)).unwrap();
        Path::new(VERSIONS).join(&entries.last().unwrap().name)
    }

    fn stray(&self, path: &str) {
        self.fs().create_dir_all(Path::new(path).parent().unwrap()).unwrap();
        self.overwrite(Path::new(path), path.as_bytes());
    }
}

fn actions(report: &RepairReport) -> Vec<(String, bool)> {
    report.repairs.iter().map(|repair| (repair.action.words(), repair.done)).collect()
}

#[test]
fn without_force_nothing_changes() {
    let fixture = Fixture::new();
    assert_eq!(actions(&fixture.repair(true, true)), []);
    assert!(fixture.fs().metadata(Path::new("quarantine")).unwrap().is_none());
    fixture.stray("intraday/Market/Trade/feed/.removed-1/Sym.dat");
    fixture.overwrite(&Path::new(FEED).join("commit"), b"");
    fixture.flip(&fixture.version().join("Price.col"), 40);
    let before = fixture.simulated.log_len();
    let report = fixture.repair(false, true);
    assert_eq!(fixture.simulated.log_len(), before);
    let expected =
        ["move to quarantine", "take the partition out", "move to quarantine"].map(|words| (words.to_string(), false));
    assert_eq!(actions(&report), expected);
    assert_eq!((report.damage_left, report.quarantine.is_none()), (2, true));
    let note = report.repairs[1].note.as_deref().unwrap();
    assert!(
        note.contains("`pilaster merge --namespace Market --table Trade --partition 2017-08-24 --force`"),
        "{note}"
    );
}

#[test]
fn what_is_left_over_goes_into_quarantine_with_a_manifest() {
    let fixture = Fixture::new();
    let strays = [
        "intraday/Market/Trade/feed/.removed-1/Sym.dat",
        "intraday/Market/Trade/feed/.import-1/x/commit",
        "intraday/Market/Trade/feed/2017-08-25/commit.tmp-1-0",
        "historical/Market/Trade/.published/2017-08-24.tmp-1-0",
        "historical/Market/Trade/main/2017-08-24/v9-9/Sym.col",
        "schemas/Market/Trade.toml.tmp-1-0",
    ];
    strays.iter().for_each(|path| fixture.stray(path));
    // What a replacing import had put out of sight comes back.
    fixture
        .fs()
        .rename(
            Path::new("intraday/Market/Trade/other/2017-08-25"),
            Path::new("intraday/Market/Trade/feed/.import-1/.replaced-2017-08-26"),
        )
        .unwrap();
    let lock = fixture
        .fs()
        .try_lock(Path::new("intraday/Market/Trade/feed/.removed-1/writer.lock"), LockKind::Exclusive)
        .unwrap();
    // A remover is at work, so its directory is not told of; and what has no lock is too young.
    let report = fixture.repair(true, false);
    assert_eq!(report.repairs.iter().filter(|repair| repair.done).count(), 4, "{:?}", report.repairs);
    assert!(report.repairs.iter().any(|r| r.error.as_deref().is_some_and(|e| e.contains("within the last minute"))));
    drop(lock);
    fixture.simulated.advance_ns(120_000_000_000);
    let report = fixture.repair(true, false);
    assert_eq!(report.repairs.iter().filter(|repair| repair.done).count(), 2, "{:?}", report.repairs);
    assert_eq!(fixture.verify().problems, []);
    assert_eq!(fixture.location("intraday/Market/Trade/feed/2017-08-26").row_count(), 0);
    assert_eq!(actions(&fixture.repair(true, false)), []);
    let kept = fixture.files("quarantine");
    for stray in strays {
        assert!(
            kept.iter().any(|path| path.ends_with(stray) && fixture.read(path) == stray.as_bytes()),
            "{stray}: {kept:?}"
        );
    }
    let manifests: Vec<String> = kept
        .iter()
        .filter(|path| path.ends_with("manifest.toml"))
        .map(|path| String::from_utf8(fixture.read(path)).unwrap())
        .collect();
    assert_eq!(manifests.len(), 2);
    let all = manifests.concat();
    for stray in strays {
        let part = stray.rsplit_once('/').unwrap();
        let from = if stray.contains("tmp") { stray.to_string() } else { part.0.trim_end_matches("/x").to_string() };
        assert!(all.contains(&format!("from = \"{from}\"")), "{from}: {all}");
    }
}

/// F13: any flipped byte of the newest slot: readers get the commit before and are told; a repair writes the slots anew with these rows.
#[test]
fn fault_13_a_rotten_slot_gives_the_commit_before() {
    let fixture = Fixture::new();
    let path = Path::new(FEED).join("commit");
    let good = fixture.read(&path);
    let rows = fixture.location(FEED).row_count();
    let record = fixture.location(FEED).record().unwrap().clone();
    let located = good[16..32].try_into().unwrap();
    let holds = |number: usize| {
        let at = slot::slot_offset(number) as usize;
        match slot::decode(&good[at..at + PAGE_BYTES], number, located) {
            Ok(slot::DecodedSlot::Record(found)) => found.version() == record.version(),
            _ => false,
        }
    };
    let newest: Vec<usize> = (0..slot::SLOT_COUNT).filter(|number| holds(*number)).collect();
    assert!(!newest.is_empty());
    let used = slot::BODY_AT
        + u64::from_le_bytes([
            good[slot::slot_offset(newest[0]) as usize + 88],
            good[slot::slot_offset(newest[0]) as usize + 89],
            0,
            0,
            0,
            0,
            0,
            0,
        ]) as usize;
    for at in 0..used {
        let mut bytes = good.clone();
        for number in &newest {
            bytes[slot::slot_offset(*number) as usize + at] ^= 0x20;
        }
        fixture.overwrite(&path, &bytes);
        let location = fixture.location(FEED);
        assert!(location.row_count() < rows, "byte {at}");
        assert!(!location.rejected().is_empty(), "byte {at}");
        if at % 60 != 0 {
            continue;
        }
        let report = fixture.repair(true, false);
        assert_eq!(
            (actions(&report), report.damage_left),
            (vec![("write the slots anew".into(), true)], 0),
            "byte {at}"
        );
        let now = fixture.location(FEED);
        assert_eq!((now.row_count(), now.durable_row_count()), (location.row_count(), location.row_count()));
        assert!(now.rejected().is_empty() && now.record().unwrap().epoch > record.epoch);
        assert!(location.refresh().is_ok(), "who has the rows open keeps them");
        assert_eq!(actions(&fixture.repair(true, false)), []);
    }
}

#[test]
fn locations_without_a_record_go_and_others_go_on() {
    let fixture = Fixture::new();
    let path = Path::new(FEED).join("commit");
    let good = fixture.read(&path);
    for damage in [vec![], vec![0; good.len()], good[..5_000].to_vec()] {
        fixture.overwrite(&path, &damage);
        let held = fixture.fs().try_lock(&Path::new(FEED).join("writer.lock"), LockKind::Exclusive).unwrap().unwrap();
        let report = fixture.repair(true, true);
        assert!(report.repairs[0].error.as_deref().unwrap().contains("a writer has the location"), "{report:?}");
        assert_eq!(report.damage_left, 1);
        drop(held);
        let before = fixture.inventory();
        let report = fixture.repair(true, true);
        assert_eq!((actions(&report), report.damage_left), (vec![("move to quarantine".into(), true)], 0));
        assert_eq!(fixture.inventory(), before);
        assert!(fixture.fs().metadata(Path::new(FEED)).unwrap().is_none());
        assert_eq!(fixture.verify().figures.rows, 600);
        fixture.append("feed", 25, 40);
    }
    // What a newer version wrote is not touched.
    let mut newer = fixture.read(&path);
    newer[..16].copy_from_slice(&crate::format::header::encode(crate::format::header::FileKind::Commit, 9));
    fixture.overwrite(&path, &newer);
    let report = fixture.repair(true, true);
    assert_eq!((actions(&report), report.damage_left), (vec![("nothing".into(), false)], 1));
    assert!(report.repairs[0].what.contains("format version 9; this build reads version 1"), "{report:?}");
}

/// Commits over several locations: a group file that is lost is told of, and the locations beside it stay where they are.
#[test]
fn a_lost_group_file_costs_no_location() {
    let fixture = Fixture::new();
    let table = crate::storage::Catalog::open(fixture.root.clone()).table("Market", "Trade").unwrap();
    let columns: Vec<_> = table.schema().definition.stored().cloned().collect();
    let source = Path::new("intraday/Market/Trade/group");
    let options = WriterOptions { durability: Durability::Commit };
    let mut writer = GroupWriter::open(fixture.fs().clone(), source, &columns, options).unwrap();
    for partition in ["2017-08-25", "2017-08-26"] {
        writer
            .append(
                partition,
                columns
                    .iter()
                    .map(|column| {
                        let mut chunk = crate::memory::Chunk::new(column.column_type);
                        chunk.push_nulls(5);
                        chunk
                    })
                    .collect(),
            )
            .unwrap();
    }
    writer.commit().unwrap();
    assert_eq!(fixture.verify().problems, []);
    drop(writer);
    assert_eq!((fixture.verify().problems, fixture.verify().figures.rows), (vec![], 650));
    let path = source.join(".group");
    let good = fixture.read(&path);
    for damage in [vec![], vec![0; good.len()], good[..9_000].to_vec()] {
        fixture.overwrite(&path, &damage);
        let before = fixture.simulated.log_len();
        let report = fixture.repair(true, true);
        assert!(report.damage_left > 0 && report.repairs.iter().all(|repair| !repair.done), "{report:?}");
        assert_eq!(fixture.simulated.log_len(), before);
    }
    fixture.overwrite(&path, &good);
    fixture.flip(&path, 4_096 * 3 + 60);
    let report = fixture.verify();
    assert!(report.problems.iter().any(|problem| problem.path.ends_with(".group")), "{report:?}");
}

#[test]
fn damaged_values_stay_or_are_cut_off() {
    let fixture = Fixture::new();
    fixture.append("feed", 25, 20_000);
    fixture.flip(&Path::new(FEED).join("Price.dat"), 8 * 8_192 + 5);
    let report = fixture.repair(true, false);
    assert_eq!(actions(&report), [("nothing".into(), false)]);
    assert!(report.repairs[0].note.as_deref().unwrap().contains("--salvage"), "{report:?}");
    let before = fixture.inventory();
    let report = fixture.repair(true, true);
    assert_eq!(
        (actions(&report), report.damage_left),
        (vec![("keep the 8192 rows before the damage".into(), true)], 0)
    );
    let location = fixture.location(FEED);
    assert_eq!((location.row_count(), location.durable_row_count()), (8_192, 8_192));
    let after = fixture.inventory();
    assert!(before.iter().all(|(file, count)| after.get(file) >= Some(count)), "nothing is lost");
    assert_eq!(fixture.verify().problems, []);
    assert_eq!(actions(&fixture.repair(true, true)), []);
    // A column that cannot be read at all leaves no row.
    fixture.overwrite(&Path::new(FEED).join("Sym.sym"), b"");
    let report = fixture.repair(true, true);
    assert_eq!((actions(&report), report.damage_left), (vec![("move to quarantine".into(), true)], 0));
}

/// One column that is lost costs the others nothing, if that is asked for.
#[test]
fn columns_that_are_whole_can_be_kept() {
    let fixture = Fixture::new();
    fixture.append("feed", 25, 20_000);
    let rows = fixture.location(FEED).row_count();
    let times = |fixture: &Fixture| {
        let region = fixture.location(FEED).region("Time").unwrap().unwrap();
        format!("{:?}", crate::storage::ColumnRegion::read(&*region, 0..rows).unwrap())
    };
    let before = times(&fixture);
    fixture.overwrite(&Path::new(FEED).join("Sym.sym"), b"");
    fixture.flip(&Path::new(FEED).join("Price.dat"), 5);
    // By rows nothing could stay, and the way to keep the others is told.
    let report = fixture.repair(false, true);
    assert_eq!(actions(&report), [("move to quarantine".into(), false)]);
    assert!(report.repairs[0].note.as_deref().unwrap().contains("--salvage=columns"), "{report:?}");
    let words = format!("keep the {rows} rows without Price, Sym, null from then on");
    let told = fixture.repair_with(false, Salvage::Columns);
    let sorted = |report: &RepairReport| match &report.repairs[0].action {
        Action::Salvage { rows, without } => {
            let mut without = without.clone();
            without.sort();
            Action::Salvage { rows: *rows, without }.words()
        }
        other => other.words(),
    };
    assert_eq!((sorted(&told), told.damage_left > 0), (words.clone(), true));
    let inventory = fixture.inventory();
    let report = fixture.repair_with(true, Salvage::Columns);
    assert_eq!((sorted(&report), report.repairs[0].done, report.damage_left), (words, true, 0));
    let after = fixture.inventory();
    assert!(inventory.iter().all(|(file, count)| after.get(file) >= Some(count)), "nothing is lost");
    assert_eq!((fixture.location(FEED).row_count(), times(&fixture)), (rows, before));
    assert!(fixture.location(FEED).region("Price").unwrap().is_none());
    assert_eq!(fixture.verify().problems, []);
    // Writers go on, with all columns.
    fixture.append("feed", 25, 10);
    assert_eq!(fixture.location(FEED).row_count(), rows + 10);
    assert!(fixture.location(FEED).region("Price").unwrap().is_some());
}

/// A published partition without rows elsewhere stays as it is until the columns that are whole are asked for.
#[test]
fn partitions_go_on_without_damaged_columns() {
    let fixture = Fixture::new();
    let merged = fixture.historical_rows();
    crate::io::remove_tree(&**fixture.fs(), Path::new("intraday/Market/Trade")).unwrap();
    for (file, what) in [("Price.col", "Price"), ("Sym.grp", "the groups of Sym")] {
        fixture.flip(&fixture.version().join(file), 40);
        let report = fixture.repair(true, true);
        assert_eq!((actions(&report), report.damage_left), (vec![("nothing".into(), false)], 1));
        assert!(report.repairs[0].note.as_deref().unwrap().contains("--salvage=columns"), "{report:?}");
        let before = fixture.inventory();
        let report = fixture.repair_with(true, Salvage::Columns);
        let words = format!("publish the partition again without {what}, null from then on");
        assert_eq!((actions(&report), report.damage_left), (vec![(words, true)], 0));
        let after = fixture.inventory();
        assert!(
            before
                .iter()
                .filter(|((name, _), _)| name != "location")
                .all(|(file, count)| after.get(file) >= Some(count))
        );
        assert_eq!((fixture.historical_rows(), fixture.verify().problems), (merged, vec![]));
    }
    let table = crate::storage::Catalog::open(fixture.root.clone()).table("Market", "Trade").unwrap();
    let location = table.historical_table(Arc::default()).unwrap().handles().unwrap()[0].open().unwrap();
    assert!(location.column("Price").unwrap().is_none() && location.column("Sym").unwrap().is_some());
    assert!(location.grouping("Sym").unwrap().is_none());
}

#[test]
fn a_damaged_version_gives_way_to_the_one_before_or_to_none() {
    let fixture = Fixture::new();
    // A reader keeps the first version from being removed.
    let table = crate::storage::Catalog::open(fixture.root.clone()).table("Market", "Trade").unwrap();
    let handles = table.historical_table(Arc::default()).unwrap().handles().unwrap();
    let reader = handles[0].open().unwrap();
    fixture.append("feed", 24, 100);
    fixture.simulated.advance_ns(1_000);
    fixture.merge("2017-08-24").unwrap();
    assert_eq!(fixture.historical_rows(), Some(400));
    fixture.flip(&fixture.version().join("Time.col"), 40);
    let before = fixture.inventory();
    let report = fixture.repair(true, false);
    let first = &report.repairs[0];
    assert!(first.done && matches!(&first.action, Action::PublishPrevious { rows: 300, .. }), "{report:?}");
    assert_eq!((fixture.historical_rows(), report.damage_left), (Some(300), 0));
    assert_eq!(fixture.inventory(), before);
    assert_eq!(reader.row_count(), 300);
    assert_eq!(fixture.verify().problems, []);
    assert_eq!(actions(&fixture.repair(true, false)), []);
    // Readers of the damaged version, and merges, are waited for by the user, not by us.
    fixture.flip(&fixture.version().join("Sym.grp"), 40);
    let report = fixture.repair(true, false);
    assert!(report.repairs[0].error.as_deref().unwrap().contains("readers have the version open"), "{report:?}");
    drop((reader, handles));
    let before = fixture.inventory();
    let merging = fixture
        .fs()
        .try_lock(Path::new("historical/Market/Trade/.published/.lock-2017-08-24"), LockKind::Exclusive)
        .unwrap();
    assert_eq!(actions(&fixture.repair(true, false)), []);
    drop(merging);
    fixture.repair(true, false);
    assert_eq!((fixture.historical_rows(), fixture.verify().problems), (None, vec![]));
    assert_eq!(fixture.inventory(), before);
    fixture.merge("2017-08-24").unwrap();
    assert_eq!((fixture.historical_rows(), fixture.verify().problems), (Some(400), vec![]));
    // A record that cannot be read, beside a version that can.
    fixture.overwrite(Path::new("historical/Market/Trade/.published/2017-08-24"), &[0; 70]);
    let report = fixture.repair(true, false);
    assert!(
        report.repairs.iter().any(|repair| matches!(repair.action, Action::PublishPrevious { rows: 400, .. })),
        "{report:?}"
    );
    assert_eq!((fixture.historical_rows(), fixture.verify().problems), (Some(400), vec![]));
}

/// The power fails at any call of a repair: every file is somewhere, readers see a version or none, and the next repair ends the work.
#[test]
fn fault_1_power_cuts_during_repairs_lose_nothing() {
    let fixture = Fixture::new();
    fixture.stray("intraday/Market/Trade/feed/.removed-1/Sym.dat");
    fixture.overwrite(&Path::new(FEED).join("commit"), b"");
    fixture.flip(&fixture.version().join("Price.col"), 40);
    fixture.flip(Path::new("intraday/Market/Trade/feed/2017-08-24/Time.dat"), 9);
    let start = fixture.simulated.kill();
    let fixture = Fixture::over(start);
    let before = fixture.inventory();
    let report = fixture.repair_with(true, Salvage::Columns);
    assert_eq!(report.damage_left, 0, "{report:?}");
    let mut states = 0;
    for at in 0..=fixture.simulated.log_len() {
        for state in fixture.simulated.crash_states_up_to(at, 6) {
            states += 1;
            let crashed = Fixture::over(state.fs.clone());
            let found = crashed.inventory();
            let lost: Vec<_> = before
                .iter()
                .filter(|(file, count)| found.get(file) < Some(count))
                .map(|((name, _), _)| name)
                .collect();
            assert!(lost.is_empty(), "{lost:?} after {state}");
            if states % 8 == 0 {
                crashed.simulated.advance_ns(120_000_000_000);
                let report = crashed.repair_with(true, Salvage::Columns);
                assert_eq!(report.damage_left, 0, "{report:?} after {state}");
                assert_eq!(actions(&crashed.repair_with(true, Salvage::Columns)), [], "{state}");
                let after = crashed.inventory();
                assert!(before.iter().all(|(file, count)| after.get(file) >= Some(count)), "{state}");
            }
        }
    }
    assert!(states > 100, "{states}");
    println!("repairs: {states} crash states, 0 files lost");
}
