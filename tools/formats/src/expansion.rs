//! How large values become where Arrow lets rows share bytes: dictionaries, runs and views say a long value once, and a column may say it in every row.

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, GenericListArray, OffsetSizeTrait};
use arrow::datatypes::DataType;
use pilaster::base::limits::VALUE_BYTES_MAX;
use pilaster::base::{Error, Result};

/// Bytes of values that are converted in one go.
const PIECE_BYTES_MAX: u64 = 64 << 20;
/// Bytes of a value of fixed width, at most.
const FIXED_BYTES: u64 = 32;

/// How many rows of an array can be converted in one go, at least one. With `as_symbols` texts of dictionaries stay in them.
///
/// Errs with `Limit` where a row may be larger than any value. O(values of dictionaries and lists).
pub(crate) fn rows_at_once(array: &ArrayRef, as_symbols: bool) -> Result<usize> {
    let bytes = shared_bytes(array, as_symbols);
    if bytes > VALUE_BYTES_MAX {
        return Err(Error::limit(format!("a row may have {bytes} bytes, the most is {VALUE_BYTES_MAX}")));
    }
    Ok(usize::try_from(PIECE_BYTES_MAX / bytes.max(1)).unwrap_or(usize::MAX).max(1))
}

/// The most bytes that a row may have of those that rows can share.
fn shared_bytes(array: &ArrayRef, as_symbols: bool) -> u64 {
    use DataType as D;
    match array.data_type() {
        D::Dictionary(_, values) if as_symbols && matches!(**values, D::Utf8 | D::LargeUtf8 | D::Utf8View) => 0,
        D::Dictionary(..) => longest(array.as_any_dictionary().values()),
        D::Utf8View | D::BinaryView => longest(array),
        D::RunEndEncoded(..) => {
            let data = array.to_data();
            data.child_data().get(1).map_or(0, |values| longest(&arrow::array::make_array(values.clone())))
        }
        D::List(_) => of_list(array.as_list::<i32>(), as_symbols),
        D::LargeList(_) => of_list(array.as_list::<i64>(), as_symbols),
        D::FixedSizeList(_, length) => {
            let elements = array.as_fixed_size_list();
            u64::try_from(*length).unwrap_or(0).saturating_mul(shared_bytes(elements.values(), as_symbols))
        }
        D::ListView(_) => {
            let lists = array.as_list_view::<i32>();
            let size = lists.sizes().iter().copied().max().unwrap_or(0);
            u64::try_from(size).unwrap_or(0).saturating_mul(longest(lists.values()))
        }
        D::LargeListView(_) => {
            let lists = array.as_list_view::<i64>();
            let size = lists.sizes().iter().copied().max().unwrap_or(0);
            u64::try_from(size).unwrap_or(0).saturating_mul(longest(lists.values()))
        }
        D::Struct(_) => array
            .as_struct()
            .columns()
            .iter()
            .map(|column| shared_bytes(column, as_symbols))
            .fold(0, u64::saturating_add),
        D::Map(..) => {
            let map = array.as_map();
            let length = map.value_offsets().windows(2).map(|ends| ends[1] - ends[0]).max().unwrap_or(0);
            let entries: ArrayRef = std::sync::Arc::new(map.entries().clone());
            u64::try_from(length).unwrap_or(0).saturating_mul(shared_bytes(&entries, as_symbols))
        }
        _ => 0,
    }
}

fn of_list<O: OffsetSizeTrait>(lists: &GenericListArray<O>, as_symbols: bool) -> u64 {
    (longest_run(lists.value_offsets())).saturating_mul(shared_bytes(lists.values(), as_symbols))
}

/// The bytes of the largest value of an array, those it has of its own too.
fn longest(array: &ArrayRef) -> u64 {
    use DataType as D;
    match array.data_type() {
        D::Utf8 => longest_run(array.as_string::<i32>().value_offsets()),
        D::LargeUtf8 => longest_run(array.as_string::<i64>().value_offsets()),
        D::Binary => longest_run(array.as_binary::<i32>().value_offsets()),
        D::LargeBinary => longest_run(array.as_binary::<i64>().value_offsets()),
        // The lowest 32 bits of a view are the length.
        D::Utf8View => array.as_string_view().views().iter().map(|view| u64::from(*view as u32)).max().unwrap_or(0),
        D::BinaryView => array.as_binary_view().views().iter().map(|view| u64::from(*view as u32)).max().unwrap_or(0),
        D::FixedSizeBinary(width) => u64::try_from(*width).unwrap_or(0),
        D::List(_) => of_own(array.as_list::<i32>()),
        D::LargeList(_) => of_own(array.as_list::<i64>()),
        D::FixedSizeList(_, length) => {
            u64::try_from(*length).unwrap_or(0).saturating_mul(longest(array.as_fixed_size_list().values()))
        }
        D::Struct(_) => array.as_struct().columns().iter().map(longest).fold(0, u64::saturating_add),
        _ => FIXED_BYTES.saturating_add(shared_bytes(array, false)),
    }
}

fn of_own<O: OffsetSizeTrait>(lists: &GenericListArray<O>) -> u64 {
    longest_run(lists.value_offsets()).saturating_mul(longest(lists.values()))
}

fn longest_run<O: OffsetSizeTrait>(offsets: &[O]) -> u64 {
    offsets.windows(2).map(|ends| ends[1].as_usize().saturating_sub(ends[0].as_usize()) as u64).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::*;
    use arrow::datatypes::{Field, Int8Type, Int32Type};
    use std::sync::Arc;

    #[test]
    fn rows_that_share_long_values_are_converted_a_few_at_a_time() {
        let check = |array: ArrayRef, as_symbols: bool, expected: Option<u64>| {
            let found = rows_at_once(&array, as_symbols).ok().map(|rows| rows as u64);
            assert_eq!(found, expected, "{:?}", array.data_type());
        };
        const ALL: Option<u64> = Some(PIECE_BYTES_MAX);
        let text = "x".repeat(1 << 20);
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["", text.as_str()]));
        check(texts.clone(), false, ALL);
        let encoded: ArrayRef =
            Arc::new(DictionaryArray::<Int8Type>::new(Int8Array::from(vec![1; 100]), texts.clone()));
        check(encoded.clone(), false, Some(64));
        check(encoded.clone(), true, ALL);
        check(Arc::new(StringViewArray::from(vec![text.as_str(), "y"])), false, Some(64));
        let runs = RunArray::<Int32Type>::try_new(&Int32Array::from(vec![9, 10]), &texts).unwrap();
        check(Arc::new(runs), false, Some(64));
        let field = Arc::new(Field::new_list_field(encoded.data_type().clone(), true));
        let offsets = arrow::buffer::OffsetBuffer::new(vec![0, 4, 100].into());
        let lists: ArrayRef = Arc::new(ListArray::new(field.clone(), offsets, encoded.clone(), None));
        check(lists.clone(), false, Some(1));
        check(lists, true, ALL);
        let offsets = arrow::buffer::OffsetBuffer::new(vec![0, 4_000, 8_000].into());
        let keys = Int8Array::from(vec![1; 8_000]);
        let encoded: ArrayRef = Arc::new(DictionaryArray::<Int8Type>::new(keys, texts));
        check(Arc::new(ListArray::new(field, offsets, encoded, None)), false, None);
        // Views of lists that all show the same million numbers.
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![7; 1 << 20]));
        let field = Arc::new(Field::new_list_field(DataType::Int32, true));
        let views = ListViewArray::new(field, vec![0; 50].into(), vec![1 << 20; 50].into(), numbers, None);
        check(Arc::new(views), false, Some(2));
    }
}
