//! Shortens a text to its first words.

/// How many words of the user's text an answer quotes.
const QUOTED_WORDS: usize = 8;
const QUOTED_CHARACTERS: usize = 60;

/// The first words of a text, with an ellipsis if something is left out.
pub(super) fn quote(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut quoted: String = words[..words.len().min(QUOTED_WORDS)].join(" ");
    let mut is_cut = words.len() > QUOTED_WORDS;
    if let Some((end, _)) = quoted.char_indices().nth(QUOTED_CHARACTERS) {
        quoted.truncate(end);
        is_cut = true;
    }
    if is_cut {
        quoted.push('…');
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_quoted_in_part() {
        assert_eq!(quote("a b"), "a b");
        assert_eq!(quote("1 2 3 4 5 6 7 8 9"), "1 2 3 4 5 6 7 8…");
        assert_eq!(quote(&"字".repeat(70)), format!("{}…", "字".repeat(60)));
    }
}
