//! How the translation models write their answers.

use std::str::FromStr;

/// How the translation models write their answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TranslationStyle {
    /// The text after its language, with its terms replaced, so that rows and languages can be distinguished.
    #[default]
    Marked,
    /// The text itself, so that a document that was split and joined again can be compared with its source.
    Echo,
}

impl FromStr for TranslationStyle {
    type Err = String;

    /// Reads `marked` or `echo`.
    fn from_str(text: &str) -> Result<TranslationStyle, String> {
        match text {
            "marked" => Ok(TranslationStyle::Marked),
            "echo" => Ok(TranslationStyle::Echo),
            other => Err(format!("unknown style of translations `{other}`: write marked or echo")),
        }
    }
}
