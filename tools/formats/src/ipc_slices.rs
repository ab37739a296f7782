//! Large batches of Arrow files, a run of rows at a time: what some rows need of each buffer is read and made a message of its own, so that memory does not depend on how many rows a
//! writer put into one batch.
//!
//! **Invariants:** every range is checked against its buffer, and every buffer against its message, before it is read. Runs are cut only where the layouts of all columns tell rows apart:
//! no views, unions or runs of equal values, and nothing packed.

use arrow::datatypes::{DataType, Schema};
use arrow::ipc::{
    Buffer, FieldNode, Message, MessageBuilder, MessageHeader, MetadataVersion, RecordBatch, RecordBatchBuilder,
};
use flatbuffers::FlatBufferBuilder;
use pilaster::io::external::PlainFile;
use std::ops::Range;
use std::sync::Arc;

/// Bytes that a run of rows has about, and at most unless it is a single row.
const RUN_BYTES: u64 = if cfg!(test) { 1 << 10 } else { 8 << 20 };
const RUN_BYTES_MAX: u64 = 2 * RUN_BYTES;
/// Bytes of a single row.
const ROW_BYTES_MAX: u64 = 128 << 20;
/// Rows of a run.
const RUN_ROWS_MAX: u64 = 1 << 20;

type Result<T> = std::result::Result<T, String>;

/// How the values of a column lie in its buffers.
#[derive(Clone, Debug)]
pub(crate) enum Layout {
    /// No buffer at all.
    Nothing,
    /// So many bits each.
    Fixed(u64),
    /// Offsets of so many bytes, and bytes.
    Text(usize),
    /// Offsets of so many bytes, and elements.
    List(usize, Box<Layout>),
    /// So many elements each.
    FixedList(u64, Box<Layout>),
    Struct(Vec<Layout>),
}

impl Layout {
    /// The layouts of all columns; none where one does not tell rows apart.
    pub(crate) fn of_schema(schema: &Schema) -> Option<Vec<Layout>> {
        schema.fields().iter().map(|field| Layout::of(field.data_type())).collect()
    }

    fn of(data_type: &DataType) -> Option<Layout> {
        use DataType as D;
        let inner = |data_type: &DataType| Layout::of(data_type).map(Box::new);
        Some(match data_type {
            D::Null => Layout::Nothing,
            D::Boolean => Layout::Fixed(1),
            D::FixedSizeBinary(width) => Layout::Fixed(u64::try_from(*width).ok()?.checked_mul(8)?),
            D::Utf8 | D::Binary => Layout::Text(4),
            D::LargeUtf8 | D::LargeBinary => Layout::Text(8),
            D::List(element) | D::Map(element, _) => Layout::List(4, inner(element.data_type())?),
            D::LargeList(element) => Layout::List(8, inner(element.data_type())?),
            D::FixedSizeList(element, length) => {
                Layout::FixedList(u64::try_from(*length).ok()?, inner(element.data_type())?)
            }
            D::Struct(fields) => {
                Layout::Struct(fields.iter().map(|field| Layout::of(field.data_type())).collect::<Option<_>>()?)
            }
            D::Dictionary(keys, _) => Layout::of(keys)?,
            other => Layout::Fixed(other.primitive_width()? as u64 * 8),
        })
    }
}

/// A batch that is taken a run of rows at a time.
pub(crate) struct Slices {
    file: Arc<PlainFile>,
    /// Where the buffers begin in the file.
    body: u64,
    layouts: Arc<[Layout]>,
    version: MetadataVersion,
    /// Values and nulls of each array.
    nodes: Vec<(u64, u64)>,
    /// Where each buffer lies in the body, and its bytes.
    buffers: Vec<Range<u64>>,
    rows: u64,
    row_bytes: u64,
    next: u64,
}

/// What has been gone by.
#[derive(Clone, Copy, Default)]
struct At {
    node: usize,
    buffer: usize,
}

/// A run as it is put together.
#[derive(Default)]
struct Run {
    nodes: Vec<FieldNode>,
    buffers: Vec<Buffer>,
    body: Vec<u8>,
}

impl Slices {
    /// Of the batch of a message whose buffers begin at `body` in the file and have so many bytes.
    pub(crate) fn new(
        file: Arc<PlainFile>,
        (body, body_bytes): (u64, u64),
        layouts: Arc<[Layout]>,
        message: Message<'_>,
        batch: RecordBatch<'_>,
    ) -> Result<Self> {
        let count = |number: i64| u64::try_from(number).map_err(|_| "a batch has less than no rows".to_string());
        let nodes =
            batch.nodes().into_iter().flatten().map(|node| Ok((count(node.length())?, count(node.null_count())?)));
        let buffers = batch.buffers().into_iter().flatten().map(|buffer| {
            let start = u64::try_from(buffer.offset()).ok();
            let end = start.and_then(|start| start.checked_add(u64::try_from(buffer.length()).ok()?));
            match (start, end.filter(|end| *end <= body_bytes)) {
                (Some(start), Some(end)) => Ok(start..end),
                _ => Err("a buffer lies beyond its message".to_string()),
            }
        });
        let rows = count(batch.length())?;
        Ok(Slices {
            file,
            body,
            layouts,
            version: message.version(),
            nodes: nodes.collect::<Result<_>>()?,
            buffers: buffers.collect::<Result<_>>()?,
            rows,
            row_bytes: (body_bytes / rows.max(1)).max(1),
            next: 0,
        })
    }

