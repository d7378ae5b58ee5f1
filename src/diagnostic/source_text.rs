//! A text that a user wrote, and the parts of it that may be shown.

use std::ops::Range;
use std::sync::Arc;

use super::secret_scan::{masked, masked_file, touches_a_secret};

/// A text that a user wrote: a job file, or the value of a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceText {
    /// The file's path as it was given, or the flag's name.
    pub name: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
}

impl SourceText {
    /// A text, and the name of its file, flag, variable or command.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// The text in a form that may be shown.
    pub fn shown(&self) -> String {
        match self.is_a_value() {
            true => masked(&self.text),
            false => masked_file(&self.text),
        }
    }

    /// Whether a part of it may be a secret.
    pub fn may_be_secret(&self, span: &Range<usize>) -> bool {
        !self.is_a_value() && touches_a_secret(&self.text, span)
    }

    /// Whether the text is the value of one key, without the key's name.
    fn is_a_value(&self) -> bool {
        *self.name != *"--set" && (self.name.starts_with("--") || self.name.starts_with("FANFOLD_"))
    }
}
