//! CSV and TSV: a header, and every cell as text.

use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::Value;

use super::answer::AnswerValue;
use super::answered::Answered;
use super::cells::{Cell, CellReader};
use super::columns::{ColumnSource, Layout};
use super::encoder::Encoder;
use super::error::WriteError;
use super::parquet::decimals::Decimals;
use crate::outcome::RowResult;
use crate::row::Item;

/// The first characters of a text that a spreadsheet may run. The wide forms come from East Asian keyboards, and some
/// spreadsheets accept them too.
const FORMULA_STARTS: [char; 11] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// The byte order mark of UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Where a spreadsheet may split a line or a file into cells, whatever the file's own delimiter.
const SPLITTERS: [char; 6] = [';', ',', '\t', '|', '\n', '\r'];

/// Writes rows as CSV or TSV.
pub(super) struct CsvWriter {
    records: csv::Writer<Encoder>,
    layout: Layout,
    cells: CellReader,
    /// For each input column, whether and where it has decimals.
    decimals: Vec<Option<Decimals>>,
    /// A buffer for building a cell.
    scratch: String,
}

impl CsvWriter {
    /// Writes the header. `delimiter` is for a layout that has none.
    pub(super) fn new(mut output: Encoder, layout: Layout, delimiter: u8) -> Result<Self, WriteError> {
        if layout.is_marked {
            let path = output.path().to_path_buf();
            output.write_all(MARK).map_err(|source| WriteError::writing(&path, source))?;
        }
        let delimiter = layout.delimiter.unwrap_or(delimiter);
        let records = csv::WriterBuilder::new().delimiter(delimiter).from_writer(output);
        let cells = CellReader::new(layout.input_names(), false);
        let decimals = layout.inputs.iter().map(Decimals::within).collect();
        let mut writer = Self { records, layout, cells, decimals, scratch: String::new() };
        writer.header().map_err(|error| writer.failed(error))?;
        Ok(writer)
    }

    fn header(&mut self) -> csv::Result<()> {
        for name in self.layout.column_names() {
            self.records.write_field(guarded(&mut self.scratch, name, self.layout.spreadsheet_safe))?;
        }
        end_record(&mut self.records)
    }

    /// Writes one row; null cells are empty.
    pub(super) fn write(&mut self, item: &Item, result: &RowResult) -> Result<(), WriteError> {
        let cells = self.cells.read(item)?;
        let answered = Answered::read(result, &self.layout);
        let safe = self.layout.spreadsheet_safe;
        let mut written = Ok(());
        for column in &self.layout.columns {
            written = match column.source {
                ColumnSource::Input(index) => {
                    let cell = cells[index];
                    let text = match (&self.decimals[index], cell) {
                        (Some(decimals), Cell::Value(value)) if !value.is_string() => {
                            decimals.text(value).into()
                        }
                        _ => cell.text().map_err(|error| WriteError::row(item, error.to_string()))?,
                    };
                    let text = guarded(&mut self.scratch, &text, safe && cell.is_text());
                    self.records.write_field(text)
                }
                answer => {
                    self.records.write_field(answer_text(&mut self.scratch, answered.value(answer), safe))
                }
            };
            if written.is_err() {
                break;
            }
        }
        written.and_then(|()| end_record(&mut self.records)).map_err(|error| self.failed(error))
    }

    pub(super) fn finish(self) -> Result<super::atomic::ByteSink, WriteError> {
        let path = self.records.get_ref().path().to_path_buf();
        let output = self.records.into_inner().map_err(|failed| failed.into_error());
        output.and_then(Encoder::finish).map_err(|source| WriteError::writing(&path, source))
    }

    fn failed(&self, error: csv::Error) -> WriteError {
        WriteError::writing(self.records.get_ref().path(), error.into())
    }
}

fn end_record(records: &mut csv::Writer<Encoder>) -> csv::Result<()> {
    records.write_record(None::<&[u8]>)
}

fn answer_text<'a>(scratch: &'a mut String, value: AnswerValue<'a>, safe: bool) -> &'a str {
    scratch.clear();
    let written = match value {
        AnswerValue::Null => return "",
        AnswerValue::Text(text) | AnswerValue::Json(text) => return guarded(scratch, text, safe),
        AnswerValue::Integer(number) => write!(scratch, "{number}"),
        // Spelled as in JSON, in CSV too: `0.25`, `1e-7`.
        AnswerValue::Number(number) => write!(scratch, "{number}"),
        AnswerValue::Boolean(flag) => write!(scratch, "{flag}"),
        // JSON text never begins like a formula, except numbers, which a spreadsheet displays.
        AnswerValue::Value(value) => write!(scratch, "{value}"),
        AnswerValue::Texts(texts) => {
            let text = Value::from(texts).to_string();
            *scratch = guarded(scratch, &text, safe).to_owned();
            Ok(())
        }
    };
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
    scratch
}

/// A text cell as written: if `safe` is set, with a `'` before everything in it that a spreadsheet would run. A spreadsheet
/// that splits at another delimiter than the file's would find a cell after each of these.
fn guarded<'a>(scratch: &'a mut String, text: &'a str, safe: bool) -> &'a str {
    let is_run = |part: &str| part.starts_with(FORMULA_STARTS) && !is_number(part);
    if !safe || !(is_run(text) || text.split(SPLITTERS).any(is_run)) {
        return text;
    }
    scratch.clear();
    if is_run(text) {
        scratch.push('\'');
    }
    let mut first = !is_run(text);
    for part in text.split_inclusive(SPLITTERS) {
        let bare = part.trim_end_matches(SPLITTERS);
        if is_run(bare) && (first || !scratch.ends_with('\'')) {
            scratch.push('\'');
        }
        first = false;
        scratch.push_str(part);
    }
    scratch
}

/// Whether the text is a number, such as `-3`, which a spreadsheet displays and does not run.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') && digits.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_after_a_possible_delimiter_is_guarded_too() {
        let mut scratch = String::new();
        for (text, written) in [
            ("x;=1+1", "x;'=1+1"),
            ("x|=1+1|y\n@z", "x|'=1+1|y\n'@z"),
            ("=a;=b", "'=a;'=b"),
            ("\t=1", "'\t'=1"),
            ("\r=1", "'\r'=1"),
            ("x;-3;y", "x;-3;y"),
            ("a, -b; c = d", "a, -b; c = d"),
        ] {
            assert_eq!(guarded(&mut scratch, text, true), written);
        }
    }

    #[test]
    fn only_text_that_a_spreadsheet_would_run_is_guarded() {
        let mut scratch = String::new();
        for formula in ["=1+1", "+A1", "-A1", "@SUM(A1)", "-1+cmd|' /C calc'!A0", "=1"] {
            assert_eq!(guarded(&mut scratch, formula, true), format!("'{formula}"));
            assert_eq!(guarded(&mut scratch, formula, false), formula);
            assert_eq!(guarded(&mut scratch, &format!("x;{formula}"), false), format!("x;{formula}"));
        }
        for harmless in ["", "a=1", "-3", "+4.5", "-.5e3", "'=1", " =1"] {
            assert_eq!(guarded(&mut scratch, harmless, true), harmless);
        }
    }
}
