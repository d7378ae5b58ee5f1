//! The first of two passes: every row is read, rendered and matched, so that there are no surprises later.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::bad_rows::BadRows;
use super::batches::prices::BatchPrices;
use super::cost_estimate::CostEstimate;
use super::document_files::DocumentFiles;
use super::pack_survey::{self, PackSurvey};
use super::prefetch::Prefetch;
use super::requests::row_at;
use super::row_requests::RowRequests;
use super::scan::{Depth, RequestPlace, Scan, Scanned};
use super::sheet_fit;
use super::survey::Columns;
use super::whole_rows::WholeRows;
use super::{Opened, PipelineError};
use crate::diagnostic::Diagnostic;
use crate::dispatch::stop::{Stop, StopLevel};
use crate::journal::cursors::Entry;
use crate::journal::matching::{DuplicateId, Fit, MatchError, MatchRules, Matched, Matcher};
use crate::journal::reader::Reader;
use crate::note::{EntryPart, RowKey};
use crate::outcome::Status;
use crate::packs::{PackKey, RowSize};
use crate::read::Stamp;
use crate::request::{ChatRequest, Estimate};
use crate::row::{BadRow, Column, Item, RowId};

/// The result of the first pass.
#[derive(Debug)]
pub struct Plan {
    /// The rows of the input, up to the job's limit.
    pub rows: u64,
    /// The rows among them that ask nothing, because they have no text.
    pub skipped: u64,
    /// The combinations of other rows that ask nothing, because they have no text.
    pub blank_parts: u64,
    /// The rows that were cut for this plan, as if each were one request.
    pub whole_rows: WholeRows,
    /// The documents that cannot be read, by code.
    pub unreadable: BTreeMap<String, u64>,
    /// The rows that are merged after their pieces, if these are answered.
    pub merges: u64,
    /// The requests of all rows, answered or not: as many as there are rows, unless rows are cut into pieces.
    pub requests: u64,
    /// The relation of the requests to the journal.
    pub matched: Matched,
    /// The columns of the input, in the order of their first appearance.
    pub columns: Vec<Column>,
    /// How many requests were estimated: those of the rows that are not in their old position.
    pub estimated: u64,
    /// Their expected usage; for completions, the maximum.
    pub estimate: Estimate,
    /// Their possible cost.
    pub cost_estimate: CostEstimate,
    /// Which of them may travel together, as far as that was looked at.
    pub pack_survey: PackSurvey,
    /// The state of the files.
    pub stamp: Stamp,
    /// Whether a row that kept its answers is written otherwise than when they were stored.
    pub edited: bool,
    /// The first request of the first row that differs from when its answers were stored; `None` if there is none.
    pub first_news: Option<RequestPlace>,
}

impl Plan {
    /// How many requests are to be sent.
    pub fn to_send(&self) -> u64 {
        self.matched.to_send
    }

    /// How many requests are not made, because their text is blank: a row without text has one for each combination.
    pub fn blank(&self, opened: &Opened) -> u64 {
        self.skipped * opened.requester().combinations() as u64 + self.blank_parts
    }

