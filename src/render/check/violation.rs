//! A rule that a request breaks, and the field that breaks it.

use std::fmt::Display;

use crate::diagnostic::Diagnostic;

/// A rule that a request breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Violation {
    /// The field, dotted from the top of the body or of the job file.
    pub(super) at: String,
    pub(super) problem: Diagnostic,
}

impl Violation {
    /// A violation whose message begins with the name of the field.
    pub(super) fn of(at: impl Into<String>, words: impl Display) -> Self {
        let at = at.into();
        let message = format!("`{at}` {words}");
        Self::with_message(at, message)
    }

    /// A violation with a message of its own.
    pub(super) fn with_message(at: impl Into<String>, message: impl Into<String>) -> Self {
        Self { at: at.into(), problem: Diagnostic::new(message) }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { problem: self.problem.help(help), ..self }
    }

    /// The violation as a key of the job file and a diagnostic.
    pub(super) fn with_key(self) -> (String, Diagnostic) {
        (self.at, self.problem)
    }
}

impl From<Violation> for Diagnostic {
    fn from(violation: Violation) -> Self {
        violation.problem
    }
}
