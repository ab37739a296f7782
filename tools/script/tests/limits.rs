//! Queries that would take more time or memory than they may: each ends with an error, and the process lives.

use pilaster::base::ErrorKind;
use pilaster::engine::QueryLimits;
use pilaster::io::{self, FileSystem, SimulatedFileSystem};
use pilaster_script::{Options, run};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Names bound before each script: tables of more rows than any machine holds.
const TABLES: &str = "\
huge = emptyTable(9000000000000000000).view('A=ii', 'S=`s` + (ii % 3)')
small = emptyTable(10).update('A=ii', 'B=1')
";

fn kind_of(script: &str, limits: QueryLimits) -> (ErrorKind, String) {
    let options = Options { limits: Arc::new(limits), ..Options::default() };
    let error = run(&format!("{TABLES}{script}"), None, options).err().unwrap_or_else(|| panic!("{script} runs"));
    (error.error().kind(), error.to_string())
}

#[test]
fn operations_that_need_more_memory_than_there_is_say_so() {
    for script in [
        "huge.select()",
        "huge.update('X=A+1')",
        "huge.updateView('X=A+1').sort('X')",
        "huge.sort('A')",
        "huge.reverse()",
        "huge.sumBy('S')",
        "huge.by('S')",
        "huge.lastBy('S')",
        "huge.countBy('N', 'S')",
        "huge.selectDistinct('S')",
        "huge.naturalJoin(small, 'A', 'B')",
        "huge.join(small, 'A', 'B')",
        "huge.aj(small, 'A', 'B')",
        "small.naturalJoin(huge, 'A', 'S')",
        "small.aj(huge, 'A', 'S')",
        "huge.updateView('X=A_.size()', 'Y=sum(A_)').head(1).select()",
        "huge.headBy(1, 'S')",
        "huge.tailBy(1, 'S')",
        "huge.whereIn(small, 'A').select()",
        "small.whereIn(huge, 'A').select()",
        "huge.medianBy('S')",
        "small.view('X=`abcdefgh`.repeat(100000000)').select()",
    ] {
        // A limit of time as well, for those that take memory row by row.
        let limits = QueryLimits::default().with_memory(192 << 20).with_time(Duration::from_secs(1));
        let (kind, text) = kind_of(script, limits);
        assert!(matches!(kind, ErrorKind::Limit | ErrorKind::Cancelled), "{script}: {text}");
    }
}

#[test]
fn memory_that_grows_step_by_step_is_seen() {
    let script = "\
ts = []
for n in range(1000):
    ts.append(emptyTable(1000000).update('X=ii * %d' % n))
";
    let (kind, text) = kind_of(script, QueryLimits::default().with_memory(192 << 20));
    assert_eq!(kind, ErrorKind::Limit, "{text}");
    assert!(text.contains("192 MiB"), "{text}");
}

#[test]
fn an_operation_that_goes_on_is_stopped_in_its_middle() {
    for script in ["huge.where('A % 7 = 8').size()", "print(huge.where('S = `x`').size())"] {
        let (kind, text) = kind_of(script, QueryLimits::default().with_time(Duration::from_millis(50)));
        assert_eq!(kind, ErrorKind::Cancelled, "{script}: {text}");
    }
}

#[test]
fn scripts_write_files_only_where_they_may() {
    let directory = Arc::new(SimulatedFileSystem::new(1));
    let write = |script: &str, allowed: bool| {
        let output_directory = allowed.then(|| directory.clone() as Arc<dyn FileSystem>);
        run(script, None, Options { output_directory, ..Options::default() })
    };
    let table = "t = emptyTable(2).update('A=i', 'B=`x`')\n";
    assert!(write(&format!("{table}print(writeCsv(t, 'a.csv'))\nttools.writeCsv(t, 'b.csv', 'B')"), true).is_ok());
    let content = |name: &str| io::read_small(&*directory, Path::new(name), 100).unwrap();
    assert_eq!((content("a.csv"), content("b.csv")), (b"A,B\n0,x\n1,x\n".to_vec(), b"B\nx\nx\n".to_vec()));
    for (script, allowed, part) in [
        ("writeCsv(t, 'c.csv')", false, "may not write files"),
        ("writeCsv(t, '../c.csv')", true, "names no file within the directory"),
        ("writeCsv(t, '/tmp/c.csv')", true, "names no file within the directory"),
        ("writeCsv(t, 'c.csv', 'Nope')", true, "Nope"),
    ] {
        let error =
            write(&format!("{table}{script}"), allowed).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(part), "{script}: {error}");
    }
    assert_eq!(directory.list(Path::new("")).unwrap().len(), 2);
}
