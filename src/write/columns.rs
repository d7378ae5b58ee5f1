//! The output's columns: chosen, ordered and named once, for all formats.

mod names;

use std::collections::{HashMap, HashSet};

use super::answer::AnswerColumn;
use crate::row::Column;
use crate::schema::Field;

pub use names::LayoutError;
use names::{ColumnNames, Named, USE_PREFIX};

/// What the job's `[output]` says about columns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutputSpec {
    /// The columns of the output and their order, by their names before `rename`; `None`: all columns of the
    /// input, then all answer columns. Answer columns go by their names with or without the prefix.
    pub select: Option<Vec<String>>,
    /// Columns that get another name in the output: the old name, named as in `select`, and the new one.
    pub rename: Vec<(String, String)>,
    /// Put before the name of every answer column that is not renamed.
    pub prefix: String,
    /// Whether text cells of CSV and TSV that a spreadsheet would run as formulas get a `'` before them.
    pub spreadsheet_safe: bool,
    /// Fields of the answers that are columns as well, after the answer columns.
    pub fields: Vec<Field>,
}

/// The columns of an output.
#[derive(Debug, Clone)]
pub struct Layout {
    /// The columns that every row has, in order.
    pub(super) columns: Vec<OutputColumn>,
    /// The input's columns that are among them.
    pub(super) inputs: Vec<Column>,
    /// Set when every row brings columns of its own, which stand before the others.
    pub(super) open: Option<OpenColumns>,
    /// The fields of the answers that are among the columns.
    pub(super) fields: Vec<Field>,
    /// As in [`OutputSpec`].
    pub(super) spreadsheet_safe: bool,
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
}

/// How rows' own columns are named when they are not known ahead.
#[derive(Debug, Clone)]
pub(super) struct OpenColumns {
    /// The new names of input columns, by the old ones.
    pub(super) renames: HashMap<String, String>,
    /// The names that the answer columns have taken.
    taken: HashSet<String>,
}

impl Layout {
    /// Settles the output's columns.
    ///
    /// `input` is `None` for JSONL that is written to JSONL, where every row brings its own columns. Any name in
    /// `select` or `rename` that is no answer column's is then taken for an input column's; a row that does not
    /// have a selected one gets a null.
    ///
    /// # Errors
    ///
    /// When `spec` names a column that is not there, or two columns of the output would have the same name.
    pub fn new(input: Option<&[Column]>, spec: &OutputSpec) -> Result<Self, LayoutError> {
        let names = ColumnNames::new(input, &spec.fields, &spec.prefix);
        let renames = names.renames(&spec.rename)?;
        let chosen = names.chosen(spec.select.as_deref())?;
        let output_name = |named: &Named| match (renames.get(named), named) {
            (Some(name), _) => name.clone(),
            (None, Named::Input(name)) => name.clone(),
            (None, answer) => names.prefixed(answer),
        };

        let mut layout = Self {
            columns: Vec::new(),
            inputs: Vec::new(),
            open: None,
            fields: Vec::new(),
            spreadsheet_safe: spec.spreadsheet_safe,
        };
        let mut seen = HashMap::new();
        for named in chosen {
            let name = output_name(&named);
            if let Some(other) = seen.insert(name.clone(), named.clone()) {
                return Err(LayoutError::SameName { name, advice: named.advice(&other) });
            }
            let source = match named {
                Named::Answer(answer) => ColumnSource::Answer(answer),
                Named::Field(field) => {
                    layout.fields.push(field);
                    ColumnSource::Field(layout.fields.len() - 1)
                }
                Named::Input(name) => {
                    layout.inputs.push(names.column(name));
                    ColumnSource::Input(layout.inputs.len() - 1)
                }
            };
            layout.columns.push(OutputColumn { name, source });
        }
        if input.is_none() && spec.select.is_none() {
            layout.open = Some(OpenColumns::new(renames, seen.into_keys().collect())?);
        }
        Ok(layout)
    }

    /// The names of the output's columns, in order; without the rows' own, when those are not known ahead.
    pub fn column_names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// What an answer column is called in the output; `None` when the output does not have it.
    pub fn name_of_answer(&self, answer: &str) -> Option<&str> {
        let is_it = |column: &&OutputColumn| matches!(column.source, ColumnSource::Answer(one) if one.name() == answer);
        self.columns.iter().find(is_it).map(|column| column.name.as_str())
    }

    /// What an input column is called in the output; `None` when the output does not have it.
    pub fn name_of_input<'a>(&'a self, input: &'a str) -> Option<&'a str> {
        let is_it = |column: &&OutputColumn| matches!(column.source, ColumnSource::Input(index) if self.inputs[index].name == input);
        match &self.open {
            Some(open) => Some(open.output_name(input)),
            None => self.columns.iter().find(is_it).map(|column| column.name.as_str()),
        }
    }

    /// The names in the input of the input columns that the output needs; none, when rows bring their own.
    pub fn input_names(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(|column| column.name.as_str())
    }

    /// Whether every row brings its own columns.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// The name that the output would have twice because of a row with columns of these names. Only rows that
    /// bring their own columns can clash; [`Layout::new`] has seen to the others.
    pub fn clashes_with<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
        let open = self.open.as_ref()?;
        let mut renamed = HashSet::new();
        for name in names {
            let name = open.output_name(name);
            // Without new names, a row's own columns differ from each other as they are.
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
