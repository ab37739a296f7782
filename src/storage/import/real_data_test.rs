//! Real files, where the machine has them: `../shared/data` beside the repository. The tests say so and pass where it has not.

use super::csv::{NullTexts, infer_csv};
use super::tests::{import_into, row_counts};
use super::*;
use crate::base::{ColumnDefinition, ColumnKind, ColumnType};
use crate::io::external;
use crate::io::simulated::SimulatedFileSystem;
use std::path::PathBuf;

/// The directory of a data set, if it is there.
fn data_set(name: &str) -> Option<PathBuf> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = [repository.join("../shared/data"), repository.join("../../shared/data")]
        .into_iter()
        .map(|data| data.join(name))
        .find(|directory| external::open(&directory.join("LICENSE.txt")).is_ok() || directory.is_dir());
    if found.is_none() {
        eprintln!("skipped: there is no ../shared/data/{name}");
    }
    found
}

fn input(path: &Path) -> CsvInput {
    CsvInput::from(external::open(path).unwrap())
}

fn types(path: &Path, options: &CsvOptions) -> (Vec<ColumnType>, u64) {
    let found = infer_csv(vec![input(path)], options, None, &mut || Ok(())).unwrap();
    assert!(found.complete && found.bad_record_count == 0);
    (found.columns.iter().map(|finding| finding.column.column_type).collect(), found.row_count)
}

#[test]
fn ticks_have_the_types_and_counts_that_they_should() {
    let Some(directory) = data_set("us_equity_ticks") else { return };
    use ColumnType::*;
    for (file, expected, rows) in [
        ("StockTrades-2013-10-11.csv.gz", vec![String, String, DateTime, Double, Int, Char, String], 19_264),
        ("StockTrades-2013-10-10.csv.gz", vec![String, String, DateTime, Double, Int, Char, String], 22_415),
        ("StockQuotes-2013-10-11.csv.gz", vec![String, String, DateTime, Double, Int, Double, Int, Char], 99_852),
    ] {
        let path = directory.join(file);
        let (mut found, count) = types(&path, &CsvOptions::default());
        // Sale conditions are hexadecimal; a day without letters in them reads as numbers.
        if file.contains("Trades") && found[6] == Int {
            found[6] = String;
        }
        assert_eq!((found, count), (expected.clone(), rows), "{file}");
        let names = crate::storage::import::csv::CsvReader::open(input(&path), &CsvOptions::default())
            .unwrap()
            .names()
            .to_vec();
        let columns = names.iter().zip(expected).map(|(name, column_type)| {
            let kind = if name == "Date" { ColumnKind::Partitioning } else { ColumnKind::Normal };
            ColumnDefinition::new(name, column_type).of_kind(kind)
        });
        let definition = TableDefinition::new(columns.collect()).unwrap();
        let fs: Arc<dyn FileSystem> = Arc::new(SimulatedFileSystem::new(1));
        let options = ImportOptions::new(PartitionTarget::Column("Date".to_string()));
        let report = import_into(&fs, &definition, input(&path), &options).unwrap();
        assert_eq!((report.rows, report.error_count), (rows, 0));
        assert_eq!(row_counts(&fs), [(file[12..22].to_string(), rows)]);
    }
}

#[test]
fn other_sets_are_understood() {
    use ColumnType::*;
    let options = CsvOptions { nulls: NullTexts::with(["NA", "nil"]), ..CsvOptions::default() };
    for (set, file, expected, rows) in [
        ("sensors", "CGM.csv.gz", vec![Double, DateTime, Int], None),
        ("sensors", "sea_surface_temperature.csv.gz", vec![DateTime, Double], None),
        ("sensors", "machine_temperature_system_failure.csv.gz", vec![DateTime, Double], None),
        (
            "nycflights13",
            "planes.csv.gz",
            vec![String, Int, String, String, String, Int, Int, Int, String],
            Some(3_322),
        ),
        ("nycflights13", "airports.csv.gz", vec![String, String, Double, Double, Int, Int, Char, String], Some(1_458)),
        (
            "daily_stocks",
            "stocks.csv.gz",
            vec![String, String, Double, Double, Double, Double, Int, Double],
            Some(12_154),
        ),
    ] {
        let Some(directory) = data_set(set) else { return };
        let (found, count) = types(&directory.join(file), &options);
        assert_eq!(found, expected, "{file}");
        assert!(rows.is_none_or(|rows| rows == count), "{file}: {count}");
    }
}
