//! Parquet and Arrow files made to break an import: written byte by byte, since no library writes them.

use crate::run::{Ran, Sandbox};
use std::io::Write;
use std::process::Command;

const MEBIBYTE: usize = 1 << 20;

/// Imports a file with at most so much address space: half of it is what threads and allocators reserve and never touch.
fn bounded(sandbox: &Sandbox, format: &str, bytes: &[u8]) -> Ran {
    let file = sandbox.root().with_file_name("hostile");
    std::fs::write(&file, bytes).unwrap();
    let script = format!(
        "ulimit -v 1048576; exec \"$0\" import {format} --namespace Market --table Trades --partition p --lenient \"$1\""
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_pilaster")]).arg(&file).env("PILASTER_ROOT", sandbox.root());
    Ran::of(command.output().unwrap())
}

#[track_caller]
fn refused(sandbox: &Sandbox, format: &str, name: &str, bytes: &[u8], expected: &str) {
    let ran = bounded(sandbox, format, bytes);
    assert!(ran.code == 1 && ran.err.contains(expected), "{name}: {ran:?}");
    assert!(!sandbox.root().join("intraday/Market/Trades/import").exists(), "{name}");
}

/// Thrift's compact form.
#[derive(Clone, Default)]
struct Thrift(Vec<u8>);

impl Thrift {
    fn varint(mut self, mut number: u64) -> Self {
        while number > 0x7f {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
        self
    }

    fn head(mut self, step: u8, form: u8) -> Self {
        self.0.push(step << 4 | form);
        self
    }

    /// A number, in the field so many behind the last one.
    fn int(self, step: u8, number: i64) -> Self {
        self.head(step, 5).varint(((number << 1) ^ (number >> 63)) as u64)
    }

    fn long(self, step: u8, number: i64) -> Self {
        self.head(step, 6).varint(((number << 1) ^ (number >> 63)) as u64)
    }

    fn text(self, step: u8, text: &str) -> Self {
        let mut all = self.head(step, 8).varint(text.len() as u64);
        all.0.extend_from_slice(text.as_bytes());
        all
    }

    /// A structure in a field; `inner` without its end.
    fn structure(self, step: u8, inner: &Thrift) -> Self {
        let mut all = self.head(step, 12);
        all.0.extend_from_slice(&inner.0);
        all.end()
    }

    /// A list that claims so many elements of a form.
    fn list(mut self, step: u8, form: u8, count: u64, elements: &[u8]) -> Self {
        self = self.head(step, 9);
        self.0.push(0xf0 | form);
        let mut all = self.varint(count);
        all.0.extend_from_slice(elements);
        all
    }

    fn end(mut self) -> Self {
        self.0.push(0);
        self
    }
}

const UNCOMPRESSED: i64 = 0;
const GZIP: i64 = 2;
const ZSTD: i64 = 6;
const INT32: i64 = 1;
const BYTE_ARRAY: i64 = 6;
const PLAIN: i64 = 0;
const DELTA_BYTE_ARRAY: i64 = 7;
const RLE_DICTIONARY: i64 = 8;

/// A page of version 1 with these claims.
fn page(kind: i64, unpacked: i64, values: i64, encoding: i64, packed: &[u8]) -> Vec<u8> {
    let of_kind = match kind {
        2 => Thrift::default().int(1, values).int(1, encoding),
        _ => Thrift::default().int(1, values).int(1, encoding).int(1, 3).int(1, 3),
    };
    let step = if kind == 2 { 4 } else { 2 };
    let head =
        Thrift::default().int(1, kind).int(1, unpacked).int(1, packed.len() as i64).structure(step, &of_kind).end();
    [head.0, packed.to_vec()].concat()
}

/// A column of a file.
struct Column<'a> {
    name: &'a str,
    physical: i64,
    codec: i64,
    /// True for a list of values in each row.
    repeated: bool,
    values: i64,
    unpacked: i64,
    pages: Vec<u8>,
    dictionary: bool,
}

impl Default for Column<'_> {
    fn default() -> Self {
        Column {
            name: "Sym",
            physical: BYTE_ARRAY,
            codec: UNCOMPRESSED,
            repeated: false,
            values: 1,
            unpacked: 100,
            pages: Vec::new(),
            dictionary: false,
        }
    }
}

