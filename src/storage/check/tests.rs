//! A small root of every kind of file: verified good, then damaged in every way, and everything inspected without a write.

use super::*;
use crate::base::Result;
use crate::format::inspect::View;
use crate::io::{FileSystem, OpenMode, ReadOnlyFileSystem, SimulatedFileSystem, read_small};
use crate::memory::Chunk;
use crate::storage::historical::MergeOptions;
use crate::storage::intraday::{Durability, IntradayWriter, WriterOptions};
use crate::storage::{Catalog, Root, RootConfig, layout, schema};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) const FEED: &str = "intraday/Market/Trade/feed/2017-08-25";
const SCHEMA: &str = r#"
namespace = "Market"
table = "Trade"
sort = ["Time"]
columns = [
    { name = "Date", type = "String", kind = "partitioning" },
    { name = "Sym", type = "String", kind = "grouping" },
    { name = "Time", type = "DateTime" },
    { name = "Price", type = "double" },
    { name = "Buy", type = "boolean" },
    { name = "Note", type = "String", symbol = "none" },
]
"#;

/// A root over a simulated file system.
pub(super) struct Fixture {
    pub(super) simulated: SimulatedFileSystem,
    pub(super) root: Arc<Root>,
}

impl Fixture {
    /// With two days: the 24th in history, both intraday, the 25th written by two sources.
    pub(super) fn new() -> Self {
        let simulated = SimulatedFileSystem::new(5);
        let fs: Arc<dyn FileSystem> = Arc::new(simulated.clone());
        let root = Arc::new(Root::create_in(fs.clone(), RootConfig::new("NY").unwrap()).unwrap());
        schema::deploy(&*fs, SCHEMA, Path::new("Trade.toml"), false).unwrap();
        let fixture = Fixture { simulated, root };
        for (source, day, rows) in [("feed", 24, 300), ("feed", 25, 40), ("other", 25, 0)] {
            fixture.append(source, day, rows);
        }
        fixture.merge("2017-08-24").unwrap();
        fixture
    }

    pub(super) fn fs(&self) -> &Arc<dyn FileSystem> {
        self.root.fs()
    }

    pub(super) fn append(&self, source: &str, day: i64, rows: usize) {
        let directory = format!("intraday/Market/Trade/{source}/2017-08-{day}");
        let table = Catalog::open(self.root.clone()).table("Market", "Trade").unwrap();
        let columns: Vec<_> = table.schema().definition.stored().cloned().collect();
        let options = WriterOptions { durability: Durability::None };
        let mut writer = IntradayWriter::open(self.fs().clone(), Path::new(&directory), &columns, options).unwrap();
        let notes: Vec<String> = (0..rows).map(|row| format!("note {row}")).collect();
        let names = [Some("AAPL"), Some("SPY"), None, Some("")];
        writer
            .append(&[
                Chunk::strings((0..rows).map(|row| names[row % 4])).unwrap(),
                Chunk::DateTime((0..rows as i64).map(|row| day * 1_000_000 + row / 2).collect()),
                Chunk::Double((0..rows).map(|row| [1.25, f64::NAN, -f64::MAX, 2.5][row % 4]).collect()),
                Chunk::Boolean((0..rows).map(|row| (row % 2 == 0).into()).collect()),
                Chunk::strings(notes.iter().map(|note| Some(note.as_str()))).unwrap(),
            ])
            .unwrap();
        writer.commit().unwrap();
        writer.close().unwrap();
    }

    pub(super) fn merge(&self, partition: &str) -> Result<()> {
        let table = Catalog::open(self.root.clone()).table("Market", "Trade")?;
        let options = MergeOptions { force: true, threads: 1, ..MergeOptions::default() };
        table.merge(partition, &options, false, &|_| Ok(())).map(drop)
    }

    /// Verifies everything, through a file system that refuses to change anything.
    pub(super) fn verify(&self) -> VerifyReport {
        self.verify_scope(&Scope::default()).unwrap()
    }

    pub(super) fn verify_scope(&self, scope: &Scope) -> Result<VerifyReport> {
        let before = self.simulated.log_len();
        let root = Root::open_in(Arc::new(ReadOnlyFileSystem::new(self.fs().clone()))).unwrap();
        let report = verify(&Arc::new(root), scope, VerifyOptions { threads: 1 }, &|_, _| Ok(()));
        assert_eq!(self.simulated.log_len(), before, "verifying changes nothing");
        report
    }

    pub(super) fn read(&self, path: &Path) -> Vec<u8> {
        read_small(&**self.fs(), path, 1 << 24).unwrap()
    }

    pub(super) fn overwrite(&self, path: &Path, bytes: &[u8]) {
        let file = self.fs().open(path, OpenMode::Create).unwrap();
        file.set_size(bytes.len() as u64).unwrap();
        file.write_all_at(bytes, 0).unwrap();
        file.sync().unwrap();
    }

