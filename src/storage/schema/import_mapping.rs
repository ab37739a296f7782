//! How the fields of a file become the columns of a table.
//!
//! A schema may hold several mappings a format, told apart by name; an import without a name takes the first of its format. Without
//! any mapping, columns and fields are matched by name.

use crate::base::text::NumberStyle;
use crate::base::{Error, Result};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A file format that rows can be imported from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImportFormat {
    /// Delimited text.
    Csv,
    /// One JSON object a line.
    Json,
    /// Apache Parquet.
    Parquet,
    /// Arrow IPC.
    Arrow,
}

impl ImportFormat {
    /// All formats.
    pub const ALL: [ImportFormat; 4] =
        [ImportFormat::Csv, ImportFormat::Json, ImportFormat::Parquet, ImportFormat::Arrow];

    /// The word in schemas and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            ImportFormat::Csv => "csv",
            ImportFormat::Json => "json",
            ImportFormat::Parquet => "parquet",
            ImportFormat::Arrow => "arrow",
        }
    }

    /// The format of a word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// How one kind of file maps to the table.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportMapping {
    /// The kind of file.
    pub format: ImportFormat,
    /// The name to choose it by, where a format has several.
    pub name: Option<String>,
    /// The character between fields, for delimited text; a comma if not given.
    pub delimiter: Option<char>,
    /// Between whole numbers and fractions in delimited text; a point if not given.
    pub decimal: Option<char>,
    /// Between groups of three digits of numbers in delimited text, where anything is.
    pub thousands: Option<char>,
    /// False where the first record is data already and columns are matched by position; true if not given.
    pub header: Option<bool>,
    /// Texts that stand for null in every column, in place of the usual ones (an empty unquoted field and `(null)`).
    pub nulls: Option<Vec<String>>,
    /// The zone of date-times that name none: an IANA name or one of Deephaven's codes. The root's if not given.
    pub time_zone: Option<String>,
    /// How the text is written otherwise, where it is not as usual.
    pub text: TextMapping,
    /// The columns that need more than a field of the same name.
    pub columns: BTreeMap<String, ColumnMapping>,
}

/// What else can be said of how text is written. All of it but the encoding is for delimited text.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TextMapping {
    /// The dialect by its name, which the other keys change: `default`, `trim`, `excel`, `rfc4180`, `tdf`, `mysql`, `bpipe`.
    pub dialect: Option<String>,
    /// Around fields; none inside where nothing is. A double quote if not given.
    pub quote: Option<Option<char>>,
    /// Before a character that loses its meaning.
    pub escape: Option<char>,
    /// At the start of a line that is not looked at.
    pub comment: Option<char>,
    /// True where spaces around fields do not count.
    pub trim: Option<bool>,
    /// Lines at the start that are not looked at.
    pub skip_lines: Option<u64>,
    /// Lines at the end that are not looked at.
    pub skip_footer_lines: Option<u64>,
    /// True where records with too few fields have nulls for the rest.
    pub pad_short_rows: Option<bool>,
    /// Names of the fields, in place of the header's.
    pub field_names: Option<Vec<String>>,
    /// How characters are bytes, where they are not UTF-8.
    pub encoding: Option<String>,
}

/// Dialects by their names, with what is between fields.
const DIALECTS: [(&str, char); 7] =
    [("default", ','), ("trim", ','), ("excel", ','), ("rfc4180", ','), ("tdf", '\t'), ("mysql", '\t'), ("bpipe", '|')];
const ENCODINGS: [&str; 6] = ["utf-8", "latin1", "windows-1252", "utf-16", "utf-16le", "utf-16be"];

