//! Filters of one column against constants: what zone maps, symbol tables and groupings can answer without reading rows.
//!
//! Invariant: constants are of the column's own type; whoever makes a [`Predicate`] has converted them.

use super::order::{Ordered, compare_values};
use crate::base::{Primitive, Value};
use crate::memory::{Chunk, StringChunk, SymbolCode, Symbols};
use crate::storage::Zone;
use std::cmp::Ordering;

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `==` and `=`.
    Equal,
    /// `!=`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessOrEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterOrEqual,
}

impl Comparison {
    /// The operator with its sides swapped: `3<A` is `A>3`.
    pub fn flipped(self) -> Self {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
            same => same,
        }
    }

    /// As written in formulas.
    pub const fn symbol(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        }
    }

    /// Whether an ordering of left to right satisfies the operator; none stands for a comparison with NaN.
    #[inline]
    pub fn holds(self, ordering: Option<Ordering>) -> bool {
        match (self, ordering) {
            (Comparison::NotEqual, ordering) => ordering != Some(Ordering::Equal),
            (_, None) => false,
            (Comparison::Equal, Some(ordering)) => ordering.is_eq(),
            (Comparison::Less, Some(ordering)) => ordering.is_lt(),
            (Comparison::LessOrEqual, Some(ordering)) => ordering.is_le(),
            (Comparison::Greater, Some(ordering)) => ordering.is_gt(),
            (Comparison::GreaterOrEqual, Some(ordering)) => ordering.is_ge(),
        }
    }
}

/// A test of single values of one column.
///
/// Null is the least value and equals itself. NaN satisfies `!=` alone, but an `in` list that has it matches it. The two zeros are equal.
#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    /// `Col op value`; the value may be null.
    Compare {
        /// The operator, the column on its left.
        comparison: Comparison,
        /// Of the column's type, or null; never NaN.
        value: Value,
    },
    /// `Col [icase] [not] in values`.
    In {
        /// Of the column's type, or null.
        values: Vec<Value>,
        /// `not in`: nulls stay, unless the list has null.
        negated: bool,
        /// Strings match without case.
        ignore_case: bool,
    },
    /// `Col [icase] [not] includes [any|all] texts`; null never matches, negated or not.
    Includes {
        /// What to look for.
        texts: Vec<String>,
        /// All of them rather than any.
        all: bool,
        /// `not includes`.
        negated: bool,
        /// Without case.
        ignore_case: bool,
    },
    /// Every row or none, whatever the value: `A<1e300` for an int column.
    Constant(bool),
}

impl Predicate {
    /// `Col = value` and null alike.
    pub fn equals(value: Value) -> Self {
        Predicate::Compare { comparison: Comparison::Equal, value }
    }

    /// Whether a value satisfies the test.
    pub fn matches(&self, value: &Value) -> bool {
        match self {
            Predicate::Compare { comparison, value: constant } => comparison.holds(compare_values(value, constant)),
            Predicate::In { values, negated, ignore_case } => {
                values.iter().any(|constant| is_member(value, constant, *ignore_case)) != *negated
            }
            Predicate::Includes { texts, all, negated, ignore_case } => {
                value.as_str().is_some_and(|text| includes(text, texts, *all, *ignore_case) != *negated)
            }
            Predicate::Constant(holds) => *holds,
        }
    }

    /// Whether a run of rows may hold a match; false only if it surely holds none.
    pub fn may_match(&self, zone: &Zone) -> bool {
        let count = zone.rows.end.saturating_sub(zone.rows.start);
        if count == 0 {
            return false;
        }
        let has_null = zone.null_count > 0;
        let has_value = zone.null_count < count;
        // All values that are not null are this one.
        let only = |value: &Value| {
            !zone.has_nan && !zone.min.is_null() && is_equal(&zone.min, value) && is_equal(&zone.max, value)
        };
        // Lies a value of this size between least and greatest? Unknown bounds say yes.
        let within = |value: &Value| {
            has_value
                && (zone.min.is_null() || compare_values(&zone.min, value).is_none_or(Ordering::is_le))
                && (zone.max.is_null() || compare_values(&zone.max, value).is_none_or(Ordering::is_ge))
        };
        match self {
            Predicate::Compare { comparison, value: Value::Null } => match comparison {
                Comparison::Equal | Comparison::LessOrEqual => has_null,
                Comparison::NotEqual | Comparison::Greater => has_value,
                Comparison::Less => false,
                Comparison::GreaterOrEqual => true,
            },
            Predicate::Compare { comparison, value } => {
                let below = |ordering: fn(Ordering) -> bool| {
                    has_null || zone.min.is_null() || compare_values(&zone.min, value).is_none_or(ordering)
                };
                let above = |ordering: fn(Ordering) -> bool| {
                    has_value && (zone.max.is_null() || compare_values(&zone.max, value).is_none_or(ordering))
                };
                match comparison {
                    Comparison::Equal => within(value),
                    Comparison::NotEqual => has_null || !only(value),
                    Comparison::Less => below(Ordering::is_lt),
                    Comparison::LessOrEqual => below(Ordering::is_le),
                    Comparison::Greater => above(Ordering::is_gt),
                    Comparison::GreaterOrEqual => above(Ordering::is_ge),
                }
            }
            Predicate::In { ignore_case: true, .. } => true,
            Predicate::In { values, negated: false, .. } => values.iter().any(|value| match value {
                Value::Null => has_null,
                value if is_nan(value) => zone.has_nan,
                value => within(value),
            }),
            Predicate::In { values, negated: true, .. } => {
                let nulls_stay = has_null && !values.iter().any(Value::is_null);
                nulls_stay || has_value && !values.iter().any(only)
            }
            Predicate::Includes { .. } => has_value,
            Predicate::Constant(holds) => *holds,
        }
    }

