//! What a row asks: its request and its key, or why it has none.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Opened;
use crate::batch::line::line_bytes;
use crate::diagnostic::Diagnostic;
use crate::note::{EntryPart, RowKey};
use crate::render::fingerprint;
use crate::request::{ChatRequest, Fingerprint};
use crate::row::{BadRow, Item, Row};
use crate::text::{count, counted};

/// A row's key, and its request or the reason why it has none.
pub fn prepare(opened: &Opened, item: &Item) -> (RowKey, Result<ChatRequest, Box<Diagnostic>>) {
    let rendered = match item {
        Item::Bad(bad) => Err(Diagnostic::new(bad.reason.clone())),
        // A row's panic is that row's failure only.
        Item::Row(row) => {
            catch_unwind(AssertUnwindSafe(|| opened.renderer.render(row))).unwrap_or_else(|_| {
                Err(Diagnostic::new("rendering this row failed unexpectedly; please report it"))
            })
        }
    };
    let rendered = rendered.map_err(Box::new);
    let fingerprint = match (&rendered, item) {
        (Ok(request), _) => request.fingerprint,
        // A bad row is identified by the bytes that were read: once it is fixed, it is another row.
        (Err(_), Item::Bad(bad)) => bad_fingerprint(bad),
        (Err(problem), Item::Row(row)) => unrendered_fingerprint(opened, row, problem),
    };
    let id = match item {
        Item::Row(row) => row.id.clone(),
        Item::Bad(bad) => bad.row.as_ref().and_then(|row| row.id.clone()),
    };
    // Limits do not change a row's identity: its answer remains its own under another limit.
    let rendered = rendered.and_then(|request| fits_token_limit(opened, request).map_err(Box::new));
    let rendered = rendered.and_then(|request| fits_a_line(opened, request).map_err(Box::new));
    let rendered = rendered.and_then(|request| has_a_price(opened, request).map_err(Box::new));
    let rendered = rendered.and_then(|request| has_a_bound(opened, request).map_err(Box::new));
    (
        RowKey {
            row: item.position(),
            position: item.position(),
            part: EntryPart::WHOLE,
            over: None,
            id,
            fingerprint,
            record: None,
        },
        rendered,
    )
}

fn bad_fingerprint(bad: &BadRow) -> Fingerprint {
    fingerprint::of_bytes(&[b"bad row: ", bad.raw.as_slice()].concat())
}

/// The fingerprint of a row without a request, from the columns on which it can depend: other passes may read more of the
/// row.
fn unrendered_fingerprint(opened: &Opened, row: &Row, problem: &Diagnostic) -> Fingerprint {
    let columns = opened.renderer.columns();
    let counts = |name: &String| columns.as_ref().is_none_or(|columns| columns.contains(name));
    let fields: BTreeMap<_, _> = row.fields.iter().filter(|(name, _)| counts(name)).collect();
    let fields = serde_json::to_vec(&fields).unwrap_or_default();
    fingerprint::of_bytes(&[b"no request: ", problem.message.as_bytes(), b"\0", &fields].concat())
}

/// A request that exceeds the token limit is rejected with an error instead of waiting.
fn fits_token_limit(opened: &Opened, request: ChatRequest) -> Result<ChatRequest, Diagnostic> {
    let tokens = request.estimate.prompt_tokens as f64;
    match opened.job.quotas.tokens_per_minute {
        Some(quota) if tokens > quota.amount() => Err(Diagnostic::new(format!(
            "the request has about {tokens} tokens, and the limit is {} tokens per minute",
            quota.amount()
        ))),
        _ => Ok(request),
    }
}

/// The provider refuses a whole file for one line that is too long.
fn fits_a_line(opened: &Opened, request: ChatRequest) -> Result<ChatRequest, Diagnostic> {
    let Some(batch) = opened.job.batch else { return Ok(request) };
    let (bytes, most) = (line_bytes(&request), batch.longest_line());
    match bytes > most {
        true => Err(Diagnostic::new(format!(
            "the request has {} as a line of a batch, and the limit is {}",
            counted(bytes, "byte"),
            count(most)
        ))),
        false => Ok(request),
    }
}

/// A cap on cost cannot be kept for a request with an unknown price.
fn has_a_price(opened: &Opened, request: ChatRequest) -> Result<ChatRequest, Diagnostic> {
    let tokens = request.estimate.prompt_tokens;
    let price = request.price.as_deref();
    if opened.job.caps.cost.is_none() || price.is_some_and(|price| price.tier(tokens).is_some()) {
        return Ok(request);
    }
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let model = body.get("model").and_then(serde_json::Value::as_str).unwrap_or_default();
    let length = price.map_or_else(String::new, |_| format!(" for inputs of about {tokens} tokens"));
    let problem =
        Diagnostic::new(format!("a cap on cost needs a price, and that of {model} is not known{length}"));
    Err(problem.help("set it under [price] or in your own model table, or remove `max_cost`"))
}

/// No cap can be kept for a request with input of unknown size.
fn has_a_bound(opened: &Opened, request: ChatRequest) -> Result<ChatRequest, Diagnostic> {
    let caps = &opened.job.caps;
    let (Some(what), true) = (request.media.unknown, caps.cost.is_some() || caps.total_tokens.is_some())
    else {
        return Ok(request);
    };
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let model = body.get("model").and_then(serde_json::Value::as_str).unwrap_or_default();
    let problem = Diagnostic::new(format!(
        "a cap needs the maximum number of tokens that {model} makes of {what}, which is not known"
    ));
    Err(problem.help(
        "set the model's longest input, `max_input`, in your own model table (and `max_image` for one image), \
         or remove the caps",
    ))
}
