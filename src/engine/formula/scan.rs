//! Predicates over chunks: the positions whose values satisfy a test, found without a branch a value.

use super::order::Ordered;
use super::predicate::{Comparison, Predicate};
use crate::base::{Primitive, Value};
use crate::io::vectorized;
use crate::memory::{Chunk, StringChunk, SymbolCode, Symbols};

/// What becomes of the positions whose values pass a test.
trait Selection {
    fn pass<T: Copy>(&mut self, values: &[T], test: impl Fn(T) -> bool);
}

/// Positions are added, ascending.
struct Added<'a>(&'a mut Vec<u32>);

/// Of the positions that there are, those remain.
struct Kept<'a>(&'a mut Vec<u32>);

impl Selection for Added<'_> {
    fn pass<T: Copy>(&mut self, values: &[T], test: impl Fn(T) -> bool) {
        select_where(values, self.0, test);
    }
}

impl Selection for Kept<'_> {
    fn pass<T: Copy>(&mut self, values: &[T], test: impl Fn(T) -> bool) {
        let mut count = 0;
        for at in 0..self.0.len() {
            let position = self.0[at];
            // `count` never passes the position.
            self.0[count] = position;
            count += usize::from(test(values[position as usize]));
        }
        self.0.truncate(count);
    }
}

impl Predicate {
    /// Appends the positions of the values that satisfy the test, ascending.
    ///
    /// Compares without a branch per value. For strings it costs O(strings of the table) too: whoever has many chunks of one table asks
    /// makes a [`SymbolTest`] once.
    pub fn select(&self, chunk: &Chunk, selected: &mut Vec<u32>) {
        if let Predicate::Constant(holds) = self {
            if *holds {
                selected.extend(0..chunk.len() as u32);
            }
            return;
        }
        if let Chunk::Object(_) | Chunk::Array(_) = chunk {
            selected.extend((0..chunk.len()).filter(|&at| self.matches(&chunk.value(at))).map(|at| at as u32));
            return;
        }
        self.pass_chunk(chunk, Added(selected));
    }

    /// Keeps of ascending positions those whose values satisfy the test. Costs as [`Predicate::select`], by the positions.
    pub fn retain(&self, chunk: &Chunk, selected: &mut Vec<u32>) {
        if let Predicate::Constant(holds) = self {
            if !*holds {
                selected.clear();
            }
            return;
        }
        if let Chunk::Object(_) | Chunk::Array(_) = chunk {
            selected.retain(|&at| self.matches(&chunk.value(at as usize)));
            return;
        }
        self.pass_chunk(chunk, Kept(selected));
    }

    /// Appends the positions of the values that satisfy this test and another one, ascending.
    pub fn select_both(&self, other: &Predicate, chunk: &Chunk, selected: &mut Vec<u32>) {
        let passed = match (self, other) {
            (Predicate::Compare { comparison: a, value: x }, Predicate::Compare { comparison: b, value: y }) => {
                let ends = match (a.is_lower_end(), b.is_lower_end()) {
                    (Some(true), Some(false)) => Some(((*a, x), (*b, y))),
                    (Some(false), Some(true)) => Some(((*b, y), (*a, x))),
                    _ => None,
                };
                ends.is_some_and(|(low, high)| select_between(low, high, chunk, selected))
            }
            _ => false,
        };
        if !passed {
            let first = selected.len();
            let mut own = Vec::new();
            self.select(chunk, &mut own);
            other.retain(chunk, &mut own);
            selected.splice(first.., own);
        }
    }

    fn pass_chunk(&self, chunk: &Chunk, selection: impl Selection) {
        match chunk {
            Chunk::String(strings) => self.pass_strings(strings, selection),
            Chunk::Char(values) => self.pass_values(values, selection),
            Chunk::Boolean(values) => self.pass_values(values, selection),
            Chunk::Byte(values) => self.pass_values(values, selection),
            Chunk::Short(values) => self.pass_values(values, selection),
            Chunk::Int(values) => self.pass_values(values, selection),
            Chunk::Long(values) | Chunk::DateTime(values) => self.pass_values(values, selection),
            Chunk::Float(values) => self.pass_values(values, selection),
            Chunk::Double(values) => self.pass_values(values, selection),
            // Values of variable width were looked at one by one.
            Chunk::Object(_) | Chunk::Array(_) => {}
        }
    }

