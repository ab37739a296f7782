//! Text, date-times, row positions and whole columns.

use super::{check, refuses};

#[test]
fn rules_44_to_49_text() {
    for (expression, expected) in [
        ("`x`+A", "String: `x1` `x-7` `x-2147483648` `x0`"),
        ("A+B+`x`", "String: `11x` `-4x` `-2147483648x` `-2147483648x`"),
        ("`x`+A+B", "String: `x110` `x-73` `x-214748364830` `x0-2147483648`"),
        ("S+K", "String: `helloab` `cd` `nullx` `😀a,bcd`"),
        ("`d`+X", "String: `d1.5` `dNaN` `d-1.7976931348623157E308` `d-0.0`"),
        ("`f`+F", "String: `f1.5` `f0.1` `f-3.4028235E38` `f-0.0`"),
        (
            "``+1e10+1e18+100.0",
            "String: `1.0E101.0E18100.0` `1.0E101.0E18100.0` `1.0E101.0E18100.0` `1.0E101.0E18100.0`",
        ),
        ("`b`+P", "String: `btrue` `bfalse` `bnull` `btrue`"),
        ("`c`+C", "String: `ca` `cb` `c\u{FFFF}` `c0`"),
        ("`t`+T", "String: `t1970-01-01T00:00:00Z` `t2017-08-25T13:30:00Z` `tnull` `t1969-12-31T23:59:59.999999999Z`"),
        ("`x`+null", "String: `xnull` `xnull` `xnull` `xnull`"),
        ("K.length()", "int: 2 2 1 2"),
        ("`😀a`.length()", "int: 3 3 3 3"),
        ("K.toUpperCase()+K.charAt(0)", "String: `ABa` `CDc` `Xx` `CDc`"),
        ("K.indexOf(`d`)", "int: -1 1 -1 1"),
        ("K.indexOf('d')", "int: -1 1 -1 1"),
        ("`banana`.lastIndexOf(`an`)", "int: 3 3 3 3"),
        ("`banana`.substring(i)", "String: `banana` `anana` `nana` `ana`"),
        ("`banana`.substring(1,3)", "String: `an` `an` `an` `an`"),
        ("K.startsWith(`c`)", "boolean: false true false true"),
        ("K.endsWith(`d`)", "boolean: false true false true"),
        ("K.contains(`b`)", "boolean: true false false false"),
        ("K.contains('b')", "boolean: true false false false"),
        ("K.replace(`c`,`zz`)", "String: `ab` `zzd` `x` `zzd`"),
        ("K.replace('c','z')", "String: `ab` `zd` `x` `zd`"),
        ("K.replaceAll(`[a-c]`,`<$0>`)", "String: `<a><b>` `<c>d` `x` `<c>d`"),
        ("K.replaceFirst(`.`,``)", "String: `b` `d` `` `d`"),
        ("K.matches(`[a-c]+`)", "boolean: true false false false"),
        ("` a `.trim()+` b `.strip()", "String: `ab` `ab` `ab` `ab`"),
        ("K.equals(`cd`)", "boolean: false true false true"),
        ("K.equals(null)", "boolean: false false false false"),
        ("K.equalsIgnoreCase(`CD`)", "boolean: false true false true"),
        ("K.compareTo(`ad`)", "int: -2 2 23 2"),
        ("K.isEmpty()", "boolean: false false false false"),
        ("K.concat(`!`)", "String: `ab!` `cd!` `x!` `cd!`"),
        ("`ab`.repeat(i)", "String: `` `ab` `abab` `ababab`"),
        ("K.hashCode()", "int: 3105 3169 120 3169"),
        ("K.toString().trim().length()", "int: 2 2 1 2"),
        ("K.split(``).length", "int: 2 2 1 2"),
        ("(`a-b-`+i).split(`-`)[2]", "String: `0` `1` `2` `3`"),
        ("K.chars().count()", "long: 2 2 1 2"),
        ("new StringBuilder(K).reverse().toString()", "String: `ba` `dc` `x` `dc`"),
        ("new StringBuilder(K).append(A).toString()", "String: `ab1` `cd-7` `x-2147483648` `cd0`"),
        ("String.valueOf(A)", "String: `1` `-7` `-2147483648` `0`"),
        ("Integer.toString(B)", "String: `10` `3` `30` `-2147483648`"),
        ("Character.isDigit(C)", "boolean: false false false true"),
        ("!isNull(S) && S.length()>3", "boolean: true false false true"),
        ("isNull(S) || S.isEmpty()", "boolean: false true true false"),
        ("isNull(S) ? -1 : S.length()", "int: 5 0 -1 5"),
        ("K.length()+A", "int: 3 -5 null 2"),
        ("K.length()>1 ? K.substring(1) : K", "String: `b` `d` `x` `d`"),
    ] {
        check(expression, expected);
    }
    for (text, message) in [
        ("S.length()", "a null String has no length()"),
        ("S.startsWith(`h`)", "a null String has no startsWith()"),
        ("K.contains(S)", "null given to contains()"),
        ("K.substring(2)", "substring() beyond a text of length 1"),
        ("K.charAt(-1)", "charAt() beyond a text"),
        ("K.repeat(-1)", "cannot be repeated -1 times"),
        ("K.repeat(2000000000)", "longer than a value may be"),
        ("K.matches(`(`)", "no usable regular expression"),
        ("K.Length()", "a String has no method Length of these arguments; the nearest is length"),
        ("K.length(1)", "has no method length of these arguments"),
        ("K.reverse()", "new StringBuilder(S).reverse()"),
        ("A.length()", "a int has no method length"),
        ("K.split(`,`)", "a split text is no value"),
        ("K.split(`,`)[5]", "part 5 of a text split into 1"),
        ("new StringBuilder(K)", "end with toString()"),
        ("new Bogus(1)", "cannot make a new Bogus"),
        ("K[0]", "only arrays have elements"),
    ] {
        refuses(text, message);
    }
}

