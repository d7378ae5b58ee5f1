//! The first of two passes: every row is read, rendered and matched, so that there are no surprises later.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::cost_estimate::CostEstimate;
use super::prefetch::Prefetch;
use super::scan::{Depth, Scan, Scanned};
use super::survey::Columns;
use super::{Opened, PipelineError};
use crate::diagnostic::Diagnostic;
use crate::dispatch::stop::{Stop, StopLevel};
use crate::journal::cursors::Entry;
use crate::journal::matching::{DuplicateId, Fit, MatchError, MatchRules, Matched};
use crate::journal::reader::Reader;
use crate::note::RowKey;
use crate::outcome::Status;
use crate::read::{Projection, Stamp};
use crate::render::fingerprint;
use crate::request::{ChatRequest, Estimate, Fingerprint};
use crate::row::{BadRow, Column, Item, Row};

/// After this many bad rows, planning ends for a job that does not skip them.
const BAD_ROWS_COUNTED: u64 = 1000;

/// The code of a row that cannot be read or rendered, and was not sent.
pub const BAD_ROW: &str = "bad_row";

/// The result of the first pass.
#[derive(Debug)]
pub struct Plan {
    /// The rows of the input, up to the job's limit.
    pub rows: u64,
    /// The relation of the rows to the journal.
    pub matched: Matched,
    /// The columns of the input, in the order of their first appearance.
    pub columns: Vec<Column>,
    /// How many requests were estimated: those of the rows that are not in their old position.
    pub estimated: u64,
    /// Their expected usage; for completions, the maximum.
    pub estimate: Estimate,
    /// Their possible cost.
    pub cost_estimate: CostEstimate,
    /// The state of the files.
    pub stamp: Stamp,
    /// The first row that differs from when its answer was stored; `None` if there is none.
    pub first_news: Option<u64>,
}

impl Plan {
    /// How many requests are to be sent.
    pub fn to_send(&self) -> u64 {
        self.matched.to_send
    }

    /// The share of the estimated requests that are to be sent. Moved rows were estimated with the others before they were
    /// found.
    pub fn share_to_send(&self) -> f64 {
        self.to_send() as f64 / self.estimated.max(1) as f64
    }
}

/// A row's key, and its request or the reason why it has none.
pub fn prepare(opened: &Opened, item: &Item) -> (RowKey, Result<ChatRequest, Box<Diagnostic>>) {
    let rendered = match item {
        Item::Bad(bad) => Err(Diagnostic::new(bad.reason.clone())),
        // A row's panic is that row's failure only.
        Item::Row(row) => {
            catch_unwind(AssertUnwindSafe(|| opened.renderer.render(row))).unwrap_or_else(|_| {
                Err(Diagnostic::new("rendering this row failed unexpectedly; please report it"))
            })
        }
    };
    let rendered = rendered.map_err(Box::new);
    let fingerprint = match (&rendered, item) {
        (Ok(request), _) => request.fingerprint,
        // A bad row is identified by the bytes that were read: once it is fixed, it is another row.
        (Err(_), Item::Bad(bad)) => bad_fingerprint(bad),
        (Err(problem), Item::Row(row)) => unrendered_fingerprint(opened, row, problem),
    };
    let id = match item {
        Item::Row(row) => row.id.clone(),
        Item::Bad(_) => None,
    };
    // Limits do not change a row's identity: its answer remains its own under another limit.
    let rendered = rendered.and_then(|request| fits_token_limit(opened, request).map_err(Box::new));
    let rendered = rendered.and_then(|request| has_a_price(opened, request).map_err(Box::new));
    let rendered = rendered.and_then(|request| has_a_bound(opened, request).map_err(Box::new));
    (RowKey { position: item.position(), id, fingerprint, record: None }, rendered)
}

fn bad_fingerprint(bad: &BadRow) -> Fingerprint {
    fingerprint::of_bytes(&[b"bad row: ", bad.raw.as_slice()].concat())
}

/// The fingerprint of a row without a request, from the columns on which it can depend: other passes may read more of the
/// row.
fn unrendered_fingerprint(opened: &Opened, row: &Row, problem: &Diagnostic) -> Fingerprint {
    let columns = opened.renderer.columns();
    let counts = |name: &String| columns.as_ref().is_none_or(|columns| columns.contains(name));
    let fields: BTreeMap<_, _> = row.fields.iter().filter(|(name, _)| counts(name)).collect();
    let fields = serde_json::to_vec(&fields).unwrap_or_default();
    fingerprint::of_bytes(&[b"no request: ", problem.message.as_bytes(), b"\0", &fields].concat())
}

/// A request that exceeds the token limit is rejected with an error instead of waiting.
fn fits_token_limit(opened: &Opened, request: ChatRequest) -> Result<ChatRequest, Diagnostic> {
    let tokens = request.estimate.prompt_tokens as f64;
    match opened.job.quotas.tokens_per_minute {
        Some(quota) if tokens > quota.amount() => Err(Diagnostic::new(format!(
            "the request has about {tokens} tokens, and the limit is {} tokens per minute",
            quota.amount()
        ))),
        _ => Ok(request),
    }
}

