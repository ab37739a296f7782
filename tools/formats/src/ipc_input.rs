//! Arrow IPC, files and streams alike: a file is a stream with a frame around it, so both are read from start to end, also from pipes and packed.
//!
//! **Invariant:** a message reaches the decoder only after the sizes in it were checked against limits, a large batch of a file a run of rows at a time.

use crate::ipc_slices::{Layout, Slices};
use crate::records::{BatchReader, Batches, Sizes};
use arrow::ipc::convert::fb_to_schema;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::{Endianness, root_as_message};
use pilaster::base::{Error, Result};
use pilaster::io::external::{self, PlainFile};
use std::collections::HashMap;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a file begins and ends with; a stream does not.
const MAGIC: &[u8] = b"ARROW1";
/// Words of eight bytes between what a file begins with and its first message.
const PADDING_WORDS_MAX: usize = 64;
/// Bytes of the description of a message.
const METADATA_BYTES_MAX: usize = 64 << 20;
/// Bytes of a message that is read as a whole: of pipes and packed files, of packed buffers and of layouts that are not cut. What packed buffers become counts, too,
/// and so do the dictionaries before a batch.
const WHOLE_BYTES_MAX: u64 = if cfg!(test) { 8 << 20 } else { 256 << 20 };
/// From so many bytes on a batch of a file is taken a run of rows at a time.
const SLICED_BYTES: u64 = if cfg!(test) { 2 << 10 } else { 32 << 20 };
/// Bytes of all dictionaries, which stay in memory.
const DICTIONARY_BYTES_MAX: u64 = if cfg!(test) { 6 << 20 } else { 192 << 20 };

/// Opens a file or stream; `-` is standard input. Reads its schema.
pub(crate) fn open(path: &Path) -> Result<BatchReader> {
    let source = external::open(path)?;
    let consumed = Some(source.consumed_bytes.clone());
    let sizes = Sizes { row_count: None, size_bytes: source.size_bytes, consumed };
    let name = source.path().to_path_buf();
    let is_plain = source.size_bytes.is_some() && source.compression == external::Compression::None;
    let origin = match is_plain {
        true => Origin::File { file: Arc::new(PlainFile::open(path)?), at: 0, consumed: source.consumed_bytes.clone() },
        false => Origin::Stream(source.reader),
    };
    open_messages(&name, origin, sizes)
}

/// Opens a stream of bytes and reads its schema.
pub(crate) fn open_stream(name: &Path, reader: Box<dyn Read + Send>, sizes: Sizes) -> Result<BatchReader> {
    open_messages(name, Origin::Stream(reader), sizes)
}

fn open_messages(name: &Path, mut reader: Origin, sizes: Sizes) -> Result<BatchReader> {
    let damaged = |error: String| Error::corrupt(format!("not an Arrow IPC file or stream: {error}")).at_path(name);
    let mut head = Vec::with_capacity(8);
    reader.by_ref().take(8).read_to_end(&mut head).map_err(|error| external::read_error(name, error))?;
    if head.is_empty() {
        return Err(damaged("it is empty".to_string()));
    }
    if head.starts_with(MAGIC) {
        // Writers fill up with zeros to a boundary of theirs.
        for _ in 0..PADDING_WORDS_MAX {
            head.clear();
            reader.by_ref().take(8).read_to_end(&mut head).map_err(|error| external::read_error(name, error))?;
            if head.iter().any(|byte| *byte != 0) {
                break;
            }
        }
    }
    let messages = Messages::new(reader.put_back(head));
    let opened = catch_unwind(AssertUnwindSafe(|| StreamReader::try_new(messages, None)));
    let stream =
        opened.map_err(|_| damaged("the decoder gave up".to_string()))?.map_err(|error| damaged(error.to_string()))?;
    let schema = stream.schema();
    let start = move |roots: &[usize]| -> Result<Batches> {
        let roots = roots.to_vec();
        let batches = stream.map(move |batch| {
            let batch = batch.map_err(|error| Error::corrupt(format!("cannot decode: {error}")))?;
            batch.project(&roots).map_err(|error| Error::corrupt(format!("cannot decode: {error}")))
        });
        Ok(Box::new(batches))
    };
    Ok(BatchReader::new(name.display().to_string(), &schema, Box::new(start), sizes))
}

