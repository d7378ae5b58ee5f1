//! The orders that `fanfold set` gives a running job: how they are written, and the settings they result in.

use super::layers::Layers;
use super::overlay::{KeyOrigin, Overlay, literal};
use super::resolve::limits_alone;
use crate::diagnostic::{Diagnostic, SourceText};
use crate::job::effective::LiveSettings;

/// The keys of `[limits]` that can be changed during a run.
const KEYS: [&str; 7] = ["qps", "qpm", "tpm", "concurrency", "max_cost", "max_total_tokens", "max_duration"];

/// The other words.
const WORDS: [&str; 4] = ["pause", "resume", "stop", "cancel"];

/// One change to a running job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// A key of `[limits]`, or a word.
    pub key: String,
    /// The value of a key; empty for a word.
    pub value: String,
}

impl Order {
    /// Reads an argument of the command line: `qps=5`, `pause`.
    ///
    /// # Errors
    ///
    /// When it is not an order. [`told`] checks the values.
    pub fn parse(word: &str) -> Result<Self, Diagnostic> {
        let script = SourceText::new("set", word);
        let at = |message: String| Diagnostic::new(message).at_all_of(&script);
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
                Err(at(format!("`{key}` cannot be changed in a running job")).suggest(&key, known(), || {
                    Some(format!("known here: {}", known().collect::<Vec<_>>().join(", ")))
                }))
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

/// The last order for each key or word, which is the one in force, in the order in which they were given.
pub fn last_words(orders: &[Order]) -> Vec<&Order> {
    let thing = |order: &Order| match order.key.as_str() {
        "resume" => "pause".to_owned(),
        key => key.to_owned(),
    };
    let is_last = |at: usize| orders[at + 1..].iter().all(|later| thing(later) != thing(&orders[at]));
    orders.iter().enumerate().filter(|(at, _)| is_last(*at)).map(|(_, order)| order).collect()
}

/// The settings that orders result in, one after another.
///
/// # Errors
///
/// A value that the job file would also refuse, with the same message.
pub fn live_settings(orders: &[Order]) -> Result<LiveSettings, Diagnostic> {
    let (mut paused, mut stop, mut cancel, mut changes) = (None, false, false, Vec::new());
    for order in orders {
        match order.key.as_str() {
            "pause" => paused = Some(true),
            "resume" => paused = Some(false),
            "stop" => stop = true,
            "cancel" => cancel = true,
            key => changes.push(Overlay {
                origin: KeyOrigin::Flag,
                script: SourceText::new("set", order.shown()),
                key: format!("limits.{key}"),
                value: literal(&order.value),
                raw: order.value.clone(),
            }),
        }
    }
    let (file, layers) = Layers::read(None, changes)?;
    let (rates, concurrency, caps) = limits_alone(&file.limits, &layers)?;
    Ok(LiveSettings { rates, concurrency, caps, paused, stop, cancel })
}

#[cfg(test)]
mod tests;
