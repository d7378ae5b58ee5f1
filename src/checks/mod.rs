//! What the answer to a text is checked for: that it keeps what is not to be translated, that it is a translation, its length.
//!
//! A check sees two texts, the source and the answer, and nothing else. `placeholders` counts in both what [`literals`] finds, and
//! `keep` what a user's expression does.
//!
//! Laws of this room, held by `tests` and over the catalogues of programs (`tests/catalogues.rs`):
//!
//! - **Pure**: kept answers can be checked again whenever the checks change.
//! - **No false alarm where a translator may choose**: the order of numbered placeholders, the branches of a plural, the attributes
//!   that people read, the form of a date. A check that cries wolf is switched off.
//! - **A percentage, a brace in prose and `<file>` in a usage line are no placeholders.**
//!
//! [`literals`]: crate::literals

mod keep;
mod placeholders;
#[cfg(test)]
mod tests;

use std::fmt;

pub use keep::Keep;
use placeholders::literal_free;

/// The characters of a source up to which an answer may be as long as to one of so many: "OK" is "D'accord".
const SHORT_SOURCE: usize = 20;

/// The characters of a source below which an answer may be as short as it likes: 互联网 is "Internet".
const TELLING_SOURCE: usize = 60;

/// The most differences of a check that its words name.
const MOST_NAMED: usize = 5;

/// The checks by name.
pub const NAMES: [&str; 3] = ["placeholders", "translated", "length"];

/// The checks that the words of a failure name, as [`FailedCheck`] writes them one after the other.
pub fn named_in(words: &str) -> Vec<&'static str> {
    let is_named =
        |name: &&str| words.starts_with(&format!("{name}: ")) || words.contains(&format!("; {name}: "));
    ["placeholders", "keep", "translated", "length"].into_iter().filter(is_named).collect()
}

/// What each answer is checked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Checks {
    /// Placeholders, tags and addresses of the source are in the answer as often.
    pub placeholders: bool,
    /// The answer is not the source.
    pub translated: bool,
    /// How long it is.
    pub length: Option<LengthRange>,
    /// Every match in the source is in the answer as often.
    pub keep: Vec<Keep>,
}

/// How many times as long as its source an answer may be, in characters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LengthRange {
    /// At least.
    pub least: f64,
    /// At most.
    pub most: f64,
}

impl Default for LengthRange {
    fn default() -> Self {
        Self { least: 0.2, most: 6.0 }
    }
}

/// A check that an answer does not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedCheck {
    /// Its name.
    pub name: &'static str,
    /// What is wrong.
    pub words: String,
}

impl fmt::Display for FailedCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.words)
    }
}

impl Checks {
    /// Whether there is nothing to check.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The checks that an answer does not pass.
    pub fn failures(&self, source: &str, answer: &str) -> Vec<FailedCheck> {
        let mut failed = Vec::new();
        let mut add = |name, found: Vec<String>| {
            if !found.is_empty() {
                let more = found.len().saturating_sub(MOST_NAMED);
                let named = found.into_iter().take(MOST_NAMED).collect::<Vec<_>>().join(", ");
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                failed.push(FailedCheck { name, words: format!("{named}{more}") });
            }
        };
        if self.placeholders {
            add("placeholders", placeholders::differences(source, answer));
        }
        add("keep", self.keep.iter().flat_map(|keep| keep.differences(source, answer)).collect());
        if self.translated && source.trim() == answer.trim() && self.has_words(source) {
            add("translated", vec!["the answer is the source".to_owned()]);
        }
        let range = self.length.and_then(|range| range.difference(source, answer));
        add("length", range.into_iter().collect());
        failed
    }

    /// Whether there is a letter outside of what is kept.
    fn has_words(&self, source: &str) -> bool {
        let rest = literal_free(source);
        let rest = self.keep.iter().fold(rest, |rest, keep| keep.without(&rest));
        rest.contains(char::is_alphabetic)
    }
}

impl LengthRange {
    fn difference(self, source: &str, answer: &str) -> Option<String> {
        let (before, after) = (source.trim().chars().count(), answer.trim().chars().count());
        let is_long = after as f64 > self.most * before.max(SHORT_SOURCE) as f64;
        let is_short = before >= TELLING_SOURCE && (after as f64) < self.least * before as f64;
        (is_long || is_short).then(|| format!("{after} characters for {before}"))
    }
}
