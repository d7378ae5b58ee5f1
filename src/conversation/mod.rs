//! A row and its answered steps: what is asked next, or what became of the row.
//!
//! Most rows are answered by their first request. Some need more: the model calls tools and waits for their results, an answer does
//! not satisfy its schema, `max_tokens` or the service itself cut it. Every paid answer on the way is a [`Step`] (`step`), with the
//! reason why the row goes on and what that adds to the next request: the results of tools (`calls` reads what is called), the
//! fault that was named. `body` makes the next request from the first one and the steps.
//!
//! Laws of this room:
//!
//! - **Pure**: no clock, no files, no network. The next request follows from what is stored, whatever the job file says by then,
//!   so that a kill resumes in the middle of a row and no answer is paid for twice.
//! - **A step is stored before the next request leaves**, and results of tools before they go out: a command whose result is stored
//!   is not run again.
//! - **What the service cut is never an answer.** It is asked for again as a stream, which has no time limit; a stream that is cut
//!   is continued where the model can do that.
//! - **When the rules for answers change, kept answers are held against them again**: a failure can become an answer without a
//!   request, and an answer a failure.

mod body;
pub mod calls;
pub mod follow_ups;
mod step;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::job::Transport;
use crate::job::answer::OnLength;
use crate::outcome::{Answer, Fault, FaultKind};
use crate::request::ChatRequest;
use crate::schema::AnswerSchema;
use calls::ToolCall;
pub use step::{Asks, Step};

/// Tool calls of one answer that are run at most: each is a process.
pub const MOST_CALLS: usize = 128;

/// What the tools of one row may say altogether: it is kept in memory and in the journal, and goes out again with each later
/// request of the row. No service takes a request as long as that.
pub const MOST_RESULT_BYTES: usize = 8 * 1024 * 1024;

/// How often an answer that the service keeps cutting is continued. A stream has no time limit that is known of, so a
/// cut is rare, and a row that is cut every time is better told than paid for without end.
const MOST_RESTS: usize = 3;

/// What is said of an answer that `on_length = "fail"` does not take.
const CUT_BY_LENGTH: &str = "max_tokens truncated the answer, and `on_length` is \"fail\"";

fn breaks_schema(fault: &str) -> String {
    format!("the answer does not satisfy the schema: {fault}")
}

/// What decides how a row goes on.
#[derive(Debug, Clone, Default)]
pub struct ConversationRules {
    /// What each answer must satisfy.
    pub schema: Option<Arc<AnswerSchema>>,
    /// How often an answer that does not is asked for again.
    pub repair: u32,
    /// What is done with an answer that `max_tokens` cut.
    pub on_length: OnLength,
    /// The tools that have a command. Without any, a call of the model is the row's answer.
    pub tools: BTreeSet<String>,
    /// Rounds of tool calls that a row may take.
    pub max_rounds: u32,
    /// How answers travel.
    pub transport: Transport,
}

/// What an answer means for its row.
#[derive(Debug)]
pub enum Turn {
    /// The row is answered.
    Answered(Answer),
    /// The row goes on: the step is to be stored, then this is to be sent.
    Ask(Step, Box<ChatRequest>),
    /// The row goes on: the step is to be stored, then these tools are to be run.
    Call(Step, Vec<ToolCall>),
    /// The row has failed, though the answer was paid for.
    Failed(Fault),
}

/// What a row that was interrupted between two requests goes on with.
#[derive(Debug)]
pub enum Resumed {
    /// This request.
    Ask(Box<ChatRequest>),
    /// These tools.
    Call(Vec<ToolCall>),
    /// Nothing: its last step cannot be followed.
    Failed(Fault),
}

/// What is done about an answer that the service cut at its time limit.
#[derive(Debug)]
pub enum Cut {
    /// The same request goes again, to be answered as a stream, which no time limit cuts.
    ByStream,
    /// The answer goes on where it ends.
    Rest(Box<Step>, Box<ChatRequest>),
    /// Nothing: the row has failed.
    Failed,
}

