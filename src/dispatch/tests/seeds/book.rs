//! The journal in memory, over all runs of a plan: a kill leaves what was committed, and the next run begins from that, by
//! the rules of the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::plan::{Mishap, Step};
use super::world::World;
use crate::dispatch::carry_over::{CarryOver, EarlierRun, doubts};
use crate::dispatch::{Ledger, Ready};
use crate::note::{EntryPart, JournalEvent, Outcome, RequestEnd, RowKey};
use crate::outcome::FaultKind;
use crate::request::{ChatRequest, Fingerprint};
use crate::reserve::Reserve;

/// The panic that ends a killed run.
pub(super) struct Killed;

/// The contents of the journal.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) entries: BTreeMap<u64, Entry>,
    pub(super) runs: Vec<Run>,
    /// Requests that have ended: when they were sent, and their tokens.
    ends: Vec<(Duration, Option<u64>)>,
    /// The numbers of these requests in the service's books.
    pub(super) stored: BTreeSet<usize>,
    pub(super) tokens: u64,
    pub(super) cost: f64,
    reserved: Reserve,
    answers: u64,
    with_usage: u64,
    /// Rows below it may be sent for the first time in this pass.
    handed_out: u64,
    /// How often a row was sent in this run, and how often it was handed out again.
    sent: BTreeMap<u64, u32>,
    resent: BTreeMap<u64, u32>,
}

/// A row in the journal.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry {
    pub(super) state: State,
    /// Whether it may be in flight.
    pub(super) out: bool,
    tries: u32,
    cut: bool,
    /// How often it came to its end.
    pub(super) ends: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Pending,
    Ok,
    Failed,
    SetAside,
}

/// A request that has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    /// Its number in the service's books.
    pub(super) number: usize,
    pub(super) at: Duration,
}

/// A run, according to the journal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    started: Duration,
    ended: bool,
    handed_out: u64,
    pub(super) in_doubt: u64,
    out: Reserve,
}

impl Book {
    /// Requests of a killed run that may have been sent but are not stored.
    fn in_doubt(&self) -> u64 {
        let Some(run) = self.runs.last().filter(|run| !run.ended) else { return 0 };
        let known = self.entries.range(..run.handed_out).count() as u64;
        let out = self.entries.values().filter(|entry| entry.out).count() as u64;
        run.handed_out.saturating_sub(known) + out
    }

    pub(super) fn begin_run(&mut self, now: Duration) {
        let in_doubt = self.in_doubt();
        self.entries.values_mut().for_each(|entry| entry.out = false);
        self.runs.push(Run { started: now, ended: false, handed_out: 0, in_doubt, out: Reserve::NOTHING });
        self.begin_pass();
        self.sent.clear();
        self.resent.clear();
    }

    pub(super) fn begin_pass(&mut self) {
        self.handed_out = 0;
        // A row that is sent in another pass has been handed out once more.
        self.resent = self.sent.clone();
    }

    pub(super) fn end_run(&mut self) {
        if let Some(run) = self.runs.last_mut() {
            (run.ended, run.handed_out) = (true, 0);
        }
    }

    /// What the runs so far leave for the next.
    pub(super) fn past(&self, now: Duration, expected: u64) -> CarryOver {
        let minute = Duration::from_secs(60);
        let recent = self.ends.iter().filter(|(at, _)| now - *at < minute);
        let mut recent_ends: Vec<(Duration, Option<u64>)> =
            recent.map(|(at, tokens)| (now - *at, *tokens)).collect();
        let runs =
            self.runs.iter().map(|run| EarlierRun { began: now - run.started, in_doubt: run.in_doubt });
        recent_ends.extend(doubts(runs, minute));
        CarryOver {
            submitted: Reserve::NOTHING,
            cost: self.cost,
            tokens: self.tokens,
            reserved: self.runs.iter().map(|run| run.out).sum::<Reserve>() + self.reserved,
            longest_answer: 0,
            since: None,
            duration: Duration::ZERO,
            reached: self.answers > 0,
            works: self.entries.values().any(|entry| entry.state == State::Ok),
            recent: recent_ends,
            tokens_unknown: self.tokens.checked_div(self.with_usage).unwrap_or(expected),
        }
    }

    /// The rows that a pass should send.
    pub(super) fn rows(&self, world: &World, last: bool) -> Vec<Ready> {
        let wanted = |position: &u64| match self.entries.get(position).map(|entry| entry.state) {
            Some(State::Ok | State::Failed) => false,
            Some(State::SetAside) => true,
            Some(State::Pending) | None => !last,
        };
        (0..world.plan.rows).filter(wanted).map(|position| self.row(world, position)).collect()
    }

    fn row(&self, world: &World, position: u64) -> Ready {
        let fingerprint = Fingerprint(u128::from(position).to_be_bytes());
        let entry = self.entries.get(&position).copied().unwrap_or_default();
        let request = ChatRequest {
            estimate: world.plan.estimate_of(position),
            price: Some(world.price.clone()),
            stream: entry.cut,
            ..ChatRequest::of_body(super::endpoint::body_of(position), fingerprint)
        };
        let row = RowKey {
            row: position,
            position,
            part: EntryPart::WHOLE,
            over: None,
            id: None,
            fingerprint,
            record: None,
        };
        Ready { row, request, tries: entry.tries, steps: Vec::new(), collected: None }
    }

    /// Whether a row has its end.
    pub(super) fn is_settled(&self, position: u64) -> bool {
        let state = self.entries.get(&position).map(|entry| entry.state);
        matches!(state, Some(State::Ok | State::Failed))
    }

