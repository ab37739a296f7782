//! Text that nobody would write: nothing panics, overflows the stack or takes long.

use super::*;
use crate::base::ErrorKind;
use proptest::prelude::*;

/// Evaluates both as a column and as a filter; what comes of it does not matter.
fn try_both(text: &str) {
    let _ = evaluate(text);
    let _ = filter(text);
}

#[test]
fn deep_nesting_is_refused() {
    for (open, middle, close) in [
        ("(", "A", ")"),
        ("-", "A", ""),
        ("!", "Q", ""),
        ("(int)", "A", ""),
        ("1+(", "A", ")"),
        ("abs(", "A", ")"),
        ("Q?1:", "2", ""),
        ("Q?", "1", ":2"),
        ("A_[", "A", "]"),
        ("K.concat(", "K", ")"),
        ("new StringBuilder(", "K", ")"),
        ("A in ", "1", ""),
        ("1-2*", "1", ""),
        ("Q && (Q || ", "Q", ")"),
    ] {
        for depth in [5, 60, 10_000] {
            let text = format!("{}{middle}{}", open.repeat(depth), close.repeat(depth));
            let result = evaluate(&text);
            if depth == 10_000
                && !matches!(open, "1-2*" | "A in ")
                && let Err(error) = &result
            {
                assert_eq!(error.kind(), ErrorKind::Limit, "{open}: {error}");
            }
            let _ = filter(&text);
        }
    }
    let text = format!("{}A{}", "(".repeat(60), ")".repeat(60));
    check(&text, "int: 1 -7 null 0");
}

#[test]
fn long_chains_are_evaluated() {
    let sum = vec!["A"; 10_000].join("+");
    check(&sum, "int: 10000 -70000 null 0");
    let text = vec!["K"; 2_000].join("+");
    assert!(evaluate(&text).unwrap().starts_with("String: `abab"));
    let any = (0..2_000).map(|n| format!("A=={n}")).collect::<Vec<_>>().join(" || ");
    keeps(&any, &[0, 3]);
    let all = vec!["!isNull(S) && S.length()>=0"; 1_000].join(" && ");
    keeps(&all, &[0, 1, 3]);
    check(&format!("K{}.length()", ".trim()".repeat(5_000)), "int: 2 2 1 2");
    check(&format!("max({})", vec!["A"; 5_000].join(",")), "int: 1 -7 null 0");
    let list = (0..5_000).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    keeps(&format!("A in {list}"), &[0, 3]);
    let error = evaluate(&vec!["A"; 40_000].join("+")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
}

#[test]
fn places_are_told() {
    let error = filter("A>1 &&\n  Bogus>2").unwrap_err();
    assert_eq!(error.position(), Some((2, 3)));
    let error = evaluate("A+b").unwrap_err();
    // Counted in the whole text, `R=A+b`.
    assert_eq!(error.position(), Some((1, 5)));
    let error = filter("`é`==K && x").unwrap_err();
    assert_eq!(error.position(), Some((1, 11)));
}

#[test]
fn names_of_columns_are_checked() {
    for (text, message) in [
        ("1Z=A", "cannot be a column name"),
        ("A-B=1", "cannot be a column name"),
        ("été=A", "cannot be a column name"),
        ("in=A", "reserved word"),
        ("Z=", "the formula ends"),
        ("Z", "unknown column Z"),
        ("A+1", "cannot be a column name"),
        ("=1", "cannot be a column name"),
    ] {
        let error = compile_select(text, &schema(&table()), &scope()).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains(message), "{text}: {error}");
    }
    let formula = compile_select(" New = A ", &schema(&table()), &scope()).unwrap();
    assert_eq!((formula.name(), formula.as_column(), formula.column_type()), ("New", Some("A"), ColumnType::Int));
    let formula = compile_select("B=A+i", &schema(&table()), &scope()).unwrap();
    assert_eq!(
        (formula.inputs(), formula.as_column(), formula.uses_row_position()),
        (&["A".to_string()][..], None, true)
    );
    assert_eq!(parse_rename(" New = Old ").unwrap(), ("New".to_string(), "Old".to_string()));
    assert!(parse_rename("New").is_err() && parse_rename("New=a b").is_err());
    assert_eq!(parse_column_list("A, B,,C "), ["A", "B", "C"]);
}

