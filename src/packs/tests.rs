//! Packs of drawn texts, translated and damaged by a seed: no row ever gets the answer to another.

use std::fmt::Write as _;
use std::sync::Arc;

use rand::prelude::*;
use serde_json::{Value, json};

use super::{PackText, packed, taken_apart};
use crate::outcome::Answer;
use crate::request::{ChatRequest, Estimate, Fingerprint};

/// Rows in the suite, and in the full one.
const ROWS: usize = 40_000;
const ALL_ROWS: usize = 10_000_000;

/// The request of a row with this text.
fn request(text: &str, fields: &Value) -> ChatRequest {
    let mut body = json!({"model": "qwen-mt-plus", "messages": [{"role": "user", "content": text}]});
    for (key, value) in fields.as_object().expect("an object") {
        body[key] = value.clone();
    }
    let estimate = Estimate {
        prompt_tokens: 20 + text.len() as u64 / 4,
        max_completion_tokens: 8_192,
        unbounded: false,
    };
    ChatRequest {
        estimate,
        ..ChatRequest::of_body(serde_json::to_vec(&body).expect("JSON"), Fingerprint::default())
    }
}

fn french() -> Value {
    json!({"translation_options": {"target_lang": "French"}})
}

fn content_of(request: &ChatRequest) -> String {
    let body: Value = serde_json::from_slice(&request.body).expect("JSON");
    let turns = body["messages"].as_array().expect("turns");
    turns.last().expect("a turn")["content"].as_str().expect("a text").to_owned()
}

#[test]
fn requests_that_differ_in_text_and_glossary_alone_travel_together() {
    let of = |text: &str, fields: &Value| PackText::of(&request(text, fields)).map(|text| text.key);
    let one = of("One", &french()).expect("may travel");
    assert_eq!(of("  Two\n", &french()), Some(one));
    let with_terms =
        json!({"translation_options": {"target_lang": "French", "terms": [{"source": "a", "target": "b"}]}});
    assert_eq!(of("a tent", &with_terms), Some(one));
    for other in [
        json!({"translation_options": {"target_lang": "German"}}),
        json!({"translation_options": {"target_lang": "French", "terms": "a=b"}}),
        json!({"translation_options": {"target_lang": "French"}, "max_tokens": 50}),
        json!({"translation_options": {"target_lang": "French"}, "model": "qwen-mt-turbo"}),
    ] {
        assert!(of("Two", &other).is_some_and(|key| key != one), "{other}");
    }
}

#[test]
fn requests_that_ask_for_more_than_one_plain_text_go_alone() {
    let alone = |request: ChatRequest| assert_eq!(PackText::of(&request), None);
    for fields in [
        json!({"tools": []}),
        json!({"response_format": {"type": "json_object"}}),
        json!({"n": 2}),
        json!({"stop": "x"}),
        json!({"logprobs": true}),
        json!({"max_tokens": "50"}),
        json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}),
        json!({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]}),
        json!({"messages": [{"role": "assistant", "content": "b"}]}),
    ] {
        alone(request("One", &fields));
    }
    for text in ["", " \n", "see [[1]]", "［［2］］"] {
        alone(request(text, &french()));
    }
    alone(ChatRequest { brought: true, ..request("One", &french()) });
}

#[test]
fn a_translation_model_gets_texts_and_marks_and_a_chat_model_what_to_do_with_them() {
    let rows = [request("One", &french()), request(" Two\nlines ", &french())];
    let pack = packed(&rows.iter().collect::<Vec<_>>()).expect("a pack");
    assert_eq!(content_of(&pack), "[[1]]\nOne\n[[2]]\nTwo\nlines");
    assert_eq!(pack.estimate.max_completion_tokens, 8_192, "the model's bound is that of a request");
    let fields = json!({"model": "qwen-plus", "max_tokens": 100});
    let bounded = |text: &str| {
        let alone = request(text, &fields);
        ChatRequest {
            estimate: Estimate { max_completion_tokens: 100, ..alone.estimate },
            longest_answer: Some(250),
            piece: Some(Arc::from(text)),
            ..alone
        }
    };
    let rows = [bounded("One"), bounded("Two"), bounded("Three")];
    let pack = packed(&rows.iter().collect::<Vec<_>>()).expect("a pack");
    let content = content_of(&pack);
    assert!(
        content.starts_with("There are 3 separate tasks") && content.ends_with("\n[[3]]\nThree"),
        "{content}"
    );
    let body: Value = serde_json::from_slice(&pack.body).expect("JSON");
    assert_eq!((&body["max_tokens"], pack.estimate.max_completion_tokens), (&json!(250), 250));
    assert!(pack.piece.is_none());
}

