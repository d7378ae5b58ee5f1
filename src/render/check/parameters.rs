//! The ranges of the parameters, after the vendor's page on the OpenAI-compatible chat API.

use serde_json::Value;

use super::Violation;
use super::draft::DraftBody;
use super::known::{ValueKind, meant, parameters};
use super::length::at_most;

/// What `search_strategy` may be.
const STRATEGIES: [&str; 4] = ["turbo", "max", "agent", "agent_max"];

/// Refuses names that are a slip of a known one.
pub(super) fn names(draft: DraftBody<'_>) -> Result<(), Violation> {
    let known: Vec<&str> = parameters().map(|(name, _)| name).collect();
    no_slips(draft, &known, "")
}

/// Refuses names in an object that are a slip of one of its known ones.
pub(super) fn no_slips(draft: DraftBody<'_>, known: &[&str], path: &str) -> Result<(), Violation> {
    for name in draft.names().filter(|name| !known.contains(name)) {
        if let Some(meant) = meant(name, known.iter().copied()) {
            let violation = Violation::of(
                format!("{path}{name}"),
                "is no parameter that is known, and the service passes it over",
            );
            return Err(violation.help(format!("did you mean `{meant}`?")));
        }
    }
    Ok(())
}

/// Checks kinds and ranges.
pub(super) fn values(draft: DraftBody<'_>) -> Result<(), Violation> {
    for (key, low, high, words) in [
        ("temperature", 0.0, 2.0_f64.next_down(), "a number from 0 to below 2"),
        ("top_p", f64::MIN_POSITIVE, 1.0, "a number above 0, up to 1"),
        ("presence_penalty", -2.0, 2.0, "a number from -2 to 2"),
        ("repetition_penalty", f64::MIN_POSITIVE, f64::MAX, "a number above 0"),
        ("seed", 0.0, 2_147_483_647.0, "a whole number from 0 to 2147483647"),
        ("n", 1.0, 4.0, "a whole number from 1 to 4"),
        ("top_k", 0.0, f64::MAX, "a whole number, 0 or above"),
        ("top_logprobs", 0.0, 5.0, "a whole number from 0 to 5"),
        ("max_completion_tokens", 1.0, f64::MAX, "a whole number, 1 or above"),
        ("max_pixels", 1.0, f64::MAX, "a whole number, 1 or above"),
    ] {
        within(draft, key, low, high, words)?;
    }
    up_to(draft, "max_tokens", draft.facts.max_output_tokens)?;
    up_to(draft, "thinking_budget", draft.facts.max_thinking_tokens)?;
    // Known parameters without a range are held to their kind. A body has far fewer fields than there are parameters.
    for key in draft.names() {
        ValueKind::of(key).map_or(Ok(()), |kind| of_kind(draft, key, key, kind))?;
    }
    stop(draft)?;
    search(draft)
}

/// A whole number from 1 to the most that the model takes, where that is known.
fn up_to(draft: DraftBody<'_>, key: &str, most: Option<u64>) -> Result<(), Violation> {
    if !draft.gives(key) {
        return Ok(());
    }
    match most.map(at_most) {
        None => within(draft, key, 1.0, f64::MAX, "a whole number, 1 or above"),
        Some(most) => {
            let words = format!("a whole number from 1 to {most}, the most that {} takes", draft.model);
            within(draft, key, 1.0, most as f64, &words)
        }
    }
}

fn within(draft: DraftBody<'_>, key: &str, low: f64, high: f64, words: &str) -> Result<(), Violation> {
    let Some(given) = draft.get(key) else { return Ok(()) };
    let kind = ValueKind::of(key).unwrap_or(ValueKind::Number);
    let good = given.as_f64().is_some_and(|number| kind.holds(given) && (low..=high).contains(&number));
    match good {
        true => Ok(()),
        false => Err(not(key, words, given, kind)),
    }
}

/// Checks that a field of the draft, if it is known, is of a kind; `at` is what it is called from the top of the body.
pub(super) fn of_kind(draft: DraftBody<'_>, key: &str, at: &str, kind: ValueKind) -> Result<(), Violation> {
    match draft.get(key) {
        Some(given) if !kind.holds(given) => Err(not(at, kind.words(), given, kind)),
        _ => Ok(()),
    }
}

fn not(at: &str, words: &str, given: &Value, kind: ValueKind) -> Violation {
    let violation = Violation::of(at, format!("is {words}, not {given}"));
    match (given, kind) {
        (Value::String(_), ValueKind::Number | ValueKind::Whole | ValueKind::Switch) => {
            violation.help(format!(
                "{at} is {}, and this is text: take the quotes off, or mend the cell that it comes from",
                kind.words()
            ))
        }
        _ => violation,
    }
}

fn stop(draft: DraftBody<'_>) -> Result<(), Violation> {
    let good = match draft.get("stop") {
        None | Some(Value::String(_)) => true,
        Some(Value::Array(items)) => items.iter().all(Value::is_string) || items.iter().all(Value::is_u64),
        Some(_) => false,
    };
    match good {
        true => Ok(()),
        false => Err(Violation::of(
            "stop",
            "is a text, a list of texts, or a list of token ids, and does not mix them",
        )),
    }
}

fn search(draft: DraftBody<'_>) -> Result<(), Violation> {
    let Some(Value::Object(options)) = draft.get("search_options") else { return Ok(()) };
    let options = draft.inside(options);
    let switches = ["forced_search", "enable_search_extension", "enable_source"];
    no_slips(options, &[&switches[..], &["search_strategy"]].concat(), "search_options.")?;
    for key in switches {
        of_kind(options, key, &format!("search_options.{key}"), ValueKind::Switch)?;
    }
    match options.get("search_strategy") {
        None => Ok(()),
        Some(Value::String(strategy)) if STRATEGIES.contains(&strategy.as_str()) => Ok(()),
        Some(other) => {
            let words = format!("is one of {}, not {other}", STRATEGIES.join(", "));
            Err(Violation::of("search_options.search_strategy", words))
        }
    }
}
