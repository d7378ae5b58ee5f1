//! The actual usage of a request, learnt from the job's own answers.

use crate::outcome::Usage;
use crate::request::Estimate;

/// The weight of the newest answer.
const NEWEST: f64 = 0.05;

/// The assumed tokens of an answer before the first one.
const UNKNOWN_COMPLETION: f64 = 500.0;

/// How many answers must have been seen before their length counts as known.
const KNOWN_ANSWERS: usize = 8;

/// The relation between estimates and the service's counts.
#[derive(Debug, Default)]
pub(crate) struct Calibration {
    prompt: Option<f64>,
    /// Of a row's answer.
    completion: Option<f64>,
    worst_prompt: f64,
    /// The longest answer, in tokens.
    longest: u64,
    /// Answers whose length is known.
    answers: usize,
    /// The factor by which an answer exceeded its maximum length.
    overrun: f64,
}

impl Calibration {
    /// Starts with the longest answer of earlier runs; 0 if there was none.
    pub(crate) fn after(longest: u64) -> Self {
        let answers = if longest > 0 { KNOWN_ANSWERS } else { 0 };
        Self { longest, answers, ..Self::default() }
    }

    /// Learns the length of an answer to so many rows.
    pub(crate) fn learn_length(&mut self, estimate: &Estimate, tokens: u64, rows: usize) {
        self.longest = self.longest.max(tokens.div_ceil(rows as u64));
        self.answers += 1;
        if !estimate.unbounded {
            let overrun = tokens as f64 / estimate.max_completion_tokens.max(1) as f64;
            self.overrun = self.overrun.max(overrun);
        }
    }

    /// How many requests with answers of unknown maximum length may be in flight; `None` means any number.
    pub(crate) fn may_leave_unbounded(&self) -> Option<usize> {
        (self.answers < KNOWN_ANSWERS).then_some(self.answers + 1)
    }

    /// Learns from an answer.
    pub(crate) fn learn(&mut self, estimate: &Estimate, usage: &Usage, rows: usize) {
        if let Some(prompt) = usage.prompt_tokens {
            let ratio = prompt as f64 / estimate.prompt_tokens.max(1) as f64;
            average(&mut self.prompt, ratio);
            // The worst ratio is forgotten slowly.
            self.worst_prompt = ratio.max(self.worst_prompt * 0.999);
        }
        if let Some(completion) = usage.completion_tokens {
            average(&mut self.completion, completion as f64 / rows as f64);
        }
    }

    /// Tokens a request of so many rows is expected to use, input and output.
    pub(crate) fn expected(&self, estimate: &Estimate, rows: usize) -> f64 {
        let completion = self.completion.unwrap_or(UNKNOWN_COMPLETION) * rows as f64;
        self.in_prompt(estimate.prompt_tokens as f64) + completion.min(estimate.max_completion_tokens as f64)
    }

    /// An estimate of the tokens of a prompt, corrected.
    pub(crate) fn in_prompt(&self, estimated: f64) -> f64 {
        estimated * self.prompt.unwrap_or(1.0)
    }

    /// The tokens that the answer to a row is expected to have.
    pub(crate) fn in_answer(&self, estimate: &Estimate) -> f64 {
        self.completion.unwrap_or(UNKNOWN_COMPLETION).min(estimate.max_completion_tokens as f64)
    }

    /// The most that a request of so many rows can use, which a cap reserves. If the maximum length of its answer is unknown, that is twice
    /// the longest so far.
    pub(crate) fn worst(&self, estimate: &Estimate, rows: usize) -> Estimate {
        let factor = self.worst_prompt.max(1.0) * 1.1;
        let completion = match (estimate.unbounded, estimate.max_completion_tokens) {
            (true, guess) => guess.max(self.longest.saturating_mul(2).saturating_mul(rows as u64)),
            // A maximum that was exceeded is not one.
            (false, bound) if self.overrun > 1.0 => (bound as f64 * self.overrun * 2.0).ceil() as u64,
            (false, bound) => bound,
        };
        Estimate {
            prompt_tokens: (estimate.prompt_tokens as f64 * factor).ceil() as u64,
            max_completion_tokens: completion,
            ..*estimate
        }
    }
}

fn average(known: &mut Option<f64>, newest: f64) {
    *known = Some(known.map_or(newest, |known| known + (newest - known) * NEWEST));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guess_follows_the_job_s_own_answers() {
        let estimate = Estimate { prompt_tokens: 100, max_completion_tokens: 8192, unbounded: false };
        let usage = Usage::of(150, 40);
        let mut calibration = Calibration::default();
        assert_eq!(calibration.expected(&estimate, 1), 600.0);
        for _ in 0..50 {
            calibration.learn(&estimate, &usage, 1);
        }
        assert!((calibration.expected(&estimate, 1) - 190.0).abs() < 1.0);
        assert!(calibration.worst(&estimate, 1).prompt_tokens >= 165);
    }

    #[test]
    fn the_longest_answer_is_learnt_upwards_where_nobody_knows_it() {
        let estimate = Estimate { prompt_tokens: 100, max_completion_tokens: 8192, unbounded: true };
        let mut calibration = Calibration::default();
        assert_eq!(calibration.may_leave_unbounded(), Some(1));
        assert_eq!(calibration.worst(&estimate, 1).max_completion_tokens, 8192);
        calibration.learn_length(&estimate, 50_000, 1);
        calibration.learn_length(&estimate, 40, 1);
        assert_eq!(calibration.worst(&estimate, 1).max_completion_tokens, 100_000);
        assert_eq!(calibration.may_leave_unbounded(), Some(3));
        let next_run = Calibration::after(50_000);
        assert_eq!(next_run.worst(&estimate, 1).max_completion_tokens, 100_000);
        assert_eq!(next_run.may_leave_unbounded(), None);
    }

    #[test]
    fn a_bound_that_an_answer_exceeded_does_not_count() {
        let estimate = Estimate { prompt_tokens: 100, max_completion_tokens: 50, unbounded: false };
        let mut calibration = Calibration::default();
        calibration.learn_length(&estimate, 50, 1);
        assert_eq!(calibration.worst(&estimate, 1).max_completion_tokens, 50);
        calibration.learn_length(&estimate, 200, 1);
        assert_eq!(calibration.worst(&estimate, 1).max_completion_tokens, 400);
    }
}
