//! From the body of a request to the request: what is known of its model decides how it travels and what it may cost.

use serde_json::{Map, Value};

use super::{estimate, fingerprint, shape};
use crate::job::facts::Facts;
use crate::job::problem::Problem;
use crate::job::{Job, Transport};
use crate::request::ChatRequest;

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
            Transport::Auto => facts.needs_stream(enable_thinking).unwrap_or(false),
            Transport::Whole => false,
            Transport::Stream => true,
        };
        Ok(ChatRequest {
            fingerprint: fingerprint::of(body),
            estimate: estimate::of(body, facts, thinks),
            shape: shape::of(body, stream),
            stream,
            thinks,
            price: facts.price.clone(),
            body: serde_json::to_vec(body).map_err(|error| Problem::new(error.to_string()))?,
        })
    }
}
