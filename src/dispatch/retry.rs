//! When to try again: exponential backoff with full jitter; a wait requested by the server has priority.

use std::time::Duration;

use crate::job::Retry;
use crate::outcome::{Fault, FaultKind};

/// The dice: each call returns a number from 0 to below 1.
pub type Dice = Box<dyn FnMut() -> f64>;

/// The shortest and the longest wait after a reused connection turned out to be closed.
const STALE_CONNECTION_WAIT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(200));

/// The longest wait that a server may request, to avoid overflowing the clock.
const FOREVER: Duration = Duration::from_secs(366 * 86_400);

/// How long a row waits after its `failures`-th fault in a row (from 1) before it is sent again.
///
/// Throttling waits at least the first backoff; any other fault may wait for any time down to zero. A wait requested by the
/// server is kept in full, with a little more so that rows do not return together.
pub fn backoff(retry: &Retry, fault: &Fault, failures: u32, dice: &mut Dice) -> Duration {
    if let Some(asked) = fault.retry_after {
        return asked.min(FOREVER) + ceiling(retry, 1).mul_f64(dice() * 0.25);
    }
    match fault.kind {
        FaultKind::StaleConnection if failures <= 1 => {
            let (shortest, longest) = STALE_CONNECTION_WAIT;
            shortest + (longest - shortest).mul_f64(dice())
        }
        FaultKind::Throttled => {
            (retry.initial_backoff + ceiling(retry, failures).mul_f64(dice())).min(retry.max_backoff)
        }
        _ => ceiling(retry, failures).mul_f64(dice()),
    }
}

/// The longest wait after so many faults.
pub fn ceiling(retry: &Retry, failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(30));
    retry.initial_backoff.saturating_mul(doubled).min(retry.max_backoff)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry() -> Retry {
        Retry::default()
    }

    fn wait(kind: FaultKind, failures: u32, roll: f64) -> f64 {
        backoff(&retry(), &Fault::new(kind, "x", ""), failures, &mut (Box::new(move || roll) as Dice))
            .as_secs_f64()
    }

    #[test]
    fn the_wait_doubles_up_to_its_limit_with_full_jitter() {
        for (failures, most) in [(1, 1.0), (2, 2.0), (3, 4.0), (6, 32.0), (7, 60.0), (4_000_000, 60.0)] {
            assert!((wait(FaultKind::Transient, failures, 1.0) - most).abs() < 1e-9);
            assert_eq!(wait(FaultKind::Transient, failures, 0.0), 0.0);
        }
    }

    #[test]
    fn throttling_waits_the_first_backoff_at_least() {
        assert_eq!(wait(FaultKind::Throttled, 1, 0.0), 1.0);
        assert_eq!(wait(FaultKind::Throttled, 9, 1.0), 60.0);
    }

    #[test]
    fn a_stale_connection_is_tried_again_fast_once() {
        assert!(wait(FaultKind::StaleConnection, 1, 1.0) <= 0.2);
        assert!(wait(FaultKind::StaleConnection, 1, 0.0) >= 0.05);
        assert_eq!(wait(FaultKind::StaleConnection, 3, 1.0), 4.0);
    }

    #[test]
    fn a_wait_that_the_server_requests_has_priority_and_is_never_cut_short() {
        let mut fault = Fault::new(FaultKind::Throttled, "x", "");
        fault.retry_after = Some(Duration::from_secs(86_400));
        let wait = backoff(&retry(), &fault, 1, &mut (Box::new(|| 0.0) as Dice));
        assert_eq!(wait, Duration::from_secs(86_400));
    }
}
