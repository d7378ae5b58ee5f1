//! Which requests of a plan may travel together, and how large they are: to say what packing saves.

use super::cost_estimate::Likely;
use crate::job::Job;
use crate::packs::{PackForecast, PackText, RowSize, forecast};
use crate::request::ChatRequest;

/// Requests that are looked at: the first ones of a long input stand for the others.
pub(super) const LOOKED_AT: u64 = 20_000;

/// What was found.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PackSurvey {
    looked_at: u64,
    may_travel: u64,
    /// Tokens that they could share, and others.
    shared: f64,
    own: f64,
}

/// What packing makes of a job's requests, beside what they are alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PackingEffect {
    /// Each alone.
    pub alone: PackForecast,
    /// As many together as the settings say.
    pub packed: PackForecast,
}

impl PackingEffect {
    /// What is likely where each shared token is sent once for each request.
    pub fn applied_to(&self, likely: Likely) -> Likely {
        let saved = (self.alone.tokens - self.packed.tokens).clamp(0.0, likely.prompt_tokens);
        let share = 1.0 - saved / likely.prompt_tokens.max(1.0);
        Likely {
            prompt_tokens: likely.prompt_tokens * share,
            prompts: likely.prompts * share,
            saved_by_cache: likely.saved_by_cache * share,
            ..likely
        }
    }
}

/// The size of a request that may travel with others; `None` for one that goes alone.
pub(super) fn row_size(request: &ChatRequest) -> Option<RowSize> {
    let text = PackText::of(request)?;
    let likely = &request.likely;
    let shared = (likely.prompt_tokens - text.own_tokens).max(0.0);
    Some(RowSize { shared, own: text.own_tokens + likely.completion_tokens })
}

impl PackSurvey {
    /// Adds a request that was looked at.
    pub(super) fn add(&mut self, size: Option<RowSize>) {
        self.looked_at += 1;
        if let Some(size) = size {
            self.may_travel += 1;
            self.shared += size.shared;
            self.own += size.own;
        }
    }

    /// What packing makes of this many requests, which are like those that were looked at; `None` if none of them may travel
    /// together.
    pub fn effect(&self, job: &Job, requests: u64) -> Option<PackingEffect> {
        let found = self.may_travel as f64;
        let may_travel = (requests as f64 * found / self.looked_at.max(1) as f64).round() as usize;
        if may_travel < 2 {
            return None;
        }
        let size = RowSize { shared: self.shared / found, own: self.own / found };
        let settings = job.pack.unwrap_or_default();
        let a_minute = job.quotas.requests_each_second().map(|each_second| each_second * 60.0);
        let tokens = job.quotas.tokens_per_minute.map(|quota| quota.each_second() * 60.0);
        let of = |settings| forecast(std::iter::repeat_n(size, may_travel), settings, a_minute, tokens);
        Some(PackingEffect { alone: of(None), packed: of(Some(&settings)) })
    }
}
