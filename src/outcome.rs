//! The result of a request: an answer, or a fault; and the result of a row.

mod status;

use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use status::Status;

/// The result of one request.
pub type Reply = Result<Answer, Fault>;

/// A usable answer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Answer {
    /// The text of the answer; with `n` above 1, a JSON array of the texts.
    pub response: Option<String>,
    /// The model's reasoning, if any.
    pub reasoning: Option<String>,
    /// The tool calls the model asked for: the JSON text of the array.
    pub tool_calls: Option<String>,
    /// Why the model stopped: `stop`, `length`, `tool_calls`.
    pub finish_reason: Option<String>,
    /// The tokens that the answer used; absent if the server did not report them.
    pub usage: Option<Usage>,
    /// The model that answered, according to the service.
    pub model: Option<String>,
    /// The service's id of the request.
    pub request_id: Option<String>,
    /// Whether fanfold's simulator gave it, and not a service.
    #[serde(default)]
    pub simulated: bool,
    /// Whether it has more or fewer choices than were requested. Not stored.
    #[serde(default)]
    pub miscounted: bool,
    /// What is wrong with it, if it is not whole and was kept all the same, or as evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flaw: Option<Flaw>,
    /// Why it may not be what was wanted, though it is accepted: a code or a check, and the reason. The journal keeps them with
    /// the state of the row, because other rules may find others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What is wrong with an answer that arrived as the model wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flaw {
    /// A short stable code.
    pub code: String,
    /// The same in words.
    pub message: String,
}

impl Flaw {
    /// Both, in the form in which a journal keeps them.
    pub fn into_texts(self) -> Vec<String> {
        vec![self.code, self.message]
    }

    /// The warning of an answer that was kept with it.
    pub fn warning(&self) -> String {
        format!("{}: {}", self.code, self.message)
    }

    /// The warnings of an answer that was kept with a flaw, or without.
    pub fn warnings(flaw: Option<&Self>) -> Vec<String> {
        flaw.map(Self::warning).into_iter().collect()
    }

    /// The flaw in the form in which a journal keeps it; `None` if there is none.
    pub fn of_texts(texts: &[String]) -> Option<Self> {
        let [code, message] = texts else { return None };
        Some(Self { code: code.clone(), message: message.clone() })
    }
}

/// Tokens used by one request, as the service counted them. A count that it did not report is absent, and never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    pub prompt_tokens: Option<u64>,
    /// Tokens of the answer, reasoning included.
    pub completion_tokens: Option<u64>,
    /// Prompt and completion together, as the service added them.
    pub total_tokens: Option<u64>,
    /// Tokens of the prompt that came from the service's cache; absent if not reported.
    pub cached_tokens: Option<u64>,
    /// Tokens of the answer that were reasoning; absent if not reported.
    pub reasoning_tokens: Option<u64>,
    /// Tokens of the prompt that were written to a cache that the request marked; absent if not reported. They count towards
    /// the cost, and are not stored.
    #[serde(default)]
    pub cache_written_tokens: Option<u64>,
}

impl Usage {
    /// The usage of a row that sent nothing.
    pub const NOTHING: Self = Self {
        prompt_tokens: Some(0),
        completion_tokens: Some(0),
        total_tokens: Some(0),
        cached_tokens: None,
        reasoning_tokens: None,
        cache_written_tokens: None,
    };

    /// The usage of a request with this many tokens in its prompt and its answer.
    #[cfg(not(main_alone))]
    pub fn of(prompt_tokens: u64, completion_tokens: u64) -> Self {
        Self {
            prompt_tokens: Some(prompt_tokens),
            completion_tokens: Some(completion_tokens),
            total_tokens: Some(prompt_tokens.saturating_add(completion_tokens)),
            ..Self::default()
        }
    }

    /// Whether the service reported all counts that a cost and a cap need.
    pub fn is_whole(&self) -> bool {
        self.prompt_tokens.is_some() && self.completion_tokens.is_some() && self.total_tokens.is_some()
    }

    /// Adds the usage of another request. A count that is unknown for one is unknown for both, except for details.
    pub fn add(&mut self, other: &Self) {
        let both = |one: Option<u64>, other: Option<u64>| Some(one?.saturating_add(other?));
        let sum = |one: Option<u64>, other: Option<u64>| match (one, other) {
            (None, None) => None,
            (one, other) => Some(one.unwrap_or(0).saturating_add(other.unwrap_or(0))),
        };
        self.prompt_tokens = both(self.prompt_tokens, other.prompt_tokens);
        self.completion_tokens = both(self.completion_tokens, other.completion_tokens);
        self.total_tokens = both(self.total_tokens, other.total_tokens);
        self.cached_tokens = sum(self.cached_tokens, other.cached_tokens);
        self.reasoning_tokens = sum(self.reasoning_tokens, other.reasoning_tokens);
        self.cache_written_tokens = sum(self.cache_written_tokens, other.cache_written_tokens);
    }
}

