//! A set of distinct texts as one value.

use super::utf16;
use std::sync::Arc;

/// Distinct texts in ascending order, that of UTF-16 code units. Equal sets are equal whatever order they were made from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct StringSet {
    texts: Arc<[Arc<str>]>,
}

impl StringSet {
    /// The set of some texts; repeats count once.
    pub fn new<T: Into<Arc<str>>>(texts: impl IntoIterator<Item = T>) -> Self {
        let mut texts: Vec<Arc<str>> = texts.into_iter().map(Into::into).collect();
        texts.sort_unstable_by(|a, b| utf16::compare(a, b));
        texts.dedup();
        StringSet { texts: texts.into() }
    }

    /// The texts in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + '_ {
        self.texts.iter().map(|text| &**text)
    }

    /// How many texts there are.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// True without texts.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// True if a text is in the set.
    pub fn contains(&self, text: &str) -> bool {
        self.texts.binary_search_by(|own| utf16::compare(own, text)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_sorted_and_distinct() {
        let set = StringSet::new(["b", "a", "", "b", "\u{FFFD}", "\u{1F600}"]);
        assert_eq!(set.iter().collect::<Vec<_>>(), ["", "a", "b", "\u{1F600}", "\u{FFFD}"]);
        assert_eq!(set, StringSet::new(["\u{1F600}", "\u{FFFD}", "a", "b", ""]));
        assert!(set.contains("\u{FFFD}") && set.contains("") && !set.contains("c"));
        assert!(StringSet::default().is_empty());
    }
}