impl ConversationRules {
    /// What an answer means for a row whose first request and steps so far are these.
    pub fn after(&self, first: &ChatRequest, steps: &[Step], answer: Answer) -> Turn {
        if !self.tools.is_empty() && answer.tool_calls.is_some() {
            return self.called(steps, answer);
        }
        if answer.finish_reason.as_deref() == Some("length") {
            match self.on_length {
                OnLength::Keep => {}
                OnLength::Fail => {
                    return Turn::Failed(unfit("length", CUT_BY_LENGTH.to_owned(), &answer));
                }
                OnLength::Grow => {
                    if let Some(turn) = grown(first, steps, &answer) {
                        return turn;
                    }
                }
            }
        }
        let answer = body::joined(steps, answer);
        // Calls of tools that nobody runs are the answer, and no text that could satisfy a schema.
        let schema = self.schema.as_ref().filter(|_| answer.tool_calls.is_none());
        match schema.map(|schema| schema.check(answer.response.as_deref().unwrap_or_default())) {
            None | Some(Ok(_)) => Turn::Answered(answer),
            Some(Err(fault)) => self.violated(first, steps, answer, fault),
        }
    }

    /// What tells these rules from others, as far as they find fault with answers; empty when they find none.
    pub fn key(&self) -> String {
        let length = if self.on_length == OnLength::Fail { "length;" } else { "" };
        let schema = self.schema.as_ref().map(|schema| schema.as_value().to_string()).unwrap_or_default();
        format!("{length}{schema}")
    }

    /// What is wrong with an answer that was kept when the rules were others: the code and the words of it.
    pub fn objection(
        &self,
        finish_reason: Option<&str>,
        response: Option<&str>,
    ) -> Option<(&'static str, String)> {
        if finish_reason == Some("length") && self.on_length == OnLength::Fail {
            return Some(("length", CUT_BY_LENGTH.to_owned()));
        }
        let fault = self.schema.as_ref()?.check(response.unwrap_or_default()).err()?;
        Some(("schema_violation", breaks_schema(&fault)))
    }

    fn called(&self, steps: &[Step], answer: Answer) -> Turn {
        let calls = match self.calls_of(&answer) {
            Ok(calls) => calls,
            Err((code, message)) => return Turn::Failed(unfit(code, message, &answer)),
        };
        if calls.len() > MOST_CALLS {
            let message = format!(
                "the model makes {} tool calls in one answer; the maximum is {MOST_CALLS}",
                calls.len()
            );
            return Turn::Failed(unfit("too_many_calls", message, &answer));
        }
        if count(steps, Asks::Tools) >= self.max_rounds as usize {
            let message =
                format!("the model still calls tools after {} rounds (`max_rounds`)", self.max_rounds);
            return Turn::Failed(unfit("max_rounds", message, &answer));
        }
        Turn::Call(Step { answer, asks: Asks::Tools, results: Vec::new() }, calls)
    }

