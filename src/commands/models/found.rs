//! How a name was found, and where figures apply.

use crate::models::{ModelEntry, NameMatch, Region};

/// Every region, and the addresses outside all regions.
pub(super) fn everywhere() -> impl Iterator<Item = Option<Region>> {
    Region::ALL.into_iter().map(Some).chain([None])
}

/// The name of the place where figures apply.
pub(super) fn place_name(region: Option<Region>) -> &'static str {
    region.map_or("any", Region::name)
}

/// How the name led to the model, if it is not the model's own.
pub(super) fn origin(name: &str, found: &ModelEntry<'_>) -> Option<String> {
    let model = &found.model.name;
    match found.matched {
        NameMatch::Name if name == model => None,
        NameMatch::Name => Some(format!("another name of {model}")),
        NameMatch::Variant => Some(format!("an edition of {model}, with limits or prices of its own")),
        NameMatch::Snapshot => {
            Some(format!("a dated snapshot of {model}: the same facts and prices, and far lower limits"))
        }
        NameMatch::Latest => {
            Some(format!("the newest snapshot of {model}: the same facts and prices; its limits are its own"))
        }
        NameMatch::UnitedStates => {
            Some(format!("the edition of {model} for the United States; its limits are its own"))
        }
        NameMatch::Pattern => {
            Some(format!("known only by the pattern {model}: these are the facts of that family"))
        }
    }
}