/// Tokens of many requests, as far as the service counted them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct TokenSum {
    /// Of prompts.
    pub prompt_tokens: u64,
    /// Of answers.
    pub completion_tokens: u64,
    /// Of both.
    pub total_tokens: u64,
}

impl TokenSum {
    /// Adds a request.
    pub fn count(&mut self, usage: &Usage) {
        *self = *self
            + Self {
                prompt_tokens: usage.prompt_tokens.unwrap_or(0),
                completion_tokens: usage.completion_tokens.unwrap_or(0),
                total_tokens: usage.total_tokens.unwrap_or(0),
            };
    }
}

impl Add for TokenSum {
    type Output = Self;

    /// The sum of both, saturating.
    fn add(self, other: Self) -> Self {
        Self {
            prompt_tokens: self.prompt_tokens.saturating_add(other.prompt_tokens),
            completion_tokens: self.completion_tokens.saturating_add(other.completion_tokens),
            total_tokens: self.total_tokens.saturating_add(other.total_tokens),
        }
    }
}

impl Answer {
    /// Whether the model thought before it answered.
    pub fn thought(&self) -> bool {
        self.reasoning.is_some() || self.usage.is_some_and(|usage| usage.reasoning_tokens.unwrap_or(0) > 0)
    }

    /// Whether it contains a text or a tool call.
    pub fn holds_something(&self) -> bool {
        self.tool_calls.is_some() || self.response.as_ref().is_some_and(|text| !text.trim().is_empty())
    }

    /// Its length in tokens; if the service did not count them, half its bytes, so twice that is never too few.
    pub fn length(&self) -> u64 {
        let counted = self.usage.and_then(|usage| usage.completion_tokens);
        counted.unwrap_or_else(|| self.text_bytes() as u64 / 2)
    }

    /// The bytes of its texts, which are nearly all its memory.
    pub fn text_bytes(&self) -> usize {
        let texts = [&self.response, &self.reasoning, &self.tool_calls];
        texts.into_iter().flatten().map(String::len).sum()
    }
}

/// A request that brought no usable answer, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// The kind of fault, which decides the reaction.
    pub kind: FaultKind,
    /// The HTTP status, when there was a response.
    pub status: Option<u16>,
    /// A short stable code: the API's own, or one of ours such as `timeout`.
    pub code: String,
    /// The message of the API or the operating system.
    pub message: String,
    /// If it asks to slow down: whether because of the number of tokens, and not of requests.
    pub for_tokens: bool,
    /// Whether the API did not write the reply: a web page, an empty body, a text without an error object, a body that broke
    /// off. Whatever its status, it is a problem of the connection.
    pub foreign: bool,
    /// How long the server asked us to wait.
    pub retry_after: Option<Duration>,
    /// The service's id of the request.
    pub request_id: Option<String>,
    /// Tokens that were paid for nevertheless.
    pub usage: Option<Usage>,
    /// The body of a 200 without a usable answer: stored in the journal, because it may have been paid for.
    pub evidence: Option<Vec<u8>>,
    /// The received part of an answer that the server cut; or an answer that does not meet the job's requirements.
    pub partial: Option<Box<Answer>>,
    /// The field of the request that the service refused, if it names one: if the job sets that field for every row, the
    /// fault is in the job and not in the row.
    pub about: Option<&'static str>,
    /// Whether the row is too long for the model.
    pub too_long: bool,
    /// How the user can fix it.
    pub help: Option<&'static str>,
    /// Whether fanfold's simulator reported it, and not a service.
    pub simulated: bool,
}

/// The kinds of faults, by the reaction that they need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// The service asks everyone to slow down. This slows the whole job, and does not count as a try.
    Throttled,
    /// No connection was made: refused, no such host, no route. Nothing was sent.
    Unreachable,
    /// A connection that had been kept open was closed when it was used again. Tried again at once.
    StaleConnection,
    /// A temporary problem: 5xx, a time-out, a reset, a cut body.
    Transient,
    /// A 200 that arrived whole and has no usable answer. One more try.
    Unusable,
    /// A 200 that the server cut at its own time limit.
    CutByServer,
    /// A whole answer that does not meet the job's requirements, or the failure of a command that was run for it.
    InvalidAnswer,
    /// This request will never be answered: the row fails.
    RowRefused,
    /// No request of this job will be answered: the job stops.
    JobRefused,
}

