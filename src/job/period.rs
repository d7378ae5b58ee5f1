//! The period over which the caps on money and tokens count: the life of the job, one run, or a day or a month of its time
//! zone.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use schemars::JsonSchema;
use serde::Deserialize;

/// The period over which the caps on money and tokens count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CapPeriod {
    /// All runs of the journal.
    #[default]
    Job,
    /// Each run by itself.
    Run,
    /// A day.
    Day,
    /// A month of the calendar.
    Month,
}

impl CapPeriod {
    /// The word for it in the job file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Run => "run",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// When the period that contains a time began. `None` if it is not defined by a clock.
    pub fn began(self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let now = now.to_zoned(zone.clone());
        let begin = match self {
            Self::Job | Self::Run => return None,
            Self::Day => now.start_of_day(),
            Self::Month => now.first_of_month().and_then(|day| day.start_of_day()),
        };
        begin.ok().map(|begin| begin.timestamp())
    }

    /// When the period that contains a time ends: that moment belongs to the next.
    pub fn ends(self, now: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let now = now.to_zoned(zone.clone());
        let next = match self {
            Self::Job | Self::Run => return None,
            Self::Day => now.date().tomorrow().ok()?,
            Self::Month => now.date().first_of_month().checked_add(1.month()).ok()?,
        };
        let begin = next.to_zoned(zone.clone()).ok()?;
        Some(begin.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(period: CapPeriod, zone: &str, now: &str) -> Option<(String, String)> {
        let zone = TimeZone::get(zone).expect("a zone");
        let now = now.parse().expect("a time");
        Some((period.began(now, &zone)?.to_string(), period.ends(now, &zone)?.to_string()))
    }

    fn bounds(began: &str, ends: &str) -> Option<(String, String)> {
        Some((began.to_owned(), ends.to_owned()))
    }

    #[test]
    fn days_and_months_are_those_of_the_time_zone() {
        let now = "2026-11-30T17:30:00Z";
        let day = bounds("2026-11-30T16:00:00Z", "2026-12-01T16:00:00Z");
        assert_eq!(of(CapPeriod::Day, "Asia/Singapore", now), day);
        let month = bounds("2026-11-30T16:00:00Z", "2026-12-31T16:00:00Z");
        assert_eq!(of(CapPeriod::Month, "Asia/Singapore", now), month);
        let month = bounds("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z");
        assert_eq!(of(CapPeriod::Month, "UTC", now), month);
        assert_eq!(of(CapPeriod::Job, "UTC", now), None);
        assert_eq!(of(CapPeriod::Run, "UTC", now), None);
    }

    #[test]
    fn a_day_on_which_the_clocks_change_is_as_long_as_it_is() {
        let spring = bounds("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
        assert_eq!(of(CapPeriod::Day, "Europe/Berlin", "2026-03-29T12:00:00Z"), spring);
        let autumn = bounds("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
        assert_eq!(of(CapPeriod::Day, "Europe/Berlin", "2026-10-25T22:30:00Z"), autumn);
    }
}
