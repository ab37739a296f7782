//! Imports as a whole: modes, partitions, mappings, and that a failed one leaves nothing.

use super::*;
use crate::base::{ColumnDefinition, ColumnKind, ColumnType, SymbolUse, Value};
use crate::io::faulty::{Failure, Fault, FaultyFileSystem};
use crate::io::simulated::SimulatedFileSystem;
use crate::memory::Chunk;
use crate::storage::schema::{ColumnMapping, ImportFormat, TimeFormat};
use crate::storage::{ColumnRegion, Location};
use std::io::Cursor;
use std::ops::Range;

const TABLE: &str = "intraday/Ns/T";

fn definition() -> TableDefinition {
    let column = ColumnDefinition::new;
    TableDefinition::new(vec![
        column("Date", ColumnType::String).of_kind(ColumnKind::Partitioning),
        column("Sym", ColumnType::String),
        column("Bid", ColumnType::Double),
    ])
    .unwrap()
}

fn simulated() -> Arc<dyn FileSystem> {
    Arc::new(SimulatedFileSystem::new(1))
}

pub(super) fn into(partition: &str) -> ImportOptions {
    ImportOptions::new(PartitionTarget::Value(partition.to_string()))
}

pub(super) fn by(column: &str) -> ImportOptions {
    ImportOptions::new(PartitionTarget::Column(column.to_string()))
}

pub(super) fn import(fs: &Arc<dyn FileSystem>, text: &str, options: &ImportOptions) -> Result<ImportReport> {
    let input = CsvInput::new("x.csv", Box::new(Cursor::new(text.as_bytes().to_vec())));
    import_csv(fs, Path::new(TABLE), &definition(), input, options, &|_| Ok(()))
}

pub(super) fn import_into(
    fs: &Arc<dyn FileSystem>,
    definition: &TableDefinition,
    input: CsvInput,
    options: &ImportOptions,
) -> Result<ImportReport> {
    import_csv(fs, Path::new(TABLE), definition, input, options, &|_| Ok(()))
}

/// The locations that a reader sees.
fn locations(fs: &Arc<dyn FileSystem>) -> Vec<(String, Arc<IntradayLocation>)> {
    let mut all = Vec::new();
    for source in fs.list(Path::new(TABLE)).unwrap_or_default() {
        let directory = Path::new(TABLE).join(&source.name);
        for entry in fs.list(&directory).unwrap().into_iter().filter(|entry| !entry.name.starts_with('.')) {
            let key = LocationKey {
                column_partition: entry.name.as_str().into(),
                internal_partition: source.name.as_str().into(),
            };
            let place = directory.join(&entry.name);
            let location = IntradayLocation::open(fs.clone(), &place, key, Arc::default()).unwrap();
            all.push((entry.name, location));
        }
    }
    all.retain(|(_, location)| location.row_count() > 0);
    all
}

pub(super) fn row_counts(fs: &Arc<dyn FileSystem>) -> Vec<(String, u64)> {
    locations(fs).into_iter().map(|(partition, location)| (partition, location.row_count())).collect()
}

/// What a reader sees: partition, then symbols and bids in order.
pub(super) fn rows(fs: &Arc<dyn FileSystem>) -> Vec<String> {
    let describe = |(partition, location): (String, Arc<IntradayLocation>)| {
        let count = location.row_count();
        let read = |name: &str, column_type: ColumnType| {
            let chunk = location.column(name).unwrap().unwrap().read(0..count).unwrap();
            assert_eq!(chunk.column_type(), column_type);
            chunk
        };
        let (symbols, bids) = (read("Sym", ColumnType::String), read("Bid", ColumnType::Double));
        let cells: Vec<String> = (0..count as usize)
            .map(|row| match (symbols.value(row), bids.value(row)) {
                (Value::String(sym), Value::Double(bid)) => format!("{sym}{bid}"),
                (sym, bid) => format!("{sym:?}{bid:?}"),
            })
            .collect();
        format!("{partition}: {}", cells.join(" "))
    };
    locations(fs).into_iter().map(describe).collect()
}

