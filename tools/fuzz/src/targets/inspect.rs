//! Inspecting: any bytes in the place of each kind of file, beside good ones. Whatever they are, they are shown.

use super::{Target, memory};
use pilaster::base::Result;
use pilaster::format::commit::slot;
use pilaster::format::inspect::{Check, View};
use pilaster::io::{FileSystem, OpenMode, read_small};
use pilaster::storage::check::{Found, inspect};
use pilaster::storage::historical::MergeOptions;
use pilaster::storage::import::csv::CsvInput;
use pilaster::storage::import::{ImportOptions, PartitionTarget};
use pilaster::storage::intraday::{Durability, GroupWriter, IntradayHandle, WriterOptions};
use pilaster::storage::{Catalog, LocationKey, Root, RootConfig, schema};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

pub(super) const TARGET: Target = Target { name: "inspect", run, dictionary: &[], seeds };

const INTRADAY: &str = "intraday/N/T/import/p";
/// Each kind of file by the end of its path.
const FILES: [&str; 26] = [
    "intraday/N/T/import/p/commit",
    "intraday/N/T/import/p/commit.2",
    "intraday/N/T/import/p/I.dat",
    "intraday/N/T/import/p/I.sum",
    "intraday/N/T/import/p/S.dat",
    "intraday/N/T/import/p/S.sym",
    "intraday/N/T/import/p/S.sym.bytes",
    "intraday/N/T/import/p/N.dat",
    "intraday/N/T/import/p/N.val",
    "intraday/N/T/import/p/N.val.sum",
    "intraday/N/T/import/p/A.dat",
    "intraday/N/T/import/p/A.val",
    "intraday/N/T/import/p/A.val2",
    "intraday/N/T/group/.group",
    "historical/N/T/.published/p",
    "location",
    "S.col",
    "S.sym",
    "S.grp",
    "N.col",
    "N.val",
    "A.val",
    "X.col",
    "schemas/N/T.toml",
    "pilaster.toml",
    "intraday/N/T/import/p/journal",
];

/// A root with everything in it.
struct Sample {
    files: Vec<(PathBuf, Vec<u8>)>,
}

/// The first byte chooses the file, the second how much is shown; the rest is the file.
fn run(bytes: &[u8]) {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    let sample = SAMPLE.get_or_init(|| sample().expect("memory takes it"));
    let Some((&[choice, view], content)) = bytes.split_first_chunk() else { return };
    let Some(path) = sample.path(FILES[usize::from(choice) % FILES.len()]) else { return };
    let fs = memory();
    // What the file is shown with lies beside it, and a table's other files change nothing.
    for (other, bytes) in sample.files.iter().filter(|(other, _)| other.parent() == path.parent() && *other != path) {
        put(&*fs, other, bytes);
    }
    put(&*fs, &path, content);
    let (all, shows_directory) = (view & 1 != 0, view & 0xE0 == 0xE0);
    let view = View {
        all,
        block: (view & 2 != 0).then_some(u64::from(view >> 6)),
        rows: match view >> 2 & 7 {
            0 => None,
            1 => Some(0..9),
            2 => Some(65_530..65_540),
            3 => Some(3..3),
            4 => Some(1_000..2_000),
            5 => Some(u64::MAX - 5..u64::MAX),
            6 => Some(std::ops::Range { start: 7, end: 2 }),
            _ => Some(1 << 40..u64::MAX),
        },
    };
    // The location as a whole now and then: it costs many times as much.
    let directory = Some(path.parent().unwrap_or(Path::new("")).to_path_buf()).filter(|_| shows_directory);
    for shown in [Some(path.clone()), directory].into_iter().flatten() {
        let inspected = inspect(&Found::Alone { fs: fs.clone(), path: shown.clone() }, &view);
        let Ok(inspected) = inspected else {
            // A directory that holds no location has nothing to be shown as.
            assert_ne!(shown, path, "{inspected:?}");
            continue;
        };
        assert!(!inspected.fields.is_empty() && !inspected.kind.is_empty());
        assert!(all || inspected.fields.len() < 20_000 + 8 * content.len(), "{} fields", inspected.fields.len());
        let bad = inspected.fields.iter().filter(|field| matches!(&field.check, Check::Bad(why) if why.is_empty()));
        assert_eq!(bad.count(), 0, "what is bad has a reason");
    }
}

impl Sample {
    /// The path that ends so; one that the root does not have lies in the location that grows.
    fn path(&self, end: &str) -> Option<PathBuf> {
        let found = self.files.iter().find(|(path, _)| match end.contains('/') || end.ends_with(".toml") {
            true => path == Path::new(end),
            false => path.starts_with("historical") && path.ends_with(end),
        });
        found.map(|(path, _)| path.clone()).or_else(|| end.starts_with(INTRADAY).then(|| end.into()))
    }
}

