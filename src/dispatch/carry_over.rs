//! What earlier runs of the same job leave behind: money and tokens spent, and the requests that still count in a
//! limit.

use std::time::Duration;

use jiff::Timestamp;

use crate::reserve::Reserve;

/// Requests in doubt that are counted of one run at most: more than can be out at once.
const MOST_IN_DOUBT: u64 = 100_000;

/// What earlier runs of the same job leave behind.
#[derive(Debug, Clone, Default)]
pub struct CarryOver {
    /// Money spent, in the period that the caps count over.
    pub cost: f64,
    /// Tokens spent, in the same.
    pub tokens: u64,
    /// What stays set aside in the same, because nobody knows what requests used, or whether they were sent.
    pub reserved: Reserve,
    /// The longest answer of all runs, in tokens; 0 where there was none.
    pub longest_answer: u64,
    /// When that period began, where a clock says that one began.
    pub since: Option<Timestamp>,
    /// Time spent.
    pub duration: Duration,
    /// Whether the service has answered before, at the same address: then it is there, and can be waited for.
    pub reached: bool,
    /// Whether rows of the present input have been answered by the present job: then the job is right, and rows that are
    /// refused are to blame themselves.
    pub works: bool,
    /// Requests within the window of the slowest limit: how long ago each was sent, and its tokens; `None` where nobody
    /// knows them.
    pub recent: Vec<(Duration, Option<u64>)>,
    /// The tokens that count for such a request of which nobody knows them.
    pub tokens_unknown: u64,
}

/// A run, the present one included, as far as it found doubts.
#[derive(Debug, Clone, Copy)]
pub struct EarlierRun {
    /// How long ago it began.
    pub began: Duration,
    /// Requests of the run before it that may have been sent and are not stored.
    pub in_doubt: u64,
}

/// The requests in doubt within such a time. A killed run may have sent them long after it stored something for the last
/// time, up to the moment at which the next run began; that one may have been killed in its turn before it sent anything,
/// and no later run calls them in doubt again.
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
