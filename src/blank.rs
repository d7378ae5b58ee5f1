//! What a blank text is: white space, and characters without a width.

use serde_json::Value;

/// Whether a character is white space, or has no width: zero-width spaces and joiners, marks of direction, a byte order mark.
pub fn is_blank_letter(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// Whether a text has nothing else.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(is_blank_letter)
}

/// Whether a value is null, or a blank text.
pub fn is_blank_value(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => is_blank(text),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_characters_without_a_width_are_blank() {
        for blank in [
            "",
            " ",
            "\u{feff}\r\n \u{3000}\t",
            "\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}",
            "\u{2060}\u{180e}\u{a0}\u{85}",
        ] {
            assert!(is_blank(blank), "{blank:?}");
        }
        for text in [".", "0", "\u{200b}a", "\u{301}", "🏳\u{200d}🌈", "-", "\u{7}"] {
            assert!(!is_blank(text), "{text:?}");
        }
        assert!(is_blank_value(&Value::Null) && !is_blank_value(&Value::from(0)));
    }
}
