//! Where the values of a row's columns are, in a file whose header names them.

use serde_json::Value;

use super::columns::{self, Header};
use super::error::ReadError;
use super::folders::{self, FolderColumn};
use super::pass::ReadPass;
use crate::row::Column;

/// Where the values of a column are.
pub(super) enum FieldSource {
    /// In the records, at this cell index.
    Read(usize),
    /// The same in all rows of the file: the value from its folder, or null.
    Constant(Value),
}

/// The columns that a pass keeps of a file, in the order of the whole input. `at` has the cell index of each of the file's own
/// columns, which come first in its header.
///
/// # Errors
/// The header does not match that of the whole input.
pub(super) fn kept(
    header: &Header,
    at: &[usize],
    folders: &[FolderColumn],
    pass: &ReadPass,
) -> Result<Vec<(String, FieldSource)>, ReadError> {
    let places = columns::places(&pass.columns, header)?;
    let kept = pass.columns.iter().zip(places).filter(|(column, _)| pass.keeps(&column.name));
    let source = |(column, place): (&Column, Option<usize>)| {
        let source = match place.map(|index| at.get(index)) {
            Some(Some(cell)) => FieldSource::Read(*cell),
            Some(None) => {
                FieldSource::Constant(folders::value(folders, &column.name).map_or(Value::Null, Value::from))
            }
            None => FieldSource::Constant(Value::Null),
        };
        (column.name.clone(), source)
    };
    Ok(kept.map(source).collect())
}
