//! Resolves the names in `select` and `rename`.

use std::collections::HashMap;

use thiserror::Error;

use super::spec::OutputSpec;
use crate::row::{Column, ColumnKind, JsonKind};
use crate::schema::Field;
use crate::write::answer::AnswerColumn;

/// How similar a name must be to be suggested instead, from 0 to 1.
const LIKENESS: f64 = 0.75;

pub(super) const USE_PREFIX: &str = "set a `prefix` under [output] for the answer columns";
const USE_RENAME: &str = "rename one of them with `rename` under [output]";
/// The prefix applies to both; the bare name means the answer column.
const RENAME_THE_COLUMN: &str = "one is a field of the schema, the other an answer column; rename the latter \
    with `rename` under [output]";
const NAME_EACH: &str = "one holds the values of a name of [each]; give that another name there";
const USE_WIDE: &str =
    "one is the response to a combination of [each]; set `wide` or a `prefix` under [output]";
const NAME_ALL: &str =
    "one is the response to a combination of [each]; use every name of [each] in `wide` under [output]";
const NAMED_TWICE: &str = "`select` names it twice";

/// The names a user can choose from.
pub(super) struct ColumnNames<'a> {
    input: Option<&'a [Column]>,
    /// The input's columns by name, since a table may have a hundred thousand columns.
    by_name: HashMap<&'a str, &'a Column>,
    spec: &'a OutputSpec,
}

impl<'a> ColumnNames<'a> {
    pub(super) fn new(input: Option<&'a [Column]>, spec: &'a OutputSpec) -> Self {
        let columns = input.unwrap_or_default().iter();
        // If two have the same name, the first counts.
        let by_name = columns.rev().map(|column| (column.name.as_str(), column)).collect();
        Self { input, by_name, spec }
    }

    /// The columns of the output, in order.
    pub(super) fn chosen(&self) -> Result<Vec<Named>, LayoutError> {
        match self.spec.select.as_deref() {
            Some([]) => Err(LayoutError::NoColumns),
            Some(select) => select.iter().map(|name| self.resolve("select", name)).collect(),
            None if self.spec.answers_only => Ok(self.answers().collect()),
            None => {
                let without = self.spec.unless_selected.as_deref();
                let inputs = self.input.unwrap_or_default().iter();
                let inputs = inputs.filter(|column| without != Some(column.name.as_str()));
                let inputs = inputs.map(|column| Named::Input(column.name.clone()));
                Ok(inputs.chain(self.answers()).collect())
            }
        }
    }

    /// The columns that are not the input's.
    fn answers(&self) -> impl Iterator<Item = Named> {
        let each = &self.spec.each;
        let names = each.names().iter().enumerate().map(|(index, name)| Named::Each(index, name.clone()));
        let responses = each.responses().iter().enumerate();
        let wide = responses.clone().map(|(number, name)| Named::Response(number, name.clone()));
        let is_wide = !each.responses().is_empty();
        // Of several responses, none is the row's.
        let answers = AnswerColumn::all(self.spec.further)
            .filter(move |column| !(is_wide && *column == AnswerColumn::Response))
            .map(Named::Answer);
        let fields = self.spec.fields.iter().filter(move |_| !is_wide).cloned().map(Named::Field);
        let of_responses = responses.flat_map(move |(number, _)| {
            let named = move |field: &Field| {
                Named::ResponseField(number, field.clone(), each.field(number, &field.name))
            };
            self.spec.fields.iter().map(named)
        });
        names.chain(wide).chain(answers).chain(fields).chain(of_responses)
    }

    /// The new names that columns get.
    pub(super) fn renames(&self, rename: &[(String, String)]) -> Result<HashMap<Named, String>, LayoutError> {
        let mut renames = HashMap::new();
        for (name, new_name) in rename {
            if renames.insert(self.resolve("rename", name)?, new_name.clone()).is_some() {
                return Err(LayoutError::RenamedTwice { name: name.clone() });
            }
        }
        Ok(renames)
    }

    /// The column with this name. Where a prefix tells the two apart, a name without it means the input's column first.
    fn resolve(&self, setting: &'static str, name: &str) -> Result<Named, LayoutError> {
        let known = self.by_name.contains_key(name);
        let prefixed = self.answers().find(|answer| self.prefixed(answer) == name);
        let is_prefixed = prefixed.is_some();
        let answer = prefixed.or_else(|| self.answers().find(|answer| answer.name() == name));
        match (known, answer) {
            (true, _) if is_prefixed => {
                Err(LayoutError::SameName { name: name.to_owned(), advice: USE_PREFIX })
            }
            (true, _) => Ok(Named::Input(name.to_owned())),
            (false, Some(answer)) => Ok(answer),
            // An input without any columns has no rows: any name may be one of its columns.
            (false, None) if self.input.is_none_or(<[Column]>::is_empty) => Ok(Named::Input(name.to_owned())),
            (false, None) => {
                Err(LayoutError::Unknown { setting, name: name.to_owned(), nearest: self.nearest(name) })
            }
        }
    }

