//! Arrow arrays to chunks: straight where the types are the same, through the text of each value where they are not, so that what can be imported is what a text file could say.

use arrow::array::cast::AsArray;
use arrow::array::types::{
    ArrowPrimitiveType, Date64Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampNanosecondType, UInt16Type,
};
use arrow::array::{AnyDictionaryArray, Array, ArrayRef, GenericListArray, OffsetSizeTrait};
use arrow::buffer::NullBuffer;
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use pilaster::base::text::{DateTimeReader, Refusal, parse_text};
use pilaster::base::{Boolean, ColumnType, Error, Primitive, Result, StringSet, Value};
use pilaster::memory::{ArrayChunk, Chunk, StringChunk, SymbolCode, SymbolTableBuilder, Symbols};
use std::sync::Arc;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// A value that is none of the type wanted; its row has null there.
#[derive(Clone, Debug)]
pub struct BadValue {
    /// The row of the batch.
    pub row: usize,
    /// The value as text.
    pub text: String,
    /// What is wrong with it.
    pub refusal: Refusal,
}

/// Turns the arrays of one column into chunks of one type.
#[derive(Debug)]
pub struct ColumnConverter {
    column_type: ColumnType,
    /// True for strings that are not looked for in each other.
    plain: bool,
    date_times: DateTimeReader,
    /// The dictionary of the last batch with its symbols, and the code of each of its entries.
    dictionary: Option<(ArrayRef, Arc<Symbols>, Vec<SymbolCode>)>,
}

impl ColumnConverter {
    /// For a column of a type. Times without a zone are on the wall clock of that of `date_times`.
    pub fn new(column_type: ColumnType, plain: bool, date_times: DateTimeReader) -> Self {
        ColumnConverter { column_type, plain, date_times, dictionary: None }
    }

    /// The values of an array; those that are none of the type are null and in `bad`.
    pub fn convert(&mut self, array: &ArrayRef, bad: &mut Vec<BadValue>) -> Result<Chunk> {
        self.convert_as(array, self.column_type, bad)
    }

