//! F8 and F9 with the real system: few descriptors, and system calls that signals interrupt.
#![expect(clippy::disallowed_methods, reason = "starts processes on the real file system")]

use crate::disks::run;
use crate::imports;
use crate::processes::{Role, Worker};
use crate::rows::columns;
use crate::trace::{Shared, directory, verify};
use pilaster::base::{Error, Result};
use pilaster::io::{FileSystem, RealFileSystem};
use pilaster::memory::Chunk;
use pilaster::session::Database;
use pilaster::storage::import::{CsvInput, ImportMode, ImportOptions, PartitionTarget, import_csv};
use pilaster::storage::{Root, RootConfig, schema};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

const PARTITIONS: u64 = 150;
/// Rows of each partition.
const ROWS: u64 = 3;
const SCHEMA: &str = r#"namespace = "Market"
table = "Trades"
columns = [
  { name = "Date", type = "String", kind = "partitioning" },
  { name = "Sym", type = "String" },
  { name = "Tag", type = "long" },
  { name = "Price", type = "double" },
]
"#;

/// The parent says how many.
fn limit_descriptors(number: u64) -> Result<()> {
    setrlimit(Resource::Nofile, Rlimit { current: Some(number), maximum: Some(number) })
        .map_err(|errno| Error::io("limit the descriptors of", Path::new("this"), errno.into()))
}

/// The child's part: an import into many partitions at once, with few descriptors.
pub(crate) fn import_with_few(fs: &Arc<dyn FileSystem>, descriptors: u64) -> Result<()> {
    limit_descriptors(descriptors)?;
    import(fs)?;
    println!("\ndone {}", PARTITIONS * ROWS);
    Ok(())
}

/// The child's part: a query over many partitions, with few descriptors.
pub(crate) fn query_with_few(fs: &Arc<dyn FileSystem>, descriptors: u64) -> Result<()> {
    limit_descriptors(descriptors)?;
    println!("\ndone {}", query(fs)?);
    Ok(())
}

fn import(fs: &Arc<dyn FileSystem>) -> Result<()> {
    let mut text = String::from("Date,Sym,Tag,Price\n");
    for row in 0..PARTITIONS * ROWS {
        let _ = writeln!(text, "p{:03},S{},{row},{}", row % PARTITIONS, row % 7, row as f64 / 4.0);
    }
    let target = PartitionTarget::Column("Date".into());
    let options =
        ImportOptions { mode: ImportMode::Safe, source: imports::SOURCE.into(), ..ImportOptions::new(target) };
    let input = CsvInput::new("trades.csv", Box::new(std::io::Cursor::new(text)));
    import_csv(fs, Path::new(imports::TABLE), &imports::definition(), input, &options, &|_| Ok(())).map(drop)
}

/// How many rows there are; every one was looked at.
fn query(fs: &Arc<dyn FileSystem>) -> Result<u64> {
    let database = Database::of_root(Arc::new(Root::open_in(fs.clone())?))?;
    let found = database.i("Market", "Trades")?.filter(&["Tag >= 0", "Price = Tag / 4.0"], &database.query_scope())?;
    let Chunk::Long(mut tags) = found.read_column("Tag")? else { return Err(Error::corrupt("another type")) };
    tags.sort_unstable();
    if !tags.iter().copied().eq(0..tags.len() as i64) {
        return Err(Error::corrupt(format!("other rows: {tags:?}")));
    }
    Ok(tags.len() as u64)
}

fn open(root: &Path) -> Arc<dyn FileSystem> {
    RealFileSystem::open(root).expect("the directory is there")
}

/// What a child says in the end: done with so many rows, or why it failed.
fn outcome(role: Role, root: &Path, descriptors: u64) -> std::result::Result<u64, String> {
    let mut worker = Worker::start(role, root, descriptors);
    while let Some(line) = worker.next_line("") {
        if let Some(rows) = line.strip_prefix("done ") {
            return Ok(rows.trim().parse().expect("a number"));
        }
        if let Some(at) = line.find("failed ") {
            return Err(line[at..].to_string());
        }
    }
    panic!("{role:?} with {descriptors} descriptors: the process died");
}

