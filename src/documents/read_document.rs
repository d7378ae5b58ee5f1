//! What a reader makes of a file: its text, or the reason why there is none.

use serde::{Deserialize, Serialize};

/// A document that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadDocument {
    /// Its text: of a text format the file's own, otherwise Markdown.
    pub text: String,
    /// The name of the format that it was read as, from its content where that tells: `markdown`, `docx`. What a command printed
    /// is `text`.
    pub format: &'static str,
    /// Its title, if it names one.
    pub title: Option<String>,
    /// The number of its pages or slides, where the format has some.
    pub pages: Option<u64>,
    /// The encoding of the file, in small letters: of text formats, HTML and the output of commands.
    pub encoding: Option<String>,
    /// What a reader of the text should know: pages without text, a guessed encoding.
    pub warnings: Vec<String>,
}

impl ReadDocument {
    /// A document of which nothing is known but its text.
    pub(super) fn of_text(text: String, format: &'static str) -> Self {
        Self { text, format, title: None, pages: None, encoding: None, warnings: Vec::new() }
    }
}

/// Why a document has no text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// The reason in one word.
    pub reason: UnreadableReason,
    /// What happened, in a phrase without a full stop.
    pub message: String,
    /// Whether the file may be readable at another time: the machine was short of something, or the process was ended from
    /// outside. Such a result is not worth keeping.
    pub may_pass: bool,
}

/// The reasons why a document has no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnreadableReason {
    /// There is nothing but white space in it.
    Empty,
    /// It needs a password.
    Encrypted,
    /// Its pages are images.
    NoText,
    /// The file, its text, or a part of it when unpacked is larger than allowed.
    TooLarge,
    /// It is damaged, or of another format.
    Malformed,
    /// The process that read it has ended without a result.
    ReaderCrashed,
    /// Reading it took too long.
    ReaderTimeout,
    /// A binary file that should be text.
    NotText,
    /// The system does not give the file.
    Unreadable,
}

impl UnreadableReason {
    /// The code of a bad row.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Encrypted => "encrypted",
            Self::NoText => "no_text",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::ReaderCrashed => "reader_crashed",
            Self::ReaderTimeout => "reader_timeout",
            Self::NotText => "not_text",
            Self::Unreadable => "unreadable",
        }
    }
}

impl Unreadable {
    /// A document that has no text for this reason, today and tomorrow.
    pub(super) fn because(reason: UnreadableReason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), may_pass: false }
    }

    /// The same where another attempt may succeed.
    pub(super) fn today(reason: UnreadableReason, message: impl Into<String>) -> Self {
        Self { may_pass: true, ..Self::because(reason, message) }
    }

    /// The code of the bad row.
    #[cfg(not(main_alone))]
    pub fn code(&self) -> &'static str {
        self.reason.code()
    }
}
