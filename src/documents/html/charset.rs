//! The encoding that a page names itself: in its XML declaration, or in a `meta` element near its beginning.

/// How far into a page its encoding is looked for, in bytes.
const HEAD: usize = 4096;

/// So many characters beyond ASCII are no chance, if the bytes are UTF-8: an editor has saved the page so, and left its
/// declaration.
const SURELY_UTF8: usize = 8;

/// The encoding that a page names; `None` if it names none, or is UTF-8 whatever it says.
pub(super) fn named_in(bytes: &[u8]) -> Option<String> {
    let is_utf8 = std::str::from_utf8(bytes)
        .is_ok_and(|text| text.chars().filter(|letter| !letter.is_ascii()).count() >= SURELY_UTF8);
    if is_utf8 {
        return None;
    }
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(HEAD)]).to_ascii_lowercase();
    let declared = head.trim_start().strip_prefix("<?xml").and_then(|rest| {
        let (declaration, _) = rest.split_once("?>")?;
        value_after(declaration, "encoding")
    });
    let named = declared.or_else(|| {
        head.split("<meta").skip(1).find_map(|rest| value_after(rest.split('>').next()?, "charset"))
    })?;
    // A declaration that can be read byte by byte is not in UTF-16 (HTML standard, prescan).
    Some(if named.starts_with("utf-16") { "utf-8".to_owned() } else { named })
}

/// The value that follows a word and an equals sign, with or without quotes.
fn value_after(text: &str, word: &str) -> Option<String> {
    let (_, rest) = text.split_once(word)?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start().trim_start_matches(['"', '\'']);
    let end = rest.find(['"', '\'', ';', ' ', '/', '\t', '\n', '\r']).unwrap_or(rest.len());
    (end > 0).then(|| rest[..end].to_owned())
}
