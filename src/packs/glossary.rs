//! The glossary of a pack: the terms and sample translations of all its rows, in one list each.
//!
//! A row has the entries that occur in its text. The list of several rows means the same to each of them, unless an entry of one could
//! act on the text of another: such rows do not travel together.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::tokens::text_tokens;

/// Where a body has its options for a translation, and in them the terms and the sample translations.
const OPTIONS: &str = "translation_options";
const LISTS: [&str; 2] = ["terms", "tm_list"];

/// The glossary of one row, and the text on which it acts.
#[derive(Debug, Clone, PartialEq)]
pub struct RowGlossary {
    /// The text, in lower case.
    text: String,
    /// The entries of each list.
    entries: [Vec<GlossaryEntry>; 2],
    /// Its tokens, estimated.
    pub(super) tokens: f64,
}

#[derive(Debug, Clone, PartialEq)]
struct GlossaryEntry {
    /// The source, in lower case.
    source: String,
    /// The entry as it is in the body.
    written: Value,
}

/// The glossary that rows have together.
#[derive(Debug, Default)]
pub struct SharedGlossary<'a> {
    texts: Vec<&'a str>,
    /// By source, for each list.
    known: [HashMap<&'a str, &'a Value>; 2],
    /// In the order of the rows.
    entries: [Vec<&'a Value>; 2],
}

impl RowGlossary {
    /// Takes the glossary of a row with this text out of its body; `None` if the body is not for a translation, or its lists are
    /// not what is known of them.
    pub(super) fn take(body: &mut Map<String, Value>, text: &str) -> Option<Self> {
        let options = body.get_mut(OPTIONS)?.as_object_mut()?;
        let read =
            |list: &Value| list.as_array()?.iter().map(GlossaryEntry::read).collect::<Option<Vec<_>>>();
        let mut entries = [Vec::new(), Vec::new()];
        for (list, entries) in LISTS.iter().zip(&mut entries) {
            *entries = options.get(*list).map_or(Some(Vec::new()), read)?;
        }
        let lists = LISTS.iter().filter_map(|list| options.shift_remove(*list));
        let tokens = lists.map(|list| text_tokens(&list.to_string())).sum();
        Some(Self { text: text.to_lowercase(), entries, tokens })
    }
}

impl GlossaryEntry {
    fn read(written: &Value) -> Option<Self> {
        let source = written.get("source")?.as_str()?.to_lowercase();
        Some(Self { source, written: written.clone() })
    }
}

impl<'a> SharedGlossary<'a> {
    /// Adds the glossary of another row, if no entry of one row could act on the text of another. Otherwise it stays as it is, and
    /// the row does not travel with the others.
    pub fn admits(&mut self, row: &'a RowGlossary) -> bool {
        let lists = row.entries.iter().zip(&self.known);
        let own: [HashMap<&str, &Value>; 2] = [0, 1].map(|list: usize| {
            row.entries[list].iter().map(|entry| (&*entry.source, &entry.written)).collect()
        });
        let fits = lists.zip(&own).all(|((entries, known), own)| {
            let acts_on_it = known.iter().any(|(source, written)| match own.get(source) {
                Some(own) => own != written,
                None => row.text.contains(source),
            });
            let acts_on_others = entries.iter().any(|entry| {
                !known.contains_key(&*entry.source)
                    && self.texts.iter().any(|text| text.contains(&*entry.source))
            });
            !acts_on_it && !acts_on_others
        });
        if fits {
            self.add(row);
        }
        fits
    }

    fn add(&mut self, row: &'a RowGlossary) {
        self.texts.push(&row.text);
        for (list, entries) in row.entries.iter().enumerate() {
            for entry in entries {
                if self.known[list].insert(&entry.source, &entry.written).is_none() {
                    self.entries[list].push(&entry.written);
                }
            }
        }
    }

    /// Puts the lists into the body of the request. Gives their tokens, estimated.
    pub(super) fn put(&self, body: &mut Map<String, Value>) -> Option<f64> {
        let options = body.get_mut(OPTIONS)?.as_object_mut()?;
        let mut tokens = 0.0;
        for (list, entries) in LISTS.iter().zip(&self.entries).filter(|(_, entries)| !entries.is_empty()) {
            let value = Value::from_iter(entries.iter().copied().cloned());
            tokens += text_tokens(&value.to_string());
            options.insert((*list).to_owned(), value);
        }
        Some(tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn row(text: &str, terms: &[(&str, &str)]) -> RowGlossary {
        let terms: Vec<Value> =
            terms.iter().map(|(source, target)| json!({"source": source, "target": target})).collect();
        let body = json!({"translation_options": {"target_lang": "French", "terms": terms}});
        let mut body = body.as_object().expect("an object").clone();
        RowGlossary::take(&mut body, text).expect("a glossary")
    }

    fn travels(rows: &[&RowGlossary]) -> Vec<bool> {
        let mut shared = SharedGlossary::default();
        rows.iter().map(|row| shared.admits(row)).collect()
    }

    #[test]
    fn rows_share_a_list_of_terms_each_of_which_occurs_only_where_it_belongs() {
        let tent = row("A tent", &[("tent", "tente")]);
        let tents = row("Two Tents", &[("tent", "tente")]);
        let peg = row("A peg", &[("peg", "sardine")]);
        let plain = row("A whistle", &[]);
        assert_eq!(travels(&[&tent, &peg, &plain, &tents]), [true; 4]);
        let mut shared = SharedGlossary::default();
        assert!([&tent, &peg, &tents].iter().all(|row| shared.admits(row)));
        let mut body =
            json!({"translation_options": {"target_lang": "French"}}).as_object().expect("an object").clone();
        assert!(shared.put(&mut body).expect("options") > 0.0);
        let sources: Vec<&Value> = body["translation_options"]["terms"]
            .as_array()
            .expect("terms")
            .iter()
            .map(|term| &term["source"])
            .collect();
        assert_eq!(sources, ["tent", "peg"]);
    }

    #[test]
    fn a_term_that_would_act_on_the_text_of_another_row_keeps_it_out() {
        let tent = row("A tent", &[("tent", "tente")]);
        let other_target = row("A tent", &[("tent", "tipi")]);
        let without = row("The intent", &[]);
        assert_eq!(travels(&[&tent, &other_target, &without]), [true, false, false]);
        assert_eq!(travels(&[&without, &tent]), [true, false]);
    }
}
