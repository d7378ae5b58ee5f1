//! Texts that are certainly too long for their model.
//!
//! Only the service can count the tokens of a text, but a lower bound needs no vocabulary. Qwen's tokenizer first splits a
//! text into words, digits and signs, and no token spans two of them (the pattern is in `tokenizer.json` of every open Qwen
//! model). So a text has at least as many tokens as words and numbers. A longer word may still be a single token, and so
//! may a run of Chinese: a run counts as one token per 64 letters, which is longer than any word of the vocabulary. Signs
//! and blanks are not counted. The service itself rejects what passes here ("Range of input length should be …").

use super::draft::DraftBody;
use super::violation::Violation;

/// More letters than any token of the vocabulary has.
const LETTERS_IN_A_TOKEN: u64 = 64;

/// As many digits as similar tokenizers put into one token; Qwen's own has one digit per token.
const DIGITS_IN_A_TOKEN: u64 = 3;

/// The maximum input tokens of the request's model, where known.
pub(super) fn longest(draft: DraftBody<'_>) -> Option<u64> {
    let thinks = draft.thinks() == Some(true);
    let facts = draft.facts;
    // Where it is unknown whether the request thinks, the larger maximum applies.
    let longest = match thinks {
        true => facts.max_input_tokens_thinking.or(facts.max_input_tokens),
        false => facts.max_input_tokens,
    };
    longest.map(at_most)
}

/// Rejects texts that certainly have more tokens than the model accepts.
pub(super) fn fits<'t>(
    texts: impl Iterator<Item = &'t str> + Clone,
    longest: u64,
    model: &str,
) -> Result<(), Violation> {
    let bytes: usize = texts.clone().map(str::len).sum();
    if bytes as u64 <= longest {
        return Ok(());
    }
    let tokens: u64 = texts.map(least_tokens).sum();
    match tokens > longest {
        false => Ok(()),
        true => Err(Violation::with_message(
            "messages",
            format!("the text has at least {tokens} tokens, and {model} accepts at most {longest}"),
        )
        .help("add [split] to the job, which cuts a long text into pieces: `--set split.max_tokens=1200`")),
    }
}

/// The largest number that a rounded fact may mean. For pages that say "32k" the model table has 32,000, the cautious
/// reading for an estimate; 32,768 is the cautious one for a rejection.
pub(super) fn at_most(figure: u64) -> u64 {
    match figure % 1_000 {
        0 => figure / 1_000 * 1_024,
        _ => figure,
    }
}

/// The minimum number of tokens that a text can have.
fn least_tokens(text: &str) -> u64 {
    let (mut tokens, mut letters, mut digits) = (0, 0_u64, 0_u64);
    for character in text.chars() {
        if character.is_alphabetic() {
            tokens += u64::from(letters % LETTERS_IN_A_TOKEN == 0);
            (letters, digits) = (letters + 1, 0);
        } else if character.is_ascii_digit() {
            tokens += u64::from(digits % DIGITS_IN_A_TOKEN == 0);
            (letters, digits) = (0, digits + 1);
        } else if parts_words(character) {
            (letters, digits) = (0, 0);
        }
    }
    tokens
}

/// Whether a character always separates words. Combining accents and joiners do not.
fn parts_words(character: char) -> bool {
    character.is_whitespace()
        || character.is_ascii_punctuation()
        || matches!(character, '\u{2010}'..='\u{2027}' | '\u{3001}'..='\u{3003}' | '\u{FF01}' | '\u{FF0C}' | '\u{FF1F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_are_a_token_each_and_signs_none() {
        assert_eq!(least_tokens("Two words, and 42!"), 3 + 1);
        assert_eq!(least_tokens("don't 12345"), 2 + 2);
        assert_eq!(least_tokens("e\u{301}te\u{301}"), 1, "an accent by itself ends no word");
        assert_eq!(least_tokens(" \n--- "), 0);
        assert_eq!(least_tokens("很高兴认识你。再见"), 2);
        assert_eq!(least_tokens(&"a".repeat(65)), 2);
    }

    #[test]
    fn a_figure_in_thousands_may_mean_1024_each() {
        assert_eq!((at_most(32_000), at_most(8_192), at_most(1_000_000)), (32_768, 8_192, 1_024_000));
    }
}
