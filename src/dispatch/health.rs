//! Whether the service answers anybody: the difference between a row in trouble and an outage.

use std::time::Duration;

use tokio::time::Instant;

use super::retry::{Dice, ceiling};
use crate::job::Retry;
use crate::outcome::FaultKind;

/// Faults without an answer between them that make an outage, once a moment has passed since the last answer.
const EVIDENCE: u32 = 8;

/// Rows that failed before while others were answered, failing one after another without an answer between them, that
/// make an outage all the same: so many poisoned rows do not stand side by side. It is for the end of a run, when no
/// other rows are left.
const SUSPECTS: u32 = 32;

/// The moment: at hundreds of requests a second eight faults in a row are no outage yet.
const SILENCE: Duration = Duration::from_secs(1);

/// Ends of fresh rows over which it is counted how many fail.
const SAMPLE: f64 = 64.0;

/// A share of failing rows up to which each try of a row counts in full. Where more fail, a try says less: six tries that
/// fail are one in a million where one in ten does, and one in 64 where half of them do.
const USUAL_SHARE: f64 = 0.1;

/// The least that a try counts.
const LEAST_WEIGHT: f64 = 0.1;

/// Attempts without any connection, before there ever was one, after which the address is taken to be wrong.
const NEVER_REACHED: u32 = 3;

/// Probes go out at least this often, so that a job is back soon after the service is.
const SLOWEST_PROBE: Duration = Duration::from_secs(8);

/// Watches over the answers of all rows together.
#[derive(Debug)]
pub(crate) struct Health {
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
    /// The share of rows that fail when they are sent for the first time.
    failing: f64,
}

#[derive(Debug, Clone, Copy)]
struct Outage {
    probes: u32,
    next_probe: Instant,
}

/// What the tries of one row are worth.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Allowance {
    /// Tries that count: the service answered others meanwhile. A try is less than one while it fails many others.
    charged: f64,
    /// Tries that count as soon as the service answers anybody.
    provisional: u32,
    /// Tries that count if the silence goes on for long.
    idle: u32,
    streak: u64,
    /// The streak of an outage that has forgiven this row. Rows that always fail can look like an outage when they
    /// stand side by side; they do so once, and after the next answer are known for what they are.
    pardoned: Option<u64>,
    /// The streak in which this row was counted among those that fail one after another.
    suspected: Option<u64>,
    /// Faults in a row, but for those of an outage.
    faults: u32,
}

impl Allowance {
    /// An allowance of which some tries were used up in an earlier run.
    pub(crate) fn used(charged: u32) -> Self {
        Self { charged: f64::from(charged), faults: charged, ..Self::default() }
    }

    /// Tries that count, in whole ones.
    pub(crate) fn tries(&self) -> u32 {
        // What is all but a whole one, after sums of parts, is one.
        (self.charged + 1e-6) as u32
    }

    /// Tries so far, the uncertain ones too: what the backoff grows with.
    pub(crate) fn failures(&self) -> u32 {
        self.faults
    }

    /// Whether the row met no fault so far: what becomes of it says how the service does.
    fn is_fresh(&self) -> bool {
        self.faults == 0 && self.pardoned.is_none()
    }
}

impl Health {
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
        }
    }

    /// The run was told to send nothing for so long: the silence was its own.
    pub(crate) fn was_paused(&mut self, span: Duration) {
        self.last_answer += span;
        self.since = self.since.map(|since| since + span);
    }

    /// A row was answered, at whichever try.
    pub(crate) fn served(&mut self, allowance: &Allowance) {
        if allowance.is_fresh() {
            self.failing -= self.failing / SAMPLE;
        }
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

    /// A row met a fault that passes, perhaps with a wait that the service asks for. The row's tries are charged as
    /// far as the service answered others.
    pub(crate) fn faulted(
        &mut self,
        now: Instant,
        kind: FaultKind,
        asked: Option<Duration>,
        allowance: &mut Allowance,
        dice: &mut Dice,
    ) {
        self.settle(allowance);
        self.since.get_or_insert(now);
        let connected = kind != FaultKind::Unreachable;
        self.ever_reached |= connected;
        self.unreached = if connected { 0 } else { self.unreached + 1 };
        if self.outage.is_some() {
            return self.plan_probe(now, asked, dice);
        }
        if allowance.is_fresh() {
            self.failing += (1.0 - self.failing) / SAMPLE;
        }
        allowance.faults += 1;
        // A row that failed while others were answered proves nothing about the others any more, as long as there is
        // a service at the other end of its connection.
        let pardoned_before = allowance.pardoned.is_some_and(|streak| streak < self.streak);
        if (allowance.charged > 0.0 || pardoned_before) && connected {
            let first = allowance.suspected != Some(self.streak);
            self.suspects += u32::from(first);
            allowance.suspected = Some(self.streak);
            if self.suspects < SUSPECTS {
                self.charge(now, first, allowance);
                return;
            }
        } else {
            allowance.provisional += 1;
            self.evidence += 1;
        }
        let enough = self.evidence >= EVIDENCE || self.suspects >= SUSPECTS;
        if enough && now.duration_since(self.last_answer) >= SILENCE {
            self.outage = Some(Outage { probes: 0, next_probe: now });
            self.forgiven = Some(self.streak);
            self.plan_probe(now, asked, dice);
            self.settle(allowance);
        }
    }

    /// Charges a row that is known to fail while others do not with a try. Between two answers it is charged once: with
    /// nobody else there to be answered, its further faults may be an outage of the service, until that has lasted for longer
    /// than one that a job is to outlive.
    fn charge(&self, now: Instant, first: bool, allowance: &mut Allowance) {
        let silence = self.since.map_or(Duration::ZERO, |since| now.duration_since(since));
        allowance.idle += u32::from(!first);
        if first {
            allowance.charged += self.weight();
        }
        if silence >= self.long_silence() {
            allowance.charged += f64::from(std::mem::take(&mut allowance.idle));
        }
    }

    /// The silence after which a row that is left alone is taken for the cause of it: what its tries could take altogether
    /// (six minutes by default), and not the whole of the job's patience.
    fn long_silence(&self) -> Duration {
        self.retry.max_backoff.saturating_mul(self.retry.max_attempts).min(self.retry.max_outage / 2)
    }

    /// What a try of a row counts, while so many others fail as well.
    fn weight(&self) -> f64 {
        let told = self.failing.max(f64::MIN_POSITIVE).log10() / USUAL_SHARE.log10();
        told.clamp(LEAST_WEIGHT, 1.0)
    }

    /// Whether a row has used up its tries.
    pub(crate) fn is_used_up(&self, allowance: &Allowance) -> bool {
        allowance.tries() >= self.retry.max_attempts
    }

    /// Turns a row's uncertain tries into one that counts, or forgets them if they belong to an outage.
    pub(crate) fn settle(&self, allowance: &mut Allowance) {
        if self.forgiven == Some(allowance.streak) && allowance.provisional > 0 {
            allowance.faults = allowance.faults.saturating_sub(allowance.provisional);
            allowance.provisional = 0;
            allowance.pardoned = self.forgiven;
        }
        if allowance.streak != self.streak {
            if allowance.provisional > 0 {
                allowance.charged += self.weight();
            }
            (allowance.provisional, allowance.idle) = (0, 0);
            allowance.streak = self.streak;
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