    /// The test's answer for each code of a symbol table, and for null. O(strings).
    pub fn matches_symbols(&self, symbols: &Symbols) -> (Vec<bool>, bool) {
        let null = self.matches(&Value::Null);
        // Equality needs no look at the strings but one.
        let listed: Option<(Vec<&str>, bool)> = match self {
            Predicate::Compare { comparison: Comparison::Equal, value } => {
                Some((value.as_str().into_iter().collect(), false))
            }
            Predicate::Compare { comparison: Comparison::NotEqual, value } => {
                Some((value.as_str().into_iter().collect(), true))
            }
            Predicate::In { values, negated, ignore_case: false } => {
                Some((values.iter().filter_map(Value::as_str).collect(), *negated))
            }
            _ => None,
        };
        let codes = match listed {
            Some((texts, negated)) if symbols.is_distinct() => {
                let mut codes = vec![negated; symbols.len()];
                for code in texts.iter().filter_map(|text| symbols.find(text)) {
                    codes[code.index()] = !negated;
                }
                codes
            }
            Some((texts, negated)) => symbols.iter().map(|symbol| texts.contains(&symbol) != negated).collect(),
            None => symbols.iter().map(|symbol| self.matches_text(symbol)).collect(),
        };
        (codes, null)
    }

    /// Appends the positions of the values that satisfy the test, ascending.
    ///
    /// Compares without a branch per value. For strings it costs O(strings of the table) too: whoever has many chunks of one table asks
    /// [`Predicate::matches_symbols`] once and uses [`select_codes`].
    pub fn select(&self, chunk: &Chunk, selected: &mut Vec<u32>) {
        if let Predicate::Constant(holds) = self {
            if *holds {
                selected.extend(0..chunk.len() as u32);
            }
            return;
        }
        match chunk {
            Chunk::String(strings) => self.select_strings(strings, selected),
            Chunk::Char(values) => self.select_values(values, selected),
            Chunk::Boolean(values) => self.select_values(values, selected),
            Chunk::Byte(values) => self.select_values(values, selected),
            Chunk::Short(values) => self.select_values(values, selected),
            Chunk::Int(values) => self.select_values(values, selected),
            Chunk::Long(values) | Chunk::DateTime(values) => self.select_values(values, selected),
            Chunk::Float(values) => self.select_values(values, selected),
            Chunk::Double(values) => self.select_values(values, selected),
            Chunk::Object(_) | Chunk::Array(_) => {
                selected.extend((0..chunk.len()).filter(|&at| self.matches(&chunk.value(at))).map(|at| at as u32));
            }
        }
    }

    fn matches_text(&self, text: &str) -> bool {
        match self {
            Predicate::Compare { comparison, value } => {
                let ordering = value
                    .as_str()
                    .map_or(Ordering::Greater, |constant| crate::memory::symbols::compare_utf16(text, constant));
                comparison.holds(Some(ordering))
            }
            Predicate::Includes { texts, all, negated, ignore_case } => {
                includes(text, texts, *all, *ignore_case) != *negated
            }
            Predicate::In { values, negated, ignore_case } => {
                let found =
                    values.iter().filter_map(Value::as_str).any(|constant| same_text(text, constant, *ignore_case));
                found != *negated
            }
            Predicate::Constant(holds) => *holds,
        }
    }

    fn select_strings(&self, strings: &StringChunk, selected: &mut Vec<u32>) {
        let symbols = &strings.symbols;
        if symbols.is_distinct()
            && let Predicate::Compare { comparison: comparison @ (Comparison::Equal | Comparison::NotEqual), value } =
                self
        {
            let wanted = match value.as_str() {
                None => Some(SymbolCode::NULL),
                Some(text) => symbols.find(text),
            };
            let equal = *comparison == Comparison::Equal;
            match wanted {
                Some(wanted) => select_where(&strings.codes, selected, |code| (code == wanted) == equal),
                None => select_where(&strings.codes, selected, |_| !equal),
            }
            return;
        }
        if symbols.len() <= 4 * strings.codes.len() {
            let (codes, null) = self.matches_symbols(symbols);
            select_codes(&strings.codes, &codes, null, selected);
        } else {
            let null = self.matches(&Value::Null);
            select_where(&strings.codes, selected, |code| {
                symbols.get(code).map_or(null, |text| self.matches_text(text))
            });
        }
    }

