//! Numbers as other countries write them: with a decimal comma, and with signs between thousands.

use crate::base::{Error, Result};

/// How the numbers of a text are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberStyle {
    /// Between whole numbers and fractions: an ASCII character.
    pub decimal: u8,
    /// Between groups of three digits, if anything is. A space means those that do not break lines, too.
    pub thousands: Option<char>,
}

impl Default for NumberStyle {
    /// A point, and nothing between thousands.
    fn default() -> Self {
        NumberStyle { decimal: b'.', thousands: None }
    }
}

impl NumberStyle {
    /// Errs where the two cannot be told from each other or from digits.
    pub fn check(&self) -> Result<()> {
        let refuse = |what: &str, c: char, why: &str| Err(Error::invalid(format!("the {what} cannot be {c:?}: {why}")));
        let decimal = char::from(self.decimal);
        if !decimal.is_ascii_punctuation() || matches!(decimal, '-' | '+' | '"') {
            return refuse("decimal sign", decimal, "it is a point, a comma or the like");
        }
        match self.thousands {
            Some(c) if c == decimal => refuse("sign between thousands", c, "it is the decimal sign already"),
            Some(c) if c.is_alphanumeric() || c.is_control() || matches!(c, '-' | '+' | '"') => {
                refuse("sign between thousands", c, "it is a comma, a point, an apostrophe, a space or the like")
            }
            _ => Ok(()),
        }
    }

    /// True where numbers are written as everywhere in this library.
    #[inline(always)]
    pub fn is_usual(&self) -> bool {
        self.decimal == b'.' && self.thousands.is_none()
    }

    /// A text with a point, and with nothing between thousands; none where what stands there is not of the style: a point that is neither, or a group that has not three digits. Texts that
    /// are no numbers come out as something that is none either.
    pub fn usual<'a>(&self, text: &'a [u8], scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
        let text_of = std::str::from_utf8(text).ok()?;
        let (whole, fraction) = match text_of.split_once(char::from(self.decimal)) {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (text_of, None),
        };
        scratch.clear();
        match self.thousands.filter(|sign| whole.contains(|c| is_sign(c, *sign))) {
            None => scratch.extend_from_slice(whole.as_bytes()),
            Some(sign) => {
                let digits = whole.strip_prefix(['-', '+']).unwrap_or(whole);
                for (at, group) in digits.split(|c| is_sign(c, sign)).enumerate() {
                    let fits = if at == 0 { (1..=3).contains(&group.len()) } else { group.len() == 3 };
                    if !fits || !group.bytes().all(|c| c.is_ascii_digit()) {
                        return None;
                    }
                }
                scratch.extend(whole.chars().filter(|c| !is_sign(*c, sign)).map(|c| c as u8));
            }
        }
        if scratch.contains(&b'.') || fraction.is_some_and(|fraction| fraction.contains('.')) {
            return None;
        }
        if let Some(fraction) = fraction {
            scratch.push(b'.');
            scratch.extend_from_slice(fraction.as_bytes());
        }
        Some(scratch)
    }
}

fn is_sign(c: char, sign: char) -> bool {
    c == sign || (sign == ' ' && matches!(c, '\u{a0}' | '\u{202f}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_written() {
        let style = |decimal: u8, thousands: &str| NumberStyle { decimal, thousands: thousands.chars().next() };
        for (style, text, expected) in [
            (style(b',', ""), "1,5", Some("1.5")),
            (style(b',', ""), "-1,5e3", Some("-1.5e3")),
            (style(b',', ""), "15", Some("15")),
            (style(b',', ""), "1.5", None),
            (style(b',', ""), "1,5.5", None),
            (style(b',', ""), "1,5,5", Some("1.5,5")),
            (style(b',', "."), "1.234.567,89", Some("1234567.89")),
            (style(b',', "."), "-1.234", Some("-1234")),
            (style(b',', "."), "1.23", None),
            (style(b',', "."), "1234.567", None),
            (style(b',', "."), ".567", None),
            (style(b'.', ","), "1,234.5", Some("1234.5")),
            (style(b'.', ","), "12,34", None),
            (style(b'.', ","), "1234567.5", Some("1234567.5")),
            (style(b'.', "'"), "1'234.5", Some("1234.5")),
            (style(b',', " "), "1\u{202f}234\u{a0}567,5", Some("1234567.5")),
            (style(b',', " "), "a b", None),
            (style(b'.', ","), "NaN", Some("NaN")),
            (style(b'.', ","), "", Some("")),
        ] {
            let mut scratch = Vec::new();
            let found = style.usual(text.as_bytes(), &mut scratch).map(|text| std::str::from_utf8(text).unwrap());
            assert_eq!(found, expected, "{text} {style:?}");
        }
    }

    #[test]
    fn signs_must_be_signs() {
        for (decimal, thousands, fits) in [
            (b'.', None, true),
            (b',', Some('.'), true),
            (b',', Some('\u{202f}'), true),
            (b',', Some(','), false),
            (b'5', None, false),
            (b'-', None, false),
            (b'.', Some('0'), false),
            (b'.', Some('x'), false),
        ] {
            assert_eq!(NumberStyle { decimal, thousands }.check().is_ok(), fits, "{decimal} {thousands:?}");
        }
    }
}
