//! The time of day, where it is read: at the edges, to stamp what is kept and shown. All else is given the time.

use std::time::SystemTime;

use jiff::{Timestamp, Zoned};

/// The time now.
#[expect(clippy::disallowed_methods, reason = "its home")]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// The time now, as schedules and caps of a day calculate with it.
#[expect(clippy::disallowed_methods, reason = "its home")]
pub fn timestamp() -> Timestamp {
    Timestamp::now()
}

/// The time now in the system's time zone, for people.
#[expect(clippy::disallowed_methods, reason = "its home")]
pub fn zoned() -> Zoned {
    Zoned::now()
}
