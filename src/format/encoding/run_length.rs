//! Run lengths: one value a run of equal rows, and the last row of each run.

use super::frame::{pad, vector_range};
use super::lane::{Lane, Vector};
use crate::base::{Error, Result};
use std::borrow::Cow;
use std::ops::Range;

const HEADER_BYTES: usize = 8;

/// How many runs of equal lanes there are.
pub fn run_count<L: Lane>(values: &[L]) -> usize {
    usize::from(!values.is_empty()) + values.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

/// Bytes that so many runs need.
pub fn size_bytes<L: Lane>(runs: usize) -> u64 {
    (HEADER_BYTES + runs * (L::BYTES + 2) + 8) as u64
}

/// Appends the runs of at most 65,536 lanes.
pub fn encode<L: Lane>(values: &[L], out: &mut Vec<u8>) {
    let base = out.len();
    let lasts: Vec<u16> = (0..values.len())
        .filter(|&row| row + 1 == values.len() || values[row] != values[row + 1])
        .map(|row| row as u16)
        .collect();
    out.extend_from_slice(&(lasts.len() as u32).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    lasts.iter().for_each(|&last| values[usize::from(last)].write_le(out));
    pad(out, base);
    lasts.iter().for_each(|last| last.write_le(out));
}

/// The runs of a block.
#[derive(Debug)]
pub struct Runs<'a, L: Lane> {
    values: &'a [u8],
    lasts: Cow<'a, [u16]>,
    lane: std::marker::PhantomData<L>,
}

impl<'a, L: Lane> Runs<'a, L> {
    /// Looks at the sizes and that the last run ends with the last row.
    pub fn parse(bytes: &'a [u8], rows: usize) -> Result<Self> {
        let refuse = |what: String| Err(Error::corrupt(format!("run-length block of {rows} rows {what}")));
        if bytes.len() < HEADER_BYTES {
            return refuse(format!("has {} bytes", bytes.len()));
        }
        let count = u32::read_le(bytes) as usize;
        let values_end = HEADER_BYTES + count * L::BYTES;
        let lasts_start = values_end.next_multiple_of(8);
        let lasts_end = lasts_start + count * 2;
        if count > rows || lasts_end > bytes.len() {
            return refuse(format!("has {count} runs in {} bytes", bytes.len()));
        }
        let lasts = u16::slice_of(&bytes[lasts_start..lasts_end]);
        if lasts.last().map_or(0, |&last| usize::from(last) + 1) != rows {
            return refuse("ends at another row".into());
        }
        Ok(Runs { values: &bytes[HEADER_BYTES..values_end], lasts, lane: std::marker::PhantomData })
    }

    /// Refuses runs that do not end after one another: a search among them would find the value of another row. O(runs).
    pub fn check(&self) -> Result<()> {
        match self.lasts.windows(2).position(|pair| pair[0] >= pair[1]) {
            Some(run) => Err(Error::corrupt(format!(
                "run {} ends at row {}, the one before it at row {}",
                run + 1,
                self.lasts[run + 1],
                self.lasts[run]
            ))),
            None => Ok(()),
        }
    }

    /// Shows the runs that a range of rows has parts of, each with its lane. O(log runs + runs touched).
    pub fn each(&self, rows: Range<usize>, mut see: impl FnMut(L, Range<usize>)) -> Result<()> {
        let mut run = self.lasts.partition_point(|&last| usize::from(last) < rows.start);
        let mut at = rows.start;
        while at < rows.end {
            let end = self.lasts.get(run).map_or(0, |&last| usize::from(last) + 1).min(rows.end);
            if end <= at {
                return Err(Error::corrupt(format!("run {run} does not go on where the one before it ends")));
            }
            see(L::read_le(&self.values[run * L::BYTES..]), at..end);
            (at, run) = (end, run + 1);
        }
        Ok(())
    }

    /// Appends the lanes of a range of rows, mapped. O(log runs + runs touched + rows).
    pub fn fill<T: Copy>(&self, rows: Range<usize>, map: impl Fn(L) -> T, out: &mut Vec<T>) -> Result<()> {
        self.each(rows, |lane, rows| out.resize(out.len() + rows.len(), map(lane)))
    }

    /// The lane of one row. O(log runs).
    pub fn pick(&self, row: usize) -> Option<L> {
        let run = self.lasts.partition_point(|&last| usize::from(last) < row);
        self.values.get(run * L::BYTES..(run + 1) * L::BYTES).map(L::read_le)
    }

    /// The lanes of the runs that a vector has rows of; none where they are more than `limit`. O(log runs) and the runs.
    pub fn within(&self, index: usize, rows: usize, limit: usize) -> Option<impl Iterator<Item = L> + '_> {
        let rows = vector_range(index, rows);
        let first = self.lasts.partition_point(|&last| usize::from(last) < rows.start);
        let after = self.lasts[first..].iter().take(limit + 1).position(|&last| usize::from(last) + 1 >= rows.end)?;
        let values = self.values.get(first * L::BYTES..(first + after + 1) * L::BYTES)?;
        Some(values.chunks_exact(L::BYTES).map(L::read_le))
    }

    /// Decodes a vector.
    pub fn decode_vector(&self, index: usize, rows: usize, out: &mut Vector<L>) -> Result<()> {
        let rows = vector_range(index, rows);
        let start = rows.start;
        self.each(rows, |lane, rows| out[rows.start - start..rows.end - start].fill(lane))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_after_one_another() {
        let mut block = Vec::new();
        encode(&[7u32, 7, 8, 8, 9, 9, 9], &mut block);
        assert!(Runs::<u32>::parse(&block, 7).unwrap().check().is_ok());
        let lasts = block.len() - 6;
        for (ends, holds) in
            [([1, 3, 6], true), ([0, 1, 6], true), ([3, 1, 6], false), ([3, 3, 6], false), ([6, 1, 6], false)]
        {
            for (at, end) in ends.into_iter().enumerate() {
                block[lasts + 2 * at..lasts + 2 * at + 2].copy_from_slice(&u16::to_le_bytes(end));
            }
            assert_eq!(Runs::<u32>::parse(&block, 7).unwrap().check().is_ok(), holds, "{ends:?}");
        }
    }
}
