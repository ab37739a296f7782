//! A typed run of values: what column sources fill and kernels work on.

use super::array_chunk::ArrayChunk;
use super::object_chunk::ObjectChunk;
use super::symbols::{SymbolCode, SymbolTableBuilder, Symbols, TextAppender};
use crate::base::{ArrayType, Boolean, ColumnType, Error, Primitive, Result, Value};
use std::ops::Range;
use std::sync::Arc;

/// Owned values of one column type, nulls as sentinels.
#[derive(Clone, Debug)]
pub enum Chunk {
    /// Symbol codes with their table.
    String(StringChunk),
    /// UTF-16 code units.
    Char(Vec<u16>),
    /// Truth values.
    Boolean(Vec<Boolean>),
    /// 8-bit integers.
    Byte(Vec<i8>),
    /// 16-bit integers.
    Short(Vec<i16>),
    /// 32-bit integers.
    Int(Vec<i32>),
    /// 64-bit integers.
    Long(Vec<i64>),
    /// 32-bit floats.
    Float(Vec<f32>),
    /// 64-bit floats.
    Double(Vec<f64>),
    /// Nanoseconds since the epoch.
    DateTime(Vec<i64>),
    /// Numbers of any length, sets and bytes.
    Object(ObjectChunk),
    /// Arrays of one element type.
    Array(ArrayChunk),
}

/// Strings as codes into a shared table.
#[derive(Clone, Debug)]
pub struct StringChunk {
    /// One code a value.
    pub codes: Vec<SymbolCode>,
    /// The table that the codes index.
    pub symbols: Arc<Symbols>,
}

impl StringChunk {
    /// The string at a position, none for null.
    pub fn get(&self, index: usize) -> Option<&str> {
        self.symbols.get(self.codes[index])
    }

    /// The strings in order, none for null.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<&str>> + '_ {
        self.codes.iter().map(|&code| self.symbols.get(code))
    }

    /// A way to append strings without looking for equal ones: for text that does not repeat.
    pub fn texts(&mut self) -> Result<TextAppender<'_>> {
        TextAppender::new(&mut self.codes, &mut self.symbols)
    }

    /// Appends values of another chunk. Of an equal table it copies codes; strings of other distinct tables are looked for in this one's
    /// and added to it; those of others are added as they are.
    fn append(&mut self, other: &StringChunk, range: Range<usize>) -> Result<()> {
        if Arc::ptr_eq(&self.symbols, &other.symbols) {
            self.codes.extend_from_slice(&other.codes[range]);
            return Ok(());
        }
        if self.codes.iter().all(|code| code.is_null()) {
            self.symbols = other.symbols.clone();
            self.codes.extend_from_slice(&other.codes[range]);
            return Ok(());
        }
        let strings = other.codes[range].iter().map(|&code| other.symbols.get(code));
        if !self.symbols.is_distinct() || !other.symbols.is_distinct() {
            let mut texts = self.texts()?;
            for text in strings {
                texts.push(text)?;
            }
            return Ok(());
        }
        // A table that nobody shares goes on where it is, one that is shared is copied once.
        let mut builder = match Arc::get_mut(&mut self.symbols) {
            Some(own) => SymbolTableBuilder::reusing(std::mem::replace(own, Symbols::empty())),
            None => SymbolTableBuilder::continuing(&self.symbols),
        };
        let codes = &mut self.codes;
        let result = strings.into_iter().try_for_each(|text| {
            codes.push(builder.intern_option(text)?);
            Ok(())
        });
        self.symbols = Arc::new(builder.finish());
        result
    }
}

/// Runs an expression with `$values` bound to the vector of a chunk, whatever its type; for strings to the codes, for values of variable
/// width to their slices: what compares or hashes values uses [`with_fixed_values!`](crate::with_fixed_values).
#[macro_export]
macro_rules! with_values {
    ($chunk:expr, $values:ident => $body:expr) => {
        match $chunk {
            $crate::memory::Chunk::String($crate::memory::StringChunk { codes: $values, .. }) => $body,
            $crate::memory::Chunk::Char($values) => $body,
            $crate::memory::Chunk::Boolean($values) => $body,
            $crate::memory::Chunk::Byte($values) => $body,
            $crate::memory::Chunk::Short($values) => $body,
            $crate::memory::Chunk::Int($values) => $body,
            $crate::memory::Chunk::Long($values) => $body,
            $crate::memory::Chunk::Float($values) => $body,
            $crate::memory::Chunk::Double($values) => $body,
            $crate::memory::Chunk::DateTime($values) => $body,
            $crate::memory::Chunk::Object($crate::memory::ObjectChunk { slices: $values, .. }) => $body,
            $crate::memory::Chunk::Array($crate::memory::ArrayChunk { slices: $values, .. }) => $body,
        }
    };
}