    /// The message of the next rows; none behind the last.
    pub(crate) fn next_message(&mut self) -> Result<Option<Vec<u8>>> {
        if self.next >= self.rows {
            return Ok(None);
        }
        let mut count = (RUN_BYTES / self.row_bytes).clamp(1, RUN_ROWS_MAX).min(self.rows - self.next);
        loop {
            let bytes = self.bytes(self.next..self.next + count)?;
            if bytes <= RUN_BYTES_MAX || (count == 1 && bytes <= ROW_BYTES_MAX) {
                break;
            }
            if count == 1 {
                return Err(format!("row {} has {bytes} bytes", self.next + 1));
            }
            count = (count / 2).max(1);
        }
        let rows = self.next..self.next + count;
        self.next = rows.end;
        let (mut at, mut run) = (At::default(), Run::default());
        for layout in self.layouts.iter() {
            self.take(layout, &mut at, rows.clone(), &mut run)?;
        }
        Ok(Some(run.message(self.version, count)))
    }

    /// About the bytes that rows have, by the offsets at their ends.
    fn bytes(&self, rows: Range<u64>) -> Result<u64> {
        let mut at = At::default();
        let sizes = self.layouts.iter().map(|layout| self.bytes_of(layout, &mut at, rows.clone()));
        sizes.sum::<Result<u64>>()
    }

    fn bytes_of(&self, layout: &Layout, at: &mut At, rows: Range<u64>) -> Result<u64> {
        let count = rows.end - rows.start;
        at.node += 1;
        at.buffer += usize::from(!matches!(layout, Layout::Nothing));
        Ok(match layout {
            Layout::Nothing => 0,
            Layout::Fixed(bits) => {
                at.buffer += 1;
                count.saturating_mul(*bits) / 8
            }
            Layout::Text(width) => {
                let inner = self.ends(at.buffer, *width, rows)?;
                at.buffer += 2;
                (count * *width as u64).saturating_add(inner.end - inner.start)
            }
            Layout::List(width, element) => {
                let inner = self.ends(at.buffer, *width, rows)?;
                at.buffer += 1;
                (count * *width as u64).saturating_add(self.bytes_of(element, at, inner)?)
            }
            Layout::FixedList(length, element) => self.bytes_of(element, at, times(&rows, *length)?)?,
            Layout::Struct(fields) => {
                let sizes = fields.iter().map(|field| self.bytes_of(field, at, rows.clone()));
                sizes.sum::<Result<u64>>()?
            }
        })
    }

    /// Adds the values of rows.
    fn take(&self, layout: &Layout, at: &mut At, rows: Range<u64>, run: &mut Run) -> Result<()> {
        let &(length, null_count) = self.nodes.get(at.node).ok_or("an array of a batch is missing")?;
        at.node += 1;
        if rows.end > length {
            return Err("an array of a batch is too short".to_string());
        }
        let count = rows.end - rows.start;
        let node = run.nodes.len();
        if let Layout::Nothing = layout {
            run.nodes.push(FieldNode::new(count as i64, count as i64));
            return Ok(());
        }
        let mut nulls = 0;
        if null_count > 0 {
            let bits = self.bits(at.buffer, &rows)?;
            nulls = count - bits.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>();
            run.push(if nulls > 0 { &bits } else { &[] });
        } else {
            run.push(&[]);
        }
        run.nodes.push(FieldNode::new(count as i64, nulls as i64));
        debug_assert_eq!(run.nodes.len(), node + 1);
        at.buffer += 1;
        match layout {
            Layout::Nothing => {}
            Layout::Fixed(1) => {
                run.push(&self.bits(at.buffer, &rows)?);
                at.buffer += 1;
            }
            Layout::Fixed(bits) => {
                let bytes = self.read(at.buffer, times(&rows, bits / 8)?)?;
                run.push(&bytes);
                at.buffer += 1;
            }
            Layout::Text(width) => {
                let inner = self.take_offsets(at.buffer, *width, &rows, run)?;
                let bytes = self.read(at.buffer + 1, inner)?;
                run.push(&bytes);
                at.buffer += 2;
            }
            Layout::List(width, element) => {
                let inner = self.take_offsets(at.buffer, *width, &rows, run)?;
                at.buffer += 1;
                self.take(element, at, inner, run)?;
            }
            Layout::FixedList(length, element) => self.take(element, at, times(&rows, *length)?, run)?,
            Layout::Struct(fields) => {
                fields.iter().try_for_each(|field| self.take(field, at, rows.clone(), run))?;
            }
        }
        Ok(())
    }

