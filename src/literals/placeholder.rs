//! Placeholders of templates and messages: `{x}`, `{}`, `{{ x }}`, `{% x %}`, `$x`, `${x}`, and those of printf.

use super::percent::percent;

/// The longest template expression that is one placeholder, in bytes.
const LONGEST_EXPRESSION: usize = 200;

/// The longest `{x}`, in bytes.
const LONGEST_NAME: usize = 80;

/// The length of the placeholder that begins at a place of a text; 0 of what only looks like one there and as a whole is
/// none, such as `%%`.
pub fn placeholder(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let rest = &bytes[start..];
    match *rest {
        [b'{', b'{', ..] => until(rest, b"}}"),
        [b'{', b'%', ..] => until(rest, b"%}"),
        [b'{', ..] => braced(&text[start + 1..]).map(|length| length + 1),
        [b'$', ..] if start > 0 && bytes[start - 1].is_ascii_alphanumeric() => None,
        [b'$', b'{', ..] => braced(&text[start + 2..]).filter(|length| *length > 1).map(|length| length + 2),
        [b'$', first, ..] if is_name(first) && !first.is_ascii_digit() => {
            Some(1 + rest[1..].iter().take_while(|byte| is_name(**byte)).count())
        }
        [b'%', b'%', ..] => None,
        [b'%', ..] => percent(bytes, start),
        _ => None,
    }
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The length of what is in a brace, with the brace that closes it: a name with what formats it, and blanks around it alone.
fn braced(inside: &str) -> Option<usize> {
    let end = inside.bytes().take(LONGEST_NAME).position(|byte| matches!(byte, b'}' | b'{' | b'\n'))?;
    let name = inside[..end].trim_matches(' ');
    let is_part = |c: char| {
        c.is_alphanumeric() || "_.:-#!$@[]<>=+^%*/".contains(c) || (c == '|' && name.starts_with('$'))
    };
    // No name is a mark alone or a choice: {…}, {-h|--help}, {<file>}.
    let begins = name.starts_with(|c: char| c.is_alphanumeric() || "_$@#/^:!".contains(c));
    let is_one = inside[..end].is_empty()
        || (begins && name.contains(char::is_alphanumeric) && name.chars().all(is_part));
    (is_one && inside.as_bytes()[end] == b'}').then_some(end + 1)
}

fn until(rest: &[u8], end: &[u8]) -> Option<usize> {
    let near = &rest[2..rest.len().min(LONGEST_EXPRESSION)];
    let at = near.windows(end.len()).position(|window| window == end)?;
    (!near[..at].contains(&b'\n')).then_some(2 + at + end.len())
}
