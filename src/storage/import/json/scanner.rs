//! Walks over JSON text without recursion and without building anything.

/// Why a text is no JSON, as the end of a sentence that begins with where it is.
pub(in crate::storage::import) type Why = &'static str;

/// A place in a text.
#[derive(Clone)]
pub(super) struct Scanner<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

/// A value without its surroundings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// Between the quotes; true if escapes are in it.
    Text {
        start: usize,
        end: usize,
        escaped: bool,
    },
    /// A number, `true` or `false`.
    Bare {
        start: usize,
        end: usize,
    },
    Null,
    /// An array or object, brackets included.
    Nested {
        start: usize,
        end: usize,
    },
}

impl Scanner<'_> {
    /// Past white space; the byte that follows.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Option<u8> {
        while let Some(byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    /// The string whose quote stands here.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Token, Why> {
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            let rest = self.bytes.get(at..).ok_or("a string has no end")?;
            at += memchr::memchr2(b'"', b'\\', rest).ok_or("a string has no end")?;
            if self.bytes[at] == b'"' {
                self.at = at + 1;
                return Ok(Token::Text { start, end: at, escaped });
            }
            escaped = true;
            match self.bytes.get(at + 1) {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => at += 2,
                Some(b'u') => {
                    let digits = self.bytes.get(at + 2..at + 6).ok_or("a string has no end")?;
                    if !digits.iter().all(u8::is_ascii_hexdigit) {
                        return Err("an escape \\u lacks its four digits");
                    }
                    at += 6;
                }
                Some(_) => return Err("a string has an escape that JSON does not know"),
                None => return Err("a string has no end"),
            }
        }
    }

    /// The value that begins here.
    #[inline]
    pub(super) fn value(&mut self) -> Result<Token, Why> {
        match self.next() {
            Some(b'"') => self.string(),
            Some(b'{' | b'[') => self.nested(),
            Some(_) => self.bare(),
            None => Err("a value is missing"),
        }
    }

    fn bare(&mut self) -> Result<Token, Why> {
        let start = self.at;
        let rest = &self.bytes[start..];
        let ends =
            |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r' | b':' | b'"' | b'{' | b'[');
        let end = start + rest.iter().position(ends).unwrap_or(rest.len());
        self.at = end;
        match &self.bytes[start..end] {
            b"null" => Ok(Token::Null),
            b"true" | b"false" => Ok(Token::Bare { start, end }),
            // What Python and JavaScript write where JSON has nothing to write.
            b"NaN" | b"Infinity" | b"-Infinity" => Ok(Token::Bare { start, end }),
            [b'-' | b'0'..=b'9', rest @ ..]
                if rest.iter().all(|c| c.is_ascii_digit() || matches!(c, b'.' | b'e' | b'E' | b'+' | b'-')) =>
            {
                Ok(Token::Bare { start, end })
            }
            _ => Err("a value is neither string, number, true, false, null, array nor object"),
        }
    }

    /// Past an array or object, however deep. Its brackets must close in order.
    fn nested(&mut self) -> Result<Token, Why> {
        let start = self.at;
        // One bit a level for the first 128, so that `[}` is found there; deeper ones are counted.
        let (mut depth, mut kinds) = (0usize, 0u128);
        loop {
            let Some(byte) = self.bytes.get(self.at) else { return Err("an array or object has no end") };
            match byte {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => {
                    kinds = kinds << 1 | u128::from(*byte == b'{');
                    depth += 1;
                }
                b'}' | b']' => {
                    if depth <= 128 && (kinds & 1 == 1) != (*byte == b'}') {
                        return Err("brackets do not match");
                    }
                    kinds >>= 1;
                    depth -= 1;
                    if depth == 0 {
                        self.at += 1;
                        return Ok(Token::Nested { start, end: self.at });
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
    }
}

/// The text between the quotes of a string whose escapes [`Scanner::string`] has checked. Half a pair of surrogates becomes the replacement character.
pub(in crate::storage::import) fn unescape<'a>(bytes: &[u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
    scratch.clear();
    let mut at = 0;
    while at < bytes.len() {
        let plain = memchr::memchr(b'\\', &bytes[at..]).unwrap_or(bytes.len() - at);
        scratch.extend_from_slice(&bytes[at..at + plain]);
        at += plain;
        let Some(&escape) = bytes.get(at + 1) else { break };
        at += 2;
        let byte = match escape {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 8,
            b'f' => 12,
            b'u' => {
                let mut unit = hexadecimal(bytes, at);
                at += 4;
                if (0xD800..0xDC00).contains(&unit) && bytes.get(at..at + 2) == Some(b"\\u") {
                    let low = hexadecimal(bytes, at + 2);
                    if (0xDC00..0xE000).contains(&low) {
                        unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                        at += 6;
                    }
                }
                let c = char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER);
                scratch.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            other => other,
        };
        scratch.push(byte);
    }
    scratch
}

fn hexadecimal(bytes: &[u8], at: usize) -> u32 {
    let digits = bytes.get(at..at + 4).unwrap_or_default();
    digits.iter().fold(0, |sum, digit| sum << 4 | char::from(*digit).to_digit(16).unwrap_or(0))
}

/// True for what may stand between objects: white space, and the commas and brackets of an array that has all of them.
pub(in crate::storage::import) fn is_between_objects(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b'[' | b']')
}

/// Where the object ends that begins at `start` (white space, commas and brackets of an array before it do not count), line end included; none if it goes on behind the bytes.
pub(in crate::storage::import) fn object_end(bytes: &[u8], start: usize) -> Option<usize> {
    ObjectSearch { at: start, ..ObjectSearch::default() }.find(bytes)
}

/// How far the end of an object has been looked for.
#[derive(Clone, Debug, Default)]
pub(in crate::storage::import) struct ObjectSearch {
    at: usize,
    depth: usize,
    in_string: bool,
}

impl ObjectSearch {
    /// As [`object_end`], going on where it stopped: the bytes are those of before and more.
    pub(in crate::storage::import) fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        loop {
            let rest = bytes.get(self.at..)?;
            let hit = match self.in_string {
                true => memchr::memchr2(b'"', b'\\', rest),
                false => memchr::memchr3(b'{', b'}', b'"', rest),
            };
            let Some(hit) = hit else {
                self.at = bytes.len();
                return None;
            };
            self.at += hit;
            match bytes[self.at] {
                // The next byte has no meaning, and may not be there yet.
                b'\\' => self.at += 1,
                b'"' => self.in_string = !self.in_string,
                b'{' => self.depth += 1,
                _ if self.depth <= 1 => {
                    // What is left of the line goes with it, if nothing is.
                    let rest = &bytes[self.at + 1..];
                    let blank = rest.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b','));
                    let blank = blank.unwrap_or(rest.len());
                    return Some(self.at + 1 + if rest.get(blank) == Some(&b'\n') { blank + 1 } else { 0 });
                }
                _ => self.depth -= 1,
            }
            self.at += 1;
        }
    }
}
