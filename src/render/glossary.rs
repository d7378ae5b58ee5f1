//! Selects the glossary entries for a request: those whose source occurs in its text.
//!
//! One pass over the text finds all sources, so that ten thousand terms cost a row no more than ten. Case is ignored, and
//! so is which blank or line break separates two words. A source must begin at the start of a word ("art" is not in
//! "party", but it is in "arts"). It may begin anywhere in scripts that do not separate words, or that attach articles and
//! prepositions to them.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use serde_json::{Map, Value, json};

use crate::diagnostic::Diagnostic;
use crate::job::languages::Languages;

/// A text and its translation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    pub source: String,
    pub target: String,
    /// The code of the source language, if the entry is limited to one.
    pub source_lang: Option<String>,
    /// The code of the target language, if the entry is limited to one.
    pub target_lang: Option<String>,
}

/// The terms and sentences for one model.
#[derive(Debug)]
pub struct Glossary {
    languages: Languages,
    terms: List,
    memory: List,
}

#[derive(Debug)]
struct List {
    entries: Vec<Term>,
    sources: AhoCorasick,
}

impl Glossary {
    /// The terms, and the sentences.
    pub fn lists(&self) -> [&[Term]; 2] {
        [&self.terms.entries, &self.memory.entries]
    }

    /// A glossary of terms and of earlier translations, for a model that supports these languages.
    ///
    /// # Errors
    ///
    /// There are more texts than can be searched for at once.
    pub fn new(languages: Languages, terms: Vec<Term>, memory: Vec<Term>) -> Result<Self, Diagnostic> {
        Ok(Self { languages, terms: List::new(terms)?, memory: List::new(memory)? })
    }

    /// Appends the entries that occur in a request's text to its `translation_options`, after those given there. Returns
    /// whether there are any.
    pub(super) fn add_to(&self, body: &mut Map<String, Value>) -> bool {
        let turns = body.get("messages").and_then(Value::as_array);
        let Some(text) = turns.and_then(|turns| turns.last()?.get("content")?.as_str()).map(folded) else {
            return false;
        };
        let Some(Value::Object(options)) = body.get_mut("translation_options") else { return false };
        let language = |key: &str| {
            let text = options.get(key).and_then(Value::as_str).filter(|text| *text != "auto");
            text.map(|text| self.languages.code_of(text))
        };
        let pair = (language("source_lang"), language("target_lang"));
        let mut occurs = false;
        for (key, list) in [("terms", &self.terms), ("tm_list", &self.memory)] {
            let found = list.occurring(&text, &pair);
            occurs |= !found.is_empty();
            add(options, key, &found);
        }
        occurs
    }
}

impl List {
    fn new(entries: Vec<Term>) -> Result<Self, Diagnostic> {
        let sources = AhoCorasick::new(entries.iter().map(|entry| folded(&entry.source)));
        let sources =
            sources.map_err(|error| Diagnostic::new(format!("the glossary is too large: {error}")))?;
        Ok(Self { entries, sources })
    }

    /// The entries that occur in a folded text and apply to a language pair, in the order of the file. If several have the
    /// same source, the most specific one is used.
    fn occurring(&self, text: &str, pair: &(Option<String>, Option<String>)) -> Vec<&Term> {
        let found = self
            .sources
            .find_overlapping_iter(text)
            .filter(|found| is_at_a_word(text, found.start(), found.end()));
        let found: BTreeSet<usize> = found.map(|found| found.pattern().as_usize()).collect();
        let entries = found.into_iter().filter_map(|index| self.entries.get(index));
        let holding: Vec<&Term> = entries.filter(|entry| entry.holds_for(pair)).collect();
        let beaten = |entry: &Term| {
            holding.iter().any(|other| other.source == entry.source && other.limits() > entry.limits())
        };
        holding.iter().copied().filter(|entry| !beaten(entry)).collect()
    }
}

