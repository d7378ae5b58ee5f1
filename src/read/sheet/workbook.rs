//! A spreadsheet as a file: its sheets, and the one that is read.

use std::fs::File;
use std::io::BufReader;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use calamine::{Reader, Sheet, SheetType, SheetVisible, Xlsx};

use super::package::{damaged, refuse_others};
use crate::job::sheet_choice::SheetChoice;
use crate::read::error::ReadError;
use crate::regular;

/// An open spreadsheet.
pub(super) type Workbook = Xlsx<BufReader<File>>;

/// Opens a spreadsheet.
///
/// # Errors
/// The file cannot be read, is of another kind, has a password, or is damaged.
pub(super) fn open(file: &str, path: &Path) -> Result<Workbook, ReadError> {
    let unreadable = |error| ReadError::unreadable(file, error);
    let mut opened = BufReader::new(regular::open(path).map_err(unreadable)?);
    refuse_others(file, &mut opened)?;
    // The library panics on some damaged files. What a panic leaves behind is not used again.
    catch_unwind(AssertUnwindSafe(|| Xlsx::new(opened)))
        .unwrap_or_else(|_| Err(calamine::XlsxError::Unexpected("the decoder gave up")))
        .map_err(|error| damaged(file, &error.to_string()))
}

/// The sheet that is read: the one of the job's choice, or the first that is not hidden.
///
/// # Errors
/// There is no such sheet.
pub(super) fn chosen(
    file: &str,
    workbook: &Workbook,
    choice: Option<&SheetChoice>,
) -> Result<Sheet, ReadError> {
    let sheets = sheets(workbook);
    let by_name = |wanted: &str| {
        let same = |sheet: &&Sheet| sheet.name == wanted;
        // Names of sheets differ by more than their case.
        let alike = |sheet: &&Sheet| sheet.name.to_lowercase() == wanted.to_lowercase();
        sheets.iter().find(same).or_else(|| sheets.iter().find(alike))
    };
    let found = match choice {
        None => sheets.iter().find(|sheet| is_visible(sheet)).or(sheets.first()),
        Some(SheetChoice::Name(name)) => by_name(name),
        Some(SheetChoice::Number(number)) => {
            number.checked_sub(1).and_then(|index| sheets.get(usize::try_from(index).ok()?))
        }
    };
    found.cloned().ok_or_else(|| match choice {
        Some(choice) => {
            let reason = format!("there is no sheet {choice}; the sheets are {}", listed(&sheets, true));
            ReadError::format(file, reason)
        }
        None => damaged(file, "it has no sheet"),
    })
}

/// A notice about the sheets besides the one that is read; `None` if there are none.
pub(super) fn notice(workbook: &Workbook, read: &Sheet, choice: Option<&SheetChoice>) -> Option<String> {
    let others: Vec<Sheet> =
        sheets(workbook).into_iter().filter(|sheet| sheet.name != read.name && is_visible(sheet)).collect();
    if choice.is_some() || others.is_empty() {
        return None;
    }
    let others = listed(&others, false);
    Some(format!(
        "the sheet `{}` is read, and not {others}; name another with `sheet` under [input]",
        read.name
    ))
}

/// The names of the sheets that are not hidden.
pub(super) fn visible(workbook: &Workbook) -> Vec<String> {
    sheets(workbook).into_iter().filter(is_visible).map(|sheet| sheet.name).collect()
}

fn sheets(workbook: &Workbook) -> Vec<Sheet> {
    let is_of_cells = |sheet: &&Sheet| sheet.typ == SheetType::WorkSheet;
    workbook.sheets_metadata().iter().filter(is_of_cells).cloned().collect()
}

fn is_visible(sheet: &Sheet) -> bool {
    sheet.visible == SheetVisible::Visible
}

fn listed(sheets: &[Sheet], is_numbered: bool) -> String {
    let shown = |(index, sheet): (usize, &Sheet)| {
        let number = if is_numbered { format!("{} ", index + 1) } else { String::new() };
        let hidden = if is_visible(sheet) { "" } else { " (hidden)" };
        format!("{number}`{}`{hidden}", sheet.name)
    };
    sheets.iter().enumerate().map(shown).collect::<Vec<_>>().join(", ")
}
