//! Symbol tables: of growing locations, and sealed ones with their checksums recomputed.

use super::{Target, checksum, put, seal_header};
use bytes::Bytes;
use pilaster::format::header::FileKind;
use pilaster::format::sealed_symbols;
use pilaster::memory::{SymbolCode, Symbols};

pub(super) const TARGET: Target = Target { name: "symbols", run, dictionary: &[], seeds };

/// The first byte chooses; the rest is a sealed file, or 16-bit ends as many as the second byte says and text.
fn run(bytes: &[u8]) {
    let Some((&choice, rest)) = bytes.split_first() else { return };
    if choice & 1 == 0 { sealed(rest) } else { growing(choice, rest) }
}

fn sealed(file: &[u8]) {
    let _ = sealed_symbols::open(&Bytes::copy_from_slice(file));
    let mut file = file.to_vec();
    seal_header(&mut file, FileKind::SealedSymbols);
    let count = file.get(16..24).map_or(0, |count| u64::from_le_bytes(count.try_into().unwrap_or_default()));
    let text_at = count.saturating_mul(8).saturating_add(48).min(file.len() as u64) as usize;
    if file.len() >= 48 {
        let sums = [checksum(&file[48..text_at.max(48)]), checksum(&file[text_at.max(48)..])];
        put(&mut file, 32, &sums.concat());
        let seal = checksum(&file[..44]);
        put(&mut file, 44, &seal);
    }
    if let Ok((symbols, _)) = sealed_symbols::open(&Bytes::from(file)) {
        check(&symbols);
        let (again, _) = sealed_symbols::encode(symbols.iter()).expect("a sorted table can be written");
        let (same, _) = sealed_symbols::open(&Bytes::from(again)).expect("what was written reads");
        assert!(same.iter().eq(symbols.iter()));
    }
}

fn growing(choice: u8, rest: &[u8]) {
    let Some((&count, rest)) = rest.split_first() else { return };
    let (ends, text) = rest.split_at((usize::from(count) * 2).min(rest.len()));
    let wide = |end: &[u8]| u64::from(u16::from_le_bytes([end[0], end[1]])).to_le_bytes();
    let mut ends: Vec<u8> = ends.chunks_exact(2).flat_map(wide).collect();
    if choice & 8 != 0 {
        // An end that does not fit 32 or 63 bits.
        ends.extend_from_slice(&(u64::MAX >> (choice >> 4)).to_le_bytes());
    }
    let (distinct, sorted) = (choice & 2 != 0, choice & 4 != 0);
    let symbols = Symbols::from_parts(Bytes::from(ends), Bytes::copy_from_slice(text), distinct, sorted);
    if let Ok(symbols) = symbols {
        check(&symbols);
    }
}

/// Every code has a text, and the text leads to a code of that text.
fn check(symbols: &Symbols) {
    for (code, text) in symbols.iter().enumerate() {
        let found = symbols.find(text);
        assert_eq!(symbols.get(SymbolCode(code as u32)), Some(text));
        let same = found.and_then(|found| symbols.get(found)) == Some(text);
        assert!(same, "{text:?} is symbol {code}, found is {found:?}");
        assert!(
            !(symbols.is_distinct() && symbols.is_sorted()) || found == Some(SymbolCode(code as u32)),
            "{text:?} is there twice"
        );
    }
    assert_eq!(symbols.get(SymbolCode(symbols.len() as u32)), None);
    let _ = symbols.find("\u{10ffff} no such text");
}

fn seeds() -> Vec<Vec<u8>> {
    let sealed = |strings: &[&str]| {
        let (bytes, _) = sealed_symbols::encode(strings.iter().copied()).expect("they ascend");
        [&[0], &bytes[..]].concat()
    };
    vec![
        sealed(&["", "AAPL", "SPY", "\u{1F600}", "\u{FFFD}"]),
        sealed(&[]),
        [&[1 | 2, 3, 1, 0, 3, 0, 5, 0][..], b"ABCDE"].concat(),
        [&[1 | 2 | 4, 2, 2, 0, 4, 0][..], "ΩΩ".as_bytes()].concat(),
    ]
}