    /// Every file below a directory.
    pub(super) fn files(&self, directory: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut rest = vec![PathBuf::from(directory)];
        while let Some(directory) = rest.pop() {
            for entry in self.fs().list(&directory).unwrap() {
                let path = directory.join(&entry.name);
                if entry.is_dir { rest.push(path) } else { files.push(path) }
            }
        }
        files.sort();
        files
    }

    fn inspect(&self, path: &Path) -> Result<Inspected> {
        let fs: Arc<dyn FileSystem> = Arc::new(ReadOnlyFileSystem::new(self.fs().clone()));
        let found = Found::Alone { fs, path: path.to_path_buf() };
        inspect(&found, &View { all: true, rows: Some(0..5), ..View::default() })
    }
}

fn is_lock(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_str().unwrap();
    name == "writer.lock" || name == "lock" || name == ".lock" || name.starts_with(".lock-")
}

#[test]
fn a_good_root_has_no_problems_and_is_counted() {
    let fixture = Fixture::new();
    let report = fixture.verify();
    assert_eq!(report.problems, []);
    let figures = report.figures;
    assert_eq!((figures.locations, figures.rows, figures.values), (4, 640, 5 * 640));
    assert!(figures.files > 20 && figures.bytes > 20_000, "{figures:?}");
    // Parts of it.
    for (scope, rows) in [
        (Scope { kind: Some(crate::storage::TableKind::Historical), ..Scope::default() }, 300),
        (Scope { column_partition: Some("2017-08-25".into()), ..Scope::default() }, 40),
        (Scope { internal_partition: Some("other".into()), ..Scope::default() }, 0),
        (Scope { namespace: Some("Market".into()), table: Some("Trade".into()), ..Scope::default() }, 640),
    ] {
        let report = fixture.verify_scope(&scope).unwrap();
        assert_eq!((report.figures.rows, report.problem_count), (rows, 0), "{scope:?}");
    }
    let nothing = Scope { namespace: Some("Nowhere".into()), ..Scope::default() };
    assert!(fixture.verify_scope(&nothing).unwrap_err().is_not_found());
}

/// F12: every file cut, emptied, zero-filled, missing, or replaced by another of its kind: always a problem that names it, and inspecting
/// shows it or what it belongs to as damaged, without a write.
#[test]
fn fault_12_every_damaged_file_is_named() {
    let fixture = Fixture::new();
    let all = [fixture.files("intraday"), fixture.files("historical"), fixture.files("schemas")].concat();
    assert!(all.len() > 20, "{all:?}");
    for path in all.iter().filter(|path| !is_lock(path)) {
        let good = fixture.read(path);
        if good.is_empty() {
            continue;
        }
        let half = good.len() / 2;
        let mut flipped = good.clone();
        flipped[half] ^= 4;
        let other =
            all.iter().filter(|other| other != &path && other.extension() == path.extension() && !is_lock(other));
        let swapped = other
            .map(|other| fixture.read(other))
            .find(|other| other.len() >= good.len() && other[..good.len()] != good);
        let damages = [Some(good[..half].to_vec()), Some(vec![]), Some(vec![0; good.len()]), Some(flipped), None];
        for (number, damage) in damages.into_iter().chain([swapped.or(Some(vec![7; good.len()]))]).enumerate() {
            match &damage {
                Some(bytes) if *bytes == good => continue,
                Some(bytes) => fixture.overwrite(path, bytes),
                None => fixture.fs().remove_file(path).unwrap(),
            }
            let report = fixture.verify();
            // The published record decides what there is, and a schema may be missing only together with its data.
            // Without column files there were no rows to lose.
            let siblings = fixture.fs().list(path.parent().unwrap()).unwrap();
            let empty = path.ends_with("commit") && !siblings.iter().any(|entry| entry.name.ends_with(".dat"));
            let unnoticed = damage.is_none() && (path.parent().unwrap().ends_with(".published") || empty);
            let spare = path.ends_with("commit") && number == 3;
            if !unnoticed && !spare {
                let parent = fixture.fs().display(path.parent().unwrap());
                let named = report
                    .problems
                    .iter()
                    .any(|problem| problem.path.starts_with(&parent) && problem.severity == Severity::Damage);
                assert!(named, "{} damage {number}: {:?}", path.display(), report.problems);
            }
            if let Some(bytes) = &damage {
                match fixture.inspect(path) {
                    Ok(shown) => {
                        assert!(shown.is_damaged() || spare || number >= 3, "{} damage {number}", path.display())
                    }
                    Err(error) => assert!(error.path().is_some() && bytes != &good, "{error}"),
                }
            }
            fixture.overwrite(path, &good);
        }
    }
    assert_eq!(fixture.verify().problems, []);
}

