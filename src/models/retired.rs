//! Names that no longer answer: since when, and what the vendor names in their place.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::pattern::{fits, specificity};
use crate::job::facts_date::FactsDate;

/// The end of a name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "RawRetirement")]
pub struct Retirement {
    /// The first day without the model, in Beijing.
    pub since: FactsDate,
    /// The model that the vendor names in its place.
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

/// The retirement of a name: by the whole name, else by the pattern that says most about it.
pub(super) fn of<'t>(retired: &'t BTreeMap<String, Retirement>, name: &str) -> Option<&'t Retirement> {
    let by_pattern = || {
        let patterns = retired.iter().filter(|(pattern, _)| pattern.contains('*') && fits(pattern, name));
        patterns.max_by_key(|(pattern, _)| specificity(pattern)).map(|(_, retirement)| retirement)
    };
    retired.get(name).or_else(by_pattern)
}
