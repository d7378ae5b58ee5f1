//! What earlier runs of the same job leave behind: money and tokens spent, and requests that still count towards a limit.

use std::time::Duration;

use jiff::Timestamp;

use crate::reserve::Reserve;

/// The maximum number of requests in doubt counted for one run: more than can be in flight at once.
const MOST_IN_DOUBT: u64 = 100_000;

/// What earlier runs of the same job leave behind.
#[derive(Debug, Clone, Default)]
pub struct CarryOver {
    /// Money spent in the period of the caps.
    pub cost: f64,
    /// Tokens spent in that period.
    pub tokens: u64,
    /// What stays reserved in that period for requests of unknown usage, or requests in doubt.
    pub reserved: Reserve,
    /// What requests may cost that are in batches and not collected.
    pub submitted: Reserve,
    /// The longest answer of all runs, in tokens; 0 if there was none.
    pub longest_answer: u64,
    /// When that period began, if it began at a certain time.
    pub since: Option<Timestamp>,
    /// Time spent.
    pub duration: Duration,
    /// Whether the service has answered before at this address: then it exists, and is worth waiting for.
    pub reached: bool,
    /// Whether the present job has had answers for rows of the present input: then the job is right, and refusals are the
    /// rows' own fault.
    pub works: bool,
    /// Requests within the window of the slowest limit: how long ago each was sent, and its tokens, if known.
    pub recent: Vec<(Duration, Option<u64>)>,
    /// The tokens counted for such a request when they are unknown.
    pub tokens_unknown: u64,
}

/// A run, including the present one, with its requests in doubt.
#[derive(Debug, Clone, Copy)]
pub struct EarlierRun {
    /// How long ago it began.
    pub began: Duration,
    /// Requests of the previous run that may have been sent but are not stored.
    pub in_doubt: u64,
}

/// The requests in doubt within this time. A killed run may have sent them long after it last stored something, until the
/// next run began. That run may itself have been killed before it sent anything, and no later run counts them as in doubt
/// again.
pub fn doubts(
    runs: impl IntoIterator<Item = EarlierRun>,
    within: Duration,
) -> impl Iterator<Item = (Duration, Option<u64>)> {
    let recent = runs.into_iter().filter(move |run| run.began < within);
    recent.flat_map(|run| std::iter::repeat_n((run.began, None), run.in_doubt.min(MOST_IN_DOUBT) as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_dies_before_it_sends_anything_does_not_take_the_doubts_before_it_along() {
        let run = |seconds, in_doubt| EarlierRun { began: Duration::from_secs(seconds), in_doubt };
        let runs = [run(70, 9), run(50, 2), run(3, 1), run(0, 0)];
        let found: Vec<_> = doubts(runs, Duration::from_secs(60)).collect();
        let ago = |seconds| (Duration::from_secs(seconds), None);
        assert_eq!(found, [ago(50), ago(50), ago(3)]);
    }
}
