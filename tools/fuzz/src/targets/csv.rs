//! Delimited text: types found out, and imported twice, once cut into tiny blocks; both times the same rows must come out, or none.

use super::Target;
use super::imports::imported;
use crate::dictionary;
use pilaster::base::Result;
use pilaster::base::date_time::Zone;
use pilaster::storage::import::csv::{CsvInput, CsvOptions, Dialect, NullTexts, infer_csv};
use pilaster::storage::import::{ImportOptions, PartitionTarget};
use std::io::Cursor;

pub(super) const TARGET: Target = Target { name: "csv", run, dictionary: dictionary::CSV, seeds };

/// The first two bytes choose options, the rest is the text.
fn run(bytes: &[u8]) {
    let Some((&[dialect, flags], text)) = bytes.split_first_chunk() else { return };
    let options = import_options(dialect, flags);
    let input = || CsvInput::new("in.csv", Box::new(Cursor::new(text.to_vec())));
    let mut ticks = 0;
    let found = infer_csv(vec![input()], &options.csv, None, &mut || {
        ticks += 1;
        Ok(())
    });
    if let Ok(found) = found {
        let names = found.columns().len();
        // Four names may be given.
        assert!(names <= text.len() + 4, "{names} columns in {} bytes", text.len());
    }
    let outcome = |block_bytes: usize| -> Result<String> {
        let mut options = options.clone();
        options.csv.block_bytes = block_bytes;
        imported(input().into(), &options)
    };
    // Whatever the stream is cut into.
    let (large, small) = (outcome(1 << 20), outcome(1 + usize::from(flags >> 5) * 7));
    match (large, small) {
        (Ok(large), Ok(small)) => assert_eq!(large, small),
        // Of several errors the one that comes first is told, and a block that is no text has none before it.
        (large, small) => assert!(large.is_err() && small.is_err(), "{large:?} {small:?}"),
    }
}

fn import_options(dialect: u8, flags: u8) -> ImportOptions {
    let names = ["default", "trim", "excel", "rfc4180", "tdf", "mysql", "bpipe"];
    let target = match flags & 1 {
        0 => PartitionTarget::Value("p".into()),
        _ => PartitionTarget::Column("Date".into()),
    };
    let mut options = ImportOptions::new(target);
    options.lenient = flags & 2 != 0;
    options.errors_max = if flags & 4 != 0 { 3 } else { 0 };
    let mut csv = CsvOptions {
        dialect: Dialect::named(names[usize::from(dialect) % names.len()]).unwrap_or_default(),
        ..CsvOptions::default()
    };
    csv.dialect.escape = csv.dialect.escape.or((dialect & 16 != 0).then_some(b'\\'));
    csv.dialect.comment = (dialect & 32 != 0).then_some(b'#');
    csv.pad_short_rows = dialect & 64 != 0;
    csv.skip_lines = u64::from(flags & 8 != 0);
    csv.skip_footer_lines = usize::from(flags & 16 != 0);
    if dialect & 128 != 0 {
        csv.nulls = NullTexts::new(["-", "NULL"]);
        csv.zone = Zone::named("America/New_York").ok();
        csv.header = false;
        csv.column_names = Some(["S", "I", "D", "T"].map(String::from).into());
    }
    options.csv = csv;
    options
}

fn seeds() -> Vec<Vec<u8>> {
    let text = "Date,S,C,Z,B,H,I,L,F,D,T\np,A,c,true,1,2,3,4,1.5,2.25,2017-08-25T04:00:00.071175597 NY\nq,\"a\"\"b\n\",,(null),-1,-2,-3,,NaN,1e300,2017-08-25T00:00:00Z\n";
    let no_header = "A,1,1.5,2017-08-25T04:00:00\n-,NULL,,\n";
    vec![
        [&[0, 2][..], text.as_bytes()].concat(),
        [&[0, 3 | 64][..], text.as_bytes()].concat(),
        [&[4, 6][..], text.replace(',', "\t").as_bytes()].concat(),
        [&[128, 2][..], no_header.as_bytes()].concat(),
        [&[1 | 16 | 32 | 64, 4 | 2 | 32][..], b"I,S,D\n# x\n 1 , \"a b\" ,2\n2\nx,y,z\n"].concat(),
    ]
}
