//! One row of the input: its place, its identifier, and its columns.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::FieldRef;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::sheet_time::SheetTime;

/// One row of the input, as a source read it.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its number in the whole input, counted from 0 over all files.
    pub position: u64,
    /// Its place in a file, for people.
    pub place: Place,
    /// The value of the job's `id` column, when the job names one.
    pub id: Option<RowId>,
    /// Its columns in input order, as JSON values, which templates use.
    pub fields: Map<String, Value>,
    /// The form in which it was read, kept to write it again without loss.
    pub origin: Origin,
    /// For one of several requests of a row, that row. The `fields` are then the row's, with the combination as [`EACH`], a piece as
    /// [`PIECE`], and its text instead of the whole.
    pub whole: Option<Arc<Row>>,
}

/// The name under which the templates of a row's piece see the piece.
pub const PIECE: &str = "piece";

/// The name under which templates see the combination of `[each]` that they are filled in for.
pub const EACH: &str = "each";

/// A row that could not be read. It still has a position: one row in, one row out.
#[derive(Debug, Clone)]
pub struct BadRow {
    /// Its number in the whole input, counted from 0 over all files.
    pub position: u64,
    /// Its place in a file, for people.
    pub place: Place,
    /// What is wrong with it, in a sentence without a full stop.
    pub reason: String,
    /// A short stable code of what is wrong, for a document: `encrypted`. Any other bad row has the same one.
    pub code: Option<String>,
    /// The bytes as they were read, a few kilobytes at most, which identify it in the journal.
    pub raw: Vec<u8>,
    /// Its columns, if they could be read and something else is wrong, such as a missing identifier.
    pub row: Option<Box<Row>>,
}

/// The hash of a row as it is written, with everything that decides how it is rendered: two are equal if nothing has
/// changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHash(pub [u8; 16]);

/// The item that a source returns for each row of the input.
#[derive(Debug, Clone)]
pub enum Item {
    /// A row that was read.
    Row(Row),
    /// A row that could not be read.
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

    /// The row, as far as its columns could be read.
    pub fn row(&self) -> Option<&Row> {
        match self {
            Item::Row(row) => Some(row),
            Item::Bad(bad) => bad.row.as_deref(),
        }
    }

    /// The row's place in a file, for people.
    pub fn place(&self) -> &Place {
        match self {
            Item::Row(row) => &row.place,
            Item::Bad(bad) => &bad.place,
        }
    }
}

/// The metadata of a 12-byte field that is an INTERVAL of Parquet: months, days and milliseconds, each of 32 bits, unsigned
/// and little-endian. No Arrow type can hold all three.
pub const PARQUET_INTERVAL: &str = "fanfold:parquet_interval";

/// The metadata of a field that names its extension type, by Arrow's columnar format.
pub const EXTENSION_NAME: &str = "ARROW:extension:name";

/// The metadata of a field that says more of its extension type.
pub const EXTENSION_METADATA: &str = "ARROW:extension:metadata";

/// The form in which a row was read.
#[derive(Debug, Clone)]
pub enum Origin {
    /// A line of JSONL: the unchanged text of its object.
    Line(Box<str>),
    /// A record of a CSV or TSV file; its fields are its text.
    Record,
    /// A row of a spreadsheet; its fields are its values, and these columns are dates and times.
    Sheet(Box<[(Box<str>, SheetTime)]>),
    /// A row of an Arrow batch, by its index there.
    Columnar(Arc<RecordBatch>, usize),
}

/// The place of a row, for people: file and line, or file and row number for a format without lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the user named it, or `<stdin>`.
    pub file: Arc<str>,
    /// Counted from 1: the line on which the row begins, or the row's number in a Parquet file or on a sheet.
    pub number: u64,
    /// What `number` counts.
    pub unit: PlaceUnit,
}

/// What the number of a [`Place`] counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceUnit {
    /// Lines of a text file.
    Line,
    /// Rows of a Parquet file or a sheet.
    Row,
    /// Nothing: the row is the file.
    File,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            PlaceUnit::Line => write!(f, "{}:{}", self.file, self.number),
            PlaceUnit::Row => write!(f, "{}: row {}", self.file, self.number),
            PlaceUnit::File => f.write_str(&self.file),
        }
    }
}

/// The value of the `id` column, as text. Numbers and booleans are represented by their JSON text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowId(Box<str>);

