//! Which requests of a plan may travel together, and how large they are: to say what packing saves.

use std::collections::HashMap;

use super::cost_estimate::Likely;
use crate::job::Job;
use crate::packs::{PackForecast, PackKey, PackText, RowSize, forecast};
use crate::request::ChatRequest;

/// Requests that are looked at: the first ones of a long input represent the others.
pub(super) const LOOKED_AT: u64 = 20_000;

/// Kinds of requests that are counted separately. Requests of further kinds count as alone.
const MOST_KINDS: usize = 1_000;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PackSurvey {
    looked_at: u64,
    /// Those that may travel with one another, by what they have in common.
    kinds: HashMap<PackKey, SameKind>,
    /// Those beyond [`MOST_KINDS`].
    others: SameKind,
}

/// Requests that may travel together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct SameKind {
    requests: u64,
    /// Tokens that they could share, and others.
    shared: f64,
    own: f64,
}

impl SameKind {
    fn add(&mut self, size: RowSize) {
        self.requests += 1;
        self.shared += size.shared;
        self.own += size.own;
    }

    /// Their number and tokens, if each goes alone and there are `share` times as many.
    fn sum(&self, share: f64) -> (f64, f64) {
        (self.requests as f64 * share, (self.shared + self.own) * share)
    }

    /// The size of one, on average.
    fn each(&self) -> RowSize {
        let requests = self.requests.max(1) as f64;
        RowSize { shared: self.shared / requests, own: self.own / requests }
    }
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
    /// What is likely where each shared token is sent once for each request, and each text has a mark in the prompt and in the
    /// answer.
    pub fn applied_to(&self, likely: Likely) -> Likely {
        let marks = self.packed.marks / 2.0;
        let more = (self.packed.tokens - marks - self.alone.tokens).max(-likely.prompt_tokens);
        let prompt = 1.0 + more / likely.prompt_tokens.max(1.0);
        let answer = 1.0 + marks / likely.completion_tokens.max(1.0);
        let most = likely.most_completion_tokens + marks;
        Likely {
            prompt_tokens: likely.prompt_tokens * prompt,
            completion_tokens: likely.completion_tokens * answer,
            most_completion_tokens: most,
            prompts: likely.prompts * prompt,
            saved_by_cache: likely.saved_by_cache * prompt,
            answers: likely.answers * answer,
            most: likely.most + likely.prompts * (prompt - 1.0).max(0.0) + likely.answers * (answer - 1.0),
            ..likely
        }
    }
}

/// What a request has in common with those that it may travel with, and its size; `None` for one that goes alone.
pub(super) fn kind_and_size(request: &ChatRequest) -> Option<(PackKey, RowSize)> {
    let text = PackText::of(request)?;
    let likely = &request.likely;
    let shared = (likely.prompt_tokens - text.own_tokens).max(0.0);
    Some((text.key, RowSize { shared, own: text.own_tokens + likely.completion_tokens }))
}

impl PackSurvey {
    /// Adds a request that was looked at.
    pub(super) fn add(&mut self, found: Option<(PackKey, RowSize)>) {
        self.looked_at += 1;
        let Some((key, size)) = found else { return };
        let has_room = self.kinds.len() < MOST_KINDS;
        match self.kinds.get_mut(&key) {
            Some(kind) => kind.add(size),
            None if has_room => self.kinds.entry(key).or_default().add(size),
            None => self.others.add(size),
        }
    }

    /// What packing makes of this many requests, which are like those that were looked at; `None` if none of them may travel
    /// together.
    pub fn effect(&self, job: &Job, requests: u64) -> Option<PackingEffect> {
        let share = requests as f64 / self.looked_at.max(1) as f64;
        // Where others were looked at too, one of its kind has no company in the rest of the input either.
        let is_single = |kind: &SameKind| kind.requests == 1 && self.looked_at > 1;
        let (single, several): (Vec<_>, Vec<_>) = self.kinds.values().partition(|kind| is_single(kind));
        let scaled = |kind: &SameKind| ((kind.requests as f64 * share).round() as usize, kind.each());
        let several: Vec<_> = several.into_iter().map(scaled).filter(|(requests, _)| *requests > 0).collect();
        if several.iter().all(|(requests, _)| *requests < 2) {
            return None;
        }
        let alone: Vec<_> = single.into_iter().chain([&self.others]).map(|kind| kind.sum(share)).collect();
        let settings = job.pack.unwrap_or_default();
        let a_minute = job.quotas.requests_each_second().map(|each_second| each_second * 60.0);
        let tokens = job.quotas.tokens_per_minute.map(|quota| quota.each_second() * 60.0);
        let of = |settings| {
            let packs = several.iter().map(|(requests, size)| {
                let packs = forecast(std::iter::repeat_n(*size, *requests), settings, a_minute, tokens);
                (packs.requests as f64, packs.tokens, packs.marks)
            });
            let alone = alone.iter().map(|(requests, tokens)| (*requests, *tokens, 0.0));
            let (requests, sum, marks) = packs
                .chain(alone)
                .fold((0.0, 0.0, 0.0), |sum, more| (sum.0 + more.0, sum.1 + more.1, sum.2 + more.2));
            PackForecast::at_limits(requests.round() as u64, (sum, marks), a_minute, tokens)
        };
        Some(PackingEffect { alone: of(None), packed: of(Some(&settings)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: RowSize = RowSize { shared: 10.0, own: 20.0 };

    #[test]
    fn kinds_beyond_the_bound_are_counted_and_not_kept() {
        let mut survey = PackSurvey::default();
        let kinds = MOST_KINDS as u64 + 50;
        for _ in 0..2 {
            for number in 0..kinds {
                survey.add(Some((PackKey::numbered(number), SIZE)));
            }
        }
        assert_eq!(
            (survey.looked_at, survey.kinds.len(), survey.others.requests),
            (2 * kinds, MOST_KINDS, 100)
        );
        assert!(survey.kinds.values().all(|kind| kind.requests == 2 && kind.each() == SIZE));
    }
}
