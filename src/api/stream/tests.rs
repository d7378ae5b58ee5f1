//! Recorded streams: however they are cut into pieces they give the whole answer, and if cut short they give none.

mod endings;

use std::time::SystemTime;

use proptest::prelude::*;
use proptest::sample::Index;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::super::verdict::{judge, judge_stream, judge_trouble};
use super::asked::{asking, choices_asked_for};
use super::*;
use crate::outcome::{Answer, Fault, FaultKind, Reply};

const MOST: usize = 1 << 20;

/// A stream, and the whole reply that holds the same answer.
struct Recorded {
    name: &'static str,
    stream: &'static str,
    whole: &'static str,
}

macro_rules! recorded {
    ($($name:literal),*) => {
        [$(Recorded {
            name: $name,
            stream: include_str!(concat!("recorded/", $name, ".sse")),
            whole: include_str!(concat!("recorded/", $name, ".json")),
        }),*]
    };
}

const RECORDED: [Recorded; 6] =
    recorded!["content", "reasoning", "tools", "several", "translation", "elsewhere"];

impl Recorded {
    fn answer(&self) -> Answer {
        let whole = self.whole.as_bytes();
        judge(StatusCode::OK, &HeaderMap::new(), whole, SystemTime::now(), self.asked()).expect("an answer")
    }

    /// The number of choices requested.
    fn asked(&self) -> usize {
        if self.name == "several" { 2 } else { 1 }
    }

    /// The stream with other line ends.
    fn with_line_ends(&self, end: &str) -> Vec<u8> {
        self.stream.replace('\n', end).into_bytes()
    }

    fn request(&self) -> Vec<u8> {
        let model = self.answer().model.expect("a model");
        serde_json::json!({"model": model, "messages": [], "n": self.asked()}).to_string().into_bytes()
    }
}

/// The client's reading of a stream that arrives in these pieces, and the pieces that an observer sees.
fn read<'a>(
    request: &[u8],
    pieces: impl IntoIterator<Item = &'a [u8]>,
    headers: &HeaderMap,
) -> (Reply, String, String) {
    let (mut reasoning, mut content) = (String::new(), String::new());
    let mut sink = |piece: Piece<'_>| match piece {
        Piece::Reasoning(text) => reasoning.push_str(text),
        Piece::Content(text) => content.push_str(text),
    };
    let mut incoming = Incoming::new(request, MOST);
    let take_all = || {
        for piece in pieces {
            if !incoming.is_done() {
                incoming.take(piece, &mut sink)?;
            }
        }
        incoming.end(&mut sink)
    };
    let reply = match take_all() {
        Ok(()) => judge_stream(StatusCode::OK, headers, incoming, None),
        Err(trouble) => Err(judge_trouble(StatusCode::OK, headers, trouble, SystemTime::now())),
    };
    (reply, reasoning, content)
}

fn read_whole(request: &[u8], stream: &[u8]) -> Reply {
    read(request, [stream], &HeaderMap::new()).0
}

/// A stream of these events, then its end.
fn events(events: &[&str]) -> String {
    let events: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    events + "data: [DONE]\n\n"
}

