//! A row and its answered steps: the next request, or the result of the row.
//!
//! Most rows are answered by their first request. Some need more: the model calls tools and waits for their results, an
//! answer does not satisfy its schema, or `max_tokens` or the service itself cut it. Every paid answer on the way is a
//! [`Step`] (`step`), with the reason why the row continues and what that adds to the next request: the results of tools
//! (`calls` reads the calls), or the fault. `body` makes the next request from the first one and the steps. The answer to a
//! piece of a text has to be `whole`, or the piece is asked in `parts`. What is an answer then has to pass the job's checks
//! (`checked`), or another attempt begins.
//!
//! Laws of this room:
//!
//! - **Pure**: no clock, no files, no network. The next request follows from what is stored, even if the job file has
//!   changed, so a kill resumes in the middle of a row and no answer is paid for twice.
//! - **A step is stored before the next request is sent**, and results of tools before they are sent: a command whose result
//!   is stored is not run again.
//! - **A cut by the service is never an answer.** The answer is requested again as a stream, which has no time limit; a
//!   stream that is cut is continued if the model can do that.
//! - **When the rules for answers change, kept answers are checked against them again**: a failure can become an answer
//!   without a request, and an answer a failure.

mod attempts;
mod body;
pub mod calls;
mod checked;
pub mod follow_ups;
mod groups;
pub mod kept;
mod parts;
mod step;
mod whole;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::checks::Checks;
use crate::job::Transport;
use crate::job::answer::OnLength;
use crate::job::split::OnMismatch;
use crate::outcome::{Answer, Fault, FaultKind};
use crate::request::ChatRequest;
use crate::schema::AnswerSchema;
pub use attempts::CHECK_FAILED;
use attempts::attempt;
use calls::ToolCall;

pub use parts::LOST_PARAGRAPHS;
use parts::asked;
pub use step::{Asks, Step};

/// The most tool calls of one answer that are run: each is a process.
pub const MOST_CALLS: usize = 128;

/// The most bytes of results of a row's tools: they are kept in memory and in the journal, and sent again with each later
/// request of the row. No service accepts a request as long as that.
pub const MOST_RESULT_BYTES: usize = 8 * 1024 * 1024;

/// How often an answer that the service keeps cutting is continued. A stream has no known time limit, so a cut is rare, and
/// it is better to report a row that is cut every time than to keep paying for it.
const MOST_RESTS: usize = 3;

/// The fault of an answer that `on_length = "fail"` does not accept.
const CUT_BY_LENGTH: &str = "max_tokens truncated the answer, and `on_length` is \"fail\"";

fn breaks_schema(fault: &str) -> String {
    format!("the answer does not satisfy the schema: {fault}")
}

/// The rules that decide how a row continues.
#[derive(Debug, Clone, Default)]
pub struct ConversationRules {
    /// What each answer must satisfy.
    pub schema: Option<Arc<AnswerSchema>>,
    /// What each answer is checked for.
    pub checks: Checks,
    /// A text that distinguishes what they are checked against from anything else.
    pub source: String,
    /// Whether an answer that does not pass a check is accepted, with warnings.
    pub flags: bool,
    /// How often an answer that does not satisfy the schema, or does not pass a check, is requested again.
    pub repair: u32,
    /// The treatment of an answer that `max_tokens` cut.
    pub on_length: OnLength,
    /// The tools that have a command. Without any, the model's call is the row's answer.
    pub tools: BTreeSet<String>,
    /// Rounds of tool calls that a row may take.
    pub max_rounds: u32,
    /// How answers are received.
    pub transport: Transport,
    /// The treatment of an answer that lacks something of its piece; `None` if pieces are not joined.
    pub on_mismatch: Option<OnMismatch>,
}

/// The meaning of an answer for its row.
#[derive(Debug)]
pub enum Turn {
    /// The row is answered.
    Answered(Answer),
    /// The row continues: store the step, then send this request.
    Ask(Step, Box<ChatRequest>),
    /// The row continues: store the step, then run these tools.
    Call(Step, Vec<ToolCall>),
    /// The row has failed, though the answer was paid for.
    Failed(Fault),
}

/// How a row that was interrupted between two requests continues.
#[derive(Debug)]
pub enum Resumed {
    /// With this request.
    Ask(Box<ChatRequest>),
    /// With these tools.
    Call(Vec<ToolCall>),
    /// Not at all: its last step cannot be followed.
    Failed(Fault),
}

/// The reaction to an answer that the service cut at its time limit.
#[derive(Debug)]
pub enum Cut {
    /// The same request is sent again, to be answered as a stream, which no time limit cuts.
    ByStream,
    /// The answer is continued where it ends.
    Rest(Box<Step>, Box<ChatRequest>),
    /// None: the row has failed.
    Failed,
}

impl ConversationRules {
    /// The meaning of an answer for a row with this first request and these steps.
    pub fn after(&self, first: &ChatRequest, steps: &[Step], answer: Answer) -> Turn {
        let turn = match attempt(first, steps) {
            Ok((again, own)) => self.after_attempt(&again, own, answer),
            Err(message) => Turn::Failed(Fault { usage: answer.usage, ..no_body(message) }),
        };
        match turn {
            Turn::Answered(answer) => self.checked(first, steps, answer),
            turn => turn,
        }
    }

