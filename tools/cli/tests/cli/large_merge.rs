//! A merge of more than its memory: within the bound by the system's own count, and the same rows.

use crate::run::Sandbox;
use pilaster::base::{ColumnDefinition, ColumnType};
use pilaster::io::RealFileSystem;
use pilaster::memory::Chunk;
use pilaster::storage::intraday::{Durability, IntradayWriter, WriterOptions};
use serde_json::Value;
use std::path::Path;

const SCHEMA: &str = r#"namespace = "Market"
table = "Ticks"
sort = ["Time"]
columns = [
  { name = "Date", type = "String", kind = "partitioning" },
  { name = "Sym", type = "String", kind = "grouping" },
  { name = "Time", type = "long" },
  { name = "A", type = "long" },
  { name = "B", type = "double" },
  { name = "Note", type = "String", symbol = "none" },
]
"#;
/// Few rows, since a debug build takes its time for each, but with a note each they are more bytes than the bound.
const ROWS: u64 = 150_000;
const NOTE_BYTES: usize = 750;
const BOUND: u64 = 80 << 20;

#[test]
fn memory_stays_within_the_bound() {
    let sandbox = Sandbox::with_schema(SCHEMA);
    let fs = RealFileSystem::open(&sandbox.root()).unwrap();
    let column = |name: &str, column_type| ColumnDefinition::new(name, column_type);
    let mut note = column("Note", ColumnType::String);
    note.symbol = pilaster::base::SymbolUse::None;
    let columns = [
        column("Sym", ColumnType::String),
        column("Time", ColumnType::Long),
        column("A", ColumnType::Long),
        column("B", ColumnType::Double),
        note,
    ];
    let directory = Path::new("intraday/Market/Ticks/feed/2017-08-25");
    let mut writer =
        IntradayWriter::open(fs, directory, &columns, WriterOptions { durability: Durability::None }).unwrap();
    let mix = |row: u64| row.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let (mut sum, mut noted) = (0u64, 0);
    for start in (0..ROWS).step_by(25_000) {
        let rows = start..start + 25_000;
        sum += rows.clone().map(|row| mix(row) & 0xFF_FFFF).sum::<u64>();
        let syms: Vec<String> = rows.clone().map(|row| format!("S{}", mix(row) % 300)).collect();
        let note = |row: u64| format!("note {row} of {ROWS}, {:x} ", mix(row)).repeat(NOTE_BYTES / 28);
        let notes: Vec<String> = rows.clone().map(note).collect();
        noted += notes.iter().map(String::len).sum::<usize>();
        let chunks = [
            Chunk::strings(syms.iter().map(|sym| Some(sym.as_str()))).unwrap(),
            Chunk::Long(rows.clone().map(|row| mix(row + 7) as i64).collect()),
            Chunk::Long(rows.clone().map(|row| (mix(row) & 0xFF_FFFF) as i64).collect()),
            Chunk::Double(rows.clone().map(|row| mix(row) as f64).collect()),
            Chunk::strings(notes.iter().map(|note| Some(note.as_str()))).unwrap(),
        ];
        writer.append(&chunks).unwrap();
    }
    writer.commit().unwrap();
    drop(writer);
    assert!(noted as u64 > BOUND + BOUND / 4, "{noted}");
    let table = ["--namespace", "Market", "--table", "Ticks", "--partition", "2017-08-25"];
    let bound = BOUND.to_string();
    let ran =
        sandbox.succeed(&[&["merge", "--threads", "2", "--format", "json", "--memory", &bound][..], &table].concat());
    let outcome: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(outcome["rows"], ROWS);
    assert!(outcome["runs"].as_u64().unwrap() > 1, "{outcome}");
    let peak = outcome["peak_memory_bytes"].as_u64().unwrap();
    assert!(peak < BOUND, "{peak} bytes of {BOUND}: {outcome}");
    let query = "db.t('Market', 'Ticks').view('A').sumBy()";
    let ran = sandbox.succeed(&["query", "-e", query, "--format", "csv"]);
    assert_eq!(ran.out.lines().nth(1), Some(sum.to_string().as_str()), "{}", ran.out);
    let versions = sandbox.root().join("historical/Market/Ticks/main/2017-08-25").read_dir().unwrap();
    assert_eq!(versions.count(), 1);
}