#[test]
fn fault_f8_few_descriptors_are_an_error_or_enough() {
    let (mut failed, mut done) = (0, 0);
    for descriptors in [12, 16, 24, 40, 64, 100, 160, 256, 1_024] {
        let place = tempfile::tempdir().expect("a directory");
        let root = place.path();
        Root::create_in(open(root), RootConfig::new("UTC").expect("a zone")).expect("an empty directory");
        schema::deploy(&*open(root), SCHEMA, Path::new("trades.toml"), false).expect("a valid schema");
        for role in [Role::ImportWithFew, Role::QueryWithFew] {
            match outcome(role, root, descriptors) {
                Ok(rows) => {
                    assert_eq!(rows, PARTITIONS * ROWS, "{role:?} with {descriptors} descriptors");
                    done += 1;
                }
                Err(why) => {
                    let told = why.starts_with("failed Io ") && why.contains("ulimit -n");
                    assert!(told, "{role:?} with {descriptors} descriptors: {why}");
                    failed += 1;
                    if let Role::ImportWithFew = role {
                        // All or nothing; the next one, which may have more, leaves nothing of this one behind.
                        assert_eq!(query(&open(root)).expect("readable"), 0, "{descriptors} descriptors");
                        import(&open(root)).expect("descriptors enough");
                        let left = std::fs::read_dir(root.join(imports::TABLE).join(imports::SOURCE));
                        let left = left.expect("it was made").map(|entry| entry.expect("readable").file_name());
                        let staged = left.filter(|name| name.to_string_lossy().starts_with(".import-")).count();
                        assert_eq!(staged, 0, "{descriptors} descriptors");
                    }
                }
            }
        }
        assert_eq!(query(&open(root)).expect("readable"), PARTITIONS * ROWS, "{descriptors} descriptors");
    }
    println!(
        "F8   import into {PARTITIONS} partitions and query over them with 12 to 1,024 descriptors: {failed} errors that say so, {done} done, 0 violations"
    );
    assert!(done > 0 && failed > 0, "{done} {failed}");
}

/// Starts a child in which each third call of some kinds is interrupted, or one of others.
fn interrupted(role: Role, root: &Path, injected: &[&str]) -> Worker {
    let mut prefix = vec!["strace", "-f", "-qq", "-o", "/dev/null"];
    prefix.extend(injected.iter().flat_map(|injected| ["-e", *injected]));
    Worker::start_under(&prefix, role, root, 1)
}

fn rows(root: &Path) -> u64 {
    verify(&Shared(open(root)), directory(), &vec![(0, 1)], &columns(0)).expect("readable")
}

#[test]
fn fault_f9_interrupted_system_calls_are_repeated() {
    const ACKS: usize = 12;
    const SYNCS: u64 = 16;
    // `pread64` from the fortieth on: the first ones are those of who loads the program.
    let calls = "inject=openat2,pwrite64,renameat,renameat2,unlinkat,mkdirat,flock,ftruncate:error=EINTR:when=1+3";
    let reads = "inject=pread64:error=EINTR:when=40+3";
    let traced = "trace=openat2,pread64,pwrite64,renameat,renameat2,unlinkat,mkdirat,flock,ftruncate,fsync,fdatasync";
    if let Err(why) = run("strace", &["-f", "-qq", "-o", "/dev/null", "-e", traced, "-e", calls, "true"]) {
        return println!("F9   interrupted system calls: {} skipped ({why})", SYNCS + 2);
    }
    for role in [Role::AppendDurably, Role::Import] {
        let place = tempfile::tempdir().expect("a directory");
        let mut worker = interrupted(role, place.path(), &[traced, calls, reads]);
        let mut last = 0;
        for number in 0..ACKS {
            last = worker.next_ack().unwrap_or_else(|| panic!("{role:?} ended after {number} acknowledgements"));
        }
        drop(worker);
        match role {
            Role::Import => assert!(imports::content(&open(place.path()), 0).expect("readable").len() == 1),
            _ => assert!(rows(place.path()) >= last),
        }
    }
    // A sync that was interrupted may have done anything.
    let mut failed = 0;
    for sync in 1..=SYNCS {
        let place = tempfile::tempdir().expect("a directory");
        let interruption = format!("inject=fsync,fdatasync:error=EINTR:when={sync}");
        let mut worker = interrupted(Role::AppendDurably, place.path(), &[traced, &interruption]);
        let mut last = 0;
        while let Some(line) = worker.next_line("") {
            if let Some(ack) = line.strip_prefix("ack ") {
                last = ack.trim().parse().expect("a number");
            } else if line.contains("failed Io ") {
                failed += 1;
                break;
            }
            assert!(last < 3_000, "sync {sync} was interrupted, and nobody was told");
        }
        assert!(worker.next_ack().is_none(), "sync {sync}: acknowledged after the error");
        drop(worker);
        assert!(!place.path().join(directory()).join("commit").exists() || rows(place.path()) >= last, "sync {sync}");
    }
    println!(
        "F9   interrupted system calls: 2 runs with a third of all calls interrupted, {failed} of {SYNCS} with an interrupted sync ended by it, 0 violations, 0 skipped"
    );
    assert_eq!(failed, SYNCS);
}
