//! Several texts in one request, each under a numbered mark on a line of its own: `[[1]]`, `[[2]]`, …

/// The texts of a request, in the order of their marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NumberedTexts(pub(super) Vec<String>);

impl NumberedTexts {
    /// The texts of a message that has at least two of them; what stands before the first mark says what to do with them.
    pub(super) fn of(message: &str) -> Option<NumberedTexts> {
        let mut texts: Vec<Vec<&str>> = Vec::new();
        for line in message.split('\n') {
            if line == mark(texts.len() + 1) {
                texts.push(Vec::new());
            } else if let Some(text) = texts.last_mut() {
                text.push(line);
            }
        }
        (texts.len() > 1).then(|| NumberedTexts(texts.iter().map(|lines| lines.join("\n")).collect()))
    }

    /// An answer with a part for each text, under the same marks.
    pub(super) fn answered(&self, part: impl Fn(&str) -> String) -> String {
        let under = |(index, text): (usize, &String)| format!("{}\n{}", mark(index + 1), part(text));
        self.0.iter().enumerate().map(under).collect::<Vec<_>>().join("\n")
    }
}

/// The mark of a number.
pub(super) fn mark(number: usize) -> String {
    format!("[[{number}]]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_under_their_marks_and_answered_under_the_same() {
        let texts = NumberedTexts::of("Do both.\n[[1]]\none\n\nmore\n[[2]]\ntwo [[3]]").unwrap();
        assert_eq!(texts.0, ["one\n\nmore", "two [[3]]"]);
        assert_eq!(texts.answered(str::to_uppercase), "[[1]]\nONE\n\nMORE\n[[2]]\nTWO [[3]]");
        for alone in ["one", "[[1]]\none", "[[2]]\na\n[[3]]\nb"] {
            assert_eq!(NumberedTexts::of(alone), None);
        }
    }
}