    /// The share of the estimated requests that are to be sent. Moved rows were estimated with the others before they were
    /// found.
    pub fn share_to_send(&self) -> f64 {
        self.to_send() as f64 / self.estimated.max(1) as f64
    }
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

/// A request during planning.
struct PlannedRequest {
    place: RequestPlace,
    part: EntryPart,
    entry: Option<Entry>,
    /// The row that it is one of several requests of, if that was read.
    whole: Option<Arc<RowRequests>>,
    /// `None` for a request that is the same as when its answer was stored.
    news: Option<News>,
    /// A row that asks nothing.
    silent: Option<Item>,
}

struct News {
    item: Item,
    key: RowKey,
    /// Without its body, which a plan does not need.
    request: Result<ChatRequest, Box<Diagnostic>>,
    /// Whether it was looked at for packing, and its kind and size if it may travel with others.
    looked: Option<Option<(PackKey, RowSize)>>,
}

impl PlannedRequest {
    fn new(opened: &Opened, scanned: Scanned, purpose: Purpose) -> Self {
        let prepared = scanned.prepared(opened);
        let Scanned { place, part, item, whole, entry, .. } = scanned;
        let (item, silent) = if part.count == 0 { (None, item) } else { (item, None) };
        let news = item.zip(prepared).map(|(item, (key, request))| {
            let packs = opened.job.pack.is_some() && purpose == Purpose::Send;
            let is_looked_at =
                (packs || purpose == Purpose::Preview) && place.position < pack_survey::LOOKED_AT;
            let looked = request.as_ref().ok().filter(|_| is_looked_at).map(pack_survey::kind_and_size);
            let request = request.map(|request| ChatRequest { body: Vec::new(), ..request });
            News { item, key, request, looked }
        });
        Self { place, part, entry, whole, news, silent }
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
    if !purpose.is_to_look()
        && let Some(files) = DocumentFiles::of(opened)?
    {
        files.check(opened, stop)?;
    }
    let input = &opened.job.input;
    let stamp = opened.source.stamp()?;
    let mut empty = None;
    let reader = match journal {
        Some(reader) => reader,
        None => empty.insert(Reader::in_memory(&opened.journal())?),
    };
    let rules = MatchRules { with_ids: input.id.is_some(), shares: input.share_duplicates };
    let mut matcher = reader.matcher(rules)?;
    let mut columns = Columns::begin(opened, reader)?;
    let mut plan = Plan::of(stamp);
    let mut bad = BadRows::default();
    let prices = opened.job.batch.map(|_| BatchPrices::of(&opened.job));
    for request in planned_requests(opened, journal, &columns, purpose)? {
        let PlannedRequest { place, part, entry, whole, news, silent } = request?;
        if *stop.borrow() != StopLevel::None {
            return Err(PipelineError::Interrupted);
        }
        if part.number == 0 {
            plan.note_row(opened, part, news.as_ref().map(|news| &news.item));
            let item = silent.as_ref().or(news.as_ref().map(|news| &news.item));
            survey_row(&mut columns, whole.as_deref(), item)?;
            plan.note_whole(opened, whole.as_deref());
        }
        if part.count == 0 {
            continue;
        }
        plan.requests += 1;
        plan.note_unreadable(news.as_ref().map(|news| &news.item));
        let Some(News { item, key, request, looked }) = news else {
            matcher.known(place.position);
            continue;
        };
        let found =
            matcher.row(&key, request.is_ok(), entry.as_ref()).map_err(|error| explain(opened, error))?;
        plan.note_fit(found, (&key, entry.as_ref()), place.of_first(part));
        match request {
            _ if found == Fit::Kept => {}
            Ok(request) => plan.estimate(&priced(request, prices.as_ref()), looked),
            Err(_) if input.skip_bad_rows || purpose.is_to_look() => {}
            Err(problem) if bad.add(place.row, &item, &problem) => {}
            Err(_) => break,
        }
    }
    bad.refuse(opened.source.is_of_documents())?;
    finish(opened, purpose, plan, columns, matcher)
}

/// Completes a plan after the last row: the columns of the input, and the relation of its requests to the journal.
fn finish(
    opened: &Opened,
    purpose: Purpose,
    mut plan: Plan,
    columns: Columns<'_>,
    mut matcher: Matcher<'_>,
) -> Result<Plan, PipelineError> {
    if !purpose.is_to_look() {
        check_rows(opened, plan.rows)?;
    }
    let survey = columns.finish(plan.rows, purpose == Purpose::Export || opened.columns_matter())?;
    plan.columns = survey.columns;
    if !purpose.is_to_look() {
        sheet_fit::check(opened, plan.rows, &plan.columns)?;
    }
    matcher.surveyed(survey.kept);
    plan.matched = matcher
        .finish(opened.job.input.limit.is_some(), purpose == Purpose::Send)
        .map_err(|error| explain(opened, error))?;
    Ok(plan)
}

/// Refuses an input with too few rows.
fn check_rows(opened: &Opened, rows: u64) -> Result<(), PipelineError> {
    // With a limit, rows beyond it are not read.
    let input = &opened.job.input;
    let fewest = input.limit.map_or(input.min_rows, |limit| limit.min(input.min_rows));
    if rows < fewest { Err(PipelineError::FewRows { rows, fewest }) } else { Ok(()) }
}

/// Tells the survey of a row, by its first request.
fn survey_row(
    columns: &mut Columns<'_>,
    whole: Option<&RowRequests>,
    item: Option<&Item>,
) -> Result<(), PipelineError> {
    match (whole, item) {
        (Some(whole), _) => columns.look_at(Some(&whole.row), &whole.row.place),
        (None, Some(item)) => columns.look_at(item.row(), item.place()),
        (None, None) => {
            columns.known();
            Ok(())
        }
    }
}

/// The requests of the input as the plan looks at them: read on one thread, rendered on others.
fn planned_requests(
    opened: &Opened,
    journal: Option<&Reader>,
    columns: &Columns<'_>,
    purpose: Purpose,
) -> Result<Prefetch<Result<PlannedRequest, PipelineError>>, PipelineError> {
    let entries = journal.map(|journal| Reader::beside(journal.path())).transpose()?.map(Reader::entries);
    let surveyed = columns.surveyed();
    let depth = move |row, entry: Option<&Entry>| {
        let is_answered = entry.is_some_and(|entry| entry.status == Status::Ok);
        if is_answered && row < surveyed { Depth::News } else { Depth::Whole }
    };
    let scan = Scan::new(opened, columns.wanted(), entries, depth)?;
    let theirs = opened.clone();
    Ok(Prefetch::of_each(scan, move |row: Result<Scanned, PipelineError>| {
        row.map(|row| PlannedRequest::new(&theirs, row, purpose))
    }))
}

impl Plan {
    /// A plan of files that are like this, before their first row.
    fn of(stamp: Stamp) -> Self {
        Self {
            rows: 0,
            skipped: 0,
            blank_parts: 0,
            whole_rows: WholeRows::default(),
            unreadable: BTreeMap::new(),
            merges: 0,
            requests: 0,
            matched: Matched::default(),
            columns: vec![],
            estimated: 0,
            estimate: Estimate::default(),
            cost_estimate: CostEstimate::default(),
            pack_survey: PackSurvey::default(),
            stamp,
            edited: false,
            first_news: None,
        }
    }

