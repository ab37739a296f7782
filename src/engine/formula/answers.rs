//! What the bounds of a run of values say about a test: that none of them passes, that all do, or that the values have to be looked at.

use super::order::Ordered;
use super::predicate::{Comparison, Predicate};
use super::scan::SymbolTest;
use crate::base::Primitive;
use crate::memory::{Bounds, Chunk, Others, SymbolCode};

/// More codes, or values of an `in` list, than this are not asked one by one.
const ASKED: usize = 64;

/// How much of a run passes a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing.
    None,
    /// Perhaps some.
    Open,
    /// Everything.
    All,
}

impl Answer {
    /// The answer to two tests that must both be passed.
    pub fn and(self, other: Answer) -> Answer {
        match (self, other) {
            (Answer::None, _) | (_, Answer::None) => Answer::None,
            (Answer::All, Answer::All) => Answer::All,
            _ => Answer::Open,
        }
    }

    /// `any` value, `all` values pass.
    fn of(any: bool, all: bool) -> Answer {
        match (any, all) {
            (_, true) => Answer::All,
            (true, false) => Answer::Open,
            (false, false) => Answer::None,
        }
    }
}

impl Predicate {
    /// The test's answer for each run. Strings are codes: [`SymbolTest::answers`] knows more.
    pub fn answers(&self, bounds: &Bounds) -> Vec<Answer> {
        match (&bounds.least, &bounds.greatest) {
            (Chunk::Char(least), Chunk::Char(greatest)) => self.answer_all(least, greatest, &bounds.others),
            (Chunk::Boolean(least), Chunk::Boolean(greatest)) => self.answer_all(least, greatest, &bounds.others),
            (Chunk::Byte(least), Chunk::Byte(greatest)) => self.answer_all(least, greatest, &bounds.others),
            (Chunk::Short(least), Chunk::Short(greatest)) => self.answer_all(least, greatest, &bounds.others),
            (Chunk::Int(least), Chunk::Int(greatest)) => self.answer_all(least, greatest, &bounds.others),
            (Chunk::Long(least), Chunk::Long(greatest)) | (Chunk::DateTime(least), Chunk::DateTime(greatest)) => {
                self.answer_all(least, greatest, &bounds.others)
            }
            (Chunk::Float(least), Chunk::Float(greatest)) => self.answer_all(least, greatest, &bounds.others),
            (Chunk::Double(least), Chunk::Double(greatest)) => self.answer_all(least, greatest, &bounds.others),
            _ => vec![Answer::Open; bounds.len()],
        }
    }

    fn answer_all<T: Ordered>(&self, least: &[T], greatest: &[T], others: &[Others]) -> Vec<Answer> {
        let runs =
            || least.iter().zip(greatest).zip(others).map(|((least, greatest), others)| (*least, *greatest, *others));
        match self {
            Predicate::Compare { comparison, value } => {
                let constant = T::from_value(value);
                let key = constant.key();
                let holds = |value: T| {
                    if value.is_nan() {
                        return *comparison == Comparison::NotEqual;
                    }
                    comparison.holds(Some(value.key().cmp(&key)))
                };
                let (null, nan) = (holds(T::NULL), *comparison == Comparison::NotEqual);
                let answer = |(least, greatest, others): (T, T, Others)| {
                    let (any, all) = match comparison {
                        Comparison::Equal | Comparison::NotEqual if least.is_null() => (holds(least), holds(least)),
                        Comparison::Equal | Comparison::NotEqual => {
                            let within = least.key() <= key && key <= greatest.key();
                            let only = least.key() == key && key == greatest.key();
                            if *comparison == Comparison::Equal { (within, only) } else { (!only, !within) }
                        }
                        // What lies between two values that pass, or fail, does as they do.
                        _ => (holds(least) || holds(greatest), holds(least) && holds(greatest)),
                    };
                    Answer::of(
                        any || others.null && null || others.nan && nan,
                        all && (null || !others.null) && (nan || !others.nan),
                    )
                };
                runs().map(answer).collect()
            }
            Predicate::In { values: list, negated: false, .. } if list.len() <= ASKED => {
                let keys: Vec<T::Key> = list.iter().map(|value| T::from_value(value).member_key()).collect();
                let answer = |(least, greatest, others): (T, T, Others)| {
                    let (low, high) = (least.member_key(), greatest.member_key());
                    let within = keys.iter().any(|key| low <= *key && *key <= high);
                    let (null, nan) = (T::NULL.member_key(), list.iter().any(|value| T::from_value(value).is_nan()));
                    Answer::of(within || others.null && keys.contains(&null) || others.nan && nan, false)
                };
                runs().map(answer).collect()
            }
            Predicate::Constant(true) => vec![Answer::All; least.len()],
            Predicate::Constant(false) => vec![Answer::None; least.len()],
            Predicate::In { .. } | Predicate::Includes { .. } => vec![Answer::Open; least.len()],
        }
    }
}

