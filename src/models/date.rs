//! The date of a fact: a day, or a month where its source says no more.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// When a fact was true, written `2026-07-02`, or `2026-06` where the day is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct FactsDate {
    year: u16,
    month: u8,
    day: Option<u8>,
}

/// A text that is neither a day (`2026-07-02`) nor a month (`2026-06`).
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a date such as 2026-07-02 or 2026-06")]
pub struct NotADate(String);

impl FromStr for FactsDate {
    type Err = NotADate;

    fn from_str(text: &str) -> Result<Self, NotADate> {
        read(text).ok_or_else(|| NotADate(text.to_owned()))
    }
}

impl TryFrom<String> for FactsDate {
    type Error = NotADate;

    fn try_from(text: String) -> Result<Self, NotADate> {
        text.parse()
    }
}

impl fmt::Display for FactsDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)?;
        self.day.map_or(Ok(()), |day| write!(f, "-{day:02}"))
    }
}

fn read(text: &str) -> Option<FactsDate> {
    let mut parts = text.split('-');
    let year = number(parts.next()?, 4).filter(|year| *year > 0)?;
    let month = number(parts.next()?, 2)?;
    let day = match parts.next() {
        Some(day) => Some(number(day, 2)?),
        None => None,
    };
    let whole = parts.next().is_none() && is_month_and_day(month, day.unwrap_or(1));
    whole.then_some(FactsDate { year, month: month as u8, day: day.map(|day| day as u8) })
}

/// Whether the text is the four digits of a month and a day, as old snapshots are named (`qwen-max-0125`).
pub(super) fn is_month_day(text: &str) -> bool {
    number(text, 4).is_some_and(|digits| is_month_and_day(digits / 100, digits % 100))
}

fn is_month_and_day(month: u16, day: u16) -> bool {
    (1..=12).contains(&month) && (1..=31).contains(&day)
}

/// Exactly `width` digits as a number.
fn number(text: &str, width: usize) -> Option<u16> {
    let digits = text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_months_are_dates_and_print_as_they_were_written() {
        for text in ["2026-07-02", "2026-06"] {
            assert_eq!(text.parse::<FactsDate>().map(|date| date.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_only_resembles_a_date_is_refused() {
        for text in ["", "2026", "26-07-02", "2026-13", "2026-07-32", "2026-7-2", "2026-07-02-1", "+026-07"] {
            assert!(text.parse::<FactsDate>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_month_and_day_is_told_from_a_year_and_month() {
        assert!(is_month_day("0125"));
        assert!(!is_month_day("2507"));
        assert!(!is_month_day("125"));
    }
}
