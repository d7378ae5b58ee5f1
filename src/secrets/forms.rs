//! The forms in which a server may echo a secret: unchanged, percent-encoded, in base64, in hexadecimal, with JSON's
//! escapes.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The characters that are percent-encoded in every part of an address (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// All forms of a secret to search for, the secret itself first.
pub(super) fn of(secret: &str) -> Vec<String> {
    let encoded = || utf8_percent_encode(secret, RESERVED);
    let in_lower_case = |piece: &str| match piece.starts_with('%') {
        true => piece.to_ascii_lowercase(),
        false => piece.to_owned(),
    };
    let mut forms = vec![secret.to_owned(), encoded().to_string(), encoded().map(in_lower_case).collect()];
    // Some programs encode every letter.
    for before in ["%", ""] {
        forms.push(secret.bytes().map(|byte| format!("{before}{byte:02X}")).collect());
        forms.push(secret.bytes().map(|byte| format!("{before}{byte:02x}")).collect());
    }
    // A key with quotes in it.
    forms.push(secret.replace('\\', "\\\\").replace('"', "\\\""));
    for engine in [BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD] {
        forms.extend((0..3).map(|offset| in_base64(secret.as_bytes(), offset, &engine)));
    }
    let mut known: Vec<String> = Vec::new();
    for form in forms {
        if !known.contains(&form) {
            known.push(form);
        }
    }
    known
}

/// The letters that encode only the secret when it begins at this offset from a multiple of three: those at its ends also
/// encode its neighbours.
fn in_base64(secret: &[u8], offset: usize, engine: &impl Engine) -> String {
    let mut letters = engine.encode([&[0; 3][..offset], secret].concat());
    letters.truncate((offset + secret.len()) * 8 / 6);
    letters.split_off((offset * 8).div_ceil(6).min(letters.len()))
}

/// A text without JSON escapes of letters that need none; `None` if it has none of these.
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
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    #[test]
    fn a_secret_is_found_in_base64_at_any_position() {
        for before in ["", "B", "Be", "Bea", "Bearer "] {
            let whole = BASE64_STANDARD.encode(format!("{before}sk-4f1d9c7e2b later on"));
            assert!(of("sk-4f1d9c7e2b").iter().any(|form| whole.contains(form)), "{before}: {whole}");
        }
    }

    #[test]
    fn a_secret_of_ordinary_letters_has_no_percent_encoding_of_its_own() {
        assert_eq!(of("sk-1/2+3=4")[1..3], ["sk-1%2F2%2B3%3D4", "sk-1%2f2%2b3%3d4"]);
        let encoded = |form: &&String| form.contains('%') && form.contains("sk-");
        assert_eq!(of("sk-4f1d9c7e2b").iter().filter(encoded).count(), 0);
        assert!(
            of("sk-1").contains(&"%73%6B%2D%31".to_owned()) && of("sk-1").contains(&"736b2d31".to_owned())
        );
    }

    #[test]
    fn unnecessary_escapes_are_undone_and_the_others_stay() {
        let text = r#"{"a":"\u0073k\u002D1\/2","b":"\u0022\\u0073\n\ud83d\u00e9\"#;
        assert_eq!(unescaped(text).as_deref(), Some(r#"{"a":"sk-1/2","b":"\u0022\\u0073\n\ud83d\u00e9\"#));
        assert_eq!(unescaped(r#"{"a":"b\n"}"#), None);
    }
}
