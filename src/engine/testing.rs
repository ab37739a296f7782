//! For tests: random tables, their rows as values, and stored tables whose locations lie in memory and count what is read.

use super::Table;
use crate::base::array_text::{DateTimeText, write_element};
use crate::base::{
    BigInt, ColumnDefinition, ColumnKind, ColumnType, Result, StringSet, SymbolUse, TableDefinition, Value,
};
use crate::format::encoding::VectorBounds;
use crate::memory::{Bounds, Chunk, RowSet, StringChunk, Symbols, Totals};
use crate::storage::{
    ColumnRegion, GroupingIndex, Location, LocationHandle, LocationKey, LocationSource, ReadStats, Zone,
};
use crate::with_both_values;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// No names: what an operation without columns takes.
pub(crate) const NONE: &[&str] = &[];

/// The columns of random tables, one a type.
pub(crate) const COLUMNS: [(&str, ColumnType); 10] = [
    ("S", ColumnType::String),
    ("C", ColumnType::Char),
    ("Z", ColumnType::Boolean),
    ("B", ColumnType::Byte),
    ("H", ColumnType::Short),
    ("I", ColumnType::Int),
    ("L", ColumnType::Long),
    ("F", ColumnType::Float),
    ("D", ColumnType::Double),
    ("T", ColumnType::DateTime),
];

/// Rows of random values.
pub(crate) type Rows = Vec<Vec<Value>>;

/// A table as names and rows of values.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) columns: Vec<(String, ColumnType)>,
    pub(crate) rows: Rows,
}

impl Model {
    /// Position of a column that exists.
    pub(crate) fn position(&self, name: &str) -> usize {
        self.columns.iter().position(|(known, _)| known == name).unwrap()
    }

    /// The table in memory.
    pub(crate) fn table(&self) -> Table {
        let column = |(at, (name, column_type)): (usize, &(String, ColumnType))| {
            let values: Vec<Value> = self.rows.iter().map(|row| row[at].clone()).collect();
            (name.clone(), Chunk::from_values(*column_type, &values).unwrap())
        };
        Table::new_table(self.columns.iter().enumerate().map(column).collect()).unwrap()
    }

    /// The table with row keys that are not positions: every second row of one twice as long.
    pub(crate) fn sparse_table(&self) -> Table {
        let doubled = Model {
            columns: self.columns.clone(),
            rows: self.rows.iter().flat_map(|row| [row.clone(), vec![Value::Null; row.len()]]).collect(),
        };
        let keys = (0..self.rows.len() as u64).map(|at| at * 2);
        doubled.table().with_rows(RowSet::from_keys(keys)).unwrap()
    }
}

/// One value of a type, often null or at an edge.
pub(crate) fn value(column_type: ColumnType) -> BoxedStrategy<Value> {
    let of = |values: Vec<Value>| prop::sample::select(values).boxed();
    let mut values = match column_type {
        ColumnType::String => ["", "a", "b", "B", "é", "\u{FFFD}", "\u{1F600}"].map(Value::string).to_vec(),
        ColumnType::Char => [0u16, 65, 0xFFFF].map(Value::Char).to_vec(),
        ColumnType::Boolean => [false, true].map(Value::Boolean).to_vec(),
        ColumnType::Byte => [-127, -1, 0, 1, 127].map(Value::Byte).to_vec(),
        ColumnType::Short => [-300, 0, 2, 300].map(Value::Short).to_vec(),
        ColumnType::Int => [i32::MIN + 1, -5, 0, 1, 2, 3, i32::MAX].map(Value::Int).to_vec(),
        ColumnType::Long => [i64::MIN + 1, -5, 0, 1, 2, 1 << 40, i64::MAX].map(Value::Long).to_vec(),
        ColumnType::Float => {
            [f32::NAN, f32::NEG_INFINITY, -1.5, -0.0, 0.0, 0.25, 3.0, f32::INFINITY].map(Value::Float).to_vec()
        }
        ColumnType::Double => {
            [f64::NAN, f64::NEG_INFINITY, -1.5, -0.0, 0.0, 0.25, 3.0, f64::INFINITY].map(Value::Double).to_vec()
        }
        ColumnType::DateTime => [-1i64, 0, 1_503_633_600_000_000_000].map(Value::DateTime).to_vec(),
        ColumnType::BigInteger => ["-18446744073709551616", "-129", "0", "7"]
            .map(|text| Value::big_integer(text.parse::<BigInt>().unwrap()))
            .to_vec(),
        ColumnType::BigDecimal => ["-1E+3", "0", "0.00", "1.5", "1.50", "12345678901234567890.1"]
            .map(|text| Value::big_decimal(text.parse().unwrap()))
            .to_vec(),
        ColumnType::StringSet => {
            [&["a"][..], &[], &["b", "a"]].map(|texts| Value::StringSet(StringSet::new(texts.iter().copied()))).to_vec()
        }
        ColumnType::Blob => [&b""[..], b"\xff\0"].map(|bytes| Value::Blob(Arc::from(bytes))).to_vec(),
        ColumnType::Array(array) => {
            let element = array.element();
            return prop::option::of(prop::collection::vec(value(element), 0..4))
                .prop_map(move |values| values.map_or(Value::Null, |values| Value::array(element, values)))
                .boxed();
        }
    };
    values.push(Value::Null);
    of(values)
}

