//! The plan of a seed: a job, the behaviour of its service, and what happens to its runs.

use std::time::Duration;

use super::draw::{Draw, mixed};
use crate::job::limits::{Caps, Concurrency, Quota, Quotas};
use crate::request::Estimate;

/// The job, its service, and what goes wrong.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) rows: u64,
    pub(super) quotas: Quotas,
    pub(super) concurrency: Concurrency,
    pub(super) caps: Caps,
    pub(super) max_outage: Duration,
    /// The estimated usage of a request, which is never exceeded.
    pub(super) estimate: Estimate,
    /// The prompt and completion tokens of each answer; the prompt of a large row has more.
    pub(super) usage: (u64, u64),
    /// Rows that are larger than the others.
    pub(super) large: Option<Large>,
    /// How long an answer takes, more or less.
    pub(super) latency: Duration,
    /// How long a commit takes.
    pub(super) commit: Duration,
    /// Requests that the service accepts in a second, whatever the job assumes.
    pub(super) takes: Option<u64>,
    pub(super) poison: Option<Poison>,
    pub(super) clusters: Vec<Cluster>,
    /// What happens to the first runs, and the pause before the next. Later runs are undisturbed.
    pub(super) mishaps: Vec<(Mishap, Duration)>,
}

/// Rows that can never be answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Poison {
    /// One row in this many.
    pub(super) one_of: u64,
    pub(super) ill: Ill,
}

/// Rows with much larger prompts than the others, in both estimated and actual usage.
#[derive(Debug, Clone, Copy)]
pub(super) struct Large {
    /// One row in this many.
    one_of: u64,
    times: u64,
}

/// What is wrong with such a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ill {
    /// It is refused by name.
    Refused,
    /// The service breaks on it each time. Such rows are few, or they would be indistinguishable from an outage.
    Breaks,
    /// The answer is useless.
    Useless,
}

/// A fault that lasts for a while.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cluster {
    pub(super) what: What,
    pub(super) from: Duration,
    pub(super) to: Duration,
    /// One row in this many; 1 means all.
    pub(super) one_of: u64,
}

impl Cluster {
    /// Whether nobody is answered meanwhile.
    fn is_outage(&self) -> bool {
        let silent = matches!(self.what, What::Breaks | What::Refuses | What::Resets | What::Hangs);
        silent && self.one_of == 1
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum What {
    Breaks,
    Refuses,
    Resets,
    Hangs,
    Throttles(Option<Duration>),
    Slow(u32),
    Cuts,
    Useless,
    UsageUnsaid,
    Arrears,
}

/// What happens to a run.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mishap {
    Nothing,
    /// `kill -9` at the n-th occurrence of this step.
    KilledAt(Step, u64),
    /// `kill -9` after a time.
    KilledAfter(Duration),
    /// It is asked to let requests in flight finish.
    Drained(Duration),
    /// It is asked to stop at once.
    Stopped(Duration),
    /// Its journal can be written only this many times.
    DiskFull(u64),
}

/// Where a run can die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Send,
    Write,
    Commit,
}

/// The maximum number of faults against a single row: one with more may well run out of tries.
pub(super) const HITS: u32 = 3;

impl Plan {
    pub(super) fn of(seed: u64) -> Self {
        let draw = &mut Draw::new(mixed(seed ^ 0x5eed));
        let rows = draw.among(1..160);
        let usage = (draw.among(20..400), draw.among(1..400));
        let estimate = Estimate {
            prompt_tokens: usage.0 + draw.among(0..200),
            max_completion_tokens: usage.1 + draw.one_of(&[0, 100, 3_000]),
            unbounded: false,
        };
        // From a separate stream, so that the plans of seeds do not change.
        let large = large(&mut Draw::new(mixed(seed ^ 0x1a26e)));
        let times = large.map_or(1, |large| large.times);
        let most = times as f64 * (estimate.prompt_tokens + estimate.max_completion_tokens.max(500)) as f64;
        let poison = draw.chance(0.4).then(|| poison(draw, rows));
        // A job that sends a few requests a minute must wait until it has tried other rows than those that break.
        let patience: &[u64] = match poison {
            Some(Poison { ill: Ill::Breaks, .. }) => &[1_800],
            _ => &[60, 300, 1_800],
        };
        Self {
            seed,
            rows,
            quotas: Quotas {
                requests_per_second: draw.maybe(|draw| draw.among(1..60) as f64).and_then(Quota::per_second),
                requests_per_minute: draw
                    .maybe(|draw| draw.one_of(&[12.0, 60.0, 300.0, 2_000.0]))
                    .and_then(Quota::per_minute),
                tokens_per_minute: draw
                    .maybe(|draw| most * draw.one_of(&[3.0, 10.0, 30.0, 200.0]))
                    .and_then(Quota::per_minute),
            },
            concurrency: draw
                .maybe(|draw| draw.among(1..60) as usize)
                .map_or(Concurrency::Auto, Concurrency::Fixed),
            caps: caps(draw, rows, usage),
            max_outage: Duration::from_secs(draw.one_of(patience)),
            estimate,
            usage,
            large,
            latency: draw.one_of(&[20, 300, 2_000, 15_000].map(Duration::from_millis)),
            commit: draw.one_of(&[0, 5, 60, 400].map(Duration::from_millis)),
            takes: draw.chance(0.2).then(|| draw.among(1..20)),
            poison,
            clusters: clusters(draw),
            mishaps: mishaps(draw, rows),
        }
    }

