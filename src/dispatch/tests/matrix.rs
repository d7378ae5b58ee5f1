//! The pace against a service in memory, over every way of counting, and many quotas and latencies, with only events at
//! virtual instants.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use tokio::time::Instant;

use super::counting::{Count, Way};
use crate::dispatch::pace::{Pace, ServicePace, Ticket};
use crate::job::limits::{Quota, Quotas};
use crate::outcome::Usage;
use crate::request::Estimate;

/// Tokens of a request on average, where they are counted.
const TOKENS: f64 = 400.0;

/// How long a refusal takes.
const REFUSAL: Duration = Duration::from_millis(40);

/// The maximum requests in flight when the job assumes no quota.
const PLACES: usize = 64;

/// A job and a service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    pub(super) way: Way,
    /// Requests per second that the service admits.
    pub(super) real: f64,
    /// The job's assumption, as a multiple of it.
    pub(super) believed: Option<f64>,
    pub(super) latency: Duration,
    pub(super) lasts: Duration,
    /// When everything is refused for two seconds.
    pub(super) storm: Option<Duration>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
struct Due {
    at: Duration,
    order: usize,
    tokens: Option<u64>,
}

impl Cell {
    fn quotas(&self) -> Quotas {
        let mut quotas = Quotas::default();
        let Some(share) = self.believed else { return quotas };
        let each_second = self.real * share;
        match self.way {
            way if way.counts_tokens() => {
                quotas.tokens_per_minute = Quota::per_minute(each_second * TOKENS * 60.0)
            }
            Way::FixedMinute | Way::SlidingMinute => {
                quotas.requests_per_minute = Quota::per_minute(each_second * 60.0)
            }
            _ => quotas.requests_per_second = Quota::per_second(each_second),
        }
        quotas
    }

    /// Plays the job, and returns the service's count.
    pub(super) fn play(&self) -> Count {
        let amount = if self.way.counts_tokens() { TOKENS } else { 1.0 };
        let mut count = Count::new(self.way, self.real * amount);
        let start = Instant::now();
        let mut pace = Pace::new(self.quotas(), start, &[]);
        let mut service = ServicePace::new(Quotas::default(), start, &[]);
        let estimate =
            Estimate { prompt_tokens: TOKENS as u64 / 2, max_completion_tokens: 8_192, unbounded: false };
        let mut due: BinaryHeap<Reverse<Due>> = BinaryHeap::new();
        let mut tickets: Vec<Ticket> = Vec::new();
        let (mut now, mut dice) = (Duration::ZERO, 0x2545_f491_4f6c_dd1d_u64);
        let places = self.believed.map_or(PLACES, |_| usize::MAX);
        while now < self.lasts {
            let asked = match due.len() < places {
                true => pace
                    .ask(start + now, (&estimate, 1), &mut service)
                    .map_err(|(when, _)| Some(when - start)),
                false => Err(None),
            };
            let until = match asked {
                Ok(ticket) => {
                    let spread = (tickets.len() as u64 * 37 % 101) as f64 / 100.0;
                    let latency = self.latency.mul_f64(0.5 + spread);
                    let tokens = (TOKENS * (0.5 + roll(&mut dice))) as u64;
                    let used = if self.way.counts_tokens() { tokens as f64 } else { 1.0 };
                    let storms =
                        self.storm.is_some_and(|at| (at..at + Duration::from_secs(2)).contains(&now));
                    let let_in = !storms && count.lets_in(now, latency, used);
                    if storms {
                        count.refuse(now);
                    }
                    let at = now + if let_in { latency } else { REFUSAL };
                    due.push(Reverse(Due { at, order: tickets.len(), tokens: let_in.then_some(tokens) }));
                    tickets.push(ticket);
                    continue;
                }
                Err(until) => until,
            };
            match due.peek() {
                Some(Reverse(next)) if until.is_none_or(|until| next.at <= until) => {
                    let next = *next;
                    due.pop();
                    now = now.max(next.at);
                    let ticket = tickets[next.order];
                    match next.tokens {
                        Some(tokens) => {
                            let usage = Usage {
                                prompt_tokens: Some(TOKENS as u64 / 2),
                                completion_tokens: Some(tokens - TOKENS as u64 / 2),
                                total_tokens: Some(tokens),
                                ..Usage::default()
                            };
                            pace.answered(ticket, start + now, (&estimate, 1), &usage, &mut service);
                        }
                        None => {
                            let tokens = self.way.counts_tokens();
                            pace.throttled(ticket, start + now, None, tokens, &mut service);
                        }
                    }
                }
                _ => now = until.expect("something is due"),
            }
        }
        count
    }
}

fn roll(dice: &mut u64) -> f64 {
    *dice ^= *dice << 13;
    *dice ^= *dice >> 7;
    *dice ^= *dice << 17;
    (*dice >> 11) as f64 / (1_u64 << 53) as f64
}

