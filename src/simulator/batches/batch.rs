//! One batch: its states, its times, and the lines that were answered.

use std::time::Duration;

use hyper::body::Bytes;
use serde_json::{Value, json};

use super::manners::{BatchManners, LineOrder};
use super::rules::RequestLine;

/// What happens to a batch, other than that all its lines are answered.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum BatchFate {
    /// After so many lines, by default half of them, its time is over.
    Expire { after_lines: Option<usize> },
    /// After so many lines the provider cancels it.
    CancelItself { after_lines: Option<usize> },
    /// After so many lines nothing happens any more.
    Stall { after_lines: Option<usize> },
    /// It is refused as a whole, after it was created.
    FailWhole { code: String, message: String },
}

/// How far a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Validating,
    InProgress,
    Finalizing,
    Completed,
    Failed,
    Expired,
    Cancelling,
    Cancelled,
}

impl Phase {
    fn word(self) -> &'static str {
        match self {
            Self::Validating => "validating",
            Self::InProgress => "in_progress",
            Self::Finalizing => "finalizing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
        }
    }

    pub(super) fn is_end(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Expired | Self::Cancelled)
    }
}

/// The result of a line.
#[derive(Debug, Clone)]
pub(in super::super) struct LineResult {
    /// `None`: there is no reply, and no line.
    pub(in super::super) reply: Option<(u16, Bytes)>,
    pub(in super::super) request_id: String,
    /// How often the line is in the file.
    pub(in super::super) copies: usize,
}

/// A batch. Its times are since the server started.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) id: String,
    pub(super) order: Value,
    pub(super) fate: Option<BatchFate>,
    pub(super) phase: Phase,
    pub(super) created: Duration,
    pub(super) cancelled: Option<Duration>,
    pub(super) lines: Vec<RequestLine>,
    pub(super) errors: Value,
    /// How many lines have been handed out to be answered.
    pub(super) taken: usize,
    completed: usize,
    failed: usize,
    output: Vec<String>,
    error_lines: Vec<String>,
    pub(super) output_file: Option<String>,
    pub(super) error_file: Option<String>,
    /// When each state began: its field, and the time.
    pub(super) times: Vec<(&'static str, Duration)>,
}

impl Batch {
    pub(super) fn new(id: String, order: Value, fate: Option<BatchFate>, now: Duration) -> Self {
        Self {
            id,
            order,
            fate,
            phase: Phase::Validating,
            created: now,
            cancelled: None,
            lines: Vec::new(),
            errors: Value::Null,
            taken: 0,
            completed: 0,
            failed: 0,
            output: Vec::new(),
            error_lines: Vec::new(),
            output_file: None,
            error_file: None,
            times: Vec::new(),
        }
    }

    /// Enters a state.
    pub(super) fn enter(&mut self, phase: Phase, now: Duration) {
        let field = match phase {
            Phase::Validating => "created_at",
            Phase::InProgress => "in_progress_at",
            Phase::Finalizing => "finalizing_at",
            Phase::Completed => "completed_at",
            Phase::Failed => "failed_at",
            Phase::Expired => "expired_at",
            Phase::Cancelling => "cancelling_at",
            Phase::Cancelled => "cancelled_at",
        };
        self.phase = phase;
        self.times.push((field, now));
    }

    /// How many lines its fate lets it answer.
    pub(super) fn most_lines(&self) -> usize {
        let after = match &self.fate {
            Some(
                BatchFate::Expire { after_lines }
                | BatchFate::CancelItself { after_lines }
                | BatchFate::Stall { after_lines },
            ) => after_lines.unwrap_or(self.lines.len() / 2),
            _ => self.lines.len(),
        };
        after.min(self.lines.len())
    }

    /// How many lines should have been answered by now.
    pub(super) fn due_lines(&self, now: Duration, time: Duration) -> usize {
        let begun = self.created + time / 10;
        let span = time.mul_f64(0.8).max(Duration::from_millis(1));
        let share = now.saturating_sub(begun).as_secs_f64() / span.as_secs_f64();
        ((self.lines.len() as f64 * share.min(1.0)) as usize).min(self.most_lines())
    }