/// A file of one row group of one column.
fn file(rows: i64, column: &Column<'_>) -> Vec<u8> {
    let leaf =
        Thrift::default().int(1, column.physical).int(2, if column.repeated { 2 } else { 0 }).text(1, column.name);
    let leaf = if column.physical == BYTE_ARRAY { leaf.int(2, 0) } else { leaf }.end();
    let schema = [Thrift::default().text(4, "schema").int(1, 1).end().0, leaf.0].concat();
    let path = Thrift::default().varint(column.name.len() as u64).0;
    let size = column.pages.len() as i64;
    let meta = Thrift::default()
        .int(1, column.physical)
        .list(1, 5, 1, &[0])
        .list(1, 8, 1, &[path, column.name.as_bytes().to_vec()].concat())
        .int(1, column.codec)
        .long(1, column.values)
        .long(1, column.unpacked)
        .long(1, size)
        .long(2, 4);
    let meta = if column.dictionary { meta.long(2, 4) } else { meta };
    let chunk = Thrift::default().long(2, 4).structure(1, &meta).end();
    let group = Thrift::default().list(1, 12, 1, &chunk.0).long(1, column.unpacked).long(1, rows).end();
    let footer = Thrift::default().int(1, 2).list(1, 12, 2, &schema).long(1, rows).list(1, 12, 1, &group.0).end().0;
    framed(&column.pages, &footer)
}