    fn after_attempt(&self, first: &ChatRequest, steps: &[Step], answer: Answer) -> Turn {
        match groups::of_group(first, steps) {
            Ok((group, own)) => match self.after_group(&group, own, answer) {
                Turn::Answered(answer) => match groups::after_group(first, steps, &answer) {
                    None => Turn::Answered(answer),
                    Some(Ok(request)) => {
                        Turn::Ask(Step { answer, asks: Asks::Merge, results: Vec::new() }, Box::new(request))
                    }
                    Some(Err(message)) => Turn::Failed(Fault { usage: answer.usage, ..no_body(message) }),
                },
                turn => turn,
            },
            Err(message) => Turn::Failed(Fault { usage: answer.usage, ..no_body(message) }),
        }
    }

    fn after_group(&self, first: &ChatRequest, steps: &[Step], answer: Answer) -> Turn {
        let asked = match asked(first, steps) {
            Ok(asked) => asked,
            Err(message) => return Turn::Failed(Fault { usage: answer.usage, ..no_body(message) }),
        };
        // In two halves each has as much room for its answer, so that `max_tokens` need not grow.
        if answer.finish_reason.as_deref() == Some("length")
            && let Some(turn) = self.divided(first, steps, &asked, &answer)
        {
            return turn;
        }
        let is_piece = self.on_mismatch.is_some() && asked.is_about_a_piece();
        match self.after_request(&asked.request, asked.steps, answer) {
            // Calls of tools without a command are the answer, which has no text.
            Turn::Answered(answer) if is_piece && answer.tool_calls.is_none() => {
                self.judged(first, steps, asked, answer)
            }
            turn => turn,
        }
    }

    fn after_request(&self, first: &ChatRequest, steps: &[Step], answer: Answer) -> Turn {
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
        // Calls of tools without a command are the answer, which has no text to check against a schema.
        let schema = self.schema.as_ref().filter(|_| answer.tool_calls.is_none());
        match schema.map(|schema| schema.check(answer.response.as_deref().unwrap_or_default())) {
            None | Some(Ok(_)) => Turn::Answered(answer),
            Some(Err(fault)) => self.violated(first, steps, answer, fault),
        }
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

    /// How a row with these stored steps continues; the last of them has not been followed.
    pub fn resume(&self, first: &ChatRequest, steps: &[Step]) -> Resumed {
        let (again, steps) = match attempt(first, steps) {
            Ok(attempt) => attempt,
            Err(message) => return Resumed::Failed(no_body(message)),
        };
        if steps.is_empty() {
            return Resumed::Ask(Box::new(again.into_owned()));
        }
        let group = groups::of_group(&again, steps);
        let asked = match group.as_ref().map_err(Clone::clone).and_then(|(first, own)| asked(first, own)) {
            Ok(asked) => asked,
            Err(message) => return Resumed::Failed(no_body(message)),
        };
        let (first, steps) = (&*asked.request, asked.steps);
        let unanswered = steps.last().filter(|step| step.asks == Asks::Tools && step.results.is_empty());
        if let Some(step) = unanswered {
            return match self.calls_of(&step.answer) {
                Ok(calls) => Resumed::Call(calls),
                Err((code, message)) => Resumed::Failed(Fault::new(FaultKind::RowRefused, code, message)),
            };
        }
        // A cut answer came as a stream if streams are available, and a whole answer would be cut again.
        let was_cut = self.transport != Transport::Whole && count(steps, Asks::Continue) > 0;
        match body::next(first, steps) {
            Ok(request) => {
                Resumed::Ask(Box::new(ChatRequest { stream: request.stream || was_cut, ..request }))
            }
            Err(message) => Resumed::Failed(no_body(message)),
        }
    }

    /// The reaction to an answer that the service cut, given the last request that was sent.
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
        let Ok((again, steps)) = attempt(first, steps) else { return Cut::Failed };
        let (Some(partial), Ok((group, steps))) = (partial, groups::of_group(&again, steps)) else {
            return Cut::Failed;
        };
        let first = &*group;
        let Ok(asked) = asked(first, steps) else { return Cut::Failed };
        let text = partial.response.as_deref().unwrap_or_default();
        let is_text = partial.tool_calls.is_none() && !text.trim().is_empty();
        let may_continue = first.may_continue && is_text && count(asked.steps, Asks::Continue) < MOST_RESTS;
        let turn = match may_continue {
            true => {
                let step = Step { answer: partial.clone(), asks: Asks::Continue, results: Vec::new() };
                Some(ask(&asked.request, asked.steps, step))
            }
            // The answers to its halves take less time.
            false => self.divided(first, steps, &asked, partial),
        };
        match turn {
            Some(Turn::Ask(step, request)) => Cut::Rest(Box::new(step), request),
            _ => Cut::Failed,
        }
    }
}

/// The request for a cut answer with a larger `max_tokens`, made once; `None` if it cannot grow.
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

/// The fault of a row because of its answer, which was paid for and is kept.
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
