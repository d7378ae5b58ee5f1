//! The history of one row: its request, every attempt with its time, and the result.

use std::io::Write;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::Value;

use super::{each, pieces};
use crate::commands::failure::Failure;
use crate::commands::printout::to_json;
use crate::commands::time::timestamp;
use crate::commands::usage::{TokenFields, tokens};
use crate::conversation::{Asks, Step};
use crate::exit::Exit;
use crate::history::{PastAnswer, PastFault};
use crate::job::Job;
use crate::job::price::rounded;
use crate::job::units::shown;
use crate::journal::reader::Reader;
use crate::outcome::{Answer, RowResult, Status};
use crate::pipeline::Opened;
use crate::pipeline::requests::{RequestOfRow, is_silent, request_of_row, requests};
use crate::request::Fingerprint;
use crate::text::{count, counted, money, printable, short};

/// The version of the JSON. It only ever gains fields.
const VERSION: u32 = 1;

/// How many characters of a request or an answer are shown; the JSON has all.
const SHOWN: usize = 500;

/// Everything known about a row.
struct Story<'a> {
    /// As requested by the user.
    row: &'a str,
    position: u64,
    result: RowResult,
    fingerprint: Option<Fingerprint>,
    request: Request,
    answers: Vec<PastAnswer>,
    faults: Vec<PastFault>,
    steps: Vec<Step>,
    unfit: Option<String>,
}

/// The row's request, as the job would make it now.
enum Request {
    /// The same as in the journal.
    Same(Value),
    /// Row or job have changed since: it is a different one.
    Changed,
    /// It cannot be made any more.
    Gone,
}

/// Shows a row's history.
pub(super) fn show(
    reader: &Reader,
    job: Job,
    row: &str,
    as_json: bool,
    out: &mut impl Write,
) -> Result<Exit, Failure> {
    // A document has an id although the job names no column.
    let is_document = job.input.id.is_none() && job.output.kept_documents().is_file();
    let has_ids = job.input.id.is_some() || is_document;
    if let Some(exit) = each::tell(reader, &job, (row, has_ids), as_json, out)? {
        return Ok(exit);
    }
    if job.split.is_some() && job.each.is_none() {
        let pieces = match has_ids {
            true => reader.pieces_of(row)?,
            false => reader.pieces_at(positions(&job, row).unwrap_or_default())?,
        };
        if !pieces.is_empty() {
            return pieces::tell(reader, row, pieces, as_json, out);
        }
    }
    let position = match has_ids {
        true => match reader.position_of(row)? {
            None if asks_nothing(&job, row) => return say_skipped(row, as_json, out),
            found => found,
        },
        false => match by_number(&job, row)? {
            Some(RequestOfRow::Nothing) => return say_skipped(row, as_json, out),
            Some(RequestOfRow::At(position)) => Some(position),
            None => None,
        },
    };
    let unknown = || unknown(row, has_ids, is_document);
    let position = position.ok_or_else(unknown)?;
    let result = reader.results().at(position)?.ok_or_else(unknown)?;
    let fingerprint = reader.fingerprint_of(position)?;
    let story = Story {
        row,
        position,
        result,
        fingerprint,
        request: request(job, position, fingerprint),
        answers: reader.answers_of(position)?,
        faults: reader.faults_of(position)?,
        steps: if reader.has_steps_in_between()? { reader.steps(position)? } else { Vec::new() },
        unfit: reader.unfit_response(position)?,
    };
    match as_json {
        true => writeln!(out, "{}", to_json(&story.report())?)?,
        false => story.lines().iter().try_for_each(|line| writeln!(out, "{}", printable(line)))?,
    }
    Ok(Exit::Done)
}

/// The journal has nothing of a row.
fn unknown(row: &str, has_ids: bool, is_document: bool) -> Failure {
    let by = match has_ids {
        true if is_document => "its path, as in the column `path`",
        true => "its id, the text of the job's id column",
        false => "its number, from 1",
    };
    Failure::new(format!(
        "the journal has no row `{}`: none of its requests has finished yet, or its id is different\n  = help: \
         identify a row by {by}",
        printable(row)
    ))
}

/// Where the request of a row is, by its number from 1. Without its input, rows are taken to be asked one by one.
fn by_number(job: &Job, row: &str) -> Result<Option<RequestOfRow>, Failure> {
    let Some(number) = row.parse::<u64>().ok().and_then(|number| number.checked_sub(1)) else {
        return Ok(None);
    };
    match Opened::again(job.clone()) {
        Ok(opened) => Ok(request_of_row(&opened, number)?),
        Err(_) => Ok(Some(RequestOfRow::At(number))),
    }
}

/// Whether the input has a row of this id that asks nothing.
fn asks_nothing(job: &Job, id: &str) -> bool {
    Opened::again(job.clone()).is_ok_and(|opened| is_silent(&opened, id).unwrap_or(false))
}