    /// The known name that is most similar to this one.
    fn nearest(&self, name: &str) -> Option<String> {
        let inputs = self.input.unwrap_or_default().iter().map(|column| column.name.clone());
        let likeness = |known: &str| strsim::jaro_winkler(&known.to_lowercase(), &name.to_lowercase());
        inputs
            .chain(self.answers().map(|answer| self.prefixed(&answer)))
            .map(|known| (likeness(&known), known))
            .filter(|(likeness, _)| *likeness >= LIKENESS)
            .max_by(|(left, _), (right, _)| left.total_cmp(right))
            .map(|(_, known)| known)
    }

    /// The output name of a column that is not the input's and is not renamed.
    pub(super) fn prefixed(&self, answer: &Named) -> String {
        match answer {
            Named::Each(_, name) => name.clone(),
            answer => format!("{}{}", self.spec.prefix, answer.name()),
        }
    }

    /// The input column with this name; any JSON if it is not known in advance.
    pub(super) fn column(&self, name: String) -> Column {
        let known = self.by_name.get(name.as_str()).map(|column| Column::clone(column));
        known.unwrap_or(Column { name, kind: ColumnKind::Json(JsonKind::Mixed) })
    }
}

/// A column that the user can name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Named {
    Input(String),
    Answer(AnswerColumn),
    Field(Field),
    /// A value of the row's combination, by the index of its name, and its name.
    Each(usize, String),
    /// The response to a combination, by its number, and its name.
    Response(usize, String),
    /// A field of the answer to a combination, by the number of that, and its name.
    ResponseField(usize, Field, String),
}

impl Named {
    /// The column's name, without a prefix.
    fn name(&self) -> &str {
        match self {
            Self::Input(name) => name,
            Self::Answer(answer) => answer.name(),
            Self::Field(field) => &field.name,
            Self::Each(_, name) | Self::Response(_, name) | Self::ResponseField(_, _, name) => name,
        }
    }

    /// How to give two columns of the same name different ones.
    pub(super) fn advice(&self, other: &Self) -> &'static str {
        match (self, other) {
            (one, other) if one == other => NAMED_TWICE,
            (Named::Answer(_), Named::Field(_)) | (Named::Field(_), Named::Answer(_)) => RENAME_THE_COLUMN,
            (Named::Each(..), _) | (_, Named::Each(..)) => NAME_EACH,
            (Named::Response(..) | Named::ResponseField(..), Named::Input(_))
            | (Named::Input(_), Named::Response(..) | Named::ResponseField(..)) => USE_WIDE,
            (Named::Response(..), _) | (_, Named::Response(..)) => NAME_ALL,
            (Named::Input(_), Named::Input(_)) => USE_RENAME,
            (Named::Input(_), _) | (_, Named::Input(_)) => USE_PREFIX,
            _ => USE_RENAME,
        }
    }
}

impl LayoutError {
    /// The name in question, as `select` or `rename` has it; none for an empty `select`.
    pub fn name(&self) -> &str {
        match self {
            Self::Unknown { name, .. } | Self::SameName { name, .. } | Self::RenamedTwice { name } => name,
            Self::NoColumns => "",
        }
    }
}

/// Why an output cannot have the requested columns.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LayoutError {
    /// A name that is neither a column of the input nor an answer column.
    #[error(
        "`{setting}` under [output] has a column `{name}`, which is in neither the input nor the answers{}",
        nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
    )]
    Unknown {
        /// `select` or `rename`.
        setting: &'static str,
        /// The unknown name.
        name: String,
        /// The most similar known name, if there is one.
        nearest: Option<String>,
    },
    /// Two columns with one name.
    #[error("the output would have two columns named `{name}`: {advice}")]
    SameName {
        /// Their name in the output.
        name: String,
        /// How to tell them apart.
        advice: &'static str,
    },
    /// A column that gets two new names.
    #[error("`rename` under [output] gives the column `{name}` two names")]
    RenamedTwice {
        /// The column's name in `rename`.
        name: String,
    },
    /// An empty `select`.
    #[error("`select` under [output] has no column; remove it to get all columns")]
    NoColumns,
}
