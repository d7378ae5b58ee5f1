//! The forms in which a server may echo a secret: as it is, percent-encoded, in base64, in
//! hexadecimal, with JSON's escapes.

const ALPHABETS: [&[u8; 64]; 2] = [
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
];

/// All forms of a secret that a text is searched for, the secret itself first.
pub(super) fn of(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), percent_encoded(secret, false), percent_encoded(secret, true)];
    // By programs that encode every letter.
    for (before, upper) in [("%", true), ("%", false), ("", true), ("", false)] {
        forms.push(in_hexadecimal(secret, before, upper));
    }
    // A key with quotes in it.
    forms.push(secret.replace('\\', "\\\\").replace('"', "\\\""));
    for alphabet in ALPHABETS {
        forms.extend((0..3).map(|offset| base64(secret.as_bytes(), offset, alphabet)));
    }
    let mut known: Vec<String> = Vec::new();
    for form in forms {
        if !known.contains(&form) {
            known.push(form);
        }
    }
    known
}

fn in_hexadecimal(secret: &str, before: &str, upper: bool) -> String {
    let digits = |byte: u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
    secret.bytes().map(|byte| format!("{before}{}", digits(byte))).collect()
}

fn percent_encoded(secret: &str, lower: bool) -> String {
    let encoded = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ if lower => format!("%{byte:02x}"),
        _ => format!("%{byte:02X}"),
    };
    secret.bytes().map(encoded).collect()
}

/// The letters that stand for the secret alone when it stands in a text so many bytes behind a multiple of three: those
/// at its ends stand for its neighbours too.
fn base64(secret: &[u8], offset: usize, alphabet: &[u8; 64]) -> String {
    let bit = |index: usize| {
        let byte = index / 8;
        (secret[byte] >> (7 - index % 8)) & 1
    };
    // Bits before the first letter that begins within the secret.
    let skipped = (6 - (offset * 8) % 6) % 6;
    let letters = (secret.len() * 8 - skipped) / 6;
    let letter = |nth: usize| {
        let value = (0..6).fold(0, |value, index| value << 1 | usize::from(bit(skipped + nth * 6 + index)));
        char::from(alphabet[value])
    };
    (0..letters).map(letter).collect()
}

/// A text without the escapes of JSON for letters that need none; `None` when it has none of these.
pub(super) fn unescaped(text: &str) -> Option<String> {
    if !text.contains("\\u00") && !text.contains("\\/") {
        return None;
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let escape = &rest[at..];
        let letter = escape.get(2..6).filter(|_| escape.starts_with("\\u"));
        let letter = letter.and_then(|digits| u8::from_str_radix(digits, 16).ok()).map(char::from);
        let (letter, length) = match letter {
            Some(letter) if letter.is_ascii_graphic() && !"\"\\".contains(letter) => (Some(letter), 6),
            _ if escape.starts_with("\\/") => (Some('/'), 2),
            _ => (None, escape.char_indices().nth(2).map_or(escape.len(), |(end, _)| end)),
        };
        match letter {
            Some(letter) => plain.push(letter),
            None => plain.push_str(&escape[..length]),
        }
        rest = &escape[length..];
    }
    plain.push_str(rest);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text book's way, for a whole text.
    fn encoded(text: &str) -> String {
        let padded = [text.as_bytes(), &[0; 2]].concat();
        let groups = padded.chunks_exact(3).map(|group| base64(group, 0, ALPHABETS[0]));
        groups.collect()
    }

    #[test]
    fn a_secret_is_found_in_base64_wherever_it_stands() {
        assert_eq!(encoded("Man"), "TWFu");
        for before in ["", "B", "Be", "Bea", "Bearer "] {
            let whole = encoded(&format!("{before}sk-4f1d9c7e2b{}", "later on"));
            assert!(of("sk-4f1d9c7e2b").iter().any(|form| whole.contains(form)), "{before}: {whole}");
        }
    }

    #[test]
    fn a_secret_of_ordinary_letters_has_no_percent_encoding_of_its_own() {
        assert_eq!(of("sk-1/2+3=4")[1], "sk-1%2F2%2B3%3D4");
        let encoded = |form: &&String| form.contains('%') && form.contains("sk-");
        assert_eq!(of("sk-4f1d9c7e2b").iter().filter(encoded).count(), 0);
        assert!(
            of("sk-1").contains(&"%73%6B%2D%31".to_owned()) && of("sk-1").contains(&"736b2d31".to_owned())
        );
    }

    #[test]
    fn escapes_that_are_not_needed_are_taken_back_and_the_others_stay() {
        let text = r#"{"a":"\u0073k\u002D1\/2","b":"\u0022\\u0073\n\ud83d\u00e9\"#;
        assert_eq!(unescaped(text).as_deref(), Some(r#"{"a":"sk-1/2","b":"\u0022\\u0073\n\ud83d\u00e9\"#));
        assert_eq!(unescaped(r#"{"a":"b\n"}"#), None);
    }
}
