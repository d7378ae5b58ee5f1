//! The columns of a sheet that have a name, and the others, which must be empty.

use std::sync::Arc;

use super::stream::SheetRow;
use super::value::{SheetValue, cell_name};
use crate::read::columns::{Header, refuse_twins};
use crate::read::error::ReadError;
use crate::row::{Column, ColumnKind};

/// The columns that a header names.
pub(super) fn named(header: &SheetRow) -> Vec<(usize, String)> {
    let named = header.cells.iter().map(|(index, value)| (*index, value.text()));
    named
        .filter(|(_, name)| !name.trim().is_empty())
        .map(|(index, name)| (index, name.into_owned()))
        .collect()
}

/// The header of a sheet with these columns.
pub(super) fn header_of(file: &Arc<str>, named: &[(usize, String)]) -> Result<Header, ReadError> {
    let column = |(_, name): &(usize, String)| Column { name: name.clone(), kind: ColumnKind::Text };
    let header = Header::new(file.clone(), named.iter().map(column).collect());
    refuse_twins(&header)?;
    Ok(header)
}

/// A value must be in a column that has a name.
pub(super) fn hold_named(
    file: &str,
    row: &SheetRow,
    named: &[(usize, String)],
    header_row: u64,
) -> Result<(), ReadError> {
    let is_nameless =
        |(index, _): &&(usize, SheetValue)| named.binary_search_by_key(index, |(named, _)| *named).is_err();
    match row.cells.iter().find(is_nameless) {
        None => Ok(()),
        Some((index, _)) => {
            let cell = cell_name(row.number, *index);
            let reason = format!(
                "cell {cell} has a value, but its column has no name in row {header_row}, the first row with a value, \
                 which is the header; give it one"
            );
            Err(ReadError::columns(file, reason))
        }
    }
}
