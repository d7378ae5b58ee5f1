//! The one gate for secrets that are sent and never shown, such as the API key. All code that reads a secret registers it
//! here, and everything stored or shown passes here. The gate belongs to the process and is not passed as an argument,
//! because arguments are forgotten somewhere.

mod forms;

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, MatchKind};

use crate::outcome::{Answer, Fault};

/// No service has keys this short; a word of a few letters occurs in every other text.
const SHORTEST: usize = 8;

/// A shorter secret without a digit may also be a word: `placeholder`, `lm-studio`.
const LONGER_THAN_A_WORD: usize = 12;

/// The prefix of many keys, which some servers omit.
const BEGINS_A_KEY: &str = "sk-";

/// From this length on, two thirds of a key are as good as the whole.
const LONG: usize = 16;

/// The replacement for a secret.
const STANDS_FOR_IT: &str = "[key]";

/// The secrets of this process.
static KEPT: RwLock<Option<Arc<Secrets>>> = RwLock::new(None);

/// Registers a secret: from now on it is removed from everything stored and shown.
pub fn keep(text: &str) {
    let mut kept = KEPT.write().unwrap_or_else(PoisonError::into_inner);
    let mut texts = kept.as_ref().map(|secrets| secrets.texts.clone()).unwrap_or_default();
    if !text.is_empty() && !texts.iter().any(|known| known == text) {
        texts.push(text.to_owned());
        *kept = Some(Arc::new(Secrets::new(texts)));
    }
}

/// The secrets known so far.
pub fn kept() -> Arc<Secrets> {
    KEPT.read().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default()
}

/// The text with the secrets removed; `None` if it contained none.
pub fn hide(text: &str) -> Option<String> {
    kept().hide(text)
}

/// The text with the secrets removed.
pub fn hidden(text: String) -> String {
    hide(&text).unwrap_or(text)
}

