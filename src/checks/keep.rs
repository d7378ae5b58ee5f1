//! The check `keep`: what an expression of the user matches in the source is in the answer as often.

use std::collections::BTreeMap;

use regex::Regex;

/// An expression. Those of this engine take time in proportion to the text, whatever they are.
#[derive(Debug, Clone)]
pub struct Keep(Regex);

impl PartialEq for Keep {
    fn eq(&self, other: &Self) -> bool {
        self.pattern() == other.pattern()
    }
}

impl Keep {
    /// Reads an expression.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in a line.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let problem = |error: regex::Error| match error {
            // The last of its lines says what is wrong, those before it show where.
            regex::Error::Syntax(text) => {
                let last = text.lines().last().unwrap_or_default();
                last.trim_start_matches("error: ").to_owned()
            }
            error => error.to_string(),
        };
        let regex = Regex::new(pattern).map_err(problem)?;
        if regex.is_match("") {
            return Err("it matches nothing at all, which is in every answer".to_owned());
        }
        Ok(Self(regex))
    }

    /// As it is written.
    pub fn pattern(&self) -> &str {
        self.0.as_str()
    }

    pub(super) fn differences(&self, source: &str, answer: &str) -> Vec<String> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut in_order = Vec::new();
        for found in self.0.find_iter(source) {
            let count = counts.entry(found.as_str()).or_insert(0);
            if *count == 0 {
                in_order.push(found.as_str());
            }
            *count += 1;
        }
        let difference = |text: &str| {
            let expected = counts[text];
            let matches = self.0.find_iter(answer).filter(|found| found.as_str() == text).count();
            // Glued to a word it may match no more.
            let texts = answer.matches(text).count();
            match () {
                () if matches.max(texts) < expected => Some(format!("`{text}` is missing")),
                () if matches > expected => {
                    Some(format!("`{text}` is there {matches} times instead of {expected}"))
                }
                () => None,
            }
        };
        in_order.into_iter().filter_map(difference).collect()
    }

    /// A text without the matches.
    pub(super) fn without(&self, text: &str) -> String {
        self.0.replace_all(text, " ").into_owned()
    }
}
