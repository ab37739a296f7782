//! Which Arrow type a column type is, and which column type suits an Arrow type.

use arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use pilaster::base::ColumnType;
use std::collections::HashMap;
use std::sync::Arc;

/// The key of a field's metadata that names the column type which its values have.
pub const TYPE_KEY: &str = "pilaster.type";

/// The Arrow field of a column. Strings are dictionaries where `dictionary` says so.
///
/// `char` is its UTF-16 unit as an unsigned integer; `BigDecimal` and `BigInteger`, which have any length and scale, are text; sets are lists of text.
pub fn field(name: &str, column_type: ColumnType, dictionary: bool) -> Field {
    let data_type = match column_type {
        ColumnType::String if dictionary => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
        other => data_type(other),
    };
    let metadata = HashMap::from([(TYPE_KEY.to_string(), column_type.name().to_string())]);
    Field::new(name, data_type, true).with_metadata(metadata)
}

/// The Arrow type of values.
pub fn data_type(column_type: ColumnType) -> DataType {
    match column_type {
        ColumnType::String | ColumnType::BigDecimal | ColumnType::BigInteger => DataType::Utf8,
        ColumnType::Char => DataType::UInt16,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Byte => DataType::Int8,
        ColumnType::Short => DataType::Int16,
        ColumnType::Int => DataType::Int32,
        ColumnType::Long => DataType::Int64,
        ColumnType::Float => DataType::Float32,
        ColumnType::Double => DataType::Float64,
        ColumnType::DateTime => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
        ColumnType::Blob => DataType::Binary,
        ColumnType::StringSet => DataType::List(element(DataType::Utf8)),
        ColumnType::Array(array) => DataType::List(element(data_type(array.element()))),
    }
}

/// The field of the elements of a list.
pub fn element(data_type: DataType) -> Arc<Field> {
    Arc::new(Field::new_list_field(data_type, true))
}

/// The column type that holds the values of a field: what its metadata says, or else the narrowest that loses nothing; none for maps and unions, whose values have none.
///
/// Unsigned integers go to the next wider type (64 bits: `BigInteger`), decimals to `BigDecimal`, dates without a time to `String`, times of day and durations to `long`
/// (nanoseconds), binaries to `Blob`.
pub fn column_type(field: &Field) -> Option<ColumnType> {
    if let Some(named) = field.metadata().get(TYPE_KEY).and_then(|name| name.parse().ok()) {
        return Some(named);
    }
    of_data_type(field.data_type())
}

fn of_data_type(data_type: &DataType) -> Option<ColumnType> {
    Some(match data_type {
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => ColumnType::String,
        DataType::Boolean => ColumnType::Boolean,
        DataType::Int8 => ColumnType::Byte,
        DataType::Int16 | DataType::UInt8 => ColumnType::Short,
        DataType::Int32 | DataType::UInt16 => ColumnType::Int,
        DataType::Int64 | DataType::UInt32 => ColumnType::Long,
        DataType::UInt64 => ColumnType::BigInteger,
        DataType::Float16 | DataType::Float32 => ColumnType::Float,
        DataType::Float64 => ColumnType::Double,
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
            ColumnType::BigDecimal
        }
        DataType::Timestamp(..) => ColumnType::DateTime,
        DataType::Date32 | DataType::Date64 => ColumnType::String,
        DataType::Time32(_) | DataType::Time64(_) | DataType::Duration(_) => ColumnType::Long,
        DataType::Interval(IntervalUnit::YearMonth | IntervalUnit::DayTime | IntervalUnit::MonthDayNano) => {
            ColumnType::String
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            ColumnType::Blob
        }
        DataType::List(inner)
        | DataType::LargeList(inner)
        | DataType::ListView(inner)
        | DataType::LargeListView(inner)
        | DataType::FixedSizeList(inner, _) => column_type(inner)?.array().ok()?,
        DataType::Dictionary(_, values) => of_data_type(values)?,
        DataType::RunEndEncoded(_, values) => of_data_type(values.data_type())?,
        DataType::Struct(_) | DataType::Map(..) | DataType::Union(..) => return None,
    })
}
