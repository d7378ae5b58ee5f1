//! The languages that a model translates between, by English name and by code.

use super::own_names::code_of_own_name;
use crate::diagnostic::nearest;

/// A language as a request names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Language {
    /// Its English name.
    pub name: String,
    /// Its code.
    pub code: String,
}

/// The languages that a model translates between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Languages {
    /// The languages that it knows.
    pub known: &'static [Language],
    /// A model of the family that knows more, and its additional languages.
    pub wider: Option<(&'static str, &'static [Language])>,
}

impl Language {
    /// Whether a text is its name or code, in any case.
    fn is_named(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.name.to_lowercase() == text || self.code == text
    }

    /// Its name and its code, for messages.
    pub fn shown(&self) -> String {
        format!("{} ({})", self.name, self.code)
    }
}

impl Languages {
    /// The language that a text names.
    pub fn find(&self, text: &str) -> Option<&'static Language> {
        self.known.iter().find(|language| language.is_named(text))
    }

    /// The code of the language that a text names, in which names and codes can be compared; the text itself if it names
    /// none.
    pub fn code_of(&self, text: &str) -> String {
        self.find(text).map_or_else(|| text.to_lowercase(), |language| language.code.clone())
    }

    /// Why `model` does not accept a text as a language, and which one was probably meant. `None` if it accepts it.
    pub fn fault(&self, model: &str, text: &str) -> Option<(String, Option<String>)> {
        if self.find(text).is_some() {
            return None;
        }
        let elsewhere = self.wider.and_then(|(wider, more)| {
            let language = more.iter().find(|language| language.is_named(text))?;
            Some(format!("{model} does not support {}; {wider} does", language.shown()))
        });
        let count = self.known.len();
        let message = format!("`{text}` is not one of the {count} languages that {model} supports");
        let help = match self.meant(text) {
            Some(language) => format!("did you mean {}?", language.shown()),
            None => "give the English name, such as Portuguese, or the code, such as pt".to_owned(),
        };
        Some(match elsewhere {
            Some(message) => (message, None),
            None => (message, Some(help)),
        })
    }

    /// The known language nearest to a text: one with this name in the language itself (`Deutsch`), the same name with a country
    /// or a script after it (`pt-BR`, `Portuguese (Brazil)`) or before it, or a name or code with a typo in it.
    pub fn meant(&self, text: &str) -> Option<&'static Language> {
        let bare = text.split(['(', '（']).next().unwrap_or_default().trim();
        let own = [text.trim(), bare].into_iter().find_map(|name| self.find(code_of_own_name(name)?));
        let words =
            || bare.split_whitespace().rev().find_map(|word| self.find(word).filter(|_| word.len() > 3));
        let whole = text.trim().replace('-', "_");
        let first = whole.split('_').next().unwrap_or_default();
        let near = || {
            let names =
                self.known.iter().flat_map(|language| [language.name.as_str(), language.code.as_str()]);
            self.find(nearest(text.trim(), names)?)
        };
        own.or_else(|| self.find(&whole))
            .or_else(|| self.find(first))
            .or_else(|| self.find(bare))
            .or_else(words)
            .or_else(near)
    }
}
