//! Spreadsheets (.xlsx): one sheet with a header, in which every cell keeps its type.
//!
//! The parts of the file are written one after the other, without a temporary file, so that memory does not grow with the rows and
//! a full disk is an error like any other. Nothing in it depends on the clock: the same rows give the same bytes.

mod cell;
mod parts;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::answer::AnswerValue;
use super::answered::Answered;
use super::cells::{Cell, CellReader};
use super::columns::{ColumnSource, Layout};
use super::encoder::Encoder;
use super::error::WriteError;
use crate::format::{MAX_SHEET_COLUMNS, MAX_SHEET_ROWS};
use crate::outcome::RowResult;
use crate::row::{Item, Origin};
use crate::sheet_time::SheetTime;

use cell::{CellStyle, RowXml, TooLong};

/// How many bytes of rows are gathered before they are compressed.
const BUFFER_BYTES: usize = 64 << 10;

/// Writes rows as a spreadsheet.
pub(super) struct SheetWriter {
    zip: ZipWriter<StreamWriter<Encoder>>,
    path: PathBuf,
    layout: Layout,
    cells: CellReader,
    xml: RowXml,
    /// How many rows there are, with the header.
    rows: u64,
}

impl SheetWriter {
    /// Writes the parts before the sheet, and the header.
    pub(super) fn new(output: Encoder, layout: Layout) -> Result<Self, WriteError> {
        let path = output.path().to_path_buf();
        let columns = layout.columns.len();
        if columns > MAX_SHEET_COLUMNS {
            let problem =
                format!("{columns} columns are more than the {MAX_SHEET_COLUMNS} that a sheet holds");
            return Err(WriteError::Sheet { what: path.display().to_string(), problem });
        }
        let zip = ZipWriter::new_stream(output);
        let cells = CellReader::new(layout.input_names(), false);
        let mut writer = Self { zip, path, layout, cells, xml: RowXml::default(), rows: 1 };
        writer.begin().map_err(|error| writer.failed(error))?;
        writer.header()?;
        Ok(writer)
    }

    fn begin(&mut self) -> io::Result<()> {
        for (name, text) in parts::BEFORE {
            self.part(name)?;
            self.zip.write_all(text.as_bytes())?;
        }
        self.part(parts::SHEET)?;
        self.zip.write_all(parts::SHEET_BEGIN.as_bytes())
    }

    fn part(&mut self, name: &str) -> io::Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default());
        self.zip.start_file(name, options).map_err(io::Error::from)
    }

    fn header(&mut self) -> Result<(), WriteError> {
        self.xml.begin_row(self.rows);
        for column in &self.layout.columns {
            let written = self.xml.text(&column.name, CellStyle::Header);
            let what = || self.path.display().to_string();
            written.map_err(|TooLong(length)| WriteError::long_cell(what(), &column.name, length))?;
        }
        self.xml.end_row();
        Ok(())
    }

    /// Writes one row; null cells are empty.
    pub(super) fn write(&mut self, item: &Item, result: &RowResult) -> Result<(), WriteError> {
        let what = || item.place().to_string();
        if self.rows == MAX_SHEET_ROWS {
            let problem =
                format!("a sheet holds {MAX_SHEET_ROWS} rows with its header, and this one is beyond");
            return Err(WriteError::Sheet { what: what(), problem });
        }
        self.rows += 1;
        self.xml.begin_row(self.rows);
        let cells = self.cells.read(item)?;
        let answered = Answered::read(result, &self.layout);
        for column in &self.layout.columns {
            let written = match column.source {
                ColumnSource::Input(index) => match time_of(item, &self.layout.inputs[index].name) {
                    Some(time) => self.xml.time(time),
                    None => input_cell(&mut self.xml, cells[index])
                        .map_err(|error| WriteError::row(item, error.to_string()))?,
                },
                answer => answer_cell(&mut self.xml, &answered.value(answer)),
            };
            written.map_err(|TooLong(length)| WriteError::long_cell(what(), &column.name, length))?;
        }
        self.xml.end_row();
        if self.xml.text.len() >= BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        let written = self.zip.write_all(self.xml.text.as_bytes());
        self.xml.text.clear();
        written.map_err(|error| self.failed(error))
    }

    /// Writes the end of the sheet, and the parts after it.
    pub(super) fn finish(mut self) -> Result<super::atomic::ByteSink, WriteError> {
        self.flush()?;
        let (columns, rows) = (self.layout.columns.len(), self.rows);
        let ended = self
            .zip
            .write_all(parts::sheet_end(columns, rows).as_bytes())
            .and_then(|()| self.part(parts::WORKBOOK))
            .and_then(|()| self.zip.write_all(parts::workbook(columns, rows).as_bytes()));
        ended.map_err(|error| self.failed(error))?;
        let path = self.path.clone();
        let output = self.zip.finish().map_err(io::Error::from).map(StreamWriter::into_inner);
        output.and_then(Encoder::finish).map_err(|source| failure(&path, source))
    }

    fn failed(&self, error: io::Error) -> WriteError {
        failure(&self.path, error)
    }
}

