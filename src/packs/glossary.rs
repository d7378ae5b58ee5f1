//! The glossary of a pack: the terms of all its rows, in one list.
//!
//! A row has the terms that occur in its text. The list of several rows means the same to each of them, unless a term of one could
//! act on the text of another: such rows do not travel together. Sample translations act by likeness, so that rows share them only
//! where they have the same.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::tokens::text_tokens;

/// Where a body has its options for a translation, and in them the terms.
const OPTIONS: &str = "translation_options";
const TERMS: &str = "terms";

/// The glossary of one row, and the text on which it acts.
#[derive(Debug, Clone, PartialEq)]
pub struct RowGlossary {
    /// The text, in lower case.
    text: String,
    terms: Vec<GlossaryEntry>,
    /// The tokens of the terms, estimated.
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
    /// By source.
    known: HashMap<&'a str, &'a Value>,
    /// In the order of the rows.
    terms: Vec<&'a Value>,
}

impl RowGlossary {
    /// Takes the glossary of a row with this text out of its body; `None` if the body is not for a translation, or its list is not
    /// what is known of it.
    pub(super) fn take(body: &mut Map<String, Value>, text: &str) -> Option<Self> {
        let options = body.get_mut(OPTIONS)?.as_object_mut()?;
        let read =
            |list: &Value| list.as_array()?.iter().map(GlossaryEntry::read).collect::<Option<Vec<_>>>();
        let terms = options.get(TERMS).map_or(Some(Vec::new()), read)?;
        let tokens = options.shift_remove(TERMS).map_or(0.0, |list| text_tokens(&list.to_string()));
        Some(Self { text: text.to_lowercase(), terms, tokens })
    }
}

impl GlossaryEntry {
    fn read(written: &Value) -> Option<Self> {
        let source = written.get("source")?.as_str()?.to_lowercase();
        Some(Self { source, written: written.clone() })
    }
}

impl<'a> SharedGlossary<'a> {
    /// Adds the glossary of another row, if no term of one row could act on the text of another. Otherwise it stays as it is, and
    /// the row does not travel with the others.
    pub fn admits(&mut self, row: &'a RowGlossary) -> bool {
        let acts_on_it = |(source, written): (&&str, &&Value)| {
            let own = row.terms.iter().find(|term| term.source == **source);
            own.map_or_else(|| row.text.contains(*source), |own| own.written != **written)
        };
        let acts_on_others = |term: &GlossaryEntry| {
            let is_new = !self.known.contains_key(&*term.source);
            is_new && self.texts.iter().any(|text| text.contains(&*term.source))
        };
        if self.known.iter().any(acts_on_it) || row.terms.iter().any(acts_on_others) {
            return false;
        }
        self.texts.push(&row.text);
        for term in &row.terms {
            if self.known.insert(&term.source, &term.written).is_none() {
                self.terms.push(&term.written);
            }
        }
        true
    }

    /// Puts the list into the body of the request. Gives its tokens, estimated.
    pub(super) fn put(&self, body: &mut Map<String, Value>) -> Option<f64> {
        let options = body.get_mut(OPTIONS)?.as_object_mut()?;
        if self.terms.is_empty() {
            return Some(0.0);
        }
        let list = Value::from_iter(self.terms.iter().copied().cloned());
        let tokens = text_tokens(&list.to_string());
        options.insert(TERMS.to_owned(), list);
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
