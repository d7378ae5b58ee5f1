//! Waits up to a limit: time in which this process did not run does not count as waiting.

use std::pin::pin;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::{Instant, timeout_at};

/// The longest single wait: of a longer suspension of the process, no more than this counts as waiting.
const SLICE: Duration = Duration::from_secs(5);

/// How late a timer may be when other programs are busy; if it is later, the process was suspended.
const LATE: Duration = Duration::from_millis(500);

/// The part of every slice that always counts as waiting, so that all waiting ends.
const LEAST: Duration = Duration::from_millis(50);

/// The result of a future, or `None` after the limit. A process that was suspended finds every timer expired and its data
/// unread: it waits again for as long as its timer was late, which is enough to read it.
pub async fn within<T>(limit: Duration, coming: impl Future<Output = T>) -> Option<T> {
    let mut coming = pin!(coming);
    let mut left = limit;
    loop {
        let slice = left.min(SLICE);
        let (due, begun) = (Instant::now() + slice, worked());
        if let Ok(came) = timeout_at(due, coming.as_mut()).await {
            return Some(came);
        }
        // A server that keeps the process busy makes timers late too. That is not a suspension, and does not prolong the
        // wait.
        left -= waited(slice, due.elapsed().saturating_sub(worked().saturating_sub(begun)));
        if left.is_zero() {
            return None;
        }
    }
}

/// The part of a slice that counts as waiting, if the process was suspended for this long.
fn waited(slice: Duration, held_up: Duration) -> Duration {
    if held_up < LATE { slice } else { slice.saturating_sub(held_up).max(LEAST.min(slice)) }
}

/// The CPU time of this process so far, on all processors together.
fn worked() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_result_in_time_is_returned_and_a_late_one_is_not_waited_for() {
        let begun = Instant::now();
        let soon = || tokio::time::sleep(Duration::from_secs(19));
        assert!(within(Duration::from_secs(20), soon()).await.is_some());
        assert!(within(Duration::from_secs(18), soon()).await.is_none());
        assert_eq!(begun.elapsed().as_secs(), 37);
        assert!(within(Duration::ZERO, std::future::pending::<()>()).await.is_none());
    }

    #[tokio::test]
    async fn a_busy_process_does_not_prolong_the_wait() {
        // Each turn blocks the thread for longer than a timer may be late.
        let turns = std::cell::Cell::new(0);
        let busy = std::future::poll_fn(|context| {
            turns.set(turns.get() + 1);
            let begun = worked();
            while worked() - begun < LATE * 2 {}
            context.waker().wake_by_ref();
            std::task::Poll::<()>::Pending
        });
        assert!(within(Duration::from_millis(100), busy).await.is_none());
        // Two of them, while no other program uses the processors.
        assert!(turns.get() <= 20, "the timer is seen soon: {} turns", turns.get());
    }

    #[test]
    fn time_in_which_nothing_ran_does_not_count() {
        let seconds = Duration::from_secs;
        assert_eq!(waited(seconds(5), Duration::from_millis(200)), seconds(5), "busy");
        assert_eq!(waited(seconds(5), seconds(2)), seconds(3));
        assert_eq!(waited(seconds(5), seconds(3600)), LEAST, "and yet it ends");
        assert_eq!(waited(Duration::from_millis(1), seconds(3600)), Duration::from_millis(1));
    }
}
