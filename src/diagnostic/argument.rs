//! A mistake in a flag, a variable or an argument of the command line, which has no file or line.

use std::ops::Range;

use super::source_text::SourceText;
use crate::text::width;

/// Characters shown of a long line: before the place, at the place, and after it.
const BEFORE: usize = 60;
const OF_IT: usize = 60;
const BEHIND: usize = 30;

/// The place of the mistake, for the line below the message; `None` if it is in a file.
pub(super) fn shown(script: &SourceText, span: &Range<usize>) -> Option<String> {
    let name = &script.name;
    let joint = match () {
        () if name.starts_with("--") || **name == *"set" => ' ',
        () if name.starts_with("FANFOLD_") => '=',
        () => return None,
    };
    let text = script.shown();
    if *span == (0..text.len()) && !text.contains('\n') {
        return Some(format!("\n  in: {name}{joint}{text}"));
    }
    let begin = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
    let end = text[begin..].find(['\r', '\n']).map_or(text.len(), |length| begin + length);
    let start = span.start.min(end);
    let [before, place, behind] =
        [begin..start, start..span.end.clamp(start, end), span.end.clamp(start, end)..end];
    let before = last(&text[before], BEFORE);
    let place = first(&text[place], OF_IT);
    let behind = if place.ends_with('…') { String::new() } else { first(&text[behind], BEHIND) };
    let head = match text.contains('\n') {
        true => format!("  in: {name}, line {}: ", text[..begin].matches('\n').count() + 1),
        false => format!("  in: {name}{joint}"),
    };
    let column = width(&head) + width(&before);
    let carets = "^".repeat(width(&place).max(1));
    Some(format!("\n{head}{before}{place}{behind}\n{:column$}{carets}", ""))
}

/// The beginning of a piece of a line.
fn first(piece: &str, most: usize) -> String {
    match piece.char_indices().nth(most) {
        Some((end, _)) => flat(&piece[..end]) + "…",
        None => flat(piece),
    }
}

/// The end of a piece of a line.
fn last(piece: &str, most: usize) -> String {
    match piece.char_indices().rev().nth(most) {
        Some((at, letter)) => format!("…{}", flat(&piece[at + letter.len_utf8()..])),
        None => flat(piece),
    }
}

/// The text without characters that take more or fewer columns than expected.
fn flat(piece: &str) -> String {
    piece.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Diagnostic;
    use super::*;

    fn message_for(name: &str, text: &str, part: &str) -> String {
        let script = SourceText { name: name.into(), text: text.into() };
        let at = text.find(part).expect("a part of it");
        Diagnostic::new("no").at(&script, at..at + part.len()).to_string()
    }

    #[test]
    fn a_part_of_a_flag_s_value_is_marked_in_its_line() {
        let expected = "no\n  in: --prompt Say {{ txt }}!\n                      ^^^";
        assert_eq!(message_for("--prompt", "Say {{ txt }}!", "txt"), expected);
        let expected = "no\n  in: FANFOLD_PROMPT=日本 {{ txt }}\n                             ^^^";
        assert_eq!(message_for("FANFOLD_PROMPT", "日本 {{ txt }}", "txt"), expected);
        let expected = "no\n  in: --system, line 2: \u{20}{{ x }} b\n                            ^^";
        assert_eq!(message_for("--system", "a\n\t{{ x }} b\nc", "x "), expected);
        assert_eq!(message_for("set", "qpss=5", "qpss=5"), "no\n  in: set qpss=5");
        assert!(message_for("job.toml", "a = b", "b").contains("--> job.toml:1:5"));
    }

    #[test]
    fn a_long_value_is_shown_around_the_place_and_a_key_in_it_is_not() {
        let long = format!("{} {{{{ txt }}}} {}", "wörd ".repeat(400), "é".repeat(400));
        let shown = message_for("--prompt", &long, "txt");
        assert!(shown.lines().all(|line| line.chars().count() < 180), "{shown}");
        let mut lines = shown.lines().skip(1);
        let (line, carets) = (lines.next().expect("a line"), lines.next().expect("carets"));
        let column = carets.find('^').expect("a caret");
        assert_eq!(line.chars().skip(column).take(3).collect::<String>(), "txt");
        assert!(!message_for("--prompt", "sk-4f1d9c7e2b0a {{ txt }}", "txt").contains("4f1d"));
        let whole = message_for("--prompt", &long, &long);
        assert!(whole.contains(&long));
    }
}
