//! From the body of a request to the request: what is known of its model decides how it travels and what it may cost.

use serde_json::{Map, Value};

use super::{check, estimate, fingerprint};
use crate::job::facts::Facts;
use crate::job::problem::Problem;
use crate::job::{Job, Transport};
use crate::request::{ChatRequest, Shape};

/// What the requests of a job are sent with.
#[derive(Debug)]
pub(super) struct Asked {
    job: Job,
    name: Option<String>,
    facts: Facts,
}

impl Asked {
    /// For the requests of a job.
    pub(super) fn new(job: &Job) -> Self {
        let name = job.model.name.clone();
        let facts = name.as_deref().map(|name| job.facts_of(name)).unwrap_or_default();
        Self { job: job.clone(), name, facts }
    }

    /// The request that a body makes.
    ///
    /// # Errors
    ///
    /// A rule of the API that it breaks.
    pub(super) fn request(&self, body: &Map<String, Value>) -> Result<ChatRequest, Problem> {
        let other;
        let facts = match body.get("model").and_then(Value::as_str) {
            Some(model) if self.name.as_deref() != Some(model) => {
                other = self.job.facts_of(model);
                &other
            }
            _ => &self.facts,
        };
        let enable_thinking = body.get("enable_thinking").and_then(Value::as_bool);
        let thinks = facts.thinks(enable_thinking).unwrap_or(false);
        let stream = match self.job.model.transport {
            Transport::Auto => {
                facts.needs_stream(enable_thinking).unwrap_or(false) || check::needs_stream(body, facts)
            }
            Transport::Whole => false,
            Transport::Stream => true,
        };
        check::request(body, facts, stream)?;
        Ok(ChatRequest {
            fingerprint: fingerprint::of(body),
            estimate: estimate::of(body, facts, thinks),
            shape: shape(body),
            stream,
            thinks,
            price: facts.price.clone(),
            body: serde_json::to_vec(body).map_err(|error| Problem::new(error.to_string()))?,
        })
    }
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
