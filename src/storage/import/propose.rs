//! A schema proposed from delimited text, with what the text says for and against it.

use super::csv::{
    ColumnFinding, CsvInference, CsvInput, CsvOptions, Dialect, Encoding, NullTexts, delimiter_hint, infer_csv,
    usually_means_null,
};
use super::json::infer_json;
use super::sample::ColumnSample;
use crate::base::date_time::{Zone, format_date};
use crate::base::text::EpochUnit;
use crate::base::{ColumnKind, ColumnType, Result};
use crate::storage::schema::infer::propose;
use crate::storage::schema::{
    ColumnMapping, ImportFormat, ImportMapping, InferredColumn, Proposal, TextMapping, TimeFormat,
};

/// Looks through streams with the same columns, all of each or about the first `rows_max` records, and proposes a schema. `tick` is called often; its error
/// stops the work.
pub fn propose_csv(
    namespace: &str,
    table: &str,
    inputs: Vec<CsvInput>,
    options: &CsvOptions,
    rows_max: Option<u64>,
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<Proposal> {
    let inference = infer_csv(inputs, options, rows_max, tick)?;
    let mut proposal = explained(namespace, table, mapping(options, &inference.dialect), &inference)?;
    if let Some(first) = proposal.reasons.first_mut() {
        let said = how_written(options, &inference.dialect);
        *first = said.iter().map(|line| format!("{line}\n")).collect::<String>() + first;
    }
    let names: Vec<String> = inference.columns.iter().map(|finding| finding.column.source_name.clone()).collect();
    if let (Some(hint), Some(first)) = (delimiter_hint(&names), proposal.reasons.first_mut()) {
        *first = format!("Is the delimiter right? {hint}.\n{first}");
    }
    Ok(proposal)
}

/// What was found out of how a text is written.
fn how_written(options: &CsvOptions, found: &Dialect) -> Vec<String> {
    let mut said = Vec::new();
    if found.delimiter != options.dialect.delimiter {
        let word = match found.delimiter {
            b'\t' => "Tabs".to_string(),
            b';' => "Semicolons".to_string(),
            b'|' => "Bars".to_string(),
            other => format!("{:?}", char::from(other)),
        };
        said.push(format!("{word} separate the fields."));
    }
    if found.numbers != options.dialect.numbers {
        let decimal = char::from(found.numbers.decimal);
        let between = found.numbers.thousands.map_or(String::new(), |sign| format!(", and {sign:?} between thousands"));
        said.push(format!("Numbers have {decimal:?} before their fraction{between}."));
    }
    said
}

/// As [`propose_csv`], of JSON Lines: each leaf of the objects is a column.
pub fn propose_json(
    namespace: &str,
    table: &str,
    inputs: Vec<CsvInput>,
    options: &CsvOptions,
    rows_max: Option<u64>,
    tick: &mut dyn FnMut() -> Result<()>,
) -> Result<Proposal> {
    let inference = infer_json(inputs, options, rows_max, tick)?;
    let mut of_json = ImportMapping::new(ImportFormat::Json);
    let text = mapping(options, &options.dialect);
    of_json.time_zone = text.time_zone;
    of_json.text.encoding = text.text.encoding;
    explained(namespace, table, of_json, &inference)
}

/// A schema proposed from columns whose types the file says, with samples of their values.
pub fn propose_sampled(
    namespace: &str,
    table: &str,
    format: ImportFormat,
    samples: Vec<ColumnSample>,
) -> Result<Proposal> {
    let columns: Vec<InferredColumn> = samples.into_iter().map(ColumnSample::finish).collect();
    let mut proposal = propose(namespace, table, ImportMapping::new(format), &columns)?;
    explain_dates(&mut proposal, &columns);
    Ok(proposal)
}

/// A proposal with what ruled out other types.
fn explained(namespace: &str, table: &str, mapping: ImportMapping, inference: &CsvInference) -> Result<Proposal> {
    let mut mapping = mapping;
    let columns: Vec<InferredColumn> = inference.columns().into_iter().filter(|column| !is_nothing(column)).collect();
    for finding in &inference.columns {
        let pattern = finding.pattern.clone().map(TimeFormat::Pattern);
        if let Some(format) = finding.epoch.map(format_of).or(pattern) {
            let told = ColumnMapping { format: Some(format), ..ColumnMapping::default() };
            mapping.columns.insert(finding.column.name.clone(), told);
        }
    }
    let mut proposal = propose(namespace, table, mapping, &columns)?;
    for (column, reason) in proposal.schema.columns.iter().zip(&mut proposal.reasons) {
        let finding = inference.columns.iter().find(|finding| finding.column.name == column.name);
        for note in finding.map(|finding| notes(finding, column.column_type)).unwrap_or_default() {
            *reason += &format!("\n{note}");
        }
    }
    explain_dates(&mut proposal, &columns);
    if inference.bad_record_count > 0
        && let Some(first) = proposal.reasons.first_mut()
    {
        *first = format!("Records left out, with a wrong number of fields: {}.\n{first}", inference.bad_record_count);
    }
    Ok(proposal)
}

/// A column without a name or a value: what a delimiter at the end of each record makes.
fn is_nothing(column: &InferredColumn) -> bool {
    column.source_name.is_empty() && column.null_count == column.row_count
}

/// What the options say that a schema can say too, so that an import needs no options.
fn mapping(options: &CsvOptions, dialect: &Dialect) -> ImportMapping {
    let usual = CsvOptions::default();
    let mut mapping = ImportMapping::new(ImportFormat::Csv);
    if dialect.delimiter != usual.dialect.delimiter {
        mapping.delimiter = Some(char::from(dialect.delimiter));
    }
    mapping.text = text_mapping(options, dialect);
    if dialect.numbers.decimal != usual.dialect.numbers.decimal {
        mapping.decimal = Some(char::from(dialect.numbers.decimal));
    }
    mapping.thousands = dialect.numbers.thousands;
    if !options.header {
        mapping.header = Some(false);
    }
    if options.nulls != NullTexts::default() {
        mapping.nulls = Some(options.nulls.texts());
    }
    let zone = options.zone.as_ref().filter(|zone| zone.name() != Zone::utc().name());
    mapping.time_zone = zone.map(|zone| zone.name().to_string());
    mapping
}

fn text_mapping(options: &CsvOptions, dialect: &Dialect) -> TextMapping {
    let usual = Dialect::default();
    TextMapping {
        dialect: None,
        quote: (dialect.quote != usual.quote).then(|| dialect.quote.map(char::from)),
        escape: dialect.escape.map(char::from),
        comment: dialect.comment.map(char::from),
        trim: dialect.trim.then_some(true),
        skip_lines: Some(options.skip_lines).filter(|lines| *lines > 0),
        skip_footer_lines: Some(options.skip_footer_lines as u64).filter(|lines| *lines > 0),
        pad_short_rows: options.pad_short_rows.then_some(true),
        field_names: options.column_names.clone(),
        encoding: (options.encoding != Encoding::Utf8).then(|| options.encoding.name().to_string()),
    }
}

/// What ruled out the narrower types, and what was assumed.
fn notes(finding: &ColumnFinding, chosen: ColumnType) -> Vec<String> {
    let mut notes = Vec::new();
    // A partitioning column is a String whatever its values look like, and what the first value already shows needs no proof.
    if finding.column.column_type == chosen {
        let first = finding.column.samples.first();
        let numbers = finding.column.samples.iter().any(|text| text.parse::<f64>().is_ok_and(f64::is_finite));
        let for_null = |text: &str| chosen == ColumnType::String && numbers && usually_means_null(text);
        let telling = finding.ruled_out.iter().filter(|ruled| match chosen {
            ColumnType::Long | ColumnType::Double => true,
            ColumnType::String => matches!(ruled.column_type, ColumnType::Double | ColumnType::DateTime),
            _ => false,
        });
        for ruled in telling.filter(|ruled| first != Some(&ruled.text) || for_null(&ruled.text)).take(2) {
            let way_out = if for_null(&ruled.text) {
                format!("; --null {} takes it for null", ruled.text)
            } else {
                String::new()
            };
            notes.push(format!("Not {}: line {} has {}{way_out}.", ruled.column_type, ruled.line, ruled.text));
        }
    }
    if let (Some(unit), ColumnType::DateTime) = (finding.epoch, chosen) {
        let words = match unit {
            EpochUnit::Seconds => "seconds",
            EpochUnit::Millis => "milliseconds",
            EpochUnit::Micros => "microseconds",
            EpochUnit::Nanos => "nanoseconds",
        };
        let span = finding.time_range.map_or(String::new(), |(first, last)| {
            format!(": from {} to {}", format_date(first, &Zone::utc()), format_date(last, &Zone::utc()))
        });
        notes.push(format!("The numbers are taken for {words} since 1970{span}, as the name says."));
        notes.push(format!(
            "`format = \"{}\"` below reads them so; for the numbers themselves, take that out and make the type long.",
            format_of(unit)
        ));
    }
    if let (Some(pattern), ColumnType::DateTime) = (&finding.pattern, chosen) {
        let first = if pattern.starts_with("%d") { "day" } else { "month" };
        notes.push(format!("The {first} comes first: the other way some are no dates. `format` below says so."));
    }
    if let (Some((one, other)), ColumnType::String) = (&finding.patterns, chosen) {
        notes.push("Not DateTime: nothing shows whether the day or the month comes first.".into());
        notes.push(format!("Make the type DateTime and say `format = \"{one}\"`, or {other:?}, in [import.columns]."));
    }
    if let Some((least, greatest)) = finding.untimely.filter(|_| finding.column.column_type == chosen) {
        notes.push(format!(
            "Not DateTime: {least} to {greatest} are not times since 1970 in one unit, of the years 1980 to 2100."
        ));
    }
    if chosen == ColumnType::Char && finding.column.distinct_count > 0 {
        notes.push("One character each. Make the type String if longer values may come.".into());
    }
    if finding.zone_assumed && chosen == ColumnType::DateTime {
        notes.push("Some times name no zone; that of the import applies.".into());
    }
    notes
}

/// Says of columns of dates, or of times of day, what can be done with them.
fn explain_dates(proposal: &mut Proposal, columns: &[InferredColumn]) {
    for (column, reason) in proposal.schema.columns.iter().zip(&mut proposal.reasons) {
        let is_text = column.kind == ColumnKind::Normal && column.column_type == ColumnType::String;
        let found = columns.iter().find(|found| is_text && found.name == column.name);
        if let Some(note) = found.and_then(|found| of_dates_alone(&found.samples)) {
            *reason += &format!("\n{note}");
        }
    }
}

/// What can be done with dates, or times of day, that stand alone: they are text, whose order may be theirs.
fn of_dates_alone(samples: &[String]) -> Option<String> {
    let all = |fits: &dyn Fn(&[&str]) -> bool, signs: &[char]| {
        let split = |text: &String| fits(&text.split(signs).collect::<Vec<_>>());
        !samples.is_empty() && samples.iter().all(split)
    };
    let number = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let year_first = |parts: &[&str]| matches!(parts, [year, month, day] if number(year, 4..=4) && number(month, 2..=2) && number(day, 2..=2));
    let year_last = |parts: &[&str]| matches!(parts, [one, two, year] if number(one, 1..=2) && number(two, 1..=2) && number(year, 4..=4));
    let of_day = |parts: &[&str]| {
        matches!(parts, [hour, minute, ..] if number(hour, 1..=2) && number(minute, 2..=2)) && parts.len() <= 3
    };
    if all(&year_first, &['-']) {
        return Some("Dates alone are text, in the order of the dates. With the type DateTime they become the midnight of the import's zone that they begin with.".into());
    }
    for sign in ['/', '.', '-'] {
        if all(&year_last, &[sign]) {
            return Some(format!(
                "Dates alone are text. For the midnights of the import's zone make the type DateTime and say `format = \"%d{sign}%m{sign}%Y\"`, or \"%m{sign}%d{sign}%Y\" where the month comes first, in [import.columns]."
            ));
        }
    }
    all(&of_day, &[':']).then(|| "Times of day are text: a DateTime has a date, too.".into())
}

fn format_of(unit: EpochUnit) -> TimeFormat {
    match unit {
        EpochUnit::Seconds => TimeFormat::EpochSeconds,
        EpochUnit::Millis => TimeFormat::EpochMillis,
        EpochUnit::Micros => TimeFormat::EpochMicros,
        EpochUnit::Nanos => TimeFormat::EpochNanos,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn reasons_tell_what_spoke_against_narrower_types() {
        let text = "Sym,Size,At,Id\nA,1,2017-08-25 10:00:00,7\nB,2.5,2017-08-25 10:00:01,x7\nB,3\n";
        let input = CsvInput::new("t.csv", Box::new(text.as_bytes()));
        let proposal = propose_csv("Ns", "T", vec![input], &CsvOptions::default(), None, &mut || Ok(())).unwrap();
        let reason = |name: &str| {
            let at = proposal.schema.columns.iter().position(|column| column.name == name).unwrap();
            proposal.reasons[at].clone()
        };
        assert!(reason("Date").starts_with("Records left out, with a wrong number of fields: 1.\nNot in the file"));
        assert!(reason("Size").contains("\nNot int: line 3 has 2.5.\nNot long: line 3 has 2.5."), "{}", reason("Size"));
        assert!(reason("At").ends_with("Some times name no zone; that of the import applies."), "{}", reason("At"));
        assert!(reason("Id").contains("\nNot double: line 3 has x7."), "{}", reason("Id"));
        assert!(!reason("Sym").contains("Not"), "{}", reason("Sym"));
        assert!(crate::storage::schema::check(&proposal.to_toml()).is_empty());
    }

    #[test]
    fn all_that_was_told_of_a_text_is_in_the_schema() {
        let mut options =
            CsvOptions { skip_lines: 2, skip_footer_lines: 1, pad_short_rows: true, ..CsvOptions::default() };
        options.dialect =
            Dialect { quote: Some(b'\''), escape: Some(b'\\'), comment: Some(b'#'), trim: true, ..options.dialect };
        (options.header, options.encoding) = (false, Encoding::Latin1);
        options.column_names = Some(vec!["A".into(), "b c".into()]);
        let text = proposed("by x\n\n'a\\'b' , 1\n# no\n c\nend\n", &options).to_toml();
        let schema = crate::storage::schema::TableSchema::from_toml(&text, std::path::Path::new("T.toml")).unwrap();
        let again = CsvOptions::for_mapping(&schema.imports[0]).unwrap();
        assert_eq!(format!("{again:?}"), format!("{options:?}"), "{text}");
        let none = CsvOptions { dialect: Dialect { quote: None, ..Dialect::default() }, ..CsvOptions::default() };
        assert!(proposed("A,B\n\"x,1\n", &none).to_toml().contains("\nquote = \"\"\n"));
    }

    #[test]
    fn dates_alone_say_how_they_become_date_times() {
        let check = |values: &str, expected: &str| {
            let rows: String = values.split(' ').map(|value| format!("p,{value}\n")).collect();
            let proposal = proposed(&format!("Date,x\n{rows}"), &CsvOptions::default());
            let last = proposal.reasons.last().unwrap();
            assert!(last.contains(expected), "{values}: {last}");
            assert_eq!(
                expected.is_empty(),
                !last.contains("alone") && !last.contains("Times of day"),
                "{values}: {last}"
            );
        };
        check("2024-03-04 2024-03-05", "midnight of the import's zone");
        check("3/4/2024 03/05/2024", "`format = \"%d/%m/%Y\"`, or \"%m/%d/%Y\"");
        check("03.04.2024", "%d.%m.%Y");
        check("09:30 16:00:00.5", "Times of day");
        check("2024-03-04 x", "");
        check("1-2-3", "");
    }

    fn proposed(text: &str, options: &CsvOptions) -> Proposal {
        let input = CsvInput::new("x.csv", Box::new(Cursor::new(text.to_string().into_bytes())));
        propose_csv("Ns", "T", vec![input], options, None, &mut || Ok(())).unwrap()
    }

    #[test]
    fn what_the_reading_was_told_is_in_the_schema() {
        let mut options = CsvOptions { nulls: NullTexts::with(["NA"]), ..CsvOptions::default() };
        options.zone = Some(Zone::named("America/New_York").unwrap());
        options.dialect.delimiter = b';';
        let text = proposed("at;n\n2024-01-01 10:00:00;NA\n2024-01-01 11:00:00;1\n", &options).to_toml();
        for line in ["type = \"int\"", "delimiter = \";\"", "nulls = [\"\", \"(null)\", \"NA\"]", "time_zone = \"NY\""]
        {
            assert!(text.contains(&format!("\n{line}\n")), "{line} is not in {text}");
        }
        let schema = crate::storage::schema::TableSchema::from_toml(&text, std::path::Path::new("T.toml")).unwrap();
        let again = CsvOptions::for_mapping(&schema.imports[0]).unwrap();
        assert_eq!((again.nulls, again.dialect.delimiter), (options.nulls, b';'));
        assert_eq!(again.zone.unwrap().name(), "NY");
        assert!(!proposed("a,b\n1,2\n", &CsvOptions::default()).to_toml().contains("[[import]]"));
    }

    #[test]
    fn notes_show_ways_out() {
        let check = |text: &str, expected: &str| {
            let toml = proposed(text, &CsvOptions::default()).to_toml();
            assert!(toml.contains(expected), "{text:?}: {toml}");
        };
        check("n\n1.5\nnil\n2.5\n", "# Not double: line 3 has nil; --null nil takes it for null.\n");
        check("n\nNA\n3\n", "# Not double: line 2 has NA; --null NA takes it for null.\n");
        check("n\n1.5\nx\n", "# Not double: line 3 has x.\n");
        check("n\nnone\nsome\n", "such as none, some.\n[[columns]]");
        check("a;b\n1;2\n", "# Is the delimiter right? the header is one name; --delimiter ';' would separate it.\n");
    }

    #[test]
    fn counts_of_time_since_the_epoch_are_date_times_where_their_name_says_so() {
        let check = |header: &str, values: &str, expected: &str| {
            let text =
                format!("{header},x\n{}", values.split(' ').map(|value| format!("{value},1\n")).collect::<String>());
            let proposal = proposed(&text, &CsvOptions::default());
            let column = proposal.schema.columns.iter().position(|column| column.name != "Date").unwrap();
            let format = (proposal.schema.imports.first())
                .and_then(|import| import.column(&proposal.schema.columns[column].name))
                .and_then(|told| told.format.as_ref())
                .map_or("plain".to_string(), ToString::to_string);
            let found = format!("{} {format}", proposal.schema.columns[column].column_type);
            assert_eq!(found, expected, "{header}: {values}");
            // What is proposed can be deployed and imports the file.
            assert!(crate::storage::schema::check(&proposal.to_toml()).is_empty(), "{}", proposal.to_toml());
            proposal.reasons[column].clone()
        };
        let said = check("ts", "1503648000 1503648001", "DateTime epoch_s");
        assert!(said.contains("taken for seconds since 1970: from 2017-08-25 to 2017-08-25"), "{said}");
        assert!(said.contains("`format = \"epoch_s\"` below"), "{said}");
        check("event_time", "1503648000.5 1503648001", "DateTime epoch_s");
        check("Timestamp", "1503648000123", "DateTime epoch_ms");
        check("Exchange Timestamp", "1503648000123 (null) 1503648000124", "DateTime epoch_ms");
        check("epochMicros", "1503648000123456", "DateTime epoch_us");
        check("recvTs", "1503648000123456789", "DateTime epoch_ns");
        check("time_ns", "1503648000123456789", "DateTime epoch_ns");
        // The name does not say so, or a value contradicts, first or last.
        check("id", "1503648000123", "long plain");
        check("runtime", "1503648000123", "long plain");
        check("tsunami", "1503648000", "int plain");
        let said = check("time", "1503648000123 7", "long plain");
        assert!(said.contains("Not DateTime: 7 to 1503648000123 are not times since 1970 in one unit"), "{said}");
        check("time", "0 1503648000", "int plain");
        check("time", "1503648000 1503648000123", "long plain");
        check("time", "1503648000.1234567891", "double plain");
        check("time", "1.5e9", "double plain");
        check("time", "1503648000 x", "String plain");
        check("time", "93000 93001", "int plain");
        check("time", "2017-08-25T04:00:00Z", "DateTime plain");
    }
}
