//! Columns whose Arrow type differs between files: finds the type that holds both, and converts the values.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::types::{Float64Type, Int64Type, UInt64Type};
use arrow::array::{Array, ArrayRef, LargeListArray, ListArray, StructArray, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};
use arrow::error::ArrowError;

use crate::row::{EXTENSION_METADATA, EXTENSION_NAME, PARQUET_INTERVAL};

/// The column that holds all values of both; `None` if they cannot be one column.
pub(in crate::read) fn joined_field(one: &FieldRef, other: &FieldRef) -> Option<FieldRef> {
    let is_nullable = one.is_nullable() || other.is_nullable();
    let data_type = joined(one.data_type(), other.data_type())?;
    // If one column is all nulls, the other gives the type.
    let (kind, also) = if *one.data_type() == DataType::Null { (other, one) } else { (one, other) };
    let mut metadata = kind.metadata().clone();
    if *also.data_type() != DataType::Null {
        let differs = |key: &str| metadata.get(key) != also.metadata().get(key);
        if differs(PARQUET_INTERVAL) {
            return None;
        }
        if differs(EXTENSION_NAME) {
            metadata.retain(|key, _| key != EXTENSION_NAME && key != EXTENSION_METADATA);
        }
    }
    let field = kind.as_ref().clone().with_data_type(data_type).with_nullable(is_nullable);
    Some(Arc::new(field.with_metadata(metadata)))
}

/// The narrowest type that holds all values of both.
///
/// 64-bit integers and floats become floats, as pandas writes a column that has nulls in one file and none in another; an
/// integer that a float would round is reported when it is read.
fn joined(one: &DataType, other: &DataType) -> Option<DataType> {
    use DataType::{
        Binary, BinaryView, Date32, Date64, Dictionary, Duration, LargeBinary, LargeList, LargeUtf8, List,
        Null, Struct, Time32, Time64, Timestamp, Utf8, Utf8View,
    };
    Some(match (one, other) {
        _ if one == other => one.clone(),
        (Null, some) | (some, Null) => some.clone(),
        (Dictionary(_, value), other) | (other, Dictionary(_, value)) => joined(value, other)?,
        (LargeUtf8, Utf8 | Utf8View) | (Utf8 | Utf8View, LargeUtf8) => LargeUtf8,
        (Utf8, Utf8View) | (Utf8View, Utf8) => Utf8,
        (LargeBinary, Binary | BinaryView) | (Binary | BinaryView, LargeBinary) => LargeBinary,
        (Binary, BinaryView) | (BinaryView, Binary) => Binary,
        (Date32, Date64) | (Date64, Date32) => Date64,
        (Timestamp(one, zone), Timestamp(other, same)) if zone == same => {
            Timestamp(finer(*one, *other), zone.clone())
        }
        (Duration(one), Duration(other)) => Duration(finer(*one, *other)),
        (Time32(one) | Time64(one), Time32(other) | Time64(other)) => match finer(*one, *other) {
            unit @ (TimeUnit::Second | TimeUnit::Millisecond) => Time32(unit),
            unit => Time64(unit),
        },
        (List(one), List(other)) => List(joined_field(one, other)?),
        (LargeList(one), LargeList(other)) => LargeList(joined_field(one, other)?),
        (Struct(one), Struct(other)) => Struct(joined_fields(one, other)?),
        _ if one.is_decimal() || other.is_decimal() => wider_decimal(one, other)?,
        _ => wider_number(one, other).or_else(|| wider_decimal(one, other))?,
    })
}

/// A short name for a type, without the fields of a struct.
pub(in crate::read) fn shown(data_type: &DataType) -> String {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            format!("List({})", shown(item.data_type()))
        }
        DataType::Dictionary(_, value) => format!("Dictionary({})", shown(value)),
        DataType::Struct(_) => "Struct".to_owned(),
        DataType::Map(..) => "Map".to_owned(),
        other => other.to_string(),
    }
}

fn joined_fields(one: &Fields, other: &Fields) -> Option<Fields> {
    let of = |fields: &Fields, name: &str| fields.iter().find(|field| field.name() == name).cloned();
    let nullable = |field: &FieldRef| Arc::new(field.as_ref().clone().with_nullable(true));
    let both = one.iter().map(|field| match of(other, field.name()) {
        Some(also) => joined_field(field, &also),
        None => Some(nullable(field)),
    });
    let further =
        other.iter().filter(|field| of(one, field.name()).is_none()).map(|field| Some(nullable(field)));
    both.chain(further).collect()
}

fn finer(one: TimeUnit, other: TimeUnit) -> TimeUnit {
    let rank = |unit: &TimeUnit| match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 1,
        TimeUnit::Microsecond => 2,
        TimeUnit::Nanosecond => 3,
    };
    if rank(&one) >= rank(&other) { one } else { other }
}