/// Where messages come from.
enum Origin {
    Stream(Box<dyn Read + Send>),
    /// A plain file, read up to there.
    File {
        file: Arc<PlainFile>,
        at: u64,
        consumed: Arc<AtomicU64>,
    },
}

impl Origin {
    /// Before the bytes that were read last.
    fn put_back(self, head: Vec<u8>) -> Self {
        match self {
            Origin::Stream(reader) => Origin::Stream(Box::new(Cursor::new(head).chain(reader))),
            Origin::File { file, at, consumed } => {
                Origin::File { file, at: at.saturating_sub(head.len() as u64), consumed }
            }
        }
    }
}

impl Read for Origin {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Origin::Stream(reader) => reader.read(buffer),
            Origin::File { file, at, consumed } => {
                let count = file.read_at(buffer, *at).map_err(std::io::Error::other)?;
                *at += count as u64;
                consumed.store(*at, Ordering::Relaxed);
                Ok(count)
            }
        }
    }
}

/// Hands messages on, each after its sizes were checked.
struct Messages {
    reader: Origin,
    ready: Cursor<Vec<u8>>,
    /// Bytes of the message's body that follow, of which nothing has to be known.
    body: u64,
    /// How the columns lie in buffers, where runs of their rows can be taken.
    layouts: Option<Arc<[Layout]>>,
    /// The batch that is taken a run at a time.
    slices: Option<Slices>,
    /// Bytes of the dictionaries by their numbers.
    dictionaries: HashMap<i64, u64>,
    ended: bool,
}

impl Read for Messages {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let is_read = |ready: &Cursor<Vec<u8>>| ready.position() as usize == ready.get_ref().len();
        if is_read(&self.ready) && self.body > 0 {
            let count = self.reader.by_ref().take(self.body).read(buffer)?;
            self.body -= count as u64;
            return match count {
                0 if !buffer.is_empty() => invalid("it ends within a message".to_string()),
                count => Ok(count),
            };
        }
        if is_read(&self.ready)
            && let Some(slices) = &mut self.slices
        {
            match slices.next_message() {
                Ok(Some(message)) => self.ready = Cursor::new(message),
                Ok(None) => self.slices = None,
                Err(what) => return invalid(what),
            }
        }
        if is_read(&self.ready) && !self.ended {
            let message = self.next_message()?;
            self.ready = Cursor::new(message);
        }
        self.ready.read(buffer)
    }
}

fn invalid<T>(what: String) -> std::io::Result<T> {
    Err(std::io::Error::new(std::io::ErrorKind::InvalidData, what))
}

