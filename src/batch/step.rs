//! What is done next with a batch, and how often a lost one is looked for.

use std::time::Duration;

use super::phase::{BatchPhase, BatchRecord};

/// Looks for a batch whose creation has no known outcome, before it is created again, and the least time they take together.
const LOOKS: (u32, Duration) = (3, Duration::from_secs(10));

/// What is done next with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchStep {
    /// Its file is looked for under its name, and uploaded if it is not there.
    Upload,
    /// It is created: nobody has asked for that before.
    Create,
    /// It is looked for: it may have been created.
    LookFor,
    /// Its state is asked for.
    Poll,
    /// Its replies are downloaded.
    Download,
    /// Its replies are judged, and then it is closed.
    Judge,
    /// Nothing.
    Rest,
}

impl BatchStep {
    /// What follows on what the journal knows.
    pub fn after(record: &BatchRecord) -> Self {
        match record.phase {
            BatchPhase::Planned => Self::Upload,
            BatchPhase::Uploaded if record.asked_at.is_some() => Self::LookFor,
            BatchPhase::Uploaded => Self::Create,
            BatchPhase::Created => Self::Poll,
            BatchPhase::Ended => Self::Download,
            BatchPhase::Collected => Self::Judge,
            BatchPhase::Closed => Self::Rest,
        }
    }
}

/// Looks for a lost batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looks(u32);

impl Looks {
    /// It was looked for, and not there. Returns whether it may be created again.
    pub fn found_nothing(&mut self) -> bool {
        self.0 += 1;
        self.0 >= LOOKS.0
    }

    /// How long to wait until the next look.
    pub fn pause(poll: Duration) -> Duration {
        poll.max(LOOKS.1 / (LOOKS.0 - 1))
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::batch::tag::BatchTag;

    fn record(phase: BatchPhase, asked_at: Option<SystemTime>) -> BatchRecord {
        let planned = SystemTime::UNIX_EPOCH;
        let record = BatchRecord::planned(BatchTag::new(1), String::new(), String::new(), 1, planned);
        BatchRecord { phase, asked_at, ..record }
    }

    #[test]
    fn a_batch_that_was_asked_for_is_looked_for_before_it_is_asked_for_again() {
        let asked = Some(SystemTime::UNIX_EPOCH);
        for (phase, asked_at, step) in [
            (BatchPhase::Planned, None, BatchStep::Upload),
            (BatchPhase::Uploaded, None, BatchStep::Create),
            (BatchPhase::Uploaded, asked, BatchStep::LookFor),
            (BatchPhase::Created, asked, BatchStep::Poll),
            (BatchPhase::Ended, asked, BatchStep::Download),
            (BatchPhase::Collected, asked, BatchStep::Judge),
            (BatchPhase::Closed, asked, BatchStep::Rest),
        ] {
            assert_eq!(BatchStep::after(&record(phase, asked_at)), step, "{phase:?}");
        }
    }

    #[test]
    fn a_lost_batch_is_looked_for_three_times_over_ten_seconds_at_least() {
        let mut looks = Looks::default();
        assert_eq!([(); 3].map(|()| looks.found_nothing()), [false, false, true]);
        for poll in [Duration::from_millis(100), Duration::from_secs(60)] {
            assert!(Looks::pause(poll) * 2 >= Duration::from_secs(10) && Looks::pause(poll) >= poll);
        }
    }
}
