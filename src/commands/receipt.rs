//! The receipt of a run: the file beside its output that says how it went.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::batches::BatchReport;
use super::caps::CapsReport;
use super::failure::Failure;
use super::outlook::Outlook;
use super::summary::ClosingWords;
use super::time::timestamp;
use super::usage::TokenFields;
use crate::clock;
use crate::finish::Finish;
use crate::history::{Spent, spent_by};
use crate::job::price::rounded;
use crate::journal::matching::Matched;
use crate::journal::private_mode;
use crate::journal::reader::Reader;
use crate::pipeline::PipelineError;
use crate::pipeline::digest::DigestEnd;
use crate::pipeline::output::OutputCounts;
use crate::reserve::Reserve;
use crate::tally::{RequestFigures, Snapshot};
use crate::write::{Manner, write_atomic};

/// The version of the receipt. It only ever gains fields.
const VERSION: u32 = 1;

/// The receipt.
#[derive(Debug, Default, Serialize)]
pub(super) struct Receipt<'a> {
    version: u32,
    program: &'static str,
    simulated: bool,
    model: Option<&'a str>,
    input: &'a [String],
    output: Option<&'a Path>,
    journal: PathBuf,
    pub(super) run: i64,
    pub(super) started_at: String,
    pub(super) ended_at: String,
    pub(super) rows: ReceiptRows,
    matched: MatchCounts,
    in_doubt: u64,
    /// What was expected of the requests when the run began.
    expected: Option<Outlook>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<DigestReport<'a>>,
    pub(super) this_run: RunFigures,
    pub(super) all_runs: JournalFigures,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    batches: Vec<BatchReport<'a>>,
    caps: CapsReport,
    simulated_answers: Option<u64>,
    cut_by_length: u64,
    unknown_finish_reasons: BTreeMap<&'a str, u64>,
    pub(super) reason: &'static str,
    pub(super) error_code: Option<&'a str>,
    pub(super) error: Option<&'a str>,
    help: Option<&'a str>,
    pub(super) exit_code: u8,
    resume: Option<&'a str>,
}

/// The rows of the input, by status.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct ReceiptRows {
    #[serde(rename = "in")]
    pub(super) rows: u64,
    pub(super) ok: u64,
    pub(super) failed: u64,
    pub(super) pending: u64,
    pub(super) skipped: u64,
    /// Those whose answers have warnings, in a job that can give some.
    #[serde(skip_serializing_if = "Option::is_none")]
    warned: Option<u64>,
    /// The pieces of all of them, in a job that cuts rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pieces: Option<u64>,
    /// The requests of all of them, in a job with `[each]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<u64>,
}

/// What became of the digest.
#[derive(Debug, Serialize)]
struct DigestReport<'a> {
    status: &'static str,
    output: Option<&'a Path>,
    rows: u64,
    lacks: u64,
    response: Option<&'a str>,
    #[serde(flatten)]
    tokens: TokenFields,
    cost: Option<f64>,
    error_code: Option<&'a str>,
    error: Option<&'a str>,
}

impl<'a> DigestReport<'a> {
    fn of(digest: &'a DigestEnd) -> Self {
        let DigestEnd { result, rows, lacks, written } = digest;
        let answer = result.answer.as_ref();
        Self {
            status: result.status.as_str(),
            output: written.as_deref(),
            rows: *rows,
            lacks: *lacks,
            response: answer.and_then(|answer| answer.response.as_deref()),
            tokens: TokenFields::of(answer.and_then(|answer| answer.usage)),
            cost: result.cost.map(rounded),
            error_code: result.error_code.as_deref(),
            error: result.error.as_deref(),
        }
    }
}

/// What the plan found.
#[derive(Debug, Default, Serialize)]
pub(super) struct MatchCounts {
    kept: u64,
    moved: u64,
    changed: u64,
    new: u64,
    gone: u64,
}

impl MatchCounts {
    pub(super) fn of(matched: &Matched) -> Self {
        let Matched { kept, moved, changed, new, gone, .. } = *matched;
        Self { kept, moved, changed, new, gone }
    }
}

/// What the run did.
#[derive(Debug, Default, Serialize)]
pub(super) struct RunFigures {
    answered: u64,
    #[serde(flatten)]
    figures: RequestFigures,
    seconds: f64,
    uncounted_answers: u64,
    #[serde(flatten)]
    reserved: Reserve,
    limits_met: Vec<&'static str>,
}

impl RunFigures {
    fn of(snapshot: &Snapshot) -> Self {
        Self {
            answered: snapshot.answered,
            figures: RequestFigures { follow_ups: Some(snapshot.follow_ups), ..snapshot.figures() },
            seconds: snapshot.elapsed.as_secs_f64(),
            uncounted_answers: snapshot.uncounted,
            reserved: snapshot.reserved,
            limits_met: snapshot.met.words(),
        }
    }
}

/// What all runs did.
#[derive(Debug, Default, Serialize)]
pub(super) struct JournalFigures {
    #[serde(flatten)]
    figures: RequestFigures,
    #[serde(flatten)]
    reserved: Reserve,
}

