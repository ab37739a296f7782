//! JSON: types found out, and imported twice, once cut into tiny blocks; both times the same rows must come out, or none.

use super::Target;
use super::imports::imported;
use pilaster::storage::import::csv::{CsvInput, CsvOptions, CsvReader};
use pilaster::storage::import::json::infer_json;
use pilaster::storage::import::{ImportInput, ImportOptions, PartitionTarget};
use std::io::Cursor;

pub(super) const TARGET: Target = Target { name: "json", run, dictionary: DICTIONARY, seeds };

const DICTIONARY: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "{}",
    "[]",
    ":",
    ",",
    "\"",
    "\\",
    "\\u00e9",
    "\\ud83d\\ude00",
    "\\ud83d",
    "\\n",
    "\n",
    "\r\n",
    "null",
    "true",
    "false",
    "NaN",
    "\"NaN\"",
    "-0",
    "1e400",
    "1E-5",
    "\"Date\"",
    "\"S\":",
    "\"I\":",
    "\"D\":",
    "\"T\":",
    "\"a.b\":",
    "{\"S\":{\"S\":",
    "[[[[[[",
    "\u{feff}",
    "2017-08-25T04:00:00Z",
    "-9223372036854775808",
    "340282346638528860000000000000000000000",
];

/// The first byte chooses options, the rest is the text.
fn run(bytes: &[u8]) {
    let Some((&flags, text)) = bytes.split_first() else { return };
    let target = match flags & 1 {
        0 => PartitionTarget::Value("p".into()),
        _ => PartitionTarget::Column("Date".into()),
    };
    let mut options = ImportOptions::new(target);
    options.csv = CsvOptions::json();
    options.lenient = flags & 2 != 0;
    options.errors_max = if flags & 4 != 0 { 3 } else { 0 };
    let input = || CsvInput::new("in.json", Box::new(Cursor::new(text.to_vec())));
    if let Ok(found) = infer_json(vec![input()], &options.csv, None, &mut || Ok(())) {
        assert!(found.columns().len() <= text.len(), "{} columns in {} bytes", found.columns().len(), text.len());
    }
    let cut = |block_bytes: usize| {
        let mut options = options.clone();
        options.csv.block_bytes = block_bytes;
        options
    };
    let blocks = [1 << 20, 16 + usize::from(flags >> 3) * 7];
    let names = |block_bytes: usize| {
        CsvReader::open_json(input(), &cut(block_bytes).csv, &[]).map(|reader| reader.names().to_vec()).ok()
    };
    let outcomes = blocks.map(|block_bytes| imported(ImportInput::json(input()), &cut(block_bytes)));
    match outcomes {
        // Names in other letters are found among the fields of the first block.
        [Ok(large), Ok(small)] if names(blocks[0]) == names(blocks[1]) => assert_eq!(large, small),
        _ => {}
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "\u{2}{\"Date\":\"p\",\"S\":\"A\",\"C\":\"c\",\"Z\":true,\"B\":1,\"H\":2,\"I\":3,\"L\":4,\"F\":1.5,\"D\":2.25,\"T\":\"2017-08-25T04:00:00Z\"}\n{\"S\":\"\\u00e9\\n\",\"I\":null,\"D\":\"NaN\"}\n",
        "\u{3}[{\"Date\":\"p\",\"S\":{\"a\":[1,2]},\"I\":-5},\n {\"Date\":\"q\",\"S\":\"\"}]\n",
        "\u{2}{\n  \"S\": \"x\",\n  \"I\": 7\n}\n{\n  \"I\": 8\n}\n",
        "\u{6}{\"I\":\"x\"}\n{\"I\":1}\n]broken\n{\"I\":2}\n",
    ];
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
