//! The figures of a report, gathered record by record. Their size depends on time and kinds, never on the number of rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::histogram::Histogram;
use super::message_groups::MessageGroups;
use super::subject::row_name;
use super::timeline::Timeline;
use crate::checks::named_in;
use crate::conversation::CHECK_FAILED;
use crate::epoch;
use crate::history::{FailedRow, PastAnswer, PastFault, PastHeld, Run, Spent};
use crate::job::price::{ByKind, Price};

/// Outliers of each kind that are listed: the slowest answers, and the longest.
pub(super) const OUTLIERS: usize = 10;

/// Different words of a server that are counted separately; later ones are counted together.
const WORDS: usize = 40;

/// Length in seconds of the steps in which spending is summed, until the day they belong to is known: the offsets of all
/// time zones are multiples of it.
pub(super) const QUARTER: f64 = 900.0;

/// The name under which further words are counted.
const OTHER: &str = "other";

/// An answer that is listed individually.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AnswerFigures {
    /// The journal entry of its row.
    pub entry: i64,
    /// From sending to the end of the reply.
    pub latency_ms: u64,
    /// Tokens of prompt and answer.
    pub tokens: u64,
    /// When it was sent, in seconds since 1970.
    pub sent_at: f64,
}

/// What was spent in a span of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Spending {
    pub(super) requests: u64,
    pub(super) tokens: u64,
    pub(super) cost: Option<f64>,
}

/// The figures of a journal.
#[derive(Debug, Default)]
pub struct Figures {
    pub(super) runs: Vec<Run>,
    pub(super) timeline: Timeline,
    pub(super) latency: Histogram,
    pub(super) prompt: Histogram,
    pub(super) completion: Histogram,
    pub(super) answers: u64,
    pub(super) rows: u64,
    /// Answers whose usage the service did not report.
    pub(super) uncounted: u64,
    /// Requests that used tokens at an unknown price.
    pub(super) unpriced: u64,
    pub(super) finish_reasons: BTreeMap<String, u64>,
    pub(super) models: BTreeMap<String, u64>,
    pub(super) tokens: ByKind,
    pub(super) costs: Option<ByKind>,
    pub(super) cost: Option<f64>,
    pub(super) quarters: BTreeMap<i64, Spending>,
    pub(super) slowest: Vec<AnswerFigures>,
    pub(super) longest: Vec<AnswerFigures>,
    /// Failed rows by what failed them, each kind with the name of its first row.
    pub(super) failed: MessageGroups<String>,
    /// Warnings about answers that are kept, in the same manner.
    pub(super) warnings: MessageGroups<String>,
    pub(super) faults: MessageGroups<Option<u16>>,
    pub(super) throttled: u64,
    pub(super) causes: Vec<(String, f64)>,
    /// The noun for what the journal counts: `row`, unless a row may have several requests or none.
    noun: &'static str,
    price: Option<Arc<Price>>,
}

impl Spending {
    /// Adds the spending of another span of time.
    pub(super) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.cost = self.cost.into_iter().chain(other.cost).reduce(|one, other| one + other);
    }

    /// The size by which spans are compared: money, or tokens if no price is known.
    pub(super) fn size(&self) -> f64 {
        self.cost.unwrap_or(self.tokens as f64)
    }
}

impl Figures {
    /// What all runs spent, those that asked a simulator too.
    pub(super) fn whole(&self) -> Spent {
        self.runs.iter().map(|run| run.spent).sum()
    }

    /// Figures of these runs, without any request so far. Costs are divided into kinds at the job's price. `noun`: for what the
    /// journal counts.
    pub fn new(runs: Vec<Run>, price: Option<Arc<Price>>, noun: &'static str) -> Self {
        Self { timeline: Timeline::new(&runs), runs, price, noun, ..Self::default() }
    }

    /// Adds a paid answer.
    pub fn answer(&mut self, answer: &PastAnswer) {
        let tokens = answer.usage.and_then(|usage| usage.total_tokens).unwrap_or(0);
        let (sent_at, latency_ms) = (epoch::seconds(answer.sent_at), answer.latency.as_millis() as u64);
        self.answers += 1;
        self.rows += u64::from(answer.is_last);
        self.latency.add(latency_ms);
        count(&mut self.finish_reasons, answer.finish_reason.as_deref().unwrap_or("not said"));
        count(&mut self.models, answer.model.as_deref().unwrap_or("not said"));
        self.spent(sent_at, tokens, answer.cost);
        self.by_kind(answer);
        if let Some(slice) = self.timeline.at(sent_at + answer.latency.as_secs_f64()) {
            slice.rows += u64::from(answer.is_last);
            slice.tokens = slice.tokens.saturating_add(tokens);
        }
        let outlier = AnswerFigures { entry: answer.entry, latency_ms, tokens, sent_at };
        keep(&mut self.slowest, outlier, |outlier| outlier.latency_ms);
        keep(&mut self.longest, outlier, |outlier| outlier.tokens);
    }