/// Random tables with all [`COLUMNS`], of no row, one or some.
pub(crate) fn models() -> impl Strategy<Value = Model> {
    let row: Vec<BoxedStrategy<Value>> = COLUMNS.iter().map(|(_, column_type)| value(*column_type)).collect();
    let columns = COLUMNS.map(|(name, column_type)| (name.to_string(), column_type)).to_vec();
    prop_oneof![Just(0usize), Just(1), 2..60usize]
        .prop_flat_map(move |count| prop::collection::vec(row.clone(), count))
        .prop_map(move |rows| Model { columns: columns.clone(), rows })
}

/// A table of literal values: `("A", Int, [1, null])` a column.
pub(crate) fn table_of(columns: &[(&str, ColumnType, Vec<Value>)]) -> Table {
    let columns = columns.iter().map(|(name, t, values)| (name.to_string(), Chunk::from_values(*t, values).unwrap()));
    Table::new_table(columns.collect()).unwrap()
}

/// The rows of a table, as text that tells NaN, -0.0 and null apart.
pub(crate) fn shown(table: &Table) -> Vec<String> {
    let names = table.column_names();
    let count = table.row_count().unwrap();
    let chunks = table.read(&names, 0..count).unwrap();
    let mut rows = vec![names.join(" ")];
    rows.extend((0..count as usize).map(|at| show(chunks.iter().map(|chunk| chunk.value(at)))));
    rows
}

/// One row as text.
pub(crate) fn show(values: impl Iterator<Item = Value>) -> String {
    let text = |value: Value| match value {
        Value::Null => "null".to_string(),
        Value::String(text) => format!("{text:?}"),
        Value::Char(unit) => format!("'{unit}'"),
        Value::Boolean(v) => v.to_string(),
        Value::Byte(v) => v.to_string(),
        Value::Short(v) => v.to_string(),
        Value::Int(v) => v.to_string(),
        Value::Long(v) => v.to_string(),
        Value::Float(v) => format!("{v:?}"),
        Value::Double(v) => format!("{v:?}"),
        Value::DateTime(v) => format!("@{v}"),
        other => {
            let mut out = Vec::new();
            write_element(&other, DateTimeText::EpochNanos, &mut out);
            String::from_utf8_lossy(&out).into_owned()
        }
    };
    values.map(text).collect::<Vec<_>>().join(" ")
}

/// A stored table in memory.
#[derive(Debug)]
pub(crate) struct FakeSource {
    definition: Arc<TableDefinition>,
    locations: Vec<Arc<FakeLocation>>,
    pub(crate) stats: Arc<ReadStats>,
}

#[derive(Debug)]
struct FakeLocation {
    key: LocationKey,
    row_count: u64,
    columns: BTreeMap<String, Arc<FakeRegion>>,
    grouping: BTreeMap<String, Arc<GroupingIndex>>,
    stats: Arc<ReadStats>,
}

#[derive(Debug)]
struct FakeRegion {
    chunk: Chunk,
    zones: Vec<Zone>,
    stats: Arc<ReadStats>,
}

/// Rows of a zone in fake locations.
const ZONE_ROWS: usize = 4;
/// Rows whose bounds are known together.
const BOUND_ROWS: u64 = 2;

impl FakeSource {
    /// A table `Test.Table` of partitions (`Date` first), rows without the `Date` value. Where a column is grouping, the rows of a
    /// partition are put in order of it first and get an index. Columns that `missing` names for a partition have no file there.
    pub(crate) fn new(
        columns: Vec<ColumnDefinition>,
        partitions: &[(&str, &str, Rows)],
        missing: impl Fn(&str, &str) -> bool,
    ) -> Arc<Self> {
        let stats = Arc::new(ReadStats::default());
        let mut all = vec![ColumnDefinition::new("Date", ColumnType::String).of_kind(ColumnKind::Partitioning)];
        all.extend(columns.iter().cloned());
        let mut locations: Vec<Arc<FakeLocation>> = partitions
            .iter()
            .map(|(date, source, rows)| {
                let key = LocationKey { column_partition: (*date).into(), internal_partition: (*source).into() };
                Arc::new(location(key, &columns, rows.clone(), &missing, &stats))
            })
            .collect();
        locations.sort_by(|a, b| a.key.cmp(&b.key));
        Arc::new(FakeSource { definition: Arc::new(TableDefinition::new(all).unwrap()), locations, stats })
    }

