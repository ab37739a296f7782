//! Deduplicated strings: a symbol table maps codes to text; columns carry the codes.
//!
//! A table is an immutable snapshot: offsets and bytes, owned or mapped. Whoever appends makes a new snapshot that
//! shares what it can. `u32::MAX` is the null code and never stands for a string.
//!
//! Text that does not repeat has tables too, of the rows at hand and not distinct: [`TextAppender`] makes them without a look at what is there.

pub use crate::base::utf16::compare as compare_utf16;
use crate::base::{Error, Primitive, Result};
use bytes::Bytes;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::cmp::Ordering;
use std::hash::BuildHasher;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

/// The number of a string in its [`Symbols`]; [`SymbolCode::NULL`] is the null string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct SymbolCode(pub u32);

impl SymbolCode {
    /// Index of the string, meaningless for null.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl Primitive for SymbolCode {
    const NULL: Self = SymbolCode(u32::MAX);
    const WIDTH: usize = 4;
    #[inline]
    fn put_le(self, bytes: &mut [u8]) {
        bytes[..4].copy_from_slice(&self.0.to_le_bytes());
    }
    #[inline]
    fn get_le(bytes: &[u8]) -> Self {
        SymbolCode(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }
}

/// An immutable table of strings, addressed by [`SymbolCode`].
///
/// `distinct`: no string stands twice, so that equal codes and equal strings are the same thing. `sorted`: codes
/// are in the order of the strings (UTF-16 code units, the order of the query language).
pub struct Symbols {
    ends: Ends,
    bytes: Text,
    distinct: bool,
    sorted: bool,
    lookup: OnceLock<HashTable<u32>>,
}

enum Text {
    Owned(Vec<u8>),
    Mapped(Bytes),
}

impl Deref for Text {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Text::Owned(bytes) => bytes,
            Text::Mapped(bytes) => bytes,
        }
    }
}

enum Ends {
    Owned(Vec<u64>),
    /// Little-endian u64s, mapped.
    Mapped(Bytes),
}

impl Ends {
    fn len(&self) -> usize {
        match self {
            Ends::Owned(ends) => ends.len(),
            Ends::Mapped(bytes) => bytes.len() / 8,
        }
    }

    fn get(&self, index: usize) -> u64 {
        match self {
            Ends::Owned(ends) => ends[index],
            Ends::Mapped(bytes) => {
                let at = index * 8;
                let mut le = [0; 8];
                le.copy_from_slice(&bytes[at..at + 8]);
                u64::from_le_bytes(le)
            }
        }
    }
}

impl Symbols {
    /// The table without strings.
    pub fn empty() -> Self {
        Symbols {
            ends: Ends::Owned(Vec::new()),
            bytes: Text::Owned(Vec::new()),
            distinct: true,
            sorted: true,
            lookup: OnceLock::new(),
        }
    }

    /// A table over bytes from outside: `ends` holds the end of each string as little-endian u64, `bytes` their text.
    ///
    /// Checks that the ends do not decrease, stay within `bytes`, and cut it into valid UTF-8; that strings ascend if they are said to
    /// be sorted, and are distinct as far as that shows it. O(bytes), no copy.
    pub fn from_parts(ends: Bytes, bytes: Bytes, distinct: bool, sorted: bool) -> Result<Self> {
        if !ends.len().is_multiple_of(8) || ends.len() / 8 > u32::MAX as usize {
            return Err(Error::corrupt(format!("symbol offsets have {} bytes", ends.len())));
        }
        let ends = Ends::Mapped(ends);
        let (mut start, mut before) = (0, None);
        let text = std::str::from_utf8(&bytes)
            .map_err(|e| Error::corrupt("symbol text is not UTF-8").at_offset(e.valid_up_to() as u64))?;
        for index in 0..ends.len() {
            let end = ends.get(index);
            if end < start || end > text.len() as u64 || !text.is_char_boundary(end as usize) {
                return Err(Error::corrupt(format!("symbol {index} ends at {end}, after {start} of {}", text.len()))
                    .at_offset(index as u64 * 8));
            }
            if sorted {
                let string = &text[start as usize..end as usize];
                // Binary search would miss what is out of order, and a second code of a string would hide its rows.
                if before.replace(string).is_some_and(|before| match compare_utf16(before, string) {
                    Ordering::Less => false,
                    Ordering::Equal => distinct,
                    Ordering::Greater => true,
                }) {
                    return Err(Error::corrupt(format!("symbol {index} is out of order")).at_offset(index as u64 * 8));
                }
            }
            start = end;
        }
        Ok(Symbols { ends, bytes: Text::Mapped(bytes), distinct, sorted, lookup: OnceLock::new() })
    }