    /// Counts a row by its first request, which is made of this.
    fn note_row(&mut self, opened: &Opened, part: EntryPart, item: Option<&Item>) {
        self.rows += 1;
        self.skipped += u64::from(part.count == 0);
        self.merges += merges(opened, part);
        // A row that could not be read is one request, whatever it would ask.
        if !matches!(item, Some(Item::Bad(_))) {
            self.blank_parts += blank_parts(opened, part);
        }
    }

    /// Counts a row that was cut.
    fn note_whole(&mut self, opened: &Opened, row: Option<&RowRequests>) {
        if let Some(row) = row.filter(|row| row.count() > 0) {
            self.whole_rows.add(opened, row);
        }
    }

    /// Notes how a request fits what the journal has at its place. `first`: the place of its row's first request.
    fn note_fit(&mut self, found: Fit, (key, entry): (&RowKey, Option<&Entry>), first: RequestPlace) {
        let is_as_stored = entry.zip(key.record).is_some_and(|(entry, record)| entry.is_of(record));
        self.edited |= found != Fit::New && !is_as_stored;
        if found != Fit::Kept {
            self.first_news.get_or_insert(first);
        }
    }

    /// Counts a document that cannot be read.
    fn note_unreadable(&mut self, item: Option<&Item>) {
        if let Some(Item::Bad(BadRow { code: Some(code), .. })) = item {
            *self.unreadable.entry(code.clone()).or_default() += 1;
        }
    }

    /// Adds a request to the estimates.
    fn estimate(&mut self, request: &ChatRequest, looked: Option<Option<(PackKey, RowSize)>>) {
        self.estimated += 1;
        looked.into_iter().for_each(|found| self.pack_survey.add(found));
        self.cost_estimate.add(request);
        let (sum, one) = (&mut self.estimate, &request.estimate);
        sum.prompt_tokens = sum.prompt_tokens.saturating_add(one.prompt_tokens);
        sum.max_completion_tokens = sum.max_completion_tokens.saturating_add(one.max_completion_tokens);
        sum.unbounded |= one.unbounded;
    }
}

/// How many combinations of a row that is asked so many times ask nothing, where the row asks something. Of a row that is cut, it
/// is all or none.
fn blank_parts(opened: &Opened, part: EntryPart) -> u64 {
    match opened.splitter() {
        None if part.count > 0 => {
            (opened.requester().combinations() as u64).saturating_sub(part.count.into())
        }
        _ => 0,
    }
}

/// How many merges a row has that is asked so many times: one for each combination of several pieces.
fn merges(opened: &Opened, part: EntryPart) -> u64 {
    let combinations = opened.requester().combinations() as u64;
    match opened.merger() {
        Some(_) if u64::from(part.count) > combinations => combinations,
        _ => 0,
    }
}

/// The request at the price of the way that it takes.
fn priced(request: ChatRequest, prices: Option<&BatchPrices>) -> ChatRequest {
    match (prices, &request.price) {
        (Some(prices), Some(price)) => ChatRequest { price: Some(prices.of_price(price)), ..request },
        _ => request,
    }
}

fn explain(opened: &Opened, error: MatchError) -> PipelineError {
    match error {
        MatchError::Journal(error) => error.into(),
        MatchError::Duplicate(DuplicateId { id, first, second }) => {
            // The journal knows a request by an id of its own, which begins with that of its row.
            let rows = [first, second].map(|position| row_at(opened, position));
            let id = rows[0].as_ref().map_or(id, |(id, _)| id.as_str().to_owned());
            let place = |row: Option<(RowId, String)>, position: u64| {
                row.map_or_else(|| format!("row {}", position + 1), |(_, place)| place)
            };
            let [one, other] = rows;
            PipelineError::DuplicateId { id, first: place(one, first), second: place(other, second) }
        }
    }
}
