//! Facts that a job cannot know by itself, and where it looks them up.

use jiff::tz::TimeZone;

use crate::job::facts::ModelCatalog;
use crate::job::tier::ServedAt;

/// The address of a region, or of a workspace's own host if one is named.
type AddressOf<'a> = dyn Fn(&str, Option<&str>) -> Result<String, String> + 'a;

/// Where a job looks up facts that it cannot know by itself.
pub struct Lookups<'a> {
    /// The address of a region.
    pub region: &'a AddressOf<'a>,
    /// The facts about models where requests go.
    pub book: &'a dyn Fn(&ServedAt<'_>) -> ModelCatalog,
    /// A time zone by its name; without one, that of the system.
    pub zone: &'a dyn Fn(Option<&str>) -> Result<TimeZone, String>,
}
