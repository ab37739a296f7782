//! Arrow IPC, files and streams alike: a file is a stream with a frame around it, so both are read from start to end, also from pipes and packed.
//!
//! **Invariant:** a message reaches the decoder only after the sizes in it were checked against limits.

use crate::records::{BatchReader, Batches, Sizes};
use arrow::ipc::reader::StreamReader;
use arrow::ipc::root_as_message;
use pilaster::base::{Error, Result};
use pilaster::io::external;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// What a file begins and ends with; a stream does not.
const MAGIC: &[u8] = b"ARROW1";
/// Words of eight bytes between what a file begins with and its first message.
const PADDING_WORDS_MAX: usize = 64;
/// Bytes of the description of a message.
const METADATA_BYTES_MAX: usize = 64 << 20;
/// Bytes of a message's buffers where a file has as many, and where it is not known what comes: pipes and what is packed as a whole.
const BODY_BYTES_MAX: u64 = 1 << 30;
const UNSEEN_BODY_BYTES_MAX: u64 = 256 << 20;
/// Bytes that packed buffers of a message become, unless that is no more than so many times what they are.
const UNPACKED_BYTES_MAX: u64 = 128 << 20;
const USUAL_RATIO: u64 = 16;

/// Opens a file or stream; `-` is standard input. Reads its schema.
pub(crate) fn open(path: &Path) -> Result<BatchReader> {
    let source = external::open(path)?;
    let consumed = Some(source.consumed_bytes.clone());
    let sizes = Sizes { row_count: None, size_bytes: source.size_bytes, consumed };
    let name = source.path().to_path_buf();
    let seen = source.size_bytes.filter(|_| source.compression == external::Compression::None);
    open_messages(&name, source.reader, sizes, seen)
}

/// Opens a stream of bytes and reads its schema.
pub(crate) fn open_stream(name: &Path, reader: Box<dyn Read + Send>, sizes: Sizes) -> Result<BatchReader> {
    open_messages(name, reader, sizes, None)
}

/// As [`open_stream`]; `seen` is how many bytes there are, where that is known.
fn open_messages(
    name: &Path,
    mut reader: Box<dyn Read + Send>,
    sizes: Sizes,
    seen: Option<u64>,
) -> Result<BatchReader> {
    let body_bytes_max = seen.map_or(UNSEEN_BODY_BYTES_MAX, |bytes| bytes.min(BODY_BYTES_MAX));
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
    let whole: Box<dyn Read + Send> = Box::new(Cursor::new(head).chain(reader));
    let messages = Messages { reader: whole, ready: Cursor::new(Vec::new()), body: 0, body_bytes_max, ended: false };
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

/// Hands messages on, each after its sizes were checked.
struct Messages {
    reader: Box<dyn Read + Send>,
    ready: Cursor<Vec<u8>>,
    /// Bytes of the message's body that follow, of which nothing has to be known.
    body: u64,
    body_bytes_max: u64,
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
        let body_bytes = match root_as_message(&metadata) {
            Ok(message) => u64::try_from(message.bodyLength()).unwrap_or(u64::MAX),
            Err(error) => return invalid(format!("a message's description is damaged: {error}")),
        };
        if body_bytes > self.body_bytes_max {
            return invalid(format!("a message claims {body_bytes} bytes, more than {}", self.body_bytes_max));
        }
        let head = if mark == u32::MAX { bytes.len() } else { 4 };
        bytes.truncate(head);
        bytes.extend_from_slice(&metadata);
        if !is_packed(&metadata) {
            self.body = body_bytes;
            return Ok(bytes);
        }
        let start = bytes.len();
        self.reader.by_ref().take(body_bytes).read_to_end(&mut bytes)?;
        if ((bytes.len() - start) as u64) < body_bytes {
            return invalid("it ends within a message".to_string());
        }
        if let Err(what) = check_packed(&metadata, &bytes[start..]) {
            return invalid(what);
        }
        Ok(bytes)
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

fn is_packed(metadata: &[u8]) -> bool {
    root_as_message(metadata).is_ok_and(|message| packed_batch(message).is_some())
}

/// Packed buffers say how long they are unpacked: refuses what is more together than memory is for.
fn check_packed(metadata: &[u8], body: &[u8]) -> std::result::Result<(), String> {
    let Ok(message) = root_as_message(metadata) else { return Ok(()) };
    let Some(batch) = packed_batch(message) else { return Ok(()) };
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
    if sum > UNPACKED_BYTES_MAX.max(packed.saturating_mul(USUAL_RATIO)) {
        return Err(format!("the {packed} bytes of a message become {sum}"));
    }
    Ok(())
}
