//! The type of a parameter's value.

use serde_json::Value;

/// The type of a parameter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    Number,
    Whole,
    Switch,
    Text,
    List,
    Object,
    /// One of several.
    Mixed,
}

impl ValueKind {
    /// Reads a row's value as this type. A CSV column holds only text, in which an empty cell is no value; and many tools
    /// write a number column with a gap as fractions. A value that does not represent this type stays as it is.
    pub fn read(self, value: Value) -> Value {
        let read = match (&value, self) {
            (_, Self::Text | Self::Mixed) => None,
            (Value::String(text), _) if text.trim().is_empty() => Some(Value::Null),
            (Value::String(text), Self::Switch) => text.trim().to_lowercase().parse().ok().map(Value::Bool),
            (Value::String(text), _) => serde_json::from_str(text.trim()).ok().map(|value| self.read(value)),
            (Value::Number(number), Self::Whole) => number.as_f64().and_then(whole).map(Value::from),
            _ => None,
        };
        read.filter(|read| read.is_null() || self.holds(read)).unwrap_or(value)
    }

    /// Whether a value is of this type.
    pub(super) fn holds(self, value: &Value) -> bool {
        match self {
            Self::Number => value.is_number(),
            Self::Whole => value.is_i64() || value.is_u64(),
            Self::Switch => value.is_boolean(),
            Self::Text => value.is_string(),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
            Self::Mixed => true,
        }
    }

    /// Whether a text given for such a value is a number or a switch in quotes.
    pub(super) fn is_unquoted(self) -> bool {
        matches!(self, Self::Number | Self::Whole | Self::Switch)
    }

    /// The name of the type in messages.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Whole => "a whole number",
            Self::Switch => "true or false",
            Self::Text => "text",
            Self::List => "a list",
            Self::Object => "an object",
            Self::Mixed => "a value",
        }
    }
}

/// A number without a fraction, if a float holds it exactly.
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}
