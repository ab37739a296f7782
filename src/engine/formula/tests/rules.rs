//! Arithmetic, comparisons, casts, conditions and literals, by the numbers of the rules.

use super::{check, refuses};

#[test]
fn rules_1_to_16_arithmetic() {
    for (expression, expected) in [
        // 1, 2: the type in which operands meet.
        ("Y+Y", "int: 2 254 null -254"),
        ("Y+H", "int: 3 427 null -427"),
        ("C+C", "int: 194 196 null 96"),
        ("C-1", "int: 96 97 null 47"),
        ("A+B", "int: 11 -4 null null"),
        ("A+L", "long: 6 -8 null 4000000000"),
        ("A*F", "float: 1.5 -0.7 null -0.0"),
        ("L+F", "float: 6.5 -0.9 null 4000000000.0"),
        ("F+X", "double: 3.0 NaN null -0.0"),
        ("A-X", "double: -0.5 NaN null 0.0"),
        ("9223372036854775807L+1f", "float: 9.223372e18 9.223372e18 9.223372e18 9.223372e18"),
        // 3, 4: quotients.
        ("7/2", "double: 3.5 3.5 3.5 3.5"),
        ("A/B", "double: 0.1 -2.3333333333333335 null null"),
        ("L/L", "double: 1.0 1.0 null 1.0"),
        ("F/F", "float: 1.0 1.0 null NaN"),
        ("A/F", "float: 0.6666667 -70.0 null NaN"),
        ("L/F", "float: 3.3333333 -10.0 null -inf"),
        ("F/A", "double: 1.5 -0.014285714498588018 null NaN"),
        ("F/L", "double: 0.3 -0.10000000149011612 null -0.0"),
        ("F/X", "double: 1.0 NaN null NaN"),
        ("C/2", "double: 48.5 49.0 null 24.0"),
        // 5
        ("(int)(7/2)", "int: 3 3 3 3"),
        ("(int)(-7/2)", "int: -3 -3 -3 -3"),
        ("(int)X*2", "int: 2 0 null 0"),
        // 6
        ("-7%3", "int: -1 -1 -1 -1"),
        ("7%-3", "int: 1 1 1 1"),
        ("A%3", "int: 1 -1 null 0"),
        ("X%0.0", "double: NaN NaN null NaN"),
        ("7.5%Infinity", "double: 7.5 7.5 7.5 7.5"),
        ("A%null", "int: null null null null"),
        ("NULL_INT%0", "int: null null null null"),
        // 7
        ("A/0", "double: inf -inf null NaN"),
        // 8
        ("Y+L", "long: 6 126 null 3999999873"),
        ("null+A", "int: null null null null"),
        // 9, 10
        ("MAX_INT+1", "int: null null null null"),
        ("MAX_INT+2", "int: -2147483647 -2147483647 -2147483647 -2147483647"),
        ("MAX_LONG+A", "long: null 9223372036854775800 null 9223372036854775807"),
        // 11
        ("-A", "int: -1 7 null 0"),
        ("-L", "long: -5 1 null -4000000000"),
        ("-X", "double: -1.5 NaN null 0.0"),
        ("-F", "float: -1.5 -0.1 null 0.0"),
        ("-Y", "int: -1 -127 null 127"),
        ("-MAX_FINITE_DOUBLE", "double: null null null null"),
        ("- -A", "int: 1 -7 null 0"),
        // 12
        ("A&B", "int: 0 1 null null"),
        ("A|B", "int: 11 -5 null null"),
        ("A^B", "int: 11 -6 null null"),
        ("L&A", "long: 1 -7 null 0"),
        ("Y&1", "int: 1 1 null 1"),
        // 13
        ("0xFF+0b101+077+1_000", "int: 1323 1323 1323 1323"),
        ("10000000000", "long: 10000000000 10000000000 10000000000 10000000000"),
        ("2147483647", "int: 2147483647 2147483647 2147483647 2147483647"),
        ("-2147483648", "long: -2147483648 -2147483648 -2147483648 -2147483648"),
        ("-2147483648L", "long: -2147483648 -2147483648 -2147483648 -2147483648"),
        ("0xFFFFFFFF", "int: -1 -1 -1 -1"),
        ("5l", "long: 5 5 5 5"),
        ("1e3", "double: 1000.0 1000.0 1000.0 1000.0"),
        (".5", "double: 0.5 0.5 0.5 0.5"),
        ("1.5f", "float: 1.5 1.5 1.5 1.5"),
        ("1d", "double: 1.0 1.0 1.0 1.0"),
        ("5.", "double: 5.0 5.0 5.0 5.0"),
        // 14
        ("i", "int: 0 1 2 3"),
        ("ii*2", "long: 0 2 4 6"),
        ("k", "long: 10 11 12 13"),
        // Precedence.
        ("1+2*3-4/2", "double: 5.0 5.0 5.0 5.0"),
        ("(1+2)*3", "int: 9 9 9 9"),
        ("10-4-3", "int: 3 3 3 3"),
        ("1|6&3^1", "int: 3 3 3 3"),
        ("1+1==2 && 2*2>3 || false", "boolean: true true true true"),
        ("true ? 1 : false ? 2 : 3", "int: 1 1 1 1"),
        ("2>1==true", "boolean: true true true true"),
        // Constants and variables.
        ("PI>3.14", "boolean: true true true true"),
        ("Math.PI==java.lang.Math.PI", "boolean: true true true true"),
        ("Integer.MAX_VALUE", "int: 2147483647 2147483647 2147483647 2147483647"),
        ("MIN_BYTE", "byte: -127 -127 -127 -127"),
        ("thr+1", "long: 6 6 6 6"),
        ("A*half", "double: 0.5 -3.5 null 0.0"),
        ("name+`!`", "String: `cd!` `cd!` `cd!` `cd!`"),
        ("NULL_BOOLEAN", "boolean: null null null null"),
    ] {
        check(expression, expected);
    }
    for (text, message) in [
        ("A%0", "integer remainder by zero"),
        ("L%(L-L)", "integer remainder by zero"),
        ("A<<1", "there is no operator <<"),
        ("~A", "there is no prefix operator ~"),
        ("+A", "there is no prefix operator +"),
        ("S-K", "there is no String - String"),
        ("P+1", "there is no boolean + int"),
        ("A&1.5", "there is no int & double"),
        ("T*2", "there is no DateTime * int"),
        ("null", "null has no type here"),
        ("99999999999999999999", "is not a number"),
        ("09", "is not a number"),
        ("12abc", "is not a number"),
        ("1__x", "is not a number"),
    ] {
        refuses(text, message);
    }
}

