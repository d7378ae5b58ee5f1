//! A request's body as far as it is known, with what is known of its model.

use serde_json::{Map, Value};

use crate::job::facts::{ModelInfo, asked_to_think};

/// A request's body, or an object in it. The strings of a job's `[request]` are templates that no row has filled in yet:
/// what they will be is open, and no rule is held against it.
#[derive(Debug, Clone, Copy)]
pub(super) struct DraftBody<'a> {
    fields: &'a Map<String, Value>,
    unfilled: bool,
    /// The name of the model that is asked.
    pub(super) model: &'a str,
    /// What is known of it.
    pub(super) facts: &'a ModelInfo,
}

impl<'a> DraftBody<'a> {
    /// The body of a request, whole.
    pub(super) fn whole(fields: &'a Map<String, Value>, model: &'a str, facts: &'a ModelInfo) -> Self {
        Self { fields, unfilled: false, model, facts }
    }

    /// The `[request]` of a job, before any row.
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

    /// Whether a field is given at all. Null is as good as nothing.
    pub(super) fn gives(self, key: &str) -> bool {
        self.fields.get(key).is_some_and(|value| !value.is_null())
    }

    /// The value of a field that is given and known.
    pub(super) fn get(self, key: &str) -> Option<&'a Value> {
        self.fields.get(key).filter(|value| !value.is_null() && !self.is_open(value))
    }

    /// A field that is text.
    pub(super) fn text(self, key: &str) -> Option<&'a str> {
        self.get(key)?.as_str()
    }

    /// A field that is an object.
    pub(super) fn object(self, key: &str) -> Option<Self> {
        self.get(key)?.as_object().map(|fields| self.inside(fields))
    }

    /// Whether a switch is set this way.
    pub(super) fn is(self, key: &str, on: bool) -> bool {
        self.get(key) == Some(&Value::Bool(on))
    }

    /// Whether a value is a template that is not filled in yet.
    pub(super) fn is_open(self, value: &Value) -> bool {
        let marked = |text: &str| ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark));
        self.unfilled && value.as_str().is_some_and(marked)
    }

    /// Whether the request thinks. `None`: not known.
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
