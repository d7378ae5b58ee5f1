//! The names of a document: its path as text, and the columns that follow from it.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// A path as text. A byte that is not UTF-8 is written `\xFF`; a backslash that could be read as the beginning of such a byte
/// is written `\x5C`, so that each text belongs to one path.
pub(super) fn as_text(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        let valid = chunk.valid();
        for (at, letter) in valid.char_indices() {
            match letter {
                '\\' if looks_escaped(&valid.as_bytes()[at + 1..]) => text.push_str("\\x5C"),
                letter => text.push(letter),
            }
        }
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02X}")));
    }
    text
}

/// The path of a text that [`as_text`] made.
pub fn path_of(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let escaped =
            (*first == b'\\' && looks_escaped(behind)).then(|| str::from_utf8(&behind[1..3]).ok()).flatten();
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &behind[3..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

fn looks_escaped(rest: &[u8]) -> bool {
    matches!(rest, [b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

/// The columns of a document that follow from its path: `path`, `folder`, `name`, `stem`.
pub(super) fn columns(path: &str) -> Map<String, Value> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    // In the root of the file system, the folder is not nothing.
    let folder = if folder.is_empty() && path.starts_with('/') { "/" } else { folder };
    let stem = match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    };
    let columns = [("path", path), ("folder", folder), ("name", name), ("stem", stem)];
    columns.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    fn text(bytes: &[u8]) -> String {
        let text = as_text(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(path_of(&text).as_os_str().as_bytes(), bytes);
        text
    }

    #[test]
    fn each_path_has_a_text_of_its_own() {
        assert_eq!(text("a/été.md".as_bytes()), "a/été.md");
        assert_eq!(text(b"a/\xe9t\xe9.md"), "a/\\xE9t\\xE9.md");
        assert_eq!(text(b"a\\xE9.md"), "a\\x5CxE9.md");
        assert_eq!(text(b"a\\b\\x.md"), "a\\b\\x.md");
        assert_eq!(text(b"\xe9\\x5C"), "\\xE9\\x5Cx5C");
    }

    #[test]
    fn folder_name_and_stem_follow_from_the_path() {
        let of = |path: &str| {
            let columns = columns(path);
            ["folder", "name", "stem"].map(|name| columns[name].as_str().unwrap().to_owned())
        };
        assert_eq!(of("a/b/c.zh.md"), ["a/b", "c.zh.md", "c.zh"]);
        assert_eq!(of("c.md"), ["", "c.md", "c"]);
        assert_eq!(of("/c"), ["/", "c", "c"]);
        assert_eq!(of("a/.md"), ["a", ".md", ".md"]);
    }
}
