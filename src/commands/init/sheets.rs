//! Which sheet of a spreadsheet a new job reads.

use std::path::Path;

use crate::commands::failure::Failure;
use crate::format::Format;
use crate::job::sheet_choice::SheetChoice;
use crate::pipeline::PipelineError;
use crate::read::{SheetSize, sheet_sizes};
use crate::text::counted;

/// The sheets of an input among which one has to be chosen: of a spreadsheet with several that are not hidden.
#[derive(Debug)]
pub(super) struct Sheets(Vec<SheetSize>);

impl Sheets {
    /// Those of an input; `None` if there is nothing to choose.
    pub(super) fn of(input: Option<&str>) -> Result<Option<Self>, Failure> {
        let is_one = |path: &&str| Format::of_path(path) == Some(Format::Xlsx) && Path::new(path).is_file();
        let Some(path) = input.filter(is_one) else { return Ok(None) };
        let sheets = sheet_sizes(path).map_err(PipelineError::from)?;
        Ok((sheets.len() > 1).then_some(Self(sheets)))
    }

    /// The one with the most rows, the first among equals.
    pub(super) fn largest(&self) -> &str {
        self.0.iter().rev().max_by_key(|sheet| sheet.rows).map_or("", |sheet| sheet.name.as_str())
    }

    /// The sheets with their sizes, in a line.
    pub(super) fn shown(&self) -> String {
        let shown = |sheet: &SheetSize| format!("{} ({})", sheet.name, counted(sheet.rows, "row"));
        self.0.iter().map(shown).collect::<Vec<_>>().join(", ")
    }

    /// The sheet that a text names.
    pub(super) fn named(&self, text: &str) -> SheetChoice {
        let same = |sheet: &&SheetSize| sheet.name == text;
        let alike = |sheet: &&SheetSize| sheet.name.to_lowercase() == text.to_lowercase();
        match self.0.iter().find(same).or_else(|| self.0.iter().find(alike)) {
            Some(sheet) => SheetChoice::Name(sheet.name.clone()),
            None => choice(text),
        }
    }
}

/// A sheet by a number or a name.
pub(super) fn choice(text: &str) -> SheetChoice {
    match text.parse() {
        Ok(number) => SheetChoice::Number(number),
        Err(_) => SheetChoice::Name(text.to_owned()),
    }
}
