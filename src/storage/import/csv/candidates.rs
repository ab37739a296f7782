//! What type a column of text is: every type is a candidate until a value rules it out.

use super::day_month::DayMonth;
use super::distinct::Distinct;
use super::words::is_of_time;
use crate::base::date_time;
use crate::base::date_time::parse::{has_time, has_zone};
use crate::base::text::{DateTimeReader, EpochUnit, FromText, NumberStyle, Refusal};
use crate::base::{Boolean, ColumnType, Primitive};
use foldhash::quality::FixedState;
use std::hash::BuildHasher;

/// The candidates besides String, the best first.
pub(in crate::storage::import) const CANDIDATES: [ColumnType; 6] = [
    ColumnType::Int,
    ColumnType::Long,
    ColumnType::Double,
    ColumnType::Boolean,
    ColumnType::DateTime,
    ColumnType::Char,
];
const INT: usize = 0;
const LONG: usize = 1;
const DOUBLE: usize = 2;
const BOOLEAN: usize = 3;
const DATE_TIME: usize = 4;
const CHAR: usize = 5;

/// Texts kept of a column as examples.
const SAMPLES_MAX: usize = 5;
/// Characters kept of a text.
const TEXT_MAX: usize = 60;

/// What is known of a column after some of its values; merges with what is known after the following ones.
#[derive(Clone, Debug, Default)]
pub(in crate::storage::import) struct Candidates {
    /// How numbers are written.
    pub(in crate::storage::import) style: NumberStyle,
    /// The first value that ruled a candidate out: where it is, and the value.
    pub(in crate::storage::import) ruled_out: [Option<(u64, String)>; 6],
    /// Unquoted nulls.
    pub(in crate::storage::import) nulls: u64,
    /// Quoted fields without text: null unless the column is a String.
    pub(in crate::storage::import) empties: u64,
    /// Values that are neither.
    pub(in crate::storage::import) values: u64,
    pub(in crate::storage::import) distinct: Distinct,
    pub(in crate::storage::import) samples: Vec<String>,
    pub(in crate::storage::import) numbers: Trend<f64>,
    pub(in crate::storage::import) times: Trend<i64>,
    pub(in crate::storage::import) texts: TextTrend,
    /// True if a date-time names no zone.
    pub(in crate::storage::import) without_zone: bool,
    /// The most digits behind the point of a number; none if one is written in a way that counts of time are not.
    pub(in crate::storage::import) fraction: Fraction,
    /// Date-times of another form.
    pub(in crate::storage::import) day_month: DayMonth,
}

/// The digits behind the point of the numbers of a column.
#[derive(Clone, Copy, Debug)]
pub(in crate::storage::import) struct Fraction(Option<usize>);

impl Default for Fraction {
    fn default() -> Self {
        Fraction(Some(0))
    }
}

impl Fraction {
    /// The most of both.
    fn merge(&mut self, other: Fraction) {
        self.0 = self.0.zip(other.0).map(|(mine, its)| mine.max(its));
    }

    /// Of a number that is no integer.
    fn of(text: &[u8]) -> Self {
        let (whole, behind) = match text.iter().position(|c| *c == b'.') {
            Some(point) => (&text[..point], &text[point + 1..]),
            None => (text, &[][..]),
        };
        let digits = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
        Fraction((digits(whole) && digits(behind)).then_some(behind.len()))
    }
}

/// The run of a column's values: whether none is less than the one before, and the least and greatest.
#[derive(Clone, Debug)]
pub(in crate::storage::import) struct Trend<T> {
    run: Option<Run<T>>,
    pub(in crate::storage::import) ascending: bool,
}

#[derive(Clone, Copy, Debug)]
struct Run<T> {
    first: T,
    last: T,
    least: T,
    greatest: T,
}

impl<T> Default for Trend<T> {
    fn default() -> Self {
        Trend { run: None, ascending: true }
    }
}

impl<T: PartialOrd + Copy> Trend<T> {
    /// Least and greatest value.
    pub(in crate::storage::import) fn range(&self) -> Option<(T, T)> {
        self.run.map(|run| (run.least, run.greatest))
    }

    #[inline]
    pub(super) fn add(&mut self, value: T) {
        self.append(Run { first: value, last: value, least: value, greatest: value });
    }

    pub(super) fn merge(&mut self, later: Trend<T>) {
        self.ascending &= later.ascending;
        if let Some(run) = later.run {
            self.append(run);
        }
    }

