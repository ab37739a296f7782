//! Changes of inputs: small ones of bytes and numbers, larger ones that move, repeat and mix pieces, and words of the target's language.

use crate::INPUT_BYTES_MAX;
use pilaster::io::random::SplitMix64;

/// Numbers at which something happens: limits of widths, block and vector sizes, signs.
const NUMBERS: [u64; 22] = [
    0,
    1,
    2,
    7,
    8,
    15,
    16,
    63,
    64,
    127,
    128,
    255,
    256,
    1_023,
    1_024,
    65_535,
    65_536,
    i32::MAX as u64,
    u32::MAX as u64,
    i64::MAX as u64,
    1 << 63,
    u64::MAX,
];

/// Changes `input` one to six times; `other` is another input to take pieces of.
pub fn mutate(random: &mut SplitMix64, input: &mut Vec<u8>, other: &[u8], dictionary: &[&str]) {
    for _ in 0..=random.below(6) {
        change(random, input, other, dictionary);
    }
    input.truncate(INPUT_BYTES_MAX);
}

fn change(random: &mut SplitMix64, input: &mut Vec<u8>, other: &[u8], dictionary: &[&str]) {
    let at = random.below(input.len() as u64 + 1) as usize;
    let rest = input.len() - at;
    let length_max = if random.chance(1, 4) { 256 } else { 12 };
    let length = 1 + random.below(length_max) as usize;
    let word = |random: &mut SplitMix64| match dictionary.len() {
        0 => &[][..],
        count => dictionary[random.below(count as u64) as usize].as_bytes(),
    };
    match random.below(if dictionary.is_empty() { 13 } else { 18 }) {
        0 | 1 if rest > 0 => input[at] ^= 1 << random.below(8),
        2 if rest > 0 => input[at] = random.next_u64() as u8,
        3 if rest > 0 => input[at] = input[at].wrapping_add(random.below(9) as u8).wrapping_sub(4),
        4 => insert(input, at, &random.next_u64().to_le_bytes()[..1 + random.below(8) as usize]),
        5 => drop(input.drain(at..at + length.min(rest))),
        // A piece twice, often enough to make deep and long things.
        6 => {
            let piece = input[at..at + length.min(rest)].to_vec();
            let times = if random.chance(1, 8) { random.below(64) } else { 1 };
            insert(input, at, &piece.repeat(times as usize));
        }
        7 | 8 => number(random, input, at),
        9 if rest > 1 => {
            let to = random.below(input.len() as u64) as usize;
            let piece: Vec<u8> = input.drain(at..at + length.min(rest)).collect();
            insert(input, to.min(input.len()), &piece);
        }
        10 if !other.is_empty() => {
            let from = random.below(other.len() as u64) as usize;
            let piece = &other[from..(from + length).min(other.len())];
            match random.chance(1, 2) {
                true => insert(input, at, piece),
                false => overwrite(input, at, piece),
            }
        }
        // The beginning of one and the end of another.
        11 if !other.is_empty() => {
            input.truncate(at);
            input.extend_from_slice(&other[random.below(other.len() as u64) as usize..]);
        }
        12 if random.chance(1, 4) => input.truncate(at),
        13 | 14 => insert(input, at, word(random)),
        15 => overwrite(input, at, word(random)),
        16 => {
            let spaced = [b" ", word(random), b" "].concat();
            insert(input, at, &spaced);
        }
        17 => digits(random, input, at),
        _ => insert(input, at, &[random.next_u64() as u8]),
    }
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    drop(input.splice(at..at, piece.iter().copied()));
}

fn overwrite(input: &mut [u8], at: usize, piece: &[u8]) {
    for (byte, new) in input[at..].iter_mut().zip(piece) {
        *byte = *new;
    }
}

/// Puts a number where a field may be, or changes the one that is there by a little.
fn number(random: &mut SplitMix64, input: &mut [u8], at: usize) {
    let width = 1 << random.below(4);
    // Fields of the formats lie at even places, as often as not.
    let at = if random.chance(1, 2) { at & !(width - 1) } else { at };
    let Some(field) = input.get_mut(at..at + width) else { return };
    let mut bytes = [0; 8];
    bytes[..width].copy_from_slice(field);
    let number = match random.chance(1, 2) {
        true => NUMBERS[random.below(NUMBERS.len() as u64) as usize],
        false => u64::from_le_bytes(bytes).wrapping_add(random.below(33)).wrapping_sub(16),
    };
    field.copy_from_slice(&number.to_le_bytes()[..width]);
}

/// Replaces a decimal number of a text, or puts one there.
fn digits(random: &mut SplitMix64, input: &mut Vec<u8>, at: usize) {
    let start = input[..at].iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |before| before + 1);
    let end = input[at..].iter().position(|byte| !byte.is_ascii_digit()).map_or(input.len(), |after| at + after);
    let number = NUMBERS[random.below(NUMBERS.len() as u64) as usize].to_string();
    drop(input.splice(start..end, number.bytes()));
}
