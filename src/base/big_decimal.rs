//! Decimal numbers of any length, as Java's `BigDecimal`: an integer and a scale, `unscaled / 10^scale`.
//!
//! `==` tells `1.0` from `1.00`, as Java's `equals`; [`BigDecimal::compare`] compares by value, as `compareTo`, and is what the query
//! language uses everywhere. No operation makes more digits than [`BIG_NUMBER_BYTES_MAX`] holds, whatever the scales.

use super::limits::BIG_NUMBER_BYTES_MAX;
use super::{Error, Result};
use num_bigint::{BigInt, Sign};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A decimal number with its scale.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BigDecimal {
    unscaled: BigInt,
    scale: i32,
}

/// Digits that a text may have: more than [`BIG_NUMBER_BYTES_MAX`] can hold are refused before they are read.
const DIGITS_MAX: usize = BIG_NUMBER_BYTES_MAX * 5 / 2;

impl BigDecimal {
    /// `unscaled / 10^scale`.
    pub fn new(unscaled: BigInt, scale: i32) -> Self {
        BigDecimal { unscaled, scale }
    }

    /// All digits as one integer.
    pub fn unscaled(&self) -> &BigInt {
        &self.unscaled
    }

    /// How many of the digits lie behind the point; negative where zeros follow them before it.
    pub fn scale(&self) -> i32 {
        self.scale
    }

    /// The exact value of a finite double with the digits that Java prints, as `BigDecimal.valueOf`; none for NaN and infinities.
    pub fn from_double(value: f64) -> Option<Self> {
        let mut text = String::new();
        super::java_text::write_double(value, &mut text);
        value.is_finite().then(|| text.parse().ok())?
    }

    /// The nearest double; infinite where it is out of range.
    pub fn to_double(&self) -> f64 {
        // The standard library rounds correctly, whatever the length.
        format!("{}e{}", self.unscaled, -i64::from(self.scale)).parse().unwrap_or(f64::NAN)
    }

    /// The integer part, cut toward zero; an error where it would have too many digits.
    pub fn to_integer(&self) -> Result<BigInt> {
        if self.unscaled.sign() == Sign::NoSign {
            return Ok(BigInt::default());
        }
        match u32::try_from(self.scale) {
            Ok(scale) if u64::from(scale) >= self.digit_count() => Ok(BigInt::default()),
            Ok(scale) => Ok(&self.unscaled / power_of_ten(scale)),
            Err(_) => self.unscaled_at(0),
        }
    }

    /// The low 64 bits of the integer part, as Java's `longValue`.
    pub fn to_long(&self) -> i64 {
        // Beyond 64 zeros before the point all low bits are zero.
        if self.scale < -64 { 0 } else { self.to_integer().map_or(0, |value| low_bits(&value)) }
    }

    /// Order by value: `1.0` and `1.00` are equal.
    pub fn compare(&self, other: &BigDecimal) -> Ordering {
        let (sign, its) = (self.unscaled.sign(), other.unscaled.sign());
        if sign != its || sign == Sign::NoSign {
            return sign.cmp(&its);
        }
        if self.scale == other.scale {
            return self.unscaled.cmp(&other.unscaled);
        }
        // The place of the first digit decides; where it is the same, the scales differ by no more than the digits.
        let by_size = self.exponent().cmp(&other.exponent());
        let ascending = if by_size.is_ne() {
            by_size
        } else {
            let scale = self.scale.max(other.scale);
            let magnitude = |d: &BigDecimal| d.unscaled.magnitude() * power_of_ten(scale.abs_diff(d.scale)).magnitude();
            magnitude(self).cmp(&magnitude(other))
        };
        if sign == Sign::Minus { ascending.reverse() } else { ascending }
    }

    /// The same number without zeros at the end of its digits; zero has the scale 0. Numbers of equal value become the same.
    pub fn normalized(&self) -> BigDecimal {
        let digits = self.unscaled.to_string();
        let kept = digits.trim_end_matches('0');
        match kept {
            "" | "-" => BigDecimal::new(BigInt::default(), 0),
            kept if kept.len() == digits.len() => self.clone(),
            kept => {
                let zeros = (digits.len() - kept.len()) as i32;
                match self.scale.checked_sub(zeros) {
                    Some(scale) => BigDecimal::new(kept.parse().unwrap_or_default(), scale),
                    None => self.clone(),
                }
            }
        }
    }