    #[inline]
    fn append(&mut self, later: Run<T>) {
        let Some(run) = &mut self.run else {
            self.run = Some(later);
            return;
        };
        self.ascending &= run.last <= later.first;
        run.last = later.last;
        if later.least < run.least {
            run.least = later.least;
        }
        if later.greatest > run.greatest {
            run.greatest = later.greatest;
        }
    }
}

/// First and last text, and whether none is less than the one before.
#[derive(Clone, Debug)]
pub(in crate::storage::import) struct TextTrend {
    ends: Option<(Text, Text)>,
    pub(in crate::storage::import) ascending: bool,
}

/// Bytes of a text that are compared; what differs behind them only is in no order that matters.
const COMPARED_BYTES: usize = 256;

/// The begin of a text.
#[derive(Clone, Debug)]
struct Text {
    begin: Vec<u8>,
    is_whole: bool,
}

impl Text {
    fn of(text: &[u8]) -> Self {
        Text { begin: text[..text.len().min(COMPARED_BYTES)].to_vec(), is_whole: text.len() <= COMPARED_BYTES }
    }
}

impl Default for TextTrend {
    fn default() -> Self {
        TextTrend { ends: None, ascending: true }
    }
}

impl TextTrend {
    fn last_is(&self, text: &[u8]) -> bool {
        self.ends.as_ref().is_some_and(|(_, last)| last.is_whole && last.begin == text)
    }

    fn add(&mut self, text: &[u8]) {
        let compared = &text[..text.len().min(COMPARED_BYTES)];
        match &mut self.ends {
            Some((_, last)) => {
                self.ascending &= last.begin.as_slice() <= compared;
                last.begin.clear();
                last.begin.extend_from_slice(compared);
                last.is_whole = compared.len() == text.len();
            }
            None => self.ends = Some((Text::of(text), Text::of(text))),
        }
    }

    fn merge(&mut self, later: TextTrend) {
        self.ascending &= later.ascending;
        let Some((first, last)) = later.ends else { return };
        match &mut self.ends {
            Some((_, mine)) => {
                self.ascending &= mine.begin <= first.begin;
                *mine = last;
            }
            None => self.ends = Some((first, last)),
        }
    }
}

impl Candidates {
    /// Looks at a value that is not null. `at` says where it is, to be kept if it rules something out.
    pub(in crate::storage::import) fn add(
        &mut self,
        text: &[u8],
        at: u64,
        date_times: &mut DateTimeReader,
        state: &FixedState,
    ) {
        self.values += 1;
        if self.texts.last_is(text) {
            // The same text as before rules nothing out and is no new value.
            return;
        }
        self.texts.add(text);
        self.distinct.add(state.hash_one(text));
        if self.samples.len() < SAMPLES_MAX {
            let sample = shorten(text);
            if !self.samples.contains(&sample) {
                self.samples.push(sample);
            }
        }
        if self.is_alive(INT) || self.is_alive(LONG) || self.is_alive(DOUBLE) {
            self.add_number(text, at);
        }
        if self.is_alive(BOOLEAN) && Boolean::from_text(text).is_err() {
            self.rule_out(BOOLEAN, text, at);
        }
        if self.is_alive(DATE_TIME) {
            // A date alone is more often the value of a partition than an instant: it stays a String.
            match date_times.read(text) {
                Ok(nanos) if has_time(utf8(text)) => {
                    self.times.add(nanos);
                    self.without_zone |= !has_zone(utf8(text));
                    self.day_month.rule_out();
                }
                _ => self.rule_out(DATE_TIME, text, at),
            }
        }
        if !self.is_alive(DATE_TIME) {
            self.day_month.add(text, date_times);
        }
        if self.is_alive(CHAR) && u16::from_text(text).is_err() {
            self.rule_out(CHAR, text, at);
        }
    }

    fn add_number(&mut self, text: &[u8], at: u64) {
        let mut usual = Vec::new();
        let usual = if self.style.is_usual() { Some(text) } else { self.style.usual(text, &mut usual) };
        match usual.map_or(Number::None, number) {
            Number::Integer(value) => {
                self.numbers.add(value as f64);
                if self.is_alive(INT) && i32::try_from(value).map_or(true, Primitive::is_null) {
                    self.rule_out(INT, text, at);
                }
            }
            Number::Double(value) => {
                self.numbers.add(value);
                self.fraction.merge(usual.map_or(Fraction::default(), Fraction::of));
                for candidate in [INT, LONG] {
                    self.rule_out(candidate, text, at);
                }
            }
            Number::None => {
                for candidate in [INT, LONG, DOUBLE] {
                    self.rule_out(candidate, text, at);
                }
            }
        }
    }

