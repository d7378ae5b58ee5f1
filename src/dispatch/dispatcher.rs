//! The state that a run keeps between passes: its limits, what it has learnt about the service, and the terms in force.

use std::time::Duration;

use tokio::time::Instant;

use super::budget::Budget;
use super::carry_over::CarryOver;
use super::circuit_breaker::CircuitBreaker;
use super::concurrency::Window;
use super::live_limits::{LiveLimits, ends_at};
use super::pace::{Pace, ServicePace};
use super::packing::RowPacking;
use super::preflight::Preflight;
use super::retry::Dice;
use super::service::{Service, Traffic};
use super::services::Services;
use crate::conversation;
use crate::endpoint::Endpoint;
use crate::job::Retry;
use crate::job::field_owner::FieldOwners;
use crate::job::limits::{Caps, Concurrency, EffectiveLimits, Quotas};
use crate::job::pack::PackSettings;
use crate::outcome::Fault;
use crate::request::{ChatRequest, Estimate};
use crate::toolbox::Toolbox;

/// The settings of a dispatcher.
#[derive(Debug, Clone)]
pub struct DispatchSettings {
    pub retry: Retry,
    pub quotas: Quotas,
    /// Requests in flight at once.
    pub concurrency: Concurrency,
    pub caps: Caps,
    /// How a row continues after an answer that does not end it.
    pub conversation: conversation::ConversationRules,
    /// How rows travel together, if they may.
    pub pack: Option<PackSettings>,
    /// How many files the process may open.
    pub open_files: u64,
    /// How many requests the service takes at once, if that is known.
    pub most_in_flight: Option<usize>,
    /// Who sets which field of the request: an error in a field set by the job affects every row.
    pub field_owners: FieldOwners,
}

/// Sends rows, pass after pass, under one set of limits.
pub struct Dispatcher<'e, E> {
    pub(super) services: Services<'e, E>,
    pub(super) toolbox: &'e dyn Toolbox,
    pub(super) conversation: conversation::ConversationRules,
    pub(super) retry: Retry,
    pub(super) dice: Dice,
    pub(super) pace: Pace,
    pub(super) budget: Budget,
    pub(super) packing: Option<RowPacking>,
    began: Instant,
    /// Time that earlier runs have spent.
    spent: Duration,
    pub(super) terms: EffectiveLimits,
    paused_since: Option<Instant>,
    pub(super) live_limits: Option<LiveLimits>,
    pub(super) ends_at: Option<Instant>,
    pub(super) last_fault: Option<Fault>,
}

impl<'e, E: Endpoint> Dispatcher<'e, E> {
    /// A dispatcher for one run.
    pub fn new(
        endpoint: &'e E,
        toolbox: &'e dyn Toolbox,
        rules: &DispatchSettings,
        past: &CarryOver,
        dice: Dice,
    ) -> Self {
        let now = Instant::now();
        let before = |(ago, tokens): &(Duration, Option<u64>)| {
            Some((now.checked_sub(*ago)?, tokens.unwrap_or(past.tokens_unknown)))
        };
        let recent: Vec<(Instant, u64)> = past.recent.iter().filter_map(before).collect();
        let DispatchSettings { quotas, concurrency, caps, .. } = *rules;
        Self {
            services: Services(vec![service(endpoint, rules, past, now)]),
            toolbox,
            conversation: rules.conversation.clone(),
            retry: rules.retry,
            dice,
            pace: Pace::new(rules.quotas, now, &recent).after(past.longest_answer),
            budget: Budget::new(rules.caps, past.cost, past.tokens, past.reserved)
                .with_submitted(past.submitted),
            packing: rules.pack.map(RowPacking::new),
            began: now,
            spent: past.duration,
            terms: EffectiveLimits {
                quotas,
                concurrency,
                caps,
                since: past.since,
                paused: false,
                cancels: false,
                time_is_up: false,
            },
            paused_since: None,
            live_limits: None,
            ends_at: ends_at(now, past.duration, caps),
            last_fault: None,
        }
    }

    /// Applies changes of its limits that arrive through `live_limits`.
    #[must_use]
    pub fn steered(self, live_limits: LiveLimits) -> Self {
        Self { live_limits: Some(live_limits), ..self }
    }

    /// Applies the newest terms from now on.
    pub(super) fn take_terms(&mut self, now: Instant) {
        let Some(live_limits) = &mut self.live_limits else { return };
        let terms = *live_limits.borrow_and_update();
        // Setting a clock back does not begin a period again.
        let terms = EffectiveLimits { since: terms.since.max(self.terms.since), ..terms };
        let before = std::mem::replace(&mut self.terms, terms);
        if terms == before {
            return;
        }
        if terms.quotas != before.quotas {
            let services = self.services.0.iter_mut().map(|service| &mut service.pace);
            self.pace.change(terms.quotas, now, services);
        }
        for service in &mut self.services.0 {
            service.window.change(terms.concurrency, terms.quotas.requests_each_second());
        }
        self.budget.change(terms.caps);
        if terms.since > before.since {
            self.budget.restart();
        }
        self.ends_at = ends_at(self.began, self.spent, terms.caps);
        match (terms.paused, self.paused_since) {
            (true, None) => self.paused_since = Some(now),
            (false, Some(since)) => {
                self.paused_since = None;
                self.services.0.iter_mut().for_each(|service| service.breaker.was_paused(now - since));
            }
            _ => {}
        }
    }

    /// The requests per second that can be sent at present; `None` when nothing limits them.
    pub(super) fn rate(&self, now: Instant) -> Option<f64> {
        self.pace.rate(now, self.services.paces())
    }

    /// The most tokens that a request can use. No tokenizer makes more tokens of a text than it has bytes; other input has a
    /// bound of its own.
    pub(super) fn worst_estimate(&self, request: &ChatRequest, rows: usize) -> Estimate {
        let worst = self.pace.worst(&request.estimate, rows);
        let text = (request.body.len() as u64).saturating_sub(request.media.bytes);
        let prompt_tokens = worst.prompt_tokens.max(text.saturating_add(request.media.tokens));
        Estimate { prompt_tokens, ..worst }
    }

    /// When the service's silence ends the run; never while the run itself is silent.
    pub(super) fn patience_ends(&self) -> Option<Instant> {
        self.services.patience_ends().filter(|_| !self.terms.paused)
    }
}

/// A service of which nothing is known but what earlier runs leave behind.
fn service<'e, E>(
    endpoint: &'e E,
    rules: &DispatchSettings,
    past: &CarryOver,
    now: Instant,
) -> Service<'e, E> {
    Service {
        endpoint,
        pace: ServicePace::new(Quotas::default(), now, &[]),
        window: Window::new(rules.concurrency, rules.quotas.requests_each_second(), rules.open_files)
            .within(rules.most_in_flight),
        breaker: CircuitBreaker::new(rules.retry, now, past.reached),
        preflight: Preflight::new(rules.field_owners.clone(), past.works),
        traffic: Traffic::default(),
    }
}
