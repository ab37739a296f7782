//! `pilaster validate`.

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Outcome, counted};
use crate::progress::Progress;
use clap::Args;
use pilaster::base::{Error, Result};
use pilaster::io::{clock::Stopwatch, interrupt};
use pilaster::storage::catalog::TableEntry;
use pilaster::storage::schema::{CountRule, RangeRule, TableSchema, Validation, parse_literal};
use pilaster::storage::validation::{Check, ValidationReport};
use serde_json::{Value, json};

/// Check merged partitions against their intraday rows and declared rules
///
/// Compares row counts, each column's values and whole rows of history with the intraday rows, as long as there are any, and evaluates the rules of the
/// schema's `validation` and those given here. Exit code 1 and up to 100 rows of each rule that does not hold.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  pilaster validate --namespace LearnDeephaven --table StockQuotes --partition 2017-08-25 --not-null Sym --range Bid=0..100000"
)]
pub(crate) struct Validate {
    /// The table's namespace
    #[arg(long, value_name = "NAME")]
    namespace: String,
    /// The table
    #[arg(long, value_name = "NAME")]
    table: String,
    /// Column partitions, one after the other
    #[arg(long, value_name = "VALUE", required = true, num_args = 1..)]
    partition: Vec<String>,
    /// Fail where there are no intraday rows to compare with
    #[arg(long)]
    compare: bool,
    /// A column without nulls
    #[arg(long, value_name = "COL")]
    not_null: Vec<String>,
    /// A column in which no value stands twice
    #[arg(long, value_name = "COL")]
    unique: Vec<String>,
    /// A column that does not descend, within a group
    #[arg(long, value_name = "COL")]
    sorted: Vec<String>,
    /// Bounds of a column's values, both included; either may be left out
    #[arg(long, value_name = "COL=MIN..MAX")]
    range: Vec<String>,
    /// The most nulls that a column has
    #[arg(long, value_name = "COL=N")]
    nulls: Vec<String>,
    /// Bounds of the partition's rows; either may be left out
    #[arg(long, value_name = "MIN..MAX")]
    rows: Option<String>,
}

impl Validate {
    pub(crate) fn run(self, context: &Context) -> std::result::Result<(), Failure> {
        let stopwatch = Stopwatch::start();
        let table = context.catalog()?.table(&self.namespace, &self.table)?;
        let rules = self.rules(table.schema())?;
        let (mut rows, mut partitions, mut failed) = (0, Vec::new(), 0);
        for partition in &self.partition {
            let report = validate(&table, partition, &rules, self.compare, context)?;
            failed += print_failures(partition, &report, context);
            rows += report.rows;
            partitions.push(outcome_of(partition, &report));
        }
        let seconds = stopwatch.elapsed_seconds();
        let outcome = Outcome::default()
            .with("rows", rows)
            .with("seconds", seconds)
            .with("partitions", partitions)
            .with("errors", failed);
        let found =
            if failed == 0 { "all checks hold".to_owned() } else { format!("{} failed", counted(failed, "check")) };
        let sentence =
            format!("validated {} of {} in {seconds:.2} s: {found}", counted(rows, "row"), table.schema().full_name());
        context.print_outcome(&outcome, &sentence)?;
        if failed > 0 { Err(Failure::Told) } else { Ok(()) }
    }

    /// The schema's rules and those of the command line.
    fn rules(&self, schema: &TableSchema) -> Result<Validation> {
        let mut rules = schema.validation.clone();
        rules.not_null.extend(self.not_null.iter().cloned());
        rules.unique.extend(self.unique.iter().cloned());
        rules.sorted.extend(self.sorted.iter().cloned());
        for text in &self.range {
            let (column, bounds) = split(text, '=', "--range COL=MIN..MAX")?;
            let (min, max) = split_bounds(bounds)?;
            let column_type = schema.definition.require(column)?.column_type;
            let value = |text: Option<&str>| text.map(|text| parse_literal(column_type, text)).transpose();
            rules.ranges.push(RangeRule { column: column.to_owned(), min: value(min)?, max: value(max)? });
        }
        for text in &self.nulls {
            let (column, count) = split(text, '=', "--nulls COL=N")?;
            let null_max = Some(number(count)?);
            schema.definition.require(column)?;
            rules.counts.push(CountRule {
                column: column.to_owned(),
                null_max,
                distinct_min: None,
                distinct_max: None,
            });
        }
        if let Some(bounds) = &self.rows {
            let (min, max) = split_bounds(bounds)?;
            (rules.row_count_min, rules.row_count_max) = (min.map(number).transpose()?, max.map(number).transpose()?);
        }
        Ok(rules)
    }
}

/// Validates a partition, with a progress bar.
pub(super) fn validate(
    table: &TableEntry,
    partition: &str,
    rules: &Validation,
    compare: bool,
    context: &Context,
) -> Result<ValidationReport> {
    let bar = Progress::start(context.quiet(), &format!("validating {partition}"), Some(0));
    table.validate(partition, rules, compare, &|done, total| {
        bar.phase("", done, total);
        interrupt::check()
    })
}

/// Says which checks failed, with the rows that show it; gives their number.
pub(super) fn print_failures(partition: &str, report: &ValidationReport, context: &Context) -> u64 {
    let failed: Vec<&Check> = report.checks.iter().filter(|check| check.violations > 0).collect();
    for check in &failed {
        context.complain(&format!("{partition}: {}: {}", check.name, counted(check.violations, "violation")));
        for example in &check.examples {
            match example.row {
                Some(row) => context.complain(&format!("  {} row {row}: {}", example.location, example.what)),
                None => context.complain(&format!("  {}", example.what)),
            }
        }
    }
    failed.len() as u64
}

/// A partition's checks, for programs.
pub(super) fn outcome_of(partition: &str, report: &ValidationReport) -> Value {
    let checks = report.checks.iter().map(|check| {
        let examples = check.examples.iter();
        let examples: Vec<Value> = examples
            .map(|example| json!({"location": example.location, "row": example.row, "what": example.what}))
            .collect();
        json!({"name": check.name, "violations": check.violations, "examples": examples})
    });
    json!({"column_partition": partition, "rows": report.rows, "checks": checks.collect::<Vec<_>>()})
}

fn split<'a>(text: &'a str, at: char, form: &str) -> Result<(&'a str, &'a str)> {
    text.split_once(at).ok_or_else(|| Error::invalid(format!("{text:?} is not of the form {form}")))
}

fn split_bounds(text: &str) -> Result<(Option<&str>, Option<&str>)> {
    let Some((min, max)) = text.split_once("..") else {
        return Err(Error::invalid(format!("{text:?} is not of the form MIN..MAX")));
    };
    let given = |text: &str| !text.is_empty();
    if !given(min) && !given(max) {
        return Err(Error::invalid("bounds without a least and a greatest value"));
    }
    Ok((given(min).then_some(min), given(max).then_some(max)))
}

fn number(text: &str) -> Result<u64> {
    text.parse().map_err(|_| Error::invalid(format!("{text:?} is not a count")))
}
