//! Chooses, orders and names the output's columns once for all formats.

mod names;
mod spec;

use std::collections::{HashMap, HashSet};

use super::answer::{AnswerColumn, AnswerKind};
use super::each::EachColumns;
use crate::row::Column;
use crate::schema::Field;

pub use names::LayoutError;
use names::{ColumnNames, Named, USE_PREFIX};
pub use spec::OutputSpec;

/// The columns of an output.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The columns that every row has, in order.
    pub(super) columns: Vec<OutputColumn>,
    /// The input columns among them.
    pub(super) inputs: Vec<Column>,
    /// Set when every row brings its own columns, which precede the others.
    pub(super) open: Option<OpenColumns>,
    /// The fields of the answer among the columns.
    pub(super) fields: Vec<Field>,
    /// As in [`OutputSpec`].
    pub(super) each: EachColumns,
    /// As in [`OutputSpec`].
    pub(super) spreadsheet_safe: bool,
    /// As in [`OutputSpec`].
    pub(super) delimiter: Option<u8>,
    /// As in [`OutputSpec`].
    pub(super) is_marked: bool,
}

/// One column of the output.
#[derive(Debug, Clone)]
pub(super) struct OutputColumn {
    /// Its name in the output.
    pub(super) name: String,
    /// Where its values come from.
    pub(super) source: ColumnSource,
}

/// Where the values of an output column come from.
#[derive(Debug, Clone, Copy)]
pub(super) enum ColumnSource {
    /// An input column, by its index in [`Layout::inputs`].
    Input(usize),
    Answer(AnswerColumn),
    /// A field of the answer, by its index in [`Layout::fields`].
    Field(usize),
    /// A value of the row's combination, by the index of its name.
    Each(usize),
    /// The response to a combination, by its number.
    Response(usize),
    /// A field of the answer to a combination, by the number of that and the index of the field in [`Layout::fields`].
    ResponseField(usize, usize),
}

/// How rows' own columns are named when they are not known in advance.
#[derive(Debug, Clone)]
pub(super) struct OpenColumns {
    /// The new names of input columns, by the old ones.
    pub(super) renames: HashMap<String, String>,
    /// The names used by the answer columns.
    taken: HashSet<String>,
}

impl Layout {
    /// Determines the output's columns.
    ///
    /// `input` is `None` when JSONL is written to JSONL and every row brings its own columns. Any name in `select` or
    /// `rename` that is not an answer column then means an input column; a row without a selected one gets null.
    ///
    /// # Errors
    ///
    /// `spec` names a column that does not exist, or two output columns would have the same name.
    pub fn new(input: Option<&[Column]>, spec: &OutputSpec) -> Result<Self, LayoutError> {
        let names = ColumnNames::new(input, spec);
        let renames = names.renames(&spec.rename)?;
        let chosen = names.chosen()?;
        let output_name = |named: &Named| match (renames.get(named), named) {
            (Some(name), _) => name.clone(),
            (None, Named::Input(name) | Named::Each(_, name)) => name.clone(),
            (None, answer) => names.prefixed(answer),
        };

        let mut layout = Self {
            columns: Vec::new(),
            inputs: Vec::new(),
            open: None,
            fields: Vec::new(),
            each: spec.each.clone(),
            spreadsheet_safe: spec.spreadsheet_safe,
            delimiter: spec.delimiter,
            is_marked: spec.is_marked,
        };
        let mut seen = HashMap::new();
        for named in chosen {
            let name = output_name(&named);
            if let Some(other) = seen.insert(name.clone(), named.clone()) {
                return Err(LayoutError::SameName { name, advice: named.advice(&other) });
            }
            let source = match named {
                Named::Answer(answer) => ColumnSource::Answer(answer),
                Named::Each(index, _) => ColumnSource::Each(index),
                Named::Response(number, _) => ColumnSource::Response(number),
                Named::Field(field) => {
                    layout.fields.push(field);
                    ColumnSource::Field(layout.fields.len() - 1)
                }
                Named::ResponseField(number, field, _) => {
                    let known = layout.fields.iter().position(|known| *known == field);
                    let index = known.unwrap_or(layout.fields.len());
                    layout.fields.extend(known.is_none().then_some(field));
                    ColumnSource::ResponseField(number, index)
                }
                Named::Input(name) => {
                    layout.inputs.push(names.column(name));
                    ColumnSource::Input(layout.inputs.len() - 1)
                }
            };
            layout.columns.push(OutputColumn { name, source });
        }
        if input.is_none() && spec.select.is_none() && !spec.answers_only {
            layout.open = Some(OpenColumns::new(renames, seen.into_keys().collect())?);
        }
        Ok(layout)
    }

    /// The kind of a column's values, unless it is one of the input's.
    pub(super) fn kind(&self, source: ColumnSource) -> AnswerKind {
        match source {
            ColumnSource::Answer(answer) => answer.kind(),
            ColumnSource::Field(index) | ColumnSource::ResponseField(_, index) => {
                AnswerKind::of_field(self.fields[index].kind)
            }
            ColumnSource::Input(_) | ColumnSource::Each(_) | ColumnSource::Response(_) => AnswerKind::Text,
        }
    }

    /// The names of the output's columns, in order; without the rows' own when those are not known in advance.
    pub fn column_names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// The output name of an answer column; `None` when the output does not have it.
    pub fn name_of_answer(&self, answer: &str) -> Option<&str> {
        let is_it = |column: &&OutputColumn| matches!(column.source, ColumnSource::Answer(one) if one.name() == answer);
        self.columns.iter().find(is_it).map(|column| column.name.as_str())
    }

    /// The output name of an input column; `None` when the output does not have it.
    pub fn name_of_input<'a>(&'a self, input: &'a str) -> Option<&'a str> {
        let is_it = |column: &&OutputColumn| matches!(column.source, ColumnSource::Input(index) if self.inputs[index].name == input);
        match &self.open {
            Some(open) => Some(open.output_name(input)),
            None => self.columns.iter().find(is_it).map(|column| column.name.as_str()),
        }
    }

    /// The input names of the input columns that the output needs; none when rows bring their own.
    pub fn input_names(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(|column| column.name.as_str())
    }

    /// The delimiter of CSV or TSV, where it is not the format's own.
    pub fn delimiter(&self) -> Option<u8> {
        self.delimiter
    }

    /// Whether every row brings its own columns.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The name that a row with these columns would give to two output columns. Only rows that bring their own columns can
    /// clash; [`Layout::new`] has checked the others.
    pub fn clashes_with<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
        let open = self.open.as_ref()?;
        let mut renamed = HashSet::new();
        for name in names {
            let name = open.output_name(name);
            // Without renames, a row's own columns always differ from each other.
            if open.taken.contains(name) || (!open.renames.is_empty() && !renamed.insert(name.to_owned())) {
                return Some(name.to_owned());
            }
        }
        None
    }
}

impl OpenColumns {
    fn new(renames: HashMap<Named, String>, taken: HashSet<String>) -> Result<Self, LayoutError> {
        let mut own = HashMap::new();
        for (named, new_name) in renames {
            let Named::Input(name) = named else { continue };
            if taken.contains(&new_name) {
                return Err(LayoutError::SameName { name: new_name, advice: USE_PREFIX });
            }
            own.insert(name, new_name);
        }
        Ok(Self { renames: own, taken })
    }

    /// The name in the output of a row's own column.
    pub(super) fn output_name<'a>(&'a self, name: &'a str) -> &'a str {
        self.renames.get(name).map_or(name, String::as_str)
    }
}

#[cfg(test)]
mod tests;
