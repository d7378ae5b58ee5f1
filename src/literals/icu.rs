//! Arguments of ICU messages: `{count, plural, one {# file} other {# files}}`.

use std::ops::Range;

/// The kinds of arguments that ICU knows.
const KINDS: [&str; 9] =
    ["plural", "selectordinal", "select", "choice", "number", "date", "time", "spellout", "duration"];

/// The argument that begins here: its length, and where its name and its kind are.
pub fn icu(rest: &str) -> Option<(usize, Range<usize>)> {
    let inside = rest.strip_prefix('{')?;
    let (name, more) = inside.split_once(',')?;
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let kind = more.split([',', '}']).next()?;
    if !is_name(name.trim()) || !KINDS.contains(&kind.trim()) {
        return None;
    }
    let head = 0..1 + name.len() + 1 + kind.len();
    let mut depth = 0_usize;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return Some((at + 1, head)),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}