fn put(fs: &dyn FileSystem, path: &Path, bytes: &[u8]) {
    fs.create_dir_all(path.parent().unwrap_or(Path::new(""))).expect("memory takes any directory");
    let file = fs.open(path, OpenMode::Create).expect("memory takes any file");
    file.write_all_at(bytes, 0).expect("memory takes any file");
}

fn sample() -> Result<Sample> {
    const SCHEMA: &str = r#"
namespace = "N"
table = "T"
sort = ["I"]
[[columns]]
name = "Date"
type = "String"
kind = "partitioning"
[[columns]]
name = "S"
type = "String"
kind = "grouping"
[[columns]]
name = "I"
type = "int"
[[columns]]
name = "N"
type = "String"
symbol = "none"
[[columns]]
name = "A"
type = "double[][]"
[[columns]]
name = "X"
type = "BigDecimal"
codec = "smallest"
"#;
    const ROWS: &str = "S,I,N,A,X\na,1,one,\"[[1.5],null]\",1.50\nb,2,,[],\na,3,two,,-7\n,4,three,\"[[],[2,3]]\",1e9\n";
    let root = Arc::new(Root::create_in(memory(), RootConfig::new("UTC")?)?);
    schema::deploy(&**root.fs(), SCHEMA, Path::new("t.toml"), false)?;
    let table = Catalog::open(root.clone()).table("N", "T")?;
    let input = CsvInput::new("in.csv", Box::new(Cursor::new(ROWS.as_bytes().to_vec())));
    table.import_csv(input, &ImportOptions::new(PartitionTarget::Value("p".into())), &|_| Ok(()))?;
    table.merge("p", &MergeOptions { threads: 1, ..MergeOptions::default() }, true, &|_| Ok(()))?;
    let columns: Vec<_> = table.schema().definition.stored().take(2).cloned().collect();
    let options = WriterOptions { durability: Durability::None };
    let mut writer = GroupWriter::open(root.fs().clone(), Path::new("intraday/N/T/group"), &columns, options)?;
    let text = pilaster::memory::Chunk::from_values(columns[0].column_type, &[pilaster::base::Value::string("g")])?;
    for partition in ["p", "q"] {
        writer.append(partition, vec![text.clone(), pilaster::memory::Chunk::Int(vec![7])])?;
    }
    writer.commit()?;
    writer.close()?;
    let mut files = Vec::new();
    list(&**root.fs(), Path::new(""), &mut files)?;
    Ok(Sample { files })
}

fn list(fs: &dyn FileSystem, directory: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) -> Result<()> {
    for entry in fs.list(directory)? {
        let path = directory.join(&entry.name);
        if entry.is_dir {
            list(fs, &path, files)?;
        } else {
            let bytes = read_small(fs, &path, 1 << 20)?;
            files.push((path, bytes));
        }
    }
    Ok(())
}

/// The side file of a record with more columns than a slot holds.
fn side_file() -> Option<Vec<u8>> {
    let sample = sample().ok()?;
    let fs = memory();
    sample.files.iter().filter(|(path, _)| path.starts_with(INTRADAY)).for_each(|(path, bytes)| put(&*fs, path, bytes));
    let key = LocationKey { column_partition: "p".into(), internal_partition: "s".into() };
    let location = IntradayHandle::new(fs, INTRADAY.into(), key, Arc::default()).open_intraday().ok()?;
    let mut record = location.record()?.clone();
    let column = record.column("I")?.clone();
    record.columns.extend((0..60).map(|n| {
        let mut column = column.clone();
        column.name = format!("Extra{n}");
        column
    }));
    slot::encode(&record, 2).side_file
}

fn seeds() -> Vec<Vec<u8>> {
    let Ok(sample) = sample() else { return Vec::new() };
    let content = |end: &str| {
        let path = sample.path(end)?;
        let found = sample.files.iter().find(|(other, _)| *other == path);
        found.map(|(_, bytes)| bytes.clone()).or_else(|| side_file().filter(|_| end.ends_with("commit.2")))
    };
    let seed = |(choice, end): (usize, &&str)| {
        let bytes = content(end).unwrap_or_default();
        let view = 1 | (choice as u8 % 5) << 2 | if choice % 2 == 0 { 0xE0 } else { 0 };
        Some([&[choice as u8, view][..], &bytes].concat()).filter(|seed| seed.len() < 24_000)
    };
    // A commit or group file as a whole is long; its first pages are where most of it is.
    let cut = |mut seed: Vec<u8>| {
        seed.truncate(13_000);
        seed
    };
    FILES.iter().enumerate().filter_map(seed).map(cut).collect()
}