    /// Whether every line that was handed out has its result.
    pub(super) fn is_settled(&self) -> bool {
        self.completed + self.failed == self.taken
    }

    /// Writes the line of a result.
    pub(super) fn settle(&mut self, index: usize, result: &LineResult, manners: &BatchManners) {
        let is_ok = result.reply.as_ref().is_none_or(|(status, _)| *status < 300);
        *(if is_ok || manners.errors_in_output { &mut self.completed } else { &mut self.failed }) += 1;
        let Some((status, body)) = &result.reply else { return };
        let text = String::from_utf8_lossy(body);
        let body = match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) if !manners.text_bodies => Value::Object(fields),
            _ => Value::from(text.as_ref()),
        };
        let error = if is_ok { Value::Null } else { error_of(&body, *status) };
        let line = json!({
            "id": format!("batch_req_{}", result.request_id),
            "custom_id": self.lines[index].custom_id,
            "response": {"status_code": status, "request_id": result.request_id, "body": body},
            "error": error,
        });
        let file = if is_ok || manners.errors_in_output { &mut self.output } else { &mut self.error_lines };
        file.extend(std::iter::repeat_n(line.to_string(), result.copies));
    }

    /// Ends a batch that has not answered all its lines.
    pub(super) fn give_up(&mut self, phase: Phase, now: Duration, manners: &BatchManners) {
        let (code, message) = match phase {
            Phase::Expired => {
                ("batch_expired", "This request could not be executed before the completion window expired.")
            }
            _ => ("batch_cancelled", "This request was not executed, because the batch was cancelled."),
        };
        if !manners.rest_is_missing {
            let rest = &self.lines[self.taken..];
            let line = |line: &RequestLine| {
                let error = json!({"code": code, "message": message});
                json!({"id": format!("batch_req_{}", line.custom_id), "custom_id": line.custom_id, "response": null,
                    "error": error})
                .to_string()
            };
            self.error_lines.extend(rest.iter().map(line));
            self.failed += rest.len();
            self.taken = self.lines.len();
        }
        self.enter(phase, now);
    }

    /// The contents of its files, once it has ended; an empty one is not written.
    pub(super) fn files(&mut self, order: LineOrder) -> [Option<Bytes>; 2] {
        [std::mem::take(&mut self.output), std::mem::take(&mut self.error_lines)].map(|mut lines| {
            match order {
                LineOrder::Input => {}
                LineOrder::Reversed => lines.reverse(),
                LineOrder::Shuffled => lines.sort_by_key(|line| blake3::hash(line.as_bytes()).to_hex()),
            }
            let text: String = lines.into_iter().map(|line| line + "\n").collect();
            (!text.is_empty()).then(|| text.into())
        })
    }

    /// The batch as the API describes it. `since_1970`: when the server started.
    pub(super) fn object(&self, since_1970: Duration) -> Value {
        let at = |time: Duration| (since_1970 + time).as_secs();
        let mut object = json!({
            "id": self.id,
            "object": "batch",
            "endpoint": self.order["endpoint"],
            "errors": self.errors,
            "input_file_id": self.order["input_file_id"],
            "completion_window": self.order["completion_window"],
            "status": self.phase.word(),
            "output_file_id": self.output_file,
            "error_file_id": self.error_file,
            "created_at": at(self.created),
            "expires_at": at(self.created) + 24 * 3600,
            "request_counts": {"total": self.lines.len(), "completed": self.completed, "failed": self.failed},
            "metadata": self.order["metadata"],
        });
        for field in [
            "in_progress_at",
            "finalizing_at",
            "completed_at",
            "failed_at",
            "expired_at",
            "cancelling_at",
            "cancelled_at",
        ] {
            let time = self.times.iter().find(|(name, _)| *name == field);
            object[field] = time.map_or(Value::Null, |(_, time)| at(*time).into());
        }
        object
    }
}

/// The field `error` of a line, from the body of an error.
fn error_of(body: &Value, status: u16) -> Value {
    let error = body.get("error").unwrap_or(body);
    let code = error.get("code").and_then(Value::as_str).map_or_else(|| status.to_string(), str::to_owned);
    let message = error.get("message").and_then(Value::as_str).unwrap_or("The request failed.");
    json!({"code": code, "message": message})
}
