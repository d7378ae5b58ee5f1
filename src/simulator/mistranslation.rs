//! What the translation models do to the structure of a text: users report each of these faults of qwen-mt.
//!
//! Sources: issues and comments of programs that translate with qwen-mt, 2025 and 2026. No rates are published, so a script
//! sets them.

use std::ops::Range;

/// The instruction that an answer begins with when the model translates more than the text.
const INSTRUCTION: &str = "Translate the following text and output the translation only.";

/// What an answer ends with when the model explains its translation.
const EXPLANATION: &str = "Note: this translation keeps the tone of the original. Depending on the context, other words may suit \
    it better; please say who it is for, and whether it is formal, and I will gladly offer you an alternative.";

/// The longest placeholder in braces, in bytes.
const LONGEST_PLACEHOLDER: usize = 64;

/// One way of damaging a translation. `every` counts the places of a text from 1: with 3, it is the 3rd, 6th, … of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mistranslation {
    /// A blank line between paragraphs becomes a line end.
    DropBlankLines { every: usize },
    /// A placeholder is taken for noise.
    EatPlaceholders { every: usize },
    /// A placeholder that occurred before in the text is left out.
    EatRepeated,
    /// The name or the attributes of an HTML tag are translated too.
    TranslateTags { every: usize },
    /// All paragraphs become one.
    MergeParagraphs,
    /// The answer is the text in its own language.
    Untranslated,
    /// An instruction precedes the translation.
    EchoInstruction,
    /// An explanation follows the translation.
    Explain,
}

impl Mistranslation {
    /// Whether the text has the thing that is damaged.
    pub(super) fn can_damage(self, source: &str) -> bool {
        match self {
            Self::DropBlankLines { every } => gaps(source).len() >= every,
            Self::EatPlaceholders { every } => placeholders(source).len() >= every,
            Self::EatRepeated => !repeated(source).is_empty(),
            Self::TranslateTags { every } => tags(source).len() >= every,
            Self::MergeParagraphs => !gaps(source).is_empty(),
            Self::Untranslated | Self::EchoInstruction | Self::Explain => {
                source.chars().any(char::is_alphabetic)
            }
        }
    }

    /// The damaged translation of a text.
    pub(super) fn damage(self, source: &str, translation: &str) -> String {
        match self {
            Self::DropBlankLines { every } => {
                replaced(translation, &every_nth(gaps(translation), every), |_| "\n".into())
            }
            Self::EatPlaceholders { every } => {
                replaced(translation, &every_nth(placeholders(translation), every), |_| String::new())
            }
            Self::EatRepeated => replaced(translation, &repeated(translation), |_| String::new()),
            Self::TranslateTags { every } => {
                replaced(translation, &every_nth(tags(translation), every), translated_tag)
            }
            Self::MergeParagraphs => replaced(translation, &gaps(translation), |_| " ".into()),
            Self::Untranslated => source.to_owned(),
            Self::EchoInstruction => format!("{INSTRUCTION}\n\n{translation}"),
            Self::Explain => format!("{translation}\n\n{EXPLANATION}"),
        }
    }
}

fn every_nth(places: Vec<Range<usize>>, every: usize) -> Vec<Range<usize>> {
    places.into_iter().skip(every - 1).step_by(every).collect()
}

fn replaced(text: &str, places: &[Range<usize>], write: impl Fn(&str) -> String) -> String {
    let mut written = String::with_capacity(text.len());
    let mut end = 0;
    for place in places {
        written.push_str(&text[end..place.start]);
        written.push_str(&write(&text[place.clone()]));
        end = place.end;
    }
    written.push_str(&text[end..]);
    written
}

/// The blank lines between paragraphs: from the end of a paragraph to the line on which the next one begins.
fn gaps(text: &str) -> Vec<Range<usize>> {
    let mut gaps = Vec::new();
    let mut from = 0;
    let length = text.trim_end().len();
    while let Some(start) = text[from..length].find('\n').map(|at| from + at) {
        let rest = &text[start..length];
        let blanks = rest.len() - rest.trim_start().len();
        let last = rest[..blanks].rfind('\n').unwrap_or(0);
        let is_inside = !text[..start].trim().is_empty();
        if last > 0 && is_inside {
            let kept = text[..start].strip_suffix('\r').map_or(start, str::len);
            gaps.push(kept..start + last + 1);
        }
        from = start + last + 1;
    }
    gaps
}

/// The placeholders: `{…}`, `{{…}}`, `${…}`, `%s`, `%1$s`, `%(name)s`.
fn placeholders(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find(['{', '$', '%']).map(|at| from + at) {
        let length = placeholder_length(&text[start..]);
        if length > 0 {
            found.push(start..start + length);
        }
        from = start + length.max(1);
    }
    found
}

/// The length of the placeholder with which the text begins; 0 if it begins with none.
fn placeholder_length(text: &str) -> usize {
    if let Some(rest) = text.strip_prefix('%') {
        let name = rest.strip_prefix('(').and_then(|rest| Some(rest.find(')')? + 2)).unwrap_or(0);
        let digits = rest.len() - rest.trim_start_matches(|sign: char| sign.is_ascii_digit()).len();
        let number = if digits > 0 && rest[digits..].starts_with('$') { digits + 1 } else { 0 };
        let is_placeholder = rest[name + number..].starts_with(['s', 'd', 'i', 'f', 'u', 'x', '@']);
        return if is_placeholder { 1 + name + number + 1 } else { 0 };
    }
    let (opening, closing) = match text {
        _ if text.starts_with("{{") => ("{{", "}}"),
        _ if text.starts_with("${") => ("${", "}"),
        _ => ("{", "}"),
    };
    let Some(rest) = text.strip_prefix(opening) else { return 0 };
    let fits = |end: &usize| *end <= LONGEST_PLACEHOLDER && !rest[..*end].contains(['\n', '{']);
    rest.find(closing).filter(fits).map_or(0, |end| opening.len() + end + closing.len())
}

