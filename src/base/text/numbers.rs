//! Numbers as text, faster than the standard library's where that is easy: integers, and doubles that are decimals with few digits, as prices are.

/// What doubles are multiplied by to see whether they have no more than four digits behind the point.
const SCALE: u64 = 10_000;
/// Decimals with this many digits are told from each other by a double, so that one of them is the shortest text of it.
const DIGITS_EXACT: f64 = 1e15;

/// Appends an integer in decimal digits, a minus before negative ones.
pub fn write_integer(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    write_unsigned(value.unsigned_abs(), out);
}

/// Appends a double as `{:?}` has it, if it is a decimal with few digits; does nothing for others.
pub(super) fn write_short_decimal(value: f64, out: &mut Vec<u8>) -> bool {
    let scaled = (value * SCALE as f64).round();
    if scaled == 0.0 || scaled.is_nan() || scaled.abs() >= DIGITS_EXACT || scaled / SCALE as f64 != value {
        return false;
    }
    if scaled < 0.0 {
        out.push(b'-');
    }
    let scaled = scaled.abs() as u64;
    write_unsigned(scaled / SCALE, out);
    out.push(b'.');
    let mut fraction = scaled % SCALE;
    let mut place = SCALE / 10;
    loop {
        out.push(b'0' + (fraction / place) as u8);
        fraction %= place;
        place /= 10;
        if fraction == 0 {
            return true;
        }
    }
}

fn write_unsigned(mut value: u64, out: &mut Vec<u8>) {
    // 2^64 has 20 digits.
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn integer(value: i64) -> String {
        let mut out = Vec::new();
        write_integer(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn decimal(value: f64) -> Option<String> {
        let mut out = Vec::new();
        write_short_decimal(value, &mut out).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn short_decimals_are_written_as_the_standard_library_does() {
        for value in [1.0, -1.0, 0.5, 100.25, -0.0001, 0.0001, 99_999_999_999.999_9, 1e10, 123.456_7, 0.1, 10.01] {
            assert_eq!(decimal(value), Some(format!("{value:?}")));
        }
        for value in [0.0, -0.0, 0.00001, 1e11, 1e300, f64::NAN, f64::INFINITY, f64::MIN, 1.0 / 3.0, 0.1 + 0.2] {
            assert_eq!(decimal(value), None, "{value:?}");
        }
        for value in [0, 7, 10, -1, i64::MAX, i64::MIN] {
            assert_eq!(integer(value), value.to_string());
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_equals_the_standard_library(bits in any::<u64>(), scaled in -2_000_000_000_000_000i64..2_000_000_000_000_000) {
            for value in [f64::from_bits(bits), scaled as f64 / 10_000.0, scaled as f64 / 100.0, scaled as f64 / 1e6] {
                if let Some(text) = decimal(value) {
                    prop_assert_eq!(text, format!("{value:?}"));
                }
            }
            prop_assert_eq!(integer(bits as i64), (bits as i64).to_string());
        }
    }
}
