//! The loop of a run in batches: bring them forward, judge what has come, submit what has no answer, and wait.

use std::time::Duration;

use tokio::time::Instant;

use super::driver::{Driver, Moved, StepEnd};
use super::file::remove_strays;
use super::filler::{Filler, OnTheWay};
use super::line_feed::{LineRules, Wanted};
use super::memory::Patience;
use super::prices::BatchPrices;
use crate::batch::figures::BatchFigures;
use crate::batch::phase::{BatchPhase, BatchRecord};
use crate::batch_service::BatchService;
use crate::clock;
use crate::dispatch::stop::{Cap, StopLevel, StopReason};
use crate::endpoint::Endpoint;
use crate::event::{Event, Observer};
use crate::failpoint::meet;
use crate::job::batch::BatchSettings;
use crate::journal::Journal;
use crate::journal::reader::Reader;
use crate::pipeline::PipelineError;
use crate::pipeline::rounds::{Passed, RoundKind, Sender};
use crate::pipeline::run_record::SIMULATOR;
use crate::request::{ChatRequest, Fingerprint};
use crate::reserve::Reserve;

/// How often the terms of a waiting run are looked at.
const TICK: Duration = Duration::from_millis(250);

/// The longest pause of a run that found the provider's queue full.
const LONGEST_HOLD: Duration = Duration::from_secs(600);

/// Sends the rows without an answer by batches; in a job that sends at once by now, collects what an earlier one has submitted, and
/// sends the rest at once. `works`: whether the job has had answers. Gives the journal back.
pub async fn run<E: Endpoint, B: BatchService>(
    sender: &mut Sender<'_, '_, '_, E>,
    journal: Journal,
    service: &B,
    works: bool,
) -> Result<(Passed, Journal), PipelineError> {
    let order = sender.order;
    let settings = sender.opened.job.batch;
    let is_live = settings.is_none();
    let settings = settings.unwrap_or_default();
    let patience = Patience::new(sender.opened.job.retry.max_outage);
    let forgets = order.address == SIMULATOR;
    let driver = Driver::new(settings, service, order.address, patience, forgets);
    let prices = BatchPrices::of(&sender.opened.job);
    let mut run = BatchRun {
        sender,
        driver,
        prices,
        total: Passed::NOTHING,
        aside: journal.reader().submitted()?.worst,
        to_fill: true,
        waiting: 0,
        short: None,
        held_until: None,
        holds: 0,
        most_lines: settings.max_lines,
        is_live,
    };
    let journal = run.go(journal, works || is_live).await?;
    Ok((run.total, journal))
}

struct BatchRun<'r, 's, 'd, 'a, E, B> {
    sender: &'r mut Sender<'s, 'd, 'a, E>,
    driver: Driver<'r, B>,
    prices: BatchPrices,
    /// How the rounds so far have ended.
    total: Passed,
    /// What the dispatcher sets aside for batches.
    aside: Reserve,
    /// Whether there may be rows for another batch.
    to_fill: bool,
    /// Rows that wait for a reply, as far as that was looked at.
    waiting: u64,
    /// The cap that leaves rows out, and what the first of them may cost.
    short: Option<(Cap, Reserve)>,
    /// The provider's queue was full: nothing is submitted before.
    held_until: Option<Instant>,
    /// How often it was full.
    holds: u32,
    /// The most requests of a batch, for a queue that is too short for full ones.
    most_lines: u32,
    /// Whether the rest is sent at once.
    is_live: bool,
}

impl<E: Endpoint, B: BatchService> BatchRun<'_, '_, '_, '_, E, B> {
    async fn go(&mut self, mut journal: Journal, works: bool) -> Result<Journal, PipelineError> {
        let known = journal.reader().batches()?;
        remove_strays(journal.path(), &known);
        if !works && known.is_empty() {
            journal = self.round(journal, Wanted::First, false).await?;
        }
        let mut has_leftovers = journal.reader().has_leftovers()?;
        while self.goes_on() {
            let observer = &mut *self.sender.observer;
            let moved = match self.driver.advance(&journal, observer).await {
                Ok(moved) => moved,
                Err(error) => return Err(self.sender.order.kept(&journal, error)),
            };
            self.resync(&journal)?;
            self.show(&journal)?;
            if moved.collected > 0 || has_leftovers {
                has_leftovers = false;
                journal = self.round(journal, Wanted::Collected, false).await?;
                self.close(&journal).await?;
                self.show(&journal)?;
            }
            match self.decide(&journal, moved).await {
                Ok(WhatNext::Wait(until)) => self.wait(until).await,
                Ok(WhatNext::Again) => {}
                Ok(WhatNext::Send) => {
                    self.to_fill = false;
                    let (passed, kept) = self.sender.round(journal, RoundKind::Rows).await?;
                    journal = kept;
                    self.note(passed);
                    self.waiting = journal.reader().submitted()?.waiting;
                }
                Ok(WhatNext::End(reason)) => {
                    if self.total.reason == StopReason::Finished {
                        self.total.reason = reason;
                    }
                    break;
                }
                Err(error) => return Err(self.sender.order.kept(&journal, error)),
            }
        }
        if self.goes_on() && journal.reader().has_set_aside()? {
            journal = self.round(journal, Wanted::Collected, true).await?;
        }
        Ok(journal)
    }

