//! `String.format`: Java's format strings, read once and applied to every row.

use super::super::node::Kernel;
use super::super::operand::Operand;
use super::text::{build, write_value};
use crate::base::{Boolean, ColumnType, Error, Result, Value};

/// Width and precision of one conversion.
const WIDTH_MAX: usize = 10_000;

/// A part of a format string.
enum Piece {
    Text(String),
    Conversion(Conversion),
}

/// `%[argument$][flags][width][.precision]conversion`.
#[derive(Clone, Debug, Default)]
struct Conversion {
    argument: usize,
    left: bool,
    plus: bool,
    space: bool,
    zero: bool,
    group: bool,
    parentheses: bool,
    width: usize,
    precision: Option<usize>,
    letter: char,
    upper: bool,
}

/// The kernel of a format string for arguments of types. Errs where the string is none, an argument is missing or of a type that its conversion does not take.
pub(in super::super) fn format(text: &str, types: Vec<ColumnType>) -> Result<Kernel> {
    let pieces = parse(text)?;
    for piece in &pieces {
        if let Piece::Conversion(conversion) = piece {
            conversion.check(&types)?;
        }
    }
    Ok(Box::new(move |operands, len| {
        build(len, |row, out| {
            for piece in &pieces {
                match piece {
                    Piece::Text(text) => out.push_str(text),
                    Piece::Conversion(one) => {
                        one.write(&operands[one.argument], types[one.argument], row, out);
                    }
                }
            }
            Ok(true)
        })
    }))
}

