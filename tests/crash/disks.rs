//! Real file systems made for a test: in a file behind a loop device, and in memory. Both need root; where they cannot be made, the reason is
//! given, and tests count what they skip.
#![expect(clippy::disallowed_methods, reason = "makes and mounts file systems")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Runs a tool; what it said where it failed.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// A file system in a file, mounted; unmounted when dropped.
pub(crate) struct Disk {
    _place: tempfile::TempDir,
    image: PathBuf,
    pub(crate) mount: PathBuf,
    mounted: bool,
}

impl Disk {
    pub(crate) fn make(kind: &str) -> Result<Self, String> {
        Self::make_in(kind, &std::env::temp_dir())
    }

    /// With its file in a directory.
    pub(crate) fn make_in(kind: &str, directory: &Path) -> Result<Self, String> {
        let place = tempfile::tempdir_in(directory).map_err(|error| error.to_string())?;
        let (image, mount) = (place.path().join("image"), place.path().join("mount"));
        std::fs::create_dir(&mount).map_err(|error| error.to_string())?;
        let size = if kind == "xfs" { "320M" } else { "64M" };
        run("truncate", &["-s", size, text(&image)])?;
        run(&format!("mkfs.{kind}"), &["-q", text(&image)])?;
        let mut disk = Disk { _place: place, image, mount, mounted: false };
        disk.mount()?;
        Ok(disk)
    }

    pub(crate) fn mount(&mut self) -> Result<(), String> {
        run("mount", &["-o", "loop", text(&self.image), text(&self.mount)])?;
        self.mounted = true;
        Ok(())
    }

    pub(crate) fn unmount(&mut self) -> Result<(), String> {
        run("umount", &[text(&self.mount)])?;
        self.mounted = false;
        Ok(())
    }

    /// The ioctl that stops a file system where it is, its log not flushed: the same number for ext4 and xfs.
    pub(crate) fn cut(&self) -> Result<(), String> {
        let script =
            "open(my $d, '<', $ARGV[0]) or die $!; my $how = pack('L', 2); ioctl($d, 0x8004587D, $how) or die $!;";
        run("perl", &["-e", script, text(&self.mount)])
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            let _ = run("umount", &["-l", text(&self.mount)]);
        }
    }
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("temporary directories have plain names")
}

/// A file system in memory, mounted; unmounted when dropped.
pub(crate) struct Memory {
    _place: tempfile::TempDir,
    pub(crate) mount: PathBuf,
}

impl Memory {
    /// With options of `tmpfs`, as `size=4m`.
    pub(crate) fn make(options: &str) -> Result<Self, String> {
        let place = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mount = place.path().join("memory");
        std::fs::create_dir(&mount).map_err(|error| error.to_string())?;
        run("mount", &["-t", "tmpfs", "-o", options, "tmpfs", text(&mount)])?;
        Ok(Memory { _place: place, mount })
    }

    /// Gives it other options.
    pub(crate) fn remount(&self, options: &str) -> Result<(), String> {
        run("mount", &["-o", &format!("remount,{options}"), text(&self.mount)])
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let _ = run("umount", &["-l", text(&self.mount)]);
    }
}