#[test]
fn thoughts_are_set_aside_beside_the_bound_of_a_packs_answer() {
    let row = |text: &str| {
        let alone =
            request(text, &json!({"model": "qwen-plus", "enable_thinking": true, "max_tokens": 8_000}));
        let estimate = Estimate { max_completion_tokens: 8_000 + 81_920, ..alone.estimate };
        ChatRequest { estimate, thinks: true, longest_answer: Some(32_768), ..alone }
    };
    let rows: Vec<ChatRequest> = (0..10).map(|number| row(&format!("Text {number}"))).collect();
    let pack = packed(&rows.iter().collect::<Vec<_>>()).expect("a pack");
    let body: Value = serde_json::from_slice(&pack.body).expect("JSON");
    assert_eq!(body["max_tokens"], json!(32_768));
    assert_eq!(pack.estimate.max_completion_tokens, 32_768 + 81_920);
}

/// Texts and their translations, drawn.
struct Drawn {
    dice: StdRng,
    /// Characters of a translation for each of its text.
    scale: f64,
}

impl Drawn {
    fn word(&mut self) -> String {
        let length = self.dice.random_range(1..=9);
        (0..length).map(|_| self.dice.random_range(b'a'..=b'z') as char).collect()
    }

    /// A text, and its translation: names, numbers and placeholders stay, other words become others.
    fn pair(&mut self) -> (String, String) {
        let (mut text, mut translation) = (String::new(), String::new());
        let words = if self.dice.random_bool(0.3) { 1..=2 } else { 3..=25 };
        for _ in 0..self.dice.random_range(words) {
            let word = self.word();
            let (from, to) = match self.dice.random_range(0..24) {
                0 => (format!("{}", self.dice.random_range(0..3_000)), None),
                1 => (format!("Mr{word}son"), None),
                2 => (format!("{{{word}}}"), None),
                3 => ("\n".to_owned(), None),
                4 => (format!("{}. [{word}]", self.dice.random_range(1..9)), None),
                5 => (
                    ["###", "---", "%%", "|||", "[1]", "2)"]
                        .choose(&mut self.dice)
                        .expect("some")
                        .to_string(),
                    None,
                ),
                _ => {
                    let length = (word.len() as f64 * self.scale * self.dice.random_range(0.7..1.4)).ceil();
                    let other: String =
                        (0..length as usize).map(|_| self.dice.random_range('а'..='я')).collect();
                    (word, Some(other))
                }
            };
            let _ = write!(translation, "{} ", to.as_deref().unwrap_or(&from));
            let _ = write!(text, "{from} ");
        }
        let (text, translation) = (text.trim().to_owned(), translation.trim().to_owned());
        // Texts of signs alone are translated as they are.
        if text.is_empty() { ("Ende".to_owned(), "конец".to_owned()) } else { (text, translation) }
    }

