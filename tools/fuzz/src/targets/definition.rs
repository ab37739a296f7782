//! The root's file, `pilaster.toml`.

use super::{Target, memory, with_file};
use crate::dictionary;
use pilaster::storage::layout::ROOT_FILE;
use pilaster::storage::{Root, RootConfig};

pub(super) const TARGET: Target = Target { name: "definition", run, dictionary: dictionary::DEFINITION, seeds };

fn run(bytes: &[u8]) {
    let Ok(root) = Root::open_in(with_file(ROOT_FILE, bytes)) else { return };
    // What was understood is written and understood again.
    let copy = Root::create_in(memory(), root.config().clone()).expect("a config that was read can be written");
    let again = Root::open_in(copy.fs().clone()).expect("a root that was made opens");
    assert_eq!(again.config(), root.config());
    root.time_zone().expect("a config that was read has a known zone");
}

fn seeds() -> Vec<Vec<u8>> {
    let made = |zone: &str| {
        let config = RootConfig { uuid: Default::default(), ..RootConfig::new(zone).expect("the zone is known") };
        let root = Root::create_in(memory(), config).expect("memory is empty");
        pilaster::io::read_small(&**root.fs(), ROOT_FILE.as_ref(), 1 << 20).expect("the file was written")
    };
    let two = b"format_version = 1\nuuid = \"00000000-0000-0000-0000-000000000000\"\ntime_zone = 'NY'\nstorages = { a = \"x/y\", \"b.c\" = 'z' }\n";
    vec![made("UTC"), made("America/New_York"), two.to_vec()]
}
