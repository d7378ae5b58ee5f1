//! JSONL: one object per line, with the input's part unchanged.

use std::io::Write;

use serde::Serialize;
use serde_json::value::RawValue;

use super::answer::AnswerValue;
use super::answered::Answered;
use super::cells::{Cell, CellReader, each_column};
use super::columns::{ColumnSource, Layout, OpenColumns};
use super::encoder::Encoder;
use super::error::WriteError;
use super::json::{push_json, separate};
use super::parquet::decimals::Decimals;
use crate::outcome::RowResult;
use crate::row::{Item, Origin, Row};

/// Writes rows as JSONL.
pub(super) struct JsonlWriter {
    output: Encoder,
    layout: Layout,
    /// The columns' names as JSON, in the layout's order.
    names: Vec<String>,
    cells: CellReader,
    /// For each input column, whether and where it has decimals.
    decimals: Vec<Option<Decimals>>,
    /// The line being built; the buffer is reused.
    line: Vec<u8>,
}

impl JsonlWriter {
    pub(super) fn new(output: Encoder, layout: Layout) -> Self {
        let names = layout.column_names().map(|name| serde_json::Value::from(name).to_string()).collect();
        let cells = CellReader::new(layout.input_names(), true);
        let decimals = layout.inputs.iter().map(Decimals::within).collect();
        Self { output, layout, names, cells, decimals, line: Vec::new() }
    }

    /// Writes one row. A row that could not be read has nulls in the known columns, and otherwise only the answer's
    /// columns.
    pub(super) fn write(&mut self, item: &Item, result: &RowResult) -> Result<(), WriteError> {
        self.line.clear();
        match (&self.layout.open, item.row()) {
            (Some(open), Some(row)) => {
                refuse_clash(&self.layout, item, row)?;
                own_columns(&mut self.line, open, row).map_err(|error| {
                    WriteError::row(item, format!("the row is not a JSON object: {error}"))
                })?;
            }
            _ => self.line.push(b'{'),
        }
        let cells = self.cells.read(item)?;
        let answered = Answered::read(result, &self.layout);
        for (name, column) in self.names.iter().zip(&self.layout.columns) {
            push_name(&mut self.line, name);
            match column.source {
                ColumnSource::Input(index) => match (&self.decimals[index], cells[index]) {
                    (Some(decimals), Cell::Value(value)) => decimals.push(&mut self.line, value),
                    (_, cell) => push_cell(&mut self.line, cell),
                },
                answer => push_answer(&mut self.line, answered.value(answer)),
            }
        }
        self.line.extend_from_slice(b"}\n");
        self.output.write_all(&self.line).map_err(|source| WriteError::writing(self.output.path(), source))
    }

    pub(super) fn finish(self) -> Result<super::atomic::ByteSink, WriteError> {
        let path = self.output.path().to_path_buf();
        self.output.finish().map_err(|source| WriteError::writing(&path, source))
    }
}

/// Rejects a row with a column named like an answer column.
fn refuse_clash(layout: &Layout, item: &Item, row: &Row) -> Result<(), WriteError> {
    let clash = match &row.origin {
        // A reader keeps the needed fields, and the whole line.
        Origin::Line(line) => {
            let mut names = Vec::new();
            // A line that is not an object is reported where its columns are written.
            let _ = each_column(line, |name, _| names.push(name));
            layout.clashes_with(names.iter().map(AsRef::as_ref))
        }
        Origin::Record | Origin::Sheet(_) | Origin::Columnar(..) => {
            layout.clashes_with(row.fields.keys().map(String::as_str))
        }
    };
    match clash {
        Some(column) => Err(WriteError::Clash { place: item.place().clone(), column }),
        None => Ok(()),
    }
}

/// Begins a line with the row's own columns.
fn own_columns(line: &mut Vec<u8>, open: &OpenColumns, row: &Row) -> serde_json::Result<()> {
    match &row.origin {
        Origin::Line(text) if open.renames.is_empty() => {
            // Everything except the closing brace, unchanged: spelling of numbers, escapes and spaces.
            let text = text.trim();
            line.extend_from_slice(text.strip_suffix('}').unwrap_or(text).trim_end().as_bytes());
            Ok(())
        }
        Origin::Line(text) => {
            line.push(b'{');
            each_column(text, |name, value| own_column(line, open.output_name(&name), value))
        }
        Origin::Record | Origin::Sheet(_) | Origin::Columnar(..) => {
            line.push(b'{');
            for (name, value) in &row.fields {
                own_column(line, open.output_name(name), value);
            }
            Ok(())
        }
    }
}

fn own_column(line: &mut Vec<u8>, name: &str, value: &(impl Serialize + ?Sized)) {
    separate(line);
    push_json(line, name);
    line.push(b':');
    push_json(line, value);
}

fn push_name(line: &mut Vec<u8>, name: &str) {
    separate(line);
    line.extend_from_slice(name.as_bytes());
    line.push(b':');
}

fn push_cell(line: &mut Vec<u8>, cell: Cell<'_>) {
    match cell {
        Cell::Null => line.extend_from_slice(b"null"),
        Cell::Raw(raw) => line.extend_from_slice(raw.as_bytes()),
        Cell::Value(value) => push_json(line, value),
    }
}

fn push_answer(line: &mut Vec<u8>, value: AnswerValue<'_>) {
    match value {
        AnswerValue::Null => line.extend_from_slice(b"null"),
        AnswerValue::Text(text) => push_json(line, text),
        AnswerValue::Integer(number) => push_json(line, &number),
        AnswerValue::Number(number) => push_json(line, &number),
        AnswerValue::Boolean(flag) => push_json(line, &flag),
        AnswerValue::Value(value) => push_json(line, value),
        AnswerValue::Texts(texts) => push_json(line, texts),
        AnswerValue::Json(text) => match serde_json::from_str::<&RawValue>(text) {
            // Line breaks between values, the only place where JSON text can have them, would end the row.
            Ok(value) if value.get().contains(['\n', '\r']) => {
                line.extend(
                    value.get().bytes().map(|byte| if byte == b'\n' || byte == b'\r' { b' ' } else { byte }),
                );
            }
            Ok(value) => line.extend_from_slice(value.get().as_bytes()),
            Err(_) => push_json(line, text),
        },
    }
}

#[cfg(test)]
mod tests;
