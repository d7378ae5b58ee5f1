//! Placeholders of printf: `%s`, `%1$s`, `%-5.2f`, `%lu`, `%(name)s`.

/// What ends a placeholder.
const CONVERSIONS: &[u8] = b"sdiufFxXoceEgG@";

/// The most letters after a placeholder that may be a unit or an ending (`%dpx`, `%dth`); a longer word has a percent sign
/// before it, as in `%used`.
const LONGEST_ENDING: usize = 2;

/// The length of the placeholder whose percent sign is here. None is a percentage: `100%`, `50% sure`, `%50'si`, `50%discount`.
pub(super) fn percent(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = &bytes[start..];
    if rest.get(1) == Some(&b'(') {
        return named(rest);
    }
    let mut at = 1;
    let position = digits(rest, at);
    let is_numbered = position > 0 && rest.get(at + position) == Some(&b'$');
    if is_numbered {
        at += position + 1;
    }
    let flags =
        rest[at..].iter().take_while(|byte| matches!(byte, b'-' | b'+' | b'#' | b'0' | b'\'')).count();
    let width = width(rest, at + flags);
    at += flags + width;
    let precision = precision(rest, at);
    at += precision;
    at += length_mark(&rest[at..]);
    let conversion = *rest.get(at)?;
    if !CONVERSIONS.contains(&conversion) {
        return None;
    }
    let ending = rest[at + 1..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let next = rest.get(at + 1);
    let after_digit = start > 0 && bytes[start - 1].is_ascii_digit();
    let is_word = next.is_some_and(|byte| byte.is_ascii_lowercase()) && ending > LONGEST_ENDING;
    let is_percentage = match is_numbered || precision > 0 {
        true => false,
        // 50%discount, 100%d'accord
        false if after_digit => ending > 0 || next == Some(&b'\''),
        // %50si
        false => is_word || (flags == 0 && width > 0 && ending > 0),
    };
    (!is_percentage).then_some(at + 1)
}

fn named(rest: &[u8]) -> Option<usize> {
    let name = rest[2..]
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b' '));
    let end = 2 + name.count();
    if end == 2 || rest.get(end) != Some(&b')') {
        return None;
    }
    let mut at = end + 1;
    at += rest[at..].iter().take_while(|byte| matches!(byte, b'-' | b'+' | b'#' | b'0' | b' ')).count();
    at += digits(rest, at);
    at += precision(rest, at);
    at += length_mark(&rest[at..]);
    rest.get(at).is_some_and(u8::is_ascii_alphabetic).then_some(at + 1)
}

fn digits(rest: &[u8], at: usize) -> usize {
    rest.get(at..).map_or(0, |rest| rest.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

/// A width: a number, `*`, or `*2$`.
fn width(rest: &[u8], at: usize) -> usize {
    match rest.get(at) {
        Some(b'*') => {
            let number = digits(rest, at + 1);
            if number > 0 && rest.get(at + 1 + number) == Some(&b'$') { number + 2 } else { 1 }
        }
        _ => digits(rest, at),
    }
}

fn precision(rest: &[u8], at: usize) -> usize {
    if rest.get(at) == Some(&b'.') { 1 + width(rest, at + 1) } else { 0 }
}

/// `h`, `hh`, `l`, `ll`, `z`, …
fn length_mark(rest: &[u8]) -> usize {
    let marks =
        rest.iter().take_while(|byte| matches!(byte, b'h' | b'l' | b'L' | b'q' | b'j' | b'z')).count();
    marks.min(2)
}
