//! What a text of JSON says does not depend on how it is cut into blocks, damaged texts above all.

use super::objects::find_objects;
use super::shape::Shape;
use super::*;
use crate::base::Result;
use crate::storage::import::csv::dialect::count_line_ends;
use crate::storage::import::csv::{CsvInput, CsvReader};
use proptest::prelude::*;
use std::io::Read;

/// Gives a few bytes at a time, as a pipe may.
struct Drops(std::io::Cursor<Vec<u8>>, usize);

impl Read for Drops {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(self.1);
        self.0.read(&mut buffer[..most])
    }
}

/// The records and the damaged ones with their places, one after the other; at the end how many lines there are. What is no UTF-8 ends it.
fn outcome(text: &[u8], block_bytes: usize, drops: Option<usize>) -> Result<Vec<String>> {
    let reader = Drops(std::io::Cursor::new(text.to_vec()), drops.unwrap_or(usize::MAX));
    let options = CsvOptions { block_bytes, as_it_comes: drops.is_some(), ..CsvOptions::json() };
    let reader = CsvReader::open_json(CsvInput::new("x.jsonl", Box::new(reader)), &options, &[])?;
    let (_, options, mut blocks, ..) = reader.into_parts();
    let shape = Shape::new([("I", 0), ("S", 1)]);
    let mut said = vec![format!("{:?}", options.dialect.json)];
    let mut lines = 0;
    while let Some(block) = blocks.next_block()? {
        if std::str::from_utf8(&block.bytes).is_err() {
            return Ok(vec!["not UTF-8".to_string()]);
        }
        let place = |start: usize| (block.offset + start as u64, lines + count_line_ends(&block.bytes[..start]));
        let records = find_objects(&block.bytes, 0, &options, &shape, 2, usize::MAX);
        assert_eq!(records.end, block.bytes.len());
        let mut all: Vec<((u64, u64), String)> =
            records.bad.iter().map(|bad| (place(bad.start), format!("{:?}", bad.fault))).collect();
        for row in 0..records.row_count() {
            let texts = records
                .row(row)
                .iter()
                .map(|field| field.text(&block.bytes, &options.dialect, &mut Vec::new()).to_vec());
            let texts: Vec<String> = texts.map(|text| String::from_utf8_lossy(&text).into_owned()).collect();
            all.push((place(records.start(row)), format!("{texts:?}")));
        }
        all.sort();
        said.extend(all.into_iter().map(|one| format!("{one:?}")));
        lines += count_line_ends(&block.bytes);
    }
    said.push(format!("{lines} lines"));
    Ok(said)
}

fn check(text: &[u8], sizes: impl Iterator<Item = usize>) {
    let shown = String::from_utf8_lossy(text);
    let Ok(whole) = outcome(text, 1 << 20, None) else { panic!("{shown:?} is refused") };
    for bytes in sizes {
        for (block_bytes, drops) in [(bytes.max(16), None), (1 << 20, Some(bytes))] {
            let cut = outcome(text, block_bytes, drops).expect("as whole");
            assert_eq!(cut, whole, "{shown:?} in blocks of {block_bytes}, drops of {drops:?}");
        }
    }
}

#[test]
fn damaged_texts_say_the_same_however_they_are_cut() {
    for text in ["{&I\":\"x\"}\n{\"I :1}\n]broken\n{\"I\":2}\n", "{\"I\":1}}{\"I\":2}\r\n}{\"I\":3}\n\n{\"I\":4}"] {
        check(text.as_bytes(), 1..64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn mutated_texts_say_the_same_however_they_are_cut(
        seed in 0usize..4,
        changes in proptest::collection::vec((0usize..200, 0usize..24), 0..4),
        sizes in proptest::collection::vec(1usize..64, 6),
    ) {
        let seeds = [
            "{\"I\":\"x\"}\n{\"I\":1}\n]broken\n{\"I\":2}\n",
            "{\"I\":1,\"S\":{\"a\":[1,2]}}\r\n\n{\"S\":\"\\u00e9\\\"\",\"I\":2}{\"I\":3}\n{\"S\":\"}\"}",
            "[{\"I\":1},\n {\"I\":-5,\"S\":\"\"},\n{\"S\":\"[{\"}]\n",
            "{\n  \"S\": \"x\",\n  \"I\": 7\n}\n{\n  \"I\": 8\n}\n{\"I\":9}\n",
        ];
        let mut text = seeds[seed].as_bytes().to_vec();
        let words = b"\n\r{}[]\",:\\ x1&\n\n\"\"}{\x00\xff\t-";
        for (at, word) in changes {
            let at = at % text.len();
            match at % 3 {
                0 => text[at] = words[word],
                1 => text.insert(at, words[word]),
                _ => { text.remove(at); }
            }
        }
        check(&text, sizes.into_iter());
    }
}
