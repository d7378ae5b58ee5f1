//! Which columns have texts to translate: mostly letters, and no identifiers, codes, numbers, dates, addresses, or the same few
//! words again and again.

use std::collections::BTreeSet;

use serde_json::Value;

use super::identity::is_id;
use crate::row::Row;

/// The most values of a column that counts as an enumeration.
const FEW: usize = 20;

/// Where writing without blanks between the words begins: Thai, and further on Chinese and Japanese.
const UNSPACED: char = '\u{0E00}';

/// The columns, by what their values look like.
#[derive(Debug, Default)]
pub(super) struct TextColumns {
    /// In the order of their first value.
    columns: Vec<ColumnTexts>,
}

/// The values of a column.
#[derive(Debug, Default)]
struct ColumnTexts {
    name: String,
    /// How many there are.
    filled: usize,
    /// How many of them are texts.
    texts: usize,
    /// How many of the texts have several words.
    phrases: usize,
    /// The different texts, up to one more than `FEW`.
    distinct: BTreeSet<String>,
}

impl TextColumns {
    /// Looks at the next row.
    pub(super) fn look_at(&mut self, row: &Row) {
        for (name, value) in &row.fields {
            let text = match value {
                Value::Null => continue,
                Value::String(text) if text.trim().is_empty() => continue,
                Value::String(text) => Some(text.trim()),
                _ => None,
            };
            let at = self.columns.iter().position(|column| column.name == *name).unwrap_or_else(|| {
                self.columns.push(ColumnTexts { name: name.clone(), ..ColumnTexts::default() });
                self.columns.len() - 1
            });
            self.columns[at].see(text);
        }
    }

    /// The columns to translate, as far as it can be seen.
    pub(super) fn offer(self) -> Vec<String> {
        self.columns.into_iter().filter(ColumnTexts::is_of_texts).map(|column| column.name).collect()
    }
}

impl ColumnTexts {
    fn see(&mut self, value: Option<&str>) {
        self.filled += 1;
        let Some(text) = value.filter(|text| is_text(text)) else { return };
        self.texts += 1;
        self.phrases += usize::from(is_phrase(text));
        if self.distinct.len() <= FEW {
            self.distinct.insert(text.to_owned());
        }
    }

    fn is_of_texts(&self) -> bool {
        let is_of_words = 2 * self.phrases < self.texts;
        let is_repeated = self.distinct.len() <= FEW && 3 * self.distinct.len() <= 2 * self.filled;
        let is_label = is_of_words && (is_repeated || is_id(&self.name));
        self.texts > 0 && 3 * self.texts >= 2 * self.filled && !is_label
    }
}

/// Whether a text without blanks around it is made of words.
fn is_text(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let marks = text.chars().filter(|c| !c.is_whitespace()).count();
    2 * letters >= marks && (letters > 2 || !text.is_ascii()) && (is_phrase(text) || !is_code(text))
}

fn is_phrase(text: &str) -> bool {
    let is_unspaced = || text.chars().filter(|c| *c >= UNSPACED && c.is_alphabetic()).count() > 6;
    text.contains(char::is_whitespace) || is_unspaced()
}

/// Whether a word is an abbreviation, a number of an article, a file, a key or an address.
fn is_code(word: &str) -> bool {
    let has_sign = || word.contains(|c: char| c.is_ascii_digit() || "_/\\@:=#".contains(c));
    let is_dotted = || word.trim_end_matches('.').contains('.');
    let is_short = || word.len() <= 4 && !word.contains(|c: char| c.is_ascii_lowercase());
    word.is_ascii() && (has_sign() || is_dotted() || is_short())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::row::{Origin, Place, PlaceUnit};

    /// Whether a column of these values is offered.
    fn is_offered(name: &str, values: &[Value]) -> bool {
        let mut columns = TextColumns::default();
        for value in values {
            let place = Place { file: "in.csv".into(), number: 1, unit: PlaceUnit::Line };
            let fields = json!({ name: value }).as_object().expect("an object").clone();
            columns.look_at(&Row {
                position: 0,
                place,
                id: None,
                fields,
                origin: Origin::Record,
                whole: None,
            });
        }
        columns.offer() == [name]
    }

    #[test]
    fn texts_and_names_in_any_script_are_to_be_translated() {
        for values in [
            &["Warm socks", "A scarf of wool"][..],
            &["Socks", "Scarf", "Hat"],
            &["<p>Warm <b>socks</b></p>", "<p>A scarf</p>"],
            &["%d items left", "Hello {name}!"],
            &["椅子", "桌子"],
            &["适合3岁以上儿童的积木玩具", "适合3岁以上儿童的积木玩具"],
            &["Größe 38 passt meist", "", "Größe 40 fällt klein aus"],
            &["Warm socks", "Warm socks", "Warm socks"],
        ] {
            let values: Vec<Value> = values.iter().map(|text| json!(text)).collect();
            assert!(is_offered("Name", &values), "{values:?}");
        }
    }

    #[test]
    fn codes_numbers_dates_addresses_and_the_same_few_words_are_not() {
        for values in [
            &["NF-1001", "NF-1002"][..],
            &["7f3c9d1e-55aa-4e0b-9c1d-0a2b3c4d5e6f"],
            &["2026-11-30", "2026-11-30T14:30:00", "30.11.2026", "5 May 2026"],
            &["12.50 EUR", "10 x 20 cm"],
            &["https://example.com/a", "www.example.com", "anna@example.com", "images/a.jpg"],
            &["home.title", "home.button"],
            &["EUR", "USD", "en"],
            &["red", "blue", "red", "blue"],
            &[" ", ""],
        ] {
            let values: Vec<Value> = values.iter().map(|text| json!(text)).collect();
            assert!(!is_offered("Name", &values), "{values:?}");
        }
        assert!(!is_offered("Price", &[json!(12.5), json!("on request")]));
        assert!(!is_offered("Key", &[json!("welcome"), json!("goodbye")]));
    }
}
