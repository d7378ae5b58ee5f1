//! Counts, rates and times over the events of a run. Pure: the time is passed in.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;

use crate::batch::figures::BatchFigures;
use crate::conversation::Asks;
use crate::conversation::follow_ups::FollowUps;
use crate::event::{Bottleneck, DispatchState, Event};
use crate::job::price::rounded;
use crate::note::{JournalEvent, Outcome, RequestEnd};
use crate::outcome::{FaultKind, TokenSum};
use crate::packs::PackFigures;
use crate::reserve::Reserve;
use crate::row_words::RowWords;
use crate::text::{count, counted};

/// The period over which rates are measured.
const MEASURED: Duration = Duration::from_secs(30);

/// The resolution of the measurement.
const GRAIN: Duration = Duration::from_millis(500);

/// The counts of a run.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// The present state.
    pub now: Snapshot,
    marks: VecDeque<RateMark>,
}

/// The counts at a moment, from which rates are measured.
#[derive(Debug, Clone, Copy)]
struct RateMark {
    at: Duration,
    rows: u64,
    requests: u64,
    tokens: u64,
}

/// The state of a run at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Snapshot {
    /// What it counts: rows of the input or, in a job that cuts them, pieces.
    pub words: RowWords,
    /// Rows of the input; for a job that cuts them, see `rows`.
    pub input_rows: u64,
    /// Rows of the input that ask nothing, because they have no text.
    pub skipped: u64,
    /// Rows that have something to ask or, in a job that cuts them, pieces.
    pub rows: u64,
    /// Answered rows, including those of earlier runs.
    pub ok: u64,
    /// Failed rows, including those of earlier runs.
    pub failed: u64,
    /// Rows answered by this run.
    pub answered: u64,
    /// Requests that ended.
    pub requests: u64,
    /// Of these, throttled ones.
    pub throttled: u64,
    /// Of these, otherwise without an answer.
    pub faults: u64,
    /// Requests that rows needed after their first.
    pub follow_ups: FollowUps,
    /// Requests with several rows.
    pub packs: PackFigures,
    /// Answers that ended because of `max_tokens`.
    pub cut_by_length: u64,
    /// Answers with more or fewer choices than were requested.
    pub miscounted: u64,
    /// Answers whose usage the service did not report, or not completely.
    pub uncounted: u64,
    /// Of these, those with a reported total.
    pub totals_alone: u64,
    /// The amount that stays set aside for requests of this run, because their usage is unknown.
    pub reserved: Reserve,
    /// Tokens of this run, including failed and repeated attempts.
    pub usage: TokenSum,
    /// Cost of this run; `None` if no price is known.
    pub cost: Option<f64>,
    /// Time since the run began to send.
    pub elapsed: Duration,
    /// Rows that ended per second, recently.
    pub rows_per_second: f64,
    /// Requests that ended per second, recently: with packs, fewer than rows.
    pub requests_per_second: f64,
    /// Tokens used per second, recently.
    pub tokens_per_second: f64,
    /// The time over which these rates were measured: at most since the last pause.
    pub measured_for: Duration,
    /// The dispatcher's state.
    pub state: DispatchState,
    /// How the provider's batches stand.
    pub batches: BatchFigures,
    /// Limits, throttling or outages that held the run back, from the events.
    pub met: LimitsMet,
}

/// The figures of requests, as in every JSON output.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RequestFigures {
    /// Requests that ended.
    pub requests: u64,
    /// Of these, throttled ones.
    pub throttled: u64,
    /// Of these, otherwise without an answer.
    pub faults: u64,
    /// Requests that rows needed after their first, if they are listed by purpose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follow_ups: Option<FollowUps>,
    /// Requests with several rows, if there were any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packs: Option<PackFigures>,
    /// Tokens.
    #[serde(flatten)]
    pub usage: TokenSum,
    /// Money, if known.
    pub cost: Option<f64>,
}

/// What has held the run back at least once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LimitsMet {
    /// A limit of requests.
    pub rate: bool,
    /// The limit of tokens.
    pub tokens: bool,
    /// Throttling answers.
    pub throttling: bool,
    /// The number of requests in flight.
    pub concurrency: bool,
    /// A cap.
    pub cap: bool,
    /// An outage.
    pub outage: bool,
    /// A pause by an order or by the schedule.
    pub pause: bool,
}

impl Snapshot {
    /// How far it is: `4 of 52 rows`, or `4 of 65 pieces of 3 documents`.
    pub fn progress(&self) -> String {
        let done = count(self.ok + self.failed);
        let of = counted(self.rows, self.words.request());
        let skipped = match self.skipped {
            0 => String::new(),
            skipped => format!(", {} skipped", count(skipped)),
        };
        match self.words.several() {
            true => format!("{done} of {of} of {}{skipped}", counted(self.input_rows, self.words.row())),
            false => format!("{done} of {of}{skipped}"),
        }
    }

