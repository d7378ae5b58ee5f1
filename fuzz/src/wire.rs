//! What a server may send: replies, streams, and requested waits.

use std::time::Duration;

use fanfold::inside::fuzzing;
use fanfold::{Answer, Fault, FaultKind, Reply};

/// Sunday, 6 November 1994, 08:49:37 UTC: the moment of RFC 9110's example.
const NOW: u64 = 784_111_777;

/// The longest wait that a reply can request.
const LONGEST_WAIT: Duration = Duration::from_secs(30 * 86_400);

const STATUSES: [u16; 16] = [200, 201, 204, 301, 302, 307, 400, 401, 403, 404, 408, 429, 500, 502, 503, 529];

/// The first byte is the status, the second which headers come with it; the rest is the body.
///
/// Only a success is an answer, and it is not empty; an error without a status is neither; every wait is bounded; the same
/// reply is judged alike twice.
pub fn reply(bytes: &[u8]) {
    let [status, marks, body @ ..] = bytes else { return };
    let status = STATUSES[usize::from(*status) % STATUSES.len()];
    let headers: [(u8, (&str, &[u8])); 5] = [
        (1, ("x-dashscope-partialresponse", b"true")),
        (2, ("content-type", b"text/html; charset=utf-8")),
        (4, ("retry-after", b"7")),
        (8, ("x-request-id", b"from-the-header")),
        (16, ("x-dashscope-call-gateway", b"true")),
    ];
    let headers: Vec<(&str, &[u8])> =
        headers.iter().filter(|(mark, _)| marks & mark > 0).map(|(_, header)| *header).collect();
    let judged = fuzzing::reply(status, &headers, body, NOW);
    assert_eq!(judged, fuzzing::reply(status, &headers, body, NOW), "the same reply twice");
    match &judged {
        Ok(answer) => {
            assert!((200..300).contains(&status), "{status} is no success");
            assert_eq!(marks & 1, 0, "the service said that it cut this answer");
            is_an_answer(answer);
        }
        Err(fault) => is_a_fault(fault),
    }
}

/// The first byte is the model, the second the width of the pieces; the rest is what comes.
///
/// However it is cut, the result and the pieces are the same; without `[DONE]` or a finish reason it is not an answer.
pub fn stream(bytes: &[u8]) {
    let [model, width, body @ ..] = bytes else { return };
    let request: &[u8] = match model % 2 {
        0 => br#"{"model":"qwen-plus","messages":[]}"#,
        _ => br#"{"model":"qwen-mt-plus","messages":[]}"#,
    };
    let whole = fuzzing::stream(request, [body]);
    let width = usize::from(*width).max(1);
    assert_eq!(whole, fuzzing::stream(request, body.chunks(width)), "in pieces of {width}");
    let (first, rest) = body.split_at(width.min(body.len()));
    assert_eq!(whole, fuzzing::stream(request, [first, rest]), "cut once at {width}");
    is_a_reply(&whole.reply);
    if whole.reply.is_ok() {
        let says = |words: &[u8]| body.windows(words.len()).any(|window| window == words);
        // The letters of a key may be written as escapes.
        assert!(says(b"[DONE]") || says(b"finish_reason") || says(b"\\u"), "an answer without an end");
    }
}

/// The first line is the header `Retry-After`, the second `Retry-After-Ms`.
///
/// A date is nearer an hour later; a wait of more than a month is not kept; the same header requests the same wait twice.
pub fn retry_after(bytes: &[u8]) {
    let mut lines = bytes.splitn(2, |byte| *byte == b'\n');
    let seconds = lines.next().unwrap_or_default();
    let mut headers: Vec<(&str, &[u8])> = vec![("retry-after", seconds)];
    headers.extend(lines.next().map(|line| ("retry-after-ms", line)));
    let wait = fuzzing::retry_after(&headers, NOW);
    assert_eq!(wait, fuzzing::retry_after(&headers, NOW), "the same headers twice");
    let later = fuzzing::retry_after(&headers, NOW + 3600);
    assert_eq!(wait.is_some(), later.is_some(), "whether it can be read does not depend on the time");
    assert!(later <= wait, "{later:?} an hour after {wait:?}");
    match fuzzing::reply(429, &headers, b"{}", NOW) {
        Ok(answer) => panic!("429 is no answer: {answer:?}"),
        Err(fault) => {
            is_a_fault(&fault);
            assert_eq!(fault.kind, FaultKind::Throttled);
            assert_eq!(fault.retry_after, wait.filter(|wait| *wait <= LONGEST_WAIT));
        }
    }
}

fn is_a_reply(reply: &Reply) {
    match reply {
        Ok(answer) => is_an_answer(answer),
        Err(fault) => is_a_fault(fault),
    }
}

fn is_an_answer(answer: &Answer) {
    let text = answer.response.as_deref().is_some_and(|text| !text.trim().is_empty());
    assert!(text || answer.tool_calls.is_some(), "nothing is in it: {answer:?}");
    if let Some(usage) = answer.usage {
        // So that a sum over all rows of a night cannot overflow.
        assert!(usage.total_tokens.is_none_or(|total| total < 1 << 48), "{usage:?}");
    }
    if let Some(calls) = &answer.tool_calls {
        let calls: Vec<serde_json::Value> = serde_json::from_str(calls).expect("an array of calls");
        assert!(!calls.is_empty());
    }
}

fn is_a_fault(fault: &Fault) {
    assert!(!fault.code.is_empty() && !fault.summary().is_empty(), "it says nothing: {fault:?}");
    assert!(fault.retry_after <= Some(LONGEST_WAIT), "{fault:?}");
}
