//! The pending values of a column that is not yet in Arrow form.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, UInt64Builder};
use arrow::datatypes::DataType;
use serde_json::Value;

use crate::row::JsonKind;
use crate::write::answer::{AnswerKind, AnswerValue};
use crate::write::cells::Cell;

/// The approximate bytes of a value besides its text.
const VALUE_BYTES: usize = 8;

/// Collects a column's values.
pub(super) enum ColumnBuilder {
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Unsigned(UInt64Builder),
    Number(Float64Builder),
    Text(StringBuilder),
    /// The JSON text of every value, including strings.
    Json(StringBuilder),
}

impl ColumnBuilder {
    pub(super) fn of_text() -> Self {
        Self::Text(StringBuilder::new())
    }

    pub(super) fn of_json(kind: JsonKind) -> Self {
        match kind {
            JsonKind::Bool => Self::Boolean(BooleanBuilder::new()),
            JsonKind::Natural | JsonKind::Integer | JsonKind::LongNatural | JsonKind::Long => {
                Self::Integer(Int64Builder::new())
            }
            JsonKind::Unsigned => Self::Unsigned(UInt64Builder::new()),
            JsonKind::Number => Self::Number(Float64Builder::new()),
            // A column of only nulls needs some type, and text can become anything later.
            JsonKind::Text | JsonKind::Null => Self::of_text(),
            JsonKind::Mixed => Self::Json(StringBuilder::new()),
        }
    }

    pub(super) fn of_answer(kind: AnswerKind) -> Self {
        match kind {
            AnswerKind::Text => Self::of_text(),
            AnswerKind::Integer => Self::Integer(Int64Builder::new()),
            AnswerKind::Number => Self::Number(Float64Builder::new()),
            AnswerKind::Boolean => Self::Boolean(BooleanBuilder::new()),
            AnswerKind::Json => Self::Json(StringBuilder::new()),
        }
    }

    pub(super) fn data_type(&self) -> DataType {
        match self {
            Self::Boolean(_) => DataType::Boolean,
            Self::Integer(_) => DataType::Int64,
            Self::Unsigned(_) => DataType::UInt64,
            Self::Number(_) => DataType::Float64,
            Self::Text(_) | Self::Json(_) => DataType::Utf8,
        }
    }

    /// Adds an input cell, and returns its approximate bytes; `None` for a value that does not fit the column, which is not
    /// added.
    pub(super) fn push_cell(&mut self, cell: Cell<'_>) -> Option<usize> {
        if matches!(cell, Cell::Null) {
            self.push_null();
            return Some(VALUE_BYTES);
        }
        match self {
            Self::Boolean(builder) => builder.append_value(cell.parse(Value::as_bool)?),
            Self::Integer(builder) => builder.append_value(cell.parse(Value::as_i64)?),
            Self::Unsigned(builder) => builder.append_value(cell.parse(Value::as_u64)?),
            Self::Number(builder) => builder.append_value(cell.parse(Value::as_f64)?),
            Self::Text(builder) => {
                let text = cell.text().ok()?;
                builder.append_value(&text);
                return Some(text.len() + VALUE_BYTES);
            }
            Self::Json(builder) => {
                let json = cell.json();
                builder.append_value(&json);
                return Some(json.len() + VALUE_BYTES);
            }
        }
        Some(VALUE_BYTES)
    }

    /// Adds a value of an answer column or of a field, and returns its approximate bytes.
    pub(super) fn push_answer(&mut self, value: AnswerValue<'_>) -> usize {
        match (self, value) {
            (Self::Text(builder), AnswerValue::Text(text) | AnswerValue::Json(text)) => {
                builder.append_value(text);
                return text.len() + VALUE_BYTES;
            }
            (Self::Text(builder), AnswerValue::Texts(texts)) => {
                let text = Value::from(texts).to_string();
                builder.append_value(&text);
                return text.len() + VALUE_BYTES;
            }
            (Self::Integer(builder), AnswerValue::Integer(number)) => builder.append_value(number),
            (Self::Number(builder), AnswerValue::Number(number)) => builder.append_option(number.as_f64()),
            (Self::Boolean(builder), AnswerValue::Boolean(flag)) => builder.append_value(flag),
            (Self::Json(builder), AnswerValue::Value(value)) => {
                let text = value.to_string();
                builder.append_value(&text);
                return text.len() + VALUE_BYTES;
            }
            (builder, _) => builder.push_null(),
        }
        VALUE_BYTES
    }

    fn push_null(&mut self) {
        match self {
            Self::Boolean(builder) => builder.append_null(),
            Self::Integer(builder) => builder.append_null(),
            Self::Unsigned(builder) => builder.append_null(),
            Self::Number(builder) => builder.append_null(),
            Self::Text(builder) | Self::Json(builder) => builder.append_null(),
        }
    }

    /// The values so far as an array; the builder is empty afterwards.
    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Boolean(builder) => Arc::new(builder.finish()),
            Self::Integer(builder) => Arc::new(builder.finish()),
            Self::Unsigned(builder) => Arc::new(builder.finish()),
            Self::Number(builder) => Arc::new(builder.finish()),
            Self::Text(builder) | Self::Json(builder) => Arc::new(builder.finish()),
        }
    }
}
