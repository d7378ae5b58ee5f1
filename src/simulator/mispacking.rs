//! What models do to the marks between numbered texts: users of programs that send several texts in one request report each of
//! these faults.
//!
//! Sources: issues of immersive-translate, pyvideotrans and bilingual_book_maker, 2024 to 2026. No rates are published, so a script
//! sets them.

use super::numbered::{NumberedTexts, mark};

/// One way of damaging the answer to numbered texts. `at`: the text that it befalls, from 0; never the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mispacking {
    /// The mark after a text is left out.
    DropMark,
    /// Two texts are under one mark, and the others are numbered on.
    MergeTexts,
    /// A text is under the next mark too, instead of that one's.
    DoubleText,
    /// The marks count from another number.
    RenumberMarks,
    /// Two texts change places, with their marks.
    ReorderTexts,
    /// A note precedes the first mark.
    NoteBefore,
    /// A mark has blanks in it.
    SpaceMark,
    /// A mark is in other brackets.
    TranslateMark,
    /// Nothing is under a mark.
    BlankText,
    /// The last text is missing, with its mark.
    DropLast,
    /// There is one text more.
    AddText,
    /// Each text is under the mark before its own, and the last is there twice.
    ShiftTexts,
    /// The answer ends in the middle of the last text, by its length.
    CutTexts,
}

impl Mispacking {
    /// Every fault, with its name in a script.
    pub(super) const ALL: [(&'static str, Self); 13] = [
        ("drop_mark", Self::DropMark),
        ("merge_texts", Self::MergeTexts),
        ("double_text", Self::DoubleText),
        ("renumber_marks", Self::RenumberMarks),
        ("reorder_texts", Self::ReorderTexts),
        ("note_before", Self::NoteBefore),
        ("space_mark", Self::SpaceMark),
        ("translate_mark", Self::TranslateMark),
        ("blank_text", Self::BlankText),
        ("drop_last", Self::DropLast),
        ("add_text", Self::AddText),
        ("shift_texts", Self::ShiftTexts),
        ("cut_texts", Self::CutTexts),
    ];

    /// The damaged answer to numbered texts; `draw`, from 0 to below 1, says which of them it befalls.
    pub(super) fn damage(self, answer: &str, draw: f64) -> String {
        let Some(NumberedTexts(mut texts)) = NumberedTexts::of(answer) else { return answer.to_owned() };
        let count = texts.len();
        let at = ((count - 1) as f64 * draw) as usize;
        let mut marks: Vec<String> = (1..=count).map(mark).collect();
        let mut before = "";
        match self {
            Self::DropMark => marks[at + 1].clear(),
            Self::MergeTexts => {
                let next = texts.remove(at + 1);
                texts[at] = format!("{}\n{next}", texts[at]);
            }
            Self::DoubleText => texts[at + 1] = texts[at].clone(),
            Self::RenumberMarks => marks = (0..count).map(mark).collect(),
            Self::ReorderTexts => {
                texts.swap(at, at + 1);
                marks.swap(at, at + 1);
            }
            Self::NoteBefore => before = "Here are the answers:\n",
            Self::SpaceMark => marks[at] = format!("[[ {} ]]", at + 1),
            Self::TranslateMark => marks[at] = format!("【{}】", at + 1),
            Self::BlankText => texts[at].clear(),
            Self::DropLast => drop(texts.pop()),
            Self::AddText => {
                texts.push(texts[at].clone());
                marks.push(mark(count + 1));
            }
            Self::ShiftTexts => {
                texts.remove(0);
                texts.extend(texts.last().cloned());
            }
            Self::CutTexts => {
                let length = texts[count - 1].chars().count();
                texts[count - 1] = texts[count - 1].chars().take(length / 2).collect();
            }
        }
        let written = marks.iter().zip(&texts).map(|(mark, text)| match mark.is_empty() {
            true => text.clone(),
            false => format!("{mark}\n{text}"),
        });
        format!("{before}{}", written.collect::<Vec<_>>().join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_damages_the_answer_to_numbered_texts_and_no_other() {
        let answer = "[[1]]\none\n[[2]]\ntwo\n[[3]]\nthree";
        let damaged = |fault: Mispacking| fault.damage(answer, 0.6);
        assert_eq!(damaged(Mispacking::DropMark), "[[1]]\none\n[[2]]\ntwo\nthree");
        assert_eq!(damaged(Mispacking::MergeTexts), "[[1]]\none\n[[2]]\ntwo\nthree");
        assert_eq!(damaged(Mispacking::DoubleText), "[[1]]\none\n[[2]]\ntwo\n[[3]]\ntwo");
        assert_eq!(damaged(Mispacking::ReorderTexts), "[[1]]\none\n[[3]]\nthree\n[[2]]\ntwo");
        assert_eq!(damaged(Mispacking::ShiftTexts), "[[1]]\ntwo\n[[2]]\nthree\n[[3]]\nthree");
        assert_eq!(damaged(Mispacking::DropLast), "[[1]]\none\n[[2]]\ntwo");
        assert_eq!(damaged(Mispacking::CutTexts), "[[1]]\none\n[[2]]\ntwo\n[[3]]\nth");
        for (name, fault) in Mispacking::ALL {
            assert_ne!(damaged(fault), answer, "{name}");
            assert_eq!(fault.damage("one", 0.0), "one", "{name}");
        }
    }
}