    /// The figures of its requests, without their purposes.
    pub fn figures(&self) -> RequestFigures {
        RequestFigures {
            requests: self.requests,
            throttled: self.throttled,
            faults: self.faults,
            follow_ups: None,
            packs: Some(self.packs).filter(|packs| packs.sent > 0),
            usage: self.usage,
            cost: self.cost.map(rounded),
        }
    }
}

impl LimitsMet {
    fn or(self, other: Self) -> Self {
        Self {
            rate: self.rate || other.rate,
            tokens: self.tokens || other.tokens,
            throttling: self.throttling || other.throttling,
            concurrency: self.concurrency || other.concurrency,
            cap: self.cap || other.cap,
            outage: self.outage || other.outage,
            pause: self.pause || other.pause,
        }
    }

    /// The words for the causes met, in a fixed order.
    pub fn words(&self) -> Vec<&'static str> {
        [
            (self.rate, Bottleneck::Rate),
            (self.tokens, Bottleneck::Tokens),
            (self.throttling, Bottleneck::Throttling),
            (self.concurrency, Bottleneck::Places),
            (self.cap, Bottleneck::Cap),
            (self.outage, Bottleneck::Outage),
            (self.pause, Bottleneck::Pause),
        ]
        .into_iter()
        .filter_map(|(met, held_by)| met.then_some(held_by.as_str()))
        .collect()
    }
}

impl Snapshot {
    /// Rows that are neither answered nor failed.
    pub fn left(&self) -> u64 {
        self.rows.saturating_sub(self.ok + self.failed)
    }

    /// The same, added to an earlier part of the run before the input was planned again.
    pub fn after(self, earlier: &Self) -> Self {
        Self {
            answered: self.answered + earlier.answered,
            requests: self.requests + earlier.requests,
            throttled: self.throttled + earlier.throttled,
            faults: self.faults + earlier.faults,
            follow_ups: self.follow_ups.plus(earlier.follow_ups),
            packs: self.packs.plus(earlier.packs),
            cut_by_length: self.cut_by_length + earlier.cut_by_length,
            miscounted: self.miscounted + earlier.miscounted,
            uncounted: self.uncounted + earlier.uncounted,
            totals_alone: self.totals_alone + earlier.totals_alone,
            reserved: self.reserved + earlier.reserved,
            usage: self.usage + earlier.usage,
            cost: self.cost.into_iter().chain(earlier.cost).reduce(|one, other| one + other),
            elapsed: self.elapsed + earlier.elapsed,
            met: self.met.or(earlier.met),
            ..self
        }
    }

    /// The time that the remaining rows need at the present rate; `None` while it is unknown, in a pause and in an outage.
    pub fn time_left(&self) -> Option<Duration> {
        let is_still = matches!(self.state.held_by, Some(Bottleneck::Pause | Bottleneck::Outage));
        (self.rows_per_second > 0.0 && !is_still)
            .then(|| Duration::try_from_secs_f64(self.left() as f64 / self.rows_per_second).ok())
            .flatten()
    }
}

impl Tally {
    /// A tally that begins with what earlier runs have done.
    pub fn new(rows: u64, ok: u64, failed: u64, priced: bool) -> Self {
        let cost = priced.then_some(0.0);
        let now = Snapshot { rows, input_rows: rows, ok, failed, cost, ..Snapshot::default() };
        Self { now, marks: VecDeque::new() }
    }

    /// Adds an event.
    pub fn on(&mut self, event: &Event<'_>, elapsed: Duration) {
        match event {
            Event::State(state) => self.set_state(*state),
            Event::Batches(batches) => self.now.batches = *batches,
            Event::Batch(_) => {}
            Event::Committed(JournalEvent::Ended(ended)) => {
                self.now.requests += u64::from(ended.counts());
                self.now.reserved += ended.reserved;
                if let Some(cost) = ended.cost {
                    *self.now.cost.get_or_insert(0.0) += cost;
                }
                let before = self.now.usage.total_tokens;
                if ended.row.over.is_none() {
                    self.end_row(&ended.ending);
                }
                self.end(ended);
                self.end_of_pack(ended);
                // Tokens bought at an unknown price did not cost nothing.
                let unknown = ended.cost.is_none() && self.now.usage.total_tokens > before;
                self.now.cost = self.now.cost.filter(|cost| !unknown || *cost > 0.0);
            }
            Event::Committed(
                JournalEvent::HandedOut { .. }
                | JournalEvent::Out(_)
                | JournalEvent::Resent(_)
                | JournalEvent::Results { .. },
            ) => {}
        }
        self.measure(elapsed);
    }

    /// Adds rows that share another row's answer.
    pub fn shared(&mut self, ok: u64) {
        self.now.ok += ok;
    }

