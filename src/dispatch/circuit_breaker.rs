//! Whether the service answers anyone, to distinguish an outage from a row in trouble.

use std::time::Duration;

use tokio::time::Instant;

use super::retry::{Dice, ceiling};
use crate::job::Retry;
use crate::outcome::FaultKind;

/// How many faults without an answer between them make an outage, once some time has passed since the last answer.
const EVIDENCE: u32 = 8;

/// How many suspect rows in a row make an outage all the same: rows that failed before while others were answered, or that
/// the API itself rejects. So many poisoned rows are unlikely to be neighbours. This matters at the end of a run, when no
/// other rows are left.
const SUSPECTS: u32 = 32;

/// That time: at hundreds of requests a second, eight faults in a row are not yet an outage.
const SILENCE: Duration = Duration::from_secs(1);

/// The number of tries of answered rows over which the share of failures is measured.
const SAMPLE: f64 = 64.0;

/// The chance up to which a row that fails every try is treated as failing by itself, and the share of failing tries up to
/// which no row is considered unlucky.
const BAD_LUCK: f64 = 1e-6;
const FEW_FAIL: f64 = 0.1;

/// How many attempts without any connection ever show that the address is wrong.
const NEVER_REACHED: u32 = 3;

/// The maximum time between probes, so that a job resumes soon after the service does.
const SLOWEST_PROBE: Duration = Duration::from_secs(8);

/// Watches the answers of all rows together.
#[derive(Debug)]
pub(crate) struct CircuitBreaker {
    retry: Retry,
    /// Counts answers: the faults of one streak have no answer between them.
    streak: u64,
    evidence: u32,
    suspects: u32,
    since: Option<Instant>,
    last_answer: Instant,
    /// The streak of the last outage: its faults count against no row.
    forgiven: Option<u64>,
    ever_reached: bool,
    unreached: u32,
    outage: Option<Outage>,
    /// The share of failed tries among the rows that are answered in the end. Rows that always fail are left out.
    failing: f64,
    /// The same share, measured on rows that had not used up their tries before. The others mostly always fail or were
    /// unlucky: they can lower the share, but not raise it.
    failing_at_most: f64,
}

#[derive(Debug, Clone, Copy)]
struct Outage {
    probes: u32,
    next_probe: Instant,
}

/// A transient fault, as evidence of whether the service is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PassingFault {
    pub kind: FaultKind,
    /// Whether the API itself reported it for this request: then the service is there.
    pub own: bool,
    /// The wait requested by the service.
    pub asked: Option<Duration>,
}

/// The situation of a row in trouble.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation {
    /// No unsent row is left, which could show whether the service answers others.
    pub alone: bool,
    /// It is the last pass.
    pub last: bool,
}

/// What happens to a row in trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is sent again, after at least this long.
    Again(Duration),
    /// It has used up the tries of this pass.
    UsedUp,
    /// The row itself has failed.
    Failed,
    /// It has used up its tries, as any row may while the service fails so many calls: it stays pending.
    BadLuck,
}

/// The tries of one row.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Allowance {
    /// Tries that count: the service answered others meanwhile, or is there and reports the failure.
    charged: u32,
    /// Tries that will count as soon as the service answers anyone.
    uncertain: u32,
    /// The streak of its latest fault.
    streak: Option<u64>,
    /// The streak of an outage that has pardoned this row. Rows that always fail can look like an outage when they are
    /// neighbours; that happens only once, and after the next answer they are recognised.
    pardoned: Option<u64>,
    /// The streak in which this row was counted as a suspect.
    suspected: Option<u64>,
    /// Whether it used up its tries in an earlier pass.
    known: bool,
    /// Whether it was sent once more after its tries, after a long wait.
    once_more: bool,
    /// Faults in a row, except those of an outage.
    faults: u32,
}

impl Allowance {
    /// The allowance of a row with tries from earlier passes and runs. A row that has used up all of them starts again and
    /// is marked as known, so that a few such rows at the end do not look like an outage.
    pub(crate) fn of_earlier(tries: u32, max_attempts: u32) -> Self {
        let known = tries >= max_attempts;
        let charged = if known { 0 } else { tries };
        Self { charged, known, faults: charged, ..Self::default() }
    }

    /// Counts a try.
    pub(crate) fn charge(&mut self) {
        self.charged += 1;
    }

    /// Tries that count.
    pub(crate) fn tries(&self) -> u32 {
        self.charged
    }