    /// How many strings there are; codes are below this.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True without strings.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True when no string stands twice.
    pub fn is_distinct(&self) -> bool {
        self.distinct
    }

    /// True when code order is string order.
    pub fn is_sorted(&self) -> bool {
        self.sorted
    }

    /// Bytes of text in all.
    pub fn text_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes of the table that came from outside, such as a mapped file's: ends and text; empty where it owns them.
    pub fn shared_bytes(&self) -> [&[u8]; 2] {
        let ends = if let Ends::Mapped(bytes) = &self.ends { &bytes[..] } else { &[] };
        let text = if let Text::Mapped(bytes) = &self.bytes { &bytes[..] } else { &[] };
        [ends, text]
    }

    /// The string of a code: none for the null code and for codes outside of the table.
    pub fn get(&self, code: SymbolCode) -> Option<&str> {
        let index = code.index();
        if index >= self.len() {
            return None;
        }
        let start = if index == 0 { 0 } else { self.ends.get(index - 1) as usize };
        std::str::from_utf8(&self.bytes[start..self.ends.get(index) as usize]).ok()
    }

    /// All strings in code order.
    pub fn iter(&self) -> impl Iterator<Item = &str> + '_ {
        (0..self.len()).map(|index| self.get(SymbolCode(index as u32)).unwrap_or_default())
    }

    /// The first code of a string. In a sorted table O(log strings); otherwise the first call builds a hash table: O(strings)
    /// once, O(1) after.
    pub fn find(&self, text: &str) -> Option<SymbolCode> {
        if self.sorted && self.lookup.get().is_none() {
            return self.find_sorted(text);
        }
        let state = FixedState::default();
        let text_of = |code: u32| self.get(SymbolCode(code)).unwrap_or_default();
        let lookup = self.lookup.get_or_init(|| {
            let mut table = HashTable::with_capacity(self.len());
            for (code, symbol) in self.iter().enumerate() {
                let hash = state.hash_one(symbol);
                if table.find(hash, |&other| text_of(other) == symbol).is_none() {
                    table.insert_unique(hash, code as u32, |&other| state.hash_one(text_of(other)));
                }
            }
            table
        });
        lookup.find(state.hash_one(text), |&code| text_of(code) == text).map(|&code| SymbolCode(code))
    }

    /// Ends and bytes of a table that is not distinct, for more of the kind; none where they are not its own.
    fn own_texts(&mut self) -> Option<(&mut Vec<u64>, &mut Vec<u8>)> {
        if self.distinct {
            return None;
        }
        self.lookup = OnceLock::new();
        match (&mut self.ends, &mut self.bytes) {
            (Ends::Owned(ends), Text::Owned(bytes)) => Some((ends, bytes)),
            _ => None,
        }
    }

    fn find_sorted(&self, text: &str) -> Option<SymbolCode> {
        let text_of = |code: u32| self.get(SymbolCode(code)).unwrap_or_default();
        let (mut low, mut high) = (0, self.len() as u32);
        while low < high {
            let middle = low + (high - low) / 2;
            if compare_utf16(text_of(middle), text).is_lt() {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (self.get(SymbolCode(low))? == text).then_some(SymbolCode(low))
    }
}

impl std::fmt::Debug for Symbols {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Symbols({} strings, {} bytes)", self.len(), self.bytes.len())
    }
}

/// Strings that codes can tell apart.
pub const SYMBOL_COUNT_MAX: usize = u32::MAX as usize;

/// Collects strings and gives each distinct one a code, in order of first appearance.
pub struct SymbolTableBuilder {
    table: HashTable<u32>,
    ends: Vec<u64>,
    bytes: Vec<u8>,
    /// True where it continues a table that is not distinct.
    repeats: bool,
    count_max: usize,
    state: FixedState,
}

impl Default for SymbolTableBuilder {
    fn default() -> Self {
        SymbolTableBuilder {
            table: HashTable::new(),
            ends: Vec::new(),
            bytes: Vec::new(),
            repeats: false,
            count_max: SYMBOL_COUNT_MAX,
            state: FixedState::default(),
        }
    }
}

impl SymbolTableBuilder {
    /// A builder without strings.
    pub fn new() -> Self {
        Self::default()
    }

    /// A builder that goes on where `symbols` ends, with the same codes. O(strings).
    pub fn continuing(symbols: &Symbols) -> Self {
        let mut builder = SymbolTableBuilder { repeats: !symbols.distinct, ..Self::default() };
        for text in symbols.iter() {
            builder.append(text);
        }
        builder
    }