    fn convert_as(&mut self, array: &ArrayRef, wanted: ColumnType, bad: &mut Vec<BadValue>) -> Result<Chunk> {
        use DataType as D;
        Ok(match (array.data_type(), wanted) {
            (D::Null, _) => Chunk::nulls(wanted, array.len()),
            (D::Dictionary(_, values), ColumnType::String) if is_text(values) && !self.plain => {
                self.symbols(array.as_any_dictionary())?
            }
            (D::Dictionary(_, values), _) => self.convert_as(&arrow_cast(array, values)?, wanted, bad)?,
            (D::RunEndEncoded(_, values), _) => {
                self.convert_as(&arrow_cast(array, values.data_type())?, wanted, bad)?
            }
            (D::LargeUtf8 | D::Utf8View, _) => self.convert_as(&arrow_cast(array, &D::Utf8)?, wanted, bad)?,
            (D::LargeBinary | D::BinaryView | D::FixedSizeBinary(_), _) => {
                self.convert_as(&arrow_cast(array, &D::Binary)?, wanted, bad)?
            }
            // Dates, unless they have a time of day.
            (D::Date64, _) if array.as_primitive::<Date64Type>().values().iter().all(|ms| ms % DAY_MS == 0) => {
                self.convert_as(&arrow_cast(array, &D::Date32)?, wanted, bad)?
            }
            (D::Float16, _) => self.convert_as(&arrow_cast(array, &D::Float32)?, wanted, bad)?,
            (D::Utf8, ColumnType::String) => strings(array.as_string::<i32>().iter(), self.plain)?,
            (D::UInt16, ColumnType::Char) => Chunk::Char(primitives::<UInt16Type>(array, bad)),
            (D::Boolean, ColumnType::Boolean) => Chunk::Boolean(
                array.as_boolean().iter().map(|value| value.map_or(Boolean::NULL, Boolean::from)).collect(),
            ),
            (D::Int8, ColumnType::Byte) => Chunk::Byte(primitives::<Int8Type>(array, bad)),
            (D::Int16, ColumnType::Short) => Chunk::Short(primitives::<Int16Type>(array, bad)),
            (D::Int32, ColumnType::Int) => Chunk::Int(primitives::<Int32Type>(array, bad)),
            (D::Int64, ColumnType::Long) => Chunk::Long(primitives::<Int64Type>(array, bad)),
            (D::Float32, ColumnType::Float) => Chunk::Float(primitives::<Float32Type>(array, bad)),
            (D::Float64, ColumnType::Double) => Chunk::Double(primitives::<Float64Type>(array, bad)),
            (
                D::Int8 | D::Int16 | D::Int32 | D::UInt8 | D::UInt16 | D::UInt32,
                ColumnType::Long | ColumnType::Double,
            )
            | (D::Int8 | D::UInt8, ColumnType::Short | ColumnType::Int | ColumnType::Float)
            | (D::Int16 | D::UInt16, ColumnType::Int | ColumnType::Float)
            | (D::Float32, ColumnType::Double) => {
                // Nothing is lost.
                self.convert_as(&arrow_cast(array, &crate::types::data_type(wanted))?, wanted, bad)?
            }
            (D::Timestamp(unit, zone), ColumnType::DateTime) => self.timestamps(array, *unit, zone.is_some(), bad)?,
            (D::Time32(_) | D::Time64(_), ColumnType::Long) => {
                let nanos = arrow_cast(array, &D::Time64(TimeUnit::Nanosecond))?;
                self.convert_as(&arrow_cast(&nanos, &D::Int64)?, wanted, bad)?
            }
            (D::Duration(_), ColumnType::Long) => {
                let nanos = exact_cast(array, &D::Duration(TimeUnit::Nanosecond))?;
                self.convert_as(&arrow_cast(&nanos, &D::Int64)?, wanted, bad)?
            }
            (D::Binary, ColumnType::Blob) => {
                let mut chunk = Chunk::with_capacity(wanted, array.len());
                for value in array.as_binary::<i32>().iter() {
                    chunk.push(&value.map_or(Value::Null, |bytes| Value::Blob(bytes.into())))?;
                }
                chunk
            }
            (D::Binary, ColumnType::String) => {
                let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
                let texts: Vec<Option<String>> = array.as_binary::<i32>().iter().map(text).collect();
                strings(texts.iter().map(Option::as_deref), self.plain)?
            }
            (D::List(_), ColumnType::Array(array_type)) => {
                self.lists(array.as_list::<i32>(), array_type.element(), bad)?
            }
            (D::LargeList(_), ColumnType::Array(array_type)) => {
                self.lists(array.as_list::<i64>(), array_type.element(), bad)?
            }
            (D::List(_), ColumnType::StringSet) => self.sets(array)?,
            (D::FixedSizeList(inner, _) | D::ListView(inner) | D::LargeListView(inner), ColumnType::Array(_)) => {
                self.convert_as(&arrow_cast(array, &D::LargeList(inner.clone()))?, wanted, bad)?
            }
            _ => self.by_text(array, wanted, bad)?,
        })
    }

    /// The codes of a dictionary become codes of symbols: each text is looked for once a dictionary.
    fn symbols(&mut self, dictionary: &dyn AnyDictionaryArray) -> Result<Chunk> {
        let values = dictionary.values();
        let known = self.dictionary.take().filter(|(known, ..)| same_values(known, values));
        let (values, symbols, codes) = match known {
            Some(known) => known,
            None => {
                let mut builder = SymbolTableBuilder::new();
                let text = arrow_cast(values, &DataType::Utf8)?;
                let mut codes = Vec::with_capacity(values.len());
                for text in text.as_string::<i32>().iter() {
                    codes.push(builder.intern_option(text)?);
                }
                (values.clone(), Arc::new(builder.finish()), codes)
            }
        };
        let code = |key: usize| codes.get(key).copied().unwrap_or(SymbolCode::NULL);
        // An empty dictionary has no keys to normalise.
        let mut rows: Vec<SymbolCode> = match dictionary.keys().as_primitive_opt::<Int32Type>() {
            _ if codes.is_empty() => vec![SymbolCode::NULL; dictionary.len()],
            Some(keys) => keys.values().iter().map(|key| code(usize::try_from(*key).unwrap_or(usize::MAX))).collect(),
            None => dictionary.normalized_keys().into_iter().map(code).collect(),
        };
        null_out(&mut rows, dictionary.nulls());
        let chunk = Chunk::String(StringChunk { codes: rows, symbols: symbols.clone() });
        self.dictionary = Some((values, symbols, codes));
        Ok(chunk)
    }

