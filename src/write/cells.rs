//! The input's cells of one row, in whatever form the row was read.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::WriteError;
use super::parquet::lines::BatchLines;
use crate::row::{Item, Origin, Row};

/// The value of a row in one input column.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    /// Null, or the row has no such column.
    Null,
    /// JSON text as it was read, so that numbers keep their spelling.
    Raw(&'a str),
    /// A value of a row that was not read as JSON text.
    Value(&'a Value),
}

impl<'a> Cell<'a> {
    fn of_raw(raw: &'a str) -> Self {
        if raw == "null" { Self::Null } else { Self::Raw(raw) }
    }

    fn of_value(value: &'a Value) -> Self {
        if value.is_null() { Self::Null } else { Self::Value(value) }
    }

    /// Whether the cell is a JSON string.
    pub(super) fn is_text(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Raw(raw) => raw.starts_with('"'),
            Self::Value(value) => value.is_string(),
        }
    }

    /// The text of a string, the JSON text of any other value, and nothing for null.
    pub(super) fn text(&self) -> serde_json::Result<Cow<'a, str>> {
        match self {
            Self::Null => Ok(Cow::Borrowed("")),
            Self::Raw(raw) if self.is_text() => serde_json::from_str(raw).map(|JsonText(text)| text),
            Self::Raw(raw) => Ok(Cow::Borrowed(raw)),
            Self::Value(Value::String(text)) => Ok(Cow::Borrowed(text)),
            Self::Value(value) => Ok(Cow::Owned(value.to_string())),
        }
    }

    /// The JSON text of the cell.
    pub(super) fn json(&self) -> Cow<'a, str> {
        match self {
            Self::Null => Cow::Borrowed("null"),
            Self::Raw(raw) => Cow::Borrowed(raw),
            Self::Value(value) => Cow::Owned(value.to_string()),
        }
    }

    /// The cell as JSON of type `T`, if it has that type.
    pub(super) fn parse<T: std::str::FromStr>(&self, of_value: fn(&Value) -> Option<T>) -> Option<T> {
        match self {
            Self::Null => None,
            Self::Raw(raw) => raw.parse().ok(),
            Self::Value(value) => of_value(value),
        }
    }
}

/// Extracts the cells of chosen columns from rows.
pub(super) struct CellReader {
    /// The index of each column, by its name in the input.
    slots: HashMap<String, usize>,
    /// The columns' names, in order.
    names: Vec<String>,
    /// Whether cells of JSON text must keep their spelling, and not only their value.
    as_spelled: bool,
    lines: BatchLines,
}

impl CellReader {
    pub(super) fn new<'n>(names: impl IntoIterator<Item = &'n str>, as_spelled: bool) -> Self {
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let slots = names.iter().cloned().zip(0..).collect();
        Self { slots, lines: BatchLines::new(names.clone()), names, as_spelled }
    }

    /// One cell per column, in order; all null for a row that could not be read.
    ///
    /// # Errors
    ///
    /// The row's line is not an object, or JSON cannot represent its Arrow batch.
    pub(super) fn read<'a>(&'a mut self, item: &'a Item) -> Result<Vec<Cell<'a>>, WriteError> {
        let Some(row) = item.row() else { return Ok(vec![Cell::Null; self.names.len()]) };
        if self.names.is_empty() {
            return Ok(Vec::new());
        }
        let line = match &row.origin {
            Origin::Line(_) if !self.as_spelled && self.values_suffice(row) => return Ok(self.fields(row)),
            Origin::Line(line) => line,
            Origin::Columnar(batch, index) if row.fields.is_empty() => {
                let line = self.lines.line(batch, *index);
                line.map_err(|error| WriteError::row(item, format!("the row has no form in JSON: {error}")))?
            }
            Origin::Record | Origin::Sheet(_) | Origin::Columnar(..) => return Ok(self.fields(row)),
        };
        let mut cells = vec![Cell::Null; self.names.len()];
        let taken = each_column(line, |name, value| {
            if let Some(slot) = self.slots.get(name.as_ref()) {
                cells[*slot] = Cell::of_raw(value.get());
            }
        });
        taken.map_err(|error| WriteError::row(item, format!("the row is not a JSON object: {error}")))?;
        Ok(cells)
    }

    /// Whether the row's values can be used without reading its line again: text has only one meaning, but numbers have a
    /// spelling of their own.
    fn values_suffice(&self, row: &Row) -> bool {
        let is_exact = |value: &Value| matches!(value, Value::Null | Value::Bool(_) | Value::String(_));
        !row.fields.is_empty() && self.names.iter().all(|name| row.fields.get(name).is_none_or(is_exact))
    }

    fn fields<'a>(&self, row: &'a Row) -> Vec<Cell<'a>> {
        let cell = |name: &String| row.fields.get(name).map_or(Cell::Null, Cell::of_value);
        self.names.iter().map(cell).collect()
    }
}

/// Calls `visit` for every column of a JSON object, in the order of the text.
///
/// # Errors
///
/// The line is not a JSON object.
pub(super) fn each_column<'a>(
    line: &'a str,
    visit: impl FnMut(Cow<'a, str>, &'a RawValue),
) -> serde_json::Result<()> {
    serde_json::Deserializer::from_str(line).deserialize_map(CellColumns(visit))
}

struct CellColumns<F>(F);

impl<'a, F: FnMut(Cow<'a, str>, &'a RawValue)> Visitor<'a> for CellColumns<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((JsonText(name), value)) = map.next_entry()? {
            (self.0)(name, value);
        }
        Ok(())
    }
}

/// A JSON string, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct JsonText<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_a_name_is_in_a_line_twice_the_last_counts() {
        let mut seen = Vec::new();
        each_column(r#"{"a": 1.0, "\u0061": [ 1 ], "b": null}"#, |name, value| {
            seen.push((name.into_owned(), value.get()));
        })
        .expect("an object");
        assert_eq!(seen, [("a".into(), "1.0"), ("a".into(), "[ 1 ]"), ("b".into(), "null")]);
    }

    #[test]
    fn a_string_gives_its_text_and_anything_else_its_json() {
        assert_eq!(Cell::Raw(r#""a\n\u00e9""#).text().expect("text"), "a\né");
        assert_eq!(Cell::Raw("1.50").text().expect("text"), "1.50");
        assert_eq!(Cell::Raw(r#""a""#).json(), r#""a""#);
    }

    #[test]
    fn a_line_is_read_again_only_if_its_values_are_not_enough() {
        let line = r#"{"a": "\u00e9", "b": 1.50, "c": null}"#;
        let item = Item::Row(Row {
            position: 0,
            place: crate::row::Place { file: "a".into(), number: 1, unit: crate::row::PlaceUnit::Line },
            id: None,
            fields: serde_json::from_str(line).expect("an object"),
            origin: Origin::Line(line.into()),
            whole: None,
        });
        let texts = |names: &[&str], as_spelled| -> Vec<String> {
            let mut reader = CellReader::new(names.iter().copied(), as_spelled);
            let cells = reader.read(&item).expect("cells");
            cells.iter().map(|cell| format!("{} {}", cell.json(), cell.text().expect("text"))).collect()
        };
        assert_eq!(texts(&["a", "c", "d"], false), ["\"é\" é", "null ", "null "]);
        assert_eq!(texts(&["a", "c", "d"], true), ["\"\\u00e9\" é", "null ", "null "]);
        assert_eq!(texts(&["b", "a"], false), ["1.50 1.50", "\"\\u00e9\" é"]);
    }
}