impl Messages {
    /// The next message as it stands, without a body that is not packed; the mark of the end, or nothing at the end of the bytes.
    fn next_message(&mut self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.reader.by_ref().take(8).read_to_end(&mut bytes)?;
        if bytes.is_empty() {
            self.ended = true;
            return Ok(bytes);
        }
        let word =
            |at: usize| bytes.get(at..at + 4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        let (Some(mark), Some(length)) = (word(0), word(4)) else {
            return invalid("it ends within a message".to_string());
        };
        // Before version 0.15 there was no mark.
        let (length, mut metadata) = match mark {
            u32::MAX => (length as usize, Vec::new()),
            old => ((old as usize).saturating_sub(4), bytes[4..].to_vec()),
        };
        if mark == 0 || (mark == u32::MAX && length == 0) {
            self.ended = true;
            return Ok(bytes);
        }
        if length > METADATA_BYTES_MAX {
            return invalid(format!("a message's description has {length} bytes"));
        }
        self.reader.by_ref().take((length - metadata.len().min(length)) as u64).read_to_end(&mut metadata)?;
        if metadata.len() < length {
            return invalid("it ends within a message".to_string());
        }
        let message = match root_as_message(&metadata) {
            Ok(message) => message,
            Err(error) => return invalid(format!("a message's description is damaged: {error}")),
        };
        let body_bytes = u64::try_from(message.bodyLength()).unwrap_or(u64::MAX);
        if let Origin::File { file, at, .. } = &self.reader
            && body_bytes > file.size_bytes().saturating_sub(*at)
        {
            return invalid(format!("a message claims {body_bytes} bytes, more than the file has"));
        }
        if let Some(slices) = self.slices_of(message, body_bytes)? {
            self.slices = Some(slices);
            if let Origin::File { at, .. } = &mut self.reader {
                *at += body_bytes;
            }
            // The runs of its rows come in its place.
            return match self.slices.as_mut().map_or(Ok(None), Slices::next_message) {
                Ok(Some(run)) => Ok(run),
                Ok(None) => self.next_message(),
                Err(what) => invalid(what),
            };
        }
        if body_bytes > WHOLE_BYTES_MAX {
            return invalid(format!(
                "a message claims {body_bytes} bytes, more than {WHOLE_BYTES_MAX}, the most of pipes, of what is packed, and of dictionaries, views, unions and runs: write smaller batches"
            ));
        }
        let head = if mark == u32::MAX { bytes.len() } else { 4 };
        bytes.truncate(head);
        bytes.extend_from_slice(&metadata);
        let Some(packed) = packed_batch(message) else {
            self.body = body_bytes;
            return self.note(message, body_bytes).or_else(invalid).map(|()| bytes);
        };
        let start = bytes.len();
        self.reader.by_ref().take(body_bytes).read_to_end(&mut bytes)?;
        if ((bytes.len() - start) as u64) < body_bytes {
            return invalid("it ends within a message".to_string());
        }
        let noted = check_packed(packed, &bytes[start..]).and_then(|unpacked| self.note(message, unpacked));
        noted.or_else(invalid).map(|()| bytes)
    }
}

impl Messages {
    fn new(reader: Origin) -> Self {
        Messages {
            reader,
            ready: Cursor::new(Vec::new()),
            body: 0,
            layouts: None,
            slices: None,
            dictionaries: HashMap::new(),
            ended: false,
        }
    }

    /// The runs of a large batch of a file, where its layout lets it be cut.
    fn slices_of(&self, message: arrow::ipc::Message<'_>, body_bytes: u64) -> std::io::Result<Option<Slices>> {
        let (Origin::File { file, at, .. }, Some(layouts), Some(batch)) =
            (&self.reader, &self.layouts, message.header_as_record_batch())
        else {
            return Ok(None);
        };
        if body_bytes < SLICED_BYTES || batch.compression().is_some() {
            return Ok(None);
        }
        Slices::new(file.clone(), (*at, body_bytes), layouts.clone(), message, batch).map(Some).or_else(invalid)
    }

    /// Takes down what a message of so many bytes, once it is unpacked, says of those that follow: how columns lie in buffers, and what dictionaries take.
    /// Refuses it where it is too much together with them.
    fn note(&mut self, message: arrow::ipc::Message<'_>, body_bytes: u64) -> std::result::Result<(), String> {
        if let Some(schema) = message.header_as_schema().filter(|schema| schema.endianness() == Endianness::Little) {
            // It is the decoder's to refuse what is no schema.
            let schema = catch_unwind(AssertUnwindSafe(|| fb_to_schema(schema)));
            self.layouts = schema.ok().and_then(|schema| Layout::of_schema(&schema)).map(Arc::from);
        }
        if let Some(dictionary) = message.header_as_dictionary_batch() {
            let bytes = self.dictionaries.entry(dictionary.id()).or_default();
            *bytes = if dictionary.isDelta() { *bytes } else { 0 }.saturating_add(body_bytes);
            if self.dictionary_bytes() > DICTIONARY_BYTES_MAX {
                return Err(format!("the dictionaries have more than {DICTIONARY_BYTES_MAX} bytes"));
            }
        } else if body_bytes.saturating_add(self.dictionary_bytes()) > WHOLE_BYTES_MAX {
            return Err(format!(
                "a message of {body_bytes} bytes after dictionaries of {} is more than {WHOLE_BYTES_MAX}: write smaller batches",
                self.dictionary_bytes()
            ));
        }
        Ok(())
    }