impl FaultKind {
    /// The word for it in the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Unreachable => "unreachable",
            Self::StaleConnection => "stale_connection",
            Self::Transient => "passing",
            Self::Unusable => "unusable",
            Self::CutByServer => "cut_by_server",
            Self::InvalidAnswer => "unfit",
            Self::RowRefused => "row_refused",
            Self::JobRefused => "job_refused",
        }
    }

    /// Whether the same request may be answered later.
    pub fn passes(self) -> bool {
        matches!(self, Self::Throttled | Self::Unreachable | Self::StaleConnection | Self::Transient)
    }
}

impl Fault {
    /// A fault of which only kind, code and message are known.
    pub fn new(kind: FaultKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            status: None,
            code: code.into(),
            message: message.into(),
            for_tokens: false,
            foreign: false,
            retry_after: None,
            request_id: None,
            usage: None,
            evidence: None,
            partial: None,
            about: None,
            too_long: false,
            help: None,
            simulated: false,
        }
    }

    /// The answer that was paid for and does not meet the job's requirements.
    pub fn unfit_answer(&self) -> Option<&Answer> {
        self.partial.as_deref().filter(|_| self.kind == FaultKind::InvalidAnswer)
    }

    /// Whether the service may have billed a request with this fault, though it reported no usage. An error costs nothing;
    /// for a reply that was lost, cut or too late, an answer may have been generated. `quick`: it arrived sooner than any
    /// answer could.
    pub fn may_be_billed(&self, quick: bool) -> bool {
        let is_late = self.code.to_ascii_lowercase().contains("timeout");
        match (self.kind, self.status) {
            (FaultKind::Throttled | FaultKind::Unreachable, _) => false,
            // Nothing was sent to a server that could not prove its identity.
            (FaultKind::RowRefused | FaultKind::JobRefused, None) => false,
            (_, None) => true,
            (_, Some(200)) => self.code != "html_reply",
            // A gateway that reaches no server says so at once; later, it has lost an answer.
            (_, Some(502 | 520)) => is_late || !quick,
            // A gateway did not wait for the answer.
            (_, Some(status)) => is_late || matches!(status, 408 | 504 | 524),
        }
    }

    /// Whether the API itself wrote it about this request, and so is reachable: not a time-out, and not an error of a
    /// gateway in between.
    pub fn is_the_api_s_own(&self) -> bool {
        let of_a_gateway = |status: u16| matches!(status, 408 | 502..=504 | 520..=530);
        !self.foreign && self.status.is_some_and(|status| !of_a_gateway(status))
    }

    /// The fault of a row whose answer made the program panic.
    pub fn panicked(kind: FaultKind) -> Self {
        Self::new(kind, "unexpected", "reading the answer failed unexpectedly; please report it")
    }

    /// The fault in one line: status, code and message. A status 200 would not help the reader, and is omitted.
    pub fn summary(&self) -> String {
        let status = self.status.filter(|status| *status != 200);
        let status = status.map(|status| format!("{status} ")).unwrap_or_default();
        match self.message.is_empty() {
            true => format!("{status}{}", self.code),
            false => format!("{status}{}: {}", self.code, self.message),
        }
    }
}

/// The answer columns of one row, which the output adds to the input.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RowResult {
    /// The answer, if the row has one.
    pub answer: Option<Answer>,
    /// The cost of the row, all its requests together; `None` if a price is unknown.
    pub cost: Option<f64>,
    /// Requests that were sent for the row; `None` if there were none.
    pub attempts: Option<u32>,
    /// Milliseconds from sending the answered request to the end of its answer.
    pub latency_ms: Option<u64>,
    /// How many rows the answered request had; `None` without one.
    pub packed: Option<u32>,
    /// The state of the row.
    pub status: Status,
    /// If the row failed, the API's code or ours.
    pub error_code: Option<String>,
    /// If the row failed, the message.
    pub error: Option<String>,
    /// What to know of its answer, or of its text.
    pub warnings: Vec<String>,
    /// The pieces of a row that was cut.
    pub pieces: PieceCounts,
    /// The results of the row's combinations of `[each]`, where they are beside one another.
    pub combinations: Vec<RowResult>,
    /// Which combination it is the result of, where each has a row of its own.
    pub combination: Option<usize>,
}

impl RowResult {
    /// The text of the answer.
    pub fn response(&self) -> Option<&str> {
        self.answer.as_ref()?.response.as_deref()
    }
}

/// How many pieces a row has, counted from 1; all are absent for a row that was not cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PieceCounts {
    /// The number of this piece, if the result is that of one.
    pub number: Option<u64>,
    /// How many the row has.
    pub count: Option<u64>,
    /// How many of them have failed.
    pub failed: Option<u64>,
}
