//! The quota that a job keeps, and the caps that it stops at.

use toml::Value;

use super::super::facts::Facts;
use super::super::file::LimitsSection;
use super::super::layers::Layers;
use super::super::limits::{Caps, Concurrency, Quota, Quotas};
use super::super::problem::Problem;
use super::values::duration;

/// What the job says; where it says nothing of a kind of limit, what the model table says.
pub(super) fn quotas(section: &LimitsSection, known: &Facts, layers: &Layers) -> Result<Quotas, Problem> {
    let quota = |key: &str, amount: Option<f64>, make: fn(f64) -> Option<Quota>| match amount {
        Some(amount) => {
            let wrong = || layers.problem(&format!("limits.{key}"), format!("`{key}` is a number above 0"));
            make(amount).map(Some).ok_or_else(wrong)
        }
        None => Ok(None),
    };
    // A request limit of the user's own stands alone: with the table's beside it, `qps = 10` would do nothing.
    let requests = section.qps.is_none().then_some(known.requests_per_minute).flatten();
    Ok(Quotas {
        requests_per_second: quota("qps", section.qps, Quota::per_second)?,
        requests_per_minute: quota("qpm", section.qpm.or(requests), Quota::per_minute)?,
        tokens_per_minute: quota("tpm", section.tpm.or(known.tokens_per_minute), Quota::per_minute)?,
    })
}

pub(super) fn concurrency(value: Option<&Value>, layers: &Layers) -> Result<Concurrency, Problem> {
    match value {
        None => Ok(Concurrency::Auto),
        Some(Value::String(word)) if word == "auto" => Ok(Concurrency::Auto),
        Some(Value::Integer(count)) if *count >= 1 && *count <= 100_000 => {
            Ok(Concurrency::Fixed(*count as usize))
        }
        Some(_) => {
            let message = "`concurrency` is \"auto\" or a whole number from 1 to 100,000";
            Err(layers.problem("limits.concurrency", message))
        }
    }
}

pub(super) fn caps(section: &LimitsSection, layers: &Layers) -> Result<Caps, Problem> {
    if section.max_cost.is_some_and(|cost| !cost.is_finite() || cost < 0.0) {
        return Err(layers.problem("limits.max_cost", "`max_cost` is a number, 0 or above"));
    }
    Ok(Caps {
        cost: section.max_cost,
        total_tokens: section.max_total_tokens,
        duration: duration("limits.max_duration", section.max_duration.as_deref(), layers)?,
    })
}
