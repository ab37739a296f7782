//! Functions beyond the numbered rules: lengths of time, formats, chance, conversions, functions and casts over arrays.

use super::{check, evaluate, refuses};

/// An expression without columns: one value for all rows.
fn constant(expression: &str, expected: &str) {
    let (kind, value) = expected.split_once(": ").unwrap();
    check(expression, &format!("{kind}: {}", [value; 4].join(" ")));
}

#[test]
fn lengths_of_time_and_times_of_day() {
    for (expression, expected) in [
        ("'PT5M'", "long: 300000000000"),
        ("'T5m'", "long: 300000000000"),
        ("'1D'", "long: 86400000000000"),
        ("'04:30'", "long: 16200000000000"),
        ("'2017-08-25T09:30:00 NY'+'PT30M'=='2017-08-25T10:00:00 NY'", "boolean: true"),
        ("'2017-01-31T00:00:00 UTC'+'1M'=='2017-02-28T00:00:00 UTC'", "boolean: true"),
        ("'1M'+'2017-01-31T00:00:00 UTC'=='2017-02-28T00:00:00 UTC'", "boolean: true"),
        ("'2016-02-29T12:00:00 UTC'-'P1Y'=='2015-02-28T12:00:00 UTC'", "boolean: true"),
        ("plus('2017-01-31T00:00:00 UTC','P1MT1H')=='2017-02-28T01:00:00 UTC'", "boolean: true"),
        ("minus('2017-03-31T00:00:00 UTC','1M')=='2017-02-28T00:00:00 UTC'", "boolean: true"),
        ("lowerBin('2017-08-25T09:31:00 NY','PT5M')=='2017-08-25T09:30:00 NY'", "boolean: true"),
        ("secondsToNanos(2)", "long: 2000000000"),
        ("nanosToMillis(-1500000L)", "long: -1"),
        ("nanosToMicros(NULL_LONG)", "long: null"),
        ("dayDiff('2017-08-25 UTC','2017-08-27 UTC')", "double: 2.0"),
        ("yearDiff('2017-01-01 UTC','2018-01-01 UTC')", "double: 1.0"),
        ("'2017-08-25T09:30:00 NY'.toString(TZ_NY)", "String: `2017-08-25T09:30:00.000000000 NY`"),
        ("'2017-08-25T22:30:00 NY'.toDateString(TZ_UTC)", "String: `2017-08-26`"),
        ("autoEpochToTime(1503667800L)==autoEpochToTime(1503667800000L)", "boolean: true"),
        ("autoEpochToTime(1503667800000000L)==autoEpochToTime(1503667800000000000L)", "boolean: true"),
        ("convertDateTimeQuiet(`123`)==nanosToTime(123000000000L)", "boolean: true"),
        ("convertDateTime(`-45`)==nanosToTime(-45000000000L)", "boolean: true"),
        ("isNull(convertDateTimeQuiet(`+123`))", "boolean: true"),
    ] {
        constant(expression, expected);
    }
    check("T+'1M'", "DateTime: 2678400000000000 1506346200000000000 null 2678399999999999");
    refuses("'1M'", "months and years have no fixed length");
    refuses("A+'1M'", "takes a DateTime");
    refuses("'2262-01-01 UTC'+'P1Y'", "outside of");
    refuses("'1X'", "is not a date-time");
}

#[test]
fn formats() {
    check("String.format(`%d:%s`,A,K)", "String: `1:ab` `-7:cd` `-2147483648:x` `0:cd`");
    check("String.format(`%05.1f|%2$s`,D,P)", "String: `002.5|true` `Infinity|false` `-Infinity|null` `000.0|true`");
    constant("String.format(`%s %s %%`,null,'c')", "String: `null c %`");
    refuses("String.format(K,A)", "text constant");
    refuses("String.format(`%d`,D)", "%d of String.format takes no double");
    refuses("String.format(`%d`)", "wants an argument 1");
    refuses("String.format(`%q`,A)", "no conversion that is known");
}