impl Term {
    /// Whether the entry applies to a language pair. A source language that the model is to detect is unknown here, and
    /// matches every entry.
    fn holds_for(&self, (source, target): &(Option<String>, Option<String>)) -> bool {
        let fits = |limit: &Option<String>, given: &Option<String>| match (limit, given) {
            (Some(limit), Some(given)) => limit == given,
            _ => true,
        };
        fits(&self.source_lang, source) && fits(&self.target_lang, target)
    }

    /// How specific the entry is; the target language counts before the source language.
    fn limits(&self) -> (bool, bool) {
        (self.target_lang.is_some(), self.source_lang.is_some())
    }
}

/// Appends entries to a list of the options. Where the request itself has an entry for a source, that one is kept.
fn add(options: &mut Map<String, Value>, key: &str, found: &[&Term]) {
    let own = match options.get(key) {
        None | Some(Value::Null) => vec![],
        Some(Value::Array(own)) => own.clone(),
        Some(_) => return,
    };
    let is_given =
        |term: &Term| own.iter().any(|pair| pair.get("source").and_then(Value::as_str) == Some(&term.source));
    let more: Vec<Value> = found
        .iter()
        .filter(|term| !is_given(term))
        .map(|term| json!({ "source": term.source, "target": term.target }))
        .collect();
    if !more.is_empty() {
        options.insert(key.to_owned(), Value::Array([own, more].concat()));
    }
}

/// Normalises a text for comparison: lower case, one kind of blank, one kind of apostrophe.
fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut blank = false;
    for character in text.chars() {
        if character.is_whitespace() {
            if !blank {
                folded.push(' ');
            }
            blank = true;
            continue;
        }
        blank = false;
        match character {
            '’' => folded.push('\''),
            'ς' => folded.push('σ'),
            character => folded.extend(character.to_lowercase()),
        }
    }
    folded
}

/// Whether a match begins at a possible start of a word, and does not cut a number in two at its end.
fn is_at_a_word(text: &str, start: usize, end: usize) -> bool {
    let (before, found, after) = (&text[..start], &text[start..end], &text[end..]);
    let of_a_word = |character: char| character.is_alphanumeric() && !is_unparted(character);
    let begins = !before.ends_with(of_a_word) || !found.starts_with(of_a_word);
    begins && !(found.ends_with(char::is_numeric) && after.starts_with(char::is_numeric))
}

