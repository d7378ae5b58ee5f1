//! Whether an output that is a spreadsheet can hold the rows: as far as that is known before anything is sent.

use super::{Opened, PipelineError};
use crate::format::{Format, MAX_SHEET_ROWS, MAX_SHEET_TEXT};
use crate::job::RowLayout;
use crate::read::Projection;
use crate::row::{Column, Item};
use crate::text::counted;
use crate::write::WriteError;

/// Refuses an input with more rows, or with longer texts in a column of the output, than a spreadsheet holds.
///
/// # Errors
///
/// It has some, or cannot be read.
pub(super) fn check(opened: &Opened, rows: u64, columns: &[Column]) -> Result<(), PipelineError> {
    let output = &opened.job.output;
    if output.format != Format::Xlsx {
        return Ok(());
    }
    // In the long layout, each combination is a row.
    let times = match output.layout {
        RowLayout::Long => opened.requester().combinations() as u64,
        RowLayout::Wide => 1,
    };
    if let Some(problem) = too_many(rows.saturating_mul(times)) {
        return Err(WriteError::sheet(output.path.display().to_string(), problem).into());
    }
    let layout = opened.layout(Some(columns), output.format)?;
    let wanted = layout.input_names().map(str::to_owned).collect();
    for item in opened.rows(Projection::Only(wanted))? {
        let Item::Row(row) = item? else { continue };
        let is_written = |name: &str| layout.name_of_input(name).is_some();
        for (name, value) in row.fields.iter().filter(|(name, _)| is_written(name)) {
            let length = match value.as_str() {
                Some(text) if text.len() <= MAX_SHEET_TEXT => continue,
                Some(text) => text.encode_utf16().count(),
                None if value.is_array() || value.is_object() => value.to_string().encode_utf16().count(),
                None => continue,
            };
            if length > MAX_SHEET_TEXT {
                return Err(WriteError::long_cell(row.place.to_string(), name, length).into());
            }
        }
    }
    Ok(())
}

/// Why so many rows are too many, if they are.
fn too_many(rows: u64) -> Option<String> {
    let found = counted(rows, "row");
    (rows >= MAX_SHEET_ROWS).then(|| {
        format!("a sheet holds {MAX_SHEET_ROWS} rows with its header, and the output would have {found}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_holds_a_million_rows_and_a_few() {
        assert_eq!(too_many(1_048_575), None);
        let problem = too_many(1_048_576).expect("too many");
        assert!(problem.ends_with("the output would have 1,048,576 rows"), "{problem}");
    }
}