/// Says that nothing is asked of a row.
fn say_skipped(row: &str, as_json: bool, out: &mut impl Write) -> Result<Exit, Failure> {
    match as_json {
        true => {
            let report =
                serde_json::json!({ "version": VERSION, "row": row, "status": Status::Skipped.as_str() });
            writeln!(out, "{}", to_json(&report)?)?;
        }
        false => writeln!(out, "row {}: skipped: it has no text, so nothing is asked", printable(row))?,
    }
    Ok(Exit::Done)
}

/// The positions of the pieces of a row, by its number from 1.
fn positions(job: &Job, row: &str) -> Option<Range<u64>> {
    let number = row.parse::<u64>().ok()?.checked_sub(1)?;
    let opened = Opened::again(job.clone()).ok()?;
    let made = requests(&opened).ok()?.filter_map(Result::ok);
    let mut of_row = made.skip_while(|made| made.row < number).take_while(|made| made.row == number);
    let first = of_row.next()?.position;
    Some(first..of_row.last().map_or(first, |last| last.position) + 1)
}

/// The request that the job would send for a row. A failure to make it does not prevent the rest of the history from being
/// shown.
fn request(job: Job, position: u64, known: Option<Fingerprint>) -> Request {
    let made = || {
        let opened = Opened::again(job).ok()?;
        let mut made = requests(&opened).ok()?.filter_map(Result::ok);
        let made = made.find(|made| made.position == position)?;
        Some((made.fingerprint, made.request.ok()?.body))
    };
    match made() {
        None => Request::Gone,
        Some((fingerprint, _)) if Some(fingerprint) != known => Request::Changed,
        Some((_, body)) => serde_json::from_slice(&body).map_or(Request::Gone, Request::Same),
    }
}

impl Story<'_> {
    fn lines(&self) -> Vec<String> {
        let requests = counted(u64::from(self.result.attempts.unwrap_or(0)), "request");
        let answer = self.result.answer.as_ref();
        let tokens = answer.and_then(|answer| answer.usage.as_ref()).and_then(tokens);
        let tokens = tokens.map(|tokens| format!(" · {tokens}"));
        let cost = self.result.cost.map(|cost| format!(" · cost {} (estimate)", money(cost)));
        let mut lines = vec![format!(
            "row {}: {} after {requests}{}{}",
            self.row,
            self.result.status.as_str(),
            tokens.unwrap_or_default(),
            cost.unwrap_or_default()
        )];
        let name = self.fingerprint.map(|fingerprint| format!(" {fingerprint}")).unwrap_or_default();
        lines.push(match &self.request {
            Request::Same(body) => format!("  request{name}: {}", short(&body.to_string(), SHOWN)),
            Request::Changed => {
                format!("  request{name}; the row or the job has changed since, so it would be sent again")
            }
            Request::Gone => format!("  request{name}; it can no longer be built from the input"),
        });
        lines.extend(self.requests_in_order());
        lines.extend(self.steps.iter().map(|step| format!("  {}", in_a_line(step))));
        let texts = [
            ("reasoning", answer.and_then(|answer| answer.reasoning.as_deref())),
            ("tool calls", answer.and_then(|answer| answer.tool_calls.as_deref())),
            ("answer", answer.and_then(|answer| answer.response.as_deref())),
            ("an answer that the job does not accept", self.unfit.as_deref()),
            ("error", self.result.error.as_deref()),
        ];
        let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text?)));
        lines.extend(texts.map(|(name, text)| format!("  {name}: {}", short(text, SHOWN))));
        lines.extend(self.result.warnings.iter().map(|text| format!("  warning: {}", short(text, SHOWN))));
        lines
    }

    /// The result of each request of the row, in the order of sending.
    fn requests_in_order(&self) -> Vec<String> {
        let line = |at: SystemTime, took: Duration, what: String| {
            (at, format!("  {}, {}: {what}", timestamp(at), shown(took)))
        };
        let faults = self.faults.iter().map(|fault| {
            let status = fault.status.map(|status| format!("{status} ")).unwrap_or_default();
            let what = format!("{status}{}: {}", printable(&fault.code), short(&fault.message, 300));
            line(fault.sent_at, fault.latency, what)
        });
        let answers = self.answers.iter().map(|answer| {
            let of = |word: &Option<String>| word.as_deref().map(|word| format!(" · {}", short(word, 80)));
            let tokens = answer
                .usage
                .and_then(|usage| usage.total_tokens)
                .map(|total| format!(" · {} tokens", count(total)));
            let parts = [of(&answer.finish_reason), tokens, of(&answer.model), of(&answer.request_id)];
            let what = format!("answered{}", parts.into_iter().flatten().collect::<String>());
            line(answer.sent_at, answer.latency, what)
        });
        let mut lines: Vec<(SystemTime, String)> = faults.chain(answers).collect();
        lines.sort_by_key(|(at, _)| *at);
        lines.into_iter().map(|(_, line)| line).collect()
    }

    fn report(&self) -> RowReport<'_> {
        let (result, answer) = (&self.result, self.result.answer.as_ref());
        let text = |of: fn(&Answer) -> &Option<String>| answer.and_then(|answer| of(answer).as_deref());
        RowReport {
            version: VERSION,
            row: self.row,
            position: self.position,
            status: result.status.as_str(),
            fingerprint: self.fingerprint.map(|fingerprint| fingerprint.to_string()),
            request: match &self.request {
                Request::Same(body) => Some(body),
                Request::Changed | Request::Gone => None,
            },
            attempts: result.attempts,
            cost: result.cost.map(rounded),
            error_code: result.error_code.as_deref(),
            error: result.error.as_deref(),
            warnings: &result.warnings,
            response: text(|answer| &answer.response),
            reasoning: text(|answer| &answer.reasoning),
            finish_reason: text(|answer| &answer.finish_reason),
            model: text(|answer| &answer.model),
            request_id: text(|answer| &answer.request_id),
            tokens: TokenFields::of(answer.and_then(|answer| answer.usage)),
            latency_ms: result.latency_ms,
            faults: self.faults.iter().map(FaultReport::of).collect(),
            answers: self.answers.iter().map(AnswerReport::of).collect(),
            unfit_response: self.unfit.as_deref(),
            steps: self.steps.iter().map(StepReport::of).collect(),
        }
    }
}

