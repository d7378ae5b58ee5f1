//! Decimals of Parquet as JSON numbers, with their original digits.

use arrow::datatypes::DataType;
use serde_json::Value;

use crate::row::{Column, ColumnKind};
use crate::write::json::{push_json, separate};

/// Where a column contains decimals: its type.
pub(in crate::write) struct Decimals(DataType);

impl Decimals {
    /// The decimals of a column; `None` if it has none.
    pub(in crate::write) fn within(column: &Column) -> Option<Self> {
        match &column.kind {
            ColumnKind::Arrow(field) if has_decimals(field.data_type()) => {
                Some(Self(field.data_type().clone()))
            }
            _ => None,
        }
    }

    /// Appends a value of the column. In the row's fields a decimal is text, so that no float rounds it; here it becomes
    /// the number that the text spells.
    pub(in crate::write) fn push(&self, line: &mut Vec<u8>, value: &Value) {
        push(line, value, &self.0);
    }

    /// The JSON text of a value of the column that is not itself a decimal.
    pub(in crate::write) fn text(&self, value: &Value) -> String {
        let mut line = Vec::new();
        self.push(&mut line, value);
        String::from_utf8(line).unwrap_or_default()
    }
}

fn has_decimals(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            has_decimals(item.data_type())
        }
        DataType::Struct(fields) => fields.iter().any(|field| has_decimals(field.data_type())),
        DataType::Map(entries, _) => has_decimals(entries.data_type()),
        DataType::Dictionary(_, value) => has_decimals(value),
        other => other.is_decimal(),
    }
}

fn push(line: &mut Vec<u8>, value: &Value, data_type: &DataType) {
    match (data_type, value) {
        (DataType::Dictionary(_, inner), value) => push(line, value, inner),
        (
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _),
            Value::Array(values),
        ) => {
            line.push(b'[');
            for (nth, value) in values.iter().enumerate() {
                if nth > 0 {
                    line.push(b',');
                }
                push(line, value, item.data_type());
            }
            line.push(b']');
        }
        (DataType::Struct(fields), Value::Object(values)) => {
            line.push(b'{');
            for (name, value) in values {
                let field = fields.iter().find(|field| field.name() == name);
                push_named(line, name, value, field.map_or(&DataType::Null, |field| field.data_type()));
            }
            line.push(b'}');
        }
        (DataType::Map(entries, _), Value::Object(values)) => {
            let of_values = match entries.data_type() {
                DataType::Struct(pair) => pair.get(1).map_or(&DataType::Null, |field| field.data_type()),
                _ => &DataType::Null,
            };
            line.push(b'{');
            for (name, value) in values {
                push_named(line, name, value, of_values);
            }
            line.push(b'}');
        }
        (of, Value::String(digits)) if of.is_decimal() => line.extend_from_slice(digits.as_bytes()),
        (_, value) => push_json(line, value),
    }
}

fn push_named(line: &mut Vec<u8>, name: &str, value: &Value, data_type: &DataType) {
    separate(line);
    push_json(line, name);
    line.push(b':');
    push(line, value, data_type);
}
