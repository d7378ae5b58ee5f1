//! The check `placeholders`: what is to stay in a translation is in the answer as often as in the source.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::literals::{email, icu, is_tag, placeholder, tag, url};

/// Attributes whose values people read, which a translation changes.
const READ: [&str; 8] = ["title", "alt", "placeholder", "aria-label", "label", "summary", "lang", "dir"];

/// What is found of a text: each mark in the form in which it is compared, with how often it is there.
type Marks = BTreeMap<String, Mark>;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    /// As the text has it.
    shown: String,
    count: usize,
    kind: MarkKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MarkKind {
    Placeholder,
    Tag,
    /// An address, or the head of an ICU argument.
    Other,
    /// A placeholder in a branch of an ICU argument, of which a language has as many as it needs.
    Branch,
}

/// What the answer has too few or too many of, in words: `{x}` is missing. Empty if nothing.
pub(super) fn differences(source: &str, answer: &str) -> Vec<String> {
    let (mut before, mut after) = (Marks::new(), Marks::new());
    find(source, source, false, &mut before);
    if before.is_empty() {
        return Vec::new();
    }
    find(answer, answer, false, &mut after);
    let expected = numbered_alike(before, &after);
    let found = numbered_alike(after, &expected);
    expected.iter().filter_map(|(key, mark)| difference(mark, found.get(key), source, answer)).collect()
}

fn difference(mark: &Mark, found: Option<&Mark>, source: &str, answer: &str) -> Option<String> {
    let shown = &mark.shown;
    let found = found.map_or(0, |found| found.count);
    // A mark that is glued to a word may not be found as one; but what is a part of other marks is none: {x} in {{x}}.
    let texts = (source.matches(shown.as_str()).count(), answer.matches(shown.as_str()).count());
    let glued = texts.1.saturating_sub(texts.0.saturating_sub(mark.count));
    if mark.kind == MarkKind::Branch {
        return (found.max(glued) == 0).then(|| format!("`{shown}` is missing"));
    }
    if found.max(glued) < mark.count {
        let times = match mark.count {
            1 => String::new(),
            _ if found == 0 => String::new(),
            count => format!(" {} of {count} times", count - found),
        };
        return Some(format!("`{shown}` is missing{times}"));
    }
    (found > mark.count.max(texts.0))
        .then(|| format!("`{shown}` is there {found} times instead of {}", mark.count))
}

/// Finds the marks of a text, which is a part of a `whole`.
fn find(text: &str, whole: &str, in_branch: bool, marks: &mut Marks) {
    let is_date = is_date(whole);
    each_literal(text, whole, &mut |found| {
        if found.kind == FoundKind::Percent && is_date && !found.text.starts_with("%(") {
            return;
        }
        let (key, kind) = match found.kind {
            FoundKind::Tag => (same_tag(found.text), MarkKind::Tag),
            FoundKind::Address => (found.text.to_owned(), MarkKind::Other),
            FoundKind::Percent => (found.text.to_owned(), MarkKind::Placeholder),
            // Blanks inside of braces say nothing.
            FoundKind::Braces => (found.text.chars().filter(|c| *c != ' ').collect(), MarkKind::Placeholder),
            FoundKind::Argument { head, branches } => {
                blocks(branches).into_iter().for_each(|text| find(text, whole, true, marks));
                let key: String = head.split_whitespace().collect();
                let mark = Mark { shown: head.to_owned(), count: 0, kind: MarkKind::Other };
                marks.entry(key).or_insert(mark).count += 1;
                return;
            }
        };
        let kind = if in_branch { MarkKind::Branch } else { kind };
        marks.entry(key).or_insert(Mark { shown: found.text.to_owned(), count: 0, kind }).count += 1;
    });
}

/// What is in the outer braces of a text: `a` and `b` of `one {a} other {b}`.
fn blocks(text: &str) -> Vec<&str> {
    let (mut found, mut depth, mut from) = (Vec::new(), 0_usize, 0);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => {
                depth += 1;
                from = if depth == 1 { at + 1 } else { from };
            }
            b'}' if depth == 1 => {
                found.push(&text[from..at]);
                depth = 0;
            }
            b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    found
}

/// A literal of a text.
struct FoundLiteral<'t> {
    text: &'t str,
    start: usize,
    kind: FoundKind<'t>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FoundKind<'t> {
    Tag,
    Address,
    /// A placeholder of printf.
    Percent,
    /// Any other placeholder.
    Braces,
    /// An argument of an ICU message: `{count, plural`, and what follows that.
    Argument {
        head: &'t str,
        branches: &'t str,
    },
}

/// Visits the literals of a text, in order; none is inside another.
fn each_literal<'t>(text: &'t str, whole: &str, visit: &mut dyn FnMut(FoundLiteral<'t>)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(next) =
        bytes[at..].iter().position(|byte| matches!(byte, b'<' | b'h' | b'{' | b'$' | b'%' | b'@'))
    {
        let start = at + next;
        let found = literal_at(text, whole, (at, start));
        at = match found {
            Some((range, kind)) => {
                visit(FoundLiteral { text: &text[range.clone()], start: range.start, kind });
                range.end
            }
            // The second percent sign of `%%s` begins nothing.
            None if bytes[start..].starts_with(b"%%") => start + 2,
            None => start + 1,
        };
    }
}

