//! The largest piece of a text that suits a model.

use crate::job::Job;
use crate::job::facts::ModelInfo;
use crate::job::split::{PieceSize, Split};
use crate::render::estimate::tokens_of_piece;

/// For a translation model: into every language measured, the answer fits the 8,192 tokens that such a model writes. The same text
/// takes up to 5.5 times as many tokens in another language as in English.
const TRANSLATION_TOKENS: u64 = 1_200;

/// For a model of which nothing is known.
const UNKNOWN_TOKENS: u64 = 4_000;

/// The smallest budget, however long the prompt is.
const LEAST_TOKENS: u64 = 64;

/// The largest piece that a job asks for, or that suits its model: for a translation model, what it can surely write; for any other,
/// nine tenths of what it reads at its lowest price, less the prompt.
pub(super) fn budget(job: &Job, split: &Split) -> u64 {
    match split.max_tokens {
        PieceSize::Tokens(tokens) => tokens,
        PieceSize::Auto => {
            let facts = job.model.name.as_deref().map(|name| job.facts_of(name)).unwrap_or_default();
            match facts.languages {
                Some(_) => TRANSLATION_TOKENS,
                None => readable(&facts).saturating_sub(of_prompt(job)).max(LEAST_TOKENS),
            }
        }
    }
}

/// The most tokens of parts that a request over answers may have: what its model reads at its lowest price, less the prompt.
pub(super) fn of_parts(job: &Job) -> u64 {
    let facts = job.model.name.as_deref().map(|name| job.facts_of(name)).unwrap_or_default();
    readable(&facts).saturating_sub(of_prompt(job)).max(LEAST_TOKENS)
}

/// Nine tenths of the longest input at the lowest price.
fn readable(facts: &ModelInfo) -> u64 {
    let tiers = facts.price.iter().flat_map(|price| &price.tiers);
    let lowest = tiers.min_by(|one, other| one.input.total_cmp(&other.input));
    let tier = lowest.and_then(|tier| tier.up_to);
    let longest = facts.max_input_tokens_thinking.into_iter().chain(facts.max_input_tokens).min();
    match tier.into_iter().chain(longest).min() {
        Some(tokens) => tokens / 10 * 9,
        None => UNKNOWN_TOKENS,
    }
}

/// About the tokens of a job's own words.
pub(super) fn of_prompt(job: &Job) -> u64 {
    let Some(prompt) = &job.prompt else { return 0 };
    let turns = prompt.turns.iter().map(|turn| &turn.content);
    let texts = prompt.system.iter().chain(turns).chain(&prompt.user);
    texts.map(|text| tokens_of_piece(&text.source)).sum()
}