#[test]
fn rules_17_to_24_functions_of_numbers() {
    for (expression, expected) in [
        ("abs(A)", "int: 1 7 null 0"),
        ("abs(L)", "long: 5 1 null 4000000000"),
        ("abs(X)", "double: 1.5 NaN null 0.0"),
        ("abs(Y)", "byte: 1 127 null 127"),
        ("sqrt(A)", "double: 1.0 NaN null 0.0"),
        ("log(0)", "double: -inf -inf -inf -inf"),
        ("exp(A*0)", "double: 1.0 1.0 null 1.0"),
        ("pow(A,2)", "double: 1.0 49.0 null 0.0"),
        ("pow(2,B)", "double: 1024.0 8.0 1073741824.0 null"),
        ("signum(X)", "int: 1 0 null 0"),
        ("signum(D)", "int: 1 1 -1 0"),
        ("round(D)", "long: 3 9223372036854775807 null 0"),
        ("round(-2.5)", "long: -2 -2 -2 -2"),
        ("round(-0.5)", "long: 0 0 0 0"),
        ("round(0.49999999999999994)", "long: 0 0 0 0"),
        ("round(F)", "long: 2 0 null 0"),
        ("round(1e20f)", "long: 2147483647 2147483647 2147483647 2147483647"),
        ("round(A)", "long: 1 -7 null 0"),
        ("rint(2.5)", "double: 2.0 2.0 2.0 2.0"),
        ("ceil(-0.5)", "double: -0.0 -0.0 -0.0 -0.0"),
        ("floor(F)", "double: 1.0 0.0 null -0.0"),
        ("max(A,B)", "int: 10 3 30 0"),
        ("min(A,B)", "int: 1 -7 30 0"),
        ("max(A,X)", "double: 1.5 NaN null 0.0"),
        ("min(0.0,X)", "double: 0.0 NaN 0.0 0.0"),
        ("max(A,B,5L)", "long: 10 5 30 5"),
        ("max(T,nanosToTime(5))", "DateTime: 5 1503667800000000000 5 5"),
        ("clamp(A,-1,0)", "int: 0 -1 null 0"),
        ("clamp(X,-0.5,1.0)", "double: 1.0 NaN null -0.0"),
        ("lowerBin(A,5)", "int: 0 -10 null 0"),
        ("upperBin(A,5)", "int: 5 -5 null 0"),
        ("lowerBin(L,1000)", "long: 0 -1000 null 4000000000"),
        ("lowerBin(Y,10)", "int: 0 120 null -130"),
        ("upperBin(D,2.0)", "double: 4.0 inf -inf 0.0"),
        ("Math.abs(A)", "int: 1 7 null 0"),
        ("Math.abs(X)", "double: 1.5 NaN 1.7976931348623157e308 0.0"),
        ("java.lang.Math.max(A,3)", "int: 3 3 3 3"),
        ("Math.min(A,3)", "int: 1 -7 null 0"),
        ("Math.sqrt(X)", "double: 1.224744871391589 NaN NaN -0.0"),
        ("isNaN(X)", "boolean: false true false false"),
        ("isInf(D)", "boolean: false true true false"),
        ("isFinite(D)", "boolean: true false false true"),
        ("isFinite(A)", "boolean: true true false true"),
        ("isNull(X)", "boolean: false false true false"),
        ("isNull(S)", "boolean: false false true false"),
        ("isNull(P)", "boolean: false false true false"),
        ("isNull(C)", "boolean: false false true false"),
        ("isNull(null)", "boolean: true true true true"),
        ("replaceIfNull(A,9)", "int: 1 -7 9 0"),
        ("replaceIfNull(A,0.5)", "double: 1.0 -7.0 0.5 0.0"),
        ("replaceIfNull(S,`?`)", "String: `hello` `` `?` `😀a,b`"),
        ("replaceIfNaN(X,-1.0)", "double: 1.5 -1.0 null -0.0"),
        ("replaceIfNullNaN(X,-2.0)", "double: 1.5 -2.0 -2.0 -0.0"),
        ("replaceIfNull(T,nanosToTime(1))", "DateTime: 0 1503667800000000000 1 -1"),
        ("in(A,1,0)", "boolean: true false false true"),
        ("inRange(A,-7,0)", "boolean: false true false true"),
        ("and(Q,A<9,true)", "boolean: true true false false"),
        ("or(Q,A==0)", "boolean: true true false true"),
        ("not(Q)", "boolean: false false true true"),
        ("Integer.parseInt(`-12`)+parseLong(`3`)", "long: -9 -9 -9 -9"),
        ("Double.parseDouble(` 1e2 `)", "double: 100.0 100.0 100.0 100.0"),
        ("parseBoolean(`True`)", "boolean: true true true true"),
        ("atan2(0,1)+hypot(3,4)", "double: 5.0 5.0 5.0 5.0"),
    ] {
        check(expression, expected);
    }
    for (text, message) in [
        ("nosuch(A)", "unknown function nosuch"),
        ("sqr(A)", "the nearest"),
        ("sqrt(A,B)", "sqrt takes 1 argument, not 2"),
        ("sqrt()", "sqrt takes 1 argument, not 0"),
        ("sqrt(S)", "expected double, found String"),
        ("abs(S)", "abs takes a number, not a String"),
        ("max(S,K)", "max takes no String"),
        ("lowerBin(A,0)", "a bin is 0 wide"),
        ("lowerBin(T,0)", "a bin is 0 wide"),
        ("Integer.parseInt(K)", "\"ab\" is no int"),
        ("parseInt(`1_0`)", "is no int"),
        ("and(P,true)", "null in a condition of and()"),
        ("Math.cosine(A)", "unknown function cosine"),
        ("Bogus.abs(A)", "unknown column Bogus"),
    ] {
        refuses(text, message);
    }
}

