//! How many rows of a row group are decoded at once: as many as memory is for, whatever their texts and arrays turn out to be.
//!
//! Fixed widths are known. A text may be as long as the longest of its dictionary, or as its page: headers of pages are looked at first, where they leave a doubt. Long values
//! then come in smaller batches, and neither they nor a small file that repeats a long one take more memory than others.

use crate::parquet_pages::{Group, USUAL_RATIO, unsigned};
use crate::thrift::{PageHead, PageKind};
use parquet::basic::Type;
use parquet::errors::Result;
use parquet::file::metadata::ColumnChunkMetaData;

/// The most rows decoded at once: a column of them stays in the second-level cache.
const ROWS_MAX: u64 = 32 << 10;
/// Bytes of them.
const BYTES_MAX: u64 = 64 << 20;
/// The number of the encoding whose values each repeat the beginning of the one before.
const DELTA_BYTE_ARRAY: i64 = 7;
/// What a text costs besides its bytes.
const TEXT_BYTES: u64 = 8;

/// How many rows of these columns to decode at once.
pub(crate) fn batch_rows(group: &Group, columns: &[usize]) -> Result<usize> {
    let (mut rows, mut row_bytes) = (ROWS_MAX, 0u64);
    for &column in columns {
        let Some(chunk) = group.row_group().columns().get(column) else { continue };
        let in_group = unsigned(group.row_group().num_rows()).max(1);
        // Elements of arrays in a row, on average.
        let values = if chunk.column_descr().max_rep_level() > 0 {
            unsigned(chunk.num_values()).div_ceil(in_group).max(1)
        } else {
            1
        };
        let width = match chunk.column_type() {
            Type::BYTE_ARRAY => {
                rows = rows.min(rows_of_texts(group, column, chunk, values)?);
                TEXT_BYTES + (unsigned(chunk.uncompressed_size()) / in_group / values).min(BYTES_MAX)
            }
            Type::FIXED_LEN_BYTE_ARRAY => u64::try_from(chunk.column_descr().type_length()).unwrap_or(0).max(1),
            _ => 8,
        };
        row_bytes = row_bytes.saturating_add(width.saturating_mul(values));
    }
    Ok(rows.min(rows_within(row_bytes)) as usize)
}

/// How many rows of a column of texts may be held, with so many values a row.
fn rows_of_texts(group: &Group, column: usize, chunk: &ColumnChunkMetaData, values: u64) -> Result<u64> {
    // Pages that are small even unpacked leave no doubt, but a dictionary is repeated and beginnings of texts are.
    let heads = group.heads(column)?;
    let mut rows = ROWS_MAX;
    for head in &heads {
        let longest = match head.kind {
            PageKind::Dictionary if head.unpacked * ROWS_MAX * values.min(ROWS_MAX) > BYTES_MAX => {
                group.dictionary(column)?.map_or(0, |bytes| longest(&bytes))
            }
            PageKind::Data if head.encoding == DELTA_BYTE_ARRAY && head.values > 1 => head.unpacked,
            _ => continue,
        };
        rows = rows.min(rows_within(longest.saturating_mul(values)));
    }
    if chunk.uncompressed_size() >= 0 && heads.iter().map(|head| head.unpacked).sum::<u64>() <= BYTES_MAX {
        return Ok(rows);
    }
    while rows > 1 && !is_bounded(&heads, rows.saturating_mul(values)) {
        rows /= 2;
    }
    Ok(rows)
}

fn rows_within(row_bytes: u64) -> u64 {
    (BYTES_MAX / row_bytes.max(1)).clamp(1, ROWS_MAX)
}

/// The length of the longest text of a dictionary, each behind its length.
fn longest(mut bytes: &[u8]) -> u64 {
    let mut longest = 0;
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length);
        longest = longest.max(u64::from(length));
        bytes = rest.get(length as usize..).unwrap_or_default();
    }
    longest
}

/// True if no run of so many values has pages of too many bytes. Large pages whose bytes the file really has are as they are.
fn is_bounded(heads: &[PageHead], values: u64) -> bool {
    let pages: Vec<&PageHead> = heads.iter().filter(|head| head.kind == PageKind::Data).collect();
    let largest = pages.iter().map(|head| head.unpacked).max().unwrap_or(0);
    // Pages `first..end`, of which the first has its last value in the run.
    let (mut end, mut within, mut unpacked, mut packed) = (0, 0u64, 0u64, 0u64);
    for first in 0..pages.len() {
        while end < pages.len() && (end <= first || within < values.saturating_sub(1)) {
            if end > first {
                within += pages[end].values;
            }
            unpacked += pages[end].unpacked;
            packed += pages[end].packed;
            end += 1;
        }
        let most = if packed.saturating_mul(USUAL_RATIO) >= unpacked { BYTES_MAX.max(2 * largest) } else { BYTES_MAX };
        if unpacked > most && end - first > 1 {
            return false;
        }
        unpacked -= pages[first].unpacked;
        packed -= pages[first].packed;
        if end > first + 1 {
            within -= pages[first + 1].values;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_values_touch_pages_of_bounded_bytes() {
        let page = |values, unpacked, packed| PageHead {
            kind: PageKind::Data,
            unpacked,
            packed,
            values,
            encoding: 0,
            bytes: 20,
        };
        const MEGABYTE: u64 = 1 << 20;
        // Each with the most values of which no run has too many bytes.
        for (heads, expected) in [
            (vec![], ROWS_MAX),
            (vec![page(1_000, MEGABYTE, 10); 20], ROWS_MAX),
            // 63 pages and the one where the run begins.
            (vec![page(100, MEGABYTE, 10); 1_000], 4_096),
            (vec![page(1, 16 * MEGABYTE, 10); 100], 4),
            // The file has those bytes: a page and its neighbour.
            (vec![page(100, 100 * MEGABYTE, 50 * MEGABYTE); 3], 64),
            (vec![page(100, 100 * MEGABYTE, 10); 3], 1),
            // Long values stand together at the end.
            ([vec![page(20_000, MEGABYTE, 10); 60], vec![page(1, 60 * MEGABYTE, 10); 9]].concat(), 1),
        ] {
            let mut values = ROWS_MAX;
            while values > 1 && !is_bounded(&heads, values) {
                values /= 2;
            }
            assert_eq!(values, expected, "{heads:?}");
        }
    }

    #[test]
    fn dictionaries_say_their_longest_text() {
        let text = |length: usize| [&(length as u32).to_le_bytes()[..], &vec![b'x'; length]].concat();
        for (bytes, expected) in [
            (vec![], 0),
            ([text(3), text(70_000), text(0)].concat(), 70_000),
            // Cut and claiming more than there is: the decoder refuses it.
            (vec![9, 0, 0, 0, 1], 9),
            (vec![1, 0], 0),
        ] {
            assert_eq!(longest(&bytes), expected);
        }
    }
}