fn fault(stream: &str) -> Fault {
    read_whole(br#"{"model":"qwen-plus"}"#, stream.as_bytes()).expect_err("a fault")
}

#[test]
fn a_recorded_stream_gives_the_answer_that_the_whole_reply_gives() {
    for recorded in RECORDED {
        for end in ["\n", "\r\n", "\r"] {
            let stream = recorded.with_line_ends(end);
            let (reply, reasoning, content) =
                read(&recorded.request(), [stream.as_slice()], &HeaderMap::new());
            let answer = reply.expect(recorded.name);
            assert_eq!(answer, recorded.answer(), "{} with {end:?}", recorded.name);
            assert_eq!(reasoning, answer.reasoning.unwrap_or_default(), "{}", recorded.name);
            if recorded.name != "several" {
                assert_eq!(content, answer.response.unwrap_or_default(), "{}", recorded.name);
            }
        }
    }
}

#[test]
fn a_stream_cut_at_any_byte_is_a_fault_until_it_has_said_why_it_ends_and_then_the_whole_answer() {
    for recorded in RECORDED {
        let (request, answer) = (recorded.request(), recorded.answer());
        for end in ["\n", "\r\n", "\r"] {
            let stream = recorded.with_line_ends(end);
            let done = recorded.with_line_ends(end).len() - 2 * end.len();
            assert!(stream[..done].ends_with(b"[DONE]"));
            // After the finish reason a stream has only its usage; HTTP ends the bytes.
            let mut first_whole = None;
            for cut in 0..=stream.len() {
                match read_whole(&request, &stream[..cut]) {
                    Ok(got) => {
                        first_whole.get_or_insert(cut);
                        let usage = got.usage.filter(|_| cut < done).or(answer.usage);
                        assert_eq!(Answer { usage, ..got }, answer, "{} after {cut} bytes", recorded.name);
                    }
                    Err(fault) => {
                        assert_eq!(first_whole, None, "{} is an answer before {cut} bytes", recorded.name);
                        assert_eq!((fault.kind, fault.code.as_str()), (FaultKind::Transient, "cut_stream"));
                    }
                }
            }
            let reason = stream.windows(16).rposition(|bytes| bytes.starts_with(b"\"finish_reason\":\""));
            assert!(first_whole > reason && first_whole < Some(done), "{}: {first_whole:?}", recorded.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_of_any_size_give_the_same_answer(
        which in any::<Index>(),
        end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        cuts in prop::collection::vec(any::<Index>(), 0..40),
    ) {
        let recorded = which.get(&RECORDED);
        let stream = recorded.with_line_ends(end);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]);
        let (reply, _, _) = read(&recorded.request(), pieces, &HeaderMap::new());
        prop_assert_eq!(reply, Ok(recorded.answer()));
    }

    #[test]
    fn texts_of_any_kind_arrive_unchanged(
        reasoning in prop::collection::vec(any::<String>(), 0..6),
        content in prop::collection::vec(any::<String>(), 1..6),
        width in 1_usize..40,
        repeats in any::<bool>(),
    ) {
        let model = if repeats { "qwen-mt-turbo" } else { "qwen-plus" };
        let mut stream = String::new();
        let mut event = |delta: serde_json::Value, finish: Option<&str>| {
            let choice = serde_json::json!({"delta": delta, "finish_reason": finish, "index": 0});
            let chunk = serde_json::json!({"choices": [choice], "usage": null, "model": model});
            stream.push_str(&format!("data: {chunk}\n\n"));
        };
        for piece in &reasoning {
            event(serde_json::json!({"reasoning_content": piece}), None);
        }
        for count in 1..=content.len() {
            let text = if repeats { content[..count].concat() } else { content[count - 1].clone() };
            event(serde_json::json!({"content": text}), None);
        }
        event(serde_json::json!({}), Some("stop"));
        stream.push_str("data: [DONE]\n\n");
        let whole = serde_json::json!({"model": model, "choices": [{"finish_reason": "stop", "message":
            {"content": content.concat(), "reasoning_content": reasoning.concat()}}]});
        let request = serde_json::json!({"model": model}).to_string();
        let expected = judge(StatusCode::OK, &HeaderMap::new(), whole.to_string().as_bytes(), SystemTime::now(), 0);
        let (reply, _, seen) = read(request.as_bytes(), stream.as_bytes().chunks(width), &HeaderMap::new());
        match (reply, expected) {
            (Ok(answer), Ok(expected)) => {
                prop_assert_eq!(answer, expected);
                prop_assert_eq!(seen, content.concat());
            }
            // An answer of blanks only is not an answer, in either form.
            (reply, expected) => {
                prop_assert_eq!(reply.expect_err("empty").code, expected.expect_err("empty").code);
            }
        }
    }
}

#[test]
fn a_text_that_repeats_itself_is_not_treated_as_a_repeating_stream() {
    let stream = events(&[
        r#"{"choices":[{"delta":{"content":"ha"}}]}"#,
        r#"{"choices":[{"delta":{"content":"ha"},"finish_reason":"stop"}]}"#,
    ]);
    let answer_of = |model: &str| {
        let request = format!(r#"{{"model":"{model}"}}"#);
        read_whole(request.as_bytes(), stream.as_bytes()).expect("an answer").response.expect("text")
    };
    for model in ["qwen-plus", "qwen-mt-flash", "qwen-mt-lite", "sim-qwen-mt-plus"] {
        assert_eq!(answer_of(model), "haha", "{model}");
    }
    for model in ["qwen-mt-plus", "qwen-mt-turbo", "qwen-mt-plus-2025-01-01", "dashscope/qwen-mt-plus"] {
        assert_eq!(answer_of(model), "ha", "{model}");
    }
}

#[test]
fn a_model_that_is_known_to_repeat_itself_and_does_not_loses_no_text() {
    let stream = events(&[
        r#"{"choices":[{"delta":{"content":"Il "}}]}"#,
        r#"{"choices":[{"delta":{"content":"a "}}]}"#,
        r#"{"choices":[{"delta":{"content":"dit."},"finish_reason":"stop"}]}"#,
    ]);
    let answer = read_whole(br#"{"model":"qwen-mt-plus"}"#, stream.as_bytes()).expect("an answer");
    assert_eq!(answer.response.as_deref(), Some("Il a dit."));
}

#[test]
fn the_last_text_of_a_repeating_model_replaces_a_different_earlier_one() {
    let stream = events(&[
        r#"{"choices":[{"delta":{"content":"Il a"}}]}"#,
        r#"{"choices":[{"delta":{"content":"Il a dis"}}]}"#,
        r#"{"choices":[{"delta":{"content":"Il avait dit."},"finish_reason":"stop"}]}"#,
    ]);
    let answer = read_whole(br#"{"model":"qwen-mt-plus"}"#, stream.as_bytes()).expect("an answer");
    assert_eq!(answer.response.as_deref(), Some("Il avait dit."));
}

#[test]
fn a_server_that_wraps_its_whole_answer_in_one_event_is_understood() {
    let whole = r#"{"id":"1","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}"#;
    let answer = read_whole(b"{}", events(&[whole]).as_bytes()).expect("an answer");
    assert_eq!(answer.response.as_deref(), Some("Hi"));
    let after = r#"{"choices":[{"delta":{"content":"Hi"}}]}"#;
    let answer = read_whole(b"{}", events(&[after, whole]).as_bytes()).expect("an answer");
    assert_eq!(answer.response.as_deref(), Some("Hi"), "what was said piece by piece is not said again");
}

#[test]
fn all_choices_requested_without_a_model_are_kept() {
    let choice = |index: usize| {
        format!(r#"{{"index":{index},"message":{{"content":"c{index}"}},"finish_reason":"stop"}}"#)
    };
    let reply = format!(r#"{{"choices":[{},{},{}]}}"#, choice(0), choice(1), choice(2));
    for (request, response) in [
        (r#"{"messages":[],"n":3}"#, r#"["c0","c1","c2"]"#),
        (r#"{"messages":[],"model":null,"n":3}"#, r#"["c0","c1","c2"]"#),
        (r#"{"messages":[],"model":["m"],"n":"3"}"#, r#"["c0","c1","c2"]"#),
        // That number cannot be read, so nothing is dropped.
        (r#"{"messages":[],"n":"some"}"#, r#"["c0","c1","c2"]"#),
        (r#"{"messages":[],"n":null}"#, "c0"),
        (r#"{"messages":[]}"#, "c0"),
    ] {
        let asked = choices_asked_for(request.as_bytes());
        let whole = judge(StatusCode::OK, &HeaderMap::new(), reply.as_bytes(), SystemTime::now(), asked);
        assert_eq!(whole.expect("an answer").response.as_deref(), Some(response), "{request}");
        let streamed = read_whole(request.as_bytes(), events(&[&reply]).as_bytes());
        assert_eq!(streamed.expect("an answer").response.as_deref(), Some(response), "{request}");
    }
}

#[test]
fn the_fields_of_transport_are_added_and_nothing_else_changes() {
    let asked = asking(br#"{"model":"m","messages":[{"role":"user","content":"}"}]}"#);
    assert_eq!(
        String::from_utf8_lossy(&asked),
        r#"{"model":"m","messages":[{"role":"user","content":"}"}],"stream":true,"stream_options":{"include_usage":true}}"#
    );
    assert!(serde_json::from_slice::<serde_json::Value>(&asking(b"{ }\n")).is_ok());
}

#[test]
fn thoughts_between_tags_a_refusal_and_a_lone_surrogate_are_read_from_pieces() {
    let piece = |text: &str| format!(r#"{{"choices":[{{"delta":{{"content":"{text}"}}}}]}}"#);
    let end =
        r#"{"choices":[{"delta":{},"finish_reason":"stop","usage":{"input_tokens":2,"output_tokens":3}}]}"#;
    let pieces = ["<th", "ink>hm", " hm</thi", "nk>", "\\n\\nYes \\ud83d!"].map(piece);
    let all: Vec<&str> = pieces.iter().map(String::as_str).chain([end]).collect();
    let stream = events(&all);
    let (reply, reasoning, content) = read(b"{}", [stream.as_bytes()], &HeaderMap::new());
    let answer = reply.expect("an answer");
    assert_eq!(
        (answer.reasoning.as_deref(), answer.response.as_deref()),
        (Some("hm hm"), Some("Yes \u{fffd}!"))
    );
    assert_eq!((reasoning.as_str(), content.as_str()), ("hm hm", "Yes \u{fffd}!"));
    assert_eq!(answer.usage.and_then(|usage| usage.total_tokens), Some(5));
    let refusal =
        r#"{"choices":[{"delta":{"content":null,"refusal":"I will not."},"finish_reason":"stop"}]}"#;
    let refused = fault(&events(&[refusal]));
    assert_eq!((refused.kind, refused.code.as_str()), (FaultKind::RowRefused, "refused"));
    assert_eq!(refused.message, "I will not.");
}