#[test]
fn rules_25_to_37_comparisons() {
    for (expression, expected) in [
        // 25: null is least and equals itself.
        ("A<3", "boolean: true true true true"),
        ("A>B", "boolean: false false false true"),
        ("A<=null", "boolean: false false true false"),
        ("A==null", "boolean: false false true false"),
        ("A!=null", "boolean: true true false true"),
        ("A>=NULL_INT", "boolean: true true true true"),
        ("null==S", "boolean: false false true false"),
        ("D<NULL_DOUBLE", "boolean: false false false false"),
        ("X<D", "boolean: true false true true"),
        // 28: NaN.
        ("X<1.0", "boolean: false false true true"),
        ("!(X<1.0)", "boolean: true true false false"),
        ("X==X", "boolean: true false true true"),
        ("X!=X", "boolean: false true false false"),
        ("X>NULL_DOUBLE", "boolean: true false false true"),
        // 29: the zeros.
        ("X==0.0", "boolean: false false false true"),
        ("X<0.0", "boolean: false false true true"),
        ("X>=0.0", "boolean: true false false false"),
        ("0.0<=X", "boolean: true false false false"),
        // 30
        ("A==1.0", "boolean: true false false false"),
        ("A>0.5", "boolean: true false false false"),
        ("L==X", "boolean: false false true false"),
        ("L<5.5", "boolean: true true true false"),
        ("5.5>L", "boolean: true true true false"),
        ("9007199254740993L==9007199254740992.0", "boolean: false false false false"),
        ("9007199254740993L>9007199254740992.0", "boolean: true true true true"),
        ("MAX_LONG<Infinity", "boolean: true true true true"),
        ("2147483647<2147483648f", "boolean: true true true true"),
        ("C=='a'", "boolean: true false false false"),
        ("C>'a'", "boolean: false true false false"),
        ("C<'a'", "boolean: false false true true"),
        ("C==97", "boolean: true false false false"),
        ("C==`a`", "boolean: true false false false"),
        ("Y<H", "boolean: true true false false"),
        // 31: a decimal in a formula is a double.
        ("F==0.1", "boolean: false false false false"),
        ("F==0.1f", "boolean: false true false false"),
        // 32
        ("K<`b`", "boolean: true false false false"),
        ("K>=`cd`", "boolean: false true true true"),
        ("S<`a`", "boolean: false true true false"),
        ("S==K", "boolean: false false false false"),
        ("S!=`hello`", "boolean: false true true true"),
        ("S==\"hello\"", "boolean: true false false false"),
        ("K==K", "boolean: true true true true"),
        ("`cd`==K", "boolean: false true false true"),
        ("K=name", "boolean: false true false true"),
        // 33
        ("P==Q", "boolean: true false false false"),
        ("P<Q", "boolean: false true true false"),
        ("P==null", "boolean: false false true false"),
        ("!P", "boolean: false true null false"),
        ("P&Q", "boolean: true false null false"),
        ("P|Q", "boolean: true true null true"),
        ("P^Q", "boolean: false true null true"),
        ("P=true && Q", "boolean: true false false false"),
        ("isNull(P) || P", "boolean: true false true true"),
        // 35
        ("T<'1970-01-01T00:00:00 UTC'", "boolean: false false true true"),
        ("T=='2017-08-25T09:30:00 NY'", "boolean: false true false false"),
        ("isBefore(T,nanosToTime(0))", "boolean: false false false true"),
        // 36
        ("A=1", "boolean: true false false false"),
        // 38
        ("A>0 ? `pos` : `not`", "String: `pos` `not` `not` `not`"),
        ("A>0 ? A : L", "long: 1 -1 null 4000000000"),
        ("A<9 ? A : L", "long: 1 -7 -2147483648 0"),
        ("A<9 ? A : 1.5", "double: 1.0 -7.0 -2147483648.0 0.0"),
        ("A<9 ? F : 1.5", "double: 1.5 0.10000000149011612 -3.4028234663852886e38 -0.0"),
        ("A<9 ? Y : 1", "int: 1 127 -128 -127"),
        ("A<9 ? NULL_INT : 1", "int: null null null null"),
        ("A>0 ? S : null", "String: `hello` null null null"),
        ("A>0 ? null : A", "int: null -7 null 0"),
        ("isNull(S) ? `none` : S.toUpperCase()", "String: `HELLO` `` `none` `😀A,B`"),
        ("A>0 ? K : S", "String: `ab` `` null `😀a,b`"),
        ("isNull(T) ? '1970-01-01T00:00:00 UTC' : T", "DateTime: 0 1503667800000000000 0 -1"),
        ("true ? A : B", "int: 1 -7 null 0"),
        ("Q ? 1/A : 2.0", "double: 1.0 -0.14285714285714285 2.0 2.0"),
        ("A!=0 && 10%A==0", "boolean: true false false false"),
        ("A==0 || !isNull(A) && 14%A==0", "boolean: true true false true"),
    ] {
        check(expression, expected);
    }
    for (text, message) in [
        ("P && Q", "null in a condition of &&"),
        ("P || Q", "null in a condition of ||"),
        ("P ? 1 : 0", "null in a condition of ?:"),
        ("Q && P", "no error"),
        ("(A<9) && P", "null in a condition of &&"),
        ("A && Q", "&& takes a boolean, not a int"),
        ("!A", "! takes a boolean"),
        ("T>0", "DateTime and int cannot be compared"),
        ("S>5", "String and int cannot be compared"),
        ("K='2017-08-25T09:30:00 NY'", "a date-time stands between single quotes"),
        ("A ? 1 : 2", "?: takes a boolean"),
        ("Q ? Y : H", "the branches of ?: are byte and short"),
        ("Q ? S : 1", "the branches of ?: are String and int"),
        ("Q ? 1", "expected ':'"),
    ] {
        if message != "no error" {
            refuses(text, message);
        } else {
            check(text, "boolean: true false false false");
        }
    }
}

