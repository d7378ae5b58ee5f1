//! Names that no longer answer: since when, and their successors according to the vendor.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::pattern::{fits, specificity};
use crate::job::facts_date::FactsDate;

/// The retirement of a name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "RawRetirement")]
pub struct Retirement {
    /// The first day without the model, in Beijing.
    pub since: FactsDate,
    /// Its successor, according to the vendor.
    pub instead: Option<String>,
}

/// A retirement as written: the date alone, or with a successor.
#[derive(Deserialize)]
#[serde(untagged)]
enum RawRetirement {
    Date(FactsDate),
    Whole(Whole),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole {
    since: FactsDate,
    instead: Option<String>,
}

impl From<RawRetirement> for Retirement {
    fn from(written: RawRetirement) -> Self {
        match written {
            RawRetirement::Date(since) => Self { since, instead: None },
            RawRetirement::Whole(Whole { since, instead }) => Self { since, instead },
        }
    }
}

/// The retirement of a name: by the whole name, else by the most specific pattern.
pub(super) fn of<'t>(retired: &'t BTreeMap<String, Retirement>, name: &str) -> Option<&'t Retirement> {
    let by_pattern = || {
        let patterns = retired.iter().filter(|(pattern, _)| pattern.contains('*') && fits(pattern, name));
        patterns.max_by_key(|(pattern, _)| specificity(pattern)).map(|(_, retirement)| retirement)
    };
    retired.get(name).or_else(by_pattern)
}