fn wider_decimal(one: &DataType, other: &DataType) -> Option<DataType> {
    let digits = |data_type: &DataType| match data_type {
        DataType::Decimal32(digits, places)
        | DataType::Decimal64(digits, places)
        | DataType::Decimal128(digits, places)
        | DataType::Decimal256(digits, places) => Some((i16::from(*digits), i16::from(*places))),
        DataType::Int8 | DataType::UInt8 => Some((3, 0)),
        DataType::Int16 | DataType::UInt16 => Some((5, 0)),
        DataType::Int32 | DataType::UInt32 => Some((10, 0)),
        DataType::Int64 => Some((19, 0)),
        DataType::UInt64 => Some((20, 0)),
        _ => None,
    };
    let ((one, one_places), (other, other_places)) = (digits(one)?, digits(other)?);
    let places = one_places.max(other_places);
    let all = u8::try_from((one - one_places).max(other - other_places) + places).ok()?;
    let places = i8::try_from(places).ok()?;
    match all {
        ..=38 => Some(DataType::Decimal128(all, places)),
        39..=76 => Some(DataType::Decimal256(all, places)),
        _ => None,
    }
}

fn wider_number(one: &DataType, other: &DataType) -> Option<DataType> {
    let whole = |data_type: &DataType| {
        Some(match data_type {
            DataType::Int8 => (8, true),
            DataType::Int16 => (16, true),
            DataType::Int32 => (32, true),
            DataType::Int64 => (64, true),
            DataType::UInt8 => (8, false),
            DataType::UInt16 => (16, false),
            DataType::UInt32 => (32, false),
            DataType::UInt64 => (64, false),
            _ => return None,
        })
    };
    match (whole(one), whole(other)) {
        (Some((one, true)), Some((other, false))) | (Some((other, false)), Some((one, true))) => {
            of_bits(one.max(other * 2), true)
        }
        (Some((one, signed)), Some((other, _))) => of_bits(one.max(other), signed),
        (Some(_), None) if other.is_floating() => Some(DataType::Float64),
        (None, Some(_)) if one.is_floating() => Some(DataType::Float64),
        (None, None) if one.is_floating() && other.is_floating() => match (one, other) {
            (DataType::Float64, _) | (_, DataType::Float64) => Some(DataType::Float64),
            _ => Some(DataType::Float32),
        },
        _ => None,
    }
}

fn of_bits(bits: u8, signed: bool) -> Option<DataType> {
    Some(match (bits, signed) {
        (8, true) => DataType::Int8,
        (16, true) => DataType::Int16,
        (32, true) => DataType::Int32,
        (64, true) => DataType::Int64,
        (8, false) => DataType::UInt8,
        (16, false) => DataType::UInt16,
        (32, false) => DataType::UInt32,
        (64, false) => DataType::UInt64,
        _ => return None,
    })
}

/// The values of a column in the common type.
///
/// # Errors
///
/// A value would change: an integer that a float rounds, or a moment out of range.
pub(super) fn brought(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    match (array.data_type(), to) {
        (from, to) if from == to => Ok(array.clone()),
        (DataType::Struct(_), DataType::Struct(fields)) => brought_fields(array.as_struct(), fields),
        (DataType::List(_), DataType::List(field)) => {
            let (_, offsets, values, nulls) = array.as_list::<i32>().clone().into_parts();
            let values = brought(&values, field.data_type())?;
            Ok(Arc::new(ListArray::try_new(field.clone(), offsets, values, nulls)?))
        }
        (DataType::LargeList(_), DataType::LargeList(field)) => {
            let (_, offsets, values, nulls) = array.as_list::<i64>().clone().into_parts();
            let values = brought(&values, field.data_type())?;
            Ok(Arc::new(LargeListArray::try_new(field.clone(), offsets, values, nulls)?))
        }
        (from, to) => {
            let cast = cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() })?;
            let is_rounded = match (from, to) {
                (DataType::Int64, DataType::Float64) => {
                    let exact = |(whole, float): (Option<i64>, Option<f64>)| {
                        whole.zip(float).is_none_or(|(whole, float)| float as i128 == i128::from(whole))
                    };
                    !array
                        .as_primitive::<Int64Type>()
                        .iter()
                        .zip(cast.as_primitive::<Float64Type>())
                        .all(exact)
                }
                (DataType::UInt64, DataType::Float64) => {
                    let exact = |(whole, float): (Option<u64>, Option<f64>)| {
                        whole.zip(float).is_none_or(|(whole, float)| float as i128 == i128::from(whole))
                    };
                    !array
                        .as_primitive::<UInt64Type>()
                        .iter()
                        .zip(cast.as_primitive::<Float64Type>())
                        .all(exact)
                }
                _ => false,
            };
            match is_rounded {
                true => Err(ArrowError::CastError("a whole number has more digits than a float".to_owned())),
                false => Ok(cast),
            }
        }
    }
}

fn brought_fields(array: &StructArray, fields: &Fields) -> Result<ArrayRef, ArrowError> {
    let column = |field: &Arc<Field>| match array.column_by_name(field.name()) {
        Some(values) => brought(values, field.data_type()),
        None => Ok(new_null_array(field.data_type(), array.len())),
    };
    let columns = fields.iter().map(column).collect::<Result<Vec<_>, _>>()?;
    let rows =
        StructArray::try_new_with_length(fields.clone(), columns, array.nulls().cloned(), array.len())?;
    Ok(Arc::new(rows))
}

#[cfg(test)]
mod tests;