    /// As [`SymbolTableBuilder::continuing`] with the table itself: O(1) for one that a builder made, that was searched and that no one
    /// shares.
    pub fn reusing(symbols: Symbols) -> Self {
        match symbols {
            Symbols { ends: Ends::Owned(ends), bytes: Text::Owned(bytes), distinct: true, mut lookup, .. }
                if lookup.get().is_some() =>
            {
                SymbolTableBuilder { table: lookup.take().unwrap_or_default(), ends, bytes, ..Self::default() }
            }
            symbols => Self::continuing(&symbols),
        }
    }

    /// How many distinct strings there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True without strings.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of text in all.
    pub fn text_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The code of a string, a new one at its first appearance. Errs past 2^32 - 1 strings.
    pub fn intern(&mut self, text: &str) -> Result<SymbolCode> {
        let hash = self.state.hash_one(text);
        let (ends, bytes) = (&self.ends, &self.bytes);
        if let Some(&code) = self.table.find(hash, |&code| slice(ends, bytes, code) == text.as_bytes()) {
            return Ok(SymbolCode(code));
        }
        check_room(self.ends.len(), self.count_max)?;
        Ok(self.append(text))
    }

    /// The code of an optional string: null stays null.
    pub fn intern_option(&mut self, text: Option<&str>) -> Result<SymbolCode> {
        text.map_or(Ok(SymbolCode::NULL), |text| self.intern(text))
    }

    /// The string of a code.
    pub fn get(&self, code: SymbolCode) -> Option<&str> {
        (code.index() < self.ends.len())
            .then(|| std::str::from_utf8(slice(&self.ends, &self.bytes, code.0)).unwrap_or_default())
    }

    /// The immutable table, in code order. Copies nothing.
    pub fn finish(self) -> Symbols {
        Symbols {
            sorted: self.ends.len() <= 1,
            ends: Ends::Owned(self.ends),
            bytes: Text::Owned(self.bytes),
            distinct: !self.repeats,
            lookup: if self.repeats { OnceLock::new() } else { OnceLock::from(self.table) },
        }
    }

    /// A copy of the table as it stands.
    pub fn snapshot(&self) -> Symbols {
        Symbols {
            sorted: self.ends.len() <= 1,
            ends: Ends::Owned(self.ends.clone()),
            bytes: Text::Owned(self.bytes.clone()),
            distinct: !self.repeats,
            lookup: OnceLock::new(),
        }
    }

    fn append(&mut self, text: &str) -> SymbolCode {
        let code = self.ends.len() as u32;
        self.bytes.extend_from_slice(text.as_bytes());
        self.ends.push(self.bytes.len() as u64);
        let (ends, bytes, state) = (&self.ends, &self.bytes, &self.state);
        self.table.insert_unique(state.hash_one(text), code, |&other| {
            state.hash_one(std::str::from_utf8(slice(ends, bytes, other)).unwrap_or_default())
        });
        SymbolCode(code)
    }
}

/// Refuses one string more than there may be.
fn check_room(count: usize, count_max: usize) -> Result<()> {
    if count >= count_max {
        return Err(Error::limit(format!("a symbol table holds at most {count_max} strings"))
            .hint("declare the column with symbol = \"none\""));
    }
    Ok(())
}

/// Adds strings to a chunk's own table, each with a code of its own, whether it occurs there or not. O(text), amortised.
///
/// A table that others share, or that is distinct, is left alone: the chunk gets one with the strings of its rows.
pub struct TextAppender<'a> {
    codes: &'a mut Vec<SymbolCode>,
    ends: &'a mut Vec<u64>,
    bytes: &'a mut Vec<u8>,
}

impl<'a> TextAppender<'a> {
    pub(super) fn new(codes: &'a mut Vec<SymbolCode>, symbols: &'a mut Arc<Symbols>) -> Result<Self> {
        let mine = Arc::get_mut(symbols).is_some_and(|table| table.own_texts().is_some());
        if !mine || codes.iter().all(|code| code.is_null()) {
            let mut own = Symbols { distinct: false, sorted: false, ..Symbols::empty() };
            let mut copied = Vec::with_capacity(codes.len());
            if let Some((ends, bytes)) = own.own_texts() {
                let mut appender = TextAppender { codes: &mut copied, ends, bytes };
                codes.iter().try_for_each(|&code| appender.push(symbols.get(code)))?;
            }
            *codes = copied;
            *symbols = Arc::new(own);
        }
        match Arc::get_mut(symbols).and_then(Symbols::own_texts) {
            Some((ends, bytes)) => Ok(TextAppender { codes, ends, bytes }),
            None => Err(Error::invalid("a table of texts is shared")),
        }
    }