    /// Adds a request that brought no answer.
    pub fn fault(&mut self, fault: &PastFault) {
        let (sent_at, tokens) = (epoch::seconds(fault.sent_at), fault.total_tokens.unwrap_or(0));
        self.throttled += u64::from(fault.throttled);
        self.faults.add(&fault.code, &fault.message, || fault.status);
        self.spent(sent_at, tokens, fault.cost);
        if let Some(slice) = self.timeline.at(sent_at + fault.latency.as_secs_f64()) {
            slice.tokens = slice.tokens.saturating_add(tokens);
            slice.throttled += u64::from(fault.throttled);
            slice.faults += u64::from(!fault.throttled);
        }
    }

    /// Adds a row that has failed.
    pub fn failed_row(&mut self, row: &FailedRow<'_>) {
        let noun = self.noun;
        let example = || row_name(noun, row.position, row.id);
        match row.code {
            // What an answer lacks is another thing each time.
            CHECK_FAILED => {
                self.failed.add_as(named_in(row.message).join(" "), row.code, row.message, example)
            }
            _ => self.failed.add(row.code, row.message, example),
        }
    }

    /// Adds a warning about an answer that is kept.
    pub fn warning(&mut self, row: &FailedRow<'_>) {
        let noun = self.noun;
        self.warnings.add_as(String::new(), row.code, row.message, || row_name(noun, row.position, row.id));
    }

    /// Adds what held a run back in a minute.
    pub fn held(&mut self, held: &PastHeld) {
        let known = self.causes.iter().position(|(cause, _)| *cause == held.cause);
        let cause = known.unwrap_or_else(|| match self.causes.len() {
            WORDS.. => WORDS - 1,
            number => {
                self.causes.push((held.cause.clone(), 0.0));
                number
            }
        });
        self.causes[cause].1 += held.seconds.max(0.0);
        self.timeline.held(held, cause);
    }

    /// The answers that are listed individually; the caller knows the names of their rows.
    pub fn outliers(&self) -> impl Iterator<Item = &AnswerFigures> {
        self.slowest.iter().chain(&self.longest)
    }

    fn spent(&mut self, at: f64, tokens: u64, cost: Option<f64>) {
        let spending = self.quarters.entry((at / QUARTER).floor() as i64).or_default();
        spending.requests += 1;
        spending.tokens = spending.tokens.saturating_add(tokens);
        self.unpriced += u64::from(cost.is_none() && tokens > 0);
        if let Some(cost) = cost {
            *spending.cost.get_or_insert(0.0) += cost;
            *self.cost.get_or_insert(0.0) += cost;
        }
    }

    /// Tokens and costs by kind. The cost of a request is known; today's price only divides it.
    fn by_kind(&mut self, answer: &PastAnswer) {
        let usage = answer.usage.unwrap_or_default();
        let (Some(prompt), Some(completion)) = (usage.prompt_tokens, usage.completion_tokens) else {
            self.uncounted += 1;
            return;
        };
        self.prompt.add(prompt);
        self.completion.add(completion);
        let cached = usage.cached_tokens.unwrap_or(0).min(prompt);
        let reasoning = usage.reasoning_tokens.unwrap_or(0).min(completion);
        self.tokens.prompt += (prompt - cached) as f64;
        self.tokens.cached += cached as f64;
        self.tokens.answer += (completion - reasoning) as f64;
        self.tokens.reasoning += reasoning as f64;
        let shares = self.price.as_ref().and_then(|price| price.by_kind(&usage, reasoning > 0));
        let (Some(cost), Some(shares)) = (answer.cost, shares) else { return };
        let whole = shares.whole();
        if whole > 0.0 {
            self.costs.get_or_insert_default().add(&shares, cost / whole);
        }
    }
}

/// Counts a word; if there are too many different ones, as one of the others.
fn count(words: &mut BTreeMap<String, u64>, word: &str) {
    let word = if words.len() < WORDS || words.contains_key(word) { word } else { OTHER };
    match words.get_mut(word) {
        Some(count) => *count += 1,
        None => drop(words.insert(word.to_owned(), 1)),
    }
}

/// Keeps the largest few, the largest first.
fn keep(outliers: &mut Vec<AnswerFigures>, new: AnswerFigures, size: impl Fn(&AnswerFigures) -> u64) {
    if outliers.len() == OUTLIERS && outliers.last().is_some_and(|last| size(last) >= size(&new)) {
        return;
    }
    let at = outliers.partition_point(|known| size(known) >= size(&new));
    outliers.insert(at, new);
    outliers.truncate(OUTLIERS);
}
