//! Checks the fields of a request against the tables.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::draft::DraftBody;
use super::exclusions::{format, together};
use super::length::at_most;
use super::parameters::{
    FORMAT, FUNCTION, JSON_SCHEMA, PARAMETERS, Parameter, Range, SEARCH, TRANSLATION, TakenBy,
};
use super::translation;
use super::violation::Violation;
use crate::job::languages::Languages;

/// Names of other servers' parameters that are one letter away from a known one.
const ELSEWHERE: [&str; 1] = ["top_a"];

/// Checks all fields except the messages.
pub(super) fn check(draft: DraftBody<'_>) -> Result<(), Violation> {
    object(draft, &PARAMETERS, "")?;
    if let Some(options) = draft.object("search_options") {
        object(options, &SEARCH, "search_options.")?;
    }
    if let Some(options) = draft.object("response_format") {
        object(options, &FORMAT, "response_format.")?;
    }
    together(draft)?;
    schema(draft)?;
    tools(draft)?;
    match draft.facts.languages {
        Some(languages) => translation_options(draft, languages),
        None => Ok(()),
    }
}

/// Checks the fields of an object; `path` is the prefix of their names.
fn object(draft: DraftBody<'_>, table: &'static [Parameter], path: &str) -> Result<(), Violation> {
    for name in draft.names() {
        match table.iter().find(|parameter| parameter.name == name) {
            Some(parameter) => value(draft, parameter, path)?,
            None => check_spelling(name, table, path)?,
        }
    }
    match table.iter().find(|parameter| parameter.is_required && !draft.gives(parameter.name)) {
        Some(parameter) => {
            let words = format!("is missing: {}", words(parameter, draft));
            Err(Violation::of(format!("{path}{}", parameter.name), words))
        }
        None => Ok(()),
    }
}

/// Checks that a name is not a misspelling of a known one.
fn check_spelling(name: &str, table: &'static [Parameter], path: &str) -> Result<(), Violation> {
    match meant(name, table.iter().map(|parameter| parameter.name)) {
        Some(meant) => {
            let words = "is not a known parameter, and the service would ignore it";
            Err(Violation::of(format!("{path}{name}"), words).help(format!("did you mean `{meant}`?")))
        }
        None => Ok(()),
    }
}

fn value(draft: DraftBody<'_>, parameter: &Parameter, path: &str) -> Result<(), Violation> {
    let name = parameter.name;
    if parameter.taken == TakenBy::Chat && draft.facts.languages.is_some() && draft.gives(name) {
        let taken = PARAMETERS.iter().skip(4).filter(|other| other.taken == TakenBy::All);
        let taken: Vec<&str> = taken.map(|other| other.name).collect();
        return Err(Violation::of(name, format!("is not accepted by {}", draft.model))
            .help(format!("it accepts {}", taken.join(", "))));
    }
    let Some(given) = draft.get(name) else { return Ok(()) };
    let kind = parameter.kind;
    if kind.holds(given) && is_within(&parameter.range, given, draft) {
        return Ok(());
    }
    let at = format!("{path}{name}");
    let words =
        if kind.holds(given) || kind.is_unquoted() { words(parameter, draft) } else { kind.words().into() };
    let violation = Violation::of(at.clone(), format!("must be {words}, not {given}"));
    Err(if given.is_string() && kind.is_unquoted() {
        violation.help(format!(
            "{at} must be {}, and this is text: remove the quotes, or fix the cell that it comes from",
            kind.words()
        ))
    } else {
        parameter.help.into_iter().fold(violation, Violation::help)
    })
}

fn is_within(range: &Range, given: &Value, draft: DraftBody<'_>) -> bool {
    let between = |low, high| given.as_f64().is_some_and(|number| low <= number && number <= high);
    match range {
        Range::Any => true,
        Range::Numbers(low, high, _) => between(*low, *high),
        Range::Tokens(most) => between(1.0, most(draft.facts).map_or(f64::MAX, |most| at_most(most) as f64)),
        Range::OneOf(words) => given.as_str().is_some_and(|text| words.contains(&text)),
        Range::Passing(passes, _) => passes(given),
    }
}

/// The permitted values of a parameter, in words.
fn words(parameter: &Parameter, draft: DraftBody<'_>) -> Cow<'static, str> {
    match parameter.range {
        Range::Any => parameter.kind.words().into(),
        Range::Numbers(_, _, words) | Range::Passing(_, words) => words.into(),
        Range::Tokens(most) => match most(draft.facts).map(at_most) {
            Some(most) => {
                format!("a whole number from 1 to {most}, the most that {} takes", draft.model).into()
            }
            None => "a whole number, 1 or above".into(),
        },
        Range::OneOf(words) => format!("one of {}", words.join(", ")).into(),
    }
}

fn schema(draft: DraftBody<'_>) -> Result<(), Violation> {
    let Some(options) = draft.object("response_format").filter(|_| format(draft) == Some("json_schema"))
    else {
        return Ok(());
    };
    match options.object("json_schema") {
        Some(schema) => object(schema, &JSON_SCHEMA, "response_format.json_schema."),
        None if options.gives("json_schema") => Ok(()),
        None => {
            let words = "is missing: an object with `name` and `schema`";
            Err(Violation::of("response_format.json_schema", words))
        }
    }
}

fn tools(draft: DraftBody<'_>) -> Result<(), Violation> {
    let nothing = Map::new();
    let tools = draft.get("tools").and_then(Value::as_array).into_iter().flatten();
    for (index, tool) in tools.enumerate().filter(|(_, tool)| !draft.is_open(tool)) {
        let function = tool.get("function").and_then(Value::as_object);
        // Tools of other types are the service's own, and new models bring new ones.
        let is_other = tool.get("type").is_some_and(|kind| kind != "function" && !draft.is_open(kind));
        if function.is_some() || !is_other {
            let function = draft.inside(function.unwrap_or(&nothing));
            object(function, &FUNCTION, &format!("tools.{index}.function."))?;
        }
    }
    Ok(())
}

fn translation_options(draft: DraftBody<'_>, languages: Languages) -> Result<(), Violation> {
    let Some(options) = draft.object("translation_options") else { return Ok(()) };
    object(options, &TRANSLATION, "translation_options.")?;
    translation::options(options, languages)
}

/// The known name that an unknown one misspells: the same apart from case and underscores, or with one letter missing,
/// doubled, wrong or swapped. In a short name a wrong letter proves nothing: `top_k` is not a misspelling of `top_p`.
fn meant<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| name.to_lowercase().replace(['_', '-'], "");
    let one = plain(name);
    let is_slip = |known: &str| {
        let other = plain(known);
        if one == other {
            return true;
        }
        // Only one letter may be missing. Most names differ by more, and comparing lengths costs a hundredth of comparing
        // names.
        if one.len().abs_diff(other.len()) > 1 {
            return false;
        }
        let longer = one.len().max(other.len());
        let wrong_letter = one.len() == other.len() && strsim::levenshtein(&one, &other) == 1;
        other.len() >= 4 && strsim::damerau_levenshtein(&one, &other) == 1 && (!wrong_letter || longer >= 6)
    };
    known.into_iter().find(|known| is_slip(known)).filter(|_| !ELSEWHERE.contains(&name))
}
