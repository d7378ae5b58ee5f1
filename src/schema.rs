//! The JSON Schema of an answer: the faults of an answer, in words that a model can act on, and the fields that become
//! columns.

mod faults;
mod fields;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ReferencingError, Validator};
use serde_json::Value;
use thiserror::Error;

use crate::near_json;

pub use fields::{Field, FieldKind, FieldValue};

/// The longest name of a schema that the API accepts ("Structured output", Model Studio).
const LONGEST_NAME: usize = 64;

/// A compiled JSON Schema, against which each answer is checked. `$schema` names its draft; without it, 2020-12. `format` is
/// always a rule, whatever the draft: a field declared as a date must be a date.
#[derive(Debug)]
pub struct AnswerSchema {
    name: String,
    schema: Value,
    validator: Validator,
}

impl AnswerSchema {
    /// Reads a schema. `name` is the file's, for messages.
    ///
    /// # Errors
    ///
    /// When the text is not JSON, the JSON is not a schema, or the schema refers to another document: only the file itself
    /// is ever read.
    pub fn parse(text: &str, name: &str) -> Result<Self, SchemaError> {
        let name = name.to_owned();
        let schema: Value = match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
            Ok(schema) => schema,
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                return Err(SchemaError::Syntax { name, line, column, message: without_place(&error) });
            }
        };
        let options = jsonschema::options().offline().should_validate_formats(true);
        match options.build(&schema) {
            Ok(validator) => Ok(Self { name, schema, validator }),
            Err(error) => Err(match error.kind() {
                ValidationErrorKind::Referencing(ReferencingError::Unretrievable { uri, .. }) => {
                    SchemaError::Elsewhere { name, uri: uri.clone() }
                }
                _ => SchemaError::Invalid {
                    name,
                    path: faults::path(error.instance_path().as_str()).unwrap_or("the top level").to_owned(),
                    message: faults::sentence(&error),
                },
            }),
        }
    }

    /// The value of an answer that satisfies the schema. A Markdown fence around the JSON is removed.
    ///
    /// # Errors
    ///
    /// The first five faults of the answer, in a few sentences of 400 characters at most: each with its place in the answer
    /// (as a JSON Pointer).
    pub fn check(&self, response: &str) -> Result<Value, String> {
        let value = parse_answer(response)?;
        match self.validator.is_valid(&value) {
            true => Ok(value),
            false => Err(faults::of(self.validator.iter_errors(&value))),
        }
    }

    /// The fields of an answer, in the schema's order: the `properties` at the top level.
    ///
    /// # Errors
    ///
    /// When the schema's answers are not objects, or it names no properties.
    pub fn fields(&self) -> Result<Vec<Field>, SchemaError> {
        fields::of(&self.schema).ok_or_else(|| SchemaError::NoFields { name: self.name.clone() })
    }

    /// The schema itself.
    pub fn as_value(&self) -> &Value {
        &self.schema
    }
}

/// The name under which a request carries the schema of a file: the file's name without its ending, in letters, digits, `_`
/// and `-`, and no longer than the API allows.
pub fn name_in_requests(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or_default();
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    let letters = stem.chars().map(|letter| if allowed(letter) { letter } else { '_' });
    let name: String = letters.take(LONGEST_NAME).collect();
    if name.is_empty() { "answer".to_owned() } else { name }
}

/// The JSON value of an answer, without the Markdown fence that models often add.
///
/// # Errors
///
/// What is wrong with it, in a sentence without a full stop.
pub fn parse_answer(response: &str) -> Result<Value, String> {
    let text = without_fence(response);
    if text.is_empty() {
        return Err("the answer is empty; it must be JSON".to_owned());
    }
    let read = serde_json::from_str(text).or_else(|error| {
        let mended = near_json::with_whole_characters(text.as_bytes());
        mended.map_or(Err(error), |text| serde_json::from_slice(&text))
    });
    read.map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let message = without_place(&error);
        faults::bounded(&format!(
            "the answer is not JSON by itself: {message} at line {line} column {column}"
        ))
    })
}

/// The text inside a Markdown fence, if the whole text is one.
fn without_fence(response: &str) -> &str {
    let blank = |letter: char| letter.is_whitespace() || letter == '\u{feff}';
    let text = response.trim_matches(blank);
    let Some(inside) = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```")) else {
        return text;
    };
    let inside = match inside.split_once('\n') {
        // The first line has the language, or is empty.
        Some((first, rest)) if first.trim().chars().all(char::is_alphanumeric) => rest,
        _ => inside.strip_prefix("json").unwrap_or(inside),
    };
    inside.trim_matches(blank)
}

/// The error of the JSON reader without the place, which is reported separately.
fn without_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.split(" at line ").next().unwrap_or_default().to_owned()
}

/// Why a file cannot be used as a schema of answers.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SchemaError {
    /// It is not JSON.
    #[error("{name}:{line}:{column}: the schema is not JSON: {message}")]
    Syntax {
        /// The file.
        name: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1, in bytes.
        column: usize,
        /// The error of the JSON reader.
        message: String,
    },
    /// It is JSON, but not a schema.
    #[error("{name}: not a JSON Schema: at {path}: {message}")]
    Invalid {
        /// The file.
        name: String,
        /// The place in the schema, as a JSON Pointer.
        path: String,
        /// What is wrong there.
        message: String,
    },
    /// It refers to another document.
    #[error(
        "{name}: the schema refers to `{uri}`, which is another document; put it under `$defs` of this one"
    )]
    Elsewhere {
        /// The file.
        name: String,
        /// The document it refers to.
        uri: String,
    },
    /// Its answers have no fields that could become columns.
    #[error("{name}: `expand` turns the top-level `properties` of the schema into columns, and it has none")]
    NoFields {
        /// The file.
        name: String,
    },
}

#[cfg(test)]
mod tests;