/// The placeholders that occurred before in the text.
fn repeated(text: &str) -> Vec<Range<usize>> {
    let all = placeholders(text);
    let occurred = |index: usize, place: &Range<usize>| {
        all[..index].iter().any(|before| text[before.clone()] == text[place.clone()])
    };
    all.iter()
        .enumerate()
        .filter(|(index, place)| occurred(*index, place))
        .map(|(_, place)| place.clone())
        .collect()
}

/// The HTML tags.
fn tags(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find('<').map(|at| from + at) {
        let inner = &text[start + 1..];
        let end = inner.find(['<', '>', '\n']).filter(|end| inner[*end..].starts_with('>'));
        let has_name = inner.trim_start_matches('/').starts_with(|first: char| first.is_ascii_alphabetic());
        match end.filter(|_| has_name && !is_link(inner)) {
            Some(end) => {
                found.push(start..start + end + 2);
                from = start + end + 2;
            }
            None => from = start + 1,
        }
    }
    found
}

/// Whether the text after `<` is an address, as in `<https://example.org>`.
fn is_link(inner: &str) -> bool {
    let end = inner.find(['>', ' ']).unwrap_or(inner.len());
    inner[..end].contains([':', '@'])
}

/// `<p align="center">` as `<p对齐="中心">`, as it was observed; a tag without attributes gets another name.
fn translated_tag(tag: &str) -> String {
    let inner = tag.trim_start_matches(['<', '/']);
    let name = inner.find(|sign: char| !sign.is_ascii_alphanumeric()).unwrap_or(inner.len());
    let opening = &tag[..tag.len() - inner.len()];
    match inner.contains('=') {
        true => format!("{opening}{}对齐=\"中心\">", &inner[..name]),
        false => format!("{opening}标签{}", &inner[name..]),
    }
}

#[cfg(test)]
mod tests {
    use super::Mistranslation::*;
    use super::*;

    /// The damage to a text that is its own translation; `None` if it has nothing to lose.
    fn damaged(fault: Mistranslation, text: &str) -> Option<String> {
        let damaged = fault.damage(text, text);
        assert_eq!(fault.can_damage(text), damaged != text || fault == Untranslated, "{fault:?} {text:?}");
        (damaged != text).then_some(damaged)
    }

    #[test]
    fn every_nth_blank_line_is_dropped_and_fewer_are_left_alone() {
        let text = "one\n\ntwo\n \n\n  three\r\n\r\nfour\n";
        assert_eq!(damaged(DropBlankLines { every: 1 }, text).unwrap(), "one\ntwo\n  three\nfour\n");
        assert_eq!(damaged(DropBlankLines { every: 2 }, text).unwrap(), "one\n\ntwo\n  three\r\n\r\nfour\n");
        assert_eq!(damaged(DropBlankLines { every: 4 }, text), None);
        assert_eq!(damaged(DropBlankLines { every: 1 }, "\n\none\ntwo\n\n"), None, "no paragraph is merged");
        assert_eq!(damaged(MergeParagraphs, "one\n\ntwo\n\nthree").unwrap(), "one two three");
        assert_eq!(damaged(MergeParagraphs, "one\ntwo"), None);
    }

    #[test]
    fn placeholders_are_eaten_in_every_notation() {
        let text = "Dear {name}, {{ sum }} of %1$s, %(of)s or ${x} in %d days: 5 % or 100%, {a b\nc}";
        let eaten = "Dear ,  of ,  or  in  days: 5 % or 100%, {a b\nc}";
        assert_eq!(damaged(EatPlaceholders { every: 1 }, text).unwrap(), eaten);
        assert_eq!(damaged(EatPlaceholders { every: 2 }, "{0} {1} {2}").unwrap(), "{0}  {2}");
        assert_eq!(damaged(EatPlaceholders { every: 2 }, "only {0}"), None);
        assert_eq!(damaged(EatRepeated, "{v2}HDI-P{v3}, {v2} and {v2}").unwrap(), "{v2}HDI-P{v3},  and ");
        assert_eq!(damaged(EatRepeated, "{v2}HDI-P{v3}"), None);
    }

    #[test]
    fn tags_are_translated_and_nothing_else_in_angles() {
        let text = "<p align=\"center\">a < b, <b>c</b> <https://x.org> <a@b.org> <1>";
        let translated = "<p对齐=\"中心\">a < b, <标签>c</标签> <https://x.org> <a@b.org> <1>";
        assert_eq!(damaged(TranslateTags { every: 1 }, text).unwrap(), translated);
        assert_eq!(damaged(TranslateTags { every: 3 }, text).unwrap().matches("标签").count(), 1);
        assert_eq!(damaged(TranslateTags { every: 1 }, "a < b and <br"), None);
    }

    #[test]
    fn an_answer_can_be_the_source_or_follow_an_instruction() {
        assert_eq!(Untranslated.damage("Guten Tag", "[fr] Guten Tag"), "Guten Tag");
        assert_eq!(EchoInstruction.damage("a", "[fr] a"), format!("{INSTRUCTION}\n\n[fr] a"));
        assert!(!EchoInstruction.can_damage("12 — 34"));
    }
}
