//! Tags of HTML, and which of them are tags beyond doubt.

/// Elements of HTML whose names are no words of usage texts, as those of `<option>` and `<address>` are.
const ELEMENTS: [&str; 48] = [
    "a",
    "abbr",
    "b",
    "bdi",
    "bdo",
    "big",
    "blockquote",
    "br",
    "dd",
    "del",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "fieldset",
    "figcaption",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "html",
    "i",
    "iframe",
    "img",
    "ins",
    "kbd",
    "li",
    "nav",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "tbody",
    "td",
    "tr",
    "tt",
    "ul",
];

/// The length of the tag that begins here: `<b>`, `</a>`, `<img src="…"/>`, `<0>`.
pub fn tag(rest: &[u8]) -> Option<usize> {
    if rest.first() != Some(&b'<') {
        return None;
    }
    let name = 1 + usize::from(rest.get(1) == Some(&b'/'));
    if !rest.get(name)?.is_ascii_alphabetic() {
        return None;
    }
    let end = rest.iter().skip(1).position(|byte| matches!(byte, b'<' | b'>'))? + 1;
    (rest[end] == b'>').then_some(end + 1)
}

/// Whether a tag of a text is one beyond doubt, and no `<file>` of a usage line: HTML knows it, it ends itself, has
/// attributes, or has its end in the text.
pub fn is_tag(text: &str, tag: &str) -> bool {
    let inside = tag.trim_matches(['<', '>']);
    if inside.contains("://") || inside.contains('@') {
        return false;
    }
    let bare = inside.trim_start_matches('/');
    let name: &str = bare.split(|c: char| c.is_whitespace() || c == '/').next().unwrap_or_default();
    let lower = name.to_ascii_lowercase();
    ELEMENTS.contains(&lower.as_str())
        || inside.ends_with('/')
        || inside.contains("=\"")
        || (inside.starts_with('/') && text.contains(&format!("<{name}")))
        || text.contains(&format!("</{name}>"))
}
