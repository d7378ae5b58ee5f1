//! One row of the input: where it stands, what names it, and its columns.

use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::FieldRef;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One row of the input, as a source read it.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its number in the whole input, counted from 0 over all files.
    pub position: u64,
    /// Where a person finds it.
    pub place: Place,
    /// The value of the job's `id` column, when the job names one.
    pub id: Option<RowId>,
    /// Its columns in input order, as JSON values: what templates see.
    pub fields: Map<String, Value>,
    /// The form it was read in, kept so that it can be written again without a loss.
    pub origin: Origin,
}

/// A row that could not be read. It has a position all the same: one row in, one row out.
#[derive(Debug, Clone)]
pub struct BadRow {
    /// Its number in the whole input, counted from 0 over all files.
    pub position: u64,
    /// Where a person finds it.
    pub place: Place,
    /// What is wrong with it, in a sentence without a full stop.
    pub reason: String,
    /// The bytes as they were read, at most a few kilobytes of them: its identity in the journal.
    pub raw: Vec<u8>,
}

/// What a source yields for each row of the input.
#[derive(Debug, Clone)]
pub enum Item {
    /// A row that was read.
    Row(Row),
    /// A row that could not be.
    Bad(BadRow),
}

impl Item {
    /// The row's number in the whole input, counted from 0.
    pub fn position(&self) -> u64 {
        match self {
            Item::Row(row) => row.position,
            Item::Bad(bad) => bad.position,
        }
    }

    /// Where a person finds the row.
    pub fn place(&self) -> &Place {
        match self {
            Item::Row(row) => &row.place,
            Item::Bad(bad) => &bad.place,
        }
    }
}

/// The form in which a row was read.
#[derive(Debug, Clone)]
pub enum Origin {
    /// A line of JSONL: the text of its object, as it stood.
    Line(Box<str>),
    /// A record of a CSV or TSV file; its fields are its text.
    Record,
    /// A row of an Arrow batch, by its index there.
    Columnar(Arc<RecordBatch>, usize),
}

/// Where a person finds a row: file and line, or file and row number for a format that has no lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the user named it, or `<stdin>`.
    pub file: Arc<str>,
    /// Counted from 1: the line on which the row begins, or the row's number in a Parquet file.
    pub number: u64,
    /// What `number` counts.
    pub unit: PlaceUnit,
}

/// What the number of a [`Place`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceUnit {
    /// Lines of a text file.
    Line,
    /// Rows of a Parquet file.
    Row,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            PlaceUnit::Line => write!(f, "{}:{}", self.file, self.number),
            PlaceUnit::Row => write!(f, "{}: row {}", self.file, self.number),
        }
    }
}

/// The value of the `id` column, as text. Numbers and booleans are taken by their JSON text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowId(Box<str>);

impl RowId {
    /// Reads an identifier from a column's value. `None` for null, empty text, arrays and objects, which name
    /// no row.
    pub fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) if !text.is_empty() => Some(Self(text.as_str().into())),
            Value::Number(number) => Some(Self(number.to_string().into())),
            Value::Bool(flag) => Some(Self(flag.to_string().into())),
            _ => None,
        }
    }

    /// An identifier that is known to name a row, as the journal gives it back.
    pub fn from_text(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The identifier's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One column of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name in the input.
    pub name: String,
    /// What its values are.
    pub kind: ColumnKind,
}

/// What the values of an input column are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnKind {
    /// Text of a CSV or TSV file.
    Text,
    /// JSON values, by what was seen of them.
    Json(JsonKind),
    /// An Arrow column, with its type.
    Arrow(FieldRef),
}

/// The narrowest kind that holds all the values seen of a JSON column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JsonKind {
    /// Nothing but nulls.
    Null,
    /// Booleans.
    Bool,
    /// Whole numbers that fit 64 bits with a sign.
    Integer,
    /// Numbers.
    Number,
    /// Text.
    Text,
    /// Arrays, objects, or values of different kinds: kept as their JSON text.
    Mixed,
}

impl JsonKind {
    /// The kind of one value.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Bool,
            Value::Number(number) if number.is_i64() => Self::Integer,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::Text,
            Value::Array(_) | Value::Object(_) => Self::Mixed,
        }
    }

    /// The narrowest kind that holds the values of both.
    pub fn join(self, other: Self) -> Self {
        match (self, other) {
            (same, also) if same == also => same,
            (Self::Null, kind) | (kind, Self::Null) => kind,
            (Self::Integer, Self::Number) | (Self::Number, Self::Integer) => Self::Number,
            _ => Self::Mixed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_id_is_text_number_or_boolean_and_nothing_else() {
        let text = |value: Value| RowId::from_value(&value).map(|id| id.to_string());
        assert_eq!(text(json!("a1")).as_deref(), Some("a1"));
        assert_eq!(text(json!(17)).as_deref(), Some("17"));
        assert_eq!(text(json!(true)).as_deref(), Some("true"));
        assert_eq!(text(json!("")), None);
        assert_eq!(text(json!(null)), None);
        assert_eq!(text(json!(["a"])), None);
    }

    #[test]
    fn the_kind_of_a_column_is_the_narrowest_that_holds_all_its_values() {
        assert_eq!(JsonKind::Integer.join(JsonKind::Null), JsonKind::Integer);
        assert_eq!(JsonKind::Integer.join(JsonKind::Number), JsonKind::Number);
        assert_eq!(JsonKind::Integer.join(JsonKind::Text), JsonKind::Mixed);
        assert_eq!(JsonKind::of(&json!(u64::MAX)), JsonKind::Number);
    }
}
