//! Whether the service answers anybody: the difference between a row in trouble and an outage.

use std::time::Duration;

use tokio::time::Instant;

use super::retry::{Dice, ceiling};
use crate::job::Retry;
use crate::outcome::FaultKind;

/// Faults without an answer between them that make an outage, once a moment has passed since the last answer.
const EVIDENCE: u32 = 8;

/// Rows that failed before while others were answered, or that the API itself speaks of, failing one after another without an
/// answer between them, that make an outage all the same: so many poisoned rows do not stand side by side. It is for the
/// end of a run, when no other rows are left.
const SUSPECTS: u32 = 32;

/// The moment: at hundreds of requests a second eight faults in a row are no outage yet.
const SILENCE: Duration = Duration::from_secs(1);

/// Tries of rows that were answered, over which it is counted how many of them failed before.
const SAMPLE: f64 = 64.0;

/// The chance at which a row that fails every try is still thought to be out of luck, and the share of failing tries up to
/// which none is.
const BAD_LUCK: f64 = 1e-6;
const FEW_FAIL: f64 = 0.1;

/// Attempts without any connection, before there ever was one, after which the address is taken to be wrong.
const NEVER_REACHED: u32 = 3;

/// Probes go out at least this often, so that a job is back soon after the service is.
const SLOWEST_PROBE: Duration = Duration::from_secs(8);

/// Watches over the answers of all rows together.
#[derive(Debug)]
pub(crate) struct CircuitBreaker {
    retry: Retry,
    /// Counts answers: faults of one streak have had no answer between them.
    streak: u64,
    evidence: u32,
    suspects: u32,
    since: Option<Instant>,
    last_answer: Instant,
    /// The streak of the last outage: what failed in it is held against no row.
    forgiven: Option<u64>,
    ever_reached: bool,
    unreached: u32,
    outage: Option<Outage>,
    /// Of the tries of rows that are answered in the end, the share that failed. Rows that always fail have no part in it.
    failing: f64,
    /// That share by the rows that had not used up their tries before. The others are mostly rows that always fail, or were
    /// out of luck: they show that it falls, and not that it rises.
    failing_at_most: f64,
}

#[derive(Debug, Clone, Copy)]
struct Outage {
    probes: u32,
    next_probe: Instant,
}

/// A fault that passes, as far as it says whether anybody is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PassingFault {
    /// What kind of fault it is.
    pub kind: FaultKind,
    /// Whether the API has written it about this request: somebody is there.
    pub own: bool,
    /// The wait that the service asks for.
    pub asked: Option<Duration>,
}

/// Where a row stands that meets trouble.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation {
    /// No row is left that was never sent: nobody new can show whether the service answers others.
    pub alone: bool,
    /// It is the last pass.
    pub last: bool,
}

/// What becomes of a row that met trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is sent again, after this long at the earliest.
    Again(Duration),
    /// It has used up the tries of this pass.
    UsedUp,
    /// The failure is its own.
    Failed,
    /// It has used up its tries, and so may any row while the service fails so many calls: it stays pending.
    BadLuck,
}

/// The tries of one row.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Allowance {
    /// Tries that count: the service answered others meanwhile, or is there and says that it fails.
    charged: u32,
    /// Tries that count as soon as the service answers anybody.
    uncertain: u32,
    /// The streak of its latest fault.
    streak: Option<u64>,
    /// The streak of an outage that has forgiven this row. Rows that always fail can look like an outage when they
    /// stand side by side; they do so once, and after the next answer are known for what they are.
    pardoned: Option<u64>,
    /// The streak in which this row was counted among those that fail one after another.
    suspected: Option<u64>,
    /// Whether it used up its tries in a pass before this one.
    known: bool,
    /// Whether it was sent once more after its tries, with a long wait before.
    once_more: bool,
    /// Faults in a row, but for those of an outage.
    faults: u32,
}

impl Allowance {
    /// Of a row that comes with so many tries from earlier passes and runs. One that has used up all begins anew, and is
    /// known for it, so that a few such rows at the end are not taken for an outage.
    pub(crate) fn of_earlier(tries: u32, max_attempts: u32) -> Self {
        let known = tries >= max_attempts;
        let charged = if known { 0 } else { tries };
        Self { charged, known, faults: charged, ..Self::default() }
    }

    /// Tries that count.
    pub(crate) fn tries(&self) -> u32 {
        self.charged
    }

    /// Tries so far, the uncertain ones too: what the backoff grows with.
    pub(crate) fn failures(&self) -> u32 {
        self.faults
    }
}

impl CircuitBreaker {
    /// A service of which nothing is known yet but whether it was ever there.
    pub(crate) fn new(retry: Retry, now: Instant, ever_reached: bool) -> Self {
        Self {
            retry,
            streak: 0,
            evidence: 0,
            suspects: 0,
            since: None,
            last_answer: now,
            forgiven: None,
            ever_reached,
            unreached: 0,
            outage: None,
            failing: 0.0,
            failing_at_most: 0.0,
        }
    }

