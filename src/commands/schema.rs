//! `fanfold schema`: the JSON Schema of the job file, for editors.

use std::io::{Write, stdout};

use super::failure::Failure;
use crate::config::json_schema;
use crate::exit::Exit;

/// Prints the schema.
pub(super) fn run() -> Result<Exit, Failure> {
    stdout().lock().write_all(text().as_bytes())?;
    Ok(Exit::Done)
}

/// The schema as printed, and as `init` writes it.
pub(super) fn text() -> String {
    format!("{:#}\n", json_schema::schema())
}
