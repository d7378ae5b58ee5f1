//! Thoughts that a model writes before its answer, between tags in the same text: `<think>…</think>`. They become the
//! reasoning, whether the text comes whole or in pieces. A tag that is never closed has no answer behind it.

use super::piece::Piece;

/// The tags, without their brackets.
const TAGS: [&str; 2] = ["think", "thinking"];

/// A text on its way, of which the beginning may be thoughts.
#[derive(Debug, Default)]
pub(super) struct Thoughts {
    place: TextPosition,
    /// What is not known yet to be a tag or text.
    held: String,
}

/// Where in the text it stands.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum TextPosition {
    /// At the beginning, which may still be a tag.
    #[default]
    Beginning,
    /// Inside the tag of this name.
    Inside(&'static str),
    /// Behind it, where blank space does not count yet.
    Behind,
    /// In the answer.
    Answer,
}

impl Thoughts {
    /// Takes more of the text, and hands on what is known of it.
    pub(super) fn take(&mut self, more: &str, out: &mut dyn FnMut(Piece<'_>)) {
        if self.place == TextPosition::Answer {
            return out(Piece::Content(more));
        }
        self.held.push_str(more);
        while self.step(out) {}
    }

    /// The text has ended.
    pub(super) fn finish(&mut self, out: &mut dyn FnMut(Piece<'_>)) {
        let held = std::mem::take(&mut self.held);
        match self.place {
            _ if held.is_empty() => {}
            TextPosition::Inside(_) => out(Piece::Reasoning(&held)),
            TextPosition::Beginning | TextPosition::Behind | TextPosition::Answer => {
                out(Piece::Content(&held))
            }
        }
    }

    /// Goes on by one tag. Says whether there may be more to do.
    fn step(&mut self, out: &mut dyn FnMut(Piece<'_>)) -> bool {
        match self.place {
            TextPosition::Beginning => {
                let text = self.held.trim_start();
                let opened = TAGS.into_iter().find(|tag| starts_with_tag(text, "<", tag));
                if let Some(tag) = opened {
                    let behind = text.len() - tag.len() - 2;
                    self.held = self.held.split_off(self.held.len() - behind);
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
                if let Some(at) = self.held.find(&end) {
                    if at > 0 {
                        out(Piece::Reasoning(&self.held[..at]));
                    }
                    self.held.drain(..at + end.len());
                    self.place = TextPosition::Behind;
                    return true;
                }
                // The last letters may be the beginning of the end.
                let tail = (1..end.len()).rev().find(|length| self.held.ends_with(&end[..*length]));
                let known = self.held.len() - tail.unwrap_or(0);
                if known > 0 {
                    out(Piece::Reasoning(&self.held[..known]));
                    self.held.drain(..known);
                }
                false
            }
            TextPosition::Behind => {
                let blank = self.held.len() - self.held.trim_start().len();
                self.held.drain(..blank);
                if !self.held.is_empty() {
                    self.answer(out);
                }
                false
            }
            TextPosition::Answer => false,
        }
    }

    fn answer(&mut self, out: &mut dyn FnMut(Piece<'_>)) {
        self.place = TextPosition::Answer;
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            out(Piece::Content(&held));
        }
    }
}

fn starts_with_tag(text: &str, open: &str, tag: &str) -> bool {
    text.strip_prefix(open).and_then(|rest| rest.strip_prefix(tag)).is_some_and(|rest| rest.starts_with('>'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The thoughts and the answer of a text that comes in these pieces.
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
    fn thoughts_are_told_from_the_answer_however_the_text_is_cut() {
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
