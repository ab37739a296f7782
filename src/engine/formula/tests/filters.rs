//! Filters: which rows stay, which filters are predicates, and what zones and symbol tables answer.

use super::*;
use crate::storage::Zone;

#[test]
fn rules_50_to_55_filters() {
    for (text, expected) in [
        ("A<3", &[0, 1, 2, 3][..]),
        ("A>0", &[0]),
        ("A>=0", &[0, 3]),
        ("X<=0", &[2, 3]),
        ("3<A", &[]),
        ("0<=A", &[0, 3]),
        ("A=1", &[0]),
        ("A==1", &[0]),
        ("1=A", &[0]),
        ("A!=1", &[1, 2, 3]),
        ("A=null", &[2]),
        ("A==NULL_INT", &[2]),
        ("X=NULL_DOUBLE", &[2]),
        ("A!=null", &[0, 1, 3]),
        ("isNull(S)", &[2]),
        ("!isNull(S)", &[0, 1, 3]),
        // 28, 29: a filter on a bare column takes the zeros as one.
        ("X=NaN", &[]),
        ("X!=NaN", &[0, 1, 2, 3]),
        ("X<NaN", &[]),
        ("X>=0.0", &[0, 3]),
        ("X<0.0", &[2]),
        ("X=0.0", &[3]),
        ("X>-0.0", &[0]),
        ("X+0.0>=0.0", &[0, 3]),
        ("D>=NEG_INFINITY_DOUBLE", &[0, 1, 2, 3]),
        ("D<=NEG_INFINITY_DOUBLE", &[2]),
        ("X<=NEG_INFINITY_DOUBLE", &[2]),
        ("X>NEG_INFINITY_DOUBLE", &[0, 3]),
        ("X>null", &[0, 3]),
        // 30, 31
        ("A=1.0", &[0]),
        ("A=1.5", &[]),
        ("A!=1.5", &[0, 1, 2, 3]),
        ("A>0.5", &[0]),
        ("A<0.5", &[1, 2, 3]),
        ("A>-7.5", &[0, 1, 3]),
        ("A<=-7.5", &[2]),
        ("A<10000000000", &[0, 1, 2, 3]),
        ("A>-10000000000", &[0, 1, 3]),
        ("A<=-1e300", &[2]),
        ("Y<1000", &[0, 1, 2, 3]),
        ("Y>126.5", &[1]),
        ("L>half", &[0, 3]),
        ("F=0.1", &[1]),
        ("F>0.1", &[0]),
        ("F>=-0.1", &[0, 1, 3]),
        ("F+0==0.1", &[]),
        // Text.
        ("K=`cd`", &[1, 3]),
        ("K!=`cd`", &[0, 2]),
        ("S!=`hello`", &[1, 2, 3]),
        ("S=``", &[1]),
        ("S=`absent`", &[]),
        ("S!=`absent`", &[0, 1, 2, 3]),
        ("K>`b`", &[1, 2, 3]),
        ("S<=``", &[1, 2]),
        ("  K  =  `cd`  ", &[1, 3]),
        ("C='a'", &[0]),
        ("C>'a'", &[1]),
        ("C<'a'", &[2, 3]),
        ("T>='2017-08-25T09:30:00 NY'", &[1]),
        // 52
        ("K in `ab`,`x`", &[0, 2]),
        ("K IN `ab`", &[0]),
        ("K not in `ab`, `x`", &[1, 3]),
        ("S not in `hello`", &[1, 2, 3]),
        ("S in `hello`, null", &[0, 2]),
        ("S not in `hello`, null", &[1, 3]),
        ("K icase in `AB`, `Cd`", &[0, 1, 3]),
        ("K icase not in `AB`", &[1, 2, 3]),
        ("K in names", &[1, 2, 3]),
        ("K not in names", &[0]),
        ("K in name, `x`", &[1, 2, 3]),
        ("A in 1,null", &[0, 2]),
        ("A in 1, -7, 5, 6, 7", &[0, 1]),
        ("A in 1.0, 0.5", &[0]),
        ("A in (1)", &[0]),
        ("A in 1+0, 2-2", &[0, 3]),
        ("X in NaN, 0.0", &[1, 3]),
        ("X not in NaN", &[0, 2, 3]),
        ("F in 0.1, 1.5", &[0, 1]),
        ("T in '1970-01-01T00:00:00 UTC'", &[0]),
        ("P in true", &[0, 3]),
        ("C in 'a','0'", &[0, 3]),
        ("(K in `ab`,`x`) && A=1", &[0]),
        ("K in `ab`,`x` && A=1", &[0]),
        ("A+1 in 2, 1", &[0, 3]),
        // 53
        ("S includes `l`", &[0]),
        ("S includes `l`, `a`", &[0, 3]),
        ("S includes any `l`,`a`", &[0, 3]),
        ("S includes all `l`,`h`", &[0]),
        ("S not includes `l`, `a`", &[0, 1, 3]),
        ("S not includes any `l`,`a`", &[0, 1, 3]),
        ("S not includes all `l`,`a`", &[1]),
        ("K='x'", &[2]),
        ("S icase includes `HELL`", &[0]),
        ("S not includes `l`", &[1, 3]),
        ("S icase not includes `L`", &[1, 3]),
        ("S includes names", &[]),
        // Several tests.
        ("A=1 || K=`x`", &[0, 2]),
        ("A!=1 && K=`cd` && X<0.5", &[3]),
        ("X<0.0 && A=0", &[3]),
        ("F=0.1 && A<0", &[]),
        ("(A<9 && (A>-9 && i>0)) && Q", &[1]),
        ("!(K=`ab` || K=`x`)", &[1, 3]),
        ("K=name && A=0", &[3]),
        ("S!=null && S.contains(`ll`)", &[0]),
        ("Q", &[0, 1]),
        ("!Q", &[2, 3]),
        ("P=true", &[0, 3]),
        ("P!=true", &[1, 2]),
        ("P==Q", &[0]),
        ("true", &[0, 1, 2, 3]),
        ("false", &[]),
        ("i%2=0", &[0, 2]),
        ("ii>1", &[2, 3]),
        ("k<2", &[0, 1]),
        ("A>A_[i-1]", &[0, 3]),
        ("in(A,1,0)", &[0, 3]),
        ("thr>A", &[0, 1, 2, 3]),
    ] {
        keeps(text, expected);
    }
    for (text, message) in [
        ("P", "null in a condition"),
        ("!P", "null in a condition"),
        ("A+1", "a filter is true or false, this is a int"),
        ("A", "compare it, as in A>0"),
        ("a>1", "unknown column a; the nearest is A"),
        ("Nope=`x`", "unknown column Nope"),
        ("A=`x`", "int and String cannot be compared"),
        ("A in `x`", "int and String cannot be compared"),
        ("K in 1", "String and int cannot be compared"),
        ("K in (`a`,`b`)", "without brackets"),
        ("K in A", "constants"),
        ("K in", "expected a value"),
        ("A includes `x`", "includes takes a String"),
        ("A icase in 1", "icase in takes a String"),
        ("S includes null", "includes takes text"),
        ("K>5", "String and int cannot be compared"),
        ("Sym=`AAPL", "no closing `"),
        ("S.startsWith(`h`)", "a null String has no startsWith()"),
    ] {
        refuses(text, message);
    }
}

