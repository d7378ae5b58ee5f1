//! The simulator's own token count, used for prompts and answers alike.
//!
//! The rule can be worked out by hand in a test, without a model's vocabulary: a run of letters and digits is one token per
//! four characters, rounded up; every Chinese, Japanese or Korean character and every other sign is one token; blanks
//! belong to the token that follows them.

/// The number of tokens in a text.
pub fn count_tokens(text: &str) -> u64 {
    tokens(text).count() as u64
}

/// The tokens of a text, in order; joined, they are the text again.
pub(super) fn tokens(text: &str) -> Tokens<'_> {
    Tokens { rest: text }
}

/// The first `count` tokens of a text.
pub(super) fn first_tokens(text: &str, count: u64) -> &str {
    let length: usize = tokens(text).take(usize::try_from(count).unwrap_or(usize::MAX)).map(str::len).sum();
    &text[..length]
}

pub(super) struct Tokens<'a> {
    rest: &'a str,
}

const LETTERS_PER_TOKEN: usize = 4;

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let (token, rest) = self.rest.split_at(length_of_first(self.rest));
        self.rest = rest;
        Some(token)
    }
}

/// The length in bytes of the first token of a non-empty text.
fn length_of_first(text: &str) -> usize {
    let mut letters = 0;
    for (start, character) in text.char_indices() {
        if letters == 0 && character.is_whitespace() {
            continue;
        }
        if character.is_alphanumeric() && !is_wide(character) && letters < LETTERS_PER_TOKEN {
            letters += 1;
            continue;
        }
        return if letters == 0 { start + character.len_utf8() } else { start };
    }
    text.len()
}

/// Whether a character belongs to a script without blanks between words.
fn is_wide(character: char) -> bool {
    matches!(character,
        '\u{2E80}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7AF}' | '\u{F900}'..='\u{FAFF}'
        | '\u{FF00}'..='\u{FFEF}' | '\u{20000}'..='\u{3FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_by_four_letters_and_wide_characters_one_each() {
        assert_eq!(count_tokens(""), 0);
        assert_eq!(count_tokens("word"), 1);
        assert_eq!(count_tokens("words"), 2);
        assert_eq!(count_tokens("two words, here."), 1 + 2 + 1 + 1 + 1);
        assert_eq!(count_tokens("你好吗"), 3);
        assert_eq!(count_tokens("été"), 1);
    }

    #[test]
    fn tokens_put_together_are_the_text() {
        let text = "  Hello,  世界! A longerish line\nwith blanks \n";
        assert_eq!(tokens(text).collect::<String>(), text);
        assert_eq!(first_tokens(text, 2), "  Hello");
        assert_eq!(first_tokens(text, 1000), text);
    }
}