    /// What is wrong with a row.
    pub(super) fn ill(&self, position: u64) -> Option<Ill> {
        let poison = self.poison.filter(|poison| self.lot(position, 99).is_multiple_of(poison.one_of));
        poison.map(|poison| poison.ill)
    }

    /// When all faults have ended.
    pub(super) fn lifted(&self) -> Duration {
        self.clusters.iter().map(|cluster| cluster.to).max().unwrap_or_default()
    }

    /// A row's own draw.
    pub(super) fn lot(&self, position: u64, about: u64) -> u64 {
        mixed(mixed(self.seed ^ mixed(about)) ^ position)
    }

    fn times(&self, position: u64) -> u64 {
        let large = self.large.filter(|large| self.lot(position, 98).is_multiple_of(large.one_of));
        large.map_or(1, |large| large.times)
    }

    /// The prompt and completion tokens of a row's answer.
    pub(super) fn usage_of(&self, position: u64) -> (u64, u64) {
        (self.usage.0 * self.times(position), self.usage.1)
    }

    pub(super) fn tokens_of(&self, position: u64) -> u64 {
        let (prompt, completion) = self.usage_of(position);
        prompt + completion
    }

    /// The estimated usage of a row's request.
    pub(super) fn estimate_of(&self, position: u64) -> Estimate {
        let prompt_tokens = self.estimate.prompt_tokens * self.times(position);
        Estimate { prompt_tokens, ..self.estimate }
    }

    pub(super) fn timeout(&self) -> Duration {
        crate::job::Retry::default().timeout
    }
}

fn caps(draw: &mut Draw, rows: u64, usage: (u64, u64)) -> Caps {
    let share = 0.2 + draw.roll();
    let tokens = (usage.0 + usage.1) * rows;
    let cost = super::endpoint::price().worst_case(usage.0 * rows, usage.1 * rows, false);
    match draw.among(0..5) {
        0 => Caps { total_tokens: Some((tokens as f64 * share) as u64), ..Caps::default() },
        1 => Caps { cost: Some(cost * share), ..Caps::default() },
        _ => Caps::default(),
    }
}

fn large(draw: &mut Draw) -> Option<Large> {
    draw.chance(0.3).then(|| Large { one_of: draw.among(2..8), times: draw.one_of(&[5, 100, 3_000]) })
}

fn poison(draw: &mut Draw, rows: u64) -> Poison {
    match draw.one_of(&[Ill::Refused, Ill::Breaks, Ill::Useless]) {
        Ill::Breaks => Poison { one_of: (rows / 3).max(2), ill: Ill::Breaks },
        ill => Poison { one_of: draw.among(2..30), ill },
    }
}

/// During an outage nobody is answered: an outage has priority over all other faults of a row.
fn clusters(draw: &mut Draw) -> Vec<Cluster> {
    let mut clusters: Vec<Cluster> = (0..draw.among(0..7)).map(|_| cluster(draw)).collect();
    clusters.sort_by_key(|cluster| !cluster.is_outage());
    clusters
}

fn cluster(draw: &mut Draw) -> Cluster {
    let from = draw.one_of(&[Duration::ZERO, draw.clone().millis(0..120_000)]);
    let throttles = draw.maybe(|draw| draw.millis(0..90_000));
    let slower = draw.among(2..15) as u32;
    let what = draw.one_of(&[
        What::Breaks,
        What::Breaks,
        What::Refuses,
        What::Resets,
        What::Hangs,
        What::Throttles(throttles),
        What::Throttles(None),
        What::Slow(slower),
        What::Cuts,
        What::Useless,
        What::UsageUnsaid,
        What::Arrears,
    ]);
    let may_hit_all = !matches!(what, What::Cuts | What::Useless);
    let all = may_hit_all && draw.chance(0.6);
    let length = draw.one_of(&[2_000, 30_000, 300_000, 1_500_000].map(Duration::from_millis));
    let to = from + length.mul_f64(0.5 + draw.roll() / 2.0);
    Cluster { what, from, to, one_of: if all { 1 } else { draw.among(2..12) } }
}

/// What happens to the first runs; occasionally a killed run is followed by one that dies as it begins.
fn mishaps(draw: &mut Draw, rows: u64) -> Vec<(Mishap, Duration)> {
    let mut mishaps = Vec::new();
    for _ in 0..draw.among(0..6) {
        mishaps.push((mishap(draw, rows), pause(draw)));
        if draw.chance(0.3) {
            let step = draw.one_of(&[Step::Send, Step::Write, Step::Commit]);
            mishaps.push((Mishap::KilledAt(step, 1), pause(draw)));
        }
    }
    mishaps
}

fn mishap(draw: &mut Draw, rows: u64) -> Mishap {
    let time = draw.one_of(&[1_000, 20_000, 200_000, 2_000_000]);
    let time = draw.millis(0..time);
    match draw.among(0..10) {
        0 => Mishap::Nothing,
        1 => Mishap::Drained(time),
        2 => Mishap::Stopped(time),
        3 => Mishap::DiskFull(draw.among(1..rows * 3 + 2)),
        4..7 => Mishap::KilledAfter(time),
        _ => {
            let step = draw.one_of(&[Step::Send, Step::Write, Step::Commit]);
            Mishap::KilledAt(step, draw.among(1..rows * 2 + 2))
        }
    }
}

fn pause(draw: &mut Draw) -> Duration {
    Duration::from_millis(draw.one_of(&[0, 0, 200, 1_000, 3_000, 20_000, 59_000, 61_000, 600_000]))
}
