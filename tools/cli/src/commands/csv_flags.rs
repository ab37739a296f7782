//! Options that say how delimited text is written, shared by the verbs that read it.

use crate::failure::Failure;
use clap::Args;
use pilaster::base::date_time::Zone;
use pilaster::base::{Error, Result};
use pilaster::storage::import::CsvOptions;
use pilaster::storage::import::csv::{Dialect, NullTexts};

/// How the text is written. What is not given is as the schema says, or the usual.
#[derive(Args, Debug)]
#[command(next_help_heading = "Text options")]
pub(crate) struct CsvFlags {
    /// A dialect: default, trim, excel, rfc4180, tdf, mysql or bpipe
    #[arg(long, value_name = "NAME")]
    dialect: Option<String>,
    /// The character between fields; \t is a tab
    #[arg(long, value_name = "CHAR", value_parser = parse_delimiter)]
    delimiter: Option<u8>,
    /// The first record is data; columns come in the order of --columns or are called Column1, Column2, …
    #[arg(long)]
    no_header: bool,
    /// Names of the columns, in place of the header's
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    columns: Option<Vec<String>>,
    /// Lines at the start that are not looked at
    #[arg(long, value_name = "N")]
    skip_lines: Option<u64>,
    /// Lines at the end that are not looked at
    #[arg(long, value_name = "N")]
    skip_footer_lines: Option<usize>,
    /// A text that means null, besides the empty field and (null); may be repeated
    #[arg(long = "null", value_name = "TEXT")]
    nulls: Vec<String>,
    /// Spaces around fields do not count
    #[arg(long)]
    trim: bool,
    /// Records with too few fields have nulls for the rest
    #[arg(long)]
    pad_short_rows: bool,
    /// The zone of date-times that name none, such as NY or Europe/Paris
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
}

impl CsvFlags {
    /// Puts what was given over what `options` has.
    pub(crate) fn apply(&self, options: &mut CsvOptions) -> Result<(), Failure> {
        if let Some(name) = &self.dialect {
            options.dialect = Dialect::named(name)?;
        }
        if let Some(delimiter) = self.delimiter {
            options.dialect.delimiter = delimiter;
        }
        options.dialect.trim |= self.trim;
        options.header &= !self.no_header;
        if let Some(columns) = &self.columns {
            options.column_names = Some(columns.iter().map(|name| name.trim().to_string()).collect());
        }
        if let Some(lines) = self.skip_lines {
            options.skip_lines = lines;
        }
        if let Some(lines) = self.skip_footer_lines {
            options.skip_footer_lines = lines;
        }
        if !self.nulls.is_empty() {
            options.nulls = NullTexts::with(&self.nulls);
        }
        options.pad_short_rows |= self.pad_short_rows;
        if let Some(zone) = &self.time_zone {
            options.zone = Some(Zone::named(zone)?);
        }
        Ok(options.check()?)
    }
}

fn parse_delimiter(text: &str) -> Result<u8> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err(Error::invalid("a delimiter is one ASCII character, or \\t for a tab")),
    }
}
