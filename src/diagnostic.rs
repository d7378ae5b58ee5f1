//! A mistake in the user's text, shown at its place: file, line, column, and the line itself.

mod argument;
pub mod secret_scan;
mod source_text;

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use secret_scan::masked;
pub use source_text::SourceText;

/// A mistake in a job, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// Its place, if it has one in a text.
    pub at: Option<(SourceText, Range<usize>)>,
    /// How to fix it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A problem that has no place in a text.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), at: None, help: None }
    }

    /// The problem and how to fix it, in one line, for a row of the output.
    pub fn in_a_line(&self) -> String {
        match &self.help {
            Some(help) => format!("{}; {help}", self.message),
            None => self.message.clone(),
        }
    }

    /// Sets the place of the problem in a text; the span is in bytes, and widened to whole characters.
    pub fn at(mut self, script: &SourceText, span: Range<usize>) -> Self {
        let mut end = span.end.min(script.text.len());
        let mut start = span.start.min(end);
        while !script.text.is_char_boundary(start) {
            start -= 1;
        }
        while !script.text.is_char_boundary(end) {
            end += 1;
        }
        self.at = Some((script.clone(), start..end));
        self
    }

    /// Marks the whole of a text as the problem.
    pub fn at_all_of(self, script: &SourceText) -> Self {
        self.at(script, 0..script.text.len())
    }

    /// Says how to fix it.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl Diagnostic {
    /// Suggests the known word that is nearest to an unknown one; if none is near, gives other help.
    pub fn suggest<'a>(
        self,
        unknown: &str,
        known: impl IntoIterator<Item = &'a str>,
        otherwise: impl FnOnce() -> Option<String>,
    ) -> Self {
        let meant = nearest(unknown, known).map(|name| format!("did you mean `{name}`?"));
        match meant.or_else(otherwise) {
            Some(help) => self.help(help),
            None => self,
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((script, span)) = &self.at else {
            f.write_str(&masked(&self.message))?;
            return self.help.iter().try_for_each(|help| write!(f, "\n  = help: {help}"));
        };
        if let Some(shown) = argument::shown(script, span) {
            write!(f, "{}{shown}", masked(&self.message))?;
            return self.help.iter().try_for_each(|help| write!(f, "\n  = help: {help}"));
        }
        let annotation = AnnotationKind::Primary.span(span.clone());
        // A key in the displayed line could end up in a log.
        let text = script.shown();
        let snippet = Snippet::source(&text).path(&*script.name).annotation(annotation);
        let message = masked(&self.message);
        let mut group = Level::ERROR.with_name(None::<&str>).primary_title(message.as_str()).element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        f.write_str(&Renderer::plain().render(&[group]))
    }
}

impl std::error::Error for Diagnostic {}

/// The known name nearest to an unknown one, if it is near enough to be meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| {
            (strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase()), candidate)
        })
        .filter(|(distance, candidate)| {
            *distance <= 1 + candidate.chars().count().max(name.chars().count()) / 3
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_shows_file_line_column_and_the_line_itself() {
        let script = SourceText { name: "jobs/a.toml".into(), text: "[model]\nnmae = \"x\"\n".into() };
        let problem = Diagnostic::new("unknown key `nmae`").at(&script, 8..12).help("did you mean `name`?");
        let shown = problem.to_string();
        assert!(shown.contains("jobs/a.toml:2:1"), "{shown}");
        assert!(shown.contains("nmae = \"x\""), "{shown}");
        assert!(shown.contains("did you mean `name`?"), "{shown}");
    }

    #[test]
    fn the_nearest_name_is_offered_only_when_it_is_near() {
        assert_eq!(nearest("nmae", ["name", "base_url"]), Some("name"));
        assert_eq!(nearest("colour", ["name", "base_url"]), None);
    }
}
