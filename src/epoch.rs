//! Times as seconds since 1970, as the journal keeps them and figures have them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A time in seconds since 1970; 0 for one before it.
pub fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// The time so many seconds after 1970; 1970 itself for a number that is not a time.
pub fn time(seconds: f64) -> SystemTime {
    let since = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_comes_back_as_it_was_kept_and_a_number_that_is_not_a_time_is_1970() {
        let kept = UNIX_EPOCH + Duration::from_millis(1_800_000_000_250);
        assert_eq!(time(seconds(kept)), kept);
        for wrong in [-7.0, f64::NAN, f64::INFINITY, f64::MAX] {
            assert_eq!(time(wrong), UNIX_EPOCH, "{wrong}");
        }
    }
}
