//! Finds values in a job file that may be secrets, by the names of their keys. The file may be invalid: the faulty line is
//! the one that is shown.

use std::ops::Range;

use strsim::damerau_levenshtein;

/// Words in the name of a key that make its value a secret.
const SECRET_WORDS: [&str; 17] = [
    "apikey",
    "auth",
    "authorization",
    "bearer",
    "cookie",
    "credential",
    "credentials",
    "hook",
    "key",
    "passphrase",
    "passwd",
    "password",
    "pwd",
    "secret",
    "token",
    "uri",
    "webhook",
];

/// The replacement for a hidden value.
const HIDDEN: &str = "…";

/// The most edits by which a name may be misspelt.
const SLIP: usize = 2;

/// The values that may be secrets, each to the end of its last line: only the key is shown.
pub(super) fn secret_values(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut table: Vec<String> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let end_of_line = line_end(text, at);
        let line = text[at..end_of_line].trim_start_matches([' ', '\t', '#']);
        let begin = end_of_line - line.len();
        if line.starts_with('[') {
            table = names(line.trim_start_matches('[').split(']').next().unwrap_or_default());
            at = end_of_line + 1;
            continue;
        }
        let (key, value) = halves(line);
        let value = begin + value;
        let path: Vec<String> = table.iter().cloned().chain(names(&line[..key])).collect();
        let end = value_end(text, value);
        if is_secret(&path) {
            found.push(value..line_end(text, end.unwrap_or(text.len())));
        } else if let Some(inner) = secret_inside(&path, &text[value..end.unwrap_or(end_of_line)]) {
            found.push(value + inner..line_end(text, end.unwrap_or(text.len())));
        }
        // A value that is already hidden needs no hiding.
        found.retain(|place| text[place.clone()] != *HIDDEN);
        at = line_end(text, end.unwrap_or(end_of_line)) + 1;
    }
    found
}

/// Whether the value of a key may be a secret.
pub(super) fn is_secret(path: &[String]) -> bool {
    let Some((last, tables)) = path.split_last() else { return false };
    let of = |name: &str| tables.iter().any(|table| damerau_levenshtein(table, name) <= SLIP);
    if of("notify") {
        return !["on", "allow_http"].contains(&last.as_str());
    }
    of("headers") || damerau_levenshtein(last, "headers") <= SLIP || names_a_secret(last)
}

/// Whether a name is that of a secret of any program, or nearly that of the key.
pub(super) fn names_a_secret(name: &str) -> bool {
    let is_address = ["url", "dsn"].contains(&name);
    let near = name.len() > 4 && damerau_levenshtein(name, "api_key") <= SLIP;
    is_address || near || name.split('_').any(|word| SECRET_WORDS.contains(&word))
}

/// The end of a statement's key, and the beginning of its value. Without a separator, the key is one word.
fn halves(line: &str) -> (usize, usize) {
    let mut quote = None;
    for (at, letter) in line.char_indices() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '"' | '\'') => quote = Some(letter),
            (None, '=' | ':') => {
                let rest = &line[at + 1..];
                return (at, line.len() - rest.trim_start().len());
            }
            _ => {}
        }
    }
    let word = line.find(|c: char| !is_of_a_key(c)).unwrap_or(line.len());
    (word, line.len() - line[word..].trim_start().len())
}

/// The names in a dotted key.
fn names(key: &str) -> Vec<String> {
    let name = |part: &str| part.trim().trim_matches(['"', '\'']).to_ascii_lowercase().replace('-', "_");
    key.split('.').map(name).filter(|name| !name.is_empty()).collect()
}

/// Where the first value that may be a secret begins, in a list or a table within a line.
fn secret_inside(path: &[String], value: &str) -> Option<usize> {
    if !value.starts_with(['{', '[']) {
        return None;
    }
    value.match_indices(['=', ':']).find_map(|(at, _)| {
        let before = value[..at].trim_end().trim_end_matches(['"', '\'']);
        let key = before
            .rfind(|c: char| !is_of_a_key(c))
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let path: Vec<String> = path.iter().cloned().chain(names(&before[key..])).collect();
        let begin = value.len() - value[at + 1..].trim_start().len();
        is_secret(&path).then_some(begin)
    })
}