    fn timestamps(&mut self, array: &ArrayRef, unit: TimeUnit, zoned: bool, bad: &mut Vec<BadValue>) -> Result<Chunk> {
        let scale = match unit {
            TimeUnit::Second => 1_000_000_000,
            TimeUnit::Millisecond => 1_000_000,
            TimeUnit::Microsecond => 1_000,
            TimeUnit::Nanosecond => 1,
        };
        if scale == 1 && zoned {
            return Ok(Chunk::DateTime(primitives::<TimestampNanosecondType>(array, bad)));
        }
        let counts = arrow_cast(array, &DataType::Int64)?;
        let mut values = Vec::with_capacity(array.len());
        for (row, count) in counts.as_primitive::<Int64Type>().iter().enumerate() {
            let Some(count) = count else {
                values.push(i64::NULL);
                continue;
            };
            let nanos = count.checked_mul(scale).filter(|nanos| !nanos.is_null());
            let nanos = if zoned { nanos } else { nanos.and_then(|nanos| self.date_times.instant_of_local(nanos)) };
            values.push(nanos.unwrap_or_else(|| {
                bad.push(BadValue { row, text: format!("{count} {unit:?}"), refusal: Refusal::OutOfRange });
                i64::NULL
            }));
        }
        Ok(Chunk::DateTime(values))
    }

    fn lists<O: OffsetSizeTrait>(
        &mut self,
        lists: &GenericListArray<O>,
        element: ColumnType,
        bad: &mut Vec<BadValue>,
    ) -> Result<Chunk> {
        let offsets = lists.value_offsets();
        let first = offsets.first().map_or(0, |at| at.as_usize());
        let last = offsets.last().map_or(first, |at| at.as_usize());
        let inner = lists.values().slice(first, last.saturating_sub(first));
        let mut bad_elements = Vec::new();
        let values = self.convert_as(&inner, element, &mut bad_elements)?;
        bad.extend(bad_elements.into_iter().map(|one| {
            let at = one.row + first;
            BadValue { row: offsets.partition_point(|offset| offset.as_usize() <= at).saturating_sub(1), ..one }
        }));
        let mut slices = Vec::with_capacity(lists.len());
        for row in 0..lists.len() {
            let (start, end) = (offsets[row].as_usize() - first, offsets[row + 1].as_usize() - first);
            slices.push(if lists.is_null(row) {
                pilaster::memory::Slice::NULL
            } else {
                pilaster::memory::Slice::of(start..end)
            });
        }
        Ok(Chunk::Array(ArrayChunk { slices, values: Arc::new(values) }))
    }

    fn sets(&mut self, array: &ArrayRef) -> Result<Chunk> {
        let mut chunk = Chunk::with_capacity(ColumnType::StringSet, array.len());
        for set in array.as_list::<i32>().iter() {
            let Some(set) = set else {
                chunk.push_nulls(1);
                continue;
            };
            let text = arrow_cast(&set, &DataType::Utf8)?;
            let texts: Vec<&str> = text.as_string::<i32>().iter().flatten().collect();
            chunk.push(&Value::StringSet(StringSet::new(texts)))?;
        }
        Ok(chunk)
    }