#[test]
fn rules_111_to_119_date_times() {
    for (expression, expected) in [
        ("T+5", "DateTime: 5 1503667800000000005 null 4"),
        ("T-5", "DateTime: -5 1503667799999999995 null -6"),
        ("5+T", "DateTime: 5 1503667800000000005 null 4"),
        ("T+A", "DateTime: 1 1503667799999999993 null -1"),
        ("T-T", "long: 0 0 null 0"),
        ("(T-'1970-01-01T00:00:00 UTC')/SECOND", "double: 0.0 1503667800.0 null -1e-9"),
        ("5*MINUTE+HOUR", "long: 3900000000000 3900000000000 3900000000000 3900000000000"),
        ("YEAR/DAY", "double: 365.0 365.0 365.0 365.0"),
        ("lowerBin(T,HOUR)", "DateTime: 0 1503666000000000000 null -3600000000000"),
        ("upperBin(T,HOUR)", "DateTime: 0 1503669600000000000 null 0"),
        ("lowerBin(T,HOUR,30*MINUTE)", "DateTime: -1800000000000 1503667800000000000 null -1800000000000"),
        ("nanos(T)", "long: 0 1503667800000000000 null -1"),
        ("millis(T)", "long: 0 1503667800000 null -1"),
        ("epochMicros(T)", "long: 0 1503667800000000 null 0"),
        ("epochSeconds(T)", "long: 0 1503667800 null -1"),
        ("nanosToTime(L)", "DateTime: 5 -1 null 4000000000"),
        ("millisToTime(A)", "DateTime: 1000000 -7000000 null 0"),
        ("new DBDateTime(15)", "DateTime: 15 15 15 15"),
        ("convertDateTime(`1970-01-01T00:00:01 UTC`)", "DateTime: 1000000000 1000000000 1000000000 1000000000"),
        ("convertDateTimeQuiet(S)", "DateTime: null null null null"),
        ("currentTime()", "DateTime: 1000000000 1000000000 1000000000 1000000000"),
        ("T<currentTime()", "boolean: true false true true"),
        ("currentDateNy()", "String: `1969-12-31` `1969-12-31` `1969-12-31` `1969-12-31`"),
        ("year(T,TZ_NY)", "int: 1969 2017 null 1969"),
        ("monthOfYear(T,TZ_UTC)", "int: 1 8 null 12"),
        ("dayOfMonth(T)", "int: 1 25 null 31"),
        ("dayOfWeek(T,TZ_UTC)", "int: 4 5 null 3"),
        ("dayOfYear(T,TZ_UTC)", "int: 1 237 null 365"),
        ("hourOfDay(T,TZ_NY)", "int: 19 9 null 18"),
        ("hourOfDay(T,timeZone(`America/New_York`))", "int: 19 9 null 18"),
        ("minuteOfHour(T,TZ_NY)", "int: 0 30 null 59"),
        ("minuteOfDay(T,TZ_NY)", "int: 1140 570 null 1139"),
        ("secondOfMinute(T,TZ_NY)", "int: 0 0 null 59"),
        ("nanosOfSecond(T,TZ_NY)", "long: 0 0 null 999999999"),
        ("microsOfMilli(nanosToTime(175597),TZ_NY)", "int: 176 176 176 176"),
        (
            "format(T,TZ_NY)",
            "String: `1969-12-31T19:00:00.000000000 NY` `2017-08-25T09:30:00.000000000 NY` null `1969-12-31T18:59:59.999999999 NY`",
        ),
        ("formatDate(T,TZ_NY)", "String: `1969-12-31` `2017-08-25` null `1969-12-31`"),
        ("formatDate(T)", "String: `1970-01-01` `2017-08-25` null `1969-12-31`"),
        ("dateAtMidnight(T,TZ_UTC)", "DateTime: 0 1503619200000000000 null -86400000000000"),
        ("diffNanos(nanosToTime(5),T)", "long: -5 1503667799999999995 null -6"),
        ("diffDay('1970-01-01T00:00:00 UTC','1970-01-02T12:00:00 UTC')", "double: 1.5 1.5 1.5 1.5"),
        ("diffYear('1970-01-01T00:00:00 UTC','1971-01-01T00:00:00 UTC')", "double: 1.0 1.0 1.0 1.0"),
        ("isAfter(T,nanosToTime(-1))", "boolean: true true false false"),
        ("isAfterOrEqual(T,nanosToTime(-1))", "boolean: true true false true"),
        ("isBeforeOrEqual(T,nanosToTime(-1))", "boolean: false false false true"),
        ("nanosOfMilli(T,TZ_UTC)", "int: 0 0 null 999999"),
        ("YEAR_AVG/SECOND", "double: 31556952.0 31556952.0 31556952.0 31556952.0"),
        ("diffYearsAvg('1970-01-01T00:00:00 UTC','1970-01-01T00:00:00 UTC'+YEAR_AVG)", "double: 1.0 1.0 1.0 1.0"),
        ("plus(T,1)", "DateTime: 1 1503667800000000001 null 0"),
        ("minus(T,T)", "long: 0 0 null 0"),
        ("T.getMillis()", "long: 0 1503667800000 null -1"),
        ("T.getNanos()", "long: 0 1503667800000000000 null -1"),
        ("T.toString().length()", "int: 20 20 4 30"),
    ] {
        check(expression, expected);
    }
    for (text, message) in [
        ("T+MAX_LONG", "outside of 1677-09-21 to 2262-04-11"),
        ("millisToTime(MAX_LONG)", "outside of"),
        ("T+1.5", "there is no DateTime + double"),
        ("convertDateTime(K)", "\"ab\""),
        ("year(T,5)", "year takes a time zone there"),
        ("year(T,TZ_NY,1)", "year takes 1 or 2 arguments"),
        ("year(A)", "year takes a DateTime, not a int"),
        ("timeZone(`Mars/Base`)", "unknown time zone"),
    ] {
        refuses(text, message);
    }
}

#[test]
fn whole_columns_and_positions() {
    for (expression, expected) in [
        ("A_[i-1]", "int: null 1 -7 null"),
        ("A-A_[i-1]", "int: null -8 null null"),
        ("K_[ii+1]", "String: `cd` `x` `cd` null"),
        ("K==K_[i-2]", "boolean: false false false true"),
        ("A_.size()", "long: 4 4 4 4"),
        ("B_[0]", "int: 10 10 10 10"),
        ("A_[A]", "int: -7 null null 1"),
        ("i%2==0 ? X_[i] : -1.0", "double: 1.5 -1.0 null -1.0"),
        ("A_.get(0)", "int: 1 1 1 1"),
    ] {
        check(expression, expected);
    }
    for (text, message) in [
        ("A_", "a whole column is no value"),
        ("A_[1.5]", "an index is an integer"),
        ("Z_[1]", "unknown column Z_"),
        ("A_.sum()", "has no method sum"),
    ] {
        refuses(text, message);
    }
}
