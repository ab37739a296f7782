//! Values of variable width: the levels that hold them, ends that nobody wrote among them, as an intraday and as a sealed location.
//!
//! Both have right checksums and right records, so that what tells good levels from bad ones is what reads them. Whatever reads must be the
//! same in both, row by row as well as at once, and what cannot be read must be what verifying finds.

use super::{Target, checksum, contents_of};
use pilaster::base::{BigDecimal, BigInt, ColumnType, Primitive, Result, StringSet, Value, object_bytes};
use pilaster::format::column_form::{ColumnForm, End};
use pilaster::format::commit::slot::{self, COMMIT_FILE_BYTES, DURABLE_SLOTS};
use pilaster::format::commit::{COMMIT_FILE, ColumnFile, ColumnState, CommitRecord, FileState};
use pilaster::format::encoding::Codec;
use pilaster::format::location_record::{
    ColumnRecord, FileRecord, LocationRecord, PublishedRecord, PublishedStorage, SourceRecord,
};
use pilaster::format::sealed_bytes::{self, SealedBytesWriter};
use pilaster::format::sealed_column::{SealedColumnWriter, encode_chunk, encode_ends};
use pilaster::format::{record, sealed_symbols};
use pilaster::io::{FileSystem, OpenMode};
use pilaster::memory::Chunk;
use pilaster::storage::check::{VerifyOptions, verify_bare};
use pilaster::storage::historical::HistoricalTable;
use pilaster::storage::intraday::IntradayLocation;
use pilaster::storage::{Location, LocationKey};
use pilaster::with_fixed_values;
use std::path::Path;
use std::sync::Arc;

pub(super) const TARGET: Target = Target { name: "levels", run, dictionary: &[], seeds };

/// Types, and whether their text is kept as bytes.
const FORMS: [(&str, bool); 16] = [
    ("int[]", false),
    ("String", true),
    ("Blob", false),
    ("BigDecimal", false),
    ("BigInteger", false),
    ("StringSet", false),
    ("String[]", false),
    ("String[]", true),
    ("boolean[][]", false),
    ("double[][][]", false),
    ("Blob[][]", false),
    ("StringSet[][][]", false),
    ("char[]", false),
    ("DateTime[][]", false),
    ("String[][][]", false),
    ("BigDecimal[]", false),
];
const SYMBOLS: [&str; 3] = ["", "one", "two"];
const COLUMN: &str = "C";

/// The levels of a column.
struct Levels {
    form: ColumnForm,
    codec: Codec,
    ends: Vec<Vec<End>>,
    /// The bytes of the last level.
    leaf: Vec<u8>,
}

/// First byte: form. Second: codec, and whether to verify. Then for each level of ends how many there are and two bytes for each; the rest is the last level.
fn run(bytes: &[u8]) {
    let Some((levels, verifies)) = parse(bytes) else { return };
    let fs = super::memory();
    levels.write_intraday(&*fs).expect("memory takes it");
    levels.write_sealed(&*fs).expect("memory takes it");
    let growing = read(open_intraday(&fs));
    let sealed = read(open_sealed(&fs));
    // A block of an intraday level is checked whole, codes that no value has too; so it may refuse more.
    match (&growing, &sealed) {
        (Ok(growing), Ok(sealed)) => assert_eq!(growing, sealed),
        (Ok(growing), Err(error)) => panic!("intraday reads {growing}, history does not: {error}"),
        (Err(error), _) => assert!(error.is_corrupt(), "{error}"),
    }
    if verifies {
        let verified = |directory: &str| {
            let options = VerifyOptions { threads: 1 };
            verify_bare(&fs, Path::new(directory), options, &|_, _| Ok(())).expect("it can be verified")
        };
        for (place, reading) in [("i", &growing), ("h/main/p/v1", &sealed)] {
            let report = verified(place);
            assert!(reading.is_ok() || report.damage_count() > 0, "{place}: {reading:?}, verified it is good");
        }
    }
}

fn parse(bytes: &[u8]) -> Option<(Levels, bool)> {
    let (&[choice, flags], mut rest) = bytes.split_first_chunk()?;
    let (name, plain) = FORMS[usize::from(choice) % FORMS.len()];
    let form = ColumnForm::new(name.parse().ok()?, plain);
    let codec = [Codec::Fastest, Codec::Balanced, Codec::Smallest][usize::from(flags & 0x7f) % 3];
    let mut ends = Vec::new();
    for _ in 0..form.depth() {
        let (&count, after) = rest.split_first()?;
        let (pairs, after) = after.split_at((usize::from(count) * 2).min(after.len() & !1));
        let end = |pair: &[u8]| match u16::from_le_bytes([pair[0], pair[1]]) {
            // Ends that no 16 bits hold.
            far @ 0xFF00.. => End(u64::MAX >> (far & 63)),
            near => End(near.into()),
        };
        ends.push(pairs.chunks_exact(2).map(end).collect());
        rest = after;
    }
    let width = form.width(form.depth());
    let leaf = rest[..rest.len() / width * width].to_vec();
    Some((Levels { form, codec, ends, leaf }, flags & 0x80 != 0))
}

