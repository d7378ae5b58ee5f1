//! From the body of a request to the request: what is known of its model decides how it travels and what it may cost.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{estimate, fingerprint};
use crate::job::facts::Facts;
use crate::job::price::Price;
use crate::job::problem::Problem;
use crate::job::{Model, Transport};
use crate::request::{ChatRequest, Shape};

/// What the requests of a job are sent with.
#[derive(Debug)]
pub(super) struct Asked {
    model: Model,
    own_price: Option<Arc<Price>>,
    facts: Facts,
}

impl Asked {
    /// For requests to a model, at the user's own price where there is one.
    pub(super) fn new(model: &Model, own_price: Option<Arc<Price>>) -> Self {
        let known = |name| model.facts_of(name, own_price.as_ref());
        let facts = model.name.as_deref().map(known).unwrap_or_default();
        Self { model: model.clone(), own_price, facts }
    }

    /// The request that a body makes.
    pub(super) fn request(&self, body: &Map<String, Value>) -> Result<ChatRequest, Problem> {
        let other;
        let facts = match body.get("model").and_then(Value::as_str) {
            Some(model) if self.model.name.as_deref() != Some(model) => {
                other = self.model.facts_of(model, self.own_price.as_ref());
                &other
            }
            _ => &self.facts,
        };
        let enable_thinking = body.get("enable_thinking").and_then(Value::as_bool);
        let thinks = facts.thinks(enable_thinking).unwrap_or(false);
        Ok(ChatRequest {
            fingerprint: fingerprint::of(body),
            estimate: estimate::of(body, facts, thinks),
            shape: shape(body),
            stream: match self.model.transport {
                // A line of the OpenAI Batch format may ask for it by itself.
                Transport::Auto if body.get("stream") == Some(&Value::Bool(true)) => true,
                Transport::Auto => facts.needs_stream(enable_thinking).unwrap_or(false),
                Transport::Whole => false,
                Transport::Stream => true,
            },
            thinks,
            price: facts.price.clone(),
            body: bytes(body).map_err(|error| Problem::new(error.to_string()))?,
        })
    }
}

/// The body without the fields of transport: those are put in when it is sent.
fn bytes(body: &Map<String, Value>) -> serde_json::Result<Vec<u8>> {
    if !fingerprint::TRANSPORT.iter().any(|key| body.contains_key(*key)) {
        return serde_json::to_vec(body);
    }
    let mut body = body.clone();
    body.retain(|key, _| !fingerprint::TRANSPORT.contains(&key.as_str()));
    serde_json::to_vec(&body)
}

/// The model, the names of the fields and their switches. Turns and numbers differ from row to row; so do the texts of
/// a translation's options.
fn shape(body: &Map<String, Value>) -> Shape {
    let mut words = Vec::new();
    for (key, value) in body {
        let value = match value {
            Value::Bool(_) => Some(value.to_string()),
            Value::String(text) if key == "model" => Some(text.clone()),
            Value::Object(fields) if key == "response_format" => fields.get("type").map(Value::to_string),
            _ => None,
        };
        words.push(format!("{key}={}", value.unwrap_or_default()));
    }
    words.sort_unstable();
    let hash = fingerprint::of_bytes(words.join("\0").as_bytes()).0;
    Shape(u64::from_le_bytes([hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]]))
}
