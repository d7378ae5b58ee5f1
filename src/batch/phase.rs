//! How far a batch is, and what the journal knows of it.

use std::time::SystemTime;

use super::tag::BatchTag;
use crate::batch_service::ProviderBatch;

/// How far a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BatchPhase {
    /// Its lines are decided, and its file is written beside the journal.
    Planned,
    /// The provider has its file.
    Uploaded,
    /// The provider has the batch.
    Created,
    /// It has come to an end there, whichever.
    Ended,
    /// All its replies are in the journal.
    Collected,
    /// Its replies are judged, and its files are deleted, or left as the job says.
    Closed,
}

/// Every phase with its word.
const WORDS: [(BatchPhase, &str); 6] = [
    (BatchPhase::Planned, "planned"),
    (BatchPhase::Uploaded, "uploaded"),
    (BatchPhase::Created, "created"),
    (BatchPhase::Ended, "ended"),
    (BatchPhase::Collected, "collected"),
    (BatchPhase::Closed, "closed"),
];

impl BatchPhase {
    /// The word for it in the journal and in `status`.
    pub fn as_str(self) -> &'static str {
        WORDS.iter().find(|(phase, _)| *phase == self).map_or("", |(_, word)| word)
    }

    /// The phase of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        WORDS.iter().find(|(_, known)| *known == word).map(|(phase, _)| *phase)
    }
}

/// What the journal knows of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchRecord {
    /// Its number in the journal, from 1.
    pub number: i64,
    /// Its name.
    pub tag: BatchTag,
    /// How far it is.
    pub phase: BatchPhase,
    /// The run that planned it.
    pub run: i64,
    /// Where it was sent.
    pub base_url: String,
    /// The model of its requests.
    pub model: String,
    /// Its requests.
    pub lines: u32,
    /// The bytes of its file.
    pub file_bytes: u64,
    /// The hash of its file.
    pub file_hash: [u8; 16],
    /// How long the provider has for it, in hours.
    pub window_hours: u32,
    /// When its lines were decided.
    pub planned_at: SystemTime,
    /// When it was last asked for, if the answer to that is not known.
    pub asked_at: Option<SystemTime>,
    /// Its file, by the provider's id.
    pub input_file: Option<String>,
    /// The batch, by the provider's id.
    pub provider_id: Option<String>,
    /// The provider's word for its state.
    pub state: Option<String>,
    /// When the provider took it.
    pub created_at: Option<SystemTime>,
    /// When the provider began to work on it.
    pub started_at: Option<SystemTime>,
    /// When the provider gives it up.
    pub expires_at: Option<SystemTime>,
    /// When it was seen at its end.
    pub ended_at: Option<SystemTime>,
    /// When it was closed.
    pub closed_at: Option<SystemTime>,
    /// Requests that have succeeded, as the provider counts them.
    pub completed: u64,
    /// Requests that have failed, as the provider counts them.
    pub failed: u64,
    /// The file of its answers.
    pub output_file: Option<String>,
    /// The file of its errors.
    pub error_file: Option<String>,
    /// Replies that were received.
    pub replies: u64,
    /// Replies under names that are of no line.
    pub unknown: u64,
    /// Replies to lines that had one.
    pub doubled: u64,
}

impl BatchRecord {
    /// One that is planned: its number is that in the journal, once it is there.
    pub fn planned(tag: BatchTag, model: String, base_url: String, run: i64, planned_at: SystemTime) -> Self {
        Self {
            number: 0,
            tag,
            phase: BatchPhase::Planned,
            run,
            base_url,
            model,
            lines: 0,
            file_bytes: 0,
            file_hash: [0; 16],
            window_hours: 0,
            planned_at,
            asked_at: None,
            input_file: None,
            provider_id: None,
            state: None,
            created_at: None,
            started_at: None,
            expires_at: None,
            ended_at: None,
            closed_at: None,
            completed: 0,
            failed: 0,
            output_file: None,
            error_file: None,
            replies: 0,
            unknown: 0,
            doubled: 0,
        }
    }

    /// Takes over what the provider says of it now.
    pub fn update(&mut self, batch: ProviderBatch, now: SystemTime) {
        let ends = batch.state.is_end();
        self.phase = if ends { BatchPhase::Ended } else { BatchPhase::Created };
        self.state = Some(batch.state.as_str().to_owned());
        self.provider_id = Some(batch.id);
        self.created_at = batch.created_at.or(self.created_at).or(Some(now));
        self.started_at = batch.in_progress_at.or(self.started_at);
        self.expires_at = batch.expires_at.or(self.expires_at);
        self.ended_at = if ends { batch.ended_at.or(Some(now)) } else { None };
        (self.completed, self.failed) = (batch.counts.completed, batch.counts.failed);
        self.output_file = batch.output_file.or(self.output_file.take());
        self.error_file = batch.error_file.or(self.error_file.take());
    }

    /// When it went to the provider: when that took it or, before it has said so, when it was asked to.
    pub fn submitted_at(&self) -> SystemTime {
        self.created_at.or(self.asked_at).unwrap_or(self.planned_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_is_found_by_its_word_and_follows_the_one_before() {
        for (phase, word) in WORDS {
            assert_eq!((phase.as_str(), BatchPhase::of_word(word)), (word, Some(phase)));
        }
        assert!(WORDS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(BatchPhase::of_word("done"), None);
    }
}