    /// Whether nothing has ended the run.
    fn goes_on(&self) -> bool {
        self.total.reason == StopReason::Finished && !self.total.input_changed
    }

    /// Judges what was collected, and sends what follows on answers.
    async fn round(
        &mut self,
        journal: Journal,
        wanted: Wanted,
        last: bool,
    ) -> Result<Journal, PipelineError> {
        let service = self.driver.service;
        let judge = |line: &[u8], request: &ChatRequest| service.reply(line, request);
        let kind = RoundKind::Lines(LineRules { wanted, last }, &judge);
        let (passed, journal) = self.sender.round(journal, kind).await?;
        self.note(passed);
        // The dispatcher has replaced what was set aside for each reply by what it cost.
        self.aside = journal.reader().submitted()?.worst;
        self.to_fill = true;
        Ok(journal)
    }

    /// Notes how a round ended.
    fn note(&mut self, passed: Passed) {
        let Passed { reason, set_aside, abandoned, beyond, input_changed } = passed;
        self.total.reason = reason;
        self.total.set_aside += set_aside;
        self.total.abandoned += abandoned;
        self.total.beyond = beyond.or(self.total.beyond);
        self.total.input_changed |= input_changed;
    }

    /// Closes batches that are judged.
    async fn close(&mut self, journal: &Journal) -> Result<(), PipelineError> {
        if *self.sender.stop.borrow() == StopLevel::Now {
            return Ok(());
        }
        for record in journal.reader().batches()? {
            if record.phase == BatchPhase::Collected {
                self.bill_untaken(journal, record.number)?;
            }
        }
        self.driver.close(journal, self.sender.observer).await?;
        self.resync(journal)
    }

    /// A reply that no row asks for any more cost what it says.
    fn bill_untaken(&self, journal: &Journal, batch: i64) -> Result<(), PipelineError> {
        let price = self.sender.opened.job.price.as_ref().map(|price| self.prices.of_price(price));
        for line in journal.reader().untaken(batch)? {
            let (text, worst) = journal.reader().reply_of(line)?;
            let request = ChatRequest::of_body(Vec::new(), Fingerprint::default());
            let Ok(answer) = self.driver.service.reply(&text, &request) else { continue };
            let Some(usage) = answer.usage else { continue };
            let cost = price.as_ref().and_then(|price| price.of(&usage, answer.thought()));
            let used = Reserve {
                cost: cost.unwrap_or(worst.cost),
                tokens: usage.total_tokens.unwrap_or(worst.tokens),
            };
            journal.bill_untaken(line, used)?;
        }
        Ok(())
    }

    /// Brings what the dispatcher sets aside to what the journal has.
    fn resync(&mut self, journal: &Journal) -> Result<(), PipelineError> {
        let now = journal.reader().submitted()?.worst;
        self.sender.dispatcher.withdraw(self.aside);
        self.sender.dispatcher.submit(now);
        self.aside = now;
        Ok(())
    }

    fn show(&mut self, journal: &Journal) -> Result<(), PipelineError> {
        let batches = journal.reader().batches()?;
        self.sender.observer.on(Event::Batches(BatchFigures::of(&batches, clock::now())));
        Ok(())
    }

    /// What follows once all batches are as far as they go.
    async fn decide(&mut self, journal: &Journal, moved: Moved) -> Result<WhatNext, PipelineError> {
        if !self.goes_on() {
            return Ok(WhatNext::End(self.total.reason.clone()));
        }
        if let Some(reason) = self.asked_to_end().or(moved.stop.clone()) {
            return Ok(WhatNext::End(reason));
        }
        self.to_fill |= std::mem::take(&mut self.driver.has_news);
        self.driver.cancels |= self.sender.dispatcher.is_to_cancel();
        if self.driver.cancels {
            return Ok(
                match journal.reader().batches()?.iter().any(|batch| batch.phase < BatchPhase::Closed) {
                    true => WhatNext::Wait(Some(Instant::now() + TICK)),
                    false => WhatNext::End(StopReason::Interrupted),
                },
            );
        }
        if self.is_live && self.to_fill {
            return Ok(WhatNext::Send);
        }
        if self.is_held(moved.open) || self.sender.dispatcher.is_paused() {
            return Ok(self.held(&moved));
        }
        if self.to_fill {
            if let Some(reason) = self.fill(journal).await? {
                return Ok(WhatNext::End(reason));
            }
            self.show(journal)?;
            return Ok(WhatNext::Again);
        }
        let settled = moved.unsettled == 0;
        Ok(match (self.waiting, self.short) {
            (0, Some((cap, worst))) => {
                self.total.beyond = Some(worst);
                WhatNext::End(StopReason::Cap(cap))
            }
            (0, None) if settled => WhatNext::End(StopReason::Finished),
            _ if !self.driver.settings.wait && settled => WhatNext::End(StopReason::Submitted),
            _ => WhatNext::Wait(moved.next),
        })
    }

