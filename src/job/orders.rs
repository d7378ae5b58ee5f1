//! What a run is told from outside while it goes on: the words, what they come to, and the terms that follow from them, from
//! the schedule and from the job.

use jiff::Timestamp;

use super::Job;
use super::diagnostic::{Diagnostic, SourceText, nearest};
use super::flags::{KeyOrigin, Overlay, literal};
use super::layers::Layers;
use super::limits::{Caps, Concurrency, Rates, Terms};
use super::resolve::limits_alone;

/// The keys of `[limits]` that can be changed while a run goes on.
const KEYS: [&str; 7] = ["qps", "qpm", "tpm", "concurrency", "max_cost", "max_total_tokens", "max_duration"];

/// The other words.
const WORDS: [&str; 3] = ["pause", "resume", "stop"];

/// One thing that a run is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// A key of `[limits]`, or a word.
    pub key: String,
    /// The value of a key; empty of a word.
    pub value: String,
}

/// All that a run was told, the last word on each thing.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LiveSettings {
    /// Limits.
    pub rates: Rates,
    /// Places.
    pub concurrency: Option<Concurrency>,
    /// Caps.
    pub caps: Caps,
    /// To pause, or to go on.
    pub paused: Option<bool>,
    /// To stop.
    pub stop: bool,
}

impl Order {
    /// Reads what stands on the command line: `qps=5`, `pause`.
    ///
    /// # Errors
    ///
    /// What is no order; an order whose value is none is told by [`told`].
    pub fn parse(word: &str) -> Result<Self, Diagnostic> {
        let script = SourceText { name: "set".into(), text: word.into() };
        let at = |message: String| Diagnostic::new(message).at(&script, 0..word.len());
        let (key, value) = match word.split_once('=') {
            Some((key, value)) => (key.trim(), Some(value.trim())),
            None => (word.trim(), None),
        };
        let key = key.strip_prefix("limits.").unwrap_or(key).replace('-', "_");
        let known = || KEYS.into_iter().chain(WORDS);
        match value {
            Some(value) if KEYS.contains(&key.as_str()) && !value.is_empty() => {
                Ok(Self { key, value: value.to_owned() })
            }
            None if WORDS.contains(&key.as_str()) => Ok(Self { key, value: String::new() }),
            _ if KEYS.contains(&key.as_str()) => {
                Err(at(format!("`{key}` needs a value")).help(format!("write {key}=…")))
            }
            _ if WORDS.contains(&key.as_str()) => Err(at(format!("`{key}` takes no value"))),
            _ => {
                let problem = at(format!("`{key}` is nothing that a running job can be told"));
                Err(match nearest(&key, known()) {
                    Some(name) => problem.help(format!("did you mean `{name}`?")),
                    None => {
                        problem.help(format!("it can be told {}", known().collect::<Vec<_>>().join(", ")))
                    }
                })
            }
        }
    }

    /// The order as it is written.
    pub fn shown(&self) -> String {
        match self.value.is_empty() {
            true => self.key.clone(),
            false => format!("{}={}", self.key, self.value),
        }
    }
}

/// Of orders, the last one on each thing: what holds of them, in the order in which it was said.
pub fn last_words(orders: &[Order]) -> Vec<&Order> {
    let thing = |order: &Order| match order.key.as_str() {
        "resume" => "pause".to_owned(),
        key => key.to_owned(),
    };
    let is_last = |at: usize| orders[at + 1..].iter().all(|later| thing(later) != thing(&orders[at]));
    orders.iter().enumerate().filter(|(at, _)| is_last(*at)).map(|(_, order)| order).collect()
}

/// What orders come to, one after another.
///
/// # Errors
///
/// A value that the job file would not take either, in the same words.
pub fn told(orders: &[Order]) -> Result<LiveSettings, Diagnostic> {
    let words = orders.iter().filter(|order| WORDS.contains(&order.key.as_str()));
    let (mut paused, mut stop) = (None, false);
    for order in words {
        match order.key.as_str() {
            "pause" => paused = Some(true),
            "resume" => paused = Some(false),
            _ => stop = true,
        }
    }
    let changes = orders.iter().filter(|order| KEYS.contains(&order.key.as_str())).map(|order| Overlay {
        voice: KeyOrigin::Flag,
        script: SourceText { name: "set".into(), text: order.shown().into() },
        key: format!("limits.{}", order.key),
        value: literal(&order.value),
        raw: order.value.clone(),
    });
    let (file, layers) = Layers::read(None, changes.collect())?;
    let (rates, concurrency, caps) = limits_alone(&file.limits, &layers)?;
    Ok(LiveSettings { rates, concurrency, caps, paused, stop })
}

impl Job {
    /// What a run of the job keeps to at a time: what it was told beats the schedule, and that beats the job. `ends_at` is
    /// when the run's time is up.
    pub fn terms(&self, told: &LiveSettings, now: Timestamp, ends_at: Option<Timestamp>) -> Terms {
        let span = self.schedule.at(now);
        let mut scheduled = span.map(|span| span.rates).unwrap_or_default();
        if told.rates.qps.or(told.rates.qpm).is_some() {
            // Of requests as a whole: a trickle per minute by day would hold down a rate per second that was asked for now.
            (scheduled.qps, scheduled.qpm) = (None, None);
        }
        let rates = told.rates.over(scheduled).over(self.rates);
        Terms {
            quotas: rates.quotas(self.known_rates),
            concurrency: told
                .concurrency
                .or(span.and_then(|span| span.concurrency))
                .unwrap_or(self.concurrency),
            caps: told.caps.over(self.caps),
            since: self.cap_period.began(now, &self.schedule.zone),
            paused: told.paused.unwrap_or(span.is_some_and(|span| span.paused)),
            time_is_up: ends_at.is_some_and(|end| end <= now),
        }
    }
}

#[cfg(test)]
mod tests;
