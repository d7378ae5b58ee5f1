//! The settings shared by all readers of one pass over the input.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Map, Value};

use super::record::RecordKey;
use super::spec::{Expansion, Projection};
use crate::job::sheet_choice::SheetChoice;
use crate::row::{BadRow, Column, Item, Origin, Place, Row, RowId};

/// How many bytes of an unreadable row are kept.
pub(super) const RAW_BYTES: usize = 4096;

/// The settings shared by all readers of one pass over the input.
pub(super) struct ReadPass {
    /// Which columns of each row are needed.
    pub(super) wanted: Projection,
    /// The column that names a row.
    pub(super) id: Option<String>,
    /// The columns of the whole input, if headers give them.
    pub(super) columns: Vec<Column>,
    /// The delimiter set by the job.
    pub(super) delimiter: Option<u8>,
    /// The sheet of spreadsheets set by the job.
    pub(super) sheet: Option<SheetChoice>,
    /// The encoding of text files set by the job.
    pub(super) encoding: Option<String>,
    /// The longest record, in bytes.
    pub(super) max_record_bytes: u64,
    /// How far a compressed file may expand.
    pub(super) expansion: Expansion,
    /// The key for the hashes of records, if they are needed.
    pub(super) key: Option<RecordKey>,
}

impl ReadPass {
    /// The same pass, for a row of which no column is needed.
    pub(super) fn of_nothing(&self) -> Self {
        Self {
            wanted: Projection::Only([].into()),
            id: self.id.clone(),
            columns: Vec::new(),
            encoding: None,
            sheet: None,
            ..*self
        }
    }

    /// Whether column `name` belongs to the fields of a text row.
    pub(super) fn keeps(&self, name: &str) -> bool {
        match &self.wanted {
            Projection::Fields | Projection::Origin => true,
            Projection::Only(names) | Projection::Checked(names) => names.contains(name) || self.is_id(name),
        }
    }

    /// Whether column `name` is the id column.
    pub(super) fn is_id(&self, name: &str) -> bool {
        self.id.as_deref() == Some(name)
    }

    /// The item at `position`, from the result of reading it; for a bad one, `raw` returns the bytes to keep, given its
    /// columns.
    pub(super) fn item(
        &self,
        position: u64,
        place: Place,
        read: Result<WantedColumns, String>,
        raw: impl FnOnce(&Map<String, Value>) -> Vec<u8>,
    ) -> Item {
        let (fields, origin) = match read {
            Ok(columns) => columns,
            Err(reason) => {
                let raw = raw(&Map::new());
                return Item::Bad(BadRow { position, place, reason, code: None, raw, row: None });
            }
        };
        match self.identify(&fields) {
            Ok(id) => Item::Row(Row { position, place, id, fields, origin, whole: None }),
            Err(reason) => {
                let raw = raw(&fields);
                let row =
                    Box::new(Row { position, place: place.clone(), id: None, fields, origin, whole: None });
                Item::Bad(BadRow { position, place, reason, code: None, raw, row: Some(row) })
            }
        }
    }

    /// The row's id, if the job sets an id column, or why it has none.
    fn identify(&self, fields: &Map<String, Value>) -> Result<Option<RowId>, String> {
        let Some(column) = &self.id else { return Ok(None) };
        let value = fields.get(column);
        if let Some(id) = value.and_then(RowId::from_value) {
            return Ok(Some(id));
        }
        let found = match value {
            None => "is missing here",
            Some(Value::Array(_)) => "is an array here",
            Some(Value::Object(_)) => "is an object here",
            Some(_) => "is empty here",
        };
        Err(format!("column `{column}` identifies the row, and {found}"))
    }
}

/// The needed columns of a row, and the form in which it was read.
pub(super) type WantedColumns = (Map<String, Value>, Origin);

/// Reads a row, and turns a panic into that row's failure.
pub(super) fn catch_panic<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let unexpected = |_| Err("reading this row failed unexpectedly; please report it".to_owned());
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(unexpected)
}

/// The beginning of `bytes`, as kept for a bad row.
pub(super) fn raw(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len().min(RAW_BYTES)].to_vec()
}

#[cfg(test)]
impl ReadPass {
    /// All columns, no id, every limit at its default.
    pub(super) fn of_all() -> Self {
        Self {
            wanted: Projection::Fields,
            id: None,
            columns: Vec::new(),
            delimiter: None,
            encoding: None,
            sheet: None,
            max_record_bytes: super::spec::DEFAULT_MAX_RECORD_BYTES,
            expansion: super::spec::DEFAULT_EXPANSION,
            key: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_the_failure_of_the_row_that_was_read() {
        assert_eq!(catch_panic(|| Ok(1)), Ok(1));
        let message = catch_panic(|| -> Result<(), String> { panic!("a parser's") }).unwrap_err();
        assert!(message.contains("please report it"), "{message}");
    }
}