fn is_of_a_key(c: char) -> bool {
    c.is_alphanumeric() || "-_.".contains(c)
}

/// The end of a value that begins there; `None` if there is none.
fn value_end(text: &str, begin: usize) -> Option<usize> {
    let value = &text[begin..];
    for quotes in ["\"\"\"", "'''"] {
        if let Some(rest) = value.strip_prefix(quotes) {
            return rest.find(quotes).map(|length| begin + length + 2 * quotes.len());
        }
    }
    let (mut depth, mut quote, mut escaped, mut is_note) = (0_u32, None, false, false);
    for (at, letter) in value.char_indices() {
        match letter {
            '\n' if depth == 0 => return Some(begin + at),
            '\n' => (quote, is_note) = (None, false),
            _ if is_note => {}
            _ if std::mem::take(&mut escaped) => {}
            '\\' if quote == Some('"') => escaped = true,
            _ if quote.is_some() => quote = quote.filter(|open| *open != letter),
            '"' | '\'' => quote = Some(letter),
            '#' => is_note = true,
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    (depth == 0).then_some(text.len())
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |length| at + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        for place in secret_values(text) {
            bytes[place].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b'*');
        }
        let mut shown = String::from_utf8(bytes).expect("text");
        while shown.contains("**") {
            shown = shown.replace("**", "*");
        }
        shown
    }

    #[test]
    fn only_the_key_is_left_of_a_line_that_may_hold_a_secret() {
        for (text, left) in [
            ("api_key = \"gsk_1\" # note", "api_key = *"),
            ("api_key: gsk_1", "api_key: *"),
            ("api_kye gsk_1", "api_kye *"),
            (
                "[model]\nname = \"q\"\napi_key_env = \"gsk_1\"\nx = 1",
                "[model]\nname = \"q\"\napi_key_env = *\nx = 1",
            ),
            (
                "model.api_key_command = [\"echo\",\n \"gsk_1\",\n]\nx = 1",
                "model.api_key_command = *\n*\n*\nx = 1",
            ),
            ("token = \"\"\"a\nb\"\"\"\nx = 1", "token = *\n*\nx = 1"),
            ("token = \"\"\"a\nb\nx = 1", "token = *\n*\n*"),
            (
                "model = { name = \"q\", api_key = \"gsk_1\" }\nx = 1",
                "model = { name = \"q\", api_key = *\nx = 1",
            ),
            ("[model]\nheaders = { \"X-A\" = \"1\", X-B = \"2\" }", "[model]\nheaders = *"),
            ("[model.heders]\nX-Any = \"1\"", "[model.heders]\nX-Any = *"),
            ("[notify]\nuri = \"https://h/x\"\non = \"end\"", "[notify]\nuri = *\non = \"end\""),
            ("notify = { on = \"end\", adress = \"https://h\" }", "notify = { on = \"end\", adress = *"),
            ("[\"model\"]\n\"api-key\" = 'x'", "[\"model\"]\n\"api-key\" = *"),
            ("# api_key = \"gsk_1\"", "# api_key = *"),
        ] {
            assert_eq!(shown(text), left, "{text}");
        }
    }

    #[test]
    fn other_lines_stay_unchanged() {
        for text in [
            "[model]\nname = \"qwen-plus\"\nbase_url = \"https://h/x\"",
            "[prompt]\nuser = \"\"\"\nName: {{ name }}\nkey: {{ key }}\ntoken = {{ t }}\n\"\"\"\n[limits]\nqps = \"fast\"",
            "prompt.user = \"the key: {{ key }}\"",
            "request.max_tokens = 5\nlimits.max_total_tokens = 7",
            "request = { max_tokens = 5, stop = [\"key = x\"] }",
            "user = \"\"\"never\nends",
            "on_length = \"keep\"",
        ] {
            assert!(secret_values(text).is_empty() || text.contains("stop"), "{text}: {}", shown(text));
        }
    }
}