    /// The calls of an answer, each of a tool that has a command, with arguments that are JSON.
    fn calls_of(&self, answer: &Answer) -> Result<Vec<ToolCall>, (&'static str, String)> {
        let calls = calls::of(answer.tool_calls.as_deref().unwrap_or_default())
            .map_err(|message| ("bad_tool_call", message))?;
        for call in &calls {
            if !self.tools.contains(&call.name) {
                let known: Vec<&str> = self.tools.iter().map(String::as_str).collect();
                let known = known.join(", ");
                let message = format!(
                    "the model called `{}`, which has no command; the tools with commands are {known}",
                    call.name
                );
                return Err(("unknown_tool", message));
            }
            if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&call.arguments) {
                let message =
                    format!("the model called `{}` with arguments that are not JSON: {error}", call.name);
                return Err(("bad_tool_arguments", message));
            }
        }
        Ok(calls)
    }

    fn violated(&self, first: &ChatRequest, steps: &[Step], answer: Answer, fault: String) -> Turn {
        if count(steps, Asks::Repair) >= self.repair as usize {
            return Turn::Failed(unfit("schema_violation", breaks_schema(&fault), &answer));
        }
        let step = Step { answer, asks: Asks::Repair, results: vec![fault] };
        ask(first, steps, step)
    }

    /// What a row with these stored steps goes on with; the last of them has not been followed.
    pub fn resume(&self, first: &ChatRequest, steps: &[Step]) -> Resumed {
        let unanswered = steps.last().filter(|step| step.asks == Asks::Tools && step.results.is_empty());
        if let Some(step) = unanswered {
            return match self.calls_of(&step.answer) {
                Ok(calls) => Resumed::Call(calls),
                Err((code, message)) => Resumed::Failed(Fault::new(FaultKind::RowRefused, code, message)),
            };
        }
        // What was cut came as a stream when a stream was to be had, and in one piece it would be cut again.
        let was_cut = self.transport != Transport::Whole && count(steps, Asks::Continue) > 0;
        match body::next(first, steps) {
            Ok(request) => {
                Resumed::Ask(Box::new(ChatRequest { stream: request.stream || was_cut, ..request }))
            }
            Err(message) => Resumed::Failed(no_body(message)),
        }
    }

    /// What is done about an answer that the service cut, of a request that was the last one sent.
    pub fn cut(
        &self,
        first: &ChatRequest,
        steps: &[Step],
        sent: &ChatRequest,
        partial: Option<&Answer>,
    ) -> Cut {
        if !sent.stream && self.transport != Transport::Whole {
            return Cut::ByStream;
        }
        let Some(partial) = partial.filter(|partial| {
            let text = partial.response.as_deref().unwrap_or_default();
            first.may_continue && partial.tool_calls.is_none() && !text.trim().is_empty()
        }) else {
            return Cut::Failed;
        };
        if count(steps, Asks::Continue) >= MOST_RESTS {
            return Cut::Failed;
        }
        let step = Step { answer: partial.clone(), asks: Asks::Continue, results: Vec::new() };
        let all: Vec<Step> = steps.iter().cloned().chain([step.clone()]).collect();
        match body::next(first, &all) {
            Ok(request) => Cut::Rest(Box::new(step), Box::new(request)),
            Err(_) => Cut::Failed,
        }
    }
}

/// The larger `max_tokens` that a cut answer is asked for with, once; `None` where it cannot grow.
fn grown(first: &ChatRequest, steps: &[Step], answer: &Answer) -> Option<Turn> {
    if count(steps, Asks::Grow) > 0 || body::grown_max_tokens(first).is_none() {
        return None;
    }
    let step = Step { answer: answer.clone(), asks: Asks::Grow, results: Vec::new() };
    Some(ask(first, steps, step))
}

fn ask(first: &ChatRequest, steps: &[Step], step: Step) -> Turn {
    let all: Vec<Step> = steps.iter().cloned().chain([step.clone()]).collect();
    match body::next(first, &all) {
        Ok(request) => Turn::Ask(step, Box::new(request)),
        Err(message) => Turn::Failed(Fault { usage: step.answer.usage, ..no_body(message) }),
    }
}

fn count(steps: &[Step], asks: Asks) -> usize {
    steps.iter().filter(|step| step.asks == asks).count()
}

/// A row that has failed by its answer, which was paid for and is kept.
fn unfit(code: &str, message: String, answer: &Answer) -> Fault {
    Fault {
        status: Some(200),
        usage: answer.usage,
        request_id: answer.request_id.clone(),
        partial: Some(Box::new(answer.clone())),
        ..Fault::new(FaultKind::InvalidAnswer, code, message)
    }
}

fn no_body(message: String) -> Fault {
    Fault::new(FaultKind::RowRefused, "bad_request", message)
}

#[cfg(test)]
mod tests;
