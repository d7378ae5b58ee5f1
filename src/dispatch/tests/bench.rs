//! The bench sets up a run and records what happened. Its service, journal and observer check the loop while it runs:
//! nothing is sent or shown before the journal has it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::service::{Call, Service};
use super::shelf::{Shelf, Watcher};
use crate::conversation;
use crate::dispatch::stop::StopLevel;
use crate::dispatch::{CarryOver, DispatchSettings, Dispatcher, PassEnd, Ready};
use crate::endpoint::Endpoint;
use crate::event::DispatchState;
use crate::job::Retry;
use crate::job::field_owner::FieldOwners;
use crate::job::limits::{Caps, Concurrency, EffectiveLimits, Quota, Quotas};
use crate::note::{EntryPart, JournalEvent, Outcome, RequestEnd, RowKey};
use crate::outcome::{Fault, Reply};
use crate::request::{ChatRequest, Estimate, Fingerprint};
use crate::toolbox::{NoTools, Toolbox};

/// Longer than any run may take on tokio's clock: a run still active then is stuck.
pub(super) const STUCK: Duration = Duration::from_secs(30 * 86_400);

/// One send, as it was recorded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sending {
    pub(super) position: u64,
    pub(super) at: Duration,
    /// Requests in flight, including this one.
    pub(super) in_flight: usize,
    /// Tokens, by the service's count; 0 until it has answered.
    pub(super) tokens: u64,
}

/// What happened.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) sends: Vec<Sending>,
    pub(super) in_flight: usize,
    pub(super) tries: BTreeMap<u64, u32>,
    pub(super) committed: Vec<JournalEvent>,
    pub(super) shown: usize,
    pub(super) handed_out: u64,
    pub(super) resent: BTreeMap<u64, u32>,
    /// Sends of earlier passes, and the journal's permission for them.
    pub(super) excused: BTreeMap<u64, u32>,
    pub(super) states: Vec<(Duration, DispatchState)>,
    pub(super) turns: (Duration, u32),
}

/// Everything a run needs.
pub(super) struct Bench {
    pub(super) rules: DispatchSettings,
    pub(super) past: CarryOver,
    pub(super) toolbox: &'static dyn Toolbox,
    /// How long a commit takes.
    pub(super) commit: Duration,
    /// The ledger fails after this many events.
    pub(super) disk_full_after: Option<usize>,
    /// When the run is asked to stop.
    pub(super) stops: Vec<(Duration, StopLevel)>,
    /// When the run receives other terms.
    pub(super) turns: Vec<(Duration, EffectiveLimits)>,
    /// The estimated usage of each request.
    pub(super) estimate: Estimate,
    pub(super) price: Option<std::sync::Arc<crate::job::price::Price>>,
    pub(super) start: Instant,
    pub(super) log: Rc<RefCell<Log>>,
}

impl Bench {
    pub(super) fn new() -> Self {
        let retry = Retry::default();
        let rules = DispatchSettings {
            retry,
            quotas: Quotas::default(),
            concurrency: Concurrency::Auto,
            caps: Caps::default(),
            conversation: conversation::ConversationRules::default(),
            pack: None,
            open_files: 4096,
            most_in_flight: None,
            field_owners: FieldOwners::new(
                ["max_tokens", "seed", "tool_choice", "response_format"].map(str::to_owned),
                [],
            ),
        };
        Self {
            rules,
            past: CarryOver::default(),
            toolbox: &NoTools,
            commit: Duration::from_millis(5),
            disk_full_after: None,
            stops: Vec::new(),
            turns: Vec::new(),
            estimate: Estimate { prompt_tokens: 50, max_completion_tokens: 100, unbounded: false },
            price: None,
            start: Instant::now(),
            log: Rc::default(),
        }
    }

    pub(super) fn qps(mut self, qps: f64) -> Self {
        self.rules.quotas.requests_per_second = Quota::per_second(qps);
        self
    }

    pub(super) fn places(mut self, places: usize) -> Self {
        self.rules.concurrency = Concurrency::Fixed(places);
        self
    }

    /// The rows of a first pass.
    pub(super) fn rows(&self, count: u64) -> Vec<Ready> {
        (0..count).map(|position| self.row(position, 0)).collect()
    }

