//! Strings as Java counts them, in UTF-16 units; text of ASCII alone is not converted.

/// The count of units.
pub(in super::super) fn length(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

/// The unit at an index.
pub(in super::super) fn unit_at(text: &str, index: usize) -> Option<u16> {
    if text.is_ascii() { text.as_bytes().get(index).map(|&byte| byte.into()) } else { text.encode_utf16().nth(index) }
}

/// Appends the units from `start` to before `end`; false if these are no range of the text. Half of a character that a cut splits becomes U+FFFD.
pub(in super::super) fn substring(text: &str, start: i64, end: Option<i64>, out: &mut String) -> bool {
    let length = length(text) as i64;
    let end = end.unwrap_or(length);
    if start < 0 || end > length || start > end {
        return false;
    }
    let (start, end) = (start as usize, end as usize);
    if text.is_ascii() {
        out.push_str(&text[start..end]);
    } else {
        let units: Vec<u16> = text.encode_utf16().skip(start).take(end - start).collect();
        out.push_str(&String::from_utf16_lossy(&units));
    }
    true
}

/// The index of the first occurrence at or after an index, or -1.
pub(in super::super) fn index_of(text: &str, wanted: &str, from: i64) -> i32 {
    let length = length(text);
    let from = (from.max(0) as usize).min(length);
    let start = byte_of(text, from);
    match text[start..].find(wanted) {
        Some(at) => unit_of(text, start + at),
        None => -1,
    }
}

/// The index of the last occurrence at or before an index, or -1.
pub(in super::super) fn last_index_of(text: &str, wanted: &str, from: Option<i64>) -> i32 {
    let end = match from {
        None => text.len(),
        Some(from) if from < 0 => return -1,
        // An occurrence may start at `from` and reach beyond it.
        Some(from) => {
            let from = (from as usize).min(length(text));
            let up = byte_of(text, from);
            // Inside of a character: that one starts before.
            let start = if unit_of(text, up) as usize > from { up.saturating_sub(4) } else { up };
            (start + wanted.len()).min(text.len())
        }
    };
    let end = (end..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
    text[..end].rfind(wanted).map_or(-1, |at| unit_of(text, at))
}

/// The byte at which a unit starts; that of the next character inside of one.
fn byte_of(text: &str, unit: usize) -> usize {
    if text.is_ascii() {
        return unit;
    }
    let mut units = 0;
    for (at, c) in text.char_indices() {
        if units >= unit {
            return at;
        }
        units += c.len_utf16();
    }
    text.len()
}

fn unit_of(text: &str, byte: usize) -> i32 {
    length(&text[..byte]) as i32
}

/// `String.hashCode`.
pub(in super::super) fn hash(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()))
}

/// `String.compareTo`: the difference of the first units that differ, else of the lengths.
pub(in super::super) fn compare(a: &str, b: &str) -> i32 {
    let differing = a.encode_utf16().zip(b.encode_utf16()).find(|(x, y)| x != y);
    match differing {
        Some((x, y)) => i32::from(x) - i32::from(y),
        None => length(a) as i32 - length(b) as i32,
    }
}

/// As [`compare`], but the difference of texts that both have characters beyond Latin-1 is that of whole characters.
pub(in super::super) fn compare_points(a: &str, b: &str) -> i32 {
    if !a.chars().any(|c| c > '\u{ff}') || !b.chars().any(|c| c > '\u{ff}') {
        return compare(a, b);
    }
    match a.chars().zip(b.chars()).find(|(x, y)| x != y) {
        Some((x, y)) => x as i32 - y as i32,
        None => length(a) as i32 - length(b) as i32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_counted_as_in_java() {
        let emoji = "a😀b";
        assert_eq!((length(emoji), length("naïve"), length("")), (4, 5, 0));
        assert_eq!((unit_at(emoji, 1), unit_at(emoji, 3), unit_at(emoji, 4)), (Some(0xD83D), Some(98), None));
        assert_eq!((index_of(emoji, "b", 0), index_of(emoji, "a", 1), index_of("hello", "l", -3)), (3, -1, 2));
        assert_eq!((index_of("abc", "", 9), index_of("ll", "l", 1)), (3, 1));
        assert_eq!(
            (
                last_index_of("hello", "l", None),
                last_index_of("hello", "l", Some(2)),
                last_index_of(emoji, "b", Some(2))
            ),
            (3, 2, -1)
        );
        assert_eq!(
            (last_index_of("aaa", "aa", Some(1)), last_index_of("abc", "", None), last_index_of("a", "a", Some(-1))),
            (1, 3, -1)
        );
        assert_eq!((hash("hello"), hash(""), compare("a", "c"), compare("abc", "a")), (99162322, 0, -2, 2));
        for (start, end, expected) in [
            (0, Some(1), Some("a")),
            (1, Some(3), Some("😀")),
            (3, None, Some("b")),
            (4, None, Some("")),
            (5, None, None),
            (-1, None, None),
            (2, Some(1), None),
            (1, Some(2), Some("\u{FFFD}")),
        ] {
            let mut out = String::new();
            let found = substring(emoji, start, end, &mut out).then_some(out.as_str());
            assert_eq!(found, expected, "{start} {end:?}");
        }
    }
}
