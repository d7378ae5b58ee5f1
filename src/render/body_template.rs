//! A job's request with gaps for the texts of its turns. Where rows bring only texts, all requests share one body template:
//! only the texts are serialised and checked for each row. Where rows also choose among a few values, such as the target
//! language, each choice has a body template.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Map, Value};

use super::request_settings::{self, Common};
use super::{estimate, fingerprint};
use crate::diagnostic::Diagnostic;
use crate::request::ChatRequest;
use crate::tokens::text_tokens;

/// How many choices of values may have a body template. Requests of any further choices are built without one.
const MOST_TEMPLATES: usize = 64;

/// The body templates of a job, each made from the first valid request of its choice of values.
#[derive(Debug, Default)]
pub(super) struct BodyTemplates(RwLock<HashMap<String, Option<Arc<BodyTemplate>>>>);

impl BodyTemplates {
    /// The key of a choice of values.
    pub(super) fn key(values: &[Value]) -> String {
        values.iter().map(|value| format!("{value}\n")).collect()
    }

    /// The body template for a choice, if it has one.
    pub(super) fn get(&self, key: &str) -> Option<Arc<BodyTemplate>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(key)?.clone()
    }

    /// Makes the body template for a choice, unless it is already known to have none, or there are too many.
    pub(super) fn add(&self, key: String, make: impl FnOnce() -> Option<BodyTemplate>) {
        let mut body_templates = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if body_templates.len() < MOST_TEMPLATES && !body_templates.contains_key(&key) {
            body_templates.insert(key, make().map(Arc::new));
        }
    }

    /// Whether another body template can be added.
    pub(super) fn have_room(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len() < MOST_TEMPLATES
    }
}

/// The body template of requests.
#[derive(Debug)]
pub(super) struct BodyTemplate {
    common: Common,
    body: Gaps,
    /// The body in canonical form, from which the fingerprint is taken.
    canonical: Gaps,
    /// The approximate number of tokens in everything except the texts.
    other_tokens: f64,
}

impl BodyTemplate {
    /// The body template of all requests that differ from this one only in the texts of their turns. `None` when the texts
    /// cannot be located in the body.
    pub(super) fn new(common: Common, mut body: Map<String, Value>) -> Option<Self> {
        let turns = body.get_mut("messages").and_then(Value::as_array_mut)?;
        let count = turns.len();
        for (index, turn) in turns.iter_mut().enumerate() {
            *turn.get_mut("content")? = Value::from(gap(index));
        }
        let sent = Gaps::of(&request_settings::bytes(&body).ok()?, count)?;
        let canonical = Gaps::of(&fingerprint::canonical(&body), count)?;
        let gaps: f64 = (0..count).map(|index| text_tokens(&gap(index))).sum();
        Some(Self { common, body: sent, canonical, other_tokens: estimate::prompt(&body) - gaps })
    }

    /// The request with these texts.
    ///
    /// # Errors
    ///
    /// A rule of the API that the texts break.
    pub(super) fn request(&self, texts: &[String]) -> Result<ChatRequest, Diagnostic> {
        self.common.text_rules.hold(texts.iter().map(String::as_str))?;
        let written: Vec<Vec<u8>> = texts.iter().map(|text| written(text)).collect();
        let tokens: f64 = texts.iter().map(|text| text_tokens(text)).sum();
        let fingerprint = fingerprint::of_bytes(&self.canonical.filled(&written));
        let tokens = (tokens, self.other_tokens + tokens);
        let body = self.body.filled(&written);
        Ok(self.common.request(body, fingerprint, tokens, texts.iter().map(String::as_str)))
    }
}

/// JSON with gaps for texts.
#[derive(Debug)]
struct Gaps {
    /// The bytes before each gap, and the index of the text that fills it.
    before: Vec<(Vec<u8>, usize)>,
    /// The bytes after the last gap.
    behind: Vec<u8>,
}