    /// The unscaled value at another scale that is not smaller; an error where it would have too many digits.
    pub fn unscaled_at(&self, scale: i32) -> Result<BigInt> {
        let zeros = i64::from(scale) - i64::from(self.scale);
        if zeros <= 0 || self.unscaled.sign() == Sign::NoSign {
            return Ok(self.unscaled.clone());
        }
        if self.digit_count() as i64 + zeros > DIGITS_MAX as i64 {
            return Err(Error::limit(format!("a decimal number would have more than {DIGITS_MAX} digits")));
        }
        Ok(&self.unscaled * power_of_ten(zeros as u32))
    }

    /// Exponent of the first digit.
    fn exponent(&self) -> i64 {
        self.digit_count() as i64 - i64::from(self.scale)
    }

    /// How many digits the unscaled value has; 1 for zero.
    pub fn digit_count(&self) -> u64 {
        digit_count(&self.unscaled)
    }
}

/// Decimal digits of an integer; 1 for zero.
pub fn digit_count(value: &BigInt) -> u64 {
    match u128::try_from(value.magnitude()) {
        Ok(small) => u64::from(small.checked_ilog10().unwrap_or(0)) + 1,
        Err(_) => value.magnitude().to_str_radix(10).len() as u64,
    }
}

/// The low 64 bits of an integer in two's complement, as Java's `longValue`.
pub fn low_bits(value: &BigInt) -> i64 {
    let low = value.magnitude().iter_u64_digits().next().unwrap_or(0);
    if value.sign() == Sign::Minus { (low as i64).wrapping_neg() } else { low as i64 }
}

/// `10^zeros`; callers bound `zeros`.
pub fn power_of_ten(zeros: u32) -> BigInt {
    BigInt::from(10u8).pow(zeros)
}

/// Reads an integer of any length: a sign and digits. None for other texts and for more digits than a value may have.
pub fn parse_integer(text: &str) -> Option<BigInt> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || digits.len() > DIGITS_MAX || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let value = BigInt::parse_bytes(digits.as_bytes(), 10)?;
    let fits = value.bits() < 8 * BIG_NUMBER_BYTES_MAX as u64;
    fits.then(|| if text.starts_with('-') { -value } else { value })
}

impl FromStr for BigDecimal {
    type Err = Error;

    /// Reads what Java's constructor does: digits with or without a point and an exponent. The scale is how the text is written: `1.50` has 2.
    fn from_str(text: &str) -> Result<Self> {
        let refuse =
            || Error::parse(format!("{:?} is not a decimal number", text.chars().take(60).collect::<String>()));
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => {
                let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
                if digits.is_empty() || digits.len() > 10 || !digits.bytes().all(|c| c.is_ascii_digit()) {
                    return Err(refuse());
                }
                (number, exponent.parse::<i64>().map_err(|_| refuse())?)
            }
            None => (text, 0),
        };
        if number.len() > DIGITS_MAX {
            return Err(refuse());
        }
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if fraction.starts_with(['-', '+']) || !number.bytes().any(|c| c.is_ascii_digit()) {
            return Err(refuse());
        }
        let unscaled = parse_integer(&format!("{whole}{fraction}")).ok_or_else(refuse)?;
        let scale = i32::try_from(fraction.len() as i64 - exponent).map_err(|_| refuse())?;
        Ok(BigDecimal { unscaled, scale })
    }
}

