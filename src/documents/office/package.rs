//! What the package around a document says of it: its title, its pages, whether changes were tracked. A package that cannot be
//! opened says nothing; the reader of the document has the words for it.

use std::borrow::Cow;
use std::io::{Cursor, Read};

use zip::ZipArchive;

use crate::document_format::DocumentFormat;

/// The stream of a document that is encrypted as a whole, as the directory of its container spells it.
const ENCRYPTED: &str = "EncryptedPackage";

/// How a container of the old kind begins.
const CONTAINER: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// The most that is unpacked of one part, in bytes.
const PART_BYTES: u64 = 32 << 20;

/// What a package says of its document.
#[derive(Debug, Default)]
pub(super) struct PackageFacts {
    pub(super) title: Option<String>,
    /// Pages or slides.
    pub(super) pages: Option<u64>,
    pub(super) has_tracked_changes: bool,
    pub(super) is_encrypted: bool,
}

impl PackageFacts {
    /// The facts of a document in this format.
    pub(super) fn of(bytes: &[u8], format: DocumentFormat) -> Self {
        if bytes.starts_with(CONTAINER) {
            let name: Vec<u8> = ENCRYPTED.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let is_encrypted = bytes.windows(name.len()).any(|window| window == name);
            return Self { is_encrypted, ..Self::default() };
        }
        let Ok(mut archive) = ZipArchive::new(Cursor::new(bytes)) else { return Self::default() };
        let mut part = |name: &str| part_of(&mut archive, name);
        match format {
            DocumentFormat::Docx => {
                let content = part("word/document.xml");
                Self {
                    title: content_of(&part("docProps/core.xml"), "dc:title"),
                    pages: content_of(&part("docProps/app.xml"), "Pages")
                        .and_then(|pages| pages.parse().ok()),
                    has_tracked_changes: ["<w:ins ", "<w:del ", "<w:moveFrom "]
                        .iter()
                        .any(|tag| content.contains(tag)),
                    is_encrypted: false,
                }
            }
            DocumentFormat::Pptx => {
                let title = content_of(&part("docProps/core.xml"), "dc:title");
                let is_slide =
                    |name: &Cow<'_, str>| name.starts_with("ppt/slides/slide") && name.ends_with(".xml");
                let slides = archive.file_names().flatten().filter(is_slide).count() as u64;
                Self { title, pages: Some(slides), ..Self::default() }
            }
            DocumentFormat::Odt | DocumentFormat::Odp => {
                let (meta, content) = (part("meta.xml"), part("content.xml"));
                let pages = attribute_of(&meta, "meta:page-count").and_then(|pages| pages.parse().ok());
                Self {
                    title: content_of(&meta, "dc:title"),
                    pages,
                    has_tracked_changes: content.contains("<text:tracked-changes"),
                    is_encrypted: false,
                }
            }
            DocumentFormat::Epub => {
                let package = attribute_of(&part("META-INF/container.xml"), "full-path").unwrap_or_default();
                let title = content_of(&part(&package), "dc:title");
                // Books with digital rights have this part; fonts that are only obfuscated have another.
                Self { title, is_encrypted: !part("META-INF/rights.xml").is_empty(), ..Self::default() }
            }
            _ => Self::default(),
        }
    }
}

/// The text of a part; empty if there is none of this name.
fn part_of(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str) -> String {
    let mut content = Vec::new();
    if let Ok(part) = archive.by_name(name) {
        // What was read until an error is enough, or the document's reader has found it too.
        let _ = part.take(PART_BYTES).read_to_end(&mut content);
    }
    String::from_utf8_lossy(&content).into_owned()
}

/// The text of the first element of this name, in one line; `None` if it is blank.
fn content_of(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}"))?;
    let (tag, rest) = rest.split_once('>')?;
    if tag.ends_with('/') {
        return None;
    }
    let (content, _) = rest.split_once(&format!("</{name}>"))?;
    let line = unescaped(content).split_whitespace().collect::<Vec<_>>().join(" ");
    (!line.is_empty()).then_some(line)
}

/// The value of the first attribute of this name.
fn attribute_of(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!(" {name}="))?;
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    rest[1..].split_once(quote).map(|(value, _)| unescaped(value))
}

fn unescaped(text: &str) -> String {
    // The ampersand last: what it makes is no escape.
    let entities =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    entities.iter().fold(text.to_owned(), |text, (escape, letter)| text.replace(escape, letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_and_numbers_are_found_in_their_elements() {
        let xml = "<a><dc:title id='t'> Terms &amp; \n conditions &lt;2&gt; </dc:title><m meta:page-count=\"12\"/></a>";
        assert_eq!(content_of(xml, "dc:title").as_deref(), Some("Terms & conditions <2>"));
        assert_eq!(attribute_of(xml, "meta:page-count").as_deref(), Some("12"));
        for none in ["", "<dc:title/>", "<dc:title> </dc:title>", "<dc:title>open"] {
            assert_eq!(content_of(none, "dc:title"), None, "{none}");
        }
    }

    #[test]
    fn what_is_no_package_says_nothing() {
        let facts = PackageFacts::of(b"{\\rtf1 text}", DocumentFormat::Rtf);
        assert!(facts.title.is_none() && facts.pages.is_none() && !facts.is_encrypted);
        let facts = PackageFacts::of(b"PK\x03\x04 damaged", DocumentFormat::Docx);
        assert!(facts.title.is_none() && !facts.has_tracked_changes);
    }
}
