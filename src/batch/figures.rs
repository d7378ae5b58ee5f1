//! How the batches of a job stand, for people and programs.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::phase::{BatchPhase, BatchRecord};
use crate::job::units::shown;
use crate::text::{count, counted};

/// The batches that are not closed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct BatchFigures {
    /// How many.
    pub open: u64,
    /// Their requests.
    pub requests: u64,
    /// Requests with an answer, as the provider counts them.
    pub completed: u64,
    /// Requests without, as the provider counts them.
    pub failed: u64,
    /// Seconds since the first of them was submitted.
    pub oldest_seconds: Option<f64>,
}

impl BatchFigures {
    /// Those of some batches, closed ones among them.
    pub fn of(batches: &[BatchRecord], now: SystemTime) -> Self {
        let open = batches.iter().filter(|batch| batch.phase < BatchPhase::Closed);
        let age = |batch: &BatchRecord| now.duration_since(batch.submitted_at()).unwrap_or_default();
        open.fold(Self::default(), |sum, batch| Self {
            open: sum.open + 1,
            requests: sum.requests + u64::from(batch.lines),
            completed: sum.completed + batch.completed,
            failed: sum.failed + batch.failed,
            oldest_seconds: sum.oldest_seconds.into_iter().chain([age(batch).as_secs_f64()]).reduce(f64::max),
        })
    }

    /// `2 batches: 1,200 of 70,000 requests done, for 2h`; `None` if there are none.
    pub fn words(&self) -> Option<String> {
        if self.open == 0 {
            return None;
        }
        let oldest = Duration::from_secs(self.oldest_seconds.unwrap_or_default() as u64);
        let age = if oldest.is_zero() { String::new() } else { format!(", for {}", shown(oldest)) };
        Some(format!(
            "{}: {} of {} done{age}",
            match self.open {
                1 => "1 batch".to_owned(),
                open => format!("{} batches", count(open)),
            },
            count(self.completed + self.failed),
            counted(self.requests, "request"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::tag::BatchTag;

    #[test]
    fn closed_batches_are_no_part_of_the_figures() {
        let batch = |phase, lines, completed, planned: u64| {
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(planned);
            let record = BatchRecord::planned(BatchTag::new(1), String::new(), String::new(), 1, at);
            BatchRecord { phase, lines, completed, ..record }
        };
        let batches = [
            batch(BatchPhase::Closed, 9, 9, 0),
            batch(BatchPhase::Created, 5, 2, 40),
            batch(BatchPhase::Planned, 2, 0, 100),
        ];
        let figures = BatchFigures::of(&batches, SystemTime::UNIX_EPOCH + Duration::from_secs(100));
        assert_eq!((figures.open, figures.requests, figures.completed), (2, 7, 2));
        assert_eq!(figures.words().as_deref(), Some("2 batches: 2 of 7 requests done, for 1m 00s"));
        assert_eq!(BatchFigures::of(&batches[..1], SystemTime::UNIX_EPOCH).words(), None);
    }
}
