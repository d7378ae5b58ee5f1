//! The limits by time of day, and the time at which a run is to end. Pure: the time is passed in, and the local time in the
//! job's time zone decides.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

use super::limits::{Concurrency, Rates};

/// The hours of a job.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// The time zone.
    pub zone: TimeZone,
    /// The spans with their limits; the first one that applies decides.
    pub spans: Vec<DaySpan>,
    /// When a run ends.
    pub until: Option<Until>,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { zone: TimeZone::UTC, spans: Vec::new(), until: None }
    }
}

/// A span of the day, and its limits.
#[derive(Debug, Clone, PartialEq)]
pub struct DaySpan {
    /// Its beginning.
    pub from: Time,
    /// Its end (exclusive). An end that is not after the beginning is on the next day.
    pub to: Time,
    /// The days on which it begins; empty: every day.
    pub days: Vec<Weekday>,
    /// The limits it names.
    pub rates: Rates,
    /// The concurrency it names.
    pub concurrency: Option<Concurrency>,
    /// Whether nothing is sent during it.
    pub paused: bool,
}

/// When a run ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Until {
    /// At this time of day, the next time it occurs.
    TimeOfDay(Time),
    /// At this local time.
    DateTime(DateTime),
    /// At this instant.
    Instant(Timestamp),
}

impl Schedule {
    /// Whether the limits differ at some hours.
    pub fn has_hours(&self) -> bool {
        !self.spans.is_empty()
    }

    /// The span that applies at a time.
    pub fn at(&self, now: Timestamp) -> Option<&DaySpan> {
        let wall = now.to_zoned(self.zone.clone()).datetime();
        self.spans.iter().find(|span| span.holds(wall))
    }

    /// The next time at which another span may apply; `None` if nothing ever changes.
    pub fn next_turn(&self, now: Timestamp) -> Option<Timestamp> {
        let edges = self.spans.iter().flat_map(|span| [span.from, span.to]);
        // For this purpose, a span limited to some days also begins and ends at midnight.
        let midnight = self.spans.iter().any(|span| !span.days.is_empty()).then_some(Time::midnight());
        edges.chain(midnight).filter_map(|edge| self.next(edge, now)).min()
    }

    /// When a run that begins at a time ends, if the job says so.
    pub fn ends_at(&self, begun: Timestamp) -> Option<Timestamp> {
        match self.until? {
            Until::TimeOfDay(time) => self.next(time, begun),
            Until::DateTime(time) => Some(time.to_zoned(self.zone.clone()).ok()?.timestamp()),
            Until::Instant(instant) => Some(instant),
        }
    }

    /// A local time, with its date if that is not today.
    pub fn shown(&self, time: Timestamp, now: Timestamp) -> String {
        let [time, now] = [time, now].map(|time| time.to_zoned(self.zone.clone()));
        let form = match time.date() == now.date() {
            true => "%H:%M",
            false => "%a %F %H:%M",
        };
        time.strftime(form).to_string()
    }

    /// The next instant with this local time.
    fn next(&self, time: Time, after: Timestamp) -> Option<Timestamp> {
        let today = after.to_zoned(self.zone.clone()).date();
        let on = |day: Date| -> Option<Zoned> { day.to_datetime(time).to_zoned(self.zone.clone()).ok() };
        // The day before: when the clocks go back, an hour of yesterday can still be to come.
        let days = [-1, 0, 1, 2].map(|days| today.checked_add(days.days()).ok());
        let times = days.into_iter().flatten().filter_map(on).map(|time| time.timestamp());
        times.filter(|time| *time > after).min()
    }
}

impl DaySpan {
    /// Whether it applies at this local time.
    pub fn holds(&self, wall: DateTime) -> bool {
        let (time, today) = (wall.time(), wall.date().weekday());
        let begins_on = |day: Weekday| self.days.is_empty() || self.days.contains(&day);
        match self.from < self.to {
            true => self.from <= time && time < self.to && begins_on(today),
            false => {
                (self.from <= time && begins_on(today)) || (time < self.to && begins_on(today.previous()))
            }
        }
    }