    /// Each value as the text that a file would have, read as the type wanted.
    fn by_text(&mut self, array: &ArrayRef, wanted: ColumnType, bad: &mut Vec<BadValue>) -> Result<Chunk> {
        let options = FormatOptions::new();
        let formatter =
            ArrayFormatter::try_new(array.as_ref(), &options).map_err(|error| unreadable(array, wanted, &error))?;
        let mut chunk = Chunk::with_capacity(wanted, array.len());
        let mut texts: Vec<Option<String>> = Vec::with_capacity(array.len());
        for row in 0..array.len() {
            let text = match array.is_null(row) {
                true => None,
                false => Some(formatter.value(row).try_to_string().map_err(|error| unreadable(array, wanted, &error))?),
            };
            texts.push(text);
        }
        if wanted == ColumnType::String {
            return strings(texts.iter().map(Option::as_deref), self.plain);
        }
        for (row, text) in texts.into_iter().enumerate() {
            let Some(text) = text else {
                chunk.push_nulls(1);
                continue;
            };
            let dated =
                matches!(array.data_type(), DataType::Date32 | DataType::Date64) && wanted == ColumnType::DateTime;
            let read = if dated { format!("{}T00:00:00", text.get(..10).unwrap_or(&text)) } else { text.clone() };
            match parse_text(read.trim().as_bytes(), wanted, &mut self.date_times) {
                Ok(value) => chunk.push(&value)?,
                Err(refusal) => {
                    chunk.push_nulls(1);
                    bad.push(BadValue { row, text, refusal });
                }
            }
        }
        Ok(chunk)
    }
}

/// True for the same memory: what a reader hands out as long as a dictionary does not change.
fn same_values(one: &ArrayRef, other: &ArrayRef) -> bool {
    Arc::ptr_eq(one, other) || one.to_data().ptr_eq(&other.to_data())
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn strings<'a>(texts: impl Iterator<Item = Option<&'a str>>, plain: bool) -> Result<Chunk> {
    if !plain {
        return Chunk::strings(texts);
    }
    let mut strings = StringChunk { codes: Vec::new(), symbols: Arc::new(Symbols::empty()) };
    let mut all = strings.texts()?;
    for text in texts {
        all.push(text)?;
    }
    Ok(Chunk::String(strings))
}

/// The values as they are; those that equal what stands for null in the type are bad.
fn primitives<T: ArrowPrimitiveType>(array: &ArrayRef, bad: &mut Vec<BadValue>) -> Vec<T::Native>
where
    T::Native: Primitive + std::fmt::Display,
{
    let array = array.as_primitive::<T>();
    let mut values: Vec<T::Native> = array.values().to_vec();
    // Counted without a branch first: there are hardly ever any.
    let reserved = values.iter().map(|value| usize::from(value.is_null())).sum::<usize>();
    if reserved > 0 {
        for (row, value) in values.iter().enumerate() {
            if value.is_null() && array.is_valid(row) {
                bad.push(BadValue { row, text: value.to_string(), refusal: Refusal::Reserved });
            }
        }
    }
    null_out(&mut values, array.nulls());
    values
}

/// Puts null where a row has none.
fn null_out<T: Primitive>(values: &mut [T], nulls: Option<&NullBuffer>) {
    let Some(nulls) = nulls.filter(|nulls| nulls.null_count() > 0) else { return };
    for (value, is_valid) in values.iter_mut().zip(nulls.iter()) {
        if !is_valid {
            *value = T::NULL;
        }
    }
}

fn arrow_cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    cast(array, to)
        .map_err(|error| Error::type_mismatch(format!("{} does not become {to}: {error}", array.data_type())))
}

/// A cast that errs where a value does not fit.
fn exact_cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, to, &options)
        .map_err(|error| Error::parse(format!("a value does not become {to}: {error}")))
}

fn unreadable(array: &ArrayRef, wanted: ColumnType, error: &arrow::error::ArrowError) -> Error {
    Error::type_mismatch(format!("values of the type {} do not become {wanted}: {error}", array.data_type()))
}
