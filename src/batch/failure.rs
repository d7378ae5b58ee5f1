//! What to do about a batch that failed as a whole, by the provider's reasons: nothing of it was run, and it costs nothing.

use crate::batch_service::BatchError;

/// Codes of a queue that is full: the same file is accepted later.
const QUEUE_FULL: [&str; 5] = [
    "token_limit_exceeded",
    "enqueued_token_limit",
    "request_limit_exceeded",
    "rate_limit_exceeded",
    "throttling",
];

/// Codes of trouble at the provider.
const PASSING: [&str; 5] =
    ["internal_error", "server_error", "internal_server_error", "internalerror", "timeout"];

/// What a batch failed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchFailure {
    /// The provider's queue is full.
    QueueFull,
    /// Some of its lines are invalid: their rows fail, and the others go into another batch.
    Lines,
    /// Trouble that may be over.
    Passing,
    /// The next file would be refused as well.
    Refused,
}

impl BatchFailure {
    /// What these reasons mean.
    pub fn of(errors: &[BatchError]) -> Self {
        let any = |codes: &[&str]| {
            errors.iter().any(|error| {
                let code = error.code.to_ascii_lowercase();
                codes.iter().any(|known| code.contains(known))
            })
        };
        match () {
            () if any(&QUEUE_FULL) => Self::QueueFull,
            () if errors.iter().any(|error| error.line.is_some()) => Self::Lines,
            () if errors.is_empty() || any(&PASSING) => Self::Passing,
            () => Self::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reasons_decide_whether_a_file_waits_loses_lines_or_ends_the_run() {
        let error = |code: &str, line| BatchError { code: code.to_owned(), message: String::new(), line };
        for (errors, failure) in [
            (vec![error("token_limit_exceeded", None)], BatchFailure::QueueFull),
            (vec![error("Throttling.RateQuota", None)], BatchFailure::QueueFull),
            (vec![error("invalid_json_line", Some(3)), error("other", None)], BatchFailure::Lines),
            (vec![], BatchFailure::Passing),
            (vec![error("InternalError", None)], BatchFailure::Passing),
            (vec![error("mismatched_model", None)], BatchFailure::Refused),
        ] {
            assert_eq!(BatchFailure::of(&errors), failure, "{errors:?}");
        }
    }
}
