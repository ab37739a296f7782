//! Numbers as Java prints them: what `+` with a String, `String.valueOf` and listings show.

use std::fmt::Write;

/// Appends a double as `Double.toString`: shortest digits that read back, at least one after the point, exponent form below 0.001 and from 10,000,000.
pub fn write_double(value: f64, out: &mut String) {
    if value.is_nan() || value.is_infinite() || value == 0.0 {
        return write_special(value, out);
    }
    let mut text = format!("{value:e}");
    if !text.contains('.') {
        // Of one digit Java prints two, the nearest: 4.9E-324.
        text = format!("{value:.1e}");
    }
    lay_out(&text, out);
}

/// Appends a float as `Float.toString`.
pub fn write_float(value: f32, out: &mut String) {
    if value.is_nan() || value.is_infinite() || value == 0.0 {
        return write_special(f64::from(value), out);
    }
    let mut text = format!("{value:e}");
    if !text.contains('.') {
        text = format!("{value:.1e}");
    }
    lay_out(&text, out);
}

fn write_special(value: f64, out: &mut String) {
    out.push_str(match value {
        v if v.is_nan() => "NaN",
        v if v == f64::INFINITY => "Infinity",
        v if v == f64::NEG_INFINITY => "-Infinity",
        v if v.is_sign_negative() => "-0.0",
        _ => "0.0",
    });
}

/// From `-d.ddde-x` to Java's layout.
fn lay_out(scientific: &str, out: &mut String) {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    out.push_str(sign);
    if !(-3..7).contains(&exponent) {
        // Writing to a String cannot fail.
        let _ = write!(out, "{whole}.{fraction}E{exponent}");
        return;
    }
    let trimmed = fraction.trim_end_matches('0');
    if exponent < 0 {
        out.push_str("0.");
        (1..-exponent).for_each(|_| out.push('0'));
        out.push_str(whole);
        out.push_str(trimmed);
        return;
    }
    let shift = exponent as usize;
    out.push_str(whole);
    out.push_str(trimmed.get(..shift).unwrap_or(trimmed));
    (trimmed.len()..shift).for_each(|_| out.push('0'));
    out.push('.');
    match trimmed.get(shift..) {
        Some(rest) if !rest.is_empty() => out.push_str(rest),
        _ => out.push('0'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_print_as_in_java() {
        for (value, expected) in [
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (100.0, "100.0"),
            (123456.789, "123456.789"),
            (9999999.0, "9999999.0"),
            (1e7, "1.0E7"),
            (12345678.9, "1.23456789E7"),
            (0.001, "0.001"),
            (0.00123, "0.00123"),
            (0.0009, "9.0E-4"),
            (1e10, "1.0E10"),
            (1e18, "1.0E18"),
            (1e21, "1.0E21"),
            (5e-324, "4.9E-324"),
            (2e-3, "0.002"),
            (f64::MAX, "1.7976931348623157E308"),
            (-f64::MAX, "-1.7976931348623157E308"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
            (0.1 + 0.2, "0.30000000000000004"),
            (2.0e22, "2.0E22"),
        ] {
            let mut text = String::new();
            write_double(value, &mut text);
            assert_eq!(text, expected);
            assert!(value.is_nan() || text.replace("Infinity", "inf").parse::<f64>().unwrap() == value);
        }
    }

    #[test]
    fn floats_print_as_in_java() {
        for (value, expected) in [
            (0.1_f32, "0.1"),
            (f32::MAX, "3.4028235E38"),
            (1e-45, "1.4E-45"),
            (16777216.0, "1.6777216E7"),
            (1.5, "1.5"),
            (-f32::MAX, "-3.4028235E38"),
        ] {
            let mut text = String::new();
            write_float(value, &mut text);
            assert_eq!(text, expected);
        }
    }
}
