//! Sums without values are the sums of the values.

use super::*;
use crate::base::Primitive;
use crate::base::limits::VECTOR_ROWS;
use crate::memory::Totals;

/// The number that an integer is.
fn number<T: Encodable>(value: T) -> i128 {
    i128::from(value.to_lane().xor(T::ORDER).widen()) - i128::from(T::ORDER.widen())
}

/// Sums a range of a block, and compares with the values that the sum says it holds.
pub(super) fn check_totals<T: Encodable>(block: &Block<'_, T>, values: &[T], rows: Range<usize>) -> Totals {
    const FIRST: u64 = 70_000;
    let mut totals = Totals::default();
    block.add_totals(rows.clone(), FIRST, &mut totals).unwrap();
    let is_left = |row: usize| totals.rest.iter().any(|left| left.contains(&(FIRST + row as u64)));
    let held: Vec<T> = rows.clone().filter(|&row| !is_left(row)).map(|row| values[row]).collect();
    assert_eq!(held.len() as u64, totals.count, "{rows:?}");
    assert!(
        totals.rest.iter().all(|left| left.start >= FIRST + rows.start as u64 && left.end <= FIRST + rows.end as u64)
    );
    assert!(totals.rest.windows(2).all(|two| two[0].end < two[1].start), "{:?}", totals.rest);
    assert!(held.iter().all(|value| !value.is_null() && value.partial_cmp(value).is_some()), "{rows:?}");
    if T::FLOAT {
        let floats = || held.iter().map(|value| value.to_lane().float());
        let (sum, size) = (floats().sum::<f64>(), floats().map(f64::abs).sum::<f64>());
        let far = (totals.float - sum).abs();
        assert!(far <= 1e-12 * size || !sum.is_finite(), "{rows:?}: {} and not {sum}", totals.float);
    } else {
        assert_eq!(totals.whole, held.iter().map(|value| number(*value)).sum::<i128>(), "{rows:?}");
    }
    totals
}

fn totals_of<T: Encodable>(values: &[T], encoding: Encoding, rows: Range<usize>) -> Totals {
    let mut bytes = Vec::new();
    assert!(encode_block_as(values, encoding, &mut bytes), "{encoding:?}");
    check_totals(&Block::<T>::parse(encoding, &bytes, values.len()).unwrap(), values, rows)
}

/// What day-to-day columns look like is summed without being decoded: whole vectors of numbers in frames, prices, constants and runs.
#[test]
fn whole_vectors_are_summed_as_they_lie() {
    const ROWS: usize = 5 * VECTOR_ROWS;
    let sizes: Vec<i32> = (0..ROWS as i32).map(|row| row * 37 % 900 * 100 - 20_000).collect();
    let spikes: Vec<i64> = (0..ROWS as i64).map(|row| if row % 300 == 7 { -row << 33 } else { row % 11 }).collect();
    let numbers: Vec<i64> = (0..ROWS as i64).map(|row| 5_000_000 - row * 3 + row % 2).collect();
    let cents: Vec<f64> = floats(0, ROWS, 3);
    let steps: Vec<f64> = (0..ROWS).map(|row| (4_000 + row as i64 / 3) as f64 / 100.0).collect();
    for rows in [0..ROWS, VECTOR_ROWS..3 * VECTOR_ROWS] {
        let all = rows.len() as u64;
        assert_eq!(totals_of(&sizes, Encoding::Frame, rows.clone()).count, all);
        assert_eq!(totals_of(&spikes, Encoding::Frame, rows.clone()).count, all);
        assert_eq!(totals_of(&spikes, Encoding::Delta, rows.clone()).count, all);
        assert_eq!(totals_of(&numbers, Encoding::Delta, rows.clone()).count, all);
        assert_eq!(totals_of(&cents, Encoding::Decimal, rows.clone()).count, all);
        assert_eq!(totals_of(&steps, Encoding::Decimal, rows.clone()).count, all);
    }
    assert_eq!(totals_of(&[7u16; ROWS], Encoding::Constant, 1..ROWS - 1).count, ROWS as u64 - 2);
    assert_eq!(totals_of(&[2.5f32; ROWS], Encoding::Constant, 0..ROWS).float, 2.5 * ROWS as f64);
    let runs: Vec<f64> = (0..ROWS).map(|row| (row / 100) as f64).collect();
    assert_eq!(totals_of(&runs, Encoding::RunLength, 50..ROWS - 3).rest, []);
    // Parts of vectors are left.
    assert_eq!(totals_of(&sizes, Encoding::Frame, 1..2 * VECTOR_ROWS + 9).rest, [70_001..71_024, 72_048..72_057]);
}

/// Nulls, numbers that 64 bits could not sum, and floats that are not their digits, are left to who reads them.
#[test]
fn what_cannot_be_summed_is_left() {
    let all = 0..2 * VECTOR_ROWS;
    let mut sizes: Vec<i32> = all.clone().map(|row| row as i32 % 900).collect();
    sizes[1_500] = i32::NULL;
    assert_eq!(
        totals_of(&sizes, Encoding::Frame, all.clone()).rest.as_slice(),
        std::slice::from_ref(&(71_024..72_048))
    );
    let mut prices = floats(0, 2 * VECTOR_ROWS, 1);
    prices[3] = f64::NULL;
    assert_eq!(
        totals_of(&prices, Encoding::Decimal, all.clone()).rest.as_slice(),
        std::slice::from_ref(&(70_000..71_024))
    );
    prices[3] = f64::NAN;
    assert_eq!(
        totals_of(&prices, Encoding::Decimal, all.clone()).rest.as_slice(),
        std::slice::from_ref(&(70_000..71_024))
    );
    let times: Vec<i64> = all.clone().map(|row| (1 << 60) + row as i64).collect();
    assert_eq!(totals_of(&times, Encoding::Delta, all.clone()).count, 0);
    assert_eq!(totals_of(&times, Encoding::Frame, all.clone()).count, 0);
    let short: Vec<f32> = all.clone().map(|row| row as f32 / 10.0).collect();
    assert_eq!(totals_of(&short, Encoding::Decimal, all.clone()).count, 0);
    assert_eq!(totals_of(&[f64::INFINITY; 2 * VECTOR_ROWS], Encoding::Constant, all.clone()).count, 0);
    assert_eq!(totals_of(&[i64::NULL; 2 * VECTOR_ROWS], Encoding::Constant, all).count, 0);
}