impl TextMapping {
    /// Checks that names are known and characters can be told apart; the error is that of a key.
    pub(super) fn check(&self, delimiter: Option<char>) -> std::result::Result<(), (&'static str, Error)> {
        let name = self.dialect.as_deref().unwrap_or("default");
        let Some((_, usual)) = DIALECTS.iter().find(|(known, _)| *known == name) else {
            let names: Vec<&str> = DIALECTS.iter().map(|(name, _)| *name).collect();
            let error = Error::invalid(format!("unknown file format {name:?}"));
            return Err(("dialect", error.hint(format!("the formats are {}", names.join(", ")))));
        };
        if let Some(encoding) = self.encoding.as_deref().filter(|encoding| !ENCODINGS.contains(encoding)) {
            let error = Error::invalid(format!("unknown encoding {encoding:?}"));
            return Err(("encoding", error.hint(format!("the encodings are {}", ENCODINGS.join(", ")))));
        }
        if self.field_names.as_ref().is_some_and(Vec::is_empty) {
            return Err(("field_names", Error::invalid("the list of field names is empty")));
        }
        let quote = self.quote.unwrap_or(Some('"').filter(|_| name != "mysql"));
        let escape = self.escape.or(Some('\\').filter(|_| name == "mysql"));
        let signs = [
            ("delimiter", delimiter.or(Some(*usual))),
            ("quote", quote),
            ("escape", escape),
            ("comment", self.comment),
        ];
        for (at, (key, sign)) in signs.iter().enumerate() {
            let Some(sign) = *sign else { continue };
            let refuse = |why: String| Err((*key, Error::invalid(format!("the {key} cannot be {sign:?}: {why}"))));
            if !sign.is_ascii() || matches!(sign, '\n' | '\r' | '\0') {
                return refuse("it must be one ASCII character and no line end".to_string());
            }
            if let Some((other, _)) = signs[..at].iter().find(|(_, other)| *other == Some(sign)) {
                return refuse(format!("it is the {other} already"));
            }
        }
        Ok(())
    }
}

impl ImportMapping {
    /// A mapping by name, with nothing special.
    pub fn new(format: ImportFormat) -> Self {
        ImportMapping {
            format,
            name: None,
            delimiter: None,
            decimal: None,
            thousands: None,
            header: None,
            nulls: None,
            time_zone: None,
            text: TextMapping::default(),
            columns: BTreeMap::new(),
        }
    }

    /// How numbers are written. Errs where the decimal sign is beyond ASCII.
    pub fn numbers(&self) -> Result<NumberStyle> {
        let decimal = self.decimal.unwrap_or('.');
        let decimal = u8::try_from(decimal).ok().filter(u8::is_ascii).ok_or_else(|| {
            Error::invalid(format!("the decimal sign cannot be {decimal:?}: it must be one ASCII character"))
        })?;
        Ok(NumberStyle { decimal, thousands: self.thousands })
    }

    /// What it says about a column.
    pub fn column(&self, name: &str) -> Option<&ColumnMapping> {
        self.columns.get(name)
    }
}

/// Where the values of one column come from.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ColumnMapping {
    /// The field's name in the file; the column's own name if not given.
    pub source: Option<String>,
    /// The text to read every value from, in place of a field.
    pub constant: Option<String>,
    /// The text to read the value from where the field is null. Given without a field in the file, it fills the column.
    pub default: Option<String>,
    /// True where the file may lack the field: the column is null then.
    pub optional: bool,
    /// How date-times are written; guessed among ISO-8601 and Deephaven's literals if not given.
    pub format: Option<TimeFormat>,
    /// The zone of date-times that name none, for this column.
    pub time_zone: Option<String>,
    /// Texts that stand for null in this column.
    pub nulls: Option<Vec<String>>,
}

/// How a file writes date-times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeFormat {
    /// ISO-8601 or Deephaven's literals (`2017-08-25T04:00:00.071175597 NY`).
    Iso,
    /// Seconds since the epoch, with a fraction or without.
    EpochSeconds,
    /// Milliseconds since the epoch.
    EpochMillis,
    /// Microseconds since the epoch.
    EpochMicros,
    /// Nanoseconds since the epoch.
    EpochNanos,
    /// A pattern in strftime's letters, such as `%d/%m/%Y %H:%M:%S%.f`.
    Pattern(String),
}

impl FromStr for TimeFormat {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "iso" => TimeFormat::Iso,
            "epoch_s" => TimeFormat::EpochSeconds,
            "epoch_ms" => TimeFormat::EpochMillis,
            "epoch_us" => TimeFormat::EpochMicros,
            "epoch_ns" => TimeFormat::EpochNanos,
            pattern if pattern.contains('%') => TimeFormat::Pattern(pattern.to_string()),
            _ => {
                return Err(Error::invalid(format!("unknown date-time format {text:?}")).hint(
                    "the formats are iso, epoch_s, epoch_ms, epoch_us, epoch_ns, or a pattern such as `%Y-%m-%d %H:%M:%S%.f`",
                ));
            }
        })
    }
}

impl fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TimeFormat::Iso => "iso",
            TimeFormat::EpochSeconds => "epoch_s",
            TimeFormat::EpochMillis => "epoch_ms",
            TimeFormat::EpochMicros => "epoch_us",
            TimeFormat::EpochNanos => "epoch_ns",
            TimeFormat::Pattern(pattern) => pattern,
        })
    }
}