fn framed(pages: &[u8], footer: &[u8]) -> Vec<u8> {
    [b"PAR1", pages, footer, &(footer.len() as u32).to_le_bytes()[..], b"PAR1"].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A run of so many values of zero bits, as levels and codes of a dictionary are packed; `width` is that of the codes.
fn run(width: Option<u8>, count: u64) -> Vec<u8> {
    let mut bytes: Vec<u8> = width.into_iter().collect();
    bytes.extend(Thrift::default().varint(count << 1).0);
    if width != Some(0) {
        bytes.push(0);
    }
    bytes
}

#[test]
fn a_file_that_is_right_is_read() {
    // The same builder without malice: a dictionary of one text, named by 100,000 rows.
    let sandbox = Sandbox::with_table();
    let dictionary = page(2, 7, 1, PLAIN, b"\x03\0\0\0abc");
    let codes = run(Some(1), 100_000);
    let data = page(0, codes.len() as i64, 100_000, RLE_DICTIONARY, &codes);
    let column = Column { values: 100_000, pages: [dictionary, data].concat(), dictionary: true, ..Column::default() };
    let ran = bounded(&sandbox, "parquet", &file(100_000, &column));
    assert_eq!(ran.code, 0, "{ran:?}");
    let count = "db.i(\"Market\",\"Trades\").where(\"Sym=`abc`\").countBy(\"N\")";
    assert_eq!(sandbox.succeed(&["query", "--format", "csv", "-e", count]).out, "N\n100000\n");
}

#[test]
fn texts_that_repeat_each_other_take_no_memory_again() {
    let sandbox = Sandbox::with_table();
    let length = MEBIBYTE as i64;
    // Each text is the one before and nothing more.
    let lengths = |first: i64, jump: i64| {
        let head = Thrift::default().varint(128).varint(4).varint(1_921).varint((first << 1) as u64);
        let mut bytes = head.varint(((jump.min(0) << 1) ^ (jump.min(0) >> 63)) as u64).0;
        // The first step is the jump, the others are none; all are above the least of them.
        bytes.extend([32; 4]);
        let steps = (0..128).map(|at| (if at == 0 { jump } else { 0 } - jump.min(0)) as u32);
        bytes.extend(steps.flat_map(u32::to_le_bytes));
        bytes.extend([0; 5 * 14]);
        bytes
    };
    let unpacked = [lengths(0, length), lengths(length, -length), vec![b'x'; MEBIBYTE]].concat();
    let pages = page(0, unpacked.len() as i64, 1_921, DELTA_BYTE_ARRAY, &zstd::encode_all(&unpacked[..], 1).unwrap());
    let column = Column { pages, codec: ZSTD, values: 1_921, unpacked: unpacked.len() as i64, ..Column::default() };
    let ran = bounded(&sandbox, "parquet", &file(1_921, &column));
    assert_eq!(ran.code, 0, "{ran:?}");
    let count = "db.i(\"Market\",\"Trades\").countBy(\"N\",\"Sym\").view(\"N\",\"L=Sym.length()\")";
    assert_eq!(sandbox.succeed(&["query", "--format", "csv", "-e", count]).out, "N,L\n1921,1048576\n");
}

#[test]
fn hostile_parquet_is_refused_and_leaves_nothing() {
    let sandbox = Sandbox::with_table();
    let refused = |name: &str, bytes: &[u8], expected: &str| refused(&sandbox, "parquet", name, bytes, expected);
    let one = |pages: Vec<u8>, codec: i64| Column { pages, codec, ..Column::default() };
    let plain = |column: &Column<'_>| file(1, column);

    // Headers of pages.
    let claims = page(0, i64::from(i32::MAX), 1, PLAIN, &[0; 64]);
    refused("a page of 2 GiB", &plain(&one(claims, ZSTD)), "a page claims 2147483647 bytes, more than 134217728");
    let claims = page(0, -5, 1, PLAIN, &[0; 64]);
    refused("a page of less than nothing", &plain(&one(claims, ZSTD)), "the header of a page is damaged");
    let mut beyond = page(0, 64, 1, PLAIN, &[0; 64]);
    beyond.truncate(40);
    refused("a page beyond its chunk", &plain(&one(beyond, UNCOMPRESSED)), "a page goes on behind its column chunk");

    // What unpacks to more than it says.
    let zeros = vec![0; 600 * MEBIBYTE];
    let bomb = page(0, 100, 1, PLAIN, &gzip(&zeros));
    refused("gzip", &plain(&one(bomb, GZIP)), "a page claims 100 bytes and has more than");
    let packed = zstd::encode_all(&zeros[..], 1).unwrap();
    drop(zeros);
    let bomb = page(0, 100, 1, PLAIN, &packed);
    refused("Zstandard", &plain(&one(bomb, ZSTD)), "cannot decode");
    let bomb = page(2, 100, 1, PLAIN, &packed);
    let column = Column { pages: bomb, codec: ZSTD, dictionary: true, ..Column::default() };
    refused("a dictionary", &plain(&column), "cannot decode");
    let bomb = page(2, 600 << 20, 1, PLAIN, &packed);
    let column = Column { pages: bomb, codec: ZSTD, dictionary: true, ..Column::default() };
    refused("an honest dictionary", &plain(&column), "a page claims 629145600 bytes, more than 134217728");

    // A text of 100 MiB, named by each of a million rows: no value may be so long.
    let text = [&(100 * MEBIBYTE as u32).to_le_bytes()[..], &vec![b'x'; 100 * MEBIBYTE]].concat();
    let dictionary = page(2, text.len() as i64, 1, PLAIN, &zstd::encode_all(&text[..], 1).unwrap());
    let codes = run(Some(1), 1_000_000);
    let data = page(0, codes.len() as i64, 1_000_000, RLE_DICTIONARY, &zstd::encode_all(&codes[..], 1).unwrap());
    let pages = [dictionary, data].concat();
    let column = Column { pages, codec: ZSTD, values: 1_000_000, dictionary: true, ..Column::default() };
    refused("a long text in every row", &file(1_000_000, &column), "the most is 67108864");

    // Arrays of two billion elements, in a run of a few bytes.
    let levels = run(None, 1 << 31);
    let data =
        [&(levels.len() as u32).to_le_bytes()[..], &levels, &(levels.len() as u32).to_le_bytes()[..], &levels].concat();
    let column = Column {
        pages: page(0, data.len() as i64, i64::from(i32::MAX), PLAIN, &data),
        physical: INT32,
        repeated: true,
        values: i64::from(i32::MAX),
        ..Column::default()
    };
    refused("arrays out of nothing", &file(1, &column), "elements of arrays in");

    // Footers.
    let good = Column { pages: page(0, 7, 1, PLAIN, b"\x03\0\0\0abc"), ..Column::default() };
    let whole = file(1, &good);
    refused("more rows than there are", &file(4_000_000_000_000, &good), "it has 4000000000000 rows, and has 1");
    refused("a cut file", &whole[..whole.len() - 9], "not a whole Parquet file");
    refused("a cut head", &whole[whole.len() / 2..], "not a whole Parquet file");
    refused("nothing", b"", "not a whole Parquet file");
    let mut wrong = whole.clone();
    let at = wrong.len() - 30;
    wrong[at..at + 10].fill(0xee);
    refused("a spoiled footer", &wrong, "not a whole Parquet file");
    let mut long = whole.clone();
    let at = long.len() - 8;
    long[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    refused("a footer of 4 GiB", &long, "not a whole Parquet file");
    let leaf = Thrift::default().int(1, INT32).int(2, 0).text(1, "c").end().0;
    let many = |count: u64, element: &[u8]| {
        let elements = element.repeat(count.min(100_000) as usize);
        framed(&[], &Thrift::default().int(1, 2).list(1, 12, count, &elements).long(1, 0).end().0)
    };
    refused("a hundred thousand columns", &many(100_000, &leaf), "it has 100000 columns, more than 10000");
    refused("two billion columns", &many(1 << 31, &leaf), "its description is damaged");
    let nested = Thrift::default().text(4, "g").int(1, 1).end().0;
    refused("groups in groups", &many(100_000, &nested), "nested more than 64 deep");
    let groups = Thrift::default().int(1, 2).list(1, 12, 1, &leaf).long(1, 0).list(1, 12, 1 << 31, &[]).end().0;
    refused("two billion row groups", &framed(&[], &groups), "its description is damaged");
}

#[test]
fn hostile_arrow_is_refused_and_leaves_nothing() {
    let sandbox = Sandbox::with_table();
    sandbox.succeed(&["query", "-e", "emptyTable(60000).update(\"Size=0\",\"L=(long)0\")", "-o", "plain.arrows"]);
    let place = |name: &str| sandbox.root().with_file_name(name);
    let plain = std::fs::read(place("plain.arrows")).unwrap();
    let packed = [
        "export",
        "-e",
        "emptyTable(60000).update(\"Size=0\",\"L=(long)0\")",
        "--compression",
        "zstd",
        "-o",
        "packed.arrows",
    ];
    sandbox.succeed(&packed);
    let packed = std::fs::read(place("packed.arrows")).unwrap();
    let refused = |name: &str, bytes: &[u8], expected: &str| refused(&sandbox, "arrow", name, bytes, expected);
    let messages = messages(&plain);
    let (start, metadata, body) = messages[1];
    // The length of the body, wherever the description has it.
    let description = &plain[start..start + metadata];
    let at = description.windows(8).position(|word| word == (body as u64).to_le_bytes()).unwrap();
    for (claim, expected) in [
        (i64::MAX, "a message claims 9223372036854775807 bytes"),
        (800 << 20, "a message claims 838860800 bytes"),
        (-1, "a message claims"),
    ] {
        let mut wrong = plain.clone();
        wrong[start + at..start + at + 8].copy_from_slice(&claim.to_le_bytes());
        refused("a body that is not there", &wrong, expected);
    }
    refused("a cut file", &plain[..plain.len() / 2], "error: ");
    // Buffers say first how long they are unpacked.
    let longs = 64usize;
    let found: Vec<usize> = (longs..packed.len() - 8)
        .filter(|at| {
            let length = u64::from_le_bytes(packed[*at..at + 8].try_into().unwrap());
            (1 << 16..1 << 24).contains(&length) && packed[at + 8..].starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
        })
        .collect();
    assert!(!found.is_empty());
    for at in found {
        for (claim, expected) in [(1i64 << 40, "bytes of a message become"), (-7, "less than no bytes")] {
            let mut wrong = packed.clone();
            wrong[at..at + 8].copy_from_slice(&claim.to_le_bytes());
            refused("a buffer that grows", &wrong, expected);
        }
    }
    // A gigabyte in a message that a packed file makes out of nothing.
    let mut claim = plain[..start + metadata].to_vec();
    claim[start + at..start + at + 8].copy_from_slice(&(900i64 << 20).to_le_bytes());
    claim.resize(claim.len() + 300 * MEBIBYTE, 0);
    refused("a message in gzip", &gzip(&claim), "a message claims 943718400 bytes, more than 268435456");
}

/// Start of the description, its bytes and those of the body of each message of a stream.
fn messages(stream: &[u8]) -> Vec<(usize, usize, usize)> {
    let mut all = Vec::new();
    let mut at = 0;
    while at + 8 <= stream.len() {
        let length = u32::from_le_bytes(stream[at + 4..at + 8].try_into().unwrap()) as usize;
        if length == 0 {
            break;
        }
        let body = arrow::ipc::root_as_message(&stream[at + 8..at + 8 + length]).unwrap().bodyLength() as usize;
        all.push((at + 8, length, body));
        at += 8 + length + body;
    }
    all
}