    /// A row is sent: the journal must know that, and no end of it.
    pub(super) fn leaves(&mut self, position: u64) {
        let entry = self.entries.get(&position).copied().unwrap_or_default();
        assert!(
            !matches!(entry.state, State::Ok | State::Failed),
            "row {position} has its end on disk and was sent again"
        );
        assert!(position < self.handed_out, "row {position} was sent before the journal knew of it");
        let sent = self.sent.get(&position).copied().unwrap_or(0);
        let again = self.resent.get(&position).copied().unwrap_or(0);
        assert!(sent <= again, "row {position} was sent again before the journal knew of it");
        *self.sent.entry(position).or_default() += 1;
    }

    fn store(&mut self, note: &JournalEvent, sent: Option<Sent>) {
        match note {
            JournalEvent::HandedOut { below } => self.hand_out(*below),
            JournalEvent::Resent(row) => {
                *self.resent.entry(row.position).or_default() += 1;
                self.entries.entry(row.position).or_default().out = true;
            }
            JournalEvent::Out(out) => {
                self.runs.iter_mut().next_back().into_iter().for_each(|run| run.out = *out)
            }
            JournalEvent::Results { .. } => {}
            JournalEvent::Ended(ended) => self.end(ended, sent),
        }
    }

    fn hand_out(&mut self, below: u64) {
        let Some(run) = self.runs.last_mut() else { return };
        let from = if below > run.handed_out { run.handed_out } else { 0 };
        (run.handed_out, self.handed_out) = (below, below);
        for (_, entry) in self.entries.range_mut(from..below) {
            entry.out |= matches!(entry.state, State::Pending | State::SetAside);
        }
    }

    fn end(&mut self, ended: &RequestEnd, sent: Option<Sent>) {
        let entry = self.entries.entry(ended.row.position).or_default();
        entry.state = match &ended.ending {
            Outcome::Answered(_) => State::Ok,
            Outcome::Failed(_) => State::Failed,
            Outcome::SetAside(_) => State::SetAside,
            Outcome::Retry(_) | Outcome::Continue(_) => State::Pending,
        };
        (entry.out, entry.tries) = (false, ended.tries);
        entry.ends += u32::from(matches!(entry.state, State::Ok | State::Failed));
        entry.cut = ended.ending.fault().is_some_and(|fault| fault.kind == FaultKind::CutByServer);
        let usage = match &ended.ending {
            Outcome::Answered(answer) => answer.usage,
            ending => ending.fault().and_then(|fault| fault.usage),
        };
        let free = ended
            .ending
            .fault()
            .is_some_and(|fault| matches!(fault.kind, FaultKind::Throttled | FaultKind::Unreachable));
        let tokens = usage.and_then(|usage| usage.total_tokens).or(free.then_some(0));
        if let Some(sent) = sent {
            self.ends.push((sent.at, tokens));
            self.stored.insert(sent.number);
        }
        self.answers += u64::from(entry.state == State::Ok);
        self.with_usage += u64::from(usage.is_some());
        self.tokens += usage.and_then(|usage| usage.total_tokens).unwrap_or(0);
        self.cost += ended.cost.unwrap_or(0.0);
        self.reserved += ended.reserved;
    }
}

/// The writer of one run.
pub(super) struct Writer {
    world: Rc<World>,
    waiting: Vec<(Instant, JournalEvent, Option<Sent>)>,
    /// How many ends of each row were written in this run.
    ends: BTreeMap<u64, usize>,
}

impl Writer {
    pub(super) fn new(world: &Rc<World>) -> Self {
        Self { world: Rc::clone(world), waiting: Vec::new(), ends: BTreeMap::new() }
    }

    /// The request whose end this is: a row has one at a time.
    fn request_of(&mut self, note: &JournalEvent) -> Option<Sent> {
        let JournalEvent::Ended(ended) = note else { return None };
        ended.sent?;
        let nth = self.ends.entry(ended.row.position).or_default();
        *nth += 1;
        self.world.request_of(ended.row.position, *nth - 1)
    }

    /// Stores what is on disk by now, or everything that waits.
    fn store(&mut self, by: Option<Instant>) -> Vec<JournalEvent> {
        let ready = self.waiting.partition_point(|(due, _, _)| by.is_none_or(|by| *due <= by));
        let book = &mut *self.world.book.borrow_mut();
        let stored = self.waiting.drain(..ready).map(|(_, note, sent)| {
            book.store(&note, sent);
            note
        });
        stored.collect()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // A commit may complete although nobody learns of it.
        if self.world.commits_outlive_runs() {
            self.store(None);
        }
    }
}

impl Ledger for Writer {
    type Error = &'static str;

    fn write(&mut self, note: JournalEvent) {
        if self.world.is_killed_at(Step::Write) {
            resume_unwind(Box::new(Killed));
        }
        let sent = self.request_of(&note);
        self.waiting.push((Instant::now() + self.world.plan.commit, note, sent));
    }

    async fn committed(&mut self) -> Result<Vec<JournalEvent>, Self::Error> {
        match self.waiting.first() {
            Some((due, _, _)) => tokio::time::sleep_until(*due).await,
            None => std::future::pending().await,
        }
        if let Mishap::DiskFull(left) = self.world.mishap.get() {
            if left == 0 {
                return Err("the disk is full");
            }
            self.world.mishap.set(Mishap::DiskFull(left - 1));
        }
        let notes = self.store(Some(Instant::now()));
        if self.world.is_killed_at(Step::Commit) {
            resume_unwind(Box::new(Killed));
        }
        Ok(notes)
    }
}