/// A cap on cost cannot be kept for a request with an unknown price.
fn has_a_price(opened: &Opened, request: ChatRequest) -> Result<ChatRequest, Diagnostic> {
    let tokens = request.estimate.prompt_tokens;
    let price = request.price.as_deref();
    if opened.job.caps.cost.is_none() || price.is_some_and(|price| price.tier(tokens).is_some()) {
        return Ok(request);
    }
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let model = body.get("model").and_then(serde_json::Value::as_str).unwrap_or_default();
    let length = price.map_or_else(String::new, |_| format!(" for inputs of about {tokens} tokens"));
    let problem =
        Diagnostic::new(format!("a cap on cost needs a price, and that of {model} is not known{length}"));
    Err(problem.help("set it under [price] or in your own model table, or remove `max_cost`"))
}

/// No cap can be kept for a request with input of unknown size.
fn has_a_bound(opened: &Opened, request: ChatRequest) -> Result<ChatRequest, Diagnostic> {
    let caps = &opened.job.caps;
    let (Some(what), true) = (request.media.unknown, caps.cost.is_some() || caps.total_tokens.is_some())
    else {
        return Ok(request);
    };
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let model = body.get("model").and_then(serde_json::Value::as_str).unwrap_or_default();
    let problem = Diagnostic::new(format!(
        "a cap needs the maximum number of tokens that {model} makes of {what}, which is not known"
    ));
    Err(problem.help(
        "set the model's longest input, `max_input`, in your own model table (and `max_image` for one image), \
         or remove the caps",
    ))
}

/// The requests of the first rows, each once, as far as the rows can be read.
pub fn first_requests(opened: &Opened, rows: usize) -> Vec<Fingerprint> {
    let Ok(items) = opened.rows(opened.wanted_by_requests()) else { return Vec::new() };
    let mut requests = Vec::new();
    for item in items.take(rows).filter_map(Result::ok) {
        let (row, request) = prepare(opened, &item);
        if request.is_ok() && !requests.contains(&row.fingerprint) {
            requests.push(row.fingerprint);
        }
    }
    requests
}

/// The purpose of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To send rows without an answer: the journal is updated to the present input.
    Send,
    /// To show what would be sent: the journal is not changed.
    Preview,
    /// To write or check existing results: rows that cannot be sent do not matter, and the journal is not changed.
    Look,
    /// Like `Look`, to write an output in another format than the job's.
    Export,
}

impl Purpose {
    fn is_to_look(self) -> bool {
        matches!(self, Self::Look | Self::Export)
    }
}

/// A row during planning.
struct PlannedRow {
    position: u64,
    entry: Option<Entry>,
    /// `None` for a row that is the same as when its answer was stored.
    news: Option<News>,
}

struct News {
    item: Item,
    key: RowKey,
    /// Without its body, which a plan does not need.
    request: Result<ChatRequest, Box<Diagnostic>>,
}

impl PlannedRow {
    fn new(opened: &Opened, scanned: Scanned) -> Self {
        let Scanned { position, item, record, entry, .. } = scanned;
        let news = item.map(|item| {
            let (key, request) = prepare(opened, &item);
            let request = request.map(|request| ChatRequest { body: Vec::new(), ..request });
            News { item, key: RowKey { record, ..key }, request }
        });
        Self { position, entry, news }
    }
}

/// Reads and matches the whole input: rows are read on one thread, rendered on others, and matched on this one.
///
/// # Errors
///
/// The first row that cannot be sent, unless the job skips such rows; two rows with the same identifier; an input or a
/// journal that cannot be read.
pub fn plan(
    opened: &Opened,
    journal: Option<&Reader>,
    purpose: Purpose,
    stop: &Stop,
) -> Result<Plan, PipelineError> {
    let input = &opened.job.input;
    let stamp = opened.source.stamp()?;
    let empty;
    let reader = match journal {
        Some(reader) => reader,
        None => {
            empty = Reader::in_memory(&opened.journal())?;
            &empty
        }
    };
    let rules = MatchRules { with_ids: input.id.is_some(), shares: input.share_duplicates };
    let mut matcher = reader.matcher(rules)?;
    let mut columns = Columns::begin(opened, reader)?;
    let mut plan = Plan::of(stamp);
    let mut bad = BadRows::default();
    for row in planned_rows(opened, journal, &columns)? {
        let PlannedRow { position, entry, news } = row?;
        if *stop.borrow() != StopLevel::None {
            return Err(PipelineError::Interrupted);
        }
        plan.rows += 1;
        let Some(News { item, key, request }) = news else {
            columns.known();
            matcher.known(position);
            continue;
        };
        columns.look_at(&item)?;
        let found =
            matcher.row(&key, request.is_ok(), entry.as_ref()).map_err(|error| explain(opened, error))?;
        if found != Fit::Kept {
            plan.first_news.get_or_insert(position);
        }
        match request {
            _ if found == Fit::Kept => {}
            Ok(request) => plan.estimate(&request),
            Err(_) if input.skip_bad_rows || purpose.is_to_look() => {}
            Err(problem) if bad.add(&item, &problem) => {}
            Err(_) => break,
        }
    }
    bad.refuse()?;
    // With a limit, rows beyond it are not read.
    let fewest = input.limit.map_or(input.min_rows, |limit| limit.min(input.min_rows));
    if !purpose.is_to_look() && plan.rows < fewest {
        return Err(PipelineError::FewRows { rows: plan.rows, fewest });
    }
    let survey = columns.finish(plan.rows, purpose == Purpose::Export || opened.columns_matter())?;
    plan.columns = survey.columns;
    matcher.surveyed(survey.kept);
    plan.matched = matcher
        .finish(input.limit.is_some(), purpose == Purpose::Send)
        .map_err(|error| explain(opened, error))?;
    Ok(plan)
}

