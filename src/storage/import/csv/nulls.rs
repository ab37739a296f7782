//! The texts that mean null in a file.

/// The unquoted texts that mean null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NullTexts {
    texts: Vec<Box<[u8]>>,
    /// Whether the empty text is among them.
    empty: bool,
    /// First bytes of the others, 256 bits: most fields are ruled out by one look.
    firsts: [u64; 4],
}

impl Default for NullTexts {
    /// The empty text and `(null)`.
    fn default() -> Self {
        Self::new(["", "(null)"])
    }
}

impl NullTexts {
    /// These texts and no others.
    pub fn new(texts: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut nulls = NullTexts { texts: Vec::new(), empty: false, firsts: [0; 4] };
        for text in texts {
            match text.as_ref().as_bytes() {
                [] => nulls.empty = true,
                bytes => {
                    nulls.firsts[usize::from(bytes[0] >> 6)] |= 1 << (bytes[0] & 63);
                    nulls.texts.push(bytes.into());
                }
            }
        }
        nulls
    }

    /// The usual texts and these.
    pub fn with(texts: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let given: Vec<String> = texts.into_iter().map(|text| text.as_ref().to_string()).collect();
        Self::new(["".to_string(), "(null)".to_string()].into_iter().chain(given))
    }

    /// True for the bytes of an unquoted field that mean null.
    #[inline(always)]
    pub fn contains(&self, text: &[u8]) -> bool {
        match text {
            [] => self.empty,
            [first, ..] => self.firsts[usize::from(first >> 6)] >> (first & 63) & 1 == 1 && self.is_listed(text),
        }
    }

    /// The texts, in the order given.
    pub fn texts(&self) -> Vec<String> {
        let empty = self.empty.then(String::new);
        empty.into_iter().chain(self.texts.iter().map(|text| String::from_utf8_lossy(text).into_owned())).collect()
    }

    fn is_listed(&self, text: &[u8]) -> bool {
        self.texts.iter().any(|null| **null == *text)
    }
}

/// True for a text that people and programs write where a value is missing, without regard to case.
pub fn usually_means_null(text: &str) -> bool {
    const WORDS: [&str; 13] =
        ["na", "n/a", "#n/a", "nil", "null", "none", "nan", "missing", "\\N", "-", ".", "?", "(null)"];
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_text_means_null() {
        let usual = NullTexts::default();
        let given = NullTexts::new(["NA", "é"]);
        for (nulls, text, expected) in [
            (&usual, "", true),
            (&usual, "(null)", true),
            (&usual, "(null) ", false),
            (&usual, "NA", false),
            (&given, "", false),
            (&given, "NA", true),
            (&given, "N", false),
            (&given, "é", true),
        ] {
            assert_eq!(nulls.contains(text.as_bytes()), expected, "{text:?}");
        }
        assert_eq!(NullTexts::with(["NA"]).texts(), ["", "(null)", "NA"]);
        assert!(NullTexts::with(["NA"]).contains(b"") && NullTexts::with(["NA"]).contains(b"NA"));
    }
}
