//! Arithmetic, comparisons, casts and filters.

use super::{check, keeps, refuses};

#[test]
fn arithmetic() {
    for (expression, expected) in [
        ("A+B", "int: 11 -4 null null"),
        ("A+L", "long: 6 -8 null 4000000000"),
        ("Y+Y", "int: 2 254 null -254"),
        ("L+F", "float: 6.5 -0.9 null 4000000000.0"),
        ("A/B", "double: 0.1 -2.3333333333333335 null null"),
        ("A/0", "double: inf -inf null NaN"),
        ("A%3", "int: 1 -1 null 0"),
        ("7+A*2-1", "int: 8 -8 null 6"),
        ("A=1", "boolean: true false false false"),
        ("(int)X*2", "int: 2 0 null 0"),
        ("-A", "int: -1 7 null 0"),
    ] {
        check(expression, expected);
    }
    refuses("A%0", "remainder by zero");
}

#[test]
fn filters() {
    for (text, expected) in [
        ("A<3", &[0, 1, 2, 3][..]),
        ("A>0", &[0]),
        ("K=`cd`", &[1, 3]),
        ("K in `ab`, `x`", &[0, 2]),
        ("K in names", &[1, 2, 3]),
        ("K=name && A=0", &[3]),
        ("F=0.1", &[1]),
        ("isNull(S)", &[2]),
        ("!isNull(S)", &[0, 1, 3]),
    ] {
        keeps(text, expected);
    }
    refuses("a>1", "unknown column a");
    refuses("A+1", "this is a int");
}