    /// Adds the offsets of rows, as if these were the first; gives what they lead to.
    fn take_offsets(&self, buffer: usize, width: usize, rows: &Range<u64>, run: &mut Run) -> Result<Range<u64>> {
        let mut bytes = self.offsets(buffer, width, rows.clone())?;
        let (first, last) = (offset(&bytes[..width])?, offset(&bytes[bytes.len() - width..])?);
        let mut before = first;
        for place in bytes.chunks_exact_mut(width) {
            let now = offset(place)?;
            if now < before || now > last {
                return Err("the offsets of an array do not ascend".to_string());
            }
            before = now;
            place.copy_from_slice(&(now - first).to_le_bytes()[..width]);
        }
        run.push(&bytes);
        Ok(first..last)
    }

    /// What rows lead to, by the first and the last offset.
    fn ends(&self, buffer: usize, width: usize, rows: Range<u64>) -> Result<Range<u64>> {
        let first = offset(&self.offsets(buffer, width, rows.start..rows.start)?)?;
        let last = offset(&self.offsets(buffer, width, rows.end..rows.end)?)?;
        if first > last {
            return Err("the offsets of an array do not ascend".to_string());
        }
        Ok(first..last)
    }

    /// The offsets where rows begin, and where the last ends. An array without values may have none.
    fn offsets(&self, buffer: usize, width: usize, rows: Range<u64>) -> Result<Vec<u8>> {
        if rows.end == 0 && self.buffers.get(buffer).is_some_and(Range::is_empty) {
            return Ok(vec![0; width]);
        }
        let end = rows.end.checked_add(1).ok_or("an offset is out of range")?;
        self.read(buffer, times(&(rows.start..end), width as u64)?)
    }

    /// Bits of a buffer, from the lowest bit of the first byte on; those behind the last are 0.
    fn bits(&self, buffer: usize, rows: &Range<u64>) -> Result<Vec<u8>> {
        let bytes = self.read(buffer, rows.start / 8..rows.end.div_ceil(8).max(rows.start / 8))?;
        let (shift, count) = (rows.start % 8, rows.end - rows.start);
        let mut bits: Vec<u8> = (0..count.div_ceil(8) as usize)
            .map(|at| {
                let high = bytes.get(at + 1).map_or(0, |high| u16::from(*high));
                ((u16::from(bytes[at]) | high << 8) >> shift) as u8
            })
            .collect();
        if let (Some(last), 1..) = (bits.last_mut(), count % 8) {
            *last &= (1 << (count % 8)) - 1;
        }
        Ok(bits)
    }

    /// Bytes of a buffer.
    fn read(&self, buffer: usize, bytes: Range<u64>) -> Result<Vec<u8>> {
        let place = self.buffers.get(buffer).ok_or("a buffer of a batch is missing")?;
        let length = bytes.end - bytes.start;
        if bytes.end > place.end - place.start || length > ROW_BYTES_MAX {
            return Err("a buffer of a batch is too short".to_string());
        }
        let mut read = vec![0; length as usize];
        let start = self.body.saturating_add(place.start).saturating_add(bytes.start);
        match self.file.read_at(&mut read, start) {
            Ok(count) if count == read.len() => Ok(read),
            Ok(_) => Err("it ends within a message".to_string()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Run {
    fn push(&mut self, bytes: &[u8]) {
        self.buffers.push(Buffer::new(self.body.len() as i64, bytes.len() as i64));
        self.body.extend_from_slice(bytes);
        self.body.resize(self.body.len().next_multiple_of(64), 0);
    }

    fn message(self, version: MetadataVersion, rows: u64) -> Vec<u8> {
        let mut builder = FlatBufferBuilder::new();
        let nodes = builder.create_vector(&self.nodes);
        let buffers = builder.create_vector(&self.buffers);
        let mut batch = RecordBatchBuilder::new(&mut builder);
        batch.add_length(rows as i64);
        batch.add_nodes(nodes);
        batch.add_buffers(buffers);
        let batch = batch.finish();
        let mut message = MessageBuilder::new(&mut builder);
        message.add_version(version);
        message.add_header_type(MessageHeader::RecordBatch);
        message.add_header(batch.as_union_value());
        message.add_bodyLength(self.body.len() as i64);
        let root = message.finish();
        builder.finish(root, None);
        let metadata = builder.finished_data();
        let length = metadata.len().next_multiple_of(8);
        let mut out = Vec::with_capacity(8 + length + self.body.len());
        out.extend_from_slice(&u32::MAX.to_le_bytes());
        out.extend_from_slice(&(length as u32).to_le_bytes());
        out.extend_from_slice(metadata);
        out.resize(8 + length, 0);
        out.extend_from_slice(&self.body);
        out
    }
}

fn times(range: &Range<u64>, factor: u64) -> Result<Range<u64>> {
    match (range.start.checked_mul(factor), range.end.checked_mul(factor)) {
        (Some(start), Some(end)) => Ok(start..end),
        _ => Err("an array of a batch is too long".to_string()),
    }
}

/// A signed number that is not negative, of four or eight bytes.
fn offset(bytes: &[u8]) -> Result<u64> {
    let mut wide = [0; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    let number = u64::from_le_bytes(wide);
    match number >> (bytes.len() * 8 - 1) {
        0 => Ok(number),
        _ => Err("an offset is negative".to_string()),
    }
}