/// Whether a character belongs to a script in which a word may directly follow another letter: Chinese, Japanese, Thai,
/// Lao, Khmer, Burmese and Tibetan do not separate words; Korean compounds words; Hebrew and Arabic attach articles and
/// prepositions to them.
fn is_unparted(character: char) -> bool {
    matches!(character,
        '\u{0590}'..='\u{08FF}' | '\u{0E00}'..='\u{11FF}' | '\u{1780}'..='\u{17FF}' | '\u{2E80}'..='\u{9FFF}'
        | '\u{AC00}'..='\u{D7FF}' | '\u{F900}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFF}' | '\u{FF66}'..='\u{FFDC}'
        | '\u{20000}'..='\u{3FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glossary(terms: &[(&str, &str)]) -> Glossary {
        glossary_of(terms.iter().map(|(source, target)| term(source, target, None, None)).collect())
    }

    fn glossary_of(terms: Vec<Term>) -> Glossary {
        let known = vec![("English", "en"), ("French", "fr"), ("German", "de")];
        let known = known.into_iter().map(|(name, code)| crate::job::languages::Language {
            name: name.to_owned(),
            code: code.to_owned(),
        });
        let languages = Languages { known: known.collect::<Vec<_>>().leak(), wider: None };
        Glossary::new(languages, terms, vec![]).expect("a glossary")
    }

    fn term(source: &str, target: &str, from: Option<&str>, into: Option<&str>) -> Term {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Term {
            source: source.into(),
            target: target.into(),
            source_lang: owned(from),
            target_lang: owned(into),
        }
    }

    fn options(glossary: &Glossary, text: &str, options: Value) -> Value {
        let mut body =
            json!({ "messages": [{ "role": "user", "content": text }], "translation_options": options });
        glossary.add_to(body.as_object_mut().expect("an object"));
        body["translation_options"].clone()
    }

    fn sources(glossary: &Glossary, text: &str) -> Vec<String> {
        let terms = options(glossary, text, json!({ "target_lang": "fr" }))["terms"].clone();
        let terms = terms.as_array().cloned().unwrap_or_default();
        terms.iter().map(|term| term["source"].as_str().expect("text").to_owned()).collect()
    }

    #[test]
    fn a_term_begins_where_a_word_begins_in_any_case() {
        let glossary = glossary(&[("art", "x"), ("C++", "x"), ("%", "x"), ("ΟΔΟΣ", "x"), ("Äther", "x")]);
        for (text, found) in [
            ("The party departs.", &[][..]),
            ("Art, and the arts", &["art"]),
            ("(art)", &["art"]),
            ("20% of c++", &["C++", "%"]),
            ("η οδός, η οδος", &["ΟΔΟΣ"]),
            ("Im äTHER", &["Äther"]),
            ("", &[]),
        ] {
            assert_eq!(sources(&glossary, text), found, "{text}");
        }
    }

    #[test]
    fn a_term_may_begin_anywhere_in_scripts_that_part_no_words() {
        let glossary =
            glossary(&[("机器学习", "x"), ("学习", "x"), ("กาแฟ", "x"), ("كتاب", "x"), ("iPhone", "x")]);
        assert_eq!(sources(&glossary, "我在机器学习课上"), ["机器学习", "学习"]);
        assert_eq!(sources(&glossary, "ฉันชอบกาแฟ"), ["กาแฟ"]);
        assert_eq!(sources(&glossary, "هذا هو الكتاب"), ["كتاب"]);
        assert_eq!(sources(&glossary, "新款iPhone手机"), ["iPhone"]);
    }

    #[test]
    fn terms_that_overlap_all_go_in_the_order_of_the_file() {
        let glossary =
            glossary(&[("learning", "a"), ("machine learning", "b"), ("machine", "c"), ("learn", "d")]);
        let all = ["learning", "machine learning", "machine", "learn"];
        assert_eq!(sources(&glossary, "Machine\n  learning and machines"), all);
        assert_eq!(sources(&glossary, "machine-learning"), ["learning", "machine", "learn"]);
    }

    #[test]
    fn an_entry_limited_to_languages_goes_with_these_only_and_beats_one_that_is_not() {
        let glossary = glossary_of(vec![
            term("bank", "any", None, None),
            term("bank", "banque", None, Some("fr")),
            term("bank", "Bank", Some("en"), Some("de")),
        ]);
        let target = |from: &str, into: &str| {
            let asked = json!({ "source_lang": from, "target_lang": into });
            options(&glossary, "the bank", asked)["terms"].as_array().expect("terms").clone()
        };
        let only = |target: &str| vec![json!({ "source": "bank", "target": target })];
        assert_eq!(target("auto", "French"), only("banque"));
        assert_eq!(target("English", "de"), only("Bank"));
        assert_eq!(target("fr", "de"), only("any"));
        assert_eq!(
            target("auto", "GERMAN"),
            only("Bank"),
            "what the model finds out by itself limits nothing"
        );
    }

    #[test]
    fn the_request_s_own_terms_come_first_and_win() {
        let glossary = glossary(&[("kettle", "bouilloire"), ("lid", "couvercle")]);
        let own = json!({ "target_lang": "fr", "terms": [{ "source": "kettle", "target": "théière" }] });
        let expected =
            json!([{ "source": "kettle", "target": "théière" }, { "source": "lid", "target": "couvercle" }]);
        assert_eq!(options(&glossary, "a kettle with a lid", own)["terms"], expected);
        assert_eq!(
            options(&glossary, "a lamp", json!({ "target_lang": "fr" })),
            json!({ "target_lang": "fr" })
        );
    }

    #[test]
    fn ten_thousand_terms_are_found_in_one_pass() {
        let terms: Vec<Term> = (0..10_000).map(|n| term(&format!("part {n}"), "x", None, None)).collect();
        let glossary = glossary_of(terms);
        assert_eq!(sources(&glossary, "Order Part 77 and part 9999x."), ["part 77", "part 9999"]);
    }
}
