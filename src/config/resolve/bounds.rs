//! The rates that a job keeps to, and the caps at which it stops.

use jiff::tz::TimeZone;
use toml::Value;

use super::values::{duration, parse};
use crate::config::file::{LimitsSection, SpanSection};
use crate::config::layers::Layers;
use crate::config::one_or_many::OneOrMany;
use crate::diagnostic::Diagnostic;
use crate::job::limits::{Caps, Concurrency, Quota, Rates};
use crate::job::period::CapPeriod;
use crate::job::schedule::{self, DaySpan, Schedule, Until};

/// Checks the limits of a table: `limits` or one inside it.
pub(super) fn rates(table: &str, given: Rates, layers: &Layers) -> Result<Rates, Diagnostic> {
    let Rates { qps, qpm, tpm } = given;
    for (key, amount, make) in [
        ("qps", qps, Quota::per_second as fn(f64) -> Option<Quota>),
        ("qpm", qpm, Quota::per_minute),
        ("tpm", tpm, Quota::per_minute),
    ] {
        let is_wrong = amount.is_some_and(|amount| make(amount).is_none());
        let message = format!("`{key}` must be a number above 0, at most 1,000,000,000");
        layers.refuse_if(is_wrong, &format!("{table}.{key}"), &message)?;
    }
    Ok(given)
}

/// The concurrency of a table.
pub(super) fn concurrency(
    table: &str,
    value: Option<&Value>,
    layers: &Layers,
) -> Result<Option<Concurrency>, Diagnostic> {
    match value {
        None => Ok(None),
        Some(Value::String(word)) if word == "auto" => Ok(Some(Concurrency::Auto)),
        Some(Value::Integer(count)) if *count >= 1 && *count <= 100_000 => {
            Ok(Some(Concurrency::Fixed(*count as usize)))
        }
        Some(_) => {
            let message = "`concurrency` must be \"auto\" or a whole number from 1 to 100,000";
            Err(layers.problem(&format!("{table}.concurrency"), message))
        }
    }
}

/// The values of `[limits]` by themselves, without what is known of the model.
pub(crate) fn limits_alone(
    section: &LimitsSection,
    layers: &Layers,
) -> Result<(Rates, Option<Concurrency>, Caps), Diagnostic> {
    let LimitsSection { qps, qpm, tpm, .. } = *section;
    Ok((
        rates("limits", Rates { qps, qpm, tpm }, layers)?,
        concurrency("limits", section.concurrency.as_ref(), layers)?,
        caps(section, layers)?,
    ))
}

/// The limits by time of day.
pub(super) fn schedule(
    section: &LimitsSection,
    layers: &Layers,
    zone: &dyn Fn(Option<&str>) -> Result<TimeZone, String>,
) -> Result<Schedule, Diagnostic> {
    let until = section.until.as_deref().map(|text| parse("limits.until", schedule::until(text), layers));
    let until = until.transpose()?;
    let spans = section.schedule.iter().enumerate();
    let spans: Vec<DaySpan> =
        spans.map(|(index, section)| span(index, section, layers)).collect::<Result<_, _>>()?;
    let by_the_wall = [
        ("limits.until", matches!(until, Some(Until::TimeOfDay(_) | Until::DateTime(_)))),
        ("limits.schedule.0", !spans.is_empty()),
        ("limits.cap_period", matches!(section.cap_period, Some(CapPeriod::Day | CapPeriod::Month))),
    ];
    let zone = match (zone(section.time_zone.as_deref()), by_the_wall.iter().find(|(_, is_used)| *is_used)) {
        (Ok(zone), _) => zone,
        (Err(message), _) if section.time_zone.is_some() => {
            return Err(layers.problem("limits.time_zone", message));
        }
        (Err(message), Some((key, _))) => {
            let help = "set TZ to a name such as Europe/Berlin, or give `time_zone` under [limits]";
            return Err(layers.problem(key, message).help(help));
        }
        (Err(_), None) => TimeZone::UTC,
    };
    Ok(Schedule { zone, spans, until })
}

fn span(index: usize, section: &SpanSection, layers: &Layers) -> Result<DaySpan, Diagnostic> {
    let table = format!("limits.schedule.{index}");
    let key = |name: &str| format!("{table}.{name}");
    let days = section.days.clone().map(OneOrMany::into_list).unwrap_or_default();
    let SpanSection { qps, qpm, tpm, pause, .. } = *section;
    let span = DaySpan {
        from: parse(&key("from"), schedule::time_of_day(&section.from), layers)?,
        to: parse(&key("to"), schedule::time_of_day(&section.to), layers)?,
        days: parse(&key("days"), days.iter().map(|day| schedule::weekday(day)).collect(), layers)?,
        rates: rates(&table, Rates { qps, qpm, tpm }, layers)?,
        concurrency: concurrency(&table, section.concurrency.as_ref(), layers)?,
        paused: pause.unwrap_or(false),
    };
    if span.rates == Rates::default() && span.concurrency.is_none() && !span.paused {
        let problem = layers.problem(&table, "this entry of `schedule` changes nothing");
        return Err(problem.help("add `qps`, `qpm`, `tpm`, `concurrency` or `pause = true`"));
    }
    Ok(span)
}

pub(super) fn caps(section: &LimitsSection, layers: &Layers) -> Result<Caps, Diagnostic> {
    let is_wrong = section.max_cost.is_some_and(|cost| !cost.is_finite() || cost < 0.0);
    layers.refuse_if(is_wrong, "limits.max_cost", "`max_cost` must be a number, 0 or above")?;
    Ok(Caps {
        cost: section.max_cost,
        total_tokens: section.max_total_tokens,
        duration: duration("limits.max_duration", section.max_duration.as_deref(), layers)?,
    })
}