impl Levels {
    fn rows(&self) -> u64 {
        self.ends.first().map_or(0, |ends| ends.len() as u64)
    }

    fn level(&self, level: usize) -> Vec<u8> {
        self.ends.get(level).map_or(self.leaf.clone(), |ends| ends.iter().flat_map(|end| end.0.to_le_bytes()).collect())
    }

    fn write_intraday(&self, fs: &dyn FileSystem) -> Result<()> {
        fs.create_dir_all(Path::new("i"))?;
        let mut files = Vec::new();
        for file in ColumnFile::of(self.form) {
            let bytes = match file {
                ColumnFile::Data => self.level(0),
                ColumnFile::Values(level) => self.level(level.into()),
                ColumnFile::SymbolEnds => symbol_ends(),
                ColumnFile::SymbolText => SYMBOLS.concat().into_bytes(),
                // No level is as long as a block.
                ColumnFile::Sums | ColumnFile::ValueSums(_) => Vec::new(),
            };
            fs.open(&Path::new("i").join(file.name(COLUMN)), OpenMode::Create)?.write_all_at(&bytes, 0)?;
            let (size, checksum) = (bytes.len() as u64, u32::from_le_bytes(checksum(&bytes)));
            files.push(FileState { size, durable_size: size, checksum, delta_checksum: 0 });
        }
        let (location, rows) = (*b"0123456789abcdef", self.rows());
        let column = ColumnState { name: COLUMN.into(), form: self.form, first_row: 0, files };
        let record = CommitRecord {
            location,
            epoch: 1,
            generation: 1,
            rollbacks: 0,
            rollback_rows: 0,
            row_count: rows,
            durable_row_count: rows,
            committed_ns: 0,
            group: None,
            columns: vec![column],
        };
        let mut commit = slot::encode_head(location);
        commit.resize(COMMIT_FILE_BYTES, 0);
        let page = slot::encode(&record, DURABLE_SLOTS[0]).page;
        super::put(&mut commit, slot::slot_offset(DURABLE_SLOTS[0]) as usize, &page);
        fs.open(&Path::new("i").join(COMMIT_FILE), OpenMode::Create)?.write_all_at(&commit, 0)
    }

    fn write_sealed(&self, fs: &dyn FileSystem) -> Result<()> {
        let directory = Path::new("h/main/p/v1");
        fs.create_dir_all(directory)?;
        fs.create_dir_all(Path::new("h/.published"))?;
        let write = |extension: &str, bytes: &[u8]| {
            fs.open(&directory.join(format!("{COLUMN}{extension}")), OpenMode::Create)?.write_all_at(bytes, 0)
        };
        let mut files = Vec::new();
        for (level, extension) in (0..=self.form.depth()).zip([".col", ".val", ".val2", ".val3", ".val4"]) {
            let (bytes, seal) = self.seal(level);
            write(extension, &bytes)?;
            files.push(FileRecord { size_bytes: bytes.len() as u64, seal });
        }
        let mut symbols = None;
        if self.form.has_symbols() {
            let (bytes, seal) = sealed_symbols::encode(SYMBOLS)?;
            write(".sym", &bytes)?;
            symbols = Some(FileRecord { size_bytes: bytes.len() as u64, seal });
        }
        let file = files.remove(0);
        let (name, type_code) = (COLUMN.to_string(), self.form.column_type.code());
        let location = LocationRecord {
            row_count: self.rows(),
            columns: vec![ColumnRecord { name, type_code, file, symbols, grouping: None, values: files }],
            sort_columns: Vec::new(),
            sources: vec![self.source()],
            written_ns: 0,
        };
        let bytes = location.encode()?;
        fs.open(&directory.join("location"), OpenMode::Create)?.write_all_at(&bytes, 0)?;
        fs.open(&directory.join("lock"), OpenMode::Create)?;
        let storage = PublishedStorage {
            name: "main".into(),
            version: "v1".into(),
            row_count: self.rows(),
            size_bytes: location.size_bytes() + bytes.len() as u64,
            seal: record::seal(&bytes),
        };
        let published =
            PublishedRecord { generation: 1, published_ns: 0, storages: vec![storage], sources: vec![self.source()] }
                .encode()?;
        fs.open(Path::new("h/.published/p"), OpenMode::Create)?.write_all_at(&published, 0)
    }

    fn source(&self) -> SourceRecord {
        SourceRecord { name: "s".into(), row_count: self.rows(), location: [7; 16], rollbacks: 0, retired: false }
    }

