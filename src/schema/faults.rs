//! The faults that a schema finds in a value, in few words.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;

/// The most faults that are named.
const MOST_FAULTS: usize = 5;
/// The most characters of all faults together.
const MOST_CHARACTERS: usize = 400;
/// The most characters of one fault, to leave room for others.
const MOST_OF_ONE: usize = 200;
/// The most characters of the value that a fault is about.
const MOST_OF_VALUE: usize = 60;

/// The first faults, each with its place in the value.
pub(super) fn of<'a>(errors: impl Iterator<Item = ValidationError<'a>>) -> String {
    let mut errors = errors.peekable();
    let named: Vec<String> = errors.by_ref().take(MOST_FAULTS).map(|error| fault(&error)).collect();
    let more = if errors.peek().is_some() { "; and more" } else { "" };
    cut(&format!("{}{more}", named.join("; ")), MOST_CHARACTERS)
}

/// A text of our own, cut to the same lengths as faults.
pub(super) fn bounded(text: &str) -> String {
    cut(text, MOST_CHARACTERS)
}

/// The place that a JSON Pointer names; `None` for the top level.
pub(super) fn path(pointer: &str) -> Option<&str> {
    (!pointer.is_empty()).then_some(pointer)
}

/// One fault without its place.
pub(super) fn sentence(error: &ValidationError<'_>) -> String {
    let value = cut(&error.instance().to_string(), MOST_OF_VALUE);
    cut(&error.masked_with(value).to_string(), MOST_OF_ONE)
}

fn fault(error: &ValidationError<'_>) -> String {
    if let Some(alternatives) = alternatives(error) {
        return between(error, alternatives);
    }
    match path(error.instance_path().as_str()) {
        Some(path) => cut(&format!("{path}: {}", sentence(error)), MOST_OF_ONE),
        None => sentence(error),
    }
}

/// The faults of each alternative, if a value satisfies none of several.
fn alternatives<'a>(error: &'a ValidationError<'_>) -> Option<&'a [Vec<ValidationError<'static>>]> {
    match error.kind() {
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            Some(context).filter(|context| context.iter().all(|errors| !errors.is_empty())).map(Vec::as_slice)
        }
        _ => None,
    }
}

/// The fault of a value that satisfies no alternative: that of the alternative that was meant, which is the one whose own
/// faults are deeper in the value; if none is, the faults of all.
fn between(error: &ValidationError<'_>, alternatives: &[Vec<ValidationError<'static>>]) -> String {
    let own = error.instance_path().as_str().len();
    let depth = |errors: &Vec<ValidationError<'static>>| {
        errors.iter().map(|error| error.instance_path().as_str().len()).min().unwrap_or(own)
    };
    if let Some(meant) =
        alternatives.iter().filter(|errors| depth(errors) > own).max_by_key(|errors| depth(errors))
    {
        return fault(&meant[0]);
    }
    let sentences: Vec<String> = alternatives.iter().map(|errors| sentence(&errors[0])).collect();
    let sentences = sentences.join(", and ");
    match path(error.instance_path().as_str()) {
        Some(path) => cut(&format!("{path}: {sentences}"), MOST_OF_ONE),
        None => cut(&sentences, MOST_OF_ONE),
    }
}

/// The text without control characters, cut to a number of characters.
fn cut(text: &str, most: usize) -> String {
    let clean = |letter: char| if letter.is_control() { ' ' } else { letter };
    match text.char_indices().nth(most) {
        None => text.chars().map(clean).collect(),
        Some(_) => text.chars().map(clean).take(most - 1).chain(['…']).collect(),
    }
}
