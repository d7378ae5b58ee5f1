//! A request's body as far as it is known, with the facts known about its model.

use serde_json::{Map, Value};

use crate::job::facts::{ModelInfo, asked_to_think};

/// A request's body, or an object in it. In a job's `[request]`, strings are templates that no row has filled in yet: their
/// values are unknown, so no rule is applied to them.
#[derive(Debug, Clone, Copy)]
pub(super) struct DraftBody<'a> {
    fields: &'a Map<String, Value>,
    unfilled: bool,
    pub(super) model: &'a str,
    pub(super) facts: &'a ModelInfo,
}

impl<'a> DraftBody<'a> {
    /// The complete body of a request.
    pub(super) fn whole(fields: &'a Map<String, Value>, model: &'a str, facts: &'a ModelInfo) -> Self {
        Self { fields, unfilled: false, model, facts }
    }

    /// The `[request]` of a job, before any row is filled in.
    pub(super) fn unfilled(fields: &'a Map<String, Value>, model: &'a str, facts: &'a ModelInfo) -> Self {
        Self { fields, unfilled: true, model, facts }
    }

    /// An object inside this one.
    pub(super) fn inside(self, fields: &'a Map<String, Value>) -> Self {
        Self { fields, ..self }
    }

    /// The names of the fields.
    pub(super) fn names(self) -> impl Iterator<Item = &'a str> {
        self.fields.keys().map(String::as_str)
    }

    /// Whether a field is present. Null counts as absent.
    pub(super) fn gives(self, key: &str) -> bool {
        self.fields.get(key).is_some_and(|value| !value.is_null())
    }

    /// The value of a field, if it is present and known.
    pub(super) fn get(self, key: &str) -> Option<&'a Value> {
        self.fields.get(key).filter(|value| !value.is_null() && !self.is_open(value))
    }

    /// The value of a text field.
    pub(super) fn text(self, key: &str) -> Option<&'a str> {
        self.get(key)?.as_str()
    }

    /// The value of an object field.
    pub(super) fn object(self, key: &str) -> Option<Self> {
        self.get(key)?.as_object().map(|fields| self.inside(fields))
    }

    /// Whether a boolean field has this value.
    pub(super) fn is(self, key: &str, on: bool) -> bool {
        self.get(key) == Some(&Value::Bool(on))
    }

    /// Whether a value is a template that has not been filled in yet.
    pub(super) fn is_open(self, value: &Value) -> bool {
        let marked = |text: &str| ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark));
        self.unfilled && value.as_str().is_some_and(marked)
    }

    /// Whether the request enables thinking; `None` if unknown.
    pub(super) fn thinks(self) -> Option<bool> {
        match self.get("enable_thinking") {
            None if self.gives("enable_thinking") => None,
            given => {
                let effort = self.text("reasoning_effort");
                self.facts.thinks(asked_to_think(given.and_then(Value::as_bool), effort))
            }
        }
    }
}