#[test]
fn directories_are_inspected_without_a_write() {
    let fixture = Fixture::new();
    let before = fixture.simulated.log_len();
    let location = fixture.inspect(Path::new(FEED)).unwrap();
    assert!(location.kind == "intraday location" && !location.is_damaged(), "{location:?}");
    let taken = location.fields.iter().find(|field| field.name == "readers take").unwrap();
    assert!(taken.value.contains("40 rows, 40 durable"), "{taken:?}");
    let versions = "historical/Market/Trade/main/2017-08-24";
    let partition = fixture.inspect(Path::new(versions)).unwrap();
    let [version] = &partition.fields[..] else { panic!("{partition:?}") };
    assert_eq!(version.value, "published");
    let sealed = fixture.inspect(&Path::new(versions).join(&version.name)).unwrap();
    assert!(sealed.kind == "historical location" && !sealed.is_damaged(), "{sealed:?}");
    assert!(fixture.inspect(Path::new("intraday")).unwrap_err().to_string().contains("this directory is no location"));
    for path in
        [fixture.files("intraday"), fixture.files("historical"), fixture.files("schemas"), vec!["pilaster.toml".into()]]
            .concat()
    {
        if is_lock(&path) {
            continue;
        }
        let shown = fixture.inspect(&path).unwrap();
        assert!(!shown.is_damaged(), "{shown:?}");
        assert!(shown.fields.len() > 1 || fixture.read(&path).is_empty(), "{shown:?}");
    }
    assert_eq!(fixture.simulated.log_len(), before);
}

/// Rules beyond checksums: files that are each good and contradict each other.
#[test]
fn contradictions_are_found() {
    let fixture = Fixture::new();
    let says = |fixture: &Fixture, expected: &str| {
        let report = fixture.verify();
        assert!(
            report.problems.iter().any(|problem| problem.what.contains(expected)),
            "{expected}: {:?}",
            report.problems
        );
    };
    let file = layout::schema_file("Market", "Trade").unwrap();
    let good = fixture.read(&file);
    // Without the line that says what the text's checksum is.
    let text = String::from_utf8(good.clone()).unwrap();
    let text = text.split_once('\n').unwrap().1;
    for (from, to, expected) in [
        (
            "Price\", type = \"double\"",
            "Price\", type = \"float\"",
            "column Price is double here and float in the schema",
        ),
        ("    { name = \"Buy\", type = \"boolean\" },\n", "", "column Buy is not in the schema"),
        ("columns", "colums", "has no columns"),
    ] {
        assert!(text.contains(from));
        fixture.overwrite(&file, text.replacen(from, to, 1).as_bytes());
        says(&fixture, expected);
    }
    fixture.overwrite(&file, &good);
    // What was written while the schema named another sort order is as it was; a record that claims another one is not.
    for (path, expected) in [
        ("historical/Market/Trade/.published/2017-08-24.tmp-1-0", "an unfinished file"),
        ("historical/Market/Trade/main/2017-08-24/v9-9/lock", "a version that is not published"),
        ("intraday/Market/Trade/feed/.removed-1/Sym.dat", "a location whose removal did not end"),
        ("intraday/Market/Trade/feed/.import-1/x", "what an import left"),
        ("schemas/Market/Trade.toml.tmp-1-0", "an unfinished file"),
        ("intraday/Market/Trade/feed/2017-08-25/commit.tmp-1-0", "an unfinished file"),
        ("intraday/Market/Trade/feed/2017-08-25/Old.dat", "no commit record names this file"),
        ("intraday/Market/Trade/notes.txt", "no file belongs here"),
        ("intraday/.lock", "no file belongs here"),
        ("schemas/Market/.lock", "no file belongs here"),
    ] {
        let path = Path::new(path);
        fixture.fs().create_dir_all(path.parent().unwrap()).unwrap();
        fixture.overwrite(path, b"x");
        says(&fixture, expected);
        assert_eq!(fixture.verify().damage_count(), 0);
        fixture.fs().remove_file(path).unwrap();
        let _ = fixture.fs().remove_dir(path.parent().unwrap());
    }
    assert_eq!(fixture.verify().problems, []);
}

/// A writer appends while verifying goes on: whatever version was opened holds.
#[test]
fn growing_locations_are_verified_in_the_version_opened() {
    let fixture = Fixture::new();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..30 {
                fixture.append("feed", 25, 50);
            }
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        let fs = fixture.fs().clone();
        let root = Arc::new(Root::open_in(fs).unwrap());
        loop {
            let last = done.load(std::sync::atomic::Ordering::SeqCst);
            let report = verify(&root, &Scope::default(), VerifyOptions { threads: 1 }, &|_, _| Ok(())).unwrap();
            assert_eq!(report.problems, []);
            if last {
                assert_eq!(report.figures.rows, 640 + 1_500);
                break;
            }
        }
    });
}

#[test]
fn stopping_ends_the_work() {
    let fixture = Fixture::new();
    let stop = |_, _| Err(crate::base::Error::new(crate::base::ErrorKind::Cancelled, "stop"));
    let error = verify(&fixture.root, &Scope::default(), VerifyOptions { threads: 1 }, &stop).unwrap_err();
    assert_eq!(error.kind(), crate::base::ErrorKind::Cancelled);
}
