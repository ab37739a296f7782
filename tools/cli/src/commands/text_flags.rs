//! Options that say how text is written, shared by the verbs that read it.

use crate::failure::Failure;
use clap::Args;
use pilaster::base::date_time::Zone;
use pilaster::base::{Error, Result};
use pilaster::storage::import::CsvOptions;
use pilaster::storage::import::csv::{Detect, Dialect, Encoding, NullTexts};

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
    /// The quote around fields; none if it is the empty text
    #[arg(long, value_name = "CHAR")]
    quote: Option<String>,
    /// A character that takes away the meaning of the next
    #[arg(long, value_name = "CHAR", value_parser = parse_character)]
    escape: Option<u8>,
    /// The character between whole numbers and fractions; a point if not given
    #[arg(long, value_name = "CHAR", value_parser = parse_character)]
    decimal: Option<u8>,
    /// The character between thousands, such as , or . or a space, where numbers have one
    #[arg(long, value_name = "CHAR")]
    thousands: Option<char>,
    /// Lines that begin with this character are not looked at
    #[arg(long, value_name = "CHAR", value_parser = parse_character)]
    comment: Option<u8>,
    /// How characters are bytes: utf-8 (the default), latin1, windows-1252, utf-16, utf-16le or utf-16be; UTF-16 with a byte order mark is recognised
    #[arg(long, value_name = "NAME")]
    encoding: Option<Encoding>,
    #[command(flatten)]
    zone: ZoneFlag,
}

/// How JSON is written. What is not given is as the schema says, or the usual.
#[derive(Args, Debug)]
#[command(next_help_heading = "Text options")]
pub(crate) struct JsonFlags {
    /// A text that means null, besides JSON's own; may be repeated
    #[arg(long = "null", value_name = "TEXT")]
    nulls: Vec<String>,
    /// How characters are bytes: utf-8 (the default), latin1, windows-1252, utf-16, utf-16le or utf-16be
    #[arg(long, value_name = "NAME")]
    encoding: Option<Encoding>,
    #[command(flatten)]
    zone: ZoneFlag,
}

/// The zone of date-times without one.
#[derive(Args, Debug)]
pub(crate) struct ZoneFlag {
    /// The zone of date-times that name none, such as NY or Europe/Paris
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
}

impl ZoneFlag {
    /// Puts what was given over what `options` has.
    pub(crate) fn apply(&self, options: &mut CsvOptions) -> Result<(), Failure> {
        if let Some(zone) = &self.time_zone {
            options.zone = Some(Zone::named(zone)?);
        }
        Ok(())
    }
}

impl JsonFlags {
    /// Puts what was given over what `options` has.
    pub(crate) fn apply(&self, options: &mut CsvOptions) -> Result<(), Failure> {
        if !self.nulls.is_empty() {
            options.nulls = NullTexts::new(self.nulls.iter().map(String::as_str).chain([""]));
        }
        options.encoding = self.encoding.unwrap_or(options.encoding);
        self.zone.apply(options)
    }
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
        match self.quote.as_deref().map(str::as_bytes) {
            None => {}
            Some([]) => options.dialect.quote = None,
            Some([byte]) => options.dialect.quote = Some(*byte),
            Some(_) => return Err(Error::invalid("a quote is one ASCII character, or none at all").into()),
        }
        options.dialect.escape = self.escape.or(options.dialect.escape);
        options.dialect.comment = self.comment.or(options.dialect.comment);
        let numbers = &mut options.dialect.numbers;
        numbers.decimal = self.decimal.unwrap_or(numbers.decimal);
        numbers.thousands = self.thousands.or(numbers.thousands);
        options.encoding = self.encoding.unwrap_or(options.encoding);
        self.zone.apply(options)?;
        Ok(options.check()?)
    }

    /// What nothing was said of, so that the file may show it.
    pub(crate) fn detect(&self) -> Detect {
        Detect {
            delimiter: self.delimiter.is_none() && self.dialect.is_none(),
            numbers: self.decimal.is_none() && self.thousands.is_none(),
        }
    }

    /// Puts what says something about JSON, or about values of another format, over what `options` has.
    pub(crate) fn apply_to_json(&self, options: &mut CsvOptions) -> Result<(), Failure> {
        if !self.nulls.is_empty() {
            options.nulls = NullTexts::new(self.nulls.iter().map(String::as_str).chain([""]));
        }
        options.encoding = self.encoding.unwrap_or(options.encoding);
        self.zone.apply(options)
    }
}

fn parse_character(text: &str) -> Result<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err(Error::invalid("it is one ASCII character")),
    }
}

fn parse_delimiter(text: &str) -> Result<u8> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err(Error::invalid("a delimiter is one ASCII character, or \\t for a tab")),
    }
}
