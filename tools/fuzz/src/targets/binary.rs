//! Arrow and Parquet files of others. What is accepted must come back the same from a file that is written of it.

use super::imports::import;
use super::{Target, contents, table};
use bytes::Bytes;
use pilaster::engine::Table;
use pilaster::storage::import::{ImportOptions, PartitionTarget};
use pilaster::storage::schema::ImportFormat;
use pilaster_formats::export::{Compression, ExportFormat, ExportOptions, export};
use pilaster_formats::open_memory;
use std::path::Path;

pub(super) const ARROW: Target =
    Target { name: "arrow", run: arrow, dictionary: &["ARROW1", "\0\0\0\0"], seeds: arrow_seeds };
pub(super) const PARQUET: Target = Target {
    name: "parquet",
    run: parquet,
    dictionary: &["PAR1", "\u{15}\u{4}", "\u{2c}\u{15}"],
    seeds: parquet_seeds,
};

fn arrow(bytes: &[u8]) {
    check(ImportFormat::Arrow, ExportFormat::ArrowStream, bytes);
}

fn parquet(bytes: &[u8]) {
    check(ImportFormat::Parquet, ExportFormat::Parquet, bytes);
}

fn check(format: ImportFormat, written: ExportFormat, bytes: &[u8]) {
    let mut options = ImportOptions::new(PartitionTarget::Value("p".into()));
    options.lenient = true;
    options.errors_max = u64::MAX;
    let read = |bytes: Bytes| import(open_memory(format, Path::new("in"), bytes)?, &options);
    let Ok((table, _)) = read(Bytes::copy_from_slice(bytes)) else { return };
    let Ok(before) = contents(&table) else { return };
    let again = export(&table, written, &ExportOptions::default(), Vec::new()).expect("what is stored can be written");
    let (after, _) = read(again.into()).expect("what we write can be read");
    assert_eq!(before, contents(&after).expect("what was imported can be read"));
}

fn arrow_seeds() -> Vec<Vec<u8>> {
    let packed = |compression| ExportOptions { compression: Some(compression), ..ExportOptions::default() };
    vec![
        written(ExportFormat::Arrow, &ExportOptions::default()),
        written(ExportFormat::ArrowStream, &ExportOptions::default()),
        written(ExportFormat::ArrowStream, &packed(Compression::Zstd)),
        written(ExportFormat::Arrow, &packed(Compression::Lz4)),
    ]
}

fn parquet_seeds() -> Vec<Vec<u8>> {
    [Compression::Zstd, Compression::Snappy, Compression::Lz4, Compression::None]
        .map(|compression| {
            let options =
                ExportOptions { compression: Some(compression), row_group_rows: 3, ..ExportOptions::default() };
            written(ExportFormat::Parquet, &options)
        })
        .into()
}

/// Two times the rows of every type, so that dictionaries and groups repeat.
fn written(format: ExportFormat, options: &ExportOptions) -> Vec<u8> {
    let twice = Table::merge(&[table(), table()]).expect("the same columns");
    export(&twice, format, options, Vec::new()).expect("memory takes it")
}