    /// The deferred table.
    pub(crate) fn table(self: &Arc<Self>) -> Table {
        Table::of_source(self.clone())
    }
}

fn location(
    key: LocationKey,
    columns: &[ColumnDefinition],
    mut rows: Rows,
    missing: impl Fn(&str, &str) -> bool,
    stats: &Arc<ReadStats>,
) -> FakeLocation {
    if let Some(at) = columns.iter().position(|column| column.kind == ColumnKind::Grouping) {
        rows.sort_by_key(|row| format!("{:?}", row[at]));
    }
    let mut result = FakeLocation {
        key,
        row_count: rows.len() as u64,
        columns: BTreeMap::new(),
        grouping: BTreeMap::new(),
        stats: stats.clone(),
    };
    for (at, column) in columns.iter().enumerate() {
        if missing(&result.key.column_partition, &column.name) {
            continue;
        }
        let values: Vec<Value> = rows.iter().map(|row| row[at].clone()).collect();
        let mut chunk = Chunk::from_values(column.column_type, &values).unwrap();
        let text = match column.symbol {
            SymbolUse::None => true,
            // As after a change of the schema.
            SymbolUse::Table => &*result.key.column_partition == "a",
            SymbolUse::Auto => false,
        };
        if text && let Chunk::String(strings) = &mut chunk {
            *strings = texts(strings);
        }
        if column.kind == ColumnKind::Grouping {
            result.grouping.insert(column.name.clone(), Arc::new(index(&values, &chunk)));
        }
        let zones = zones(&values);
        result.columns.insert(column.name.clone(), Arc::new(FakeRegion { chunk, zones, stats: stats.clone() }));
    }
    result
}

/// The same strings, each with a code of its own.
fn texts(strings: &StringChunk) -> StringChunk {
    let mut own = StringChunk { codes: Vec::new(), symbols: Arc::new(Symbols::empty()) };
    let mut texts = own.texts().unwrap();
    strings.iter().for_each(|text| texts.push(text).unwrap());
    own
}

fn index(values: &[Value], chunk: &Chunk) -> GroupingIndex {
    let mut starts: Vec<u64> = Vec::new();
    for (at, value) in values.iter().enumerate() {
        if at == 0 || format!("{:?}", values[at - 1]) != format!("{value:?}") {
            starts.push(at as u64);
        }
    }
    let firsts: Vec<u32> = starts.iter().map(|&start| start as u32).collect();
    starts.push(values.len() as u64);
    GroupingIndex { values: chunk.take(&firsts), starts }
}

fn number(value: &Value) -> Option<f64> {
    Some(match value {
        Value::Byte(v) => f64::from(*v),
        Value::Short(v) => f64::from(*v),
        Value::Int(v) => f64::from(*v),
        Value::Float(v) => f64::from(*v),
        Value::Double(v) => *v,
        _ => return None,
    })
}

fn zones(values: &[Value]) -> Vec<Zone> {
    let zone = |(at, values): (usize, &[Value])| {
        let start = (at * ZONE_ROWS) as u64;
        let by = |a: &&Value, b: &&Value| number(a).partial_cmp(&number(b)).unwrap();
        let numbers = || values.iter().filter(|value| number(value).is_some_and(|n| !n.is_nan()));
        Zone {
            rows: start..start + values.len() as u64,
            null_count: values.iter().filter(|value| value.is_null()).count() as u64,
            min: numbers().min_by(by).cloned().unwrap_or(Value::Null),
            max: numbers().max_by(by).cloned().unwrap_or(Value::Null),
            has_nan: values.iter().any(|value| number(value).is_some_and(f64::is_nan)),
        }
    };
    values.chunks(ZONE_ROWS).enumerate().map(zone).collect()
}

impl LocationSource for FakeSource {
    fn namespace(&self) -> &str {
        "Test"
    }
    fn table(&self) -> &str {
        "Table"
    }
    fn definition(&self) -> &Arc<TableDefinition> {
        &self.definition
    }
    fn locations(&self) -> Result<Vec<Arc<dyn LocationHandle>>> {
        Ok(self.locations.iter().map(|location| Arc::new(FakeHandle(location.clone())) as _).collect())
    }
}

#[derive(Debug)]
struct FakeHandle(Arc<FakeLocation>);