impl fmt::Display for BigDecimal {
    /// As `BigDecimal.toString`: plain where the scale is not negative and at most six zeros follow the point, else with an exponent. Reading it
    /// back gives the same scale.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.unscaled.to_string();
        let (sign, digits) = text.strip_prefix('-').map_or(("", &*text), |digits| ("-", digits));
        if self.scale == 0 {
            return f.write_str(&text);
        }
        let exponent = digits.len() as i64 - 1 - i64::from(self.scale);
        if self.scale > 0 && exponent >= -6 {
            let scale = self.scale as usize;
            return match digits.len().checked_sub(scale) {
                Some(point @ 1..) => write!(f, "{sign}{}.{}", &digits[..point], &digits[point..]),
                _ => write!(f, "{sign}0.{digits:0>scale$}"),
            };
        }
        f.write_str(sign)?;
        f.write_str(&digits[..1])?;
        if digits.len() > 1 {
            write!(f, ".{}", &digits[1..])?;
        }
        if exponent == 0 { Ok(()) } else { write!(f, "E{exponent:+}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> BigDecimal {
        text.parse().unwrap()
    }

    #[test]
    fn texts_are_those_of_java() {
        for (text, expected) in [
            ("0", "0"),
            ("0.00", "0.00"),
            ("-1.50", "-1.50"),
            ("+7", "7"),
            ("123.", "123"),
            (".5", "0.5"),
            ("1e3", "1E+3"),
            ("12.5E10", "1.25E+11"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1E-7"),
            ("-0.00000123", "-0.00000123"),
            ("1.23E-7", "1.23E-7"),
            ("100e-2", "1.00"),
            ("0e5", "0E+5"),
            ("0e-10", "0E-10"),
            ("123456789012345678901234567890.123", "123456789012345678901234567890.123"),
            ("1e2147483647", "1E+2147483647"),
            ("1e-2147483647", "1E-2147483647"),
        ] {
            assert_eq!(decimal(text).to_string(), expected, "{text}");
        }
        for text in
            ["", ".", "-", "e5", "1e", "1e+", "1.-5", "--1", "1..2", "0x1", "1e99999999999", "1e2147483649", "١"]
        {
            assert!(text.parse::<BigDecimal>().is_err(), "{text}");
        }
        assert!("9".repeat(DIGITS_MAX + 1).parse::<BigDecimal>().is_err());
        assert!(parse_integer(&"9".repeat(DIGITS_MAX)).is_none());
    }

    #[test]
    fn comparison_is_by_value() {
        use Ordering::*;
        for (a, b, expected) in [
            ("1.0", "1.00", Equal),
            ("0", "0E+5", Equal),
            ("-1", "1", Less),
            ("0", "-0.1", Greater),
            ("1e2147483647", "1e-2147483647", Greater),
            ("-1e2147483647", "-1", Less),
            ("10", "9.99", Greater),
            ("1E+1", "10.000", Equal),
            ("-10", "-9.99", Less),
        ] {
            assert_eq!(decimal(a).compare(&decimal(b)), expected, "{a} {b}");
            assert_eq!(decimal(b).compare(&decimal(a)), expected.reverse(), "{b} {a}");
            assert_eq!(decimal(a).normalized() == decimal(b).normalized(), expected == Equal);
        }
    }

    #[test]
    fn conversions_to_other_numbers() {
        for (text, double, long) in [
            ("1.5", 1.5, 1),
            ("-1.5", -1.5, -1),
            ("1e400", f64::INFINITY, 0),
            ("1e-400", 0.0, 0),
            ("9223372036854775808", 9223372036854775808.0, i64::MIN),
            ("-18446744073709551617", -18446744073709551616.0, -1),
            ("12e2", 1200.0, 1200),
            ("1e-2147483647", 0.0, 0),
            ("1e2147483647", f64::INFINITY, 0),
        ] {
            assert_eq!((decimal(text).to_double(), decimal(text).to_long()), (double, long), "{text}");
        }
        assert!(decimal("1e2147483647").to_integer().is_err());
        assert!(decimal("1e2147483647").unscaled_at(i32::MAX).is_err());
        assert_eq!(BigDecimal::from_double(0.1).unwrap().to_string(), "0.1");
        assert_eq!(BigDecimal::from_double(f64::NAN), None);
    }

    proptest! {
        #[test]
        fn texts_round_trip(unscaled in any::<i128>(), scale in -40i32..40, other in any::<i64>(), other_scale in -40i32..40) {
            let value = BigDecimal::new(unscaled.into(), scale);
            prop_assert_eq!(&decimal(&value.to_string()), &value);
            prop_assert_eq!(value.normalized().compare(&value), Ordering::Equal);
            let other = BigDecimal::new(other.into(), other_scale);
            let at = |d: &BigDecimal| d.unscaled_at(40).unwrap();
            prop_assert_eq!(value.compare(&other), at(&value).cmp(&at(&other)));
        }
    }
}
