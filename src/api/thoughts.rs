//! Reasoning that a model writes before its answer, between tags in the same text: `<think>…</think>`. It is separated
//! from the answer, whether the text arrives whole or in pieces. No answer follows a tag that is never closed.

use super::piece::Piece;

/// The tags, without their brackets.
const TAGS: [&str; 2] = ["think", "thinking"];

/// A text that is still arriving, and may begin with reasoning.
#[derive(Debug, Default)]
pub(super) struct Thoughts {
    place: TextPosition,
    /// Text that may still be a tag.
    pending: String,
}

/// The position in the text.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum TextPosition {
    /// At the beginning, which may still be a tag.
    #[default]
    Beginning,
    /// Inside the tag of this name.
    Inside(&'static str),
    /// After the closing tag, where blank space is skipped.
    Behind,
    /// In the answer.
    Answer,
}

impl Thoughts {
    /// Takes more of the text, and passes on the part whose kind is known.
    pub(super) fn take(&mut self, more: &str, out: &mut dyn FnMut(Piece<'_>)) {
        if self.place == TextPosition::Answer {
            return out(Piece::Content(more));
        }
        self.pending.push_str(more);
        while self.step(out) {}
    }

    /// The text has ended.
    pub(super) fn finish(&mut self, out: &mut dyn FnMut(Piece<'_>)) {
        let pending = std::mem::take(&mut self.pending);
        match self.place {
            _ if pending.is_empty() => {}
            TextPosition::Inside(_) => out(Piece::Reasoning(&pending)),
            TextPosition::Beginning | TextPosition::Behind | TextPosition::Answer => {
                out(Piece::Content(&pending))
            }
        }
    }

    /// Processes one tag. Returns whether there may be more to process.
    fn step(&mut self, out: &mut dyn FnMut(Piece<'_>)) -> bool {
        match self.place {
            TextPosition::Beginning => {
                let text = self.pending.trim_start();
                let opened = TAGS.into_iter().find(|tag| starts_with_tag(text, "<", tag));
                if let Some(tag) = opened {
                    let behind = text.len() - tag.len() - 2;
                    self.pending = self.pending.split_off(self.pending.len() - behind);
                    self.place = TextPosition::Inside(tag);
                    return true;
                }
                let may_open = TAGS.into_iter().any(|tag| format!("<{tag}>").starts_with(text));
                if !may_open {
                    self.answer(out);
                }
                false
            }
            TextPosition::Inside(tag) => {
                let end = format!("</{tag}>");
                if let Some(at) = self.pending.find(&end) {
                    if at > 0 {
                        out(Piece::Reasoning(&self.pending[..at]));
                    }
                    self.pending.drain(..at + end.len());
                    self.place = TextPosition::Behind;
                    return true;
                }
                // The last letters may be the beginning of the closing tag.
                let tail = (1..end.len()).rev().find(|length| self.pending.ends_with(&end[..*length]));
                let known = self.pending.len() - tail.unwrap_or(0);
                if known > 0 {
                    out(Piece::Reasoning(&self.pending[..known]));
                    self.pending.drain(..known);
                }
                false
            }
            TextPosition::Behind => {
                let blank = self.pending.len() - self.pending.trim_start().len();
                self.pending.drain(..blank);
                if !self.pending.is_empty() {
                    self.answer(out);
                }
                false
            }
            TextPosition::Answer => false,
        }
    }

    fn answer(&mut self, out: &mut dyn FnMut(Piece<'_>)) {
        self.place = TextPosition::Answer;
        let pending = std::mem::take(&mut self.pending);
        if !pending.is_empty() {
            out(Piece::Content(&pending));
        }
    }
}

fn starts_with_tag(text: &str, open: &str, tag: &str) -> bool {
    text.strip_prefix(open).and_then(|rest| rest.strip_prefix(tag)).is_some_and(|rest| rest.starts_with('>'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reasoning and the answer of a text that arrives in these pieces.
    fn split<'a>(pieces: impl IntoIterator<Item = &'a str>) -> (String, String) {
        let (mut reasoning, mut content) = (String::new(), String::new());
        let mut out = |piece: Piece<'_>| match piece {
            Piece::Reasoning(text) => reasoning.push_str(text),
            Piece::Content(text) => content.push_str(text),
        };
        let mut thoughts = Thoughts::default();
        pieces.into_iter().for_each(|piece| thoughts.take(piece, &mut out));
        thoughts.finish(&mut out);
        (reasoning, content)
    }

    #[test]
    fn thoughts_are_separated_from_the_answer_however_the_text_is_cut() {
        for (text, reasoning, content) in [
            ("<think>a < b</think>\n\nYes", "a < b", "Yes"),
            ("\n<think>\nhm\n</think>Yes", "\nhm\n", "Yes"),
            ("<thinking>hm</think></thinking> Yes", "hm</think>", "Yes"),
            ("<think></think>Yes </think>", "", "Yes </think>"),
            ("Yes <think>no</think>", "", "Yes <think>no</think>"),
            ("<thinks>no</think>", "", "<thinks>no</think>"),
            ("<think>only thoughts", "only thoughts", ""),
            ("  plain", "", "  plain"),
            ("<thi", "", "<thi"),
            ("", "", ""),
            ("é<think>x</think>", "", "é<think>x</think>"),
            ("<think>é</think>ü", "é", "ü"),
        ] {
            assert_eq!(split([text]), (reasoning.to_owned(), content.to_owned()), "{text:?} whole");
            let letters = text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()]);
            assert_eq!(split(letters), (reasoning.to_owned(), content.to_owned()), "{text:?} by letter");
        }
    }
}