/// A paid answer that did not end its row, in a line.
fn in_a_line(step: &Step) -> String {
    let text = |text: Option<&String>| short(text.map_or("", String::as_str), 200);
    let answer = text(step.answer.response.as_ref());
    let result = step.results.iter().map(|result| short(result, 200)).collect::<Vec<_>>().join(" · ");
    match step.asks {
        Asks::Tools => format!("called tools: {}: {result}", text(step.answer.tool_calls.as_ref())),
        Asks::Repair | Asks::Check => format!("asked again, because {result}: {answer}"),
        Asks::Grow => format!("asked again with more tokens: {answer}"),
        Asks::Continue => format!("continued: {answer}"),
        Asks::Halve => format!("asked again in two halves ({result}): {answer}"),
        Asks::Gaps => format!("asked again between what has to stay ({result}): {answer}"),
        Asks::Part => format!("the answer to a part: {answer}"),
        Asks::Merge => format!("the answer to a group of parts: {answer}"),
        Asks::Alone => {
            let reason = step.results.last().map_or("it was not one for one", String::as_str);
            format!("a pack of texts, whose answer was not used: {reason}")
        }
    }
}

/// A row's history as JSON.
#[derive(Debug, Serialize)]
struct RowReport<'a> {
    version: u32,
    row: &'a str,
    position: u64,
    status: &'static str,
    fingerprint: Option<String>,
    request: Option<&'a Value>,
    attempts: Option<u32>,
    cost: Option<f64>,
    error_code: Option<&'a str>,
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
    response: Option<&'a str>,
    reasoning: Option<&'a str>,
    finish_reason: Option<&'a str>,
    model: Option<&'a str>,
    request_id: Option<&'a str>,
    #[serde(flatten)]
    tokens: TokenFields,
    latency_ms: Option<u64>,
    faults: Vec<FaultReport<'a>>,
    answers: Vec<AnswerReport<'a>>,
    unfit_response: Option<&'a str>,
    steps: Vec<StepReport<'a>>,
}

/// A request without an answer.
#[derive(Debug, Serialize)]
struct FaultReport<'a> {
    sent_at: String,
    latency_ms: u64,
    status: Option<u16>,
    code: &'a str,
    message: &'a str,
}

impl<'a> FaultReport<'a> {
    fn of(fault: &'a PastFault) -> Self {
        Self {
            sent_at: timestamp(fault.sent_at),
            latency_ms: fault.latency.as_millis() as u64,
            status: fault.status,
            code: &fault.code,
            message: &fault.message,
        }
    }
}

/// A request with an answer.
#[derive(Debug, Serialize)]
struct AnswerReport<'a> {
    sent_at: String,
    latency_ms: u64,
    finish_reason: Option<&'a str>,
    model: Option<&'a str>,
    request_id: Option<&'a str>,
    total_tokens: Option<u64>,
}

impl<'a> AnswerReport<'a> {
    fn of(answer: &'a PastAnswer) -> Self {
        Self {
            sent_at: timestamp(answer.sent_at),
            latency_ms: answer.latency.as_millis() as u64,
            finish_reason: answer.finish_reason.as_deref(),
            model: answer.model.as_deref(),
            request_id: answer.request_id.as_deref(),
            total_tokens: answer.usage.and_then(|usage| usage.total_tokens),
        }
    }
}

/// A paid answer that did not end its row.
#[derive(Debug, Serialize)]
struct StepReport<'a> {
    asks: &'static str,
    response: Option<&'a str>,
    tool_calls: Option<Value>,
    results: &'a [String],
    total_tokens: Option<u64>,
}

impl<'a> StepReport<'a> {
    fn of(step: &'a Step) -> Self {
        let answer = &step.answer;
        Self {
            asks: step.asks.as_str(),
            response: answer.response.as_deref(),
            tool_calls: answer.tool_calls.as_deref().and_then(|calls| serde_json::from_str(calls).ok()),
            results: &step.results,
            total_tokens: answer.usage.and_then(|usage| usage.total_tokens),
        }
    }
}
