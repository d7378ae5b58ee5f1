//! A translation model that answers numbered texts under their marks, or as a script damages them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use crate::dispatch::Ready;
use crate::dispatch::tests::bench::{Bench, Log, Sending};
use crate::endpoint::Endpoint;
use crate::outcome::{Answer, Fault, FaultKind, Reply, Usage};
use crate::request::{ChatRequest, Estimate};
use tokio::time::Instant;

thread_local! {
    static WORDS_OF_A_ROW: Cell<usize> = const { Cell::new(0) };
}

/// How many words the rows of the present test have.
pub(super) struct Words;
pub(super) const WORDS: Words = Words;

impl Words {
    pub(super) fn get(&self) -> usize {
        WORDS_OF_A_ROW.get()
    }
}

/// A request, as the model sees it.
#[derive(Debug)]
pub(super) struct PackCall {
    /// The rows, in the order of their marks.
    pub(super) rows: Vec<u64>,
    /// Requests with several rows so far, including this one.
    pub(super) packs: u64,
    /// Sends of the first row so far, including this one.
    pub(super) nth: u32,
}

/// What the model does to an answer, or the service to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    None,
    DropMark,
    Swap,
    Double,
    Note,
    Blank,
    Cut,
    Refuse,
    Break,
    Throttle,
    Arrears,
}

/// The model.
pub(super) struct Translator {
    script: Box<dyn Fn(&PackCall) -> Damage>,
    log: Rc<RefCell<Log>>,
    start: Instant,
    packs: Cell<u64>,
}

/// The text of a row: so many words, and its number.
pub(super) fn text_of(position: u64, words: usize) -> String {
    let word =
        |index: usize| ["paper", "folds", "along", "its", "creases", "lies"][(position as usize + index) % 6];
    let words: Vec<&str> = (0..words).map(word).collect();
    format!("{} no {position}", words.join(" "))
}

/// Its translation.
pub(super) fn translated(text: &str) -> String {
    text.replace("paper", "papier")
        .replace("folds", "plie")
        .replace("creases", "plis")
        .replace("lies", "repose")
}

/// The tokens of a row, in and out.
pub(super) fn tokens(words: usize) -> u64 {
    let text = text_of(1_000, words);
    tokens_of(&text) + tokens_of(&translated(&text))
}

fn tokens_of(text: &str) -> u64 {
    (text.len() as u64).div_ceil(3)
}

/// Rows of so many words.
pub(super) fn rows(bench: &Bench, count: u64, words: usize) -> Vec<Ready> {
    WORDS_OF_A_ROW.set(words);
    let row = |position| {
        let text = text_of(position, words);
        let mut ready = bench.row(position, 0);
        let prompt_tokens = (text.len() as f64 / 3.5).ceil() as u64 + 8;
        ready.request.estimate = Estimate { prompt_tokens, max_completion_tokens: 8_192, unbounded: false };
        let options = r#""model":"qwen-mt-plus","translation_options":{"target_lang":"fr"}"#;
        ready.request.body =
            format!(r#"{{"messages":[{{"role":"user","content":"{text}"}}],{options}}}"#).into_bytes();
        ready
    };
    (0..count).map(row).collect()
}

impl Translator {
    pub(super) fn new(bench: &Bench, script: impl Fn(&PackCall) -> Damage + 'static) -> Self {
        let log = Rc::clone(&bench.log);
        Self { script: Box::new(script), log, start: bench.start, packs: Cell::new(0) }
    }

    /// Enters a request in the log, having looked at whether the journal knew of each row.
    fn enters(&self, positions: &[u64]) -> (PackCall, usize) {
        let log = &mut *self.log.borrow_mut();
        for position in positions {
            let tries = log.tries.entry(*position).or_default();
            *tries += 1;
            let resent = log.resent.get(position).copied().unwrap_or(0);
            assert!(*position < log.handed_out, "row {position} was sent before it was handed out");
            assert!(*tries - 1 <= resent, "row {position} was sent again before the journal knew");
        }
        log.in_flight += 1;
        let (position, at) = (positions[0], self.start.elapsed());
        log.sends.push(Sending { position, at, in_flight: log.in_flight, tokens: 0 });
        self.packs.set(self.packs.get() + u64::from(positions.len() > 1));
        let call = PackCall { rows: positions.to_vec(), packs: self.packs.get(), nth: log.tries[&position] };
        (call, log.sends.len() - 1)
    }
}

impl Endpoint for Translator {
    async fn send(&self, request: &ChatRequest) -> Reply {
        let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
        let content = body["messages"][0]["content"].as_str().expect("text");
        let texts = texts_of(content);
        let positions: Vec<u64> = texts
            .iter()
            .map(|text| text.rsplit(' ').next().expect("a number").parse().expect("a number"))
            .collect();
        let (call, index) = self.enters(&positions);
        let damage = (self.script)(&call);
        let packed = texts.len() > 1;
        let mut parts: Vec<String> = texts.iter().map(|text| translated(text)).collect();
        let response = if packed { answer(&mut parts, damage) } else { parts[0].clone() };
        tokio::time::sleep(Duration::from_millis(400 + 5 * tokens_of(&response))).await;
        self.log.borrow_mut().in_flight -= 1;
        let fault = |kind, status, code: &str| {
            Err(Fault { status: Some(status), ..Fault::new(kind, code, "as the script says") })
        };
        match damage {
            Damage::Refuse => return fault(FaultKind::RowRefused, 400, "data_inspection_failed"),
            Damage::Break => return fault(FaultKind::Transient, 500, "internal_error"),
            Damage::Throttle => return fault(FaultKind::Throttled, 429, "limit_requests"),
            Damage::Arrears => return fault(FaultKind::JobRefused, 400, "Arrearage"),
            _ => {}
        }
        let usage = Usage::of(tokens_of(content), tokens_of(&response));
        self.log.borrow_mut().sends[index].tokens = usage.total_tokens.unwrap_or(0);
        let finish_reason = Some(if damage == Damage::Cut && packed { "length" } else { "stop" }.to_owned());
        Ok(Answer { response: Some(response), usage: Some(usage), finish_reason, ..Answer::default() })
    }
}

/// The texts of a request, each after its mark.
fn texts_of(content: &str) -> Vec<String> {
    match content.strip_prefix("[[1]]\n") {
        None => vec![content.to_owned()],
        Some(_) => {
            let lines = content.lines().filter(|line| !line.starts_with("[["));
            lines.map(str::to_owned).collect()
        }
    }
}

fn answer(parts: &mut [String], damage: Damage) -> String {
    let mut marks: Vec<String> = (1..=parts.len()).map(|number| format!("[[{number}]]\n")).collect();
    let mut before = "";
    match damage {
        Damage::DropMark => marks[1].clear(),
        Damage::Swap => parts.swap(0, 1),
        Damage::Double => parts[1] = parts[0].clone(),
        Damage::Note => before = "Voici :\n",
        Damage::Blank => parts[1].clear(),
        _ => {}
    }
    let texts: Vec<String> = marks.iter().zip(parts).map(|(mark, part)| format!("{mark}{part}")).collect();
    format!("{before}{}", texts.join("\n"))
}