impl LocationHandle for FakeHandle {
    fn key(&self) -> &LocationKey {
        &self.0.key
    }
    fn open(&self) -> Result<Arc<dyn Location>> {
        self.0.stats.locations_opened.fetch_add(1, Relaxed);
        Ok(self.0.clone())
    }
}

impl Location for FakeLocation {
    fn key(&self) -> &LocationKey {
        &self.key
    }
    fn row_count(&self) -> u64 {
        self.row_count
    }
    fn column(&self, name: &str) -> Result<Option<Arc<dyn ColumnRegion>>> {
        self.stats.files_opened.fetch_add(1, Relaxed);
        Ok(self.columns.get(name).map(|region| region.clone() as _))
    }
    fn grouping(&self, column: &str) -> Result<Option<Arc<GroupingIndex>>> {
        Ok(self.grouping.get(column).cloned())
    }
    fn sort_columns(&self) -> &[String] {
        &[]
    }
}

impl FakeRegion {
    fn push(&self, rows: &[u32], out: &mut Chunk) -> Result<()> {
        self.stats.add_read(rows.len() as u64, (rows.len() * self.chunk.column_type().width()) as u64);
        let taken = self.chunk.take(rows);
        if let (Chunk::String(out), Chunk::String(taken)) = (&mut *out, &taken)
            && taken.symbols.is_distinct()
        {
            out.codes.extend_from_slice(&taken.codes);
            return Ok(());
        }
        out.append(&taken, 0..taken.len())
    }
}

/// Adds the bounds of the values of a run up to the row `end`; false, and nothing added, where such values have none.
pub(crate) fn push_bounds(values: &Chunk, end: u64, bounds: &mut Bounds) -> bool {
    let others = with_both_values!(values, &mut bounds.least, values, least => {
        let found = VectorBounds::of(values.iter().copied());
        least.push(found.least);
        found.others
    }, else return false);
    with_both_values!(values, &mut bounds.greatest, values, greatest => {
        greatest.push(VectorBounds::of(values.iter().copied()).greatest);
    }, else return false);
    bounds.others.push(others);
    bounds.ends.push(end);
    true
}

impl ColumnRegion for FakeRegion {
    fn column_type(&self) -> ColumnType {
        self.chunk.column_type()
    }
    fn row_count(&self) -> u64 {
        self.chunk.len() as u64
    }
    fn fill(&self, rows: Range<u64>, out: &mut Chunk) -> Result<()> {
        self.push(&rows.map(|row| row as u32).collect::<Vec<_>>(), out)
    }
    fn gather(&self, rows: &[u64], out: &mut Chunk) -> Result<()> {
        self.push(&rows.iter().map(|&row| row as u32).collect::<Vec<_>>(), out)
    }
    fn symbols(&self) -> Result<Option<Arc<Symbols>>> {
        Ok(match &self.chunk {
            Chunk::String(strings) if strings.symbols.is_distinct() => Some(strings.symbols.clone()),
            _ => None,
        })
    }
    fn bounds(&self, rows: Range<u64>) -> Result<Option<Bounds>> {
        if self.column_type() == ColumnType::String && self.symbols()?.is_none() {
            return Ok(None);
        }
        let mut bounds = Bounds::new(self.column_type());
        let mut at = rows.start;
        while at < rows.end {
            let end = rows.end.min((at / BOUND_ROWS + 1) * BOUND_ROWS);
            let own = self.chunk.take(&(at as u32..end as u32).collect::<Vec<_>>());
            if !push_bounds(&own, end, &mut bounds) {
                return Ok(None);
            }
            at = end;
        }
        Ok(Some(bounds))
    }
    fn totals(&self, rows: Range<u64>) -> Result<Totals> {
        let mut totals = Totals::default();
        let mut at = rows.start;
        while at < rows.end {
            let end = rows.end.min((at / BOUND_ROWS + 1) * BOUND_ROWS);
            let values: Vec<Value> = (at..end).map(|row| self.chunk.value(row as usize)).collect();
            let sum: Option<f64> = values.iter().map(|value| number(value).filter(|v| v.is_finite())).sum();
            match sum {
                Some(sum) if end - at == BOUND_ROWS => {
                    let is_float = self.column_type().is_floating();
                    totals.float += if is_float { sum } else { 0.0 };
                    totals.whole += if is_float { 0 } else { sum as i128 };
                    totals.count += BOUND_ROWS;
                }
                _ => totals.leave(at..end),
            }
            at = end;
        }
        self.stats.add_read(totals.count, 0);
        Ok(totals)
    }
    fn zones(&self) -> Result<&[Zone]> {
        Ok(&self.zones)
    }
}