const TOKENS: &[&str] = &[
    "A",
    "B",
    "L",
    "Y",
    "H",
    "F",
    "X",
    "D",
    "C",
    "S",
    "K",
    "P",
    "Q",
    "T",
    "A_",
    "S_",
    "i",
    "ii",
    "k",
    "thr",
    "names",
    "square",
    "1",
    "0",
    "2L",
    "1.5",
    "1.5f",
    "0x1F",
    "`x`",
    "``",
    "\"y\"",
    "'c'",
    "'2017-08-25T09:30:00 NY'",
    "true",
    "false",
    "null",
    "NULL_INT",
    "NaN",
    "SECOND",
    "TZ_NY",
    "+",
    "-",
    "*",
    "/",
    "%",
    "&",
    "|",
    "^",
    "!",
    "=",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "&&",
    "||",
    "?",
    ":",
    "(",
    ")",
    "[",
    "]",
    ",",
    ".",
    "(int)",
    "(String)",
    "(double)",
    "in",
    "not",
    "icase",
    "includes",
    "any",
    "all",
    "abs(",
    "max(",
    "isNull(",
    "lowerBin(",
    "year(",
    "format(",
    ".length()",
    ".split(`x`)",
    ".substring(1)",
    ".charAt(0)",
    ".size()",
    ".call(",
    "[i-1]",
    "new StringBuilder(",
    ".toString()",
    "Math.abs(",
    "replaceIfNull(",
    "{",
    "}",
    "é",
    "\\",
    "\n",
    "#",
    "'",
    "`",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn token_soup_never_panics(tokens in prop::collection::vec(prop::sample::select(TOKENS), 0..12)) {
        try_both(&tokens.join(" "));
        try_both(&tokens.concat());
    }

    #[test]
    fn characters_never_panic(text in "\\PC{0,40}") {
        try_both(&text);
    }

    /// Expressions that are well formed, so that evaluation is reached.
    #[test]
    fn operators_never_panic(operands in prop::collection::vec(prop::sample::select(&TOKENS[..40]), 1..8),
        operators in prop::collection::vec(prop::sample::select(&TOKENS[40..58]), 8)) {
        let mut text = String::new();
        for (operand, operator) in operands.iter().zip(&operators) {
            text.push_str(operand);
            text.push_str(operator);
        }
        text.push_str(operands[0]);
        try_both(&text);
    }
}

proptest! {
    /// Chunks of any length and symbol tables of any size give what single rows give.
    #[test]
    fn symbol_mapping_agrees_with_rows(texts in prop::collection::vec(prop::option::of("[a-c]{0,3}"), 0..40)) {
        let chunk = Chunk::strings(texts.iter().map(Option::as_deref)).unwrap();
        let columns = vec![("S", ColumnType::String)];
        let formula = compile_select("R=isNull(S) ? -1 : S.indexOf(`b`)", &columns, &scope()).unwrap();
        let input = |chunk: &Chunk| {
            let columns = [chunk.clone()];
            let input = Input { len: chunk.len(), columns: &columns, positions: Positions::Range(0), keys: Positions::Range(0), arrays: &NoWholeColumns };
            formula.evaluate(&input).unwrap()
        };
        let expected: Vec<Value> = texts.iter().map(|text| Value::Int(match text {
            None => -1,
            Some(text) => text.find('b').map_or(-1, |at| at as i32),
        })).collect();
        for _ in 0..2 {
            let found = input(&chunk);
            prop_assert_eq!((0..found.len()).map(|at| found.value(at)).collect::<Vec<_>>(), expected.clone());
        }
    }

    /// The kernels of a predicate, for every type, give what it says of single values.
    #[test]
    fn predicates_agree_with_single_values(
        values in prop::collection::vec(prop::option::of(prop::sample::select(vec![-2.5, -1.0, -0.0, 0.0, 1.0, 2.0, 2.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY])), 0..20),
        text in prop::sample::select(vec!["V<1", "V<=0.0", "V>0.0", "V>=-1", "V=0.0", "V!=0.0", "V=null", "V!=null", "V>null", "V<=NEG_INFINITY_DOUBLE",
            "V>NEG_INFINITY_DOUBLE", "V in 0.0, 2.0", "V in NaN", "V not in 0.0, 1.0, 2.0, 2.5, NaN, null", "V<2.5", "V>=2.5"]),
    ) {
        for column_type in [ColumnType::Byte, ColumnType::Short, ColumnType::Int, ColumnType::Long, ColumnType::Float, ColumnType::Double] {
            let cells: Vec<Value> = values.iter().map(|v| v.map_or(Value::Null, |v| kernels::cast::value_to(&Value::Double(v), column_type).unwrap())).collect();
            // A cast may land on the sentinel.
            let chunk = Chunk::from_values(column_type, &cells).unwrap();
            let filter = compile_filter(text, &vec![("V", column_type)], &scope()).unwrap();
            let (_, predicate) = filter.column_predicate().unwrap();
            let mut selected = Vec::new();
            predicate.select(&chunk, &mut selected);
            let expected: Vec<u32> = (0..chunk.len() as u32).filter(|&at| predicate.matches(&chunk.value(at as usize))).collect();
            prop_assert_eq!(selected, expected, "{} of {}", text, column_type);
        }
    }
}