    /// Whether nothing is submitted for now, because the provider's queue is full.
    fn is_held(&mut self, open: u64) -> bool {
        if std::mem::take(&mut self.driver.queue_is_full) {
            if open <= 1 {
                // Nothing else is in the queue: a full file may never fit.
                self.most_lines = (self.most_lines / 2).max(1);
            }
            let pause = self.driver.settings.poll.max(Duration::from_secs(1));
            let pause = pause.saturating_mul(1 << self.holds.min(10)).min(LONGEST_HOLD.max(pause));
            self.holds += 1;
            self.held_until = Some(Instant::now() + pause);
        }
        self.held_until = self.held_until.filter(|until| *until > Instant::now());
        self.held_until.is_some()
    }

    fn held(&self, moved: &Moved) -> WhatNext {
        match self.driver.settings.wait {
            true => WhatNext::Wait(moved.next.into_iter().chain(self.held_until).min()),
            false => WhatNext::End(StopReason::Submitted),
        }
    }

    /// Puts the rows without an answer into new batches, each of which is submitted before the next is filled.
    async fn fill(&mut self, journal: &Journal) -> Result<Option<StopReason>, PipelineError> {
        self.to_fill = false;
        let settings = BatchSettings { max_lines: self.most_lines, ..self.driver.settings };
        let reader = Reader::beside(journal.path())?;
        let plan = self.sender.order.plan;
        let mut filler = Filler::new(self.sender.opened, &reader, settings, plan.first_news)?;
        let mut submitted = 0;
        loop {
            let dispatcher = &*self.sender.dispatcher;
            let prices = &self.prices;
            let affords = |request: &ChatRequest, planned: Reserve| {
                let price = request.price.as_ref().map(|price| prices.of_price(price));
                let worst = dispatcher.worst_in_a_batch(request, price.as_ref());
                dispatcher.affords(planned + worst).map(|()| worst).map_err(|cap| (cap, worst))
            };
            let Some(file) = filler.next(&affords, self.sender.stop)? else { break };
            meet("batch.file.written");
            let order = self.sender.order;
            let address = order.address.to_owned();
            let planned = BatchRecord::planned(file.tag, file.model, address, order.run, clock::now());
            let mut record = BatchRecord {
                lines: file.filling.lines,
                file_bytes: file.filling.bytes,
                file_hash: file.hash,
                window_hours: settings.window_hours,
                ..planned
            };
            record.number = journal.plan_batch(&record, &file.lines)?;
            self.driver.is_new(record.number);
            submitted += u64::from(record.lines);
            self.resync(journal)?;
            let end = self.driver.advance_one(journal, &mut record, self.sender.observer).await?;
            if let StepEnd::Stop(reason) = end {
                return Ok(Some(reason));
            }
            if let Some(reason) = self.asked_to_end() {
                return Ok(Some(reason));
            }
        }
        let OnTheWay { awaited, short, input_changed } = filler.found;
        self.waiting = awaited + submitted;
        self.short = short;
        self.total.input_changed |= input_changed;
        Ok(None)
    }

    /// Why the run is to end, if somebody or the clock says so.
    fn asked_to_end(&mut self) -> Option<StopReason> {
        match *self.sender.stop.borrow() {
            StopLevel::None => self.sender.dispatcher.look_at_the_terms(),
            StopLevel::Drain | StopLevel::Now => Some(StopReason::Interrupted),
        }
    }

    /// Waits until that moment, or until somebody wants something of the run.
    async fn wait(&mut self, until: Option<Instant>) {
        let began = Instant::now();
        let until = until.unwrap_or(began + self.driver.settings.poll);
        let mut stop = self.sender.stop.clone();
        loop {
            let now = Instant::now();
            let is_asked =
                *stop.borrow() != StopLevel::None || self.sender.dispatcher.look_at_the_terms().is_some();
            let cancels = self.sender.dispatcher.is_to_cancel() && !self.driver.cancels;
            if now >= until || is_asked || cancels {
                break;
            }
            let tick = until.min(now + TICK);
            tokio::select! {
                changed = stop.changed() => if changed.is_err() { tokio::time::sleep_until(tick).await },
                () = tokio::time::sleep_until(tick) => {}
            }
        }
        self.sender.dispatcher.has_waited(began.elapsed());
    }
}

/// What a run in batches does next.
enum WhatNext {
    /// It looks again at once.
    Again,
    /// It sends the rest at once.
    Send,
    /// It waits.
    Wait(Option<Instant>),
    /// It ends.
    End(StopReason),
}
