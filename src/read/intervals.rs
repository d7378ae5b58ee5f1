//! INTERVAL columns of Parquet. The Arrow reader returns either their months or their days and milliseconds, so they are
//! read twice, and joined into the bytes of the file.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::types::{IntervalDayTimeType, IntervalYearMonthType};
use arrow::array::{ArrayRef, FixedSizeBinaryArray};
use arrow::datatypes::{DataType, Field, FieldRef, IntervalUnit, Schema, SchemaRef};
use arrow::error::ArrowError;

use crate::row::PARQUET_INTERVAL;

const BYTES: i32 = 12;

/// Whether a column is an INTERVAL.
pub(super) fn is_interval(field: &Field) -> bool {
    matches!(field.data_type(), DataType::Interval(_))
}

/// Whether a column has a nested INTERVAL, whose months are not read.
pub(super) fn hides_interval(field: &Field) -> bool {
    match field.data_type() {
        DataType::List(inner) | DataType::LargeList(inner) | DataType::FixedSizeList(inner, _) => {
            is_interval(inner) || hides_interval(inner)
        }
        DataType::Map(entries, _) => hides_interval(entries),
        DataType::Struct(fields) => fields.iter().any(|field| is_interval(field) || hides_interval(field)),
        _ => false,
    }
}

/// The file's columns, with each INTERVAL read in this unit.
pub(super) fn in_unit(schema: &Schema, unit: IntervalUnit) -> SchemaRef {
    let field = |field: &FieldRef| match is_interval(field) {
        true => Arc::new(field.as_ref().clone().with_data_type(DataType::Interval(unit))),
        false => field.clone(),
    };
    let fields: Vec<FieldRef> = schema.fields().iter().map(field).collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// The field of the joined column.
pub(super) fn joined_field(field: &Field) -> FieldRef {
    let metadata = HashMap::from([(PARQUET_INTERVAL.to_owned(), "months, days, milliseconds".to_owned())]);
    let joined = Field::new(field.name(), DataType::FixedSizeBinary(BYTES), field.is_nullable());
    Arc::new(joined.with_metadata(metadata))
}

/// The joined column.
pub(super) fn joined(months: &ArrayRef, days: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let mismatch = || ArrowError::ParquetError("an INTERVAL column was read as something else".to_owned());
    let months = months.as_primitive_opt::<IntervalYearMonthType>().ok_or_else(mismatch)?;
    let days = days.as_primitive_opt::<IntervalDayTimeType>().ok_or_else(mismatch)?;
    if months.len() != days.len() {
        return Err(mismatch());
    }
    let bytes = months.iter().zip(days.iter()).map(|pair| match pair {
        (Some(months), Some(rest)) => {
            Some([months.to_le_bytes(), rest.days.to_le_bytes(), rest.milliseconds.to_le_bytes()].concat())
        }
        _ => None,
    });
    Ok(Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes, BYTES)?))
}

/// An interval in ISO 8601: `P1Y2M3DT4H5M6.007S`.
pub(super) fn text(bytes: &[u8]) -> String {
    let part = |nth: usize| {
        let bytes = bytes.get(nth * 4..nth * 4 + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_le_bytes)
    };
    let (months, days, millis) = (part(0), part(1), part(2));
    let add = |text: &mut String, number: u32, unit: char| {
        if number > 0 {
            text.push_str(&number.to_string());
            text.push(unit);
        }
    };
    let mut text = String::from("P");
    add(&mut text, months / 12, 'Y');
    add(&mut text, months % 12, 'M');
    add(&mut text, days, 'D');
    if millis > 0 {
        text.push('T');
    }
    add(&mut text, millis / 3_600_000, 'H');
    add(&mut text, millis / 60_000 % 60, 'M');
    match (millis / 1000 % 60, millis % 1000) {
        (seconds, 0) => add(&mut text, seconds, 'S'),
        (seconds, within) => text.push_str(&format!("{seconds}.{within:03}S")),
    }
    if text == "P" { "PT0S".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_written_with_all_its_parts() {
        let of = |months: u32, days: u32, millis: u32| {
            text(&[months.to_le_bytes(), days.to_le_bytes(), millis.to_le_bytes()].concat())
        };
        assert_eq!(of(14, 3, 14_706_007), "P1Y2M3DT4H5M6.007S");
        assert_eq!(of(1, 0, 0), "P1M");
        assert_eq!(of(0, 0, 60_000), "PT1M");
        assert_eq!(of(0, 0, 0), "PT0S");
    }
}
