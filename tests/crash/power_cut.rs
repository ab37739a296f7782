//! F3: power cuts on real file systems. A file in a loop device is mounted, a child appends to it durably, and the file system is shut down
//! under it without its log being flushed. What was acknowledged must be there when it is mounted again.
//!
//! Needs root, loop devices and the tools to make the file systems; where they are missing the cuts are skipped, counted and said.
#![expect(clippy::disallowed_methods, reason = "makes and mounts file systems")]

use crate::disks::{Disk, run, text};
use crate::processes::{Role, Worker};
use crate::rows::columns;
use crate::trace::{Shared, directory, verify};
use pilaster::io::clock::Stopwatch;
use pilaster::io::random::SplitMix64;
use pilaster::io::{FileSystem, RealFileSystem};
use std::sync::Arc;
use std::time::Duration;

const CUTS: usize = 50;

fn cuts(kind: &str) {
    let watch = Stopwatch::start();
    let mut disk = match Disk::make(kind) {
        Ok(disk) => disk,
        Err(why) => return println!("F3   power cuts on {kind}: {CUTS} skipped ({why})"),
    };
    let mut random = SplitMix64::new(3);
    let (mut last, mut acknowledged, mut most) = (0, 0u64, 0);
    for cut in 0..CUTS {
        if cut % 10 == 0 {
            let _ = std::fs::remove_dir_all(disk.mount.join("root"));
            std::fs::create_dir(disk.mount.join("root")).expect("the disk has room");
            run("sync", &["-f", text(&disk.mount)]).expect("a disk without faults");
            last = 0;
        }
        let mut worker = Worker::start(Role::AppendDurably, &disk.mount.join("root"), cut as u64);
        for _ in 0..1 + random.below(6) {
            last = worker.next_ack().expect("the child works");
            acknowledged += 1;
        }
        std::thread::sleep(Duration::from_micros(random.below(5_000)));
        if let Err(why) = disk.cut() {
            drop(worker);
            assert!(cut == 0, "{why}");
            return println!("F3   power cuts on {kind}: {CUTS} skipped ({why})");
        }
        // What it acknowledged before the cut is in the pipe.
        last = worker.kill(last);
        disk.unmount().and_then(|()| disk.mount()).expect("the file system recovers");
        let fs: Arc<dyn FileSystem> = RealFileSystem::open(&disk.mount.join("root")).expect("it is there");
        let rows = verify(&Shared(fs), directory(), &vec![(0, 1)], &columns(0))
            .unwrap_or_else(|error| panic!("{kind}, cut {cut}: {error}"));
        assert!(rows >= last, "{kind}, cut {cut}: {rows} rows of {last} acknowledged");
        most = most.max(rows);
    }
    println!(
        "F3   power cuts on {kind}: {CUTS} cuts ({acknowledged} acknowledgements waited for, up to {most} rows), 0 violations, 0 skipped, {:.1} s",
        watch.elapsed_seconds()
    );
    assert!(most > 50, "{most}");
}

#[test]
fn fault_f3_power_cuts_on_ext4() {
    cuts("ext4");
}

#[test]
fn fault_f3_power_cuts_on_xfs() {
    cuts("xfs");
}