/// The rows of the input as the plan looks at them: read on one thread, rendered on others.
fn planned_rows(
    opened: &Opened,
    journal: Option<&Reader>,
    columns: &Columns<'_>,
) -> Result<Prefetch<Result<PlannedRow, PipelineError>>, PipelineError> {
    let entries = journal.map(|journal| Reader::beside(journal.path())).transpose()?.map(Reader::entries);
    let surveyed = columns.surveyed();
    let depth = move |position, entry: Option<&Entry>| {
        let is_answered = entry.is_some_and(|entry| entry.status == Status::Ok);
        if is_answered && position < surveyed { Depth::News } else { Depth::Whole }
    };
    let scan = Scan::new(opened, columns.wanted(), entries, depth)?;
    let theirs = opened.clone();
    Ok(Prefetch::of_each(scan, move |row: Result<Scanned, PipelineError>| {
        row.map(|row| PlannedRow::new(&theirs, row))
    }))
}

/// The rows that cannot be sent, in a job that does not skip them.
#[derive(Default)]
struct BadRows {
    count: u64,
    /// Where the first one is, and why it cannot be sent.
    first: Option<(String, String)>,
}

impl BadRows {
    /// Adds a row. False when there are enough of them.
    fn add(&mut self, item: &Item, problem: &Diagnostic) -> bool {
        self.count += 1;
        self.first.get_or_insert_with(|| (item.place().to_string(), problem.to_string()));
        self.count < BAD_ROWS_COUNTED
    }

    /// Refuses the input when there is one.
    fn refuse(self) -> Result<(), PipelineError> {
        match self.first {
            None => Ok(()),
            Some((place, problem)) => {
                Err(PipelineError::BadRow { place, problem, others: others(self.count - 1) })
            }
        }
    }
}

impl Plan {
    /// A plan of files that are like this, before their first row.
    fn of(stamp: Stamp) -> Self {
        Self {
            rows: 0,
            matched: Matched::default(),
            columns: vec![],
            estimated: 0,
            estimate: Estimate::default(),
            cost_estimate: CostEstimate::default(),
            stamp,
            first_news: None,
        }
    }

    /// Adds a request to the estimates.
    fn estimate(&mut self, request: &ChatRequest) {
        self.estimated += 1;
        self.cost_estimate.add(request);
        let (sum, one) = (&mut self.estimate, &request.estimate);
        sum.prompt_tokens = sum.prompt_tokens.saturating_add(one.prompt_tokens);
        sum.max_completion_tokens = sum.max_completion_tokens.saturating_add(one.max_completion_tokens);
        sum.unbounded |= one.unbounded;
    }
}

/// A sentence about the bad rows after the first one.
fn others(count: u64) -> String {
    match count {
        0 => String::new(),
        1 => "\n  = one more row is bad".to_owned(),
        _ if count + 1 >= BAD_ROWS_COUNTED => format!("\n  = {count} more rows are bad, or still more"),
        _ => format!("\n  = {count} more rows are bad"),
    }
}

fn explain(opened: &Opened, error: MatchError) -> PipelineError {
    match error {
        MatchError::Journal(error) => error.into(),
        MatchError::Duplicate(DuplicateId { id, first, second }) => {
            let places = places_of(opened, &[first, second].into());
            let place =
                |position| places.get(&position).cloned().unwrap_or_else(|| format!("row {}", position + 1));
            PipelineError::DuplicateId { id, first: place(first), second: place(second) }
        }
    }
}

/// The places of the rows at some positions, found in one pass up to the last of them.
pub fn places_of(opened: &Opened, positions: &BTreeSet<u64>) -> BTreeMap<u64, String> {
    let mut places = BTreeMap::new();
    let Ok(mut rows) = opened.source.rows(Projection::Only([].into())) else { return places };
    for position in positions {
        while rows.next_position() < *position && rows.advance().unwrap_or(false) {}
        match rows.next() {
            Some(Ok(item)) if item.position() == *position => {
                places.insert(*position, item.place().to_string());
            }
            _ => break,
        }
    }
    places
}
