//! What a request will really use, learnt from the job's own answers.

use crate::outcome::Usage;
use crate::request::Estimate;

/// How much the newest answer counts.
const NEWEST: f64 = 0.05;

/// Tokens of an answer before there was one.
const UNKNOWN_COMPLETION: f64 = 500.0;

/// How guesses relate to what the service counts.
#[derive(Debug, Default)]
pub(crate) struct Calibration {
    prompt: Option<f64>,
    completion: Option<f64>,
    worst_prompt: f64,
}

impl Calibration {
    /// Learns from an answer.
    pub(crate) fn learn(&mut self, estimate: &Estimate, usage: &Usage) {
        if let Some(prompt) = usage.prompt_tokens {
            let ratio = prompt as f64 / estimate.prompt_tokens.max(1) as f64;
            average(&mut self.prompt, ratio);
            // The worst is forgotten slowly.
            self.worst_prompt = ratio.max(self.worst_prompt * 0.999);
        }
        if let Some(completion) = usage.completion_tokens {
            average(&mut self.completion, completion as f64);
        }
    }

    /// Tokens a request is expected to use, input and output.
    pub(crate) fn expected(&self, estimate: &Estimate) -> f64 {
        let completion =
            self.completion.unwrap_or(UNKNOWN_COMPLETION).min(estimate.max_completion_tokens as f64);
        estimate.prompt_tokens as f64 * self.prompt.unwrap_or(1.0) + completion
    }

    /// The most a request can use: what a cap sets aside.
    pub(crate) fn worst(&self, estimate: &Estimate) -> Estimate {
        let factor = self.worst_prompt.max(1.0) * 1.1;
        Estimate { prompt_tokens: (estimate.prompt_tokens as f64 * factor).ceil() as u64, ..*estimate }
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
        let estimate = Estimate { prompt_tokens: 100, max_completion_tokens: 8192 };
        let usage = Usage::of(150, 40);
        let mut calibration = Calibration::default();
        assert_eq!(calibration.expected(&estimate), 600.0);
        for _ in 0..50 {
            calibration.learn(&estimate, &usage);
        }
        assert!((calibration.expected(&estimate) - 190.0).abs() < 1.0);
        assert!(calibration.worst(&estimate).prompt_tokens >= 165);
    }
}