    /// The file of a level, and its seal.
    fn seal(&self, level: usize) -> (Vec<u8>, u32) {
        if let Some(ends) = self.ends.get(level) {
            let (mut writer, mut file) = SealedColumnWriter::of_ends();
            if !ends.is_empty() {
                file.extend(writer.push(encode_ends(ends, self.codec)));
            }
            let (end, seal) = writer.finish();
            return ([file, end].concat(), seal);
        }
        let Some(leaf) = self.form.leaf() else {
            let (mut writer, mut file) = SealedBytesWriter::new();
            for block in self.leaf.chunks(sealed_bytes::BLOCK_BYTES) {
                file.extend(writer.push(sealed_bytes::encode_block(block, self.codec)));
            }
            let (end, seal) = writer.finish();
            return ([file, end].concat(), seal);
        };
        let chunk = values(leaf, &self.leaf);
        let (mut writer, mut file) = SealedColumnWriter::new(leaf);
        if !chunk.is_empty() {
            file.extend(writer.push(encode_chunk(&chunk, 0..chunk.len(), self.codec)));
        }
        let (end, seal) = writer.finish();
        ([file, end].concat(), seal)
    }
}

fn symbol_ends() -> Vec<u8> {
    let mut end = 0;
    let ends = SYMBOLS.iter().map(|text| {
        end += text.len() as u64;
        end.to_le_bytes()
    });
    ends.flatten().collect()
}

/// Raw values of fixed width.
fn values(leaf: ColumnType, bytes: &[u8]) -> Chunk {
    fn push<T: Primitive>(values: &mut Vec<T>, bytes: &[u8]) {
        values.extend(bytes.chunks_exact(T::WIDTH).map(T::get_le));
    }
    let mut chunk = Chunk::new(leaf);
    with_fixed_values!(&mut chunk, values => push(values, bytes), else ());
    chunk
}

fn open_intraday(fs: &Arc<dyn FileSystem>) -> Result<Arc<dyn Location>> {
    let key = LocationKey { column_partition: "p".into(), internal_partition: "s".into() };
    Ok(IntradayLocation::open(fs.clone(), Path::new("i"), key, Arc::default())?)
}

fn open_sealed(fs: &Arc<dyn FileSystem>) -> Result<Arc<dyn Location>> {
    let table = HistoricalTable::new(fs.clone(), Path::new("h"), Vec::new(), Arc::default());
    table.partition_handles("p")[0].open()
}

/// All values as text, read at once; those read row by row, backwards, must be the same.
fn read(location: Result<Arc<dyn Location>>) -> Result<String> {
    let location = location?;
    let all = contents_of(&*location, &[COLUMN])?;
    let Some(region) = location.column(COLUMN)? else { return Ok(all) };
    let rows = location.row_count();
    let whole = region.read(0..rows)?;
    let picked: Vec<u64> = (0..rows).rev().step_by(3).chain([rows / 2]).filter(|&row| row < rows).collect();
    let mut gathered = Chunk::new(region.column_type());
    region.gather(&picked, &mut gathered)?;
    for (at, &row) in picked.iter().enumerate() {
        let (one, other) = (gathered.value(at), whole.value(row as usize));
        assert_eq!(format!("{one:?}"), format!("{other:?}"), "row {row} in two ways");
    }
    assert!(region.weigh(&picked)? <= region.weigh(&(0..rows).collect::<Vec<_>>())?.saturating_mul(2));
    Ok(all)
}

fn seeds() -> Vec<Vec<u8>> {
    // Three rows each: some items, null, none.
    let bytes_of = |ends: &[u16]| {
        [&[ends.len() as u8][..], &ends.iter().flat_map(|end| end.to_le_bytes()).collect::<Vec<_>>()].concat()
    };
    let null = |at: u16| at * 2 + 1;
    let object = |value: Value| {
        let mut bytes = Vec::new();
        let _ = object_bytes::encode(&value, &mut bytes);
        bytes
    };
    let mut seeds = Vec::new();
    for (choice, (name, plain)) in FORMS.iter().enumerate() {
        let Ok(column_type) = name.parse() else { continue };
        let form = ColumnForm::new(column_type, *plain);
        let scalars = form.depth() - usize::from(form.leaf().is_none());
        let mut seed = vec![choice as u8, 0x80 | choice as u8];
        for _ in 0..scalars {
            seed.extend(bytes_of(&[4, null(2), 4, 6]));
        }
        match form.leaf() {
            Some(ColumnType::String) => seed.extend([1, 0, 0xFFFF_FFFF, 2].map(u32::to_le_bytes).concat()),
            Some(leaf) => seed.extend(vec![1; leaf.width() * 4]),
            None => {
                let items = match form.scalar() {
                    ColumnType::BigInteger => object(Value::big_integer(70_000)),
                    ColumnType::BigDecimal => object(Value::big_decimal(BigDecimal::new(BigInt::from(-150), 2))),
                    ColumnType::StringSet => object(Value::StringSet(StringSet::new(["a", "bc"]))),
                    _ => "é".into(),
                };
                let end = 2 * items.len() as u16;
                let empty = matches!(form.scalar(), ColumnType::String | ColumnType::Blob);
                seed.extend(bytes_of(&[end, end + 1, if empty { end } else { end + 1 }, 2 * end]));
                seed.extend([&items[..], &items].concat());
            }
        }
        seeds.push(seed);
    }
    seeds
}
