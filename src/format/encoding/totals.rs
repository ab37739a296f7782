//! Sums of a block's values as they lie: of constants, runs, and packed numbers. What has other values is left to the reader.

use super::{Block, Content, Encodable, Lane, Vector};
use crate::base::Result;
use crate::base::limits::VECTOR_ROWS;
use crate::memory::Totals;
use std::ops::Range;

impl<T: Encodable> Block<'_, T> {
    /// Adds a range of rows to `totals`, whose rows are numbered from `first`, the block's first row. Vectors that the range holds only in part,
    /// or that may have nulls, are left. Returns the encoded bytes that were read. Costs about half of decoding, and nothing is left to add up.
    pub fn add_totals(&self, rows: Range<usize>, first: u64, totals: &mut Totals) -> Result<u64> {
        self.check(rows.end)?;
        let left = |rows: Range<usize>| first + rows.start as u64..first + rows.end as u64;
        match &self.content {
            Content::Constant(lane) => add_equal::<T>(*lane, rows, first, totals),
            Content::RunLength(runs) => {
                runs.each(rows, |lane, rows| add_equal::<T>(lane, rows, first, totals))?;
            }
            Content::Frame(_) | Content::Decimal(_) => {
                let mut scratch = [T::Lane::ZERO; VECTOR_ROWS];
                let mut bytes = 0;
                let mut at = rows.start;
                while at < rows.end {
                    let index = at / VECTOR_ROWS;
                    let end = ((index + 1) * VECTOR_ROWS).min(rows.end);
                    if end - at == VECTOR_ROWS && self.add_vector(index, totals, &mut scratch)? {
                        totals.count += VECTOR_ROWS as u64;
                        bytes += self.unit_bytes(index)?;
                    } else {
                        totals.leave(left(at..end));
                    }
                    at = end;
                }
                return Ok(bytes);
            }
            Content::Plain(_) | Content::Dictionary(_) | Content::Pieces(_) => totals.leave(left(rows)),
        }
        Ok(0)
    }

    /// Adds the values of a whole vector; false, and nothing added, where they have to be read.
    fn add_vector(&self, index: usize, totals: &mut Totals, scratch: &mut Vector<T::Lane>) -> Result<bool> {
        match &self.content {
            Content::Frame(frame) if !T::FLOAT => {
                let Some(sum) = frame.total(index, T::ORDER, scratch)? else { return Ok(false) };
                totals.whole += i128::from(sum);
            }
            Content::Decimal(decimal) => {
                let Some(sum) = decimal.total(index, scratch)? else { return Ok(false) };
                totals.float += sum;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Adds rows of one value, or leaves them where it is null, NaN or infinite.
fn add_equal<T: Encodable>(lane: T::Lane, rows: Range<usize>, first: u64, totals: &mut Totals) {
    let count = rows.len() as u64;
    let float = if T::FLOAT { lane.float() } else { 0.0 };
    if T::from_lane(lane).is_null() || !float.is_finite() {
        return totals.leave(first + rows.start as u64..first + rows.end as u64);
    }
    if T::FLOAT {
        totals.float += float * count as f64;
    } else {
        let number = i128::from(lane.xor(T::ORDER).widen()) - i128::from(T::ORDER.widen());
        totals.whole += number * i128::from(count);
    }
    totals.count += count;
}
