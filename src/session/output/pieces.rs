//! Rows of a table read and turned into something else on all cores, and handed over in their order.
//!
//! **Invariant:** what waits to be handed over is bounded: the next runs of rows are as long as those before allow. Where runs are cut depends on the rows, never on the number of threads.

use crate::base::Result;
use crate::engine::{Table, limits};
use crate::memory::Chunk;
use rayon::prelude::*;
use std::ops::Range;

/// Runs that are worked on at once.
const WAVE: u64 = 8;
/// Bytes that all of these should come to at most.
const WAVE_BYTES: usize = 32 << 20;
/// Rows of the first runs, when nobody knows yet how long they are.
const FIRST_ROWS: u64 = 64;
/// How much longer runs may get from one time to the next.
const GROWTH: u64 = 4;
/// Bytes of values that are read before the memory behind mapped files is given back.
const MAPPED_BYTES: u64 = 64 << 20;

/// Calls `make` with all columns of consecutive runs of the first `rows` rows, on all cores, and `take` with what it made, in order and on this thread, while the next runs are worked
/// on. With no columns at all, `make` gets no chunks.
///
/// Runs have up to `run_rows` rows; `size_bytes` says how large what was made of one is, and they are shorter where that is much. Memory: two times what eight runs become, and
/// a share of mapped files that does not grow with them.
pub fn for_each_piece<T: Send>(
    table: &Table,
    rows: u64,
    run_rows: u64,
    make: impl Fn(Range<u64>, Vec<Chunk>) -> Result<T> + Sync,
    size_bytes: impl Fn(&T) -> usize,
    mut take: impl FnMut(T) -> Result<()>,
) -> Result<()> {
    let names = table.column_names();
    let limits = limits::current();
    // Wherever the rows come from, they are found once and not by every thread.
    table.row_count()?;
    let run = |range: Range<u64>| {
        limits.enter(|| {
            limits::check()?;
            let chunks = table.read(&names, range.clone())?;
            make(range, chunks)
        })
    };
    let work = |start: u64, length: u64| -> Result<Vec<T>> {
        let runs = (0..WAVE).into_par_iter().map(|at| {
            let from = start.saturating_add(at * length).min(rows);
            from..from.saturating_add(length).min(rows)
        });
        runs.filter(|range| !range.is_empty()).map(run).collect()
    };
    let row_bytes: usize = table.definition().columns().iter().map(|column| column.column_type.width()).sum();
    let mut read_bytes = 0;
    let mut length = FIRST_ROWS.min(run_rows.max(1));
    let mut at = 0;
    let mut made: Vec<T> = Vec::new();
    while at < rows || !made.is_empty() {
        let mut next = Ok(Vec::new());
        let mut taken = Ok(());
        rayon::in_place_scope(|scope| {
            if at < rows {
                scope.spawn(|_| next = work(at, length));
            }
            taken = std::mem::take(&mut made).into_iter().try_for_each(&mut take);
        });
        taken?;
        made = next?;
        read_bytes += WAVE * length * row_bytes as u64;
        if read_bytes > MAPPED_BYTES {
            table.forget()?;
            read_bytes = 0;
        }
        at = rows.min(at.saturating_add(WAVE * length));
        let bytes = made.iter().map(&size_bytes).sum::<usize>().max(1);
        let fitting = (length as u128 * WAVE_BYTES as u128 / bytes as u128).min(u128::from(u64::MAX)) as u64;
        length = fitting.min(length.saturating_mul(GROWTH)).clamp(1, run_rows.max(1));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Error, ErrorKind};

    fn numbers(count: i64) -> Table {
        Table::new_table(vec![("N".to_string(), Chunk::Long((0..count).collect()))]).unwrap()
    }

    #[test]
    fn runs_come_in_order_and_get_longer_as_far_as_their_bytes_allow() {
        for (rows, run_rows, bytes_a_row, longest) in [
            (0, 100, 1, 0),
            (1, 100, 1, 1),
            (100_000, 4_096, 1, 4_096),
            (100_000, 7, 1, 7),
            (50_000, 4_096, 65_536, 64),
            (3_000, 64, 64 << 20, 64),
        ] {
            let table = numbers(rows);
            let (mut seen, mut longest_seen, mut last) = (Vec::new(), 0, 0);
            let make = |range: Range<u64>, chunks: Vec<Chunk>| Ok((range, chunks));
            let take = |(range, mut chunks): (Range<u64>, Vec<Chunk>)| {
                let Some(Chunk::Long(values)) = chunks.pop() else { panic!("longs") };
                assert_eq!(values.len() as u64, range.end - range.start);
                (longest_seen, last) = (longest_seen.max(values.len()), values.len());
                seen.extend(values);
                Ok(())
            };
            for_each_piece(
                &table,
                rows as u64,
                run_rows,
                make,
                |(range, _)| (range.end - range.start) as usize * bytes_a_row,
                take,
            )
            .unwrap();
            assert_eq!(seen, (0..rows).collect::<Vec<i64>>());
            assert_eq!(longest_seen, longest, "{rows} {run_rows} {bytes_a_row}");
            assert!(bytes_a_row < 1 << 20 || last == 1, "{last}");
        }
    }

    #[test]
    fn the_first_error_ends_the_work() {
        let refuse = |at: u64| {
            move |range: Range<u64>, _| match range.contains(&at) {
                true => Err(Error::invalid("enough")),
                false => Ok(range.end),
            }
        };
        let mut taken = 0;
        let ended = for_each_piece(
            &numbers(100_000),
            100_000,
            100,
            refuse(50_000),
            |_| 1,
            |end| {
                taken = end;
                Ok(())
            },
        );
        assert_eq!(ended.unwrap_err().message(), "enough");
        assert!(taken <= 50_000);
        let full = for_each_piece(
            &numbers(100_000),
            100_000,
            100,
            refuse(u64::MAX),
            |_| 1,
            |_| Err(Error::new(ErrorKind::Io, "full")),
        );
        assert_eq!(full.unwrap_err().message(), "full");
    }
}