    /// The run was told to send nothing for so long: the silence was its own.
    pub(crate) fn was_paused(&mut self, span: Duration) {
        self.last_answer += span;
        self.since = self.since.map(|since| since + span);
    }

    /// A row was answered, at whichever try.
    pub(crate) fn served(&mut self, allowance: &Allowance) {
        if allowance.known {
            return self.failing -= self.failing / SAMPLE;
        }
        for _ in 0..allowance.faults.min(self.retry.max_attempts) {
            self.failing += (1.0 - self.failing) / SAMPLE;
        }
        self.failing -= self.failing / SAMPLE;
        self.failing_at_most = self.failing;
    }

    /// Somebody was answered, or refused by name: the service is there. Says whether that ended an outage.
    pub(crate) fn answered(&mut self, now: Instant) -> bool {
        self.streak += 1;
        self.evidence = 0;
        self.suspects = 0;
        self.since = None;
        self.last_answer = now;
        self.ever_reached = true;
        self.outage.take().is_some()
    }

    /// The service asked to slow down: it is there, but answered nobody. Says whether that ended an outage.
    pub(crate) fn throttled(&mut self, now: Instant) -> bool {
        self.ever_reached = true;
        self.since.get_or_insert(now);
        self.outage.take().is_some()
    }

    /// A row met a fault that passes: says what becomes of it.
    pub(crate) fn faulted(
        &mut self,
        now: Instant,
        trouble: PassingFault,
        place: Situation,
        allowance: &mut Allowance,
        dice: &mut Dice,
    ) -> Fate {
        let in_silence = allowance.streak.is_none_or(|streak| streak == self.streak);
        self.settle(allowance);
        if allowance.known {
            self.failing = (self.failing + (1.0 - self.failing) / SAMPLE).min(self.failing_at_most);
        }
        let connected = trouble.kind != FaultKind::Unreachable;
        self.ever_reached |= connected;
        self.unreached = if connected { 0 } else { self.unreached + 1 };
        let alone = trouble.own && (place.alone || (place.last && allowance.known));
        if alone && allowance.suspected != Some(self.streak) {
            self.suspects += 1;
            allowance.suspected = Some(self.streak);
        }
        if alone && self.suspects < SUSPECTS {
            // Somebody is there and speaks of this row, and no other is left to be answered.
            (self.since, self.outage) = (None, None);
            allowance.charged += 1 + std::mem::take(&mut allowance.uncertain);
            allowance.faults += 1;
            return self.fate(trouble.own, in_silence, place, allowance, dice);
        }
        self.since.get_or_insert(now);
        if self.outage.is_none() {
            self.note(trouble.own, connected, allowance);
            let enough = self.evidence >= EVIDENCE || self.suspects >= SUSPECTS;
            if !enough || now.duration_since(self.last_answer) < SILENCE {
                return self.fate(trouble.own, in_silence && connected, place, allowance, dice);
            }
            self.outage = Some(Outage { probes: 0, next_probe: now });
            self.forgiven = Some(self.streak);
            self.settle(allowance);
        }
        self.plan_probe(now, trouble.asked, dice);
        Fate::Again(Duration::ZERO)
    }

    /// Notes a fault: against the row, or as evidence of an outage.
    fn note(&mut self, own: bool, connected: bool, allowance: &mut Allowance) {
        allowance.faults += 1;
        // A row that failed while others were answered proves nothing about the others any more, as long as there is
        // a service at the other end of its connection.
        let pardoned_before = allowance.pardoned.is_some_and(|streak| streak < self.streak);
        if !connected || !(allowance.known || allowance.charged > 0 || pardoned_before) {
            allowance.uncertain += 1;
            self.evidence += 1;
            return;
        }
        if !own && allowance.suspected != Some(self.streak) {
            self.suspects += 1;
            allowance.suspected = Some(self.streak);
        }
        allowance.charged += u32::from(self.suspects < SUSPECTS);
    }

