//! What a translation leaves as it is: code, addresses, placeholders, tags, the numbers of links' targets.

/// A stretch of text that comes back as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Literal<'t> {
    pub text: &'t str,
    pub kind: LiteralKind,
    /// Where it begins, in bytes.
    pub start: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiteralKind {
    /// Code of Markdown, with its backticks.
    Code,
    /// `http://…` and `https://…`, as far as it is ASCII.
    Url,
    /// `{x}`, `{}`, `{{ x }}`, `{% x %}`, `$x`, `${x}`, `%s`, `%1$s`, `%(x)s`.
    Placeholder,
    /// A tag of HTML.
    Tag,
    /// The target of a link of Markdown (`](1)`), or a footnote (`[^1]`).
    Target,
}

/// Bytes at which a literal may begin.
const FIRST: [bool; 256] = {
    let mut first = [false; 256];
    let marks = b"`<h{$%][";
    let mut at = 0;
    while at < marks.len() {
        first[marks[at] as usize] = true;
        at += 1;
    }
    first
};

/// The longest template expression that is one placeholder, in bytes.
const LONGEST_EXPRESSION: usize = 200;

/// All literals of a text, in order; none is inside another.
pub fn literals(text: &str) -> Vec<Literal<'_>> {
    let bytes = text.as_bytes();
    let mut found = vec![];
    let mut at = 0;
    while let Some(next) = bytes[at..].iter().position(|byte| FIRST[usize::from(*byte)]) {
        let start = at + next;
        at = match literal(bytes, start) {
            Some((kind, end)) => {
                found.push(Literal { text: &text[start..end], kind, start });
                end
            }
            // A run of backticks that nothing closes does not begin at its second one.
            None if bytes[start] == b'`' => start + run(bytes, start),
            None => start + 1,
        };
    }
    found
}

/// Whether a text begins with a letter that no literal begins with, as nearly all do.
pub(super) fn begins_with_word(text: &str) -> bool {
    text.chars().next().is_some_and(|letter| letter.is_alphabetic() && letter != 'h')
}

/// Whether there is a letter outside literals.
pub(super) fn has_words(text: &str) -> bool {
    let letter = |text: &str| text.chars().any(char::is_alphabetic);
    let mut from = 0;
    for literal in literals(text) {
        if letter(&text[from..literal.start]) {
            return true;
        }
        from = literal.start + literal.text.len();
    }
    letter(&text[from..])
}

/// The literal that begins here, and its end.
fn literal(bytes: &[u8], start: usize) -> Option<(LiteralKind, usize)> {
    let rest = &bytes[start..];
    match rest[0] {
        b'`' => code(bytes, start).map(|end| (LiteralKind::Code, end)),
        b'<' => tag(rest).map(|length| (LiteralKind::Tag, start + length)),
        b'h' => url(rest).map(|length| (LiteralKind::Url, start + length)),
        b']' => target(rest).map(|length| (LiteralKind::Target, start + length)),
        b'[' => footnote(rest).map(|length| (LiteralKind::Target, start + length)),
        b'%' if start > 0 && bytes[start - 1].is_ascii_digit() => None,
        b'$' if start > 0 && bytes[start - 1].is_ascii_alphanumeric() => None,
        _ => placeholder(rest).map(|length| (LiteralKind::Placeholder, start + length)),
    }
}

fn run(bytes: &[u8], start: usize) -> usize {
    bytes[start..].iter().take_while(|byte| **byte == b'`').count()
}

/// The end of code in backticks: a run of as many.
fn code(bytes: &[u8], start: usize) -> Option<usize> {
    let ticks = run(bytes, start);
    let mut at = start + ticks;
    while let Some(next) = bytes[at..].iter().position(|byte| *byte == b'`') {
        let closing = run(bytes, at + next);
        at += next + closing;
        if closing == ticks {
            return Some(at);
        }
    }
    None
}

fn tag(rest: &[u8]) -> Option<usize> {
    let name = 1 + usize::from(rest.get(1) == Some(&b'/'));
    if !rest.get(name)?.is_ascii_alphabetic() {
        return None;
    }
    let end = rest.iter().skip(1).position(|byte| matches!(byte, b'<' | b'>'))? + 1;
    (rest[end] == b'>').then_some(end + 1)
}

fn url(rest: &[u8]) -> Option<usize> {
    if !rest.starts_with(b"http://") && !rest.starts_with(b"https://") {
        return None;
    }
    let inside = |byte: &&u8| {
        byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>' | b'"' | b'`' | b'|' | b'\\' | b'*')
    };
    let whole = rest.iter().take_while(inside).count();
    let ends = |byte: &&u8| {
        !matches!(byte, b'.' | b',' | b';' | b':' | b'!' | b'?' | b')' | b']' | b'}' | b'\'' | b'_')
    };
    let trailing = rest[..whole].iter().rev().position(|byte| ends(&byte))?;
    Some(whole - trailing)
}

/// `](1)`, as `Span::sent` writes targets.
fn target(rest: &[u8]) -> Option<usize> {
    let digits = rest.strip_prefix(b"](")?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (digits > 0 && rest.get(2 + digits) == Some(&b')')).then_some(digits + 3)
}

fn footnote(rest: &[u8]) -> Option<usize> {
    let label =
        rest.strip_prefix(b"[^")?.iter().take_while(|byte| byte.is_ascii_graphic() && **byte != b']').count();
    (label > 0 && rest.get(2 + label) == Some(&b']')).then_some(label + 3)
}

fn placeholder(rest: &[u8]) -> Option<usize> {
    let within =
        |from: usize, inside: fn(&u8) -> bool| rest[from..].iter().take_while(|byte| inside(byte)).count();
    let closed = |from: usize| {
        let length = within(from, |byte| is_name(byte) || matches!(byte, b'.' | b':' | b'-' | b'#'));
        (rest.get(from + length) == Some(&b'}')).then_some(from + length + 1)
    };
    match *rest {
        [b'{', b'{', ..] => until(rest, b"}}"),
        [b'{', b'%', ..] => until(rest, b"%}"),
        [b'{', ..] => closed(1),
        [b'$', b'{', ..] => closed(2).filter(|length| *length > 3),
        [b'$', first, ..] if is_name(&first) && !first.is_ascii_digit() => Some(1 + within(1, is_name)),
        [b'%', b'(', ..] => {
            let end = 2 + within(2, is_name);
            let conversion = rest.get(end + 1).is_some_and(u8::is_ascii_alphabetic);
            (rest.get(end) == Some(&b')') && conversion).then_some(end + 2)
        }
        [b'%', ..] => {
            let flags = within(1, |byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'$'));
            let conversion = *rest.get(1 + flags)?;
            let long = usize::from(conversion == b'l');
            let conversion = *rest.get(1 + flags + long)?;
            // "%do" is no placeholder of a number in a sentence: what follows is no letter.
            let ends = !rest.get(2 + flags + long).is_some_and(u8::is_ascii_alphanumeric);
            (b"sdiufxXceg@".contains(&conversion) && ends).then_some(2 + flags + long)
        }
        _ => None,
    }
}

fn is_name(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_'
}

fn until(rest: &[u8], end: &[u8]) -> Option<usize> {
    let near = &rest[2..rest.len().min(LONGEST_EXPRESSION)];
    let at = near.windows(end.len()).position(|window| window == end)?;
    (!near[..at].contains(&b'\n')).then_some(2 + at + end.len())
}
