//! F7 and F8 on real file systems: one in memory that is full, to the page and to the file, and one whose disk fails when the system writes
//! data back to it.
#![expect(clippy::disallowed_methods, reason = "fills file systems")]

use crate::disks::{Disk, Memory, run, text};
use crate::imports::{self, Imports};
use crate::merges::{self, Merges};
use crate::processes::{Role, Worker};
use crate::rows::{chunks, columns};
use crate::schemas::{self, Schemas};
use crate::trace::{Shared, Step, Trace, directory, verify};
use crate::walk::{History, in_order};
use pilaster::base::{ErrorKind, Result};
use pilaster::io::clock::Stopwatch;
use pilaster::io::random::SplitMix64;
use pilaster::io::{FileSystem, RealFileSystem, SimulatedFileSystem};
use pilaster::storage::intraday::{Durability, IntradayWriter, WriterOptions};
use rustix::fs::statvfs;
use std::path::Path;
use std::sync::Arc;

/// What a file system runs out of.
#[derive(Clone, Copy, Debug)]
enum Room {
    /// Pages of 4,096 bytes.
    Pages,
    Files,
}

/// What a file system in memory has while it has room.
const ROOM: &str = "size=6m,nr_inodes=400";

/// Leaves so much free room in a file system and no more.
fn leave(memory: &Memory, room: Room, free: u64) {
    let found = statvfs(&memory.mount).expect("it is mounted");
    let options = match room {
        Room::Pages => format!("size={}", (found.f_blocks - found.f_bfree + free) * found.f_frsize),
        Room::Files => format!("nr_inodes={}", found.f_files - found.f_ffree + free),
    };
    memory.remount(&options).expect("as much as is used");
}

fn open(directory: &Path) -> Arc<dyn FileSystem> {
    RealFileSystem::open(directory).expect("the directory is there")
}

/// Works with no room left, then with a little more each time, until the work succeeds. Readers see what was acknowledged, and once there
/// is room again the next run goes on and leaves nothing unfinished behind.
fn fill<H: History + Send>(
    name: &str,
    begin: impl Fn(&Arc<dyn FileSystem>, &SimulatedFileSystem) -> H + Sync,
    work: impl Fn(&mut H, &Arc<dyn FileSystem>, &SimulatedFileSystem) -> Result<()> + Sync,
) {
    let memory = match Memory::make(ROOM) {
        Ok(memory) => memory,
        Err(why) => return println!("F8   {name} on a full disk: 1 skipped ({why})"),
    };
    // The size 0 would be none.
    std::fs::write(memory.mount.join("page"), "something").expect("there is room");
    let root = memory.mount.join("root");
    let mut struck = [0, 0];
    for (room, struck) in [Room::Pages, Room::Files].into_iter().zip(&mut struck) {
        let mut free = 0;
        loop {
            let _ = std::fs::remove_dir_all(&root);
            std::fs::create_dir(&root).expect("there is room");
            // Its log stays empty: all that was acknowledged counts at once.
            let log = SimulatedFileSystem::new(1);
            let fs = open(&root);
            let (mut past, result) = in_order(|| {
                let mut past = begin(&fs, &log);
                leave(&memory, room, free);
                let result = work(&mut past, &fs, &log);
                (past, result)
            });
            memory.remount(ROOM).expect("more room");
            let what = format!("{name}, {room:?}, {free} free: {result:?}");
            let view = past.look_at(&fs).unwrap_or_else(|error| panic!("{what}: {error}"));
            past.judge(0, &view, true).unwrap_or_else(|violation| panic!("{what}: {violation}"));
            past = past.go_on_at(&fs, &log, &view).unwrap_or_else(|error| panic!("{what}: the next run: {error}"));
            let view = past.look_at(&fs).unwrap_or_else(|error| panic!("{what}: {error}"));
            past.judge(0, &view, true).unwrap_or_else(|violation| panic!("{what}: the next run: {violation}"));
            let left = past.left_behind(&*fs).expect("readable");
            assert!(left.is_empty(), "{what}: left behind: {left:?}");
            match result {
                Ok(()) => break,
                Err(error) => assert!(error.kind() == ErrorKind::NoSpace && error.path().is_some(), "{what}"),
            }
            *struck += 1;
            free += 1 + free / 16;
        }
        assert!(*struck > 2, "{name}: {struck}");
    }
    println!(
        "F8   {name} on a full disk: {} runs without pages and {} without files, 0 violations, 0 skipped",
        struck[0], struck[1]
    );
}

