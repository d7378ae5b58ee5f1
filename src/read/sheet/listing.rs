//! The sheets of a spreadsheet and how much is in them, for somebody who has to choose one.

use std::path::Path;
use std::sync::Arc;

use super::stream::SheetStream;
use super::{package, workbook};
use crate::read::error::ReadError;
use crate::read::spec::{DEFAULT_EXPANSION, DEFAULT_MAX_RECORD_BYTES};

/// A sheet of a spreadsheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetSize {
    /// Its name.
    pub name: String,
    /// How many rows have a value, without the header.
    pub rows: u64,
}

/// The sheets of a spreadsheet that are not hidden, in its order.
///
/// # Errors
/// The file is not a spreadsheet, cannot be read, or is damaged.
pub fn sheet_sizes(path: &str) -> Result<Vec<SheetSize>, ReadError> {
    let (file, at): (Arc<str>, _) = (path.into(), Path::new(path));
    package::check(&file, at, DEFAULT_EXPANSION)?;
    let names = workbook::visible(&workbook::open(&file, at)?);
    let size = |name: String| {
        let workbook = workbook::open(&file, at)?;
        let mut stream = SheetStream::start(file.clone(), workbook, name.clone(), DEFAULT_MAX_RECORD_BYTES);
        let mut rows: u64 = 0;
        // Damage in a sheet is only of interest if it is the one that is chosen, and is found then.
        while let Ok(Some(_)) = stream.next() {
            rows += 1;
        }
        Ok(SheetSize { name, rows: rows.saturating_sub(1) })
    };
    names.into_iter().map(size).collect()
}
