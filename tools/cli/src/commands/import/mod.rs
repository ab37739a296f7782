//! `pilaster import …`.

mod columns;
mod rows;
mod transform;

use crate::commands::text_flags::{CsvFlags, JsonFlags, ZoneFlag};
use crate::context::Context;
use crate::failure::Failure;
use clap::{Args, Subcommand};
use pilaster::io::{external, machine};
use pilaster::storage::import::{CsvInput, ImportInput};
use pilaster::storage::schema::ImportFormat;
use rows::RowFlags;

/// Memory that batches of columns are made of, one after the other.
const BATCH_BYTES: i32 = 64 << 20;

/// Files into intraday partitions
#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    Csv(Csv),
    Json(Json),
    Parquet(Parquet),
    Arrow(Arrow),
}

/// Import delimited text into intraday partitions
///
/// Each file is imported whole or not at all: nothing is visible before the whole file was read. gzip, Zstandard and zip (with one file in it) are unpacked. Several files are
/// imported one after the other, until one fails.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  pilaster import csv --namespace LearnDeephaven --table StockTrades --partition 2017-08-25 trades.csv.gz
  pilaster import csv --namespace Market --table Quotes --partition-column Date --null NA --rename 'Bid=bid_px' '2017-*.csv'
  pilaster import csv --namespace Market --table Quotes --partition 2017-08-25 --transform 'Bid=Cents/100.0' --field-type Cents=long quotes.csv")]
pub(crate) struct Csv {
    #[command(flatten)]
    rows: RowFlags,
    #[command(flatten)]
    text: CsvFlags,
}

/// Import JSON Lines into intraday partitions
///
/// One object a line; objects that span lines, and one array of objects, are understood too. A column takes the field of its name, or by its mapping's `source` a path into the
/// object, such as quote.bid. A field that an object lacks is null. Otherwise as import csv.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  pilaster import json --namespace Market --table Quotes --partition 2017-08-25 --rename Bid=quote.bid quotes.jsonl.gz")]
pub(crate) struct Json {
    #[command(flatten)]
    rows: RowFlags,
    #[command(flatten)]
    text: JsonFlags,
}

/// Import Parquet files into intraday partitions
///
/// Columns are matched by name, fields of structs by their path (quote.bid); lists become arrays, dictionaries symbols. A value that the column's type cannot hold is an error.
/// Otherwise as import csv.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  pilaster import parquet --namespace Market --table Quotes --partition-column Date quotes.parquet")]
pub(crate) struct Parquet {
    #[command(flatten)]
    rows: RowFlags,
    #[command(flatten)]
    zone: ZoneFlag,
}

/// Import Arrow IPC files and streams into intraday partitions
///
/// Columns are matched as by import parquet. Streams may come from standard input.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  pilaster import arrow --namespace Market --table Quotes --partition 2017-08-25 quotes.arrow")]
pub(crate) struct Arrow {
    #[command(flatten)]
    rows: RowFlags,
    #[command(flatten)]
    zone: ZoneFlag,
}

impl Import {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Import::Csv(Csv { rows, text }) => {
                rows.run(context, ImportFormat::Csv, &|options| text.apply(&mut options.csv), &|file| {
                    Ok(CsvInput::from(external::open(file)?).into())
                })
            }
            Import::Json(Json { rows, text }) => {
                rows.run(context, ImportFormat::Json, &|options| text.apply(&mut options.csv), &|file| {
                    Ok(ImportInput::json(external::open(file)?.into()))
                })
            }
            Import::Parquet(Parquet { rows, zone }) => {
                machine::keep_freed_memory_of(BATCH_BYTES);
                rows.run(context, ImportFormat::Parquet, &|options| zone.apply(&mut options.csv), &|file| {
                    Ok(pilaster_formats::open(ImportFormat::Parquet, file)?)
                })
            }
            Import::Arrow(Arrow { rows, zone }) => {
                machine::keep_freed_memory_of(BATCH_BYTES);
                rows.run(context, ImportFormat::Arrow, &|options| zone.apply(&mut options.csv), &|file| {
                    Ok(pilaster_formats::open(ImportFormat::Arrow, file)?)
                })
            }
        }
    }
}