    pub(super) fn row(&self, position: u64, tries: u32) -> Ready {
        let fingerprint = Fingerprint(u128::from(position).to_be_bytes());
        let body =
            format!("{{\"messages\":[{{\"role\":\"user\",\"content\":\"{position}\"}}]}}").into_bytes();
        let price = self.price.clone();
        let request =
            ChatRequest { estimate: self.estimate, price, ..ChatRequest::of_body(body, fingerprint) };
        Ready {
            row: RowKey {
                row: position,
                position,
                part: EntryPart::WHOLE,
                over: None,
                id: None,
                fingerprint,
                record: None,
            },
            request,
            tries,
            steps: Vec::new(),
            collected: None,
        }
    }

    /// One pass, the last.
    pub(super) async fn run(
        &self,
        count: u64,
        script: impl Fn(Call) -> (Duration, Reply) + 'static,
    ) -> PassEnd {
        self.try_run(self.rows(count), script).await.expect("the ledger holds")
    }

    /// One pass, the last, over these rows.
    pub(super) async fn try_run(
        &self,
        rows: Vec<Ready>,
        script: impl Fn(Call) -> (Duration, Reply) + 'static,
    ) -> Result<PassEnd, &'static str> {
        let service = self.service(script);
        let dispatcher = Dispatcher::new(&service, self.toolbox, &self.rules, &self.past, dice());
        let mut dispatcher = dispatcher.steered(self.live_limits());
        self.pass(&mut dispatcher, rows, true).await
    }

    /// A first pass, and a last one over the rows it set aside.
    pub(super) async fn run_twice(
        &self,
        count: u64,
        script: impl Fn(Call) -> (Duration, Reply) + 'static,
    ) -> (PassEnd, PassEnd) {
        let service = self.service(script);
        let mut dispatcher = Dispatcher::new(&service, self.toolbox, &self.rules, &self.past, dice());
        let first = self.pass(&mut dispatcher, self.rows(count), false).await.expect("the ledger holds");
        let aside = self.ended(|ending| matches!(ending, Outcome::SetAside(_)));
        assert_eq!(aside.len() as u64, first.set_aside);
        let mut again: Vec<Ready> =
            aside.iter().map(|ended| self.row(ended.row.position, ended.tries)).collect();
        again.sort_by_key(|ready| ready.row.position);
        let last = self.pass(&mut dispatcher, again, true).await.expect("the ledger holds");
        (first, last)
    }

    pub(super) async fn pass(
        &self,
        dispatcher: &mut Dispatcher<'_, Service>,
        rows: Vec<Ready>,
        last: bool,
    ) -> Result<PassEnd, &'static str> {
        self.pass_to(dispatcher, rows, last).await
    }

    /// A pass over these rows, with any service.
    pub(super) async fn pass_to<E: Endpoint>(
        &self,
        dispatcher: &mut Dispatcher<'_, E>,
        rows: Vec<Ready>,
        last: bool,
    ) -> Result<PassEnd, &'static str> {
        {
            let mut log = self.log.borrow_mut();
            log.handed_out = 0;
            log.excused = log.tries.clone();
            log.resent.clear();
        }
        let (send_row, ready) = mpsc::channel(16);
        tokio::spawn(async move {
            for row in rows {
                if send_row.send(vec![row]).await.is_err() {
                    return;
                }
            }
        });
        let (ask, stop) = watch::channel(StopLevel::None);
        let (stops, start) = (self.stops.clone(), self.start);
        tokio::spawn(async move {
            for (at, stop_level) in stops {
                tokio::time::sleep_until(start + at).await;
                let _ = ask.send(stop_level);
            }
            ask.closed().await;
        });
        let (mut ledger, mut watcher) = (self.shelf(), self.watcher());
        let pass = dispatcher.pass(ready, &mut ledger, stop, &mut watcher, last);
        let end = tokio::time::timeout(STUCK, pass).await.expect("the pass does not get stuck");
        if end.is_ok() {
            let log = self.log.borrow();
            assert!(ledger.waiting.is_empty(), "everything is stored at the end");
            assert_eq!(log.shown, log.committed.len(), "everything stored is shown");
            let is_end = |note: &&JournalEvent| matches!(note, JournalEvent::Ended(ended) if ended.counts());
            let ends = log.committed.iter().filter(is_end).count();
            let abandoned = end.as_ref().map_or(0, |end| end.abandoned);
            assert!(log.sends.len() - ends <= abandoned, "each request that came back is stored once");
            assert!(ends <= log.sends.len(), "and none twice");
        }
        end
    }

    /// The initial terms of a run.
    pub(super) fn terms(&self) -> EffectiveLimits {
        let DispatchSettings { quotas, concurrency, caps, .. } = self.rules;
        EffectiveLimits {
            quotas,
            concurrency,
            caps,
            since: self.past.since,
            paused: false,
            cancels: false,
            time_is_up: false,
        }
    }

    fn live_limits(&self) -> watch::Receiver<EffectiveLimits> {
        let (steer, live_limits) = watch::channel(self.terms());
        let (turns, start) = (self.turns.clone(), self.start);
        tokio::spawn(async move {
            for (at, terms) in turns {
                tokio::time::sleep_until(start + at).await;
                steer.send_replace(terms);
            }
            steer.closed().await;
        });
        live_limits
    }

    pub(super) fn service(&self, script: impl Fn(Call) -> (Duration, Reply) + 'static) -> Service {
        Service { script: Box::new(script), log: Rc::clone(&self.log), start: self.start }
    }

    pub(super) fn shelf(&self) -> Shelf {
        let log = Rc::clone(&self.log);
        Shelf { log, delay: self.commit, full_after: self.disk_full_after, waiting: Vec::new() }
    }

    pub(super) fn watcher(&self) -> Watcher {
        Watcher { log: Rc::clone(&self.log), start: self.start }
    }

    pub(super) fn sends(&self) -> Vec<Sending> {
        self.log.borrow().sends.clone()
    }

    /// Requests with such an end.
    pub(super) fn ended(&self, which: impl Fn(&Outcome) -> bool) -> Vec<RequestEnd> {
        let log = self.log.borrow();
        let ended = log.committed.iter().filter_map(|note| match note {
            JournalEvent::Ended(ended) if which(&ended.ending) => Some(RequestEnd::clone(ended)),
            _ => None,
        });
        ended.collect()
    }

    pub(super) fn answered(&self) -> usize {
        self.ended(|ending| matches!(ending, Outcome::Answered(_))).len()
    }

    /// The rows that failed, and their faults.
    pub(super) fn failed(&self) -> Vec<(u64, Fault)> {
        let failed = self.ended(|ending| matches!(ending, Outcome::Failed(_))).into_iter();
        failed.filter_map(|ended| Some((ended.row.position, ended.ending.fault()?.clone()))).collect()
    }

    pub(super) fn waited(&self) -> usize {
        self.ended(|ending| matches!(ending, Outcome::Retry(_))).len()
    }

    /// Asserts that each of `count` rows was answered or failed exactly once.
    pub(super) fn assert_every_row_ended_once(&self, count: u64) {
        let ended = self.ended(|ending| matches!(ending, Outcome::Answered(_) | Outcome::Failed(_)));
        let mut positions: Vec<u64> = ended.iter().map(|ended| ended.row.position).collect();
        positions.sort_unstable();
        assert_eq!(positions, (0..count).collect::<Vec<_>>());
    }

    /// The maximum of a quantity within any span of that length that begins with a send.
    pub(super) fn most_within(&self, span: Duration, what: impl Fn(&Sending) -> f64) -> f64 {
        let sends = self.sends();
        let (mut most, mut sum, mut end) = (0.0_f64, 0.0, 0);
        for first in &sends {
            while let Some(next) = sends.get(end).filter(|next| next.at < first.at + span) {
                sum += what(next);
                end += 1;
            }
            most = most.max(sum);
            sum -= what(first);
        }
        most
    }

    pub(super) fn sends_between(&self, from: Duration, to: Duration) -> usize {
        self.sends().iter().filter(|one| (from..to).contains(&one.at)).count()
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

/// Dice that always show the same.
pub(super) fn dice() -> Box<dyn FnMut() -> f64> {
    let state = Cell::new(0x2545_f491_4f6c_dd1d_u64);
    Box::new(move || {
        let mut next = state.get();
        next ^= next << 13;
        next ^= next >> 7;
        next ^= next << 17;
        state.set(next);
        (next >> 11) as f64 / (1_u64 << 53) as f64
    })
}

pub(super) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