    /// Appends a value, none for null. Errs past 2^32 - 1 strings.
    pub fn push(&mut self, text: Option<&str>) -> Result<()> {
        let Some(text) = text else {
            self.codes.push(SymbolCode::NULL);
            return Ok(());
        };
        check_room(self.ends.len(), SYMBOL_COUNT_MAX)?;
        self.codes.push(SymbolCode(self.ends.len() as u32));
        self.bytes.extend_from_slice(text.as_bytes());
        self.ends.push(self.bytes.len() as u64);
        Ok(())
    }

    /// Makes room for so many bytes of text.
    pub fn reserve(&mut self, values: usize, bytes: usize) {
        self.codes.reserve(values);
        self.ends.reserve(values);
        self.bytes.reserve(bytes);
    }
}

fn slice<'a>(ends: &[u64], bytes: &'a [u8], code: u32) -> &'a [u8] {
    let index = code as usize;
    let start = if index == 0 { 0 } else { ends[index - 1] as usize };
    &bytes[start..ends[index] as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_string_one_code() {
        let mut builder = SymbolTableBuilder::new();
        let codes: Vec<u32> = ["A", "", "A", "B", ""].iter().map(|s| builder.intern(s).unwrap().0).collect();
        assert_eq!(codes, [0, 1, 0, 2, 1]);
        let symbols = builder.finish();
        assert_eq!(symbols.iter().collect::<Vec<_>>(), ["A", "", "B"]);
        assert_eq!(symbols.find("B"), Some(SymbolCode(2)));
        assert_eq!(symbols.find("C"), None);
        assert_eq!(symbols.get(SymbolCode::NULL), None);
        let mut more = SymbolTableBuilder::continuing(&symbols);
        assert_eq!(more.intern("B").unwrap().0, 2);
        assert_eq!(more.intern("C").unwrap().0, 3);
    }

    #[test]
    fn sorted_tables_are_searched() {
        let texts = ["", "a", "b", "\u{1F600}", "\u{FFFD}"];
        let mut builder = SymbolTableBuilder::new();
        texts.iter().for_each(|text| assert!(builder.intern(text).is_ok()));
        let symbols = Symbols { sorted: true, ..builder.finish() };
        for (code, text) in texts.iter().enumerate() {
            assert_eq!(symbols.find(text), Some(SymbolCode(code as u32)), "{text:?}");
        }
        assert!(["0", "aa", "\u{1F601}", "\u{FFFE}"].iter().all(|text| symbols.find(text).is_none()));
        assert_eq!(Symbols::empty().find(""), None);
    }

    #[test]
    fn damaged_parts_are_refused() {
        let ends = |ends: &[u64]| Bytes::from(ends.iter().flat_map(|e| e.to_le_bytes()).collect::<Vec<_>>());
        assert!(Symbols::from_parts(ends(&[1, 2]), Bytes::from_static(b"ab"), true, true).is_ok());
        for (offsets, text) in [
            (&[2, 1][..], &b"ab"[..]),
            (&[3], b"ab"),
            (&[1], "é".as_bytes()),
            (&[2], b"\xff\xfe"),
            (&[1, 2], b"ba"),
            (&[1, 2], b"aa"),
            (&[0, 0], b""),
        ] {
            let result = Symbols::from_parts(ends(offsets), Bytes::copy_from_slice(text), true, true);
            assert!(result.unwrap_err().is_corrupt());
        }
        assert!(Symbols::from_parts(Bytes::from_static(b"1234567"), Bytes::new(), true, true).is_err());
    }

    #[test]
    fn a_table_that_is_full_takes_known_strings_only() {
        let mut builder = SymbolTableBuilder { count_max: 2, ..SymbolTableBuilder::new() };
        let codes = ["a", "b", "a"].map(|text| builder.intern(text).unwrap().0);
        assert_eq!(codes, [0, 1, 0]);
        let error = builder.intern("c").unwrap_err();
        assert_eq!(error.kind(), crate::base::ErrorKind::Limit);
        assert!(error.to_string().contains("at most 2 strings") && error.to_string().contains("symbol = \"none\""));
        assert_eq!(
            (builder.intern_option(None).unwrap(), builder.intern("b").unwrap()),
            (SymbolCode::NULL, SymbolCode(1))
        );
        assert_eq!(SymbolTableBuilder::new().count_max, SymbolCode::NULL.index(), "the null code stands for no string");
    }
}
