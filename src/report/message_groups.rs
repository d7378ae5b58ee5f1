//! Messages that differ only in numbers and identifiers are one message, with a count and an example.

use std::collections::BTreeMap;

use serde::Serialize;

/// Groups of messages that are distinguished; the rest is counted together.
const KINDS: usize = 200;

/// Characters of a message that are compared.
const COMPARED: usize = 300;

/// Similar messages.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MessageGroup<E> {
    /// The code they have in common.
    pub code: String,
    /// How many.
    pub count: u64,
    /// The first of them.
    pub message: String,
    /// Where the first of them occurred.
    pub example: E,
}

/// Messages, sorted into groups.
#[derive(Debug, Clone)]
pub struct MessageGroups<E> {
    kinds: BTreeMap<(String, String), MessageGroup<E>>,
    /// Messages in none of the groups.
    others: u64,
}

impl<E> Default for MessageGroups<E> {
    fn default() -> Self {
        Self { kinds: BTreeMap::new(), others: 0 }
    }
}

impl<E> MessageGroups<E> {
    /// Adds a message.
    pub fn add(&mut self, code: &str, message: &str, example: impl FnOnce() -> E) {
        self.add_as(pattern(message), code, message, example);
    }

    /// Adds a message to those of its code that share a `pattern`.
    pub fn add_as(&mut self, pattern: String, code: &str, message: &str, example: impl FnOnce() -> E) {
        let key = (code.to_owned(), pattern);
        if let Some(kind) = self.kinds.get_mut(&key) {
            kind.count += 1;
        } else if self.kinds.len() < KINDS {
            let kind = MessageGroup {
                code: code.to_owned(),
                count: 1,
                message: message.to_owned(),
                example: example(),
            };
            self.kinds.insert(key, kind);
        } else {
            self.others += 1;
        }
    }

    /// The groups, the most frequent first, and the number of messages in none of them.
    pub fn sorted(self) -> (Vec<MessageGroup<E>>, u64) {
        let mut kinds: Vec<MessageGroup<E>> = self.kinds.into_values().collect();
        kinds.sort_by_key(|kind| std::cmp::Reverse(kind.count));
        (kinds, self.others)
    }
}

/// The part of a message that its group shares: words with a digit in them are numbers or identifiers.
fn pattern(message: &str) -> String {
    let mut pattern = String::new();
    let mut word = String::new();
    let close = |word: &mut String, pattern: &mut String| {
        let foreign = word.chars().any(|c| c.is_ascii_digit());
        pattern.push_str(if foreign { "#" } else { word });
        word.clear();
    };
    for c in message.chars().take(COMPARED) {
        match c.is_alphanumeric() || c == '-' || c == '_' {
            true => word.push(c),
            false => {
                close(&mut word, &mut pattern);
                pattern.push(c);
            }
        }
    }
    close(&mut word, &mut pattern);
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_differ_in_numbers_and_identifiers_are_one() {
        let mut kinds = MessageGroups::default();
        for (row, message) in [
            "request 5f3a-77 took 12 ms",
            "no such field `a`",
            "request 9c01-b2 took 3041 ms",
            "no such field `b`",
            "request 00-1 took 7 ms",
        ]
        .iter()
        .enumerate()
        {
            kinds.add("500", message, || row);
        }
        kinds.add("408", "request 5f3a-77 took 12 ms", || 9);
        let (kinds, others) = kinds.sorted();
        let counts: Vec<(u64, usize)> = kinds.iter().map(|kind| (kind.count, kind.example)).collect();
        assert_eq!((counts[0], counts.len(), others), ((3, 0), 4, 0));
        assert_eq!(kinds[0].message, "request 5f3a-77 took 12 ms");
    }

    #[test]
    fn the_number_of_kinds_is_bounded() {
        let mut kinds = MessageGroups::default();
        let word = |number: u32| {
            number.to_string().chars().map(|c| char::from(b'a' + (c as u8 - b'0'))).collect::<String>()
        };
        (0..1000).for_each(|number| kinds.add("code", &word(number), || ()));
        let (kinds, others) = kinds.sorted();
        assert_eq!((kinds.len(), others), (KINDS, 800));
    }
}
