//! Chunks to Arrow arrays.

use crate::types::{self, element};
use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, DictionaryArray, Int32Array, ListArray, PrimitiveArray, StringArray,
    TimestampNanosecondArray, UInt16Array,
};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
};
use pilaster::base::{Boolean, ColumnType, Error, Primitive, Result, Value};
use pilaster::memory::{ArrayChunk, Chunk, ObjectChunk, StringChunk, Symbols};
use std::sync::Arc;

/// The dictionary that a column's chunks share, made once.
#[derive(Debug)]
pub struct Dictionary {
    symbols: Arc<Symbols>,
    values: ArrayRef,
}

impl Dictionary {
    /// Of all symbols of a column. Errs with `Limit` where they have more than 2 GiB.
    pub fn of(symbols: Arc<Symbols>) -> Result<Self> {
        let table: Vec<&str> = symbols.iter().collect();
        let values: ArrayRef = Arc::new(checked_text(table.into_iter().map(Some))?);
        Ok(Dictionary { symbols, values })
    }
}

/// The array of a chunk, of the type of [`types::field`]; with a dictionary its strings are encoded by it, or by their own where their symbols are others.
pub fn array(chunk: &Chunk, dictionary: Option<&Dictionary>) -> Result<ArrayRef> {
    Ok(match chunk {
        Chunk::String(strings) => match dictionary {
            Some(dictionary) => encoded(strings, dictionary)?,
            None => Arc::new(checked_text(strings.codes.iter().map(|&code| strings.symbols.get(code)))?),
        },
        Chunk::Char(values) => Arc::new(UInt16Array::new(values.clone().into(), validity(values))),
        Chunk::Boolean(values) => {
            let bits = BooleanBuffer::collect_bool(values.len(), |at| values[at] == Boolean::TRUE);
            Arc::new(BooleanArray::new(bits, validity(values)))
        }
        Chunk::Byte(values) => primitive::<Int8Type>(values),
        Chunk::Short(values) => primitive::<Int16Type>(values),
        Chunk::Int(values) => primitive::<Int32Type>(values),
        Chunk::Long(values) => primitive::<Int64Type>(values),
        Chunk::Float(values) => primitive::<Float32Type>(values),
        Chunk::Double(values) => primitive::<Float64Type>(values),
        Chunk::DateTime(values) => {
            Arc::new(TimestampNanosecondArray::new(values.clone().into(), validity(values)).with_timezone("UTC"))
        }
        Chunk::Object(objects) => object(objects)?,
        Chunk::Array(arrays) => list(arrays)?,
    })
}

fn validity<T: Primitive>(values: &[T]) -> Option<NullBuffer> {
    if !values.iter().any(|value| value.is_null()) {
        return None;
    }
    Some(NullBuffer::new(BooleanBuffer::collect_bool(values.len(), |at| !values[at].is_null())))
}

fn primitive<T: ArrowPrimitiveType>(values: &[T::Native]) -> ArrayRef
where
    T::Native: Primitive,
{
    Arc::new(PrimitiveArray::<T>::new(values.to_vec().into(), validity(values)))
}

/// Text whose offsets fit into 32 bits.
fn checked_text<'a>(texts: impl Iterator<Item = Option<&'a str>> + Clone) -> Result<StringArray> {
    let bytes = texts.clone().flatten().fold(0usize, |sum, text| sum.saturating_add(text.len()));
    check_offsets(bytes)?;
    Ok(texts.collect())
}

fn check_offsets(bytes: usize) -> Result<()> {
    match i32::try_from(bytes) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::limit("a batch of values takes more than 2 GiB").hint("write fewer rows at a time")),
    }
}

fn encoded(strings: &StringChunk, dictionary: &Dictionary) -> Result<ArrayRef> {
    let values = match Arc::ptr_eq(&dictionary.symbols, &strings.symbols) {
        true => dictionary.values.clone(),
        false => Dictionary::of(strings.symbols.clone())?.values,
    };
    let keys: Int32Array =
        strings.codes.iter().map(|code| if code.is_null() { None } else { i32::try_from(code.index()).ok() }).collect();
    let array = DictionaryArray::<Int32Type>::try_new(keys, values);
    Ok(Arc::new(array.map_err(|error| Error::corrupt(format!("symbol codes: {error}")))?))
}

fn object(objects: &ObjectChunk) -> Result<ArrayRef> {
    let count = objects.slices.len();
    let value = |row| objects.decode(row);
    Ok(match objects.object_type {
        ColumnType::Blob => {
            let mut bytes = Vec::with_capacity(count);
            for row in 0..count {
                bytes.push(match value(row)? {
                    Value::Blob(blob) => Some(blob),
                    _ => None,
                });
            }
            check_offsets(bytes.iter().flatten().map(|blob| blob.len()).sum())?;
            Arc::new(bytes.iter().map(|blob| blob.as_deref()).collect::<BinaryArray>())
        }
        ColumnType::StringSet => {
            let (mut texts, mut lengths) = (Vec::new(), Vec::with_capacity(count));
            for row in 0..count {
                match value(row)? {
                    Value::StringSet(set) => {
                        lengths.push(Some(set.len()));
                        texts.extend(set.iter().map(|text| Some(text.to_string())));
                    }
                    _ => lengths.push(None),
                }
            }
            let values = checked_text(texts.iter().map(Option::as_deref))?;
            list_of(Arc::new(values), DataType::Utf8, lengths)?
        }
        _ => {
            let mut texts = Vec::with_capacity(count);
            for row in 0..count {
                let mut text = Vec::new();
                let value = value(row)?;
                pilaster::base::text::write_csv_value(&value, b',', &mut text);
                texts.push((value != Value::Null).then(|| String::from_utf8_lossy(&text).into_owned()));
            }
            Arc::new(checked_text(texts.iter().map(Option::as_deref))?)
        }
    })
}

fn list(arrays: &ArrayChunk) -> Result<ArrayRef> {
    let arrays = arrays.compact()?;
    let lengths = arrays.slices.iter().map(|slice| (!slice.is_null()).then_some(slice.len as usize)).collect();
    list_of(array(&arrays.values, None)?, types::data_type(arrays.element()), lengths)
}

fn list_of(values: ArrayRef, data_type: DataType, lengths: Vec<Option<usize>>) -> Result<ArrayRef> {
    let mut offsets = Vec::with_capacity(lengths.len() + 1);
    let mut end = 0usize;
    offsets.push(0i32);
    for length in &lengths {
        end = end.saturating_add(length.unwrap_or(0));
        offsets.push(i32::try_from(end).map_err(|_| Error::limit("a batch has more than 2^31 elements of arrays"))?);
    }
    let nulls = lengths
        .iter()
        .any(Option::is_none)
        .then(|| NullBuffer::new(BooleanBuffer::collect_bool(lengths.len(), |at| lengths[at].is_some())));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let list = ListArray::try_new(element(data_type), offsets, values, nulls);
    Ok(Arc::new(list.map_err(|error| Error::corrupt(format!("arrays: {error}")))?))
}