/// The literal whose mark is at a place; nothing before a `floor` belongs to it.
fn literal_at<'t>(
    text: &'t str,
    whole: &str,
    (floor, start): (usize, usize),
) -> Option<(Range<usize>, FoundKind<'t>)> {
    let bytes = text.as_bytes();
    let from_here = |length: usize| start..start + length;
    match bytes[start] {
        b'<' => {
            let range = from_here(tag(&bytes[start..])?);
            is_tag(whole, &text[range.clone()]).then_some((range, FoundKind::Tag))
        }
        b'h' => Some((from_here(url(&bytes[start..])?), FoundKind::Address)),
        b'@' => {
            let range = email(bytes, start)?;
            (range.start >= floor).then_some((range, FoundKind::Address))
        }
        // In prose a variable of a shell is a word like any other.
        b'$' if bytes.get(start + 1) != Some(&b'{') => None,
        b'{' => match icu(&text[start..]) {
            Some((length, head)) => {
                let kind = FoundKind::Argument {
                    head: &text[start..start + head.end],
                    branches: &text[start + head.end..start + length],
                };
                Some((from_here(length), kind))
            }
            None => Some((from_here(placeholder(text, start)?), FoundKind::Braces)),
        },
        b'%' => {
            let kind =
                if bytes.get(start + 1) == Some(&b'{') { FoundKind::Braces } else { FoundKind::Percent };
            Some((from_here(placeholder(text, start)?), kind))
        }
        _ => Some((from_here(placeholder(text, start)?), FoundKind::Braces)),
    }
}

/// A text without its literals.
pub(super) fn literal_free(text: &str) -> String {
    let mut rest = String::new();
    let mut from = 0;
    each_literal(text, text, &mut |found| {
        rest.push_str(&text[from..found.start]);
        from = found.start + found.text.len();
    });
    rest.push_str(&text[from..]);
    rest
}

/// Whether a text is a format of a date or a time: `%B %-d, %Y`.
fn is_date(text: &str) -> bool {
    let is_part = |after: &str| {
        let part = after.trim_start_matches(['-', '_', 'E', 'O', '0', '^', '#']);
        let ends = !part.chars().nth(1).is_some_and(|c: char| c.is_ascii_alphanumeric());
        ends && part.starts_with(['Y', 'B', 'b', 'H', 'M', 'I', 'A', 'a', 'y', 'Z', 'R', 'T', 'D', 'p', 'P'])
    };
    let after_digit = |at: usize| text[..at].ends_with(|c: char| c.is_ascii_digit());
    text.match_indices('%').any(|(at, _)| !after_digit(at) && is_part(&text[at + 1..]))
}

/// A tag in the form in which it is compared: without the case of its name, the order and quotes of its attributes, the values
/// of those that are read, and the slash of an element without content.
fn same_tag(shown: &str) -> String {
    let inside = shown.trim_matches(['<', '>']).trim_end_matches('/').trim();
    let name = inside.split(char::is_whitespace).next().unwrap_or_default();
    let mut attributes: Vec<String> = attributes(&inside[name.len()..]);
    attributes.sort();
    format!("<{} {}>", name.to_ascii_lowercase(), attributes.join(" "))
}

fn attributes(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(rest.len());
        let name = rest[..end].to_ascii_lowercase();
        rest = rest[end..].trim_start();
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start().trim_start_matches('\\');
            let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\''));
            let (from, end) = match quote {
                Some(quote) => (1, after[1..].find(quote).map_or(after.len(), |end| end + 1)),
                None => (0, after.find(char::is_whitespace).unwrap_or(after.len())),
            };
            value = after[from..end].trim_end_matches('\\');
            rest = after[end..].trim_start_matches(['"', '\'']).trim_start();
        }
        if end == 0 && rest.len() == text.len() {
            break;
        }
        let value = if READ.contains(&name.as_str()) { "" } else { value };
        found.push(format!("{name}={value}"));
    }
    found
}

/// Placeholders by their order (`%s`, `{}`), if the other text has numbered ones (`%1$s`, `{0}`): those of one text are
/// reordered in another by their numbers.
fn numbered_alike(marks: Marks, other: &Marks) -> Marks {
    if marks.keys().all(|key| plain(key) == *key) || !other.keys().all(|key| plain(key) == *key) {
        return marks;
    }
    let mut alike = Marks::new();
    for (key, mark) in marks {
        let plain = plain(&key);
        match alike.get_mut(&plain) {
            Some(known) => known.count += mark.count,
            None => {
                alike.insert(plain, mark);
            }
        }
    }
    alike
}

/// A placeholder without its number.
fn plain(key: &str) -> String {
    if let Some(rest) = key.strip_prefix('%') {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 && rest.as_bytes().get(digits) == Some(&b'$') {
            return format!("%{}", &rest[digits + 1..]);
        }
    }
    if let Some(rest) = key.strip_prefix('{') {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 && matches!(rest.as_bytes().get(digits), Some(b'}' | b':' | b'!')) {
            return format!("{{{}", &rest[digits..]);
        }
    }
    key.to_owned()
}
