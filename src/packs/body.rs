//! One request of several rows.

use serde_json::{Map, Value};

use super::glossary::{RowGlossary, SharedGlossary};
use super::marks::{MARK_TOKENS, mark};
use super::text::{take_text, translates};
use crate::request::{ChatRequest, Estimate};
use crate::tokens::text_tokens;

/// Bounds of an answer that are a row's, and grow with the pack.
const BOUNDS: [&str; 2] = ["max_tokens", "max_completion_tokens"];

/// The request in which these rows travel together; `None` if they may not. Their order is that of the marks.
pub fn packed(rows: &[&ChatRequest]) -> Option<ChatRequest> {
    let (first, others) = rows.split_first()?;
    let mut body: Map<String, Value> = serde_json::from_slice(&first.body).ok()?;
    let mut texts = vec![take_text(&mut body)?];
    let mut glossaries = vec![RowGlossary::take(&mut body, &texts[0])];
    for row in others {
        let mut body = serde_json::from_slice(&row.body).ok()?;
        let text = take_text(&mut body)?;
        glossaries.push(RowGlossary::take(&mut body, &text));
        texts.push(text);
    }
    let mut glossary = SharedGlossary::default();
    if !glossaries.iter().flatten().all(|row| glossary.admits(row)) {
        return None;
    }
    let of_first = glossaries.first().and_then(Option::as_ref).map_or(0.0, |glossary| glossary.tokens);
    let of_others = glossary.put(&mut body).map_or(0.0, |all| (all - of_first).max(0.0));
    let texts: Vec<&str> = texts.iter().map(|text| text.trim()).collect();
    let instruction = if translates(&body) { String::new() } else { instruction(texts.len()) };
    let content = texts.iter().enumerate().fold(instruction, |mut content, (index, text)| {
        if !content.is_empty() {
            content.push('\n');
        }
        content.push_str(&mark(index + 1));
        content.push('\n');
        content.push_str(text);
        content
    });
    let bound = BOUNDS.iter().filter_map(|key| body.get(*key)?.as_u64()).max();
    let estimate = estimate(first, &texts, (&content, of_others), bound);
    for key in BOUNDS {
        if let Some(most) = body.get(key).and_then(Value::as_u64) {
            body.insert(key.to_owned(), Value::from(grown(first, most, rows.len())));
        }
    }
    *body.get_mut("messages")?.as_array_mut()?.last_mut()?.get_mut("content")? = Value::from(content);
    let body = serde_json::to_vec(&body).ok()?;
    // A part of the answer belongs to no row: it is not continued, and no piece of a text is all of it.
    Some(ChatRequest { body, estimate, may_continue: false, piece: None, ..(*first).clone() })
}

/// The text of a row, as it is in its request.
pub(super) fn text_of(row: &ChatRequest) -> Option<String> {
    take_text(&mut serde_json::from_slice(&row.body).ok()?)
}

/// Whether a request is for a translation model.
pub(super) fn is_translation(row: &ChatRequest) -> bool {
    serde_json::from_slice(&row.body).is_ok_and(|body| translates(&body))
}

/// The instruction to a chat model, before the first text. A translation model would translate it.
fn instruction(rows: usize) -> String {
    format!(
        "There are {rows} separate tasks below, each after its number in double brackets. Do each task by itself, as if it \
         were the only one: no task says anything about another. Write the answers in the same order, each after the number \
         of its task on a line of its own, from {} to {}, and nothing else.",
        mark(1),
        mark(rows)
    )
}

/// A row's bound, for so many rows with their marks.
fn grown(first: &ChatRequest, most: u64, rows: usize) -> u64 {
    let all = most.saturating_add(MARK_TOKENS).saturating_mul(rows as u64);
    first.longest_answer.map_or(all, |longest| all.min(longest.max(most)))
}

fn estimate(
    first: &ChatRequest,
    texts: &[&str],
    (content, glossary_of_others): (&str, f64),
    bound: Option<u64>,
) -> Estimate {
    let alone = first.estimate;
    let own = texts.first().map_or(0.0, |text| text_tokens(text));
    let prompt_tokens =
        (alone.prompt_tokens as f64 - own).max(0.0) + text_tokens(content) + glossary_of_others;
    // A model's own limit is that of one request, however many rows it has. Where a row's is a guess, each row may be as long.
    let max_completion_tokens = match (bound, alone.unbounded) {
        // Thoughts are not part of the bound, and a request thinks once.
        (Some(bound), _) => {
            grown(first, bound, texts.len()).saturating_add(alone.max_completion_tokens.saturating_sub(bound))
        }
        (None, true) => alone.max_completion_tokens.saturating_mul(texts.len() as u64),
        (None, false) => alone.max_completion_tokens,
    };
    Estimate { prompt_tokens: prompt_tokens.ceil() as u64, max_completion_tokens, ..alone }
}