#[test]
fn rules_39_to_43_casts() {
    for (expression, expected) in [
        ("(long)A", "long: 1 -7 null 0"),
        ("(int)L", "int: 5 -1 null -294967296"),
        ("(short)A", "short: 1 -7 null 0"),
        ("(byte)H", "byte: 2 44 null -44"),
        ("(int)X", "int: 1 0 null 0"),
        ("(int)D", "int: 2 2147483647 null 0"),
        ("(long)D", "long: 2 9223372036854775807 null 0"),
        ("(byte)D", "byte: 2 -1 0 0"),
        ("(short)1e9", "short: -13824 -13824 -13824 -13824"),
        ("(float)MAX_FINITE_DOUBLE", "float: inf inf inf inf"),
        ("(double)F", "double: 1.5 0.10000000149011612 null -0.0"),
        ("(int)C", "int: 97 98 null 48"),
        ("(char)(C+1)", "char: 'b' 'c' null '1'"),
        ("(char)(A+64)", "char: 'A' '9' null '@'"),
        ("(int)null", "int: null null null null"),
        ("(String)null", "String: null null null null"),
        ("(long)NULL_INT", "long: null null null null"),
        ("(Boolean)P", "boolean: true false null true"),
        ("(String)S", "String: `hello` `` null `😀a,b`"),
        ("(java.lang.Integer)L", "int: 5 -1 null -294967296"),
        ("intCast(D)", "int: 2 2147483647 null 0"),
        ("doubleCast(A)/2", "double: 0.5 -3.5 null 0.0"),
        ("(double)A/2", "double: 0.5 -3.5 null 0.0"),
        ("-(int)X", "int: -1 0 null 0"),
        ("(A)-B", "int: -9 -10 null null"),
        ("(int)-X", "int: -1 0 null 0"),
        // User functions.
        ("(int)square.call(A)", "int: 1 49 null 0"),
        ("(double)square(A)+1", "double: 2.0 50.0 null 1.0"),
    ] {
        check(expression, expected);
    }
    for (text, message) in [
        ("(int)K", "a String cannot be cast to int"),
        ("(boolean)A", "a int cannot be cast to boolean"),
        ("(String)A", "use String.valueOf"),
        ("(int)T", "use nanos(x)"),
        ("(DateTime)A", "use nanosToTime(x)"),
        ("(Bogus)A", "expected an operator or the end"),
        ("square(A)", "cast it: (double)square"),
        ("(int)square(S)", "in function square: square takes an int"),
    ] {
        refuses(text, message);
    }
}

