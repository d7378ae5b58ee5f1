//! Whether an answer passes the job's checks, and how it is asked again if not.

use serde_json::Value;

use super::attempts::{CHECK_FAILED, attempt};
use super::step::{Asks, Step};
use super::{ConversationRules, Turn, count, no_body, unfit};
use crate::checks::FailedCheck;
use crate::outcome::{Answer, Fault, Flaw};
use crate::request::{AnswerSource, ChatRequest};

impl ConversationRules {
    /// The meaning of an answer that is one for all other rules.
    pub(super) fn checked(&self, first: &ChatRequest, steps: &[Step], mut answer: Answer) -> Turn {
        let failed = match &first.source {
            // Calls of tools without a command are the answer, which has no text.
            Some(source) if answer.tool_calls.is_none() => {
                self.failed_checks(source, answer.response.as_deref())
            }
            _ => Vec::new(),
        };
        if failed.is_empty() {
            return Turn::Answered(answer);
        }
        let flaw = check_failed(&failed);
        if count(steps, Asks::Check) + count(steps, Asks::Repair) < self.repair as usize {
            let step = Step { answer, asks: Asks::Check, results: vec![flaw.message] };
            let all: Vec<Step> = steps.iter().cloned().chain([step.clone()]).collect();
            return match attempt(first, &all) {
                Ok((request, _)) => Turn::Ask(step, Box::new(request.into_owned())),
                Err(message) => Turn::Failed(Fault { usage: step.answer.usage, ..no_body(message) }),
            };
        }
        if self.flags {
            answer.warnings.extend(failed.iter().map(ToString::to_string));
            return Turn::Answered(answer);
        }
        Turn::Failed(unfit(CHECK_FAILED, flaw.message, &answer))
    }

    /// The warnings of a kept answer by the checks, or why it is rejected.
    pub(super) fn check_verdict(
        &self,
        source: Option<&AnswerSource>,
        response: Option<&str>,
    ) -> Result<Vec<String>, Flaw> {
        let failed = source.map(|source| self.failed_checks(source, response)).unwrap_or_default();
        match self.flags || failed.is_empty() {
            true => Ok(failed.iter().map(ToString::to_string).collect()),
            false => Err(check_failed(&failed)),
        }
    }

    /// The checks that an answer does not pass; of several texts, one that does not pass is enough.
    fn failed_checks(&self, source: &AnswerSource, response: Option<&str>) -> Vec<FailedCheck> {
        let response = response.unwrap_or_default();
        if source.several
            && let Ok(texts) = serde_json::from_str::<Vec<Option<String>>>(response)
        {
            let failed = |text: Option<String>| self.checks.failures(&source.text, &text.unwrap_or_default());
            return texts.into_iter().map(failed).find(|failed| !failed.is_empty()).unwrap_or_default();
        }
        // In JSON, the texts are what a model has written: not the names of fields, nor quotes with a backslash.
        if self.schema.is_some()
            && let Ok(value) = crate::schema::parse_answer(response)
        {
            let mut texts = Vec::new();
            strings(&value, &mut texts);
            return self.checks.failures(&source.text, &texts.join("\n"));
        }
        self.checks.failures(&source.text, response)
    }
}

/// The failure of an answer, with each check by name and what is wrong.
fn check_failed(failed: &[FailedCheck]) -> Flaw {
    let words = failed.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    Flaw { code: CHECK_FAILED.to_owned(), message: words }
}

/// The texts in a JSON value, in order.
fn strings<'v>(value: &'v Value, texts: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(items) => items.iter().for_each(|item| strings(item, texts)),
        Value::Object(fields) => fields.values().for_each(|field| strings(field, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