fn parse(text: &str) -> Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    let mut next = 0;
    while let Some(at) = rest.find('%') {
        plain.push_str(&rest[..at]);
        let (conversion, after) = one(&rest[at + 1..]).ok_or_else(|| {
            let shown: String = rest[at..].chars().take(12).collect();
            Error::parse(format!("{shown:?} begins no conversion that is known"))
                .hint("these are: %d %s %f %e %x %o %c %b %n %%, with -, 0, +, a comma, width and .precision as in %-8s and %,.2f")
        })?;
        rest = after;
        match conversion.letter {
            '%' => plain.push('%'),
            'n' => plain.push('\n'),
            _ => {
                let argument = match conversion.argument {
                    0 => {
                        next += 1;
                        next - 1
                    }
                    given => given - 1,
                };
                if !plain.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                }
                pieces.push(Piece::Conversion(Conversion { argument, ..conversion }));
            }
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

/// One conversion after its `%`, with the number of its argument from 1, 0 for the next one; and what follows it.
fn one(text: &str) -> Option<(Conversion, &str)> {
    fn number(text: &str) -> (Option<usize>, &str) {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let digits = &text[..end];
        ((!digits.is_empty()).then(|| digits.parse().unwrap_or(usize::MAX)), &text[end..])
    }
    let mut conversion = Conversion::default();
    let mut rest = text;
    if let (Some(argument), after) = number(text)
        && let Some(after) = after.strip_prefix('$')
        && argument > 0
    {
        conversion.argument = argument;
        rest = after;
    }
    while let Some(flag) = rest.chars().next() {
        match flag {
            '-' => conversion.left = true,
            '+' => conversion.plus = true,
            ' ' => conversion.space = true,
            '0' => conversion.zero = true,
            ',' => conversion.group = true,
            '(' => conversion.parentheses = true,
            _ => break,
        }
        rest = &rest[1..];
    }
    let (width, after) = number(rest);
    conversion.width = width.unwrap_or(0);
    rest = after;
    if let Some(after) = rest.strip_prefix('.') {
        let (precision, after) = number(after);
        conversion.precision = Some(precision?);
        rest = after;
    }
    let letter = rest.chars().next()?;
    if conversion.width > WIDTH_MAX || conversion.precision.unwrap_or(0) > WIDTH_MAX {
        return None;
    }
    conversion.upper = letter.is_ascii_uppercase();
    conversion.letter = letter.to_ascii_lowercase();
    let known = "dsfexocbn%".contains(conversion.letter) && !(conversion.upper && "dfonc".contains(conversion.letter));
    known.then(|| (conversion, &rest[letter.len_utf8()..]))
}

impl Conversion {
    fn check(&self, types: &[ColumnType]) -> Result<()> {
        let Some(&found) = types.get(self.argument) else {
            let count = types.len();
            return Err(Error::type_mismatch(format!(
                "String.format wants an argument {} for %{}, there are {count}",
                self.argument + 1,
                self.letter
            )));
        };
        let integer = matches!(found, ColumnType::Byte | ColumnType::Short | ColumnType::Int | ColumnType::Long);
        let fits = match self.letter {
            'd' => integer || found == ColumnType::BigInteger,
            'x' | 'o' => integer,
            'f' => found.is_floating() || found == ColumnType::BigDecimal,
            'e' => found.is_floating(),
            'c' => found == ColumnType::Char,
            _ => true,
        };
        if fits {
            return Ok(());
        }
        let error = Error::type_mismatch(format!("%{} of String.format takes no {found}", self.letter));
        Err(match self.letter {
            'd' if found.is_floating() => error.hint("use %f, or cast it: (long)x"),
            'f' | 'e' if integer => error.hint("use %d, or cast it: (double)x"),
            _ => error.hint("%s takes every type"),
        })
    }

    fn write(&self, operand: &Operand<'_>, column_type: ColumnType, row: usize, out: &mut String) {
        let mut text = String::new();
        let value = || operand.chunk.value(if operand.constant { 0 } else { row });
        match self.letter {
            'd' => {
                write_value(operand, column_type, row, &mut text);
                let digits = text.strip_prefix('-');
                let (negative, digits) = (digits.is_some(), digits.unwrap_or(&text).to_owned());
                return self.signed(negative, digits, out);
            }
            'x' | 'o' => {
                let number = match column_type {
                    ColumnType::Byte => u64::from(operand.lane::<i8>().get(row) as u8),
                    ColumnType::Short => u64::from(operand.lane::<i16>().get(row) as u16),
                    ColumnType::Int => u64::from(operand.lane::<i32>().get(row) as u32),
                    _ => operand.lane::<i64>().get(row) as u64,
                };
                let digits = if self.letter == 'x' { format!("{number:x}") } else { format!("{number:o}") };
                let missing = if self.zero { self.width.saturating_sub(digits.len()) } else { 0 };
                text.extend(std::iter::repeat_n('0', missing));
                text.push_str(&digits);
            }
            'f' | 'e' => {
                let number = match column_type {
                    ColumnType::Float => f64::from(operand.lane::<f32>().get(row)),
                    ColumnType::Double => operand.lane::<f64>().get(row),
                    _ => {
                        let Value::BigDecimal(decimal) = value() else {
                            text.push_str("null");
                            return self.pad(text, out);
                        };
                        let digits = decimal.unscaled().magnitude().to_string();
                        let point = digits.len() as i64 - i64::from(decimal.scale());
                        // Beyond this, zeros alone would fill pages.
                        if point.unsigned_abs() > WIDTH_MAX as u64 {
                            text = decimal.to_string();
                            return self.pad(text, out);
                        }
                        let digits = Digits { digits: digits.bytes().map(|b| b - b'0').collect(), point };
                        let negative = decimal.unscaled().sign() == num_bigint::Sign::Minus;
                        return self.signed(negative, digits.fixed(self.precision.unwrap_or(6)), out);
                    }
                };
                if !number.is_finite() {
                    let sign = if number > 0.0 && self.plus {
                        "+"
                    } else if number < 0.0 {
                        "-"
                    } else {
                        ""
                    };
                    text.push_str(sign);
                    text.push_str(if number.is_nan() { "NaN" } else { "Infinity" });
                    return Conversion { zero: false, ..self.clone() }.pad(text, out);
                }
                let digits = Digits::of(number);
                let precision = self.precision.unwrap_or(6);
                let digits = if self.letter == 'f' { digits.fixed(precision) } else { digits.scientific(precision) };
                return self.signed(number.is_sign_negative(), digits, out);
            }
            'b' => match column_type {
                ColumnType::Boolean => {
                    text.push_str(if operand.lane::<Boolean>().get(row) == Boolean::TRUE { "true" } else { "false" });
                }
                _ => text.push_str(if value().is_null() { "false" } else { "true" }),
            },
            _ => write_value(operand, column_type, row, &mut text),
        }
        if let (Some(most), 's' | 'b') = (self.precision, self.letter) {
            text = text.chars().take(most).collect();
        }
        self.pad(text, out);
    }

    /// A number with its sign, thousands and zeros.
    fn signed(&self, negative: bool, digits: String, out: &mut String) {
        let digits = if self.group { grouped(&digits) } else { digits };
        let (before, after) = match negative {
            true if self.parentheses => ("(", ")"),
            true => ("-", ""),
            false if self.plus => ("+", ""),
            false if self.space => (" ", ""),
            false => ("", ""),
        };
        let used = before.len() + digits.len() + after.len();
        let zeros = if self.zero { self.width.saturating_sub(used) } else { 0 };
        self.pad(format!("{before}{}{digits}{after}", "0".repeat(zeros)), out);
    }

    fn pad(&self, text: String, out: &mut String) {
        let text = if self.upper { text.to_uppercase() } else { text };
        let blanks = " ".repeat(self.width.saturating_sub(text.encode_utf16().count()));
        if self.left {
            out.push_str(&text);
            out.push_str(&blanks);
        } else {
            out.push_str(&blanks);
            out.push_str(&text);
        }
    }
}

/// Commas between the thousands of the whole part.
fn grouped(digits: &str) -> String {
    let whole = digits.find('.').unwrap_or(digits.len());
    let mut out = String::new();
    for (at, digit) in digits[..whole].chars().enumerate() {
        if at > 0 && (whole - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + &digits[whole..]
}

/// A decimal number: its digits, of which so many stand before the point.
struct Digits {
    digits: Vec<u8>,
    point: i64,
}

impl Digits {
    /// The fewest digits that tell a double from others: Java rounds these, half up, not the exact value.
    fn of(value: f64) -> Self {
        let text = format!("{:e}", value.abs());
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let digits = mantissa.bytes().filter(u8::is_ascii_digit).map(|b| b - b'0').collect();
        Digits { digits, point: exponent.parse::<i64>().unwrap_or(0) + 1 }
    }

    /// Keeps so many digits, rounding half up.
    fn round(mut self, keep: i64) -> Self {
        if keep < 0 {
            return Digits { digits: Vec::new(), point: self.point };
        }
        let keep = keep as usize;
        if keep < self.digits.len() {
            let mut up = self.digits[keep] >= 5;
            self.digits.truncate(keep);
            for digit in self.digits.iter_mut().rev() {
                if !up {
                    break;
                }
                up = *digit == 9;
                *digit = if up { 0 } else { *digit + 1 };
            }
            if up {
                self.digits.insert(0, 1);
                self.point += 1;
            }
        }
        self
    }

    fn at(&self, position: i64) -> char {
        let digit = usize::try_from(position).ok().and_then(|at| self.digits.get(at)).copied();
        char::from(b'0' + digit.unwrap_or(0))
    }

    fn fixed(self, precision: usize) -> String {
        let keep = self.point + precision as i64;
        let rounded = self.round(keep);
        let mut out: String = (0..rounded.point).map(|at| rounded.at(at)).collect();
        if out.is_empty() {
            out.push('0');
        }
        if precision > 0 {
            out.push('.');
            out.extend((0..precision as i64).map(|at| rounded.at(rounded.point + at)));
        }
        out
    }

    fn scientific(self, precision: usize) -> String {
        let zero = self.digits.iter().all(|digit| *digit == 0);
        let rounded = self.round(1 + precision as i64);
        let exponent = if zero { 0 } else { rounded.point - 1 };
        let mut out = String::from(rounded.at(0));
        if precision > 0 {
            out.push('.');
            out.extend((1..=precision as i64).map(|at| rounded.at(at)));
        }
        out.push_str(if exponent < 0 { "e-" } else { "e+" });
        out + &format!("{:02}", exponent.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Chunk;

    fn formatted(text: &str, value: Value) -> Result<String> {
        let column_type = value.column_type().unwrap();
        let chunk = Chunk::from_values(column_type, &[value]).unwrap();
        let kernel = format(text, vec![column_type])?;
        let out = kernel(vec![Operand::borrowed(&chunk)], 1)?;
        Ok(out.value(0).as_str().unwrap().to_owned())
    }

    #[test]
    fn numbers_print_as_java_prints_them() {
        for (text, value, expected) in [
            ("%d", Value::Int(-5), "-5"),
            ("[%5d]", Value::Int(42), "[   42]"),
            ("[%-5d]", Value::Int(42), "[42   ]"),
            ("%05d", Value::Int(-42), "-0042"),
            ("%,d", Value::Long(1_234_567), "1,234,567"),
            ("%+d", Value::Int(3), "+3"),
            ("%(d", Value::Int(-3), "(3)"),
            ("%x %1$X", Value::Int(-1), "ffffffff FFFFFFFF"),
            ("%o", Value::Int(8), "10"),
            ("%.2f", Value::Double(1.005), "1.01"),
            ("%.2f", Value::Double(0.125), "0.13"),
            ("%.0f", Value::Double(0.5), "1"),
            ("%.1f", Value::Double(-0.04), "-0.0"),
            ("%.1f", Value::Double(9.96), "10.0"),
            ("%f", Value::Double(1e7), "10000000.000000"),
            ("%,.2f", Value::Double(-1234567.891), "-1,234,567.89"),
            ("%08.2f", Value::Double(-3.146), "-0003.15"),
            ("%.3e", Value::Double(12345.678), "1.235e+04"),
            ("%E", Value::Double(0.00012), "1.200000E-04"),
            ("%e", Value::Double(0.0), "0.000000e+00"),
            ("[%6.1f]", Value::Double(f64::INFINITY), "[Infinity]"),
            ("[%05.1f]", Value::Double(f64::NAN), "[  NaN]"),
            ("%.1f", Value::big_decimal("-2.345".parse().unwrap()), "-2.3"),
            ("%s%%%n", Value::Double(1e10), "1.0E10%\n"),
            ("%-4s|", Value::string("ab"), "ab  |"),
            ("%.2s", Value::string("abc"), "ab"),
            ("%S", Value::string("abc"), "ABC"),
            ("%c", Value::Char(65), "A"),
            ("%b", Value::Boolean(true), "true"),
        ] {
            assert_eq!(formatted(text, value.clone()).unwrap(), expected, "{text} of {value:?}");
        }
    }

    #[test]
    fn wrong_formats_are_errors_of_the_formula() {
        for (text, value) in [
            ("%d", Value::Double(1.0)),
            ("%f", Value::Int(1)),
            ("%d %d", Value::Int(1)),
            ("%q", Value::Int(1)),
            ("%", Value::Int(1)),
            ("%.d", Value::Int(1)),
            ("%99999d", Value::Int(1)),
            ("%99999999999999999999d", Value::Int(1)),
            ("%2$d", Value::Int(1)),
        ] {
            assert!(formatted(text, value).is_err(), "{text}");
        }
    }
}