/// Runs an expression with `$values` bound to the vector of a chunk of fixed width, for strings to the codes; `else` runs for the others.
#[macro_export]
macro_rules! with_fixed_values {
    ($chunk:expr, $values:ident => $body:expr, else $other:expr) => {
        match $chunk {
            $crate::memory::Chunk::String($crate::memory::StringChunk { codes: $values, .. }) => $body,
            $crate::memory::Chunk::Char($values) => $body,
            $crate::memory::Chunk::Boolean($values) => $body,
            $crate::memory::Chunk::Byte($values) => $body,
            $crate::memory::Chunk::Short($values) => $body,
            $crate::memory::Chunk::Int($values) => $body,
            $crate::memory::Chunk::Long($values) => $body,
            $crate::memory::Chunk::Float($values) => $body,
            $crate::memory::Chunk::Double($values) => $body,
            $crate::memory::Chunk::DateTime($values) => $body,
            $crate::memory::Chunk::Object(_) | $crate::memory::Chunk::Array(_) => $other,
        }
    };
}

/// Runs an expression with two chunks of the same type bound to their vectors; `else` runs when the types differ.
#[macro_export]
macro_rules! with_both_values {
    ($left:expr, $right:expr, $a:ident, $b:ident => $body:expr, else $other:expr) => {{
        use $crate::memory::{Chunk, StringChunk};
        match ($left, $right) {
            (Chunk::String(StringChunk { codes: $a, .. }), Chunk::String(StringChunk { codes: $b, .. })) => $body,
            (Chunk::Char($a), Chunk::Char($b)) => $body,
            (Chunk::Boolean($a), Chunk::Boolean($b)) => $body,
            (Chunk::Byte($a), Chunk::Byte($b)) => $body,
            (Chunk::Short($a), Chunk::Short($b)) => $body,
            (Chunk::Int($a), Chunk::Int($b)) => $body,
            (Chunk::Long($a), Chunk::Long($b)) => $body,
            (Chunk::Float($a), Chunk::Float($b)) => $body,
            (Chunk::Double($a), Chunk::Double($b)) => $body,
            (Chunk::DateTime($a), Chunk::DateTime($b)) => $body,
            _ => $other,
        }
    }};
}

/// A chunk of the same type with the vector that an expression makes of the values; symbols, bytes and elements are shared.
macro_rules! picked {
    ($chunk:expr, $values:ident => $body:expr) => {
        match $chunk {
            Chunk::String(StringChunk { codes: $values, symbols }) => {
                Chunk::String(StringChunk { codes: $body, symbols: symbols.clone() })
            }
            Chunk::Char($values) => Chunk::Char($body),
            Chunk::Boolean($values) => Chunk::Boolean($body),
            Chunk::Byte($values) => Chunk::Byte($body),
            Chunk::Short($values) => Chunk::Short($body),
            Chunk::Int($values) => Chunk::Int($body),
            Chunk::Long($values) => Chunk::Long($body),
            Chunk::Float($values) => Chunk::Float($body),
            Chunk::Double($values) => Chunk::Double($body),
            Chunk::DateTime($values) => Chunk::DateTime($body),
            Chunk::Object(ObjectChunk { object_type, slices: $values, bytes }) => {
                Chunk::Object(ObjectChunk { object_type: *object_type, slices: $body, bytes: bytes.clone() })
            }
            Chunk::Array(ArrayChunk { slices: $values, values }) => {
                let child = values.clone();
                Chunk::Array(ArrayChunk { slices: $body, values: child })
            }
        }
    };
}

impl Chunk {
    /// A chunk without values.
    pub fn new(column_type: ColumnType) -> Self {
        Self::with_capacity(column_type, 0)
    }

