//! The sentence that says what held the runs back, and its words.

use std::time::Duration;

use crate::job::units::shown;

/// The share of the time from which a single cause is named.
const MOSTLY: f64 = 0.5;

/// The seconds from which the report says what held back runs that sent nothing: they need less than this to find that there
/// is nothing to send.
pub(super) const RECORDED_FROM: f64 = 1.0;

/// A sentence about what held the runs back. `causes`: each cause and its seconds, the longest first; `runs`: the number of
/// runs; `requests`: how many requests they sent.
pub(super) fn sentence(causes: &[(String, f64)], runs: usize, requests: u64) -> String {
    let whole: f64 = causes.iter().map(|(_, seconds)| seconds).sum();
    let part = |seconds: f64| format!("{:.0} %", seconds * 100.0 / whole);
    match causes {
        _ if runs == 0 => "This job has not run yet.".to_owned(),
        _ if requests == 0 && whole < RECORDED_FROM => "Nothing was sent.".to_owned(),
        [] => "What held the run back was not recorded.".to_owned(),
        _ if whole <= 0.0 => "What held the run back was not recorded.".to_owned(),
        [(cause, seconds), ..] if *seconds >= whole * MOSTLY => {
            format!("For {} of the time it was {}.", part(*seconds), meaning(cause))
        }
        [(first, most), (second, next), ..] => format!(
            "No one thing held it back: for {} of the time it was {}, for {} {}.",
            part(*most),
            meaning(first),
            part(*next),
            meaning(second)
        ),
        [(cause, _)] => format!("It was {}.", meaning(cause)),
    }
}

/// The meaning of a cause for a reader who wants the job to be faster.
pub(super) fn meaning(cause: &str) -> String {
    match cause {
        "rate" => "held by the limit of requests: a higher qps or qpm would have made it faster",
        "tokens" => "held by the limit of tokens: a higher tpm would have made it faster",
        "throttling" => {
            "held by throttling: the service accepts less than the job's limits, or others share \
            the quota"
        }
        "concurrency" => {
            "waiting for answers: only more requests at once (concurrency) or a faster model can help"
        }
        "backoff" => "waiting to retry rows without an answer",
        "outage" => "held by an outage: the service answered no request",
        "cap" => {
            "held by a cap on cost or tokens: requests in flight could have reached it (max_cost, \
            max_total_tokens)"
        }
        "first rows" => "waiting for the first rows, which go ahead of the others",
        "pause" => "paused, by a user or by the schedule",
        other => return format!("held by {other}"),
    }
    .to_owned()
}

/// The class that gives a cause its colour.
pub(super) fn class_of(cause: &str) -> &'static str {
    match cause {
        "rate" => "by-rate",
        "tokens" => "by-tokens",
        "throttling" => "by-throttling",
        "concurrency" => "by-concurrency",
        "backoff" => "by-backoff",
        "outage" => "by-outage",
        "cap" => "by-cap",
        "first rows" => "by-first-rows",
        _ => "by-other",
    }
}

/// Seconds as a person reads them.
pub(super) fn time(seconds: f64) -> String {
    shown(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sentence_says_what_held_a_run_back() {
        let causes = |causes: &[(&str, f64)]| -> Vec<(String, f64)> {
            causes.iter().map(|(cause, seconds)| ((*cause).to_owned(), *seconds)).collect()
        };
        assert!(
            sentence(&causes(&[("rate", 90.0), ("outage", 10.0)]), 1, 5)
                .starts_with("For 90 % of the time it was held by the limit of requests")
        );
        let mixed = sentence(&causes(&[("rate", 40.0), ("throttling", 35.0), ("cap", 25.0)]), 2, 5);
        assert!(mixed.starts_with("No one thing held it back: for 40 % of the time"), "{mixed}");
        assert_eq!(sentence(&[], 0, 0), "This job has not run yet.");
        assert_eq!(sentence(&causes(&[("rate", 0.0)]), 1, 5), "What held the run back was not recorded.");
        assert_eq!(sentence(&causes(&[("concurrency", 0.001)]), 1, 0), "Nothing was sent.");
        assert!(sentence(&causes(&[("pause", 60.0)]), 1, 0).contains("paused"));
        assert!(sentence(&causes(&[("schedule", 9.0)]), 1, 5).contains("held by schedule"));
    }
}