#[test]
fn fault_f8_full_disks_refuse_appends_and_imports_whole() {
    let steps = [Step::Commit(2), Step::Commit(3_000), Step::Reopen, Step::Commit(9), Step::Sync];
    for durability in [Durability::Commit, Durability::None] {
        fill(
            &format!("append, durability {durability:?}"),
            |_, _| Trace::new(columns(0), durability),
            |trace, fs, log| trace.run(&Shared(fs.clone()), log, &steps),
        );
    }
    fill("import and deletion", |_, _| Imports::new(), |imports, fs, log| imports.run(fs, log, &imports::history()));
}

#[test]
fn fault_f8_full_disks_refuse_deployments_and_merges_whole() {
    fill("init and schema deploy", |_, _| Schemas::new(), |past, fs, log| past.run(fs, log, &schemas::HISTORY));
    fill(
        "merge, retirement and deletion",
        |fs, log| Merges::lay_out(fs, log, 1),
        |merges, fs, log| merges.run(fs, log, &merges::HISTORY),
    );
}

/// The disk is a file in memory, behind a loop device, and memory runs out beneath it: the file system has room, writes are taken, and
/// what fails is to write them back. The writer is told by the sync.
#[test]
fn fault_f7_a_disk_that_fails_to_take_what_was_written() {
    const RUNS: u64 = 20;
    /// So many commits fit into no room that is left here.
    const ACKS_MAX: u64 = 100_000;
    let watch = Stopwatch::start();
    let mut random = SplitMix64::new(7);
    let (mut acknowledged, mut unreadable) = (0, 0);
    for number in 0..RUNS {
        let made = Memory::make("size=96m").and_then(|memory| Ok((Disk::make_in("ext4", &memory.mount)?, memory)));
        let (mut disk, memory) = match made {
            Ok(made) => made,
            Err(why) => return println!("F7   a disk that fails beneath ext4: {RUNS} skipped ({why})"),
        };
        let root = disk.mount.join("root");
        std::fs::create_dir(&root).expect("the disk has room");
        run("sync", &["-f", text(&disk.mount)]).expect("the disk works");
        let found = statvfs(&memory.mount).expect("it is mounted");
        let used = (found.f_blocks - found.f_bfree) * found.f_frsize;
        memory.remount(&format!("size={}", used + ((16 + random.below(100)) << 12))).expect("less room");
        let mut worker = Worker::start(Role::AppendDurably, &root, number);
        let (mut last, mut failed) = (0, None);
        while let (None, Some(line)) = (&failed, worker.next_line("")) {
            if let Some(ack) = line.strip_prefix("ack ") {
                last = ack.trim().parse().expect("a number");
            } else if let Some(at) = line.find("failed ") {
                failed = Some(line[at..].to_string());
            }
            assert!(last < ACKS_MAX, "run {number}: the disk does not fail");
        }
        let failed = failed.unwrap_or_else(|| panic!("run {number}: the child died"));
        assert!(failed.starts_with("failed Io ") || failed.starts_with("failed NoSpace "), "run {number}: {failed}");
        assert!(worker.next_ack().is_none(), "run {number}: acknowledged after {failed}");
        drop(worker);
        acknowledged += last;
        let rows = |fs: Arc<dyn FileSystem>| verify(&Shared(fs), directory(), &vec![(0, 1)], &columns(0));
        // The disk is as good as gone; what it does answer is right.
        match rows(open(&root)) {
            Ok(rows) => assert!(rows >= last, "run {number}: {rows} rows of {last} acknowledged"),
            Err(error) if error.kind() == ErrorKind::Io => unreadable += 1,
            Err(error) => panic!("run {number}: {error}"),
        }
        disk.unmount().expect("nobody uses it");
        memory.remount("size=96m").expect("more room");
        disk.mount().expect("the file system recovers");
        let found = rows(open(&root)).unwrap_or_else(|error| panic!("run {number}: {error}"));
        assert!(found >= last, "run {number}: {found} rows of {last} acknowledged before {failed}");
        let options = WriterOptions { durability: Durability::Commit };
        let mut next = IntradayWriter::open(open(&root), directory(), &columns(0), options).expect("the disk works");
        next.append(&chunks(&columns(0), found..found + 40, 1)).and_then(|()| next.commit()).expect("the disk works");
        drop(next);
        assert_eq!(rows(open(&root)).expect("readable"), found + 40, "run {number}");
        disk.unmount().expect("nobody uses it");
    }
    println!(
        "F7   a disk that fails beneath ext4: {RUNS} runs ({acknowledged} rows acknowledged, {unreadable} unreadable until the disk worked again), 0 violations, 0 skipped, {:.1} s",
        watch.elapsed_seconds()
    );
}
