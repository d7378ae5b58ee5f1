//! One value that a flag or a variable sets over the job file.

use toml::Value;

use crate::diagnostic::SourceText;

/// Where a value comes from; a later origin overrides an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyOrigin {
    /// The job file.
    File,
    /// An environment variable.
    Variable,
    /// A flag of the command.
    Flag,
}

/// One value that a flag or a variable sets over the job file.
#[derive(Debug, Clone)]
pub struct Overlay {
    /// Where it comes from.
    pub origin: KeyOrigin,
    /// The name of the flag or variable, and its text.
    pub script: SourceText,
    /// The key of the job file, dotted.
    pub key: String,
    /// The value.
    pub value: Value,
    /// The value as it was written, for a key whose value is text: `--set model.name=7`.
    pub raw: String,
}

impl Overlay {
    /// A text that a flag other than a job flag sets at a key of the job file.
    pub fn text(flag: &str, key: &str, text: &str) -> Self {
        Self {
            origin: KeyOrigin::Flag,
            script: SourceText::new(format!("--{flag}"), text),
            key: key.to_owned(),
            value: Value::String(text.to_owned()),
            raw: text.to_owned(),
        }
    }
}

/// The value of a text as a TOML literal, or the text itself.
pub(super) fn literal(text: &str) -> Value {
    let document = format!("value = {text}");
    let parsed = document.parse::<toml::Table>().ok().and_then(|mut table| {
        let value = table.remove("value")?;
        table.is_empty().then_some(value)
    });
    parsed.unwrap_or_else(|| Value::String(text.to_owned()))
}
