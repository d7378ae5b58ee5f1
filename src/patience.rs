//! Waiting for something, so long at most: time in which this process did not run is no waiting.

use std::pin::pin;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::{Instant, timeout_at};

/// How much is waited at once: of a longer pause of the process no more than this is taken for waiting.
const SLICE: Duration = Duration::from_secs(5);

/// How late a timer is where others on the machine work; one that is later was held up.
const LATE: Duration = Duration::from_millis(500);

/// What is waiting of every slice, however late its timer was: all waiting comes to an end.
const LEAST: Duration = Duration::from_millis(50);

/// What comes within a time, or nothing. A process that was suspended finds every timer over and what came meanwhile unread:
/// it goes on waiting for as long as its timer was late, which is time enough to read it.
pub async fn within<T>(limit: Duration, coming: impl Future<Output = T>) -> Option<T> {
    let mut coming = pin!(coming);
    let mut left = limit;
    loop {
        let slice = left.min(SLICE);
        let (due, begun) = (Instant::now() + slice, worked());
        if let Ok(came) = timeout_at(due, coming.as_mut()).await {
            return Some(came);
        }
        // A server that keeps the process at work makes timers late too. That is no suspension, and does not prolong the wait.
        left -= waited(slice, due.elapsed().saturating_sub(worked().saturating_sub(begun)));
        if left.is_zero() {
            return None;
        }
    }
}

/// What of a slice of time was waiting, when the process was held up for so long.
fn waited(slice: Duration, held_up: Duration) -> Duration {
    if held_up < LATE { slice } else { slice.saturating_sub(held_up).max(LEAST.min(slice)) }
}

/// How long this process has worked so far, on all processors together.
fn worked() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_comes_in_time_is_had_and_what_does_not_is_waited_for_no_longer() {
        let begun = Instant::now();
        let soon = || tokio::time::sleep(Duration::from_secs(19));
        assert!(within(Duration::from_secs(20), soon()).await.is_some());
        assert!(within(Duration::from_secs(18), soon()).await.is_none());
        assert_eq!(begun.elapsed().as_secs(), 37);
        assert!(within(Duration::ZERO, std::future::pending::<()>()).await.is_none());
    }

    #[tokio::test]
    async fn who_keeps_the_process_at_work_does_not_prolong_the_wait() {
        // Each turn takes the thread for longer than a timer may be late.
        let turns = std::cell::Cell::new(0);
        let busy = std::future::poll_fn(|context| {
            turns.set(turns.get() + 1);
            let begun = worked();
            while worked() - begun < LATE * 2 {}
            context.waker().wake_by_ref();
            std::task::Poll::<()>::Pending
        });
        assert!(within(Duration::from_millis(100), busy).await.is_none());
        // Two of them, where nobody else has the processors.
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
