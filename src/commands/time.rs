//! Times as commands print them.

use std::time::SystemTime;

use jiff::Timestamp;

/// A time in RFC 3339, in UTC.
pub(super) fn timestamp(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| String::new(), |time| time.strftime("%FT%TZ").to_string())
}
