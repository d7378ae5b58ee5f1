//! Finds words that look like API keys in a user's text: they do not belong on a command line, and are masked when their
//! line is shown.

mod statements;

use std::ops::Range;

use statements::names_a_secret;

/// No key is this short.
const SHORTEST: usize = 11;

/// Characters that end a token after `Bearer`.
const ENDS_A_TOKEN: [char; 8] = [' ', '\t', '\r', '\n', '"', '\'', '`', ','];

/// The prefixes of well-known services' keys.
const BEGINNINGS: [&str; 21] = [
    "sk-",
    "sk_",
    "gsk_",
    "xai-",
    "hf_",
    "pplx-",
    "nvapi-",
    "csk-",
    "fw_",
    "r8_",
    "tgp_v1_",
    "AIza",
    "AKIA",
    "ghp_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "dop_v1_",
    "whsec_",
    "eyJ",
];

/// A word of this length, of lower-case letters and digits, is not a name that a person has chosen.
const RANDOM: usize = 16;

/// The places of words that look like keys: they have the prefix of a key or follow `Bearer`, are long enough, and contain
/// digits. Also the text before the `@` of an address, and the values of secrets in its query.
pub(crate) fn places(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut after_bearer = false;
    for mut word in words(text) {
        let letters = &text[word.clone()];
        let begins = BEGINNINGS.iter().any(|begin| letters.starts_with(begin));
        if after_bearer || letters.starts_with("eyJ") {
            // A token contains characters that separate words elsewhere.
            word.end = word.start + text[word.start..].find(ENDS_A_TOKEN).unwrap_or(text.len() - word.start);
        }
        let token = &text[word.clone()];
        let long = token.len() >= SHORTEST && token.contains(|c: char| c.is_ascii_digit());
        if long && (begins || after_bearer) {
            found.push(word.clone());
        }
        after_bearer = letters.eq_ignore_ascii_case("bearer");
    }
    for (scheme, _) in text.match_indices("://") {
        let begin = scheme + 3;
        let rest = text[begin..].split(['/', '?', '#', '"', '\'', '\n', ' ']).next().unwrap_or_default();
        found.extend(rest.rfind('@').map(|length| begin..begin + length));
        found.extend(in_a_query(text, begin));
    }
    found
}

/// The values in an address's query whose names are those of secrets: `?api_key=…`.
fn in_a_query(text: &str, begin: usize) -> Vec<Range<usize>> {
    let address = text[begin..].split(['"', '\'', '\n', ' ', '`']).next().unwrap_or_default();
    let Some(query) = address.find('?') else { return Vec::new() };
    let mut at = begin + query + 1;
    let mut found = Vec::new();
    for pair in address[query + 1..].split('&') {
        if let Some((name, value)) = pair.split_once('=')
            && names_a_secret(&name.to_ascii_lowercase().replace('-', "_"))
        {
            let value_at = at + name.len() + 1;
            found.push(value_at..value_at + value.len());
        }
        at += pair.len() + 1;
    }
    found
}

/// Whether a word that should name something, such as a file or a variable, looks like the key itself, or like an address.
pub fn is_no_name(word: &str) -> bool {
    let has = |test: fn(&char) -> bool| word.chars().any(|letter| test(&letter));
    let random = word.len() >= RANDOM
        && has(|letter| letter.is_ascii_digit())
        && has(|letter| letter.is_ascii_lowercase())
        && word.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_+=".contains(letter));
    random || word.contains("://") || !places(word).is_empty()
}

/// Whether a header's value looks like a key, by itself or by the header's name. Such a value is sent, but neither stored
/// nor shown.
pub fn looks_secret(name: &str, value: &str) -> bool {
    let (name, value) = (name.to_ascii_lowercase(), value.trim().to_ascii_lowercase());
    let telling = ["auth", "key", "token", "secret", "cookie", "password", "credential"];
    value.starts_with("sk-") || value.starts_with("bearer ") || telling.iter().any(|word| name.contains(word))
}

/// Whether a text contains something that looks like a key.
pub(crate) fn holds_a_key(text: &str) -> bool {
    !places(text).is_empty()
}

/// Whether a word is the name of an environment variable.
pub(crate) fn names_a_variable(word: &str) -> bool {
    let of_a_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    !word.is_empty()
        && !word.starts_with(|c: char| c.is_ascii_digit())
        && word.chars().all(of_a_name)
        && !is_no_name(word)
}

/// A name in a form that may be shown.
pub fn as_a_name(word: &str) -> &str {
    if is_no_name(word) { "…" } else { word }
}

/// Whether the value of a dotted key of the job file may be a secret.
pub(crate) fn is_secret(key: &str) -> bool {
    let names: Vec<String> = key.split('.').map(|name| name.to_ascii_lowercase().replace('-', "_")).collect();
    statements::is_secret(&names)
}

/// The text of a job file, or a `KEY=VALUE`, in a form that may be shown: values whose keys mean a secret are masked too.
pub(crate) fn masked_file(text: &str) -> String {
    starred(text, [places(text), statements::secret_values(text)].concat())
}

/// Whether a part of a job file overlaps a value that may be a secret.
pub(crate) fn touches_a_secret(text: &str, span: &Range<usize>) -> bool {
    let touches =
        |place: &Range<usize>| place.start <= span.end && span.start < place.end.max(place.start + 1);
    statements::secret_values(text).iter().any(touches)
}

/// The text with everything that looks like a key replaced by stars, of the same length.
pub fn masked(text: &str) -> String {
    starred(text, places(text))
}

fn starred(text: &str, places: Vec<Range<usize>>) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for place in places {
        bytes[place].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b'*');
    }
    // Whole words were replaced, so it is still valid text.
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The words of a text: runs of characters that keys consist of.
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
    use super::{is_no_name, masked};

    #[test]
    fn keys_are_masked_anywhere_and_other_words_are_not() {
        for (text, shown) in [
            ("api_key = \"sk-4f1d9c7e2b\"", "api_key = \"*************\""),
            ("é: Bearer 4f1d9c7e2b0a, é", "é: Bearer ************, é"),
            (
                "a = \"Bearer eyJhbGci1.eyJzdW+/9=.SflKxw\" # b",
                "a = \"Bearer ***************************\" # b",
            ),
            ("gsk_4f1d9c7e2b, xai-4f1d9c7e2b0", "**************, ***************"),
            ("at https://h/x?a=1&api_key=abc&b=2 it", "at https://h/x?a=1&api_key=***&b=2 it"),
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

    #[test]
    fn a_key_instead_of_a_name_is_distinguished_from_names() {
        for key in ["gsk_4f1d9c7e2bQ", "a8f3e1b2c4d5e6f7a8b9", "https://hooks.example/x", "sk-4f1d9c7e2b0"] {
            assert!(is_no_name(key), "{key}");
        }
        for name in [
            "MY_KEY_2",
            "my.key",
            "secrets/key-2024-11-30.txt",
            "NIGHT_URL",
            "cat",
            "/run/keys/4f1d9c7e2b4f1d9c7e2b",
        ] {
            assert!(!is_no_name(name), "{name}");
        }
    }
}
