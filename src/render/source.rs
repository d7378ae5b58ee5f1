//! What an answer is checked against: the message of the user, or a template of the job's own.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::template::{Filled, Slot, Templates};
use crate::diagnostic::Diagnostic;
use crate::job::Job;
use crate::request::{AnswerSource, ChatRequest};

/// Where the text comes from.
#[derive(Debug)]
pub(super) enum SourceRule {
    /// The last message of the user.
    Message,
    /// A template.
    Template(Slot),
}

/// What is read of a body.
#[derive(Deserialize)]
struct AskedBody {
    #[serde(default)]
    messages: Vec<Value>,
    n: Option<f64>,
}

impl SourceRule {
    /// That of a job; `None` if its answers are not checked.
    pub(super) fn of(job: &Job, templates: &mut Templates) -> Result<Option<Self>, Diagnostic> {
        if job.answer.checks.is_empty() {
            return Ok(None);
        }
        Ok(Some(match &job.answer.source {
            None => Self::Message,
            Some(text) => Self::Template(templates.add("answer.source", text.clone())?),
        }))
    }

    /// The request with the text. It is no part of the request's identity.
    pub(super) fn add_to(
        &self,
        request: ChatRequest,
        filled: &Filled<'_>,
    ) -> Result<ChatRequest, Diagnostic> {
        let asked: AskedBody =
            serde_json::from_slice(&request.body).map_err(|error| Diagnostic::new(error.to_string()))?;
        let text = match self {
            Self::Message => last_message(&asked.messages),
            Self::Template(slot) => filled.text(slot)?,
        };
        let several = asked.n.is_some_and(|n| n > 1.0);
        Ok(ChatRequest { source: Some(Arc::new(AnswerSource { text, several })), ..request })
    }
}

/// The text of the user's last message.
fn last_message(messages: &[Value]) -> String {
    let Some(message) = messages.iter().rfind(|message| message["role"] == "user") else {
        return String::new();
    };
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| part["text"].as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}