impl SymbolTest {
    /// The answer for each run of codes.
    pub fn answers(&self, bounds: &Bounds) -> Vec<Answer> {
        let (Chunk::String(least), Chunk::String(greatest)) = (&bounds.least, &bounds.greatest) else {
            return vec![Answer::Open; bounds.len()];
        };
        let runs = least.codes.iter().zip(&greatest.codes).zip(&bounds.others);
        runs.map(|((least, greatest), others)| self.answer(*least, *greatest, *others)).collect()
    }

    fn answer(&self, least: SymbolCode, greatest: SymbolCode, others: Others) -> Answer {
        if least.is_null() {
            return Answer::of(self.passes(least), self.passes(least));
        }
        let codes = || (least.0..=greatest.0).map(SymbolCode);
        if greatest.0.saturating_sub(least.0) as usize >= ASKED {
            return match self.only_code() {
                Some(only) if only < least.0 || only > greatest.0 => Answer::None,
                _ => Answer::Open,
            };
        }
        let null = self.passes(SymbolCode::NULL);
        let any = codes().any(|code| self.passes(code)) || others.null && null;
        Answer::of(any, codes().all(|code| self.passes(code)) && (null || !others.null))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{ColumnType, Value};
    use crate::engine::testing::{COLUMNS, push_bounds, value};
    use proptest::prelude::*;

    const COMPARISONS: [Comparison; 6] = [
        Comparison::Equal,
        Comparison::NotEqual,
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
    ];

    fn answer(predicate: &Predicate, chunk: &Chunk) -> Answer {
        let mut bounds = Bounds::new(chunk.column_type());
        assert!(push_bounds(chunk, chunk.len() as u64, &mut bounds));
        match chunk {
            Chunk::String(strings) => SymbolTest::of(predicate, &strings.symbols).answers(&bounds)[0],
            _ => predicate.answers(&bounds)[0],
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        /// What bounds say of a test agrees with every value between them.
        #[test]
        fn answers_hold_for_the_values(
            (column_type, values, constants) in prop::sample::select(COLUMNS.map(|(_, t)| t).to_vec()).prop_flat_map(|t| {
                (Just(t), prop::collection::vec(value(t), 1..5), prop::collection::vec(value(t), 1..4))
            })
        ) {
            let chunk = Chunk::from_values(column_type, &values).unwrap();
            let is_nan = |value: &Value| {
                matches!(value, Value::Float(v) if v.is_nan()) || matches!(value, Value::Double(v) if v.is_nan())
            };
            let mut predicates: Vec<Predicate> = [false, true]
                .map(|negated| Predicate::In { values: constants.clone(), negated, ignore_case: false })
                .into();
            for constant in constants.iter().filter(|value| !is_nan(value)) {
                predicates.extend(COMPARISONS.map(|comparison| Predicate::Compare { comparison, value: constant.clone() }));
            }
            for predicate in predicates {
                let passed = values.iter().filter(|value| predicate.matches(value)).count();
                let holds = match answer(&predicate, &chunk) {
                    Answer::None => passed == 0,
                    Answer::All => passed == values.len(),
                    Answer::Open => true,
                };
                prop_assert!(holds, "{predicate:?} of {values:?}: {:?}", answer(&predicate, &chunk));
            }
        }
    }

    /// Bounds decide where they can: an answer that is always open would be right, and useless.
    #[test]
    fn answers_decide() {
        let ints = Chunk::from_values(ColumnType::Int, &[5, 7, 9].map(Value::Int)).unwrap();
        let with_null = Chunk::from_values(ColumnType::Int, &[Value::Int(5), Value::Null]).unwrap();
        let with_nan = Chunk::from_values(ColumnType::Double, &[1.0, f64::NAN].map(Value::Double)).unwrap();
        let texts = Chunk::from_values(ColumnType::String, &["a", "b"].map(Value::string)).unwrap();
        use Answer::{All, None, Open};
        use Comparison::{Equal, Greater, Less, NotEqual};
        for (chunk, comparison, value, expected) in [
            (&ints, Greater, Value::Int(4), All),
            (&ints, Greater, Value::Int(5), Open),
            (&ints, Greater, Value::Int(9), None),
            (&ints, Less, Value::Int(5), None),
            (&ints, Less, Value::Int(10), All),
            (&ints, Equal, Value::Int(4), None),
            (&ints, Equal, Value::Int(6), Open),
            (&ints, NotEqual, Value::Int(4), All),
            (&ints, Equal, Value::Null, None),
            (&ints, NotEqual, Value::Null, All),
            (&with_null, Greater, Value::Int(4), Open),
            (&with_null, Less, Value::Int(6), All),
            (&with_null, Equal, Value::Null, Open),
            (&with_nan, Greater, Value::Double(0.0), Open),
            (&with_nan, Greater, Value::Double(1.0), None),
            (&with_nan, NotEqual, Value::Double(2.0), All),
            (&texts, Equal, Value::string("c"), None),
            (&texts, NotEqual, Value::string("c"), All),
            (&texts, Equal, Value::string("a"), Open),
        ] {
            let predicate = Predicate::Compare { comparison, value };
            assert_eq!(answer(&predicate, chunk), expected, "{predicate:?} of {chunk:?}");
        }
    }
}