    /// All tries so far, including uncertain ones, which determine the backoff.
    pub(crate) fn failures(&self) -> u32 {
        self.faults
    }
}

impl CircuitBreaker {
    /// A service of which only one thing is known: whether it was ever reached.
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

    /// The run was paused for this long: the silence was its own.
    pub(crate) fn was_paused(&mut self, span: Duration) {
        self.last_answer += span;
        self.since = self.since.map(|since| since + span);
    }

    /// A row was answered, at any try.
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

    /// A row was answered, or rejected itself: the service is there. Returns whether that ended an outage.
    pub(crate) fn answered(&mut self, now: Instant) -> bool {
        self.streak += 1;
        self.evidence = 0;
        self.suspects = 0;
        self.since = None;
        self.last_answer = now;
        self.ever_reached = true;
        self.outage.take().is_some()
    }

    /// The service throttled a request: it is there, but answered nobody. Returns whether that ended an outage.
    pub(crate) fn throttled(&mut self, now: Instant) -> bool {
        self.ever_reached = true;
        self.since.get_or_insert(now);
        self.outage.take().is_some()
    }

    /// Decides about a row that met a transient fault.
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
            // The API rejects this row, and no other is left to be answered.
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

    /// Records a fault: against the row, or as evidence of an outage.
    fn note(&mut self, own: bool, connected: bool, allowance: &mut Allowance) {
        allowance.faults += 1;
        // A row that failed while others were answered no longer proves anything about the others, as long as it can
        // connect to a service.
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

    /// What happens to a row after a fault. `own`: the API itself reported it; `in_silence`: nobody was answered since the
    /// row's previous fault.
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
            let had_once_more = std::mem::replace(&mut allowance.once_more, true);
            let longest = self.retry.max_backoff.min(self.retry.max_outage / 2);
            return if had_once_more && alone { Fate::Failed } else { Fate::Again(longest) };
        }
        match used_up {
            true => Fate::UsedUp,
            // Its fault may be an outage of the service, with no other row there to be answered.
            false if known && in_silence => {
                Fate::Again(self.long_silence() / (self.retry.max_attempts - 1).max(1))
            }
            false => Fate::Again(Duration::ZERO),
        }
    }

    /// The silence after which the only row left is considered its cause: the longest time its tries could take (six
    /// minutes by default), and not the whole patience of the job.
    fn long_silence(&self) -> Duration {
        self.retry.max_backoff.saturating_mul(self.retry.max_attempts).min(self.retry.max_outage / 2)
    }

    /// How long a row of the last pass waits during a brown-out: its waits keep doubling, so that its remaining tries
    /// outlast an hour of it.
    fn wait_for_better_luck(&self, allowance: &Allowance, dice: &mut Dice) -> Duration {
        let doublings = self.retry.max_attempts.saturating_add(allowance.charged).min(30);
        let longest = self.retry.initial_backoff.saturating_mul(1 << doublings).min(self.retry.max_outage);
        longest.mul_f64(0.5 + dice() / 2.0)
    }

    /// Whether the service fails so many calls that any row can fail all its tries in two passes.
    fn browns_out(&self) -> bool {
        self.fails_by_chance(self.retry.max_attempts.saturating_mul(2))
    }

    /// Whether all tries of a row so far can have failed by chance.
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

    /// Decides about a row after its wait: its tries count if others were answered meanwhile.
    pub(crate) fn waited(&self, allowance: &mut Allowance, last: bool) -> Fate {
        let heard = allowance.streak != Some(self.streak);
        self.settle(allowance);
        match heard && self.is_used_up(allowance) {
            false => Fate::Again(Duration::ZERO),
            true => self.end_of_tries(last),
        }
    }

    /// Decides about a row that has used up its tries in a pass.
    fn end_of_tries(&self, last: bool) -> Fate {
        match last {
            false => Fate::UsedUp,
            true if self.browns_out() => Fate::BadLuck,
            true => Fate::Failed,
        }
    }

    /// Makes a row's uncertain tries count, or drops them if they belong to an outage.
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

    /// When a continuing silence exceeds the job's patience.
    pub(crate) fn patience_ends(&self) -> Option<Instant> {
        self.since.map(|since| since + self.retry.max_outage)
    }

    /// Whether to report that the address was never reached.
    pub(crate) fn was_never_reached(&self) -> bool {
        !self.ever_reached && self.unreached >= NEVER_REACHED
    }
}

#[cfg(test)]
mod tests;
