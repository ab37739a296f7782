//! The order of texts in the query language.

use std::cmp::Ordering;

/// Compares as the query language does: by UTF-16 code unit, which differs from UTF-8 order above U+D800.
pub fn compare(a: &str, b: &str) -> Ordering {
    let at = a.bytes().zip(b.bytes()).position(|(x, y)| x != y);
    match at {
        None => a.len().cmp(&b.len()),
        // Below U+10000 UTF-8 order is UTF-16 order; a four-byte character sorts as its surrogates.
        Some(at) if a.as_bytes()[at] < 0xEE && b.as_bytes()[at] < 0xEE => a.as_bytes()[at].cmp(&b.as_bytes()[at]),
        Some(_) => a.encode_utf16().cmp(b.encode_utf16()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_that_of_utf16() {
        for (a, b, expected) in [
            ("", "a", Ordering::Less),
            ("a", "b", Ordering::Less),
            ("\u{FFFD}", "\u{1F600}", Ordering::Greater),
            ("\u{1F600}", "\u{1F601}", Ordering::Less),
            ("é", "z", Ordering::Greater),
            ("x", "x", Ordering::Equal),
        ] {
            assert_eq!(compare(a, b), expected, "{a:?} {b:?}");
            assert_eq!(compare(b, a), expected.reverse(), "{b:?} {a:?}");
        }
    }
}