    fn select_values<T: Ordered>(&self, values: &[T], selected: &mut Vec<u32>) {
        match self {
            Predicate::Compare { comparison, value } => {
                let constant = T::from_value(value);
                let key = constant.key();
                match comparison {
                    Comparison::Equal => select_where(values, selected, |v| v.is_same(constant)),
                    Comparison::NotEqual => select_where(values, selected, |v| !v.is_same(constant)),
                    // Where the order of the raw values is that of the language, no keys are needed.
                    Comparison::Less if T::plain(constant) => select_where(values, selected, |v| v < constant),
                    Comparison::LessOrEqual if T::plain(constant) => select_where(values, selected, |v| v <= constant),
                    Comparison::Greater if T::plain(constant) => select_where(values, selected, |v| v > constant),
                    Comparison::GreaterOrEqual if T::plain(constant) => {
                        select_where(values, selected, |v| v >= constant)
                    }
                    Comparison::Less => select_where(values, selected, |v| !v.is_nan() && v.key() < key),
                    Comparison::LessOrEqual => select_where(values, selected, |v| !v.is_nan() && v.key() <= key),
                    Comparison::Greater => select_where(values, selected, |v| !v.is_nan() && v.key() > key),
                    Comparison::GreaterOrEqual => select_where(values, selected, |v| !v.is_nan() && v.key() >= key),
                }
            }
            Predicate::In { values: list, negated, .. } => {
                let negated = *negated;
                let mut keys: Vec<T::Key> = list.iter().map(|value| T::from_value(value).member_key()).collect();
                keys.sort_unstable();
                keys.dedup();
                match keys.as_slice() {
                    [] => select_where(values, selected, |_| negated),
                    keys @ ([_] | [_, _] | [_, _, _]) => {
                        select_where(values, selected, |v| keys.contains(&v.member_key()) != negated);
                    }
                    keys => select_where(values, selected, |v| keys.binary_search(&v.member_key()).is_ok() != negated),
                }
            }
            // Text tests are made for String columns only; constants were answered before.
            Predicate::Includes { .. } | Predicate::Constant(_) => {}
        }
    }
}

/// Appends the positions of the codes for which `matches` (and `null` for the null code) says true.
pub fn select_codes(codes: &[SymbolCode], matches: &[bool], null: bool, selected: &mut Vec<u32>) {
    select_where(codes, selected, |code| matches.get(code.index()).copied().unwrap_or(null && code.is_null()));
}

/// Appends the positions of the values that satisfy a test, without a branch per value; runs of values without a match cost the test alone.
#[inline]
pub fn select_where<T: Copy>(values: &[T], selected: &mut Vec<u32>, test: impl Fn(T) -> bool) {
    const BLOCK: usize = 32;
    let start = selected.len();
    selected.resize(start + values.len(), 0);
    let out = &mut selected[start..];
    let mut count = 0;
    for (number, block) in values.chunks(BLOCK).enumerate() {
        if !block.iter().fold(false, |any, &value| any | test(value)) {
            continue;
        }
        for (at, &value) in block.iter().enumerate() {
            // `count` never passes the position.
            out[count] = (number * BLOCK + at) as u32;
            count += usize::from(test(value));
        }
    }
    selected.truncate(start + count);
}

fn is_nan(value: &Value) -> bool {
    match value {
        Value::Float(v) => v.is_nan(),
        Value::Double(v) => v.is_nan(),
        _ => false,
    }
}

fn is_equal(a: &Value, b: &Value) -> bool {
    compare_values(a, b) == Some(Ordering::Equal)
}

fn is_member(value: &Value, constant: &Value, ignore_case: bool) -> bool {
    match (value.as_str(), constant.as_str()) {
        (Some(a), Some(b)) => same_text(a, b, ignore_case),
        _ => is_equal(value, constant) || is_nan(value) && is_nan(constant),
    }
}

fn same_text(a: &str, b: &str, ignore_case: bool) -> bool {
    a == b || ignore_case && fold(a) == fold(b)
}

fn includes(text: &str, texts: &[String], all: bool, ignore_case: bool) -> bool {
    let folded;
    let text = if ignore_case {
        folded = fold(text);
        folded.as_str()
    } else {
        text
    };
    let found =
        |wanted: &String| if ignore_case { text.contains(&fold(wanted)) } else { text.contains(wanted.as_str()) };
    if all { texts.iter().all(found) } else { texts.iter().any(found) }
}

/// Text for comparison without case: upper, then lower, as Java does it per character.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.to_uppercase().to_lowercase() }
}
