//! A text that a user wrote, and what of it may be shown.

use std::ops::Range;
use std::sync::Arc;

use super::secret_scan::{masked, masked_file, touches_a_secret};

/// A text the user wrote: a job file, or the value of a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceText {
    /// The file's path as it was given, or the flag's name.
    pub name: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
}

impl SourceText {
    /// A text, and the file, flag, variable or command that it is of.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// The text as it may be shown.
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

    /// Whether the text is the value of one key, and names none.
    fn is_a_value(&self) -> bool {
        *self.name != *"--set" && (self.name.starts_with("--") || self.name.starts_with("FANFOLD_"))
    }
}
