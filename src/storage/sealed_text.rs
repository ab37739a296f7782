//! Text files that we write and people may read: a first line with the checksum of the rest, so that no flipped bit renames a column.
//!
//! The line is a comment to TOML. Whoever changes such a file by hand deletes it; a text without it is taken as it is.
//!
//! **Invariant:** no single flipped bit, and no cut, of a sealed text yields another text: it is an error, or the line alone is damaged.

use crate::base::{Error, Result};

const BEFORE: &str = "# checksum ";
const AFTER: &str = " of all below; delete this line if you edit them\n";
const DIGITS: usize = 8;

/// A text with its checksum before it. A text that has one is given a new one.
pub(super) fn seal(text: &str) -> String {
    let text = content(text);
    format!("{BEFORE}{:08x}{AFTER}{text}", crc32fast::hash(text.as_bytes()))
}

/// The text without its first line, if that is a checksum.
pub(super) fn content(text: &str) -> &str {
    if text.starts_with(BEFORE) { text.split_once('\n').map_or("", |(_, rest)| rest) } else { text }
}

/// Refuses a text that its first line says is another one. `what` is the file for the message: "the schema".
pub(super) fn check(text: &str, what: &str) -> Result<()> {
    let Some(rest) = text.strip_prefix(BEFORE) else { return Ok(()) };
    let stored = rest.get(..DIGITS).unwrap_or_default();
    let rest = rest.get(DIGITS..).and_then(|rest| rest.strip_prefix(AFTER));
    let found = rest.map(|rest| format!("{:08x}", crc32fast::hash(rest.as_bytes())));
    if found.as_deref() == Some(stored) {
        return Ok(());
    }
    let message = match found {
        Some(found) => format!("{what} is not the text that was written: its checksum is {found}, not {stored}"),
        None => format!("{what} begins with a damaged checksum"),
    };
    Err(Error::corrupt(message).at_offset(0).hint("if the change was meant, delete the first line"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_flip_and_no_cut_gives_another_text() {
        let text = "a = 1\n# two\nb = \"x\"\n";
        let sealed = seal(text);
        assert_eq!((content(&sealed), seal(&sealed)), (text, sealed.clone()));
        check(&sealed, "it").unwrap();
        check(text, "it").unwrap();
        let mut harmless = 0;
        for bit in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone().into_bytes();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let Ok(damaged) = String::from_utf8(damaged) else { continue };
            if check(&damaged, "it").is_ok() {
                assert!(bit / 8 < BEFORE.len() && damaged.ends_with(&format!("{AFTER}{text}")), "bit {bit}");
                harmless += 1;
            }
        }
        assert!(harmless > 0);
        for length in BEFORE.len()..sealed.len() {
            assert!(check(&sealed[..length], "it").unwrap_err().is_corrupt(), "{length}");
        }
        let edited = sealed.replace("a = 1", "a = 2");
        let error = check(&edited, "the schema").unwrap_err().to_string();
        assert!(
            error.contains("the schema is not the text that was written") && error.contains("delete the first line"),
            "{error}"
        );
        check(content(&edited), "it").unwrap();
    }
}
