//! The word for the format of an input: a table's, `document`, or a document's.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error};

use crate::document_format::DocumentFormat;
use crate::format::Format;

/// The declared format of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputFormat {
    /// Every file holds rows, in this format.
    Table(Format),
    /// Every file is a document, in this format; `None`: each in that of its ending, and text where that shows none.
    Document(Option<DocumentFormat>),
}

/// The word for documents of any format.
const ANY_DOCUMENT: &str = "document";

/// The words, as messages list them.
const WORDS: [&str; Format::ALL.len() + 1 + DocumentFormat::ALL.len()] = {
    let mut words = [ANY_DOCUMENT; Format::ALL.len() + 1 + DocumentFormat::ALL.len()];
    let mut index = 0;
    while index < Format::ALL.len() {
        words[index] = Format::ALL[index].1[0];
        index += 1;
    }
    index = 0;
    while index < DocumentFormat::ALL.len() {
        words[Format::ALL.len() + 1 + index] = DocumentFormat::ALL[index].1;
        index += 1;
    }
    words
};

impl InputFormat {
    /// The format by its word in the job file.
    fn named(word: &str) -> Option<Self> {
        let is_named = |endings: &[&str]| endings[0] == word || (word == "ndjson" && endings.contains(&word));
        let table = Format::ALL.iter().find(|(_, endings)| is_named(endings));
        match (word, table) {
            (ANY_DOCUMENT, _) => Some(Self::Document(None)),
            (_, Some((format, _))) => Some(Self::Table(*format)),
            _ => DocumentFormat::named(word).map(Some).map(Self::Document),
        }
    }

    /// The format of rows, if that is what it is.
    pub fn table(self) -> Option<Format> {
        match self {
            Self::Table(format) => Some(format),
            Self::Document(_) => None,
        }
    }
}

impl fmt::Display for InputFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(format) => format.fmt(f),
            Self::Document(None) => f.write_str(ANY_DOCUMENT),
            Self::Document(Some(format)) => format.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for InputFormat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Self::named(&word).ok_or_else(|| D::Error::unknown_variant(&word, &WORDS))
    }
}

impl JsonSchema for InputFormat {
    fn schema_name() -> Cow<'static, str> {
        "InputFormat".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": WORDS })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_names_a_format_and_is_the_name_of_it() {
        for word in WORDS {
            assert_eq!(InputFormat::named(word).map(|format| format.to_string()).as_deref(), Some(word));
        }
        assert_eq!(InputFormat::named("ndjson"), Some(InputFormat::Table(Format::Jsonl)));
        assert_eq!(InputFormat::named("pq"), None);
        assert_eq!(InputFormat::named("document"), Some(InputFormat::Document(None)));
        assert_eq!(InputFormat::named("pdf"), Some(InputFormat::Document(Some(DocumentFormat::Pdf))));
    }
}