    fn dictionary_bytes(&self) -> u64 {
        self.dictionaries.values().fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }
}

/// The batch of a message, of a dictionary's values too, if its buffers are packed.
fn packed_batch<'a>(message: arrow::ipc::Message<'a>) -> Option<arrow::ipc::RecordBatch<'a>> {
    let batch = match (message.header_as_record_batch(), message.header_as_dictionary_batch()) {
        (Some(batch), _) => Some(batch),
        (None, Some(dictionary)) => dictionary.data(),
        (None, None) => None,
    };
    batch.filter(|batch| batch.compression().is_some())
}

/// Packed buffers say how long they are unpacked: that of all of them. Refuses what is more together than memory is for.
fn check_packed(batch: arrow::ipc::RecordBatch<'_>, body: &[u8]) -> std::result::Result<u64, String> {
    let mut sum = 0u64;
    for buffer in batch.buffers().iter().flatten().filter(|buffer| buffer.length() > 0) {
        let start = usize::try_from(buffer.offset()).unwrap_or(usize::MAX);
        let Some(prefix) = start.checked_add(8).and_then(|end| body.get(start..end)) else {
            return Err("a buffer lies beyond its message".to_string());
        };
        let mut length = [0; 8];
        length.copy_from_slice(prefix);
        // -1 says that the buffer is not packed.
        let length = i64::from_le_bytes(length);
        if length < -1 {
            return Err("a packed buffer has less than no bytes".to_string());
        }
        sum = sum.saturating_add(length.max(0) as u64);
    }
    let packed = body.len() as u64;
    if sum.saturating_add(packed) > WHOLE_BYTES_MAX {
        return Err(format!("the {packed} bytes of a message become {sum}: write smaller batches"));
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::*;
    use arrow::compute::concat_batches;
    use arrow::datatypes::{DataType, Field, Int8Type, Int32Type, Schema};
    use arrow::ipc::writer::StreamWriter;

    /// A column of every layout, with nulls and without, in rows of different lengths.
    fn batch(rows: i32) -> RecordBatch {
        let null = |row: i32| row % 7 == 3 || (200..300).contains(&row);
        let text = |row: i32| "é".repeat(row as usize % 11);
        let some = |row: i32| (!null(row)).then_some(row);
        let mut lists = ListBuilder::new(StringBuilder::new());
        let mut pairs = FixedSizeListBuilder::new(BooleanBuilder::new(), 3);
        for row in 0..rows {
            for element in 0..row % 4 {
                lists.values().append_option((element != 1).then(|| text(row)));
            }
            lists.append(!null(row));
            pairs.values().append_slice(&[row % 2 == 0, row % 3 == 0, row % 5 == 0]);
            pairs.append(row % 13 != 1);
        }
        let numbers: ArrayRef = Arc::new((0..rows).map(some).collect::<Int32Array>());
        let flags: ArrayRef =
            Arc::new((0..rows).map(|row| some(row).map(|row| row % 3 == 0)).collect::<BooleanArray>());
        let inner = vec![Field::new("n", DataType::Int32, true), Field::new("f", DataType::Boolean, true)];
        let nulls: Vec<bool> = (0..rows).map(|row| row % 10 != 0).collect();
        let structs = StructArray::new(inner.into(), vec![numbers.clone(), flags.clone()], Some(nulls.into()));
        let keys: DictionaryArray<Int8Type> =
            (0..rows).map(|row| some(row).map(|row| ["a", "b", "é"][row as usize % 3])).collect();
        let money = (0..rows).map(|row| some(row).map(i128::from)).collect::<Decimal128Array>();
        let columns: Vec<ArrayRef> = vec![
            numbers,
            flags,
            Arc::new((0..rows).map(|row| some(row).map(text)).collect::<StringArray>()),
            Arc::new((0..rows).map(|row| Some(text(row).into_bytes())).collect::<LargeBinaryArray>()),
            Arc::new(lists.finish()),
            Arc::new(pairs.finish()),
            Arc::new(structs),
            Arc::new(keys),
            Arc::new(money),
            Arc::new(FixedSizeBinaryArray::try_from_iter((0..rows).map(|row| row.to_be_bytes())).unwrap()),
            Arc::new(NullArray::new(rows as usize)),
            Arc::new((0..rows).collect::<PrimitiveArray<Int32Type>>()),
        ];
        let fields: Vec<Field> = columns
            .iter()
            .enumerate()
            .map(|(at, a)| Field::new(format!("c{at}"), a.data_type().clone(), true))
            .collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
    }

    fn read(bytes: &[u8]) -> std::result::Result<Vec<RecordBatch>, String> {
        use std::io::Write;
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let file = Arc::new(PlainFile::open(file.path()).unwrap());
        let messages = Messages::new(Origin::File { file, at: 0, consumed: Arc::default() });
        let read = || -> std::result::Result<Vec<RecordBatch>, String> {
            let stream = StreamReader::try_new(messages, None).map_err(|error| error.to_string())?;
            stream.map(|batch| batch.map_err(|error| error.to_string())).collect()
        };
        catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err("the decoder gave up".to_string()))
    }

    /// Dictionaries count with what they become, and a batch with the dictionaries before it.
    #[test]
    fn packed_dictionaries_together_are_bounded() {
        use arrow::ipc::CompressionType;
        use arrow::ipc::writer::IpcWriteOptions;
        let long = "a".repeat(1 << 20);
        let written = |columns: usize, texts: usize| {
            let texts: Vec<String> = (0..texts).map(|at| format!("{at}{long}")).collect();
            let keys: DictionaryArray<Int32Type> = texts.iter().map(|text| Some(text.as_str())).collect();
            let batch = |at: usize| (format!("c{at}"), Arc::new(keys.clone()) as ArrayRef);
            let batch = RecordBatch::try_from_iter((0..columns).map(batch)).unwrap();
            let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD)).unwrap();
            let mut bytes = Vec::new();
            let mut writer = StreamWriter::try_new_with_options(&mut bytes, &batch.schema(), options).unwrap();
            writer.write(&batch).unwrap();
            writer.finish().unwrap();
            drop(writer);
            assert!(bytes.len() < 100 << 10, "{} bytes", bytes.len());
            bytes
        };
        assert_eq!(read(&written(1, 4)).unwrap()[0].num_rows(), 4);
        let error = read(&written(2, 4)).unwrap_err();
        assert!(error.contains("the dictionaries have more than"), "{error}");
        let error = read(&written(1, 9)).unwrap_err();
        assert!(error.contains("write smaller batches"), "{error}");
    }

    #[test]
    fn large_batches_are_the_same_in_runs() {
        let whole = batch(1_003);
        let mut bytes = Vec::new();
        let mut writer = StreamWriter::try_new(&mut bytes, &whole.schema()).unwrap();
        writer.write(&whole).unwrap();
        writer.write(&whole.slice(5, 900)).unwrap();
        writer.write(&whole.slice(0, 3)).unwrap();
        writer.finish().unwrap();
        drop(writer);
        let runs = read(&bytes).unwrap();
        assert!(runs.len() > 20, "{}", runs.len());
        let expected = [whole.clone(), whole.slice(5, 900), whole.slice(0, 3)];
        let expected = concat_batches(&whole.schema(), &expected).unwrap();
        assert_eq!(concat_batches(&whole.schema(), &runs).unwrap(), expected);
        // Damage anywhere is an error or other values, and nothing worse.
        let mut random = 7u64;
        let mut next = |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as usize % below
        };
        let mut refused = 0;
        for round in 0..300 {
            let mut damaged = bytes.clone();
            for _ in 0..=round % 3 {
                // What describes the first batch, more often than the values.
                let at = next(if round % 2 == 0 { 6_000 } else { bytes.len() });
                damaged[at] = [0, 0xFF, 0x80, 1][next(4)];
            }
            if round % 5 == 0 {
                damaged.truncate(next(bytes.len()));
            }
            refused += usize::from(read(&damaged).is_err());
        }
        assert!(refused > 30, "{refused}");
    }
}