impl Gaps {
    /// The gaps in a JSON text with `count` markers; `None` unless each marker is found exactly once.
    fn of(json: &[u8], count: usize) -> Option<Self> {
        let json = std::str::from_utf8(json).ok()?;
        let mut places = Vec::with_capacity(count);
        for index in 0..count {
            let mark = format!("\"{}\"", gap(index));
            let mut found = json.match_indices(&mark);
            let (from, _) = found.next()?;
            if found.next().is_some() {
                return None;
            }
            places.push((from, from + mark.len(), index));
        }
        places.sort_unstable();
        let (mut before, mut rest) = (Vec::with_capacity(count), 0);
        for (from, to, index) in places {
            before.push((json.as_bytes()[rest..from].to_vec(), index));
            rest = to;
        }
        Some(Self { before, behind: json.as_bytes()[rest..].to_vec() })
    }

    /// The JSON with these texts, each already serialised as JSON.
    fn filled(&self, texts: &[Vec<u8>]) -> Vec<u8> {
        let fixed: usize = self.before.iter().map(|(before, _)| before.len()).sum();
        let length = fixed + self.behind.len() + texts.iter().map(Vec::len).sum::<usize>();
        let mut filled = Vec::with_capacity(length);
        for (before, index) in &self.before {
            filled.extend_from_slice(before);
            filled.extend_from_slice(&texts[*index]);
        }
        filled.extend_from_slice(&self.behind);
        filled
    }
}

/// The marker of a gap: characters that nobody writes by accident.
fn gap(index: usize) -> String {
    format!("\u{10fffd}{index}\u{10fffd}")
}

/// A text as JSON.
fn written(text: &str) -> Vec<u8> {
    let mut json = Vec::with_capacity(text.len() + text.len() / 16 + 2);
    // Writing to memory cannot fail.
    let _ = serde_json::to_writer(&mut json, text);
    json
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::request_settings::RequestSettings;
    use super::super::tests::{MODEL, job};
    use super::*;

    fn asked() -> RequestSettings {
        RequestSettings::new(&job(MODEL).model, None)
    }

    fn body(texts: &[String], more: &Value) -> Map<String, Value> {
        let turn = |(index, text): (usize, &String)| {
            let role = if index == 0 && texts.len() > 1 { "system" } else { "user" };
            json!({ "role": role, "content": text })
        };
        let turns: Vec<Value> = texts.iter().enumerate().map(turn).collect();
        let mut body = json!({ "model": "qwen-plus", "messages": turns }).as_object().unwrap().clone();
        body.extend(more.as_object().unwrap().clone());
        body
    }

    proptest! {
        #[test]
        fn what_comes_out_of_the_mould_is_what_would_be_made_without_it(
            first in prop::collection::vec(".*", 1..4),
            second in prop::collection::vec(".*", 3),
            seed in prop::option::of(0_u32..9),
        ) {
            let more = seed.map_or(json!({}), |seed| json!({ "zeta": { "b": [1, "x"], "a": null }, "seed": seed }));
            let second = &second[..first.len()];
            let asked = asked();
            let (whole, other) = (body(&first, &more), body(second, &more));
            let body_template = BodyTemplate::new(asked.common(&whole).unwrap(), whole).unwrap();
            let (instantiate, made) = (body_template.request(second).unwrap(), asked.request(&other).unwrap());
            prop_assert_eq!(String::from_utf8(instantiate.body).unwrap(), String::from_utf8(made.body).unwrap());
            prop_assert_eq!(instantiate.fingerprint, made.fingerprint);
            prop_assert_eq!(instantiate.shape, made.shape);
            let difference = instantiate.estimate.prompt_tokens.abs_diff(made.estimate.prompt_tokens);
            prop_assert!(difference <= 1, "{:?} {:?}", instantiate.estimate, made.estimate);
        }
    }

    #[test]
    fn a_body_that_says_a_gap_by_itself_has_no_mould() {
        let whole = body(&["text".to_owned()], &json!({ "stop": gap(0) }));
        assert!(BodyTemplate::new(asked().common(&whole).unwrap(), whole).is_none());
    }

    #[test]
    fn texts_are_checked_in_the_mould_as_well() {
        let whole = body(&["as JSON".to_owned()], &json!({ "response_format": { "type": "json_object" } }));
        let body_template = BodyTemplate::new(asked().common(&whole).unwrap(), whole).unwrap();
        let error = body_template.request(&["as you like".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("the word \"json\""), "{error}");
        assert!(body_template.request(&["json".to_owned()]).is_ok());
    }
}