    /// What comes back for translations: whole, or damaged in one of the ways that are known.
    fn answer(&mut self, parts: &[String], damaged: bool) -> String {
        let mut parts: Vec<String> = parts.to_vec();
        let count = parts.len();
        let mut marks: Vec<String> = (1..=count).map(|number| format!("[[{number}]]")).collect();
        let at = self.dice.random_range(0..count - 1);
        let mut before = "";
        match if damaged { self.dice.random_range(0..17) } else { 99 } {
            0 => drop(marks.remove(at + 1)),
            1 => {
                let next = parts.remove(at + 1);
                parts[at] = format!("{}\n{next}", parts[at]);
                marks.pop();
            }
            2 => parts[at + 1] = parts[at].clone(),
            3 => marks = (0..count).map(|number| format!("[[{number}]]")).collect(),
            4 => {
                marks.swap(at, at + 1);
                parts.swap(at, at + 1);
            }
            5 => before = "Here are the translations:\n",
            6 => marks[at] = format!("[[ {} ]]", at + 1),
            7 => marks[at] = format!("【{}】", at + 1),
            8 => parts[at].clear(),
            9 => drop((parts.pop(), marks.pop())),
            10 => {
                parts.push("ещё".to_owned());
                marks.push(format!("[[{}]]", count + 1));
            }
            11 => {
                let cut = parts[count - 1].chars().count() / 2;
                parts[count - 1] = parts[count - 1].chars().take(cut).collect();
                parts[at].clear();
            }
            // Shifted by one: the last is there twice, or missing, or in two.
            12 => {
                parts.remove(at);
                parts.push(parts[count - 2].clone());
            }
            13 => {
                parts.remove(at);
                parts.push(String::new());
            }
            14 => {
                parts.insert(0, parts[0].clone());
                parts.pop();
            }
            15 => {
                let all: Vec<&str> = parts[at].split(' ').collect();
                let next = parts[at + 1].clone();
                let joined = format!("{}\n[[{}]]\n{next}", all.join(" "), at + 1);
                parts[at] = joined;
            }
            // One instead of another, which may be far from it.
            16 => parts[at] = parts[self.dice.random_range(0..count)].clone(),
            _ => {}
        }
        let mut answer = before.to_owned();
        for (index, part) in parts.iter().enumerate() {
            if let Some(mark) = marks.get(index) {
                let _ = writeln!(answer, "{mark}");
            }
            let _ = writeln!(answer, "{part}");
        }
        answer
    }
}

#[test]
fn no_row_gets_the_answer_to_another_whatever_comes_back() {
    let full = matches!(std::env::var("FANFOLD_SUITE").as_deref(), Ok("full" | "soak"));
    let rows = if full { ALL_ROWS } else { ROWS };
    let mut drawn = Drawn { dice: StdRng::seed_from_u64(16), scale: 1.0 };
    let (mut seen, mut bad, mut refused, mut good, mut kept) = (0, 0, 0, 0, 0);
    while seen < rows {
        drawn.scale = drawn.dice.random_range(0.4..2.2);
        let count = drawn.dice.random_range(2..=24);
        let pairs: Vec<(String, String)> = (0..count).map(|_| drawn.pair()).collect();
        seen += count;
        let requests: Vec<ChatRequest> = pairs.iter().map(|(text, _)| request(text, &french())).collect();
        let requests: Vec<&ChatRequest> = requests.iter().collect();
        assert!(requests.iter().all(|request| PackText::of(request).is_some()));
        assert!(packed(&requests).is_some());
        let translations: Vec<String> = pairs.iter().map(|(_, translation)| translation.clone()).collect();
        let damaged = drawn.dice.random_bool(0.5);
        let response = drawn.answer(&translations, damaged);
        let finish = Some("stop".to_owned());
        let answer = Answer { response: Some(response.clone()), finish_reason: finish, ..Answer::default() };
        let apart = taken_apart(&requests, &answer);
        for (part, translation) in apart.iter().flatten().zip(&translations) {
            // A row that is asked alone has no answer of the pack.
            assert!(part.as_ref().map_or(true, |part| part == translation), "{pairs:?}\n{response}");
        }
        match (damaged, apart.is_ok()) {
            (true, false) => refused += 1,
            (true, true) => bad += 1,
            (false, true) => good += 1,
            (false, false) => kept += 1,
        }
    }
    println!(
        "{seen} rows: of damaged packs {refused} refused, {bad} harmless; of whole packs {good} used, {kept} refused"
    );
    assert!(kept * 100 <= good, "{kept} of {} whole packs were refused", good + kept);
}