    /// The limits it changes: `qps=50, concurrency=20`, `pause`.
    pub fn shown(&self) -> String {
        let Rates { qps, qpm, tpm } = self.rates;
        let rates = [("qps", qps), ("qpm", qpm), ("tpm", tpm)];
        let rates = rates.into_iter().filter_map(|(key, rate)| Some(format!("{key}={}", rate?)));
        let places = self.concurrency.map(|places| match places {
            Concurrency::Auto => "concurrency=auto".to_owned(),
            Concurrency::Fixed(places) => format!("concurrency={places}"),
        });
        let pause = self.paused.then(|| "pause".to_owned());
        rates.chain(places).chain(pause).collect::<Vec<_>>().join(", ")
    }

    /// Its hours: `22:00–08:00`.
    pub fn hours(&self) -> String {
        format!("{}–{}", self.from.strftime("%H:%M"), self.to.strftime("%H:%M"))
    }
}

/// The time zone for a job whose hours do not matter: always UTC.
///
/// # Errors
///
/// None.
#[cfg(not(main_alone))]
pub fn utc(_: Option<&str>) -> Result<TimeZone, String> {
    Ok(TimeZone::UTC)
}

/// Reads a time of day: `06:00`, `6:00`, `24:00`.
///
/// # Errors
///
/// What is wrong with it, in a sentence.
pub fn time_of_day(text: &str) -> Result<Time, String> {
    let wrong = || format!("`{text}` is not a time of day; write 06:00 or 22:30");
    let trimmed = text.trim();
    let mut parts = trimmed.split(':');
    let mut next = |required: bool| match parts.next() {
        Some(part) if (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()) => {
            part.parse::<i8>().map_err(|_| wrong())
        }
        None if !required => Ok(0),
        _ => Err(wrong()),
    };
    let (hour, minute, second) = (next(true)?, next(true)?, next(false)?);
    if parts.next().is_some() {
        return Err(wrong());
    }
    match (hour, minute, second) {
        // The end of a day is the beginning of the next.
        (24, 0, 0) => Ok(Time::midnight()),
        _ => Time::new(hour, minute, second, 0).map_err(|_| wrong()),
    }
}

/// Reads when a run ends: a time of day, or a date and a time.
///
/// # Errors
///
/// What is wrong with it, in a sentence.
pub fn until(text: &str) -> Result<Until, String> {
    let text = text.trim();
    if let Ok(time) = time_of_day(text) {
        return Ok(Until::TimeOfDay(time));
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(Until::Instant(instant));
    }
    let has_time = text.contains(':');
    match text.parse::<DateTime>() {
        Ok(time) if has_time => Ok(Until::DateTime(time)),
        _ => {
            Err(format!("`{text}` is not a time; write 06:00, \"2026-07-03 06:00\" or 2026-07-03T06:00:00Z"))
        }
    }
}

/// Reads a day of the week.
///
/// # Errors
///
/// What is wrong with it, in a sentence.
pub fn weekday(text: &str) -> Result<Weekday, String> {
    const DAYS: [(&str, Weekday); 7] = [
        ("monday", Weekday::Monday),
        ("tuesday", Weekday::Tuesday),
        ("wednesday", Weekday::Wednesday),
        ("thursday", Weekday::Thursday),
        ("friday", Weekday::Friday),
        ("saturday", Weekday::Saturday),
        ("sunday", Weekday::Sunday),
    ];
    let word = text.trim().to_ascii_lowercase();
    let day = DAYS.iter().find(|(name, _)| word.len() >= 3 && name.starts_with(&word));
    day.map(|(_, day)| *day).ok_or_else(|| {
        format!("`{text}` is not a day of the week; write mon, tue, wed, thu, fri, sat or sun")
    })
}

#[cfg(test)]
mod tests;
