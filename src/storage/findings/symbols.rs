//! Rules of symbol tables that reading does not depend on, and codes do: distinct strings, sorted ones.

use crate::base::{Error, Result};
use crate::memory::symbols::compare_utf16;
use crate::memory::{SymbolCode, Symbols};
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Strings whose hashes are held at once: tables beyond it take several passes instead of more memory.
const PASS_STRINGS: usize = 8 << 20;

/// Errs where a string has two codes. Memory: five bytes a string, for eight million strings at most.
pub(in crate::storage) fn check_distinct(symbols: &Symbols) -> Result<()> {
    let state = FixedState::default();
    let text = |code: u32| symbols.get(SymbolCode(code)).unwrap_or_default();
    let passes = symbols.len().div_ceil(PASS_STRINGS).max(1) as u64;
    for pass in 0..passes {
        let mut seen: HashTable<u32> = HashTable::with_capacity(symbols.len().min(PASS_STRINGS));
        for (code, symbol) in symbols.iter().enumerate() {
            let hash = state.hash_one(symbol);
            if passes > 1 && hash % passes != pass {
                continue;
            }
            if let Some(first) = seen.find(hash, |&other| text(other) == symbol) {
                return Err(Error::corrupt(format!("codes {first} and {code} stand for the same string"))
                    .at_offset(code as u64 * 8));
            }
            seen.insert_unique(hash, code as u32, |&other| state.hash_one(text(other)));
        }
    }
    Ok(())
}

/// Errs where a string is not greater than the one before it.
pub(in crate::storage) fn check_sorted(symbols: &Symbols) -> Result<()> {
    let mut before: Option<&str> = None;
    for (code, symbol) in symbols.iter().enumerate() {
        if before.is_some_and(|before| compare_utf16(before, symbol).is_ge()) {
            return Err(Error::corrupt(format!("string {code} is not greater than the one before it")));
        }
        before = Some(symbol);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn repeated_and_unsorted_strings_are_found() {
        let table = |strings: &[&str]| {
            let (mut ends, mut text) = (Vec::new(), String::new());
            for string in strings {
                text.push_str(string);
                ends.extend_from_slice(&(text.len() as u64).to_le_bytes());
            }
            // Tables that say of themselves to be sorted are refused when they are opened.
            Symbols::from_parts(Bytes::from(ends), Bytes::from(text), true, false).unwrap()
        };
        for (strings, distinct, sorted) in [
            (&[][..], true, true),
            (&["", "a", "b"], true, true),
            (&["b", "a"], true, false),
            (&["a", "b", "a"], false, false),
            (&["", ""], false, false),
        ] {
            assert_eq!(check_distinct(&table(strings)).is_ok(), distinct, "{strings:?}");
            assert_eq!(check_sorted(&table(strings)).is_ok(), sorted, "{strings:?}");
        }
    }
}