/// The filters that are predicates, with their column.
#[test]
fn filters_of_one_column_are_predicates() {
    for (text, column) in [
        ("A>1", Some("A")),
        ("1<A", Some("A")),
        ("K=`x`", Some("K")),
        ("K in `x`,`y`", Some("K")),
        ("isNull(K)", Some("K")),
        ("!isNull(K)", Some("K")),
        ("T>='2017-08-25T09:30:00 NY'+5*MINUTE", Some("T")),
        ("A>thr*2", Some("A")),
        ("A>B", None),
        ("A+1>2", None),
        ("A>1 && A<5", None),
        ("i>1", None),
        ("K.length()>1", None),
    ] {
        let filter = compile_filter(text, &schema(&table()), &scope()).unwrap();
        assert_eq!(filter.column_predicate().map(|(name, _)| name), column, "{text}");
    }
}

#[test]
fn parts_of_a_conjunction_are_predicates_where_that_is_the_same_test() {
    for (text, expected) in [
        ("K=`x` && A>1", &[Some("K"), Some("A")][..]),
        ("(K=`x` && X>1) && A>B", &[Some("K"), Some("X"), None]),
        ("X>0.0 && X!=0.0 && F=1", &[None, Some("X"), None]),
        ("A>B && K.length()>1 && A=1 && B>L && L>B", &[None, Some("A"), None]),
        ("A>1 || A<0", &[None]),
        ("F=0.1", &[Some("F")]),
    ] {
        let filters = compile_filters(text, &schema(&table()), &scope()).unwrap();
        let found: Vec<_> = filters.iter().map(|f| f.column_predicate().map(|(name, _)| name)).collect();
        assert_eq!(found, expected, "{text}");
    }
    assert!(compile_filters("K=`x` && A", &schema(&table()), &scope()).is_err());
}

