//! A template as the user wrote it, with the place at which its mistakes are shown.

use std::ops::Range;

use crate::diagnostic::{Diagnostic, SourceText};

/// A template as the user wrote it, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateText {
    /// The template.
    pub source: String,
    /// The text that contains it, and its bytes there.
    pub place: Option<(SourceText, Range<usize>)>,
}

impl TemplateText {
    /// A problem at some bytes of the template, shown at their place in the user's own text.
    pub fn problem(&self, within: Option<Range<usize>>, message: impl Into<String>) -> Diagnostic {
        let problem = Diagnostic::new(message);
        let Some((script, span)) = &self.place else { return problem };
        // A string with escapes looks different in the file; then the whole value is shown.
        let exact = script.text.get(span.clone()).and_then(|raw| raw.find(&self.source));
        match (exact, within) {
            (Some(offset), Some(within)) => {
                let start = span.start + offset;
                problem.at(script, start + within.start..start + within.end)
            }
            _ => problem.at(script, span.clone()),
        }
    }
}
