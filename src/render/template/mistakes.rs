//! Errors of the template engine in the user's terms, with a fix where there is one.

use std::ops::Range;
use std::time::Duration;

use minijinja::{Error, ErrorKind};
use serde_json::Value;

use super::tags::OWN;
use crate::diagnostic::{Diagnostic, nearest};
use crate::job::TemplateText;
use crate::job::units::shown;

/// Words with which a statement begins: the text after one is not the name of a column.
const STATEMENTS: [&str; 20] = [
    "if",
    "elif",
    "else",
    "endif",
    "for",
    "endfor",
    "set",
    "endset",
    "with",
    "endwith",
    "macro",
    "endmacro",
    "call",
    "endcall",
    "filter",
    "endfilter",
    "include",
    "import",
    "from",
    "not",
];

/// The longest text that is assumed to be the name of an unknown column, in bytes.
const LONGEST_NAME: usize = 256;

/// An error of the template engine, shown in the user's own text, whose positions are `shift` bytes behind the engine's.
pub(super) fn explain(text: &TemplateText, error: &Error, shift: isize) -> Diagnostic {
    let mut message = match error.detail() {
        Some(detail) => format!("the template does not work: {detail}"),
        None => format!("the template does not work: {}", error.kind()),
    };
    if let Some(cause) = std::error::Error::source(error) {
        message.push_str(&format!(": {cause}"));
    }
    let span = error.range().and_then(|range| shifted(&text.source, &range, shift));
    let problem = text.problem(span, message);
    match help(error.kind(), error.detail().unwrap_or_default()) {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// Maps the engine's range to the user's text, widened to whole characters: the engine counts bytes.
fn shifted(source: &str, range: &Range<usize>, shift: isize) -> Option<Range<usize>> {
    let mut start = range.start.checked_add_signed(shift)?.min(source.len());
    let mut end = range.end.checked_add_signed(shift)?.clamp(start, source.len());
    while !source.is_char_boundary(start) {
        start -= 1;
    }
    while !source.is_char_boundary(end) {
        end += 1;
    }
    Some(start..end)
}

/// The error for a template on which the engine panics.
pub(super) fn beyond_the_engine(text: &TemplateText) -> Diagnostic {
    let message = "the template does not work: the engine cannot make sense of it";
    let help = "is there a text in quotes where a name belongs, as in {% import 'a' as 'b' %}?";
    text.problem(None, message).help(help)
}

/// The resource of which a rendering uses too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Excess {
    /// More memory than these bytes.
    Memory(u64),
    /// More time than this.
    Time(Duration),
    /// The process that tries it was killed from outside, twice.
    Ended,
}

/// The error for a rendering that uses more than its share of the machine.
pub(super) fn beyond_the_machine(text: &TemplateText, excess: Excess) -> Diagnostic {
    let message = match excess {
        Excess::Memory(bytes) => format!("it takes more than {} MiB of memory to render", bytes >> 20),
        Excess::Time(time) => format!("it takes more than {} to render", shown(time)),
        Excess::Ended => "the process that tests it was ended from outside, twice".to_owned(),
    };
    let help =
        "does a number in the row set an indent, a format width, a batch size, or the length of a loop?";
    text.problem(None, message).help(match excess {
        Excess::Ended => "does the machine have too little memory, or does something end such processes?",
        _ => help,
    })
}

/// The undefined name in an error, and whether it is the whole expression: in `a.b` it is not.
pub(super) fn undefined_name(error: &Error) -> Option<(&str, bool)> {
    let named = error.detail()?.strip_prefix('`')?;
    let end = named.find(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && c != '_')?;
    Some((&named[..end], named[end..].starts_with('`')))
}

/// Whether a text in braces that is not an expression looks like the name of a column, and not like an expression with a
/// mistake.
pub(super) fn is_like_a_name(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    let begins = text.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    // A header may have a second line, and a unit in brackets: `Price [EUR]`.
    let is_odd = |c: char| c.is_control() && c != '\n' || "\"`{}|~=<>+*,:;\\".contains(c);
    let has_key =
        text.match_indices('[').any(|(at, _)| !text[..at].ends_with([' ', '\n'])) || text.contains("[]");
    // As in "What's new".
    let is_quoted = text.split('\'').zip(text.split('\'').skip(1)).any(|(before, after)| {
        !before.ends_with(char::is_alphanumeric) || !after.starts_with(char::is_alphanumeric)
    });
    let is_called = text.match_indices('(').any(|(at, _)| !text[..at].ends_with(' '));
    let is_cut = text.ends_with(['-', '/', '.', '(']) || text.ends_with(" %");
    begins
        && text.len() <= LONGEST_NAME
        && !STATEMENTS.contains(&first)
        && !text.contains(is_odd)
        && !is_quoted
        && !is_called
        && !has_key
        && !is_cut
}

/// The help for a name that is not a column.
pub(super) fn help_for(name: &str, known: &[&str]) -> String {
    // Some of the names are the program's own, and no columns.
    let columns: Vec<&str> = known.iter().copied().filter(|name| !OWN.contains(name)).collect();
    let columns = match columns.as_slice() {
        [] => "the input has no columns".to_owned(),
        known => format!("the columns are {}", known.join(", ")),
    };
    let words = name.split_whitespace().collect::<Vec<_>>();
    match (nearest(name, known.iter().copied()), words.as_slice()) {
        // For example from a CSV file whose header is `id, text`.
        (Some(near), _) if near.trim() != near => {
            let quoted = Value::from(near);
            format!("did you mean row[{quoted}]? That name has white space around it; {columns}")
        }
        (Some(near), _) => format!("did you mean `{near}`? {columns}"),
        (None, [first, filter]) if known.contains(first) => {
            format!("a filter follows a bar, `{first} | {filter}`; {columns}")
        }
        (None, _) => columns,
    }
}

/// The position of a name inside a template's braces.
pub(super) fn occurrence(source: &str, name: &str) -> Option<Range<usize>> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    source.match_indices(name).map(|(at, _)| at..at + name.len()).find(|span| {
        let (before, after) = (&source[..span.start], &source[span.end..]);
        let opened = before.rfind("{{").max(before.rfind("{%"));
        let closed = before.rfind("}}").max(before.rfind("%}"));
        opened.is_some()
            && opened > closed
            && !before.ends_with(word)
            && !before.ends_with('.')
            && !after.starts_with(word)
    })
}

/// The help for an error of the template engine.
fn help(kind: ErrorKind, detail: &str) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::SyntaxError if detail.ends_with("end of variable block") => {
            "close each `{{` with `}}`; for a literal brace, write {{ '{' }}"
        }
        ErrorKind::SyntaxError if detail.contains("end of input") => {
            "close each {% if %} with {% endif %}, each {% for %} with {% endfor %}"
        }
        ErrorKind::TemplateNotFound => "templates cannot include one another: write its text here",
        ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction => {
            "see https://docs.rs/minijinja for the available filters, tests and functions"
        }
        ErrorKind::OutOfFuel => {
            "one row took millions of steps; is there a loop within a loop over the same list?"
        }
        ErrorKind::InvalidOperation => "exclude rows that it does not fit with {% if … %}",
        _ => return None,
    })
}
