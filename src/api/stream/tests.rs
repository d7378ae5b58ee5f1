//! Recorded streams: however they are cut into pieces they give the whole answer, and if cut short they give none.

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
fn an_error_inside_a_stream_is_judged_like_an_error_reply() {
    let begun = r#"data: {"choices":[{"delta":{"content":"half an ans"}}]}"#;
    for (event, kind, code) in [
        (
            r#"{"error":{"code":"data_inspection_failed","message":"Output data may contain inappropriate content."}}"#,
            FaultKind::RowRefused,
            "data_inspection_failed",
        ),
        (
            r#"{"error":{"code":"limit_requests","message":"You have exceeded your current request limit."}}"#,
            FaultKind::Throttled,
            "limit_requests",
        ),
        (r#"{"error":{"code":429,"message":"slow down"}}"#, FaultKind::Throttled, "http_429"),
        (
            r#"{"error":{"code":"internal_error","message":"inference internal error."}}"#,
            FaultKind::Transient,
            "internal_error",
        ),
        (
            r#"{"error":{"code":"x","message":"<503> InternalError.Algo: An error occurred in model serving"}}"#,
            FaultKind::Transient,
            "x",
        ),
        (
            r#"{"code":"Throttling.RateQuota","message":"Requests rate limit exceeded","request_id":"r-1"}"#,
            FaultKind::Throttled,
            "Throttling.RateQuota",
        ),
        (
            r#"{"code":"InvalidApiKey","message":"Invalid API-key provided.","request_id":"r-1"}"#,
            FaultKind::JobRefused,
            "InvalidApiKey",
        ),
        (r#"{"error":{"code":"odd","message":"odd"}}"#, FaultKind::Unusable, "odd"),
    ] {
        let fault = fault(&format!("{begun}\n\nevent: error\ndata: {event}\n\ndata: [DONE]\n\n"));
        assert_eq!((fault.kind, fault.code.as_str()), (kind, code), "{event}");
        assert_eq!(fault.evidence.as_deref(), Some(event.as_bytes()), "its bytes are kept");
    }
}

#[test]
fn a_stream_that_ends_without_a_reason_may_have_been_cut_and_if_dashscope_s_was_cut() {
    let piece = r#"{"choices":[{"delta":{"content":"half an ans"},"finish_reason":null}]}"#;
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#;
    let elsewhere = fault(&events(&[piece, usage]));
    assert_eq!((elsewhere.kind, elsewhere.code.as_str()), (FaultKind::Unusable, "no_finish_reason"));
    let mut dashscope = HeaderMap::new();
    dashscope.insert("x-dashscope-call-gateway", "true".parse().expect("a value"));
    let stream = events(&[piece, usage]);
    let cut = read(b"{}", [stream.as_bytes()], &dashscope).0.expect_err("a fault");
    assert_eq!((cut.kind, cut.code.as_str()), (FaultKind::CutByServer, "cut_by_server"));
    assert_eq!(cut.usage.and_then(|usage| usage.total_tokens), Some(3));
    assert!(String::from_utf8_lossy(&cut.evidence.expect("evidence")).contains("half an ans"));
    assert_eq!(cut.partial.and_then(|answer| answer.response).as_deref(), Some("half an ans"));
    let mut headers = HeaderMap::new();
    headers.insert("x-dashscope-partialresponse", "true".parse().expect("a value"));
    let stream = RECORDED[0].with_line_ends("\n");
    let cut = read(&RECORDED[0].request(), [stream.as_slice()], &headers).0.expect_err("a fault");
    assert_eq!(cut.kind, FaultKind::CutByServer);
    assert_eq!(cut.partial.map(|answer| *answer), Some(RECORDED[0].answer()));
}

#[test]
fn an_empty_stream_and_one_of_reasoning_only_are_no_answers() {
    let empty = fault(&events(&[]));
    assert_eq!((empty.kind, empty.code.as_str()), (FaultKind::Unusable, "empty_answer"));
    let reasoned = r#"{"choices":[{"delta":{"reasoning_content":"hm"},"finish_reason":"length"}]}"#;
    let fault = fault(&events(&[reasoned]));
    assert_eq!((fault.kind, fault.code.as_str()), (FaultKind::Unusable, "empty_answer"));
    assert!(fault.message.contains("reasoned"), "{}", fault.message);
    assert_eq!(fault.partial, None);
}

#[test]
fn an_event_that_is_not_a_piece_of_a_completion_gives_no_answer() {
    for stream in ["data: nonsense\n\ndata: [DONE]\n\n", "data: [1]\n\n", "data: {\"choices\":1}\n\n"] {
        let fault = fault(stream);
        assert_eq!((fault.kind, fault.code.as_str()), (FaultKind::Unusable, "unreadable_reply"), "{stream}");
        assert!(fault.evidence.is_some());
    }
    let broken: &[u8] = b"data: {\"choices\":[{\"delta\":{\"content\":\"\xff\"}}]}\n\ndata: [DONE]\n\n";
    assert_eq!(read_whole(b"{}", broken).expect_err("a fault").code, "unreadable_reply");
}

#[test]
fn an_endless_stream_is_refused() {
    let event = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n", "x".repeat(1000));
    let many = event.repeat(MOST / 1000 + 1);
    assert_eq!(fault(&many).code, "reply_too_long");
    assert_eq!(fault(&format!("data: {}", "x".repeat(MOST))).code, "reply_too_long");
    // Sent with repetition, an answer is the square of its length.
    let mut stream = String::new();
    for count in 1..2_000 {
        let text = "x".repeat(count);
        stream.push_str(&format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n"));
    }
    stream.push_str("data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n");
    let pieces = stream.as_bytes().chunks(4096);
    let (reply, _, _) = read(br#"{"model":"qwen-mt-plus"}"#, pieces, &HeaderMap::new());
    assert_eq!(reply.expect("an answer").response.map(|text| text.len()), Some(1_999));
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
fn an_error_inside_a_choice_ends_a_stream_as_one_next_to_the_choices_does() {
    let begun = r#"{"choices":[{"delta":{"content":"Hi"}}]}"#;
    let error = r#"{"choices":[{"delta":{"content":""},"finish_reason":"error","error":{"code":502,"message":"upstream"}}]}"#;
    let failed = fault(&events(&[begun, error]));
    assert_eq!((failed.kind, failed.message.as_str()), (FaultKind::Transient, "upstream"));
    for broken in ["abort", "cancelled", "insufficient_system_resource"] {
        let end = format!(r#"{{"choices":[{{"delta":{{}},"finish_reason":"{broken}"}}]}}"#);
        let failed = fault(&events(&[begun, &end]));
        assert_eq!((failed.kind, failed.code.as_str()), (FaultKind::Unusable, broken));
    }
    let empty = r#"{"choices":[{"delta":{"content":"!"},"finish_reason":"stop","error":null}],"error":{}}"#;
    let answer = read_whole(b"{}", events(&[begun, empty]).as_bytes()).expect("an answer");
    assert_eq!(answer.response.as_deref(), Some("Hi!"));
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

#[test]
fn a_stream_that_its_server_ended_is_an_answer_without_a_done_when_every_choice_is_finished() {
    let one = |index: u8| {
        format!(r#"{{"choices":[{{"index":{index},"delta":{{"content":"a"}},"finish_reason":"stop"}}]}}"#)
    };
    let stream =
        |choices: &[u8]| choices.iter().map(|index| format!("data: {}\n\n", one(*index))).collect::<String>();
    let answer = read_whole(b"{}", stream(&[0]).as_bytes()).expect("an answer");
    assert_eq!(answer.response.as_deref(), Some("a"));
    let two = br#"{"model":"m","n":2}"#;
    assert_eq!(read_whole(two, stream(&[0]).as_bytes()).expect_err("one of two").code, "cut_stream");
    assert!(read_whole(two, stream(&[1, 0]).as_bytes()).is_ok());
    let open = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    assert_eq!(read_whole(b"{}", open.as_bytes()).expect_err("no reason").code, "cut_stream");
}
