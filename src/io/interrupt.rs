//! Ctrl-C as a flag that long work asks for, process-wide.
//!
//! **Invariant:** a library user who never calls [`install`] keeps every signal as it was, and [`check`] always passes.

use crate::base::{Error, ErrorKind, Result};
use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Turns the first Ctrl-C (and the first `SIGTERM`) into a flag that [`check`] reports; the second ends the process at once. Also makes a
/// write beyond the file size limit (`ulimit -f`) an error instead of death. For a program to call once at its start; again does nothing.
pub fn install() -> Result<()> {
    let flag = FLAG.get_or_init(Arc::default);
    if INSTALLED.swap(true, Ordering::SeqCst) {
        return Ok(());
    }
    let register = || -> std::io::Result<()> {
        for signal in [SIGINT, SIGTERM] {
            // In this order: at the first signal the flag is not set when the first handler looks at it.
            signal_hook::flag::register_conditional_default(signal, Arc::clone(flag))?;
            signal_hook::flag::register(signal, Arc::clone(flag))?;
        }
        // Any handler will do: what counts is that the default one, which kills, is gone.
        signal_hook::flag::register(SIGXFSZ, Arc::default())?;
        Ok(())
    };
    register().map_err(|source| Error::io("handle signals of", Path::new("this process"), source))
}

static INSTALLED: AtomicBool = AtomicBool::new(false);

/// True after Ctrl-C, until [`reset`].
pub fn is_interrupted() -> bool {
    FLAG.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// `Cancelled` after Ctrl-C. One load: ask once a chunk or block.
pub fn check() -> Result<()> {
    if is_interrupted() { Err(Error::new(ErrorKind::Cancelled, "interrupted")) } else { Ok(()) }
}

/// Forgets an interruption, for a console that goes on with the next line.
pub fn reset() {
    if let Some(flag) = FLAG.get() {
        flag.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Pid, Signal};

    /// Runs in a child, for the flag is the process's own and other tests ask for it.
    #[test]
    fn the_first_ctrl_c_is_a_flag_and_the_second_kills() {
        const CHILD: &str = "PILASTER_TEST_INTERRUPT";
        if std::env::var_os(CHILD).is_none() {
            let name = "io::interrupt::tests::the_first_ctrl_c_is_a_flag_and_the_second_kills";
            let mut child = std::process::Command::new(std::env::current_exe().unwrap());
            let status = child.args([name, "--exact", "--quiet"]).env(CHILD, "1").output().unwrap().status;
            assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(SIGINT), "{status}");
            return;
        }
        let interrupt = || rustix::process::kill_process(own(), Signal::INT).unwrap();
        check().unwrap();
        install().unwrap();
        install().unwrap();
        check().unwrap();
        a_file_size_limit_is_an_error();
        interrupt();
        while !is_interrupted() {
            std::hint::spin_loop();
        }
        assert_eq!(check().unwrap_err().kind(), ErrorKind::Cancelled);
        reset();
        check().unwrap();
        interrupt();
        while !is_interrupted() {
            std::hint::spin_loop();
        }
        interrupt();
        loop {
            std::hint::spin_loop();
        }
    }

    fn a_file_size_limit_is_an_error() {
        use crate::io::{FileSystem, OpenMode, RealFileSystem};
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let dir = tempfile::tempdir().unwrap();
        let maximum = getrlimit(Resource::Fsize).maximum;
        setrlimit(Resource::Fsize, Rlimit { current: Some(4096), maximum }).unwrap();
        let fs = RealFileSystem::open(dir.path()).unwrap();
        let file = fs.open(Path::new("f"), OpenMode::CreateNew).unwrap();
        let error = file.write_all_at(&[1; 10_000], 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSpace, "{error}");
        setrlimit(Resource::Fsize, Rlimit { current: maximum, maximum }).unwrap();
    }

    fn own() -> Pid {
        rustix::process::getpid()
    }
}