#[test]
fn literals() {
    for (expression, expected) in [
        ("`a\\tb\\\\c\\u0041`", "String: `a\tb\\cA` `a\tb\\cA` `a\tb\\cA` `a\tb\\cA`"),
        ("`\\uD83D\\uDE00`", "String: `😀` `😀` `😀` `😀`"),
        ("\"it's\"", "String: `it's` `it's` `it's` `it's`"),
        ("``", "String: `` `` `` ``"),
        ("'c'", "char: 'c' 'c' 'c' 'c'"),
        ("'\\n'==10", "boolean: true true true true"),
        ("'1970-01-01T00:00:01 UTC'", "DateTime: 1000000000 1000000000 1000000000 1000000000"),
        ("'2017-03-12T02:30:00 NY'=='2017-03-12T03:30:00 NY'", "boolean: true true true true"),
        ("true", "boolean: true true true true"),
    ] {
        check(expression, expected);
    }
    for (text, message) in [
        ("`abc", "has no closing `"),
        ("\"abc", "has no closing \""),
        ("'abc", "has no closing '"),
        ("`a\\q`", "unknown escape \\q"),
        ("`\\u12`", "\\u needs four hexadecimal digits"),
        ("'2017-13-25T04:00:00 NY'", "line 1"),
        ("'2017-11-25T04:00:00 ZZ'", "unknown time zone"),
        ("'2017-11-25T04:00:00'", "zone"),
        ("'abc'", "text stands between backticks"),
        ("#", "character '#' means nothing here"),
        ("A+", "the formula ends"),
        ("(A+1", "expected ')'"),
        ("A)", "expected an operator or the end, but there is )"),
        ("A B", "expected an operator or the end, but there is B"),
        ("", "the formula ends"),
        ("max(A,)", "expected a value"),
        ("A.", "expected a method or field"),
        ("names", "can only stand after in"),
        ("a", "unknown column a; the nearest is A"),
        ("Aa", "the nearest"),
        ("TZ_XX", "unknown time zone"),
        ("TZ_NY", "a time zone is no value"),
    ] {
        refuses(text, message);
    }
}
