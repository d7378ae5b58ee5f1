//! The formats of documents: files that are one text each, and not rows. A table is no document ([`crate::format`]).

use std::fmt;
use std::path::Path;

/// A format of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DocumentFormat {
    /// Plain text.
    Text,
    /// Markdown.
    Markdown,
    /// HTML.
    Html,
    /// Subtitles in SubRip's format.
    Srt,
    /// Subtitles in WebVTT.
    Vtt,
    /// Word, Office Open XML.
    Docx,
    /// Word, up to 2003.
    Doc,
    /// PowerPoint, Office Open XML.
    Pptx,
    /// PowerPoint, up to 2003.
    Ppt,
    /// OpenDocument text.
    Odt,
    /// OpenDocument presentation.
    Odp,
    /// Rich Text Format.
    Rtf,
    /// An electronic book.
    Epub,
    /// PDF.
    Pdf,
    /// An e-mail as it is sent (RFC 5322).
    Eml,
}

impl DocumentFormat {
    /// Every format, with the endings of its files' names. The word for it in a job file is its [`DocumentFormat::name`].
    pub const ALL: [(Self, &str, &[&str]); 15] = [
        (Self::Text, "text", &["txt", "text", "log", "rst", "tex", "adoc", "asciidoc", "org"]),
        (Self::Markdown, "markdown", &["md", "markdown", "mdown", "mkd", "mdx", "qmd", "rmd"]),
        (Self::Html, "html", &["html", "htm", "xhtml", "shtml"]),
        (Self::Srt, "srt", &["srt"]),
        (Self::Vtt, "vtt", &["vtt"]),
        (Self::Docx, "docx", &["docx", "docm", "dotx", "dotm"]),
        (Self::Doc, "doc", &["doc", "dot"]),
        (Self::Pptx, "pptx", &["pptx", "pptm", "ppsx", "ppsm"]),
        (Self::Ppt, "ppt", &["ppt", "pps", "pot"]),
        (Self::Odt, "odt", &["odt", "ott"]),
        (Self::Odp, "odp", &["odp", "otp"]),
        (Self::Rtf, "rtf", &["rtf"]),
        (Self::Epub, "epub", &["epub"]),
        (Self::Pdf, "pdf", &["pdf"]),
        (Self::Eml, "eml", &["eml"]),
    ];

    /// The format according to the ending of a file's name. `None` for an ending that is no document's.
    pub fn of_path(path: &Path) -> Option<Self> {
        Self::of_ending(&ending_of(path)?)
    }

    /// The format of an ending in lower case, without its dot.
    pub fn of_ending(ending: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, _, endings)| endings.contains(&ending)).map(|(format, ..)| *format)
    }

    /// The format by its word in the job file.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, word, _)| *word == name).map(|(format, ..)| *format)
    }

    /// Whether the file itself is the text: nothing has to be taken out of it but its encoding.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Markdown | Self::Srt | Self::Vtt)
    }

    /// The word for it, in the job file and in the column `format`.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(format, ..)| *format == self).map_or("", |(_, word, _)| word)
    }
}

impl fmt::Display for DocumentFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The ending of a file's name in lower case, without its dot. `None` for a name without one, and for a hidden file that is
/// nothing but an ending.
pub fn ending_of(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Format;

    #[test]
    fn the_ending_decides_the_format_and_no_document_has_the_ending_of_a_table() {
        assert_eq!(DocumentFormat::of_path(Path::new("a/b.PDF")), Some(DocumentFormat::Pdf));
        assert_eq!(DocumentFormat::of_path(Path::new("a/b.tar.md")), Some(DocumentFormat::Markdown));
        for name in ["a", ".md", "a.json", "a.xlsx", "md", "a.md.gz"] {
            assert_eq!(DocumentFormat::of_path(Path::new(name)), None, "{name}");
        }
        for (format, word, endings) in DocumentFormat::ALL {
            assert_eq!(DocumentFormat::named(word), Some(format));
            for ending in endings {
                assert_eq!(DocumentFormat::of_ending(ending), Some(format));
                assert_eq!(Format::of_path(&format!("a.{ending}")), None);
            }
        }
    }
}