    /// A chunk without values and room for `capacity`.
    pub fn with_capacity(column_type: ColumnType, capacity: usize) -> Self {
        match column_type {
            ColumnType::String => {
                Chunk::String(StringChunk { codes: Vec::with_capacity(capacity), symbols: Arc::new(Symbols::empty()) })
            }
            ColumnType::Char => Chunk::Char(Vec::with_capacity(capacity)),
            ColumnType::Boolean => Chunk::Boolean(Vec::with_capacity(capacity)),
            ColumnType::Byte => Chunk::Byte(Vec::with_capacity(capacity)),
            ColumnType::Short => Chunk::Short(Vec::with_capacity(capacity)),
            ColumnType::Int => Chunk::Int(Vec::with_capacity(capacity)),
            ColumnType::Long => Chunk::Long(Vec::with_capacity(capacity)),
            ColumnType::Float => Chunk::Float(Vec::with_capacity(capacity)),
            ColumnType::Double => Chunk::Double(Vec::with_capacity(capacity)),
            ColumnType::DateTime => Chunk::DateTime(Vec::with_capacity(capacity)),
            ColumnType::BigDecimal | ColumnType::BigInteger | ColumnType::StringSet | ColumnType::Blob => {
                Chunk::Object(ObjectChunk::new(column_type, capacity))
            }
            ColumnType::Array(array) => Chunk::Array(ArrayChunk::new(array.element(), capacity)),
        }
    }

    /// A chunk of `count` nulls.
    pub fn nulls(column_type: ColumnType, count: usize) -> Self {
        let mut chunk = Self::with_capacity(column_type, count);
        chunk.push_nulls(count);
        chunk
    }