    /// What becomes of a row after a fault. `own`: the API itself has written it; `in_silence`: nobody was answered since the
    /// row's fault before.
    fn fate(
        &self,
        own: bool,
        in_silence: bool,
        place: Situation,
        allowance: &mut Allowance,
        dice: &mut Dice,
    ) -> Fate {
        let used_up = self.is_used_up(allowance);
        let known = place.last && allowance.known;
        if used_up && place.last {
            return self.end_of_tries(true);
        }
        if self.may_be_bad_luck(allowance) {
            return match used_up {
                true => Fate::UsedUp,
                false if known && self.browns_out() => {
                    Fate::Again(self.wait_for_better_luck(allowance, dice))
                }
                false => Fate::Again(Duration::ZERO),
            };
        }
        let alone = place.alone || known;
        let all_tries = allowance.charged + allowance.uncertain >= self.retry.max_attempts;
        let is_last_word = if alone { used_up || known } else { all_tries && !used_up };
        if own && in_silence && is_last_word {
            let told = std::mem::replace(&mut allowance.once_more, true);
            let longest = self.retry.max_backoff.min(self.retry.max_outage / 2);
            return if told && alone { Fate::Failed } else { Fate::Again(longest) };
        }
        match used_up {
            true => Fate::UsedUp,
            // What it meets may be an outage of the service, with nobody else there to be answered.
            false if known && in_silence => {
                Fate::Again(self.long_silence() / (self.retry.max_attempts - 1).max(1))
            }
            false => Fate::Again(Duration::ZERO),
        }
    }

    /// The silence after which a row that is left alone is taken for the cause of it: what its tries could take altogether
    /// (six minutes by default), and not the whole of the job's patience.
    fn long_silence(&self) -> Duration {
        self.retry.max_backoff.saturating_mul(self.retry.max_attempts).min(self.retry.max_outage / 2)
    }

    /// How long a row of the last pass waits while the service browns out: its waits keep doubling, so that what tries it
    /// has left see the end of an hour of it.
    fn wait_for_better_luck(&self, allowance: &Allowance, dice: &mut Dice) -> Duration {
        let doublings = self.retry.max_attempts.saturating_add(allowance.charged).min(30);
        let longest = self.retry.initial_backoff.saturating_mul(1 << doublings).min(self.retry.max_outage);
        longest.mul_f64(0.5 + dice() / 2.0)
    }

    /// Whether the service fails so many calls that any row can fail all that it is given in two passes.
    fn browns_out(&self) -> bool {
        self.fails_by_chance(self.retry.max_attempts.saturating_mul(2))
    }

    /// Whether the tries of a row so far can all have failed by chance.
    fn may_be_bad_luck(&self, allowance: &Allowance) -> bool {
        let before = if allowance.known { self.retry.max_attempts } else { 0 };
        self.fails_by_chance(before + allowance.charged + allowance.uncertain)
    }

    fn fails_by_chance(&self, tries: u32) -> bool {
        self.failing > FEW_FAIL && self.failing.powi(tries.min(1_000) as i32) > BAD_LUCK
    }

    /// Whether a row has used up its tries.
    fn is_used_up(&self, allowance: &Allowance) -> bool {
        allowance.charged >= self.retry.max_attempts
    }

    /// What becomes of a row that has waited: its tries count if others were answered meanwhile.
    pub(crate) fn waited(&self, allowance: &mut Allowance, last: bool) -> Fate {
        let heard = allowance.streak != Some(self.streak);
        self.settle(allowance);
        match heard && self.is_used_up(allowance) {
            false => Fate::Again(Duration::ZERO),
            true => self.end_of_tries(last),
        }
    }

    /// What becomes of a row that has used up its tries in a pass.
    fn end_of_tries(&self, last: bool) -> Fate {
        match last {
            false => Fate::UsedUp,
            true if self.browns_out() => Fate::BadLuck,
            true => Fate::Failed,
        }
    }

    /// Turns a row's uncertain tries into ones that count, or forgets them if they belong to an outage.
    pub(crate) fn settle(&self, allowance: &mut Allowance) {
        if self.forgiven.is_some() && self.forgiven == allowance.streak && allowance.uncertain > 0 {
            allowance.faults = allowance.faults.saturating_sub(allowance.uncertain);
            allowance.uncertain = 0;
            allowance.pardoned = self.forgiven;
        }
        if allowance.streak != Some(self.streak) {
            allowance.charged += std::mem::take(&mut allowance.uncertain);
            allowance.streak = Some(self.streak);
        }
    }

    fn plan_probe(&mut self, now: Instant, asked: Option<Duration>, dice: &mut Dice) {
        if let Some(outage) = &mut self.outage {
            outage.probes += 1;
            let longest = ceiling(&self.retry, outage.probes).min(SLOWEST_PROBE);
            outage.next_probe = now + longest.mul_f64(0.5 + dice() / 2.0).max(asked.unwrap_or_default());
        }
    }

    /// When the next probe of an outage may go out.
    pub(crate) fn next_probe(&self) -> Option<Instant> {
        self.outage.map(|outage| outage.next_probe)
    }

    /// When a silence that goes on becomes too long for the job.
    pub(crate) fn patience_ends(&self) -> Option<Instant> {
        self.since.map(|since| since + self.retry.max_outage)
    }

    /// Whether it is time to say that nobody was ever reached at this address.
    pub(crate) fn was_never_reached(&self) -> bool {
        !self.ever_reached && self.unreached >= NEVER_REACHED
    }
}

#[cfg(test)]
mod tests;
