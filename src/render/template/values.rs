//! Converts values of a row to the engine's, and back.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind};
use serde_json::{Map, Value};

/// The maximum nesting of lists and objects: deeper than any row needs, and safe for the stack.
const DEEPEST: usize = 256;

/// A value of a row.
pub(super) fn converted(value: &Value) -> minijinja::Value {
    match value {
        Value::Null => minijinja::Value::from(()),
        Value::Bool(flag) => minijinja::Value::from(*flag),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => minijinja::Value::from(number),
            (None, Some(number)) => minijinja::Value::from(number),
            (None, None) => minijinja::Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => minijinja::Value::from(text.as_str()),
        Value::Array(values) => values.iter().map(converted).collect(),
        Value::Object(fields) => converted_object(fields),
    }
}

/// A whole row, or an object in it.
pub(super) fn converted_object(fields: &Map<String, Value>) -> minijinja::Value {
    minijinja::Value::from_pairs(fields.iter().map(|(key, value)| (key.as_str(), converted(value))))
}

/// The JSON value of a template's value; `None` if JSON cannot represent it.
pub(super) fn reverted(value: &minijinja::Value) -> Option<Value> {
    within(value, DEEPEST)
}

fn within(value: &minijinja::Value, depth: usize) -> Option<Value> {
    let inner = |value: &minijinja::Value| within(value, depth.checked_sub(1)?);
    Some(match value.kind() {
        ValueKind::None => Value::Null,
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number => match (i64::try_from(value.clone()), u64::try_from(value.clone())) {
            (Ok(number), _) if value.is_integer() => Value::from(number),
            (_, Ok(number)) if value.is_integer() => Value::from(number),
            // As a row has it.
            _ if value.is_integer() => Value::from(value.to_string()),
            _ => Value::Number(serde_json::Number::from_f64(f64::try_from(value.clone()).ok()?)?),
        },
        ValueKind::String => Value::from(value.as_str()?),
        ValueKind::Seq | ValueKind::Iterable => {
            Value::Array(value.try_iter().ok()?.map(|item| inner(&item)).collect::<Option<_>>()?)
        }
        ValueKind::Map => {
            let mut fields = Map::new();
            for key in value.try_iter().ok()? {
                fields.insert(key.to_string(), inner(&value.get_item(&key).ok()?)?);
            }
            Value::Object(fields)
        }
        _ => return None,
    })
}

/// The filter `tojson`, with `indent`. The engine's own escapes `<` and `&` for HTML, which is wrong in a prompt.
pub(super) fn tojson(value: &minijinja::Value, options: Kwargs) -> Result<String, Error> {
    let indent: Option<u64> = options.get("indent")?;
    options.assert_all_used()?;
    let json = reverted(value).ok_or_else(|| {
        Error::new(ErrorKind::InvalidOperation, format!("a {} is not a JSON value", value.kind()))
    })?;
    Ok(match indent {
        Some(_) => format!("{json:#}"),
        None => json.to_string(),
    })
}

/// The bytes of all texts in a value, which, unlike a text, is not written piece by piece.
pub(super) fn bytes_of_texts(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(bytes_of_texts).sum(),
        Value::Object(fields) => fields.iter().map(|(key, value)| key.len() + bytes_of_texts(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}