    fn pass_strings(&self, strings: &StringChunk, mut selection: impl Selection) {
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
                Some(wanted) => selection.pass(&strings.codes, |code| (code == wanted) == equal),
                None => selection.pass(&strings.codes, |_| !equal),
            }
            return;
        }
        if symbols.len() <= 4 * strings.codes.len() {
            SymbolTest::of(self, symbols).pass(&strings.codes, selection);
        } else {
            let null = self.matches(&Value::Null);
            selection.pass(&strings.codes, |code| symbols.get(code).map_or(null, |text| self.matches_text(text)));
        }
    }

    fn pass_values<T: Ordered>(&self, values: &[T], mut selection: impl Selection) {
        match self {
            Predicate::Compare { comparison, value } => {
                let constant = T::from_value(value);
                let key = constant.key();
                match comparison {
                    Comparison::Equal => selection.pass(values, |v| v.is_same(constant)),
                    Comparison::NotEqual => selection.pass(values, |v| !v.is_same(constant)),
                    // Where the order of the raw values is that of the language, no keys are needed.
                    Comparison::Less if T::plain(constant) => selection.pass(values, |v| v < constant),
                    Comparison::LessOrEqual if T::plain(constant) => selection.pass(values, |v| v <= constant),
                    Comparison::Greater if T::plain(constant) => selection.pass(values, |v| v > constant),
                    Comparison::GreaterOrEqual if T::plain(constant) => selection.pass(values, |v| v >= constant),
                    Comparison::Less => selection.pass(values, |v| !v.is_nan() && v.key() < key),
                    Comparison::LessOrEqual => selection.pass(values, |v| !v.is_nan() && v.key() <= key),
                    Comparison::Greater => selection.pass(values, |v| !v.is_nan() && v.key() > key),
                    Comparison::GreaterOrEqual => selection.pass(values, |v| !v.is_nan() && v.key() >= key),
                }
            }
            Predicate::In { values: list, negated, .. } => {
                let negated = *negated;
                let mut keys: Vec<T::Key> = list.iter().map(|value| T::from_value(value).member_key()).collect();
                keys.sort_unstable();
                keys.dedup();
                match keys.as_slice() {
                    [] => selection.pass(values, |_| negated),
                    keys @ ([_] | [_, _] | [_, _, _]) => {
                        selection.pass(values, |v| keys.contains(&v.member_key()) != negated);
                    }
                    keys => selection.pass(values, |v| keys.binary_search(&v.member_key()).is_ok() != negated),
                }
            }
            // Text tests are made for String columns only; constants were answered before.
            Predicate::Includes { .. } | Predicate::Constant(_) => {}
        }
    }
}

/// A predicate's answer for each string of a symbol table: what codes are tested with.
#[derive(Clone, Debug)]
pub struct SymbolTest {
    matches: Vec<bool>,
    null: bool,
    /// The only code that matches, if there is one and null does not.
    only: Option<u32>,
}

impl SymbolTest {
    /// Asks the predicate once a string.
    pub fn of(predicate: &Predicate, symbols: &Symbols) -> Self {
        let (matches, null) = predicate.matches_symbols(symbols);
        let mut codes = (0..).zip(&matches).filter(|(_, matches)| **matches).map(|(code, _)| code);
        let only = match (codes.next(), codes.next()) {
            (Some(only), None) if !null => Some(only),
            _ => None,
        };
        SymbolTest { matches, null, only }
    }

    /// True if a code passes.
    pub(super) fn passes(&self, code: SymbolCode) -> bool {
        self.matches.get(code.index()).copied().unwrap_or(self.null && code.is_null())
    }

    /// The one code that passes, if there is one and null does not.
    pub(super) fn only_code(&self) -> Option<u32> {
        self.only
    }

    /// Appends the positions of the codes that pass, ascending.
    pub fn select(&self, codes: &[SymbolCode], selected: &mut Vec<u32>) {
        self.pass(codes, Added(selected));
    }

    /// Keeps of ascending positions those of codes that pass.
    pub fn retain(&self, codes: &[SymbolCode], selected: &mut Vec<u32>) {
        self.pass(codes, Kept(selected));
    }

    fn pass(&self, codes: &[SymbolCode], mut selection: impl Selection) {
        match self.only {
            // One string is a comparison of numbers.
            Some(only) => selection.pass(codes, |code| code.0 == only),
            None => selection.pass(codes, |code| self.passes(code)),
        }
    }
}

/// Appends the positions of the values between two ends; false where the order of the raw values is not that of the language.
fn select_between(
    low: (Comparison, &Value),
    high: (Comparison, &Value),
    chunk: &Chunk,
    selected: &mut Vec<u32>,
) -> bool {
    fn between<T: Ordered>(
        low: (Comparison, &Value),
        high: (Comparison, &Value),
        values: &[T],
        selected: &mut Vec<u32>,
    ) -> bool {
        let (from, to) = (T::from_value(low.1), T::from_value(high.1));
        if !T::plain(from) || !T::plain(to) {
            return false;
        }
        match (low.0, high.0) {
            (Comparison::Greater, Comparison::Less) => select_where(values, selected, |v| v > from && v < to),
            (Comparison::Greater, _) => select_where(values, selected, |v| v > from && v <= to),
            (_, Comparison::Less) => select_where(values, selected, |v| v >= from && v < to),
            _ => select_where(values, selected, |v| v >= from && v <= to),
        }
        true
    }
    match chunk {
        Chunk::Byte(values) => between(low, high, values, selected),
        Chunk::Short(values) => between(low, high, values, selected),
        Chunk::Int(values) => between(low, high, values, selected),
        Chunk::Long(values) | Chunk::DateTime(values) => between(low, high, values, selected),
        Chunk::Float(values) => between(low, high, values, selected),
        Chunk::Double(values) => between(low, high, values, selected),
        _ => false,
    }
}

/// Appends the positions of the values that satisfy a test, without a branch per value; runs of values without a match cost the test alone.
#[inline]
pub fn select_where<T: Copy>(values: &[T], selected: &mut Vec<u32>, test: impl Fn(T) -> bool) {
    vectorized(
        #[inline(always)]
        || push_where(values, selected, test),
    );
}

#[inline(always)]
fn push_where<T: Copy>(values: &[T], selected: &mut Vec<u32>, test: impl Fn(T) -> bool) {
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
