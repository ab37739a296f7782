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
        ("Math.floorMod(-7,3)*10+Math.floorDiv(-7,3)", "int: 17"),
        ("Math.floorMod(7,-3)*10+Math.floorDiv(7,-3)", "int: -23"),
        ("Math.floorMod(-7L,3)", "long: 2"),
        ("negate(5)", "int: -5"),
        ("negate(NULL_DOUBLE)", "double: null"),
        ("replaceIfNonFinite(0.0/0.0,1.0)", "double: 1.0"),
        ("replaceIfNonFinite(NULL_DOUBLE,1.0)", "double: 1.0"),
        ("clamp((byte)9,(byte)-1,(byte)5)", "byte: 5"),
        ("clamp((short)-9,(short)-1,(short)5)", "short: -1"),
        ("inRange((byte)5,(byte)-1,(byte)5)", "boolean: true"),
        ("inRange(NULL_SHORT,(short)-1,(short)5)", "boolean: false"),
        // 22: below the range the lower end wraps, the upper one does not.
        ("upperBin(MIN_INT,5)", "int: -2147483645"),
        ("upperBin(MIN_LONG,5)", "long: -9223372036854775805"),
        ("lowerBin(7.5,5.0,2.0)", "double: 7.0"),
        ("upperBin(7.5,5.0,2.0)", "double: 12.0"),
        ("upperBin(NULL_DOUBLE,5.0,2.0)", "double: null"),
        ("lowerBin(7.5f,5f,2f)", "float: 7.0"),
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

#[test]
fn arrays_of_single_values_and_single_values_of_arrays() {
    check("enlist(A,2L)", "long[]: [1,2] [-7,2] [null,2] [0,2]");
    check("array(K,`z`)", "String[]: [\"ab\",\"z\"] [\"cd\",\"z\"] [\"x\",\"z\"] [\"cd\",\"z\"]");
    check("repeat(K,2)", "String[]: [\"ab\",\"ab\"] [\"cd\",\"cd\"] [\"x\",\"x\"] [\"cd\",\"cd\"]");
    check("repeat(1.5f,A==0 ? NULL_INT : 1)", "float[]: [1.5] [1.5] [1.5] null");
    check("vec(enlist(A))", "int[]: [1] [-7] [null] [0]");
    for (expression, expected) in [
        ("unique(new int[]{1,1,NULL_INT})", "int: 1"),
        ("unique(new int[]{1,2})", "int: null"),
        ("unique(new double[]{NaN})", "double: null"),
        ("unique(new double[]{NaN,1.0})", "double: null"),
        ("unique(new String[]{`a`,null,`a`})", "String: `a`"),
        ("uniqueObj(new String[]{`a`,`b`})", "String: null"),
        ("unique(new boolean[]{true,true})", "boolean: true"),
        ("isNull(unique(new long[]{}))", "boolean: true"),
        ("binSearchIndex(new int[]{NULL_INT,1,3,3,9},3,BinSearch.BS_LOWEST)", "int: 2"),
        ("binSearchIndex(new int[]{NULL_INT,1,3,3,9},3,BinSearch.BS_HIGHEST)", "int: 3"),
        ("binSearchIndex(new int[]{NULL_INT,1,3,3,9},4,BinSearch.BS_ANY)", "int: -5"),
        ("binSearchIndex(new int[]{1},0,BinSearch.BS_ANY)", "int: -1"),
        ("binSearchIndex(new double[]{-1.0,0.0,NaN},NaN,BinSearch.BS_ANY)", "int: 2"),
        ("binSearchIndex(new long[]{},5,BinSearch.BS_ANY)", "int: -1"),
        ("wavg(new BigDecimal[]{new BigDecimal(`1.5`),new BigDecimal(`4`)},new int[]{1,3})", "BigDecimal: 3.375"),
        (
            "wsum(new BigInteger[]{new BigInteger(`9223372036854775807`)},new long[]{2L})",
            "BigInteger: 18446744073709551614",
        ),
        ("wsum(new BigDecimal[]{new BigDecimal(`0.10`),null},new int[]{3,4})", "BigDecimal: 0.30"),
        ("wavg(new BigDecimal[]{new BigDecimal(`1`)},new double[]{2.0})", "double: 1.0"),
        ("isNull(wavg(new BigDecimal[]{new BigDecimal(`1`)},new int[]{0}))", "boolean: true"),
    ] {
        constant(expression, expected);
    }
    for (expression, part) in [
        ("repeat(1,-1)", "cannot be repeated -1 times"),
        ("repeat(1,2000000000L)", "elements in one step"),
        ("enlist(1,`a`)", "values of one type"),
        ("enlist(null)", "has no type"),
        ("binSearchIndex(new int[]{1},1,7)", "takes a choice here"),
        ("wavg(new BigDecimal[]{new BigDecimal(`1`)},new int[]{1,2})", "2"),
        ("wavg(new BigDecimal[]{new BigDecimal(`1`)},new String[]{`a`})", "there is no wavg"),
    ] {
        refuses(expression, part);
    }
}

#[test]
fn instances_are_told_by_type() {
    check("K instanceof String", "boolean: true true true true");
    check("A instanceof Integer", "boolean: true true false true");
    check("A instanceof Long || K instanceof java.lang.CharSequence", "boolean: true true true true");
    check("!(A instanceof Number)", "boolean: false false true false");
    check("enlist(A) instanceof int[] && !(A instanceof double[])", "boolean: true true true true");
    check("T instanceof Instant", "boolean: true true false true");
    check("null instanceof String", "boolean: false false false false");
    refuses("A instanceof Nope", "Nope");
    refuses("A instanceof", "a class");
}

#[test]
fn texts_as_bytes_units_and_lines() {
    check("K.getBytes()", "byte[]: [97,98] [99,100] [120] [99,100]");
    check("K.toCharArray().length", "int: 2 2 1 2");
    for (expression, expected) in [
        ("`é`.getBytes().length", "int: 2"),
        ("`😀a`.toCharArray().length", "int: 3"),
        ("`😀a`.codePointAt(0)", "int: 128512"),
        ("`😀a`.codePointAt(1)", "int: 56832"),
        ("`😀a`.codePointAt(2)", "int: 97"),
        ("`a\\nb\\r\\n\\rc\\n`.lines().length", "int: 4"),
        ("`x`.lines()[0]", "String: `x`"),
        ("``.lines().length", "int: 0"),
    ] {
        constant(expression, expected);
    }
    refuses("`a`.codePointAt(1)", "beyond a text of length 1");
    refuses("((String)null).getBytes()", "null");
}
