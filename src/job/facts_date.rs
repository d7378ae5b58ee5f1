//! The date of a fact: a day, or a month if its source is no more precise.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// When a fact was true, written `2026-07-02`, or `2026-06` if the day is unknown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub struct FactsDate(String);

/// A text that is neither a day (`2026-07-02`) nor a month (`2026-06`).
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a date such as 2026-07-02 or 2026-06")]
pub struct NotADate(String);

impl TryFrom<String> for FactsDate {
    type Error = NotADate;

    fn try_from(text: String) -> Result<Self, NotADate> {
        let day = match text.len() {
            7 => format!("{text}-01").parse::<Date>(),
            _ => text.parse(),
        };
        // Other ways of writing the same day are refused, so dates compare as their texts do.
        match day {
            Ok(day) if day.to_string().starts_with(&text) => Ok(Self(text)),
            _ => Err(NotADate(text)),
        }
    }
}

impl FromStr for FactsDate {
    type Err = NotADate;

    fn from_str(text: &str) -> Result<Self, NotADate> {
        text.to_owned().try_into()
    }
}

impl Borrow<str> for FactsDate {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FactsDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
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
    fn a_text_that_only_resembles_a_date_is_refused() {
        for text in ["", "2026", "26-07-02", "2026-13", "2026-07-32", "2026-7-2", "2026-07-02-1", "+026-07"] {
            assert!(text.parse::<FactsDate>().is_err(), "{text}");
        }
    }
}
