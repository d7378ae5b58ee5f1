//! A text that matches a regular expression.

use regex_syntax::hir::{Class, Hir, HirKind};

/// The maximum length of a generated text, in bytes.
const LONGEST: usize = 100_000;

/// A text that matches the pattern, of at least `least` characters where the pattern allows it. `None` for patterns that
/// only backtracking engines understand, such as a lookahead.
pub(super) fn text(pattern: &str, number: u64, least: usize) -> Option<String> {
    let hir = regex_syntax::parse(pattern).ok()?;
    // Repetitions are extended until the text is long enough.
    let attempts = (0..=least as u32).map(|more| {
        let mut text = String::new();
        write(&hir, number, more, &mut text).map(|()| text)
    });
    let mut last = None;
    for text in attempts {
        let text = text?;
        let enough = text.chars().count() >= least;
        last = Some(text);
        if enough {
            break;
        }
    }
    last
}

fn write(hir: &Hir, number: u64, more: u32, text: &mut String) -> Option<()> {
    match hir.kind() {
        // Anchors match, since the text is the whole match.
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(std::str::from_utf8(&literal.0).ok()?),
        HirKind::Class(Class::Unicode(class)) => {
            let ranges = || class.iter().map(|range| (range.start(), range.end()));
            let range = ranges().find(|(start, _)| start.is_alphanumeric());
            let (start, end) = range.or_else(|| ranges().find(|(_, end)| *end > ' '))?;
            let start = start.max(' ') as u32;
            let choices = u64::from((end as u32).saturating_sub(start) + 1).min(26);
            // Makes neighbours differ from each other.
            let offset = (number >> (text.len() % 48)) % choices;
            text.push(char::from_u32(start + offset as u32).unwrap_or('a'));
        }
        HirKind::Class(Class::Bytes(_)) => return None,
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(u32::MAX);
            for _ in 0..repetition.min.saturating_add(more).max(1).min(most) {
                if text.len() > LONGEST {
                    return None;
                }
                write(&repetition.sub, number, more, text)?;
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, number, more, text)?,
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| write(part, number, more, text))?,
        HirKind::Alternation(parts) => write(parts.first()?, number, more, text)?,
    }
    Some(())
}