/// Secrets that are removed from texts. They cannot be printed.
#[derive(Default)]
pub struct Secrets {
    texts: Vec<String>,
    /// The forms that are searched for, the longest first.
    forms: Vec<String>,
    /// For each long secret, the length of its beginning that is just as secret, in bytes.
    beginnings: Vec<(String, usize)>,
    /// Secrets that could also be words. They are removed only from complaints about the key.
    words: Vec<String>,
    /// Finds any of the forms in one pass over a text: every answer is searched, and hardly any contains one.
    any: Option<AhoCorasick>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Secrets {
    /// A remover of these texts.
    pub fn new(texts: Vec<String>) -> Self {
        let (words, long): (Vec<&String>, Vec<&String>) =
            texts.iter().partition(|text| could_be_a_word(text));
        let words = words.into_iter().cloned().collect();
        let beginnings = long.iter().filter_map(|text| beginning(text)).collect();
        let bare = long.iter().filter_map(|text| text.strip_prefix(BEGINS_A_KEY));
        let bare = bare.filter(|rest| !could_be_a_word(rest)).map(str::to_owned);
        let forms = long.iter().flat_map(|text| forms::of(text)).chain(bare);
        let forms = forms.filter(|form| form.len() >= SHORTEST);
        let mut forms: Vec<String> = forms.collect();
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        // Only with leftmost matches does the searcher skip several bytes at a time.
        let any = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(&forms).ok();
        Self { texts, forms, beginnings, words, any }
    }

    /// The text with the secrets removed, also those written with escapes; `None` if it contained none.
    pub fn hide(&self, text: &str) -> Option<String> {
        if self.forms.is_empty() {
            return None;
        }
        let plain = forms::unescaped(text);
        plain.and_then(|plain| self.hide_as_written(&plain)).or_else(|| self.hide_as_written(text))
    }

    fn hide_as_written(&self, text: &str) -> Option<String> {
        let whole = self.hide_whole(text);
        self.beginnings.iter().fold(whole, |hidden, (secret, most)| {
            without_beginning(hidden.as_deref().unwrap_or(text), secret, *most).or(hidden)
        })
    }

    fn hide_whole(&self, text: &str) -> Option<String> {
        if self.any.as_ref().is_some_and(|any| !any.is_match(text)) {
            return None;
        }
        let mut hidden: Option<String> = None;
        for secret in &self.forms {
            let text = hidden.as_deref().unwrap_or(text);
            if text.contains(secret) {
                hidden = Some(text.replace(secret, STANDS_FOR_IT));
            }
        }
        hidden
    }

    /// The error text of a server or a command without the secrets, including those that could be words.
    pub fn out_of_complaint(&self, text: String) -> String {
        let text = self.hide(&text).unwrap_or(text);
        self.words.iter().fold(text, |text, word| without_word(&text, word).unwrap_or(text))
    }

    /// The body of a reply without the secrets.
    pub fn out_of_body(&self, body: Vec<u8>) -> Vec<u8> {
        self.hide(&String::from_utf8_lossy(&body)).map_or(body, String::into_bytes)
    }

    /// An answer without the secrets.
    pub fn out_of_answer(&self, mut answer: Answer) -> Answer {
        // Named one by one, so that a later text field of an answer cannot be forgotten.
        let Answer {
            response,
            reasoning,
            tool_calls,
            finish_reason,
            model,
            request_id,
            usage: _,
            simulated: _,
            miscounted: _,
            flaw,
            warnings,
        } = &mut answer;
        let texts = [response, reasoning, tool_calls, finish_reason, model, request_id];
        let flaw = flaw.iter_mut().map(|flaw| &mut flaw.message);
        for text in texts.into_iter().flatten().chain(flaw).chain(warnings) {
            if let Some(hidden) = self.hide(text) {
                *text = hidden;
            }
        }
        answer
    }

    /// A fault without the secrets.
    pub fn out_of_fault(&self, fault: Fault) -> Fault {
        let message = self.hide(&fault.message).unwrap_or(fault.message);
        let code = self.hide(&fault.code).unwrap_or(fault.code);
        let evidence = fault.evidence.map(|bytes| self.out_of_body(bytes));
        let request_id = fault.request_id.map(|id| self.hide(&id).unwrap_or(id));
        let partial = fault.partial.map(|answer| Box::new(self.out_of_answer(*answer)));
        Fault { message, code, evidence, request_id, partial, ..fault }
    }

    /// The fault that a server reports, also without the secrets that could be words.
    pub fn out_of_reply(&self, fault: Fault) -> Fault {
        let mut fault = self.out_of_fault(fault);
        if !self.words.is_empty() {
            fault.message = self.out_of_complaint(fault.message);
            let text = |bytes: Vec<u8>| self.out_of_complaint(String::from_utf8_lossy(&bytes).into_owned());
            fault.evidence = fault.evidence.map(|bytes| text(bytes).into_bytes());
        }
        fault
    }

    /// How many bytes at the end of a text may be the beginning of a secret.
    pub fn begun_in(&self, text: &str) -> usize {
        let begun = |secret: &String| {
            (1..secret.len()).rev().find(|length| {
                secret.is_char_boundary(*length) && text.as_bytes().ends_with(&secret.as_bytes()[..*length])
            })
        };
        self.forms.iter().filter_map(begun).max().unwrap_or(0)
    }
}

/// Whether a secret is one that many give to a server that needs none: `x`, `none`, `EMPTY`, `not-needed`.
fn could_be_a_word(text: &str) -> bool {
    let of_a_word = |c: char| c.is_ascii_alphabetic() || c == '-' || c == '_';
    let short = text.len() < LONGER_THAN_A_WORD && !text.starts_with("sk-");
    text.len() < SHORTEST || short && text.chars().all(of_a_word)
}

/// A long secret, and the length of its beginning that is as good as the whole.
fn beginning(text: &str) -> Option<(String, usize)> {
    let most = text.len() * 2 / 3;
    // An address begins like other addresses: its secret part may be at its end.
    (!text.contains("://") && text.len() >= LONG && text.is_char_boundary(most))
        .then(|| (text.to_owned(), most))
}

/// The text without a secret that was cut after at least this many bytes.
fn without_beginning(text: &str, secret: &str, most: usize) -> Option<String> {
    let begun = text.match_indices(&secret[..most]).map(|(at, begun)| {
        let more = text[at..].bytes().zip(secret.bytes()).take_while(|(one, other)| one == other).count();
        let mut end = at + more.max(begun.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        at..end
    });
    without(text, begun)
}

/// The text without a word, where it is a word of its own.
fn without_word(text: &str, word: &str) -> Option<String> {
    let goes_on = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let words = text.match_indices(word).map(|(at, word)| at..at + word.len());
    without(
        text,
        words.filter(|at| !text[..at.start].ends_with(goes_on) && !text[at.end..].starts_with(goes_on)),
    )
}

/// The text without these parts, which may overlap; `None` if there are none.
fn without(text: &str, places: impl Iterator<Item = Range<usize>>) -> Option<String> {
    let mut shown = String::new();
    let mut done = 0;
    for place in places {
        if place.start >= done {
            shown += &text[done..place.start];
            shown += STANDS_FOR_IT;
        }
        done = done.max(place.end);
    }
    (done > 0).then(|| shown + &text[done..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(texts: &[&str]) -> Secrets {
        Secrets::new(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    #[test]
    fn secrets_are_removed_and_never_shown() {
        let secrets = secrets(&["sk-secret", "short", "other-secret"]);
        assert!(!format!("{secrets:?}").contains("secret"));
        assert_eq!(
            secrets.hide("bad sk-secret, short, other-secret!"),
            Some("bad [key], short, [key]!".to_owned())
        );
        assert_eq!(secrets.hide("nothing"), None);
        let body = br#"{"message":"bad \u0073k\u002dsecret","encoded":"QmVhcmVyIHNrLXNlY3JldA=="}"#.to_vec();
        let shown = String::from_utf8(secrets.out_of_body(body)).expect("text");
        assert_eq!(shown, r#"{"message":"bad [key]","encoded":"QmVhcmVyIH[key]A=="}"#);
    }

    #[test]
    fn nothing_is_left_of_a_secret_inside_another() {
        let secrets = secrets(&["key-12345", "https://h/key-12345/x"]);
        assert_eq!(secrets.hide("at https://h/key-12345/x!").as_deref(), Some("at [key]!"));
    }

    #[test]
    fn a_key_that_is_cut_or_lacks_its_prefix_is_removed() {
        let secrets = secrets(&["sk-4f1d9c7e2b0a8d6f"]);
        for (text, shown) in [
            ("at sk-4f1d9c7e2b0, cut", "at [key], cut"),
            ("4f1d9c7e2b0a8d6f is not known", "[key] is not known"),
            ("sk-4f1d****8d6f", "sk-4f1d****8d6f"),
            ("sk-4f1d9c7e2b0a8d6f twice, sk-4f1d9c7e2b0a8", "[key] twice, [key]"),
        ] {
            assert_eq!(secrets.hide(text).unwrap_or_else(|| text.to_owned()), shown);
        }
    }

    #[test]
    fn a_repetitive_key_is_removed_where_its_beginnings_overlap() {
        let secrets = secrets(&["0101010101010101 x"]);
        assert_eq!(secrets.hide("at 010101010101010101010101!").as_deref(), Some("at [key]!"));
    }

    #[test]
    fn an_address_is_secret_as_a_whole_and_its_beginning_is_not() {
        let secrets = secrets(&["https://company.com/hooks/T0/B0"]);
        assert_eq!(secrets.hide("see https://company.com/hooks/manual and https://company.com/"), None);
        assert_eq!(secrets.hide("at https://company.com/hooks/T0/B0!").as_deref(), Some("at [key]!"));
    }

    #[test]
    fn a_secret_that_could_be_a_word_is_removed_only_from_complaints_and_only_as_a_whole_word() {
        let secrets = secrets(&["none", "x", "lm-studio", "abc1234", "sk-1"]);
        assert_eq!(secrets.hide("none, x, lm-studio, abc1234, sk-1"), None);
        let complaint = |text: &str| secrets.out_of_complaint(text.to_owned());
        assert_eq!(complaint("wrong key: none"), "wrong key: [key]");
        assert_eq!(
            complaint("nonetheless, x-ray: 'x', abc1234 (sk-1)"),
            "nonetheless, x-ray: '[key]', [key] ([key])"
        );
        let fault = Fault::new(crate::outcome::FaultKind::Transient, "none", "no x here");
        let fault = secrets.out_of_reply(fault);
        assert_eq!((fault.code.as_str(), fault.message.as_str()), ("none", "no [key] here"));
    }
}