impl RowId {
    /// Reads an identifier from a column's value. `None` for null, empty text, arrays and objects, which cannot identify a
    /// row.
    pub fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) if !text.is_empty() => Some(Self(text.as_str().into())),
            Value::Number(number) => Some(Self(number.to_string().into())),
            Value::Bool(flag) => Some(Self(flag.to_string().into())),
            _ => None,
        }
    }

    /// An identifier from the journal, which is known to be valid.
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
    /// The kind of its values.
    pub kind: ColumnKind,
}

/// The kind of an input column's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnKind {
    /// Text of a CSV or TSV file.
    Text,
    /// JSON values, by those seen so far.
    Json(JsonKind),
    /// An Arrow column, with its type.
    Arrow(FieldRef),
}

/// The narrowest kind that holds all values of a JSON column seen so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JsonKind {
    /// Only nulls.
    Null,
    /// Booleans.
    Bool,
    /// Whole numbers from 0 to 2^53, which a float holds exactly.
    Natural,
    /// Whole numbers from -2^53 to 2^53.
    Integer,
    /// Whole numbers from 0 that fit into 64 bits with a sign.
    LongNatural,
    /// Whole numbers that fit into 64 bits with a sign.
    Long,
    /// Whole numbers from 0 that fit into 64 bits without a sign.
    Unsigned,
    /// Numbers that a float represents exactly.
    Number,
    /// Text.
    Text,
    /// Arrays, objects, values of different kinds, or numbers that no single type holds: kept as their JSON text.
    Mixed,
}

/// The largest whole number up to which a float represents each one.
const FLOAT_WHOLE: u64 = 1 << 53;

impl JsonKind {
    /// The kind of one value.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Bool,
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(..=FLOAT_WHOLE), _) => Self::Natural,
                (Some(_), Some(_)) => Self::LongNatural,
                (Some(_), None) => Self::Unsigned,
                (None, Some(negative)) if negative.unsigned_abs() <= FLOAT_WHOLE => Self::Integer,
                (None, Some(_)) => Self::Long,
                (None, None) => Self::Number,
            },
            Value::String(_) => Self::Text,
            Value::Array(_) | Value::Object(_) => Self::Mixed,
        }
    }

    /// The narrowest kind that holds the values of both.
    pub fn join(self, other: Self) -> Self {
        match (self, other) {
            (same, also) if same == also => same,
            (Self::Null, kind) | (kind, Self::Null) => kind,
            (Self::Natural | Self::Integer, Self::Number) | (Self::Number, Self::Natural | Self::Integer) => {
                Self::Number
            }
            _ => match (self.size_and_sign(), other.size_and_sign()) {
                (Some((one, signed)), Some((other, also_signed))) => {
                    match (one.max(other), signed || also_signed) {
                        (0, false) => Self::Natural,
                        (0, true) => Self::Integer,
                        (1, false) => Self::LongNatural,
                        (1, true) => Self::Long,
                        (_, false) => Self::Unsigned,
                        (_, true) => Self::Mixed,
                    }
                }
                _ => Self::Mixed,
            },
        }
    }

    /// For whole numbers, their size (within 2^53, 2^63, 2^64), and whether some are negative.
    fn size_and_sign(self) -> Option<(u8, bool)> {
        match self {
            Self::Natural => Some((0, false)),
            Self::Integer => Some((0, true)),
            Self::LongNatural => Some((1, false)),
            Self::Long => Some((1, true)),
            Self::Unsigned => Some((2, false)),
            Self::Null | Self::Bool | Self::Number | Self::Text | Self::Mixed => None,
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
        let of_all = |values: &[Value]| values.iter().map(JsonKind::of).fold(JsonKind::Null, JsonKind::join);
        let past_floats = json!(9_007_199_254_740_993_u64);
        assert_eq!(of_all(&[json!(u64::MAX), json!(1)]), JsonKind::Unsigned);
        assert_eq!(of_all(&[json!(u64::MAX), json!(-1)]), JsonKind::Mixed);
        assert_eq!(of_all(&[past_floats.clone(), json!(-1)]), JsonKind::Long);
        assert_eq!(of_all(&[json!(-1), json!(0.5)]), JsonKind::Number);
        assert_eq!(of_all(&[past_floats, json!(0.5)]), JsonKind::Mixed, "a float would round it");
    }
}