    /// A chunk of strings, deduplicated.
    pub fn strings<'a>(texts: impl IntoIterator<Item = Option<&'a str>>) -> Result<Self> {
        let mut builder = SymbolTableBuilder::new();
        let codes = texts.into_iter().map(|text| builder.intern_option(text)).collect::<Result<_>>()?;
        Ok(Chunk::String(StringChunk { codes, symbols: Arc::new(builder.finish()) }))
    }

    /// A chunk of one type from values, which must be of that type or null.
    pub fn from_values(column_type: ColumnType, values: &[Value]) -> Result<Self> {
        if column_type == ColumnType::String {
            if let Some(odd) = values.iter().find(|v| v.column_type().is_some_and(|t| t != column_type)) {
                return Err(Error::type_mismatch(format!("{odd:?} is not a String")));
            }
            return Self::strings(values.iter().map(Value::as_str));
        }
        let mut chunk = Self::with_capacity(column_type, values.len());
        for value in values {
            chunk.push(value)?;
        }
        Ok(chunk)
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        with_values!(self, values => values.len())
    }

    /// True without values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type of the values.
    pub fn column_type(&self) -> ColumnType {
        match self {
            Chunk::String(_) => ColumnType::String,
            Chunk::Char(_) => ColumnType::Char,
            Chunk::Boolean(_) => ColumnType::Boolean,
            Chunk::Byte(_) => ColumnType::Byte,
            Chunk::Short(_) => ColumnType::Short,
            Chunk::Int(_) => ColumnType::Int,
            Chunk::Long(_) => ColumnType::Long,
            Chunk::Float(_) => ColumnType::Float,
            Chunk::Double(_) => ColumnType::Double,
            Chunk::DateTime(_) => ColumnType::DateTime,
            Chunk::Object(objects) => objects.object_type,
            // Elements nest no deeper than arrays of them may: `ArrayChunk` says so.
            Chunk::Array(arrays) => ArrayType::of(arrays.element()).map_or(arrays.element(), ColumnType::Array),
        }
    }

    /// Forgets the values, keeps the memory and, for strings, the table.
    pub fn clear(&mut self) {
        match self {
            Chunk::Object(objects) => objects.clear(),
            Chunk::Array(arrays) => arrays.clear(),
            other => with_values!(other, values => values.clear()),
        }
    }

    /// Keeps the first `count` values.
    pub fn truncate(&mut self, count: usize) {
        with_values!(self, values => values.truncate(count));
    }

    /// Appends nulls.
    pub fn push_nulls(&mut self, count: usize) {
        fn nulls<T: Primitive>(values: &mut Vec<T>, count: usize) {
            values.resize(values.len() + count, T::NULL);
        }
        with_values!(self, values => nulls(values, count));
    }

    /// Appends one value of the chunk's type, or null. For single cells: strings cost O(table) when new.
    pub fn push(&mut self, value: &Value) -> Result<()> {
        match (&mut *self, value) {
            (_, Value::Null) => self.push_nulls(1),
            (Chunk::String(strings), Value::String(text)) if !strings.symbols.is_distinct() => {
                strings.texts()?.push(Some(text))?;
            }
            (Chunk::String(strings), Value::String(text)) => {
                let code = match strings.symbols.find(text) {
                    Some(code) => code,
                    None => {
                        let mut builder = SymbolTableBuilder::continuing(&strings.symbols);
                        let code = builder.intern(text)?;
                        strings.symbols = Arc::new(builder.finish());
                        code
                    }
                };
                strings.codes.push(code);
            }
            (Chunk::Char(values), Value::Char(v)) => values.push(*v),
            (Chunk::Boolean(values), Value::Boolean(v)) => values.push(Boolean::from(*v)),
            (Chunk::Byte(values), Value::Byte(v)) => values.push(*v),
            (Chunk::Short(values), Value::Short(v)) => values.push(*v),
            (Chunk::Int(values), Value::Int(v)) => values.push(*v),
            (Chunk::Long(values), Value::Long(v)) => values.push(*v),
            (Chunk::Float(values), Value::Float(v)) => values.push(*v),
            (Chunk::Double(values), Value::Double(v)) => values.push(*v),
            (Chunk::DateTime(values), Value::DateTime(v)) => values.push(*v),
            (Chunk::Object(objects), value) if value.column_type() == Some(objects.object_type) => {
                objects.push(value)?
            }
            (Chunk::Array(arrays), Value::Array { element, values }) if *element == arrays.element() => {
                arrays.push(values)?;
            }
            (chunk, value) => {
                return Err(Error::type_mismatch(format!("{value:?} is not of type {}", chunk.column_type())));
            }
        }
        Ok(())
    }

    /// The value at a position; panics beyond the end, as a slice does. Null where the bytes of a number or set are damaged: storage checks
    /// them before they get here.
    pub fn value(&self, index: usize) -> Value {
        fn of<T: Primitive>(value: T, wrap: impl FnOnce(T) -> Value) -> Value {
            if value.is_null() { Value::Null } else { wrap(value) }
        }
        match self {
            Chunk::String(strings) => strings.get(index).map_or(Value::Null, Value::string),
            Chunk::Char(values) => of(values[index], Value::Char),
            Chunk::Boolean(values) => values[index].get().map_or(Value::Null, Value::Boolean),
            Chunk::Byte(values) => of(values[index], Value::Byte),
            Chunk::Short(values) => of(values[index], Value::Short),
            Chunk::Int(values) => of(values[index], Value::Int),
            Chunk::Long(values) => of(values[index], Value::Long),
            Chunk::Float(values) => of(values[index], Value::Float),
            Chunk::Double(values) => of(values[index], Value::Double),
            Chunk::DateTime(values) => of(values[index], Value::DateTime),
            Chunk::Object(objects) => objects.decode(index).unwrap_or(Value::Null),
            Chunk::Array(arrays) => arrays.value(index),
        }
    }

    /// True where the value at a position is null.
    pub fn is_null(&self, index: usize) -> bool {
        with_values!(self, values => values[index].is_null())
    }

    /// Appends a range of another chunk of the same type.
    ///
    /// Strings of another table are added to this one's: O(symbols) at the first call, O(values) at the next ones as long as nobody shares
    /// the table. Elements of arrays and bytes of objects are shared where this chunk is empty, else copied as far as values need them.
    pub fn append(&mut self, other: &Chunk, range: Range<usize>) -> Result<()> {
        let (mine, its) = (self.column_type(), other.column_type());
        match (&mut *self, other) {
            (Chunk::String(into), Chunk::String(from)) => return into.append(from, range),
            (Chunk::Object(into), Chunk::Object(from)) => return into.append(from, range),
            (Chunk::Array(into), Chunk::Array(from)) => return into.append(from, range),
            _ => {}
        }
        with_both_values!(self, other, a, b => { a.extend_from_slice(&b[range]); Ok(()) }, else {
            Err(Error::type_mismatch(format!("values of type {its} do not go into a chunk of type {mine}")))
        })
    }

    /// The values at positions, in their order, repeats allowed; null where there is no such position.
    pub fn take_or_null(&self, positions: &[usize]) -> Chunk {
        picked!(self, values => positions.iter().map(|&at| values.get(at).copied().unwrap_or(Primitive::NULL)).collect())
    }

    /// The values at positions, in their order, repeats allowed; panics beyond the end.
    pub fn take(&self, positions: &[u32]) -> Chunk {
        picked!(self, values => positions.iter().map(|&at| values[at as usize]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::StringSet;

    #[test]
    fn values_go_in_and_come_out() {
        let array = |element: ColumnType| element.array().unwrap();
        let ints = Value::array(ColumnType::Int, [Value::Int(1), Value::Null]);
        for (column_type, value) in [
            (ColumnType::String, Value::string("é")),
            (ColumnType::Char, Value::Char(65)),
            (ColumnType::Boolean, Value::Boolean(true)),
            (ColumnType::Byte, Value::Byte(1)),
            (ColumnType::Short, Value::Short(2)),
            (ColumnType::Int, Value::Int(3)),
            (ColumnType::Long, Value::Long(4)),
            (ColumnType::Float, Value::Float(0.5)),
            (ColumnType::Double, Value::Double(-0.0)),
            (ColumnType::DateTime, Value::DateTime(6)),
            (ColumnType::BigInteger, Value::big_integer(7)),
            (ColumnType::BigDecimal, Value::big_decimal("1.50".parse().unwrap())),
            (ColumnType::StringSet, Value::StringSet(StringSet::new(["b", "a"]))),
            (ColumnType::Blob, Value::Blob(Arc::from([1, 2]))),
            (array(ColumnType::Int), ints.clone()),
            (array(ColumnType::String), Value::array(ColumnType::String, [Value::Null, Value::string("x")])),
            (array(ColumnType::BigInteger), Value::array(ColumnType::BigInteger, [Value::big_integer(-1)])),
            (array(array(ColumnType::Int)), Value::array(array(ColumnType::Int), [ints.clone(), Value::Null])),
        ] {
            let values = [value.clone(), Value::Null, value.clone()];
            let chunk = Chunk::from_values(column_type, &values).unwrap();
            assert_eq!(chunk.column_type(), column_type);
            assert_eq!((0..3).map(|at| chunk.value(at)).collect::<Vec<_>>(), values);
            assert_eq!(chunk.take(&[2, 1, 1]).len(), 3);
            assert!(chunk.is_null(1) && !chunk.is_null(0));
            let mut twice = chunk.clone();
            twice.append(&chunk, 1..3).unwrap();
            assert_eq!(twice.value(4), value);
            assert_eq!(Chunk::nulls(column_type, 2).value(1), Value::Null);
        }
        for column_type in ColumnType::all() {
            assert_eq!(Chunk::new(column_type).column_type(), column_type);
        }
        assert!(Chunk::new(ColumnType::Int).push(&Value::Long(1)).is_err());
        assert!(Chunk::new(ColumnType::Int).append(&Chunk::nulls(ColumnType::Long, 1), 0..1).is_err());
    }

    #[test]
    fn strings_of_other_tables_keep_their_text() {
        let mut chunk = Chunk::strings([Some("a"), None, Some("b")]).unwrap();
        chunk.append(&Chunk::strings([Some("c"), Some("b")]).unwrap(), 0..2).unwrap();
        chunk.push(&Value::string("d")).unwrap();
        let Chunk::String(strings) = &chunk else { unreachable!() };
        assert_eq!(strings.iter().collect::<Vec<_>>(), [Some("a"), None, Some("b"), Some("c"), Some("b"), Some("d")]);
        assert_eq!(strings.codes[2], strings.codes[4]);
    }

    #[test]
    fn texts_are_appended_without_a_look_at_others() {
        let texts = |values: &[Option<&str>]| {
            let mut chunk = Chunk::new(ColumnType::String);
            let Chunk::String(strings) = &mut chunk else { unreachable!() };
            let mut appender = strings.texts().unwrap();
            values.iter().for_each(|text| appender.push(*text).unwrap());
            chunk
        };
        let read = |chunk: &Chunk| {
            let Chunk::String(strings) = chunk else { unreachable!() };
            strings.iter().map(|text| text.map(str::to_string)).collect::<Vec<_>>()
        };
        let some = |texts: &[&str]| texts.iter().map(|text| Some(text.to_string())).collect::<Vec<_>>();
        let first = texts(&[Some("a"), None, Some(""), Some("a")]);
        let Chunk::String(strings) = &first else { unreachable!() };
        assert!(!strings.symbols.is_distinct() && strings.codes[0] != strings.codes[3] && strings.codes[1].is_null());
        // Onto texts, onto a table, of a table; a clone that shares the table keeps its rows.
        let mut onto = texts(&[Some("x")]);
        let shared = onto.clone();
        onto.append(&first, 1..4).unwrap();
        onto.append(&Chunk::strings([Some("x")]).unwrap(), 0..1).unwrap();
        onto.push(&Value::string("x")).unwrap();
        assert_eq!(read(&onto), [&some(&["x"])[..], &[None], &some(&["", "a", "x", "x"])].concat());
        assert_eq!(read(&shared), some(&["x"]));
        let mut table = Chunk::strings([Some("a"), Some("b")]).unwrap().take(&[1, 0]);
        table.append(&first, 0..1).unwrap();
        assert_eq!(read(&table), some(&["b", "a", "a"]));
        let Chunk::String(strings) = &table else { unreachable!() };
        assert!(!strings.symbols.is_distinct(), "equal strings have different codes");
        table.clear();
        table.append(&first, 2..3).unwrap();
        assert_eq!(read(&table), some(&[""]));
    }
}
