//! What looks like an API key in a text that a user wrote: such a word does not belong on a command line, and is not shown
//! when the line that it stands in is.

use std::ops::Range;

/// No key is this short.
const SHORTEST: usize = 11;

/// What a token behind `Bearer` does not have in it.
const ENDS_A_TOKEN: [char; 8] = [' ', '\t', '\r', '\n', '"', '\'', '`', ','];

/// Where words stand that look like keys: they begin with `sk-` or follow `Bearer`, are long enough, and have digits in
/// them. And what stands before the `@` of an address.
pub(super) fn places(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut after_bearer = false;
    for mut word in words(text) {
        if after_bearer {
            // A token has signs in it that stand between words elsewhere.
            word.end = word.start + text[word.start..].find(ENDS_A_TOKEN).unwrap_or(text.len() - word.start);
        }
        let letters = &text[word.clone()];
        let long = letters.len() >= SHORTEST && letters.contains(|c: char| c.is_ascii_digit());
        if long && (letters.starts_with("sk-") || after_bearer) {
            found.push(word.clone());
        }
        after_bearer = letters.eq_ignore_ascii_case("bearer");
    }
    found.extend(hooks(text));
    for (scheme, _) in text.match_indices("://") {
        let begin = scheme + 3;
        let rest = text[begin..].split(['/', '?', '#', '"', '\'', '\n', ' ']).next().unwrap_or_default();
        found.extend(rest.rfind('@').map(|length| begin..begin + length));
    }
    found
}

/// The values of keys that are called `url`, as that of `[notify]`: an address that is a secret.
fn hooks(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    text.match_indices("url").filter_map(|(at, word)| {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-') {
            return None;
        }
        let rest = text[at + word.len()..].trim_start_matches(['"', '\'']).trim_start_matches([' ', '\t']);
        let value = rest.strip_prefix('=')?.trim_start_matches([' ', '\t']);
        let line = value.split('\n').next().unwrap_or_default();
        let (inside, skipped) = match line.chars().next()? {
            quote @ ('"' | '\'') => {
                let line = line.trim_start_matches(quote);
                (line.split(quote).next().unwrap_or_default(), value.find(line).unwrap_or(0))
            }
            _ => (line.trim_end(), 0),
        };
        let begin = text.len() - rest.len() + (rest.len() - value.len()) + skipped;
        Some(begin..begin + inside.len())
    })
}

/// The text with stars in the place of what looks like a key, as long as before.
pub(super) fn masked(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for place in places(text) {
        bytes[place].fill(b'*');
    }
    // Whole words were replaced, so that it is still text.
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The words of a text, of the letters that keys are made of.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let is_of_a_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut from = 0;
    std::iter::from_fn(move || {
        let begin = from + text[from..].find(is_of_a_word)?;
        let length = text[begin..].find(|c| !is_of_a_word(c)).unwrap_or(text.len() - begin);
        from = begin + length;
        Some(begin..from)
    })
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn keys_are_masked_wherever_they_stand_and_other_words_are_not() {
        for (text, shown) in [
            ("api_key = \"sk-4f1d9c7e2b\"", "api_key = \"*************\""),
            ("é: Bearer 4f1d9c7e2b0a, é", "é: Bearer ************, é"),
            (
                "a = \"Bearer eyJhbGci1.eyJzdW+/9=.SflKxw\" # b",
                "a = \"Bearer ***************************\" # b",
            ),
            ("[notify]\nurl = \"https://h.example/x\" # b", "[notify]\nurl = \"*******************\" # b"),
            ("notify = { url='https://h/x', on = 1 }", "notify = { url='***********', on = 1 }"),
            ("base_url = \"https://h/x\"\nurl_env = \"X\"", "base_url = \"https://h/x\"\nurl_env = \"X\""),
            ("http://user:pässword@host/v1", "http://**************@host/v1"),
            (
                "sk-learn, ask-1234567890, sk-12, mail@host, http://host/a@b",
                "sk-learn, ask-1234567890, sk-12, mail@host, http://host/a@b",
            ),
        ] {
            assert_eq!(masked(text), shown);
        }
    }
}