impl JournalFigures {
    fn of(spent: &Spent, cost: Option<f64>) -> Self {
        let Spent { requests, throttled, faults, usage, reserved, .. } = *spent;
        let figures =
            RequestFigures { requests, throttled, faults, follow_ups: None, packs: None, usage, cost };
        Self { figures, reserved }
    }
}

impl<'a> Receipt<'a> {
    /// The receipt of a run that has just ended.
    pub(super) fn of(words: &ClosingWords<'a>, reader: &Reader) -> Result<Self, Failure> {
        let &ClosingWords { summary, .. } = words;
        let job = &words.opened.job;
        let (sent, written) = (&summary.sent, summary.written);
        let spent = spent_by(&reader.runs()?);
        let fault = sent.reason.fault().filter(|_| summary.pending > 0);
        Ok(Self {
            version: VERSION,
            program: concat!("fanfold ", env!("CARGO_PKG_VERSION")),
            simulated: words.simulated,
            model: job.model.name.as_deref(),
            input: &job.input.paths,
            output: written.map(|_| job.output.path.as_path()),
            journal: job.output.journal(),
            run: summary.run,
            started_at: timestamp(words.begun),
            ended_at: timestamp(clock::now()),
            rows: ReceiptRows::of(words, reader)?,
            matched: MatchCounts::of(&summary.plan.matched),
            in_doubt: summary.in_doubt,
            expected: words.outlook.clone(),
            digest: summary.digest.as_ref().map(DigestReport::of),
            this_run: RunFigures::of(&sent.snapshot),
            all_runs: JournalFigures::of(&spent, known_cost(reader, &spent, job.price.is_some())?),
            batches: BatchReport::of_all(words.batches, clock::now()),
            caps: words.allowance.report(),
            simulated_answers: written.map(|written| written.simulated),
            cut_by_length: ended_with(words, |word| word == "length").map(|(_, answers)| answers).sum(),
            unknown_finish_reasons: ended_with(words, |word| Finish::of(word) == Finish::Unknown).collect(),
            reason: summary.reason,
            error_code: fault.map(|fault| fault.code.as_ref()),
            error: fault.map(|fault| fault.message.as_ref()),
            help: fault.and_then(|fault| fault.help),
            exit_code: words.exit.code(),
            resume: (summary.pending > 0).then_some(words.resume),
        })
    }

    /// Stores it beside the output, whole or not at all.
    pub(super) fn store(&self, path: &Path, journal: &Path) -> Result<(), Failure> {
        let failed = |error| Failure::new(format!("{} cannot be written: {error}", path.display()));
        let mut text = serde_json::to_vec_pretty(self).map_err(failed)?;
        text.push(b'\n');
        let mode = private_mode(journal);
        match write_atomic(path, &text, Manner { follows_links: false, mode }) {
            // It has its name, and says how the run ended. A power cut may take that back, and nothing that was paid for.
            Err(error) if error.is_of_the_folder() => Ok(()),
            stored => Ok(stored.map_err(PipelineError::from)?),
        }
    }
}

impl ReceiptRows {
    /// Those of the output; where none was written, as the journal has them.
    fn of(words: &ClosingWords<'_>, reader: &Reader) -> Result<Self, Failure> {
        let rows = words.summary.plan.rows;
        let (noun, all) = (words.opened.words(), words.summary.plan.requests);
        let pieces = noun.pieces.then_some(all);
        let requests = noun.each.then_some(all);
        let gives_warnings = words.opened.gives_warnings();
        if let Some(written) = words.summary.written {
            let OutputCounts { ok, failed, pending, skipped, warned, .. } = written;
            let warned = gives_warnings.then_some(warned);
            return Ok(Self { rows, ok, failed, pending, skipped, warned, pieces, requests });
        }
        let counts = reader.counts(words.opened.job.input.limit)?;
        let skipped = words.summary.plan.skipped;
        let pending = rows.saturating_sub(counts.ok + counts.failed + skipped);
        let warned = gives_warnings.then(|| reader.warned(words.opened.job.input.limit)).transpose()?;
        Ok(Self { rows, ok: counts.ok, failed: counts.failed, pending, skipped, warned, pieces, requests })
    }
}

/// The answers of the present rows that ended with some of the words for it.
fn ended_with<'a>(
    words: &ClosingWords<'a>,
    is_one: impl Fn(&str) -> bool,
) -> impl Iterator<Item = (&'a str, u64)> {
    let reasons = words.finish_reasons.iter();
    reasons.map(|(word, answers)| (word.as_str(), *answers)).filter(move |(word, _)| is_one(word))
}

/// What was spent, where it is known: tokens that cost nothing are mostly tokens whose price was not known when they
/// were bought. `priced`: whether the job knows its price now.
pub(super) fn known_cost(reader: &Reader, spent: &Spent, priced: bool) -> Result<Option<f64>, Failure> {
    let nothing_bought = priced && spent.usage.total_tokens == 0;
    let known = nothing_bought || spent.cost > 0.0 || reader.has_costs()?;
    Ok(known.then(|| rounded(spent.cost)))
}