    /// The text stood in quotes where numbers and truth values have none.
    pub(in crate::storage::import) fn rule_out_quoted(&mut self, text: &[u8], at: u64) {
        for candidate in [INT, LONG, DOUBLE, BOOLEAN] {
            self.rule_out(candidate, text, at);
        }
    }

    /// The text stood without quotes where characters have some.
    pub(in crate::storage::import) fn rule_out_bare(&mut self, text: &[u8], at: u64) {
        self.rule_out(CHAR, text, at);
    }

    fn is_alive(&self, candidate: usize) -> bool {
        self.ruled_out[candidate].is_none()
    }

    fn rule_out(&mut self, candidate: usize, text: &[u8], at: u64) {
        self.ruled_out[candidate].get_or_insert_with(|| (at, shorten(text)));
    }

    /// Adds what is known of the values that follow.
    pub(in crate::storage::import) fn merge(&mut self, later: Candidates) {
        for (mine, its) in self.ruled_out.iter_mut().zip(later.ruled_out) {
            if mine.is_none() {
                *mine = its;
            }
        }
        self.nulls += later.nulls;
        self.empties += later.empties;
        self.values += later.values;
        self.without_zone |= later.without_zone;
        self.fraction.merge(later.fraction);
        self.day_month.merge(later.day_month);
        self.distinct.merge(&later.distinct);
        for sample in later.samples {
            if self.samples.len() < SAMPLES_MAX && !self.samples.contains(&sample) {
                self.samples.push(sample);
            }
        }
        self.numbers.merge(later.numbers);
        self.times.merge(later.times);
        self.texts.merge(later.texts);
    }

    /// The best candidate left; String if there is none, or no value at all.
    pub(in crate::storage::import) fn column_type(&self) -> ColumnType {
        let best = (0..CANDIDATES.len()).find(|&candidate| self.is_alive(candidate));
        match best {
            Some(best) if self.values > 0 => CANDIDATES[best],
            _ => ColumnType::String,
        }
    }

    /// The unit in which all numbers are times since the epoch that people have to do with, given the name of their column; none where the name does not speak of time, or a number is no
    /// such time.
    pub(in crate::storage::import) fn epoch(&self, name: &str) -> Option<EpochUnit> {
        if !matches!(self.column_type(), ColumnType::Int | ColumnType::Long | ColumnType::Double) || !is_of_time(name) {
            return None;
        }
        let (least, greatest) = self.numbers.range()?;
        let fits = |unit: &EpochUnit| {
            let seconds = |number: f64| number / (date_time::SECOND / unit.nanos()) as f64;
            let digits_max = unit.nanos().ilog10() as usize;
            (EPOCH_SECONDS.contains(&seconds(least)) && EPOCH_SECONDS.contains(&seconds(greatest)))
                && self.fraction.0.is_some_and(|digits| digits <= digits_max)
        };
        [EpochUnit::Seconds, EpochUnit::Millis, EpochUnit::Micros, EpochUnit::Nanos].into_iter().find(fits)
    }
}

/// Seconds since the epoch that a file's times plausibly are: 1980 to 2100. No number is so in two units.
const EPOCH_SECONDS: std::ops::RangeInclusive<f64> = 315_532_800.0..=4_102_444_800.0;
enum Number {
    Integer(i64),
    Double(f64),
    None,
}

/// The number that a text is if nothing is lost by taking it for one: not with a leading zero or plus, which codes and telephone
/// numbers have, and not an integer that only a double could hold.
fn number(text: &[u8]) -> Number {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if matches!(digits, [b'0', b'0'..=b'9', ..] | [b'+', ..]) {
        return Number::None;
    }
    match i64::from_text(text) {
        Ok(value) => Number::Integer(value),
        Err(Refusal::NotOfType) => f64::from_text(text).map_or(Number::None, Number::Double),
        Err(_) => Number::None,
    }
}

fn utf8(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}

fn shorten(text: &[u8]) -> String {
    utf8(text).chars().take(TEXT_MAX).collect()
}
