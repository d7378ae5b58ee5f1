//! Errors of the template engine in the user's words, each with what to do about it where that is known.

use minijinja::{Error, ErrorKind};

use crate::job::Text;
use crate::job::problem::Problem;

/// An error of the template engine, shown in the user's own text.
pub(super) fn explain(text: &Text, error: &Error) -> Problem {
    let mut message = match error.detail() {
        Some(detail) => format!("the template does not work: {detail}"),
        None => format!("the template does not work: {}", error.kind()),
    };
    if let Some(cause) = std::error::Error::source(error) {
        message.push_str(&format!(": {cause}"));
    }
    let problem = text.problem(error.range().filter(|range| range.end <= text.source.len()), message);
    match mend(error.kind(), error.detail().unwrap_or_default()) {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// What to do about an error of the template engine.
fn mend(kind: ErrorKind, detail: &str) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::SyntaxError if detail.ends_with("end of variable block") => {
            "each `{{` has its `}}` on the way to the end; a brace of the text itself is written {{ '{' }}"
        }
        ErrorKind::SyntaxError if detail.contains("end of input") => {
            "each {% if %} ends with {% endif %}, each {% for %} with {% endfor %}"
        }
        ErrorKind::TemplateNotFound => "templates take nothing from one another: write its text here",
        ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction => {
            "what there is stands in https://docs.rs/minijinja, under filters, tests and functions"
        }
        ErrorKind::OutOfFuel => {
            "one row took millions of steps; is there a loop within a loop over the same list?"
        }
        ErrorKind::InvalidOperation => "{% if … %} keeps it from rows that it does not fit",
        _ => return None,
    })
}