#[test]
fn zones_are_kept_exactly_where_they_may_match() {
    let zone =
        |rows: u64, null_count, min: Value, max: Value, has_nan| Zone { rows: 0..rows, null_count, min, max, has_nan };
    let ints = zone(10, 0, Value::Int(5), Value::Int(9), false);
    let with_nulls = zone(10, 3, Value::Int(5), Value::Int(9), false);
    let only_nulls = zone(10, 10, Value::Null, Value::Null, false);
    let unknown = zone(10, 0, Value::Null, Value::Null, false);
    let single = zone(10, 0, Value::Int(7), Value::Int(7), false);
    for (text, expected) in [
        ("A=4", [false, false, false, true, false]),
        ("A=7", [true, true, false, true, true]),
        ("A!=7", [true, true, true, true, false]),
        ("A<5", [false, true, true, true, false]),
        ("A<=5", [true, true, true, true, false]),
        ("A>9", [false, false, false, true, false]),
        ("A>=9", [true, true, false, true, false]),
        ("A>6", [true, true, false, true, true]),
        ("A=null", [false, true, true, false, false]),
        ("A!=null", [true, true, false, true, true]),
        ("A in 1,2", [false, false, false, true, false]),
        ("A in 1,null", [false, true, true, true, false]),
        ("A in 1,8", [true, true, false, true, false]),
        ("A not in 7", [true, true, true, true, false]),
        ("A=1.5", [false; 5]),
        ("A<1e300", [true; 5]),
    ] {
        let filter = compile_filter(text, &schema(&table()), &scope()).unwrap();
        let (_, predicate) = filter.column_predicate().unwrap();
        let found = [&ints, &with_nulls, &only_nulls, &unknown, &single].map(|zone| predicate.may_match(zone));
        assert_eq!(found, expected, "{text}");
    }
    assert!(!Predicate::Constant(true).may_match(&zone(0, 0, Value::Null, Value::Null, false)));
    let nan = Predicate::In { values: vec![Value::Double(f64::NAN)], negated: false, ignore_case: false };
    assert!(nan.may_match(&zone(2, 0, Value::Double(1.0), Value::Double(1.0), true)));
    assert!(!nan.may_match(&zone(2, 0, Value::Double(1.0), Value::Double(1.0), false)));
}

#[test]
fn symbol_tables_answer_as_single_values_do() {
    let strings = [Some("hello"), Some(""), None, Some("Hello"), Some("cd")];
    let Chunk::String(chunk) = Chunk::strings(strings).unwrap() else { unreachable!() };
    for text in [
        "K=`hello`",
        "K!=`hello`",
        "K=null",
        "K<`a`",
        "K>=`Hello`",
        "K in `hello`,`x`,null",
        "K not in `hello`",
        "K icase in `HELLO`",
        "K icase not in `HELLO`",
        "K includes `l`",
        "K not includes `l`",
        "K icase includes all `H`,`O`",
    ] {
        let filter = compile_filter(text, &schema(&table()), &scope()).unwrap();
        let (_, predicate) = filter.column_predicate().unwrap();
        let (codes, null) = predicate.matches_symbols(&chunk.symbols);
        let by_code: Vec<bool> =
            chunk.codes.iter().map(|code| codes.get(code.index()).copied().unwrap_or(null)).collect();
        let by_value: Vec<bool> =
            strings.iter().map(|s| predicate.matches(&s.map_or(Value::Null, Value::string))).collect();
        assert_eq!(by_code, by_value, "{text}");
        let (mut selected, mut through_codes) = (Vec::new(), Vec::new());
        predicate.select(&Chunk::String(chunk.clone()), &mut selected);
        SymbolTest::of(predicate, &chunk.symbols).select(&chunk.codes, &mut through_codes);
        let expected: Vec<u32> = (0..5).filter(|&at| by_value[at as usize]).collect();
        assert_eq!((selected, through_codes), (expected.clone(), expected), "{text}");
    }
}
