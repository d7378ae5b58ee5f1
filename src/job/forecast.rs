//! When a run will end, judging by its limits, its schedule and its present rate. Pure: the time is passed in.

use jiff::{SignedDuration, Timestamp};

use super::Job;
use super::effective::LiveSettings;
use super::limits::{EffectiveLimits, Quota};
use crate::event::Bottleneck;

/// Changes of the schedule that are looked ahead: weeks of a schedule with several spans a day.
const TURNS: usize = 200;

/// The progress of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Course {
    /// Rows that are neither answered nor failed.
    pub left: u64,
    /// Requests that a row needs.
    pub requests_each: f64,
    /// Tokens that a row needs, at least.
    pub tokens_each: f64,
    /// Rows that end each second at present, and what holds the run back; before that is known, only the limits count.
    pub measured: Option<(f64, Option<Bottleneck>)>,
}

/// The forecast for a run that will not finish in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shortfall {
    /// Rows that will be left when its time is up.
    pub left: u64,
    /// When it would end if it continued; `None` if that is too far ahead.
    pub ends_at: Option<Timestamp>,
    /// The limit that decides this.
    pub decided_by: &'static str,
}

/// By how much a run misses its deadline; `None` if it will finish, as far as can be foreseen.
pub fn shortfall(
    job: &Job,
    live: &LiveSettings,
    course: &Course,
    now: Timestamp,
    deadline: Timestamp,
) -> Option<Shortfall> {
    let present = job.terms(live, now, None);
    let (mut time, mut left, mut at_deadline) = (now, course.left as f64, None);
    let decided_by = decider(&present, course);
    let short = |rows: f64, ends_at| Shortfall { left: (rows.ceil() as u64).max(1), ends_at, decided_by };
    if deadline <= now {
        at_deadline = Some(left);
    }
    for _ in 0..TURNS {
        let rate = rate(&job.terms(live, time, None), &present, course);
        let turns = [job.schedule.next_turn(time), Some(deadline).filter(|deadline| *deadline > time)];
        let done = after(time, left / rate);
        match (done, turns.into_iter().flatten().min()) {
            (Some(done), turn) if turn.is_none_or(|turn| done <= turn) => {
                return at_deadline.map(|rows| short(rows, Some(done)));
            }
            (_, None) => break,
            (_, Some(turn)) => {
                // A run without any known limit ends at once, which was handled above.
                left -= rate * turn.duration_since(time).as_secs_f64();
                time = turn;
            }
        }
        if time == deadline {
            at_deadline = Some(left);
        }
    }
    at_deadline.map(|rows| short(rows, None))
}

/// When a run will end by its limits and hours alone; `None` if that is too far ahead.
pub fn end(job: &Job, course: &Course, now: Timestamp) -> Option<Timestamp> {
    // A run whose time is up at once still has a forecast of its end.
    shortfall(job, &LiveSettings::default(), course, now, now)?.ends_at
}

fn after(time: Timestamp, seconds: f64) -> Option<Timestamp> {
    let span = SignedDuration::try_from_secs_f64(seconds).ok()?;
    time.checked_add(span).ok()
}

/// Rows per second under the limits in force at a time.
fn rate(terms: &EffectiveLimits, present: &EffectiveLimits, course: &Course) -> f64 {
    let limit = limits(terms, course).map(|(_, rate)| rate).fold(f64::INFINITY, f64::min);
    match course.measured {
        _ if terms.paused => 0.0,
        None => limit,
        Some((measured, _)) if terms == present => measured,
        // A run held back by a limit goes as fast as the other limits permit; in all other cases the service itself is slow.
        Some((_, Some(Bottleneck::Rate | Bottleneck::Tokens | Bottleneck::Pause))) if limit.is_finite() => {
            limit
        }
        Some((measured, _)) => limit.min(measured),
    }
}

/// Rows per second that each limit permits.
fn limits(terms: &EffectiveLimits, course: &Course) -> impl Iterator<Item = (&'static str, f64)> {
    let each = |quota: Option<Quota>, each: f64| Some(quota?.each_second() / each.max(1e-9));
    let quotas = terms.quotas;
    [
        ("qps", each(quotas.requests_per_second, course.requests_each)),
        ("qpm", each(quotas.requests_per_minute, course.requests_each)),
        ("tpm", each(quotas.tokens_per_minute, course.tokens_each)),
    ]
    .into_iter()
    .filter_map(|(name, rate)| Some((name, rate?)))
}

/// The limit that decides how fast a run goes.
fn decider(terms: &EffectiveLimits, course: &Course) -> &'static str {
    let slowest = limits(terms, course).min_by(|one, other| one.1.total_cmp(&other.1));
    let slowest = slowest.map_or("the service", |(name, _)| name);
    match course.measured.and_then(|(_, held_by)| held_by) {
        _ if terms.paused => "the pause",
        Some(Bottleneck::Tokens) => "tpm",
        Some(Bottleneck::Places) => "concurrency",
        Some(Bottleneck::Throttling) => "throttling by the service",
        Some(Bottleneck::Outage | Bottleneck::Backoff) => "the service, which does not answer",
        Some(Bottleneck::Cap) => "the cap on cost or tokens",
        Some(Bottleneck::Rate) | None => slowest,
        Some(Bottleneck::FirstRows | Bottleneck::Pause) => slowest,
    }
}

#[cfg(test)]
mod tests;