/// The error for what could not be written. One without a number is of the archive itself, whose parts have a size of their own.
fn failure(path: &Path, error: io::Error) -> WriteError {
    let inner = error.get_ref().is_some() && error.raw_os_error().is_none();
    if inner && error.kind() == io::ErrorKind::Other && error.to_string().contains("arge") {
        let problem = "the rows are more than the 4 GiB that a sheet holds".to_owned();
        return WriteError::Sheet { what: path.display().to_string(), problem };
    }
    WriteError::writing(path, error)
}

/// The date or time that a row has in a column, if it comes from a spreadsheet.
fn time_of(item: &Item, name: &str) -> Option<SheetTime> {
    let Origin::Sheet(times) = &item.row()?.origin else { return None };
    times.iter().find(|(column, _)| **column == *name).map(|(_, time)| *time)
}

fn input_cell(xml: &mut RowXml, cell: Cell<'_>) -> serde_json::Result<Result<(), TooLong>> {
    if matches!(cell, Cell::Null) {
        xml.empty();
        return Ok(Ok(()));
    }
    let text = cell.text()?;
    Ok(match (cell.is_text(), &*text) {
        (false, "true") => xml.boolean(true),
        (false, "false") => xml.boolean(false),
        // Arrays and objects are not numbers either.
        (false, number) if cell::is_exact(number) => xml.number(number),
        _ => xml.text(&text, CellStyle::Plain),
    })
}

fn answer_cell(xml: &mut RowXml, value: &AnswerValue<'_>) -> Result<(), TooLong> {
    match value {
        AnswerValue::Null => {
            xml.empty();
            Ok(())
        }
        AnswerValue::Text(text) | AnswerValue::Json(text) => xml.text(text, CellStyle::Plain),
        AnswerValue::Integer(number) => number_or_text(xml, &number.to_string()),
        AnswerValue::Number(number) => number_or_text(xml, &number.to_string()),
        AnswerValue::Boolean(flag) => xml.boolean(*flag),
        AnswerValue::Texts(texts) => xml.text(&json_of(texts), CellStyle::Plain),
        AnswerValue::Value(value) => xml.text(&value.to_string(), CellStyle::Plain),
    }
}

fn json_of(texts: &[String]) -> String {
    serde_json::to_string(texts).unwrap_or_default()
}

fn number_or_text(xml: &mut RowXml, number: &str) -> Result<(), TooLong> {
    if cell::is_exact(number) { xml.number(number) } else { xml.text(number, CellStyle::Plain) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Compression;
    use crate::write::OutputSpec;
    use crate::write::atomic::{ByteSink, Manner, Target};
    use crate::write::conformance::sample::{answered, inputs, layout};

    #[test]
    fn a_row_beyond_the_end_of_a_sheet_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = Target::File(folder.path().join("out.xlsx"));
        let sink = ByteSink::open(target, Manner::AS_NAMED).expect("a file");
        let input = &inputs(&[(1, Some("a"))])[0];
        let layout = layout(input, crate::format::Format::Xlsx, &OutputSpec::default());
        let output = Encoder::new(sink, Compression::Plain).expect("an encoder");
        let mut writer = SheetWriter::new(output, layout).expect("a writer");
        writer.rows = MAX_SHEET_ROWS - 1;
        writer.write(&input.items[0], &answered("the last")).expect("a row");
        let refused =
            writer.write(&input.items[0], &answered("one more")).expect_err("a full sheet").to_string();
        assert!(refused.starts_with("in.jsonl:1: a sheet holds 1048576 rows"), "{refused}");
        let long = "x".repeat(40_000);
        writer.rows = 7;
        let refused = writer.write(&input.items[0], &answered(&long)).expect_err("a long text").to_string();
        assert!(
            refused.starts_with("in.jsonl:1: the text of column `response` has 40000 characters"),
            "{refused}"
        );
        assert!(refused.contains("fanfold export JOB --output out.csv"), "{refused}");
    }
}