mod cells {
    use super::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// Whether the long list of cells was requested.
    fn is_full() -> bool {
        matches!(std::env::var("FANFOLD_SUITE").as_deref(), Ok("full" | "soak"))
    }

    /// Every way to count requests.
    const WAYS: [Way; 9] = [
        Way::FixedSecond,
        Way::SlidingSecond,
        Way::FixedMinute,
        Way::SlidingMinute,
        Way::Bucket(0.0),
        Way::Bucket(0.1),
        Way::Bucket(1.0),
        Way::Bucket(10.0),
        Way::Bucket(60.0),
    ];

    fn cells(way: Way) -> Vec<Cell> {
        let (reals, latencies): (&[f64], &[u64]) = match is_full() {
            true => (&[1.0, 10.0, 30.0, 200.0, 1_000.0], &[300, 2_000, 20_000]),
            false => (&[1.0, 10.0], &[300, 20_000]),
        };
        let mut cells = Vec::new();
        for real in reals {
            for believed in [Some(0.9), Some(1.0), Some(2.0), Some(4.0), None] {
                for latency in latencies.iter().map(|millis| Duration::from_millis(*millis)) {
                    // Sixty-four places do not carry more than this, whatever the brake does.
                    let carried = PLACES as f64 / latency.as_secs_f64();
                    if believed.is_none() && carried < real * 2.0 {
                        continue;
                    }
                    // Less than one request in a hundred is visible only among some thousands.
                    let lasts = secs(if *real < 10.0 { 3_600 } else { 600 });
                    cells.push(Cell { way, real: *real, believed, latency, lasts, storm: None });
                }
            }
        }
        cells
    }

    #[test]
    fn the_quota_of_requests_is_found_at_once_and_used_however_it_is_counted() {
        for cell in WAYS.into_iter().flat_map(cells) {
            let count = cell.play();
            let (first, after) = (count.used(secs(0), secs(60)), count.used(secs(60), cell.lasts));
            let refused = count.share_refused(secs(60), cell.lasts);
            // A job that assumes less uses less.
            let most = cell.believed.unwrap_or(1.0).min(1.0);
            assert!(first >= 0.85 * most, "{cell:?}: {:.1} % used in the first minute", first * 100.0);
            assert!(after >= 0.95 * most, "{cell:?}: {:.1} % used after it", after * 100.0);
            assert!(refused < 0.01, "{cell:?}: {:.2} % refused after it", refused * 100.0);
        }
    }

    #[test]
    fn a_job_is_back_within_fifteen_seconds_of_a_storm_of_refusals() {
        for way in WAYS {
            for (real, at) in [10.0, 30.0].into_iter().flat_map(|real| [20, 50, 100].map(|at| (real, at))) {
                for believed in [0.9, 1.0] {
                    let end = at + 2;
                    let (latency, storm, lasts) = (secs(2), Some(secs(at)), secs(end + 40));
                    let cell = Cell { way, real, believed: Some(believed), latency, lasts, storm };
                    let used = cell.play().used(secs(end + 15), secs(end + 30));
                    assert!(used >= 0.85 * believed, "{cell:?}: {:.1} % used", used * 100.0);
                }
            }
        }
    }

    /// Ways of counting tokens; a bucket holds at least a few requests.
    const OF_TOKENS: [Way; 5] = [
        Way::TokensAtAdmission,
        Way::TokensAtAnswer,
        Way::TokenBucket(1.0),
        Way::TokenBucket(10.0),
        Way::TokenBucket(60.0),
    ];

    #[test]
    fn the_quota_of_tokens_is_found_at_once_and_used_however_they_are_counted() {
        for way in OF_TOKENS {
            for believed in [0.9, 1.0, 2.0, 4.0] {
                let lasts = secs(if is_full() { 1_200 } else { 600 });
                let latency = Duration::from_millis(300);
                let cell = Cell { way, real: 10.0, believed: Some(believed), latency, lasts, storm: None };
                let count = cell.play();
                let (first, after) = (count.used(secs(0), secs(60)), count.used(secs(60), lasts));
                let refused = count.share_refused(secs(60), lasts);
                let most = believed.min(1.0);
                assert!(first >= 0.85 * most, "{cell:?}: {:.1} % used in the first minute", first * 100.0);
                assert!(after >= 0.95 * most, "{cell:?}: {:.1} % used after it", after * 100.0);
                assert!(refused < 0.01, "{cell:?}: {:.2} % refused after it", refused * 100.0);
            }
            for at in [20, 50, 100] {
                let end = at + 2;
                let (latency, storm, lasts) = (secs(2), Some(secs(at)), secs(end + 40));
                let cell = Cell { way, real: 10.0, believed: Some(1.0), latency, lasts, storm };
                let used = cell.play().used(secs(end + 15), secs(end + 30));
                assert!(used >= 0.85, "{cell:?}: {:.1} % used after the storm", used * 100.0);
            }
        }
    }
}