/// Every path below the table's directory.
fn paths(fs: &Arc<dyn FileSystem>, directory: &Path) -> Vec<String> {
    let Ok(entries) = fs.list(directory) else { return Vec::new() };
    let below = |entry: crate::io::DirEntry| {
        let path = directory.join(&entry.name);
        let mut all = vec![path.display().to_string()];
        if entry.is_dir {
            all.extend(paths(fs, &path));
        }
        all
    };
    entries.into_iter().flat_map(below).collect()
}

#[test]
fn modes_do_what_they_say() {
    let fs = simulated();
    let report = import(&fs, "Sym,Bid\nA,1\nB,2\n", &into("d1")).unwrap();
    assert_eq!((report.rows, report.bytes_read), (2, 16));
    assert_eq!(report.partitions, [("d1".to_string(), 2)]);
    assert_eq!(rows(&fs), ["d1: A1 B2"]);

    let error = import(&fs, "Sym,Bid\nC,3\n", &into("d1")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert!(
        error.to_string().contains("partition d1 has 2 rows already") && error.to_string().contains("--mode append")
    );
    let mode = |mode, options: ImportOptions| ImportOptions { mode, ..options };
    import(&fs, "Sym,Bid\nC,3\n", &mode(ImportMode::Append, into("d1"))).unwrap();
    assert_eq!(rows(&fs), ["d1: A1 B2 C3"]);
    import(&fs, "Sym,Bid\nD,4\n", &mode(ImportMode::Replace, into("d1"))).unwrap();
    import(&fs, "Sym,Bid\nE,5\n", &mode(ImportMode::Replace, into("d2"))).unwrap();
    import(&fs, "Sym,Bid\nF,6\n", &mode(ImportMode::Append, into("d3"))).unwrap();
    assert_eq!(rows(&fs), ["d1: D4", "d2: E5", "d3: F6"]);

    let text = "Day,Sym,Bid\nd3,G,7\nd1,H,8\nd3,I,9\nd4,J,10\n";
    assert_eq!(import(&fs, text, &by("Day")).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(rows(&fs), ["d1: D4", "d2: E5", "d3: F6"]);
    let report = import(&fs, text, &mode(ImportMode::Append, by("Day"))).unwrap();
    assert_eq!(report.partitions, [("d1".into(), 1), ("d3".into(), 2), ("d4".into(), 1)]);
    assert_eq!(rows(&fs), ["d1: D4 H8", "d2: E5", "d3: F6 G7 I9", "d4: J10"]);
    import(&fs, text, &mode(ImportMode::Replace, by("Day"))).unwrap();
    assert_eq!(rows(&fs), ["d1: H8", "d2: E5", "d3: G7 I9", "d4: J10"]);
    assert!(
        paths(&fs, Path::new(TABLE)).iter().all(|path| !path.contains("/.import-")),
        "{:?}",
        paths(&fs, Path::new(TABLE))
    );
}

#[test]
fn a_failed_import_leaves_nothing() {
    for (text, options, part) in [
        ("Sym,Bid\nA,x\n", into("d1"), "line 2, column Bid"),
        ("Sym,Bid\nA,1\nB\n", into("d1"), "line 3 has 1 field"),
        ("Sym,Bd\nA,1\n", into("d1"), "column Bid is not in the file; the nearest is Bd"),
        ("x,y\nA,1\n", into("d1"), "columns Sym, Bid are not in the file"),
        ("Sym,Bid,bid\nA,1,2\n", into("../d1"), "cannot be a partition value"),
        ("Sym,BID,bid\nA,1,2\n", into("d1"), "two columns that may be Bid: 2 and 3"),
        (
            "Date,Sym,Bid\nd1,A,1\nd2,B,2\n",
            into("d1"),
            "line 3, column Date: is \"d2\", but the rows go to partition d1",
        ),
        ("Date,Sym,Bid\n,A,1\n", into("d1"), "line 2, column Date: is empty"),
        (
            "Date,Sym,Bid\nd1,A,1\n,A,1\n",
            by("Date"),
            "line 3, column Date: is empty, so the row belongs to no partition",
        ),
        ("Date,Sym,Bid\nd1,A,1\na/b,A,1\n", by("Date"), "line 3, column Date: cannot name a partition"),
        ("Sym,Bid\nA,1\n", by("Date"), "column Date is not in the file"),
        ("Sym,Bid\nA,1\n", by("Date"), "--partition puts all rows into one, --partition-column names another column"),
        ("Sym;Bid\nA;1\n", into("d1"), "--delimiter ';' would separate it"),
        ("Sym;Bid\nA;1\n", by("Date"), "--delimiter ';' would separate it"),
        ("", into("d1"), "the file is empty"),
    ] {
        for mode in [ImportMode::Safe, ImportMode::Append, ImportMode::Replace] {
            let fs = simulated();
            let options = ImportOptions { mode, ..options.clone() };
            let error = import(&fs, text, &options).unwrap_err().to_string();
            assert!(error.contains(part), "{text:?}: {error}");
            assert_eq!(
                paths(&fs, Path::new("")).len(),
                usize::from(fs.list(Path::new("intraday")).is_ok())
                    + usize::from(fs.list(Path::new("intraday/Ns")).is_ok()),
                "{text:?}: {:?}",
                paths(&fs, Path::new(""))
            );
            // Nor does it change what is there.
            import(&fs, "Sym,Bid\nZ,9\n", &into("d1")).unwrap();
            import(&fs, text, &ImportOptions { mode, ..options }).unwrap_err();
            assert_eq!(rows(&fs), ["d1: Z9"]);
        }
    }
    let fs = simulated();
    let input = CsvInput::new("x.csv", Box::new(Cursor::new(b"Sym,Bid\nA,1\n".to_vec())));
    let stop = |_| Err(Error::new(ErrorKind::Cancelled, "interrupted"));
    let error = import_csv(&fs, Path::new(TABLE), &definition(), input, &into("d1"), &stop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(paths(&fs, Path::new(TABLE)), [""; 0]);
}

#[test]
fn a_column_that_is_called_almost_like_the_partitions_is_data() {
    let column = ColumnDefinition::new;
    let definition = TableDefinition::new(vec![
        column("Date", ColumnType::String).of_kind(ColumnKind::Partitioning),
        column("date", ColumnType::String),
    ])
    .unwrap();
    let run = |text: &str, options: &ImportOptions| {
        let input = CsvInput::new("x.csv", Box::new(Cursor::new(text.as_bytes().to_vec())));
        import_into(&simulated(), &definition, input, options).map(|report| report.partitions)
    };
    assert_eq!(run("date\n01/02/2024\n02/02/2024\n", &into("d1")).unwrap(), [("d1".to_string(), 2)]);
    // By its very name it counts; and so does one in other letters that is no other column's.
    let error = run("Date,date\nd2,x\n", &into("d1")).unwrap_err();
    assert!(error.to_string().contains("column Date: is \"d2\""), "{error}");
    let error = import(&simulated(), "DATE,Sym,Bid\nd2,A,1\n", &into("d1")).unwrap_err();
    assert!(error.to_string().contains("column DATE: is \"d2\""), "{error}");
}

#[test]
fn fields_without_names_are_the_columns_in_order() {
    let headless = |options: ImportOptions| {
        let csv = CsvOptions { header: false, ..CsvOptions::default() };
        ImportOptions { csv, ..options }
    };
    for (text, options, expected) in [
        ("A,1\nB,2\n", into("d1"), "d1: A1 B2"),
        ("d1,A,1\nd1,B,2\n", into("d1"), "d1: A1 B2"),
        ("d1,A,1\nd1,B,2\n", by("Date"), "d1: A1 B2"),
        ("A,1,x\n", by("Column3"), "columns Sym, Bid"),
        ("A,1\n", by("Date"), "column Date"),
        ("A\n", into("d1"), "the fields of the file have no names; --columns names them"),
    ] {
        let fs = simulated();
        let found =
            import(&fs, text, &headless(options)).map_or_else(|error| error.to_string(), |_| rows(&fs).join("; "));
        assert!(found.contains(expected), "{text:?}: {found}");
    }
    // What the mapping says of fields by their numbers holds.
    let mut mapping = ImportMapping::new(ImportFormat::Csv);
    for (column, source) in [("Sym", "Column2"), ("Bid", "Column1")] {
        mapping
            .columns
            .insert(column.into(), ColumnMapping { source: Some(source.into()), ..ColumnMapping::default() });
    }
    let fs = simulated();
    import(&fs, "1,A\n", &ImportOptions { mapping: Some(mapping), ..headless(into("d1")) }).unwrap();
    assert_eq!(rows(&fs), ["d1: A1"]);
}

#[test]
fn columns_come_from_where_the_mapping_says() {
    let mut mapping = ImportMapping::new(ImportFormat::Csv);
    let column = ColumnMapping::default;
    mapping
        .columns
        .insert("Bid".into(), ColumnMapping { source: Some("px".into()), default: Some("-1".into()), ..column() });
    mapping.columns.insert("Sym".into(), ColumnMapping { nulls: Some(vec!["NA".into()]), ..column() });
    let options = ImportOptions { mapping: Some(mapping.clone()), ..into("d1") };
    let fs = simulated();
    let report = import(&fs, "px,other,Sym\n1,x,A\n,y,NA\n2,z,(null)\n", &options).unwrap();
    assert_eq!(report.ignored_columns, ["other"]);
    assert_eq!(rows(&fs), ["d1: A1 NullDouble(-1.0) (null)2"]);

    let cases: [(ColumnMapping, bool, &str, &str); 7] = [
        (ColumnMapping { constant: Some("K".into()), ..column() }, false, "Bid\n1\n", "d1: K1"),
        (ColumnMapping { default: Some("K".into()), ..column() }, false, "Bid\n1\n", "d1: K1"),
        (ColumnMapping { optional: true, ..column() }, false, "Bid\n1\n", "d1: NullDouble(1.0)"),
        (column(), true, "Bid\n1\n", "d1: NullDouble(1.0)"),
        (column(), false, "Bid\n1\n", "column Sym is not in the file"),
        (
            ColumnMapping { source: Some("s".into()), ..column() },
            false,
            "Bid\n1\n",
            "column Sym (from s) is not in the file",
        ),
        (ColumnMapping { source: Some("a b".into()), ..column() }, false, "Bid,a b\n1,A\n", "d1: A1"),
    ];
    for (told, lenient, text, expected) in cases {
        let fs = simulated();
        let mut mapping = ImportMapping::new(ImportFormat::Csv);
        mapping.columns.insert("Sym".into(), told);
        let options = ImportOptions { mapping: Some(mapping), lenient, ..into("d1") };
        let found = import(&fs, text, &options).map(|_| rows(&fs).join("/")).unwrap_or_else(|error| error.to_string());
        assert!(found.contains(expected), "{text:?}: {found}");
    }
    mapping.columns.insert("Bdi".into(), column());
    let error = import(&fs, "Sym,px\n", &ImportOptions { mapping: Some(mapping), ..into("d1") }).unwrap_err();
    assert!(error.to_string().contains("a column Bdi that the table lacks; the nearest is Bid"), "{error}");
}

#[test]
fn times_are_read_as_the_mapping_says() {
    let time = TableDefinition::new(vec![ColumnDefinition::new("T", ColumnType::DateTime)]).unwrap();
    for (format, zone, text, expected) in [
        (None, None, "2017-08-25 04:00:00", 1_503_633_600_000_000_000),
        (None, Some("NY"), "2017-08-25 04:00:00", 1_503_648_000_000_000_000),
        (Some(TimeFormat::EpochMillis), None, "1503648000000", 1_503_648_000_000_000_000),
        (Some(TimeFormat::Pattern("%d.%m.%Y".into())), None, "25.08.2017", 1_503_619_200_000_000_000),
    ] {
        let fs = simulated();
        let mut mapping = ImportMapping::new(ImportFormat::Csv);
        let told = ColumnMapping { format, time_zone: zone.map(str::to_string), ..ColumnMapping::default() };
        mapping.columns.insert("T".into(), told);
        let options = ImportOptions { mapping: Some(mapping), ..into("d1") };
        let input = CsvInput::new("x.csv", Box::new(Cursor::new(format!("T\n{text}\n").into_bytes())));
        import_csv(&fs, Path::new(TABLE), &time, input, &options, &|_| Ok(())).unwrap();
        let key = LocationKey { column_partition: "d1".into(), internal_partition: "import".into() };
        let place = Path::new(TABLE).join("import/d1");
        let location = IntradayLocation::open(fs, &place, key, Arc::default()).unwrap();
        let mut chunk = Chunk::new(ColumnType::DateTime);
        Location::column(&*location, "T").unwrap().unwrap().fill(0..1, &mut chunk).unwrap();
        assert_eq!(chunk.value(0), Value::DateTime(expected), "{text}");
    }
}

#[test]
fn many_partitions_in_one_pass() {
    let fs = simulated();
    let mut text = String::from("Date,Sym,Bid\n");
    for row in 0..6_000u32 {
        let partition = row.wrapping_mul(2_654_435_761) % 500;
        text += &format!("p{partition:03},S{},{}\n", row % 7, row);
    }
    let mut options = by("Date");
    options.csv.block_bytes = 4_096;
    let report = import(&fs, &text, &options).unwrap();
    assert_eq!((report.partitions.len(), report.rows), (500, 6_000));
    // The rows of a partition keep the order of the file.
    for line in rows(&fs) {
        let numbers: Vec<u32> =
            line.split(": ").nth(1).unwrap().split(' ').map(|cell| cell[2..].parse().unwrap()).collect();
        assert!(numbers.is_sorted(), "{line}");
        let partition: u32 = line[1..4].parse().unwrap();
        assert!(numbers.iter().all(|row| row.wrapping_mul(2_654_435_761) % 500 == partition), "{line}");
    }
}

/// Old rows, then an import that meets one fault at every call in turn.
#[test]
fn an_error_at_any_call_leaves_the_old_rows_or_the_new() {
    let old = "Sym,Bid\nA,1\n";
    for (mode, options, text, after) in [
        (ImportMode::Append, into("d1"), "Sym,Bid\nB,2\n", vec!["d1: A1 B2"]),
        (ImportMode::Replace, into("d1"), "Sym,Bid\nB,2\n", vec!["d1: B2"]),
        (ImportMode::Safe, into("d2"), "Sym,Bid\nB,2\n", vec!["d1: A1", "d2: B2"]),
        (ImportMode::Replace, by("Date"), "Date,Sym,Bid\nd1,B,2\n", vec!["d1: B2"]),
        (ImportMode::Append, by("Date"), "Date,Sym,Bid\nd1,B,2\nd2,C,3\n", vec!["d1: A1 B2", "d2: C3"]),
        (ImportMode::Safe, by("Date"), "Date,Sym,Bid\nd2,B,2\nd3,C,3\n", vec!["d1: A1", "d2: B2", "d3: C3"]),
    ] {
        let options = ImportOptions { mode, ..options };
        let mut met = 0;
        for index in 0.. {
            let inner = SimulatedFileSystem::new(1);
            let plain: Arc<dyn FileSystem> = Arc::new(inner.clone());
            import(&plain, old, &into("d1")).unwrap();
            let faulty = FaultyFileSystem::simulated(&inner);
            faulty.arm(Fault { index, ..Fault::once(Failure::NoSpace) });
            let fs: Arc<dyn FileSystem> = Arc::new(faulty.clone());
            let result = import(&fs, text, &options);
            let fired = faulty.disarm();
            let found = rows(&plain);
            match result {
                Ok(_) => assert_eq!(found, after, "{options:?} fault {index}"),
                Err(error) => {
                    assert!(found == ["d1: A1"] || found == after, "{options:?} fault {index} {error}: {found:?}")
                }
            }
            // Whatever was left behind is not in the way of the next one.
            import(&plain, "Sym,Bid\nC,3\n", &into("d9")).unwrap();
            assert_eq!(rows(&plain).last().unwrap(), "d9: C3");
            met += fired;
            if fired == 0 {
                break;
            }
        }
        assert!(met > 20, "{met}");
    }
}

/// The power fails after every call in turn.
#[test]
fn a_crash_at_any_call_leaves_the_old_rows_or_the_new() {
    for (mode, options, text, after) in [
        (ImportMode::Append, into("d1"), "Sym,Bid\nB,2\n", vec!["d1: A1 B2"]),
        (ImportMode::Replace, into("d1"), "Sym,Bid\nB,2\n", vec!["d1: B2"]),
        (ImportMode::Safe, into("d2"), "Sym,Bid\nB,2\n", vec!["d1: A1", "d2: B2"]),
        (ImportMode::Append, by("Date"), "Date,Sym,Bid\nd1,B,2\nd2,C,3\n", vec!["d1: A1 B2", "d2: C3"]),
        (ImportMode::Safe, by("Date"), "Date,Sym,Bid\nd2,B,2\nd3,C,3\n", vec!["d1: A1", "d2: B2", "d3: C3"]),
    ] {
        let options = ImportOptions { mode, ..options };
        let simulated = SimulatedFileSystem::new(7);
        let fs: Arc<dyn FileSystem> = Arc::new(simulated.clone());
        import(&fs, "Sym,Bid\nA,1\n", &into("d1")).unwrap();
        let before = simulated.log_len();
        import(&fs, text, &options).unwrap();
        let end = simulated.log_len();
        for at in before..=end {
            // What a reader sees between two calls, and what a power cut leaves.
            let crashed = simulated.crash_states(at, 20).map(|state| state.fs);
            for state in std::iter::once(simulated.kill_at(at)).chain(crashed) {
                let fs: Arc<dyn FileSystem> = Arc::new(state);
                let found = rows(&fs);
                let fits = if at == end { found == after } else { found == ["d1: A1"] || found == after };
                assert!(fits, "{options:?} crash after {at} of {end}: {found:?}");
            }
        }
    }
}

#[test]
fn text_in_the_rows_is_imported_as_it_is() {
    let definition = TableDefinition::new(vec![
        ColumnDefinition::new("Date", ColumnType::String).of_kind(ColumnKind::Partitioning),
        ColumnDefinition::new("Id", ColumnType::String).with_symbol(SymbolUse::None),
    ])
    .unwrap();
    let fs = simulated();
    // Enough rows for several blocks of the reader, spread over partitions and back.
    let id = |row: usize| match row % 4 {
        0 => None,
        1 => Some(String::new()),
        _ => Some(format!("\"é, {row}\"")),
    };
    let line = |row: usize| match id(row) {
        None => format!("{},\n", row % 3),
        Some(text) if text.is_empty() => format!("{},\"\"\n", row % 3),
        Some(text) => format!("{},\"{}\"\n", row % 3, text.replace('"', "\"\"")),
    };
    let text = |rows: Range<usize>| format!("Date,Id\n{}", rows.map(line).collect::<String>());
    let import = |text: &str, mode| {
        let input = CsvInput::new("x.csv", Box::new(Cursor::new(text.as_bytes().to_vec())));
        import_into(&fs, &definition, input, &ImportOptions { mode, ..by("Date") }).unwrap()
    };
    assert_eq!(import(&text(0..60_000), ImportMode::Safe).rows, 60_000);
    assert_eq!(import(&text(60_000..60_100), ImportMode::Append).rows, 100);
    for (partition, location) in locations(&fs) {
        let region = location.region("Id").unwrap().unwrap();
        region.verify_column().unwrap();
        assert!(region.symbols().unwrap().is_none());
        let Chunk::String(strings) = region.read(0..location.row_count()).unwrap() else { unreachable!() };
        let expected = (0..60_100).filter(|row| (row % 3).to_string() == partition).map(id);
        assert!(strings.iter().map(|text| text.map(str::to_string)).eq(expected), "{partition}");
    }
    assert_eq!(import("Date,Id\n1,x\n", ImportMode::Replace).rows, 1);
    assert_eq!(row_counts(&fs), [("0".to_string(), 20_034), ("1".to_string(), 1), ("2".to_string(), 20_033)]);
}
