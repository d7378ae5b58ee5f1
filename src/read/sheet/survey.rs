//! The whole sheet, read once when the input is opened: the kinds of its columns, and what is to be said of its cells.

use super::named::{header_of, hold_named, named};
use super::stream::{SheetRow, SheetStream};
use super::value::{SheetValue, cell_name};
use super::{package, workbook};
use crate::format::column_letters;
use crate::read::columns::Header;
use crate::read::error::ReadError;
use crate::read::input_file::InputFile;
use crate::read::spec::InputSpec;
use crate::row::{ColumnKind, JsonKind};
use crate::text::counted;

/// The header of a sheet, with the kinds of its columns. `None` for a sheet without any value.
///
/// # Errors
/// As for the rows of a sheet, wherever in it; and a decompression bomb.
pub(in crate::read) fn header(input: &InputFile, spec: &InputSpec) -> Result<Option<Header>, ReadError> {
    let InputFile { file, path, .. } = input;
    package::check(file, path, spec.expansion)?;
    let workbook = workbook::open(file, path)?;
    let sheet = workbook::chosen(file, &workbook, spec.sheet.as_ref())?;
    let others = workbook::notice(&workbook, &sheet, spec.sheet.as_ref());
    let mut stream = SheetStream::start(file.clone(), workbook, sheet.name, spec.max_record_bytes);
    let Some(first) = stream.next()? else { return Ok(None) };
    let named = named(&first);
    let mut header = header_of(file, &named)?;
    let mut survey = SheetSurvey::new(named.len());
    while let Some(row) = stream.next()? {
        hold_named(file, &row, &named, first.number)?;
        survey.see(&row, &named);
    }
    for (column, kind) in header.columns.iter_mut().zip(&survey.kinds) {
        // Numbers between texts are text where a column has one type.
        column.kind = if *kind == JsonKind::Mixed { ColumnKind::Text } else { ColumnKind::Json(*kind) };
    }
    header.notices = others.into_iter().chain(gaps(&first, &named)).chain(survey.notices()).collect();
    Ok(Some(header))
}

/// What the rows show.
struct SheetSurvey {
    kinds: Vec<JsonKind>,
    /// The cells with errors, and the first of them with its error.
    errors: (u64, Option<(String, String)>),
    /// The formulas without a value, and the first of them.
    unstored: (u64, Option<String>),
}

impl SheetSurvey {
    fn new(columns: usize) -> Self {
        Self { kinds: vec![JsonKind::Null; columns], errors: (0, None), unstored: (0, None) }
    }

    fn see(&mut self, row: &SheetRow, named: &[(usize, String)]) {
        for ((index, _), kind) in named.iter().zip(&mut self.kinds) {
            let Some(value) = row.value(*index) else { continue };
            let name = || cell_name(row.number, *index);
            match value {
                SheetValue::Error(error) => {
                    self.errors.0 += 1;
                    self.errors.1.get_or_insert_with(|| (name(), error.clone()));
                }
                SheetValue::Unstored => {
                    self.unstored.0 += 1;
                    self.unstored.1.get_or_insert_with(name);
                }
                value => *kind = kind.join(JsonKind::of(&value.json())),
            }
        }
    }

    fn notices(self) -> Vec<String> {
        let mut notices = Vec::new();
        if let (count, Some(first)) = self.unstored {
            let cells = counted(count, "formula");
            notices.push(format!(
                "{cells} without a stored value ({first}): null here; to have the values, open the file in a spreadsheet \
                 program and save it"
            ));
        }
        if let (count, Some((first, error))) = self.errors {
            notices.push(format!("{} ({error} in {first}): null here", counted(count, "error")));
        }
        notices
    }
}

/// The notice about columns that have neither a name nor values: before, between or after those that have names, as far as the
/// header has cells.
fn gaps(header: &SheetRow, named: &[(usize, String)]) -> Option<String> {
    let end = header.cells.last().map_or(0, |(index, _)| index + 1);
    let is_nameless = |index: &usize| named.binary_search_by_key(index, |(named, _)| *named).is_err();
    let mut gaps = (0..end).filter(is_nameless).map(column_letters);
    let (first, more) = (gaps.next()?, gaps.count());
    Some(match more {
        0 => format!("column {first} has no name and no values, and is ignored"),
        _ => format!("{} columns such as {first} have no names and no values, and are ignored", more + 1),
    })
}