    fn set_state(&mut self, state: DispatchState) {
        let is_paused = |state: &DispatchState| state.held_by == Some(Bottleneck::Pause);
        if is_paused(&self.now.state) || is_paused(&state) {
            self.forget_the_rates();
        }
        self.now.state = state;
        let met = &mut self.now.met;
        match state.held_by {
            Some(Bottleneck::Rate) => met.rate = true,
            Some(Bottleneck::Tokens) => met.tokens = true,
            Some(Bottleneck::Throttling) => met.throttling = true,
            Some(Bottleneck::Places) => met.concurrency = true,
            Some(Bottleneck::Cap) => met.cap = true,
            Some(Bottleneck::Outage) => met.outage = true,
            Some(Bottleneck::Pause) => met.pause = true,
            Some(Bottleneck::Backoff | Bottleneck::FirstRows) | None => {}
        }
    }

    /// Requests before a pause, and the pause itself, do not count towards the rate after it.
    fn forget_the_rates(&mut self) {
        self.marks.clear();
        (self.now.rows_per_second, self.now.requests_per_second) = (0.0, 0.0);
        self.now.tokens_per_second = 0.0;
        self.now.measured_for = Duration::ZERO;
    }

    /// Counts the row of a request that has ended; requests over answers are of no row.
    fn end_row(&mut self, ending: &Outcome) {
        match ending {
            Outcome::Answered(_) => {
                self.now.ok += 1;
                self.now.answered += 1;
            }
            Outcome::Failed(_) => self.now.failed += 1,
            Outcome::Continue(_) | Outcome::SetAside(_) | Outcome::Retry(_) => {}
        }
    }

    fn end(&mut self, ended: &RequestEnd) {
        let RequestEnd { ending, sent, .. } = ended;
        let sent = sent.is_some();
        match ending {
            Outcome::Answered(answer) => {
                self.now.cut_by_length += u64::from(answer.finish_reason.as_deref() == Some("length"));
                self.now.miscounted += u64::from(answer.miscounted);
            }
            Outcome::Continue(step) => self.now.follow_ups.add(step.asks, 1),
            Outcome::Failed(_) | Outcome::SetAside(_) | Outcome::Retry(_) => {}
        }
        let answered = ending.paid_answer().is_some();
        match ending.fault() {
            Some(fault) if ended.counts() && !answered => match fault.kind {
                FaultKind::Throttled => self.now.throttled += 1,
                _ => self.now.faults += 1,
            },
            _ => {}
        }
        // A verdict that arrives after its request counts nothing twice.
        let usage = ending.usage().filter(|_| sent);
        let uncounted = answered && !usage.is_some_and(|usage| usage.is_whole());
        let has_total = usage.is_some_and(|usage| usage.total_tokens.is_some());
        self.now.uncounted += u64::from(uncounted);
        self.now.totals_alone += u64::from(uncounted && has_total);
        self.now.usage.count(&usage.unwrap_or_default());
    }

    /// Counts a row that travelled with others. Trouble of the moment says nothing of packs.
    fn end_of_pack(&mut self, ended: &RequestEnd) {
        let is_passing = ended.ending.fault().is_some_and(|fault| fault.kind.passes());
        if is_passing || !ended.sent.is_some_and(|sent| sent.pack.is_packed()) {
            return;
        }
        let failed = match &ended.ending {
            Outcome::Continue(step) => step.asks == Asks::Alone,
            Outcome::Retry(_) => true,
            Outcome::Answered(_) | Outcome::Failed(_) | Outcome::SetAside(_) => false,
        };
        let packs = u64::from(ended.counts());
        let tokens = ended.ending.usage().and_then(|usage| usage.total_tokens).unwrap_or(0);
        self.now.packs = self.now.packs.plus(PackFigures {
            sent: packs,
            failed: if failed { packs } else { 0 },
            rows: 1,
            tokens_of_failed: if failed { tokens } else { 0 },
        });
    }

    fn measure(&mut self, elapsed: Duration) {
        self.now.elapsed = elapsed;
        let now = RateMark {
            at: elapsed,
            rows: self.now.ok + self.now.failed,
            requests: self.now.requests,
            tokens: self.now.usage.total_tokens,
        };
        if self.marks.back().is_none_or(|mark| elapsed.saturating_sub(mark.at) >= GRAIN) {
            self.marks.push_back(now);
        }
        while self.marks.len() > 2 && elapsed.saturating_sub(self.marks[1].at) > MEASURED {
            self.marks.pop_front();
        }
        let Some(first) = self.marks.front() else { return };
        self.now.measured_for = elapsed.saturating_sub(first.at);
        let span = self.now.measured_for.as_secs_f64();
        if span > 0.2 {
            let each_second = |now: u64, before: u64| now.saturating_sub(before) as f64 / span;
            self.now.rows_per_second = each_second(now.rows, first.rows);
            self.now.requests_per_second = each_second(now.requests, first.requests);
            self.now.tokens_per_second = each_second(now.tokens, first.tokens);
        }
    }
}

#[cfg(test)]
mod tests;
