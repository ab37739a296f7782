//! Filters of one column against constants: what zone maps, symbol tables and groupings can answer without reading rows.
//!
//! Invariant: constants are of the column's own type; whoever makes a [`Predicate`] has converted them.

use super::order::compare_values;
use crate::base::Value;
use crate::memory::Symbols;
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

    /// True where values from a constant upwards satisfy it, false where those up to one do; none for equality.
    pub(super) fn is_lower_end(self) -> Option<bool> {
        match self {
            Comparison::Greater | Comparison::GreaterOrEqual => Some(true),
            Comparison::Less | Comparison::LessOrEqual => Some(false),
            Comparison::Equal | Comparison::NotEqual => None,
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
                value.as_str().is_some_and(|text| includes(text, texts, *all, *negated, *ignore_case))
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

    pub(super) fn matches_text(&self, text: &str) -> bool {
        match self {
            Predicate::Compare { comparison, value } => {
                let ordering = value
                    .as_str()
                    .map_or(Ordering::Greater, |constant| crate::memory::symbols::compare_utf16(text, constant));
                comparison.holds(Some(ordering))
            }
            Predicate::Includes { texts, all, negated, ignore_case } => {
                includes(text, texts, *all, *negated, *ignore_case)
            }
            Predicate::In { values, negated, ignore_case } => {
                let found =
                    values.iter().filter_map(Value::as_str).any(|constant| same_text(text, constant, *ignore_case));
                found != *negated
            }
            Predicate::Constant(holds) => *holds,
        }
    }
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

/// Whether any, or all, of the texts occur; with `negated` whether any, or all, do not.
fn includes(text: &str, texts: &[String], all: bool, negated: bool, ignore_case: bool) -> bool {
    let folded;
    let text = if ignore_case {
        folded = fold(text);
        folded.as_str()
    } else {
        text
    };
    let passes = |wanted: &String| {
        let found = if ignore_case { text.contains(&fold(wanted)) } else { text.contains(wanted.as_str()) };
        found != negated
    };
    if all { texts.iter().all(passes) } else { texts.iter().any(passes) }
}

/// Text for comparison without case: upper, then lower, as Java does it per character, `ß` being no `ss`.
pub(super) fn fold(text: &str) -> String {
    fn single(c: char) -> char {
        let mut upper = c.to_uppercase();
        let upper = match (upper.next(), upper.next()) {
            (Some(one), None) => one,
            _ => c,
        };
        upper.to_lowercase().next().unwrap_or(upper)
    }
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.chars().map(single).collect() }
}