#[test]
fn conversions_of_javas_classes() {
    for (expression, expected) in [
        ("Integer.valueOf(5L)", "int: 5"),
        ("Long.valueOf(`12`)", "long: 12"),
        ("Double.compare(1.0,2.0)+Integer.compare(2,1)*10+Long.compare(3L,3L)", "int: 9"),
        ("Character.toUpperCase('a')", "char: 'A'"),
        ("Character.toLowerCase('É')", "char: 'é'"),
        ("Character.toUpperCase('ß')", "char: 'ß'"),
        ("nullToValue(NULL_INT,5)", "int: 5"),
        ("roundDecimalPlaces(1.2345,2)", "double: 1.23"),
        ("roundDecimalPlaces(-1.5,0)", "double: -1.0"),
        ("roundDecimalPlaces(1e300,300)", "double: 1e300"),
    ] {
        constant(expression, expected);
    }
    // A null char is another unit as a number, and that unit is null as a char (rule 41).
    check("true ? C : A", "int: 97 98 65535 48");
    check("isNull((char)(A-1))", "boolean: false false true true");
}

#[test]
fn functions_and_casts_of_the_elements_of_arrays() {
    for (expression, expected) in [
        ("abs(new int[]{-1,2,NULL_INT})", "int[]: [1,2,null]"),
        ("sqrt(new int[]{4,9})", "double[]: [2.0,3.0]"),
        ("Math.max(new int[]{1,5},3)", "int[]: [3,5]"),
        ("(double[])new int[]{1,NULL_INT}", "double[]: [1.0,null]"),
        ("(long)new double[]{1.9,-1.9}", "long[]: [1,-1]"),
        ("intCast(new double[]{1.9})", "int[]: [1]"),
        ("replaceIfNull(new int[]{1,NULL_INT},7)", "int[]: [1,7]"),
        ("isNull(new int[]{1,NULL_INT})", "boolean: false"),
        ("sum(abs(new int[]{-1,2}))", "long: 3"),
        ("signum(new double[]{-2.0,NaN})", "int[]: [-1,0]"),
        ("lowerBin(new int[]{7,12},5)", "int[]: [5,10]"),
    ] {
        constant(expression, expected);
    }
    check("pow(new int[]{2,3},A)[0]", "double: 2.0 0.0078125 null 1.0");
    refuses("(String)new int[]{1}", "cannot be cast to String");
    refuses("nowhere(new int[]{1})", "unknown function nowhere");
}

#[test]
fn chance_keeps_to_its_bounds_and_a_row_keeps_its_number() {
    // `evaluate` reads twice and compares.
    for (expression, test) in [
        ("random()", "X>=0 && X<1"),
        ("Math.random()", "X>=0 && X<1"),
        ("randomInt(-2,3)", "X>=-2 && X<3"),
        ("randomLong(-9223372036854775807L,9223372036854775807L)", "!isNull(X)"),
        ("randomDouble(5,6)", "X>=5 && X<6"),
        ("randomFloat(5,6)", "X>=5f && X<=6f"),
        ("randomGaussian(100,1)", "X>80 && X<120"),
    ] {
        let filter = test.replace('X', expression);
        // Each mention has a seed of its own, so the parts hold or fail for themselves.
        assert_eq!(evaluate(&format!("({filter})")).unwrap(), "boolean: true true true true", "{expression}");
    }
    check("isNull(randomInt(A,B))", "boolean: false false true true");
    assert_ne!(evaluate("random()").unwrap(), evaluate("random()").unwrap());
    let values = evaluate("random()").unwrap();
    let distinct: std::collections::HashSet<&str> = values.split(' ').collect();
    assert_eq!(distinct.len(), 5, "{values}");
    evaluate("randomBool()").unwrap();
    refuses("randomInt(3,3)", "no random number");
    refuses("randomInt(1)", "takes 2 arguments");
}
