//! What the answers so far have used, beside what they were likely to: the rest is expected to differ alike.

use super::cost_estimate::Likely;
use super::scan::{Depth, Scan};
use super::{Opened, PipelineError};
use crate::journal::cursors::Entry;
use crate::journal::reader::Reader;
use crate::outcome::Status;

/// Answers from which on they are believed: before, single ones decide too much.
pub const BELIEVED: u64 = 10;

/// Answers that are looked at, at most: more change nothing.
const LOOKED_AT: u64 = 1_000;

/// Requests among which answers are looked for, at most: a long input need not be read a second time.
const LOOKED_THROUGH: u64 = 50_000;

/// What answers have used, beside what they were likely to use.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Experience {
    /// The answers.
    pub answers: u64,
    /// Tokens that their prompts had, cached ones among them.
    prompt: Compared,
    cached: u64,
    /// Tokens that the answers had.
    completion: Compared,
}

/// A number of tokens, and the number that was likely.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Compared {
    used: u64,
    likely: f64,
}

impl Compared {
    /// By what the likely number is to be multiplied.
    fn ratio(self) -> f64 {
        if self.likely > 0.0 { self.used as f64 / self.likely } else { 1.0 }
    }
}

impl Experience {
    /// Looks at the answers of a job.
    ///
    /// # Errors
    ///
    /// When input or journal cannot be read.
    pub fn of(opened: &Opened, journal: &Reader) -> Result<Self, PipelineError> {
        let entries = Reader::beside(journal.path())?.entries();
        let depth = |_: u64, entry: Option<&Entry>| match entry {
            Some(entry) if entry.status == Status::Ok => Depth::Whole,
            _ => Depth::Pass,
        };
        let mut experience = Self::default();
        for scanned in Scan::new(opened, opened.wanted_by_requests(), Some(entries), depth)? {
            let scanned = scanned?;
            if scanned.place.position >= LOOKED_THROUGH || experience.answers >= LOOKED_AT {
                break;
            }
            let Some(entry) = scanned.entry.as_ref().filter(|entry| entry.status == Status::Ok) else {
                continue;
            };
            let Some((_, Ok(request))) = scanned.prepared(opened) else { continue };
            if request.fingerprint != entry.fingerprint {
                continue;
            }
            if let Some(used) = journal.used_by(entry.number)? {
                experience.answers += 1;
                experience.prompt.used += used.prompt_tokens;
                experience.cached += used.cached_tokens;
                experience.completion.used += used.completion_tokens;
                experience.prompt.likely += request.likely.prompt_tokens;
                experience.completion.likely += request.likely.completion_tokens;
            }
        }
        Ok(experience)
    }

    /// Whether there are enough answers to go by.
    pub fn is_believed(&self) -> bool {
        self.answers >= BELIEVED
    }

    /// What is expected of requests that are likely to use this.
    #[must_use]
    pub fn applied_to(&self, likely: Likely) -> Likely {
        if !self.is_believed() {
            return likely;
        }
        let (prompt, completion) = (self.prompt.ratio(), self.completion.ratio());
        let from_cache = self.cached as f64 / self.prompt.used.max(1) as f64;
        let answers = likely.answers * completion;
        let prompts = (likely.prompts - likely.saved_by_cache * from_cache) * prompt;
        let saved_by_cache = likely.saved_by_cache * prompt;
        Likely {
            prompt_tokens: likely.prompt_tokens * prompt,
            completion_tokens: likely.completion_tokens * completion,
            prompts,
            saved_by_cache,
            answers,
            ..likely
        }
    }

    /// What the cache is expected to save of it, as it did so far.
    pub fn saved(&self, likely: &Likely) -> f64 {
        let from_cache = self.cached as f64 / self.prompt.used.max(1) as f64;
        if self.is_believed() { likely.saved_by_cache * from_cache * self.prompt.ratio() } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likely() -> Likely {
        Likely {
            prompt_tokens: 1_000.0,
            completion_tokens: 500.0,
            prompts: 1.0,
            saved_by_cache: 0.8,
            answers: 2.0,
            most: 20.0,
            ..Likely::default()
        }
    }

    fn answers(answers: u64) -> Experience {
        Experience {
            answers,
            prompt: Compared { used: 300, likely: 200.0 },
            cached: 150,
            completion: Compared { used: 50, likely: 100.0 },
        }
    }

    #[test]
    fn enough_answers_correct_what_is_expected_of_the_rest_and_few_do_not() {
        assert_eq!(answers(BELIEVED - 1).applied_to(likely()), likely());
        let expected = answers(BELIEVED).applied_to(likely());
        assert_eq!((expected.prompt_tokens, expected.completion_tokens), (1_500.0, 250.0));
        // Half of the prompts came from the cache, which saves 0.8 of 1: (1 - 0.4) × 1.5.
        assert!((expected.prompts - 0.9).abs() < 1e-12 && (expected.answers - 1.0).abs() < 1e-12);
        assert_eq!(expected.most, 20.0, "the most stays what it was");
    }
}
