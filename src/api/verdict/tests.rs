//! Every kind of reply, with its literal body.

use serde_json::Value;

use super::*;
use FaultKind::{JobRefused, Throttled};

#[test]
fn throttling_for_tokens_is_distinguished_from_throttling_for_requests() {
    let fault = |code: &str| fault_of(429, &format!(r#"{{"error":{{"code":"{code}","message":"wait"}}}}"#));
    for code in ["insufficient_quota", "Throttling.AllocationQuota"] {
        assert!(fault(code).for_tokens, "{code}");
        assert_eq!(fault(code).kind, FaultKind::Throttled);
    }
    for code in ["limit_requests", "Throttling.RateQuota", "limit_burst_rate"] {
        assert!(!fault(code).for_tokens, "{code}");
    }
}

fn fault_of(status: u16, body: &str) -> Fault {
    judge(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes(), SystemTime::now(), 0)
        .expect_err("a fault")
}

fn openai(code: &str, message: &str) -> String {
    serde_json::json!({"error": {"message": message, "type": code, "param": null, "code": code}, "request_id": "r-1"})
        .to_string()
}

#[test]
fn errors_without_a_body_in_native_form_or_as_plain_text_are_judged_too() {
    assert_eq!(fault_of(429, "").kind, Throttled);
    assert_eq!(fault_of(404, "").message, "Not Found: is base_url right?");
    assert_eq!(fault_of(404, "").kind, JobRefused);
    let native = fault_of(400, r#"{"code":"Arrearage","message":"overdue","request_id":"r-2"}"#);
    assert_eq!((native.kind, native.request_id.as_deref()), (JobRefused, Some("r-2")));
    let plain = fault_of(503, "upstream connect error");
    assert_eq!((plain.kind, plain.message.as_str()), (Transient, "upstream connect error"));
    assert_eq!(fault_of(422, r#"{"error":"bad field"}"#).message, "bad field");
}

#[test]
fn an_error_event_with_another_error_inside_is_judged_by_the_inner_one() {
    let inner = |error: &str| {
        let message = format!("data: {error}");
        let native = serde_json::json!({"request_id": "r-3", "code": "InvalidParameter", "message": message});
        fault_of(400, &format!("id:1\nevent:error\n:HTTP_STATUS/400\ndata:{native}\n\n"))
    };
    let fault = inner(
        r#"{"error":{"code":"invalid_parameter_error","message":"Range of max_tokens should be [1, 8192]","type":"invalid_request_error"}}"#,
    );
    assert_eq!((fault.code.as_str(), fault.about), ("invalid_parameter_error", Some("max_tokens")));
    assert_eq!(fault.message, "Range of max_tokens should be [1, 8192]");
    assert_eq!(fault.request_id.as_deref(), Some("r-3"));
    // A message that only looks like JSON is a message.
    assert_eq!(inner("{not json").message, "data: {not json");
    let plain = fault_of(400, "event:error\ndata:{\"code\":\"Arrearage\",\"message\":\"overdue\"}\n\n");
    assert_eq!((plain.kind, plain.message.as_str()), (JobRefused, "overdue"));
}

fn with_header(name: &'static str, value: &str, status: u16, body: &str) -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert(name, value.parse().unwrap());
    judge(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes(), SystemTime::now(), 0)
}

#[test]
fn a_redirect_is_not_followed_and_says_where_it_led() {
    let fault = with_header("location", "https://elsewhere.example/", 301, "").expect_err("a fault");
    assert_eq!(fault.kind, JobRefused);
    assert!(fault.message.contains("elsewhere.example"));
    assert_eq!(
        with_header("location", "https://login.example/", 302, "").expect_err("a fault").kind,
        Transient
    );
}

fn completion(message: Value, finish_reason: Value) -> String {
    serde_json::json!({
        "id": "chatcmpl-abc", "model": "qwen-plus",
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10,
                  "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": null},
    })
    .to_string()
}

fn answered(body: &str) -> Reply {
    judge(StatusCode::OK, &HeaderMap::new(), body.as_bytes(), SystemTime::now(), 0)
}

/// A reply with the headers that only DashScope sets.
fn dashscope(body: &str) -> Reply {
    with_header("x-dashscope-call-gateway", "true", 200, body)
}

#[test]
fn a_null_finish_reason_means_a_cut_at_dashscope_and_nothing_elsewhere() {
    let half = completion(serde_json::json!({"content": "half"}), Value::Null);
    assert_eq!(dashscope(&half).expect_err("a fault").code, "cut_by_server");
    assert_eq!(answered(&half).expect("an answer").response.as_deref(), Some("half"));
    let nothing = completion(serde_json::json!({"content": ""}), Value::Null);
    assert_eq!(answered(&nothing).expect_err("a fault").code, "empty_answer");
}

#[test]
fn the_finish_reason_decides_whether_there_is_an_answer() {
    let of = |word: &str| answered(&completion(serde_json::json!({"content": "half"}), word.into()));
    for broken in ["abort", "error", "insufficient_system_resource", "cancelled", "ABORT"] {
        let fault = of(broken).expect_err("no answer");
        assert_eq!((fault.kind, fault.code.as_str()), (FaultKind::Unusable, broken));
        assert_eq!(fault.usage.and_then(|usage| usage.total_tokens), Some(10));
    }
    for cut in ["length", "max_tokens", "MAX_TOKENS", "model_length"] {
        assert_eq!(of(cut).expect("an answer").finish_reason.as_deref(), Some("length"), "{cut}");
    }
    assert_eq!(of("SAFETY").expect_err("no answer").code, "content_filter");
    assert_eq!(of("because").expect("an answer").finish_reason.as_deref(), Some("because"));
}

#[test]
fn an_error_in_a_choice_is_a_fault_and_an_empty_one_next_to_an_answer_is_ignored() {
    let with = |choice: Value, error: Value| {
        let mut body =
            serde_json::json!({"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]});
        body["choices"][0]["error"] = choice;
        body["error"] = error;
        answered(&body.to_string())
    };
    let fault =
        with(serde_json::json!({"code": 502, "message": "upstream"}), Value::Null).expect_err("a fault");
    assert_eq!((fault.kind, fault.message.as_str()), (Transient, "upstream"));
    for nothing in [serde_json::json!({}), "".into(), Value::Null, false.into(), serde_json::json!([])] {
        assert!(with(nothing.clone(), nothing.clone()).is_ok(), "{nothing}");
    }
    assert_eq!(with(Value::Null, "overloaded".into()).expect_err("a fault").message, "overloaded");
}

#[test]
fn a_refusal_by_the_model_fails_the_row_in_its_words() {
    let words = "I can't help with that.";
    for content in [Value::Null, "".into()] {
        let message = serde_json::json!({"content": content, "refusal": words});
        let fault = answered(&completion(message, "stop".into())).expect_err("a fault");
        assert_eq!(
            (fault.kind, fault.code.as_str(), fault.message.as_str()),
            (FaultKind::RowRefused, "refused", words)
        );
    }
    let both = serde_json::json!({"content": "Here you are", "refusal": words});
    assert!(answered(&completion(both, "stop".into())).is_ok());
}

#[test]
fn choices_are_sorted_by_their_index_and_thoughts_taken_out_of_the_text() {
    let choice = |index: u8, content: Value| serde_json::json!({"index": index, "message": {"content": content}, "finish_reason": "stop"});
    let body = serde_json::json!({"choices": [choice(1, "b".into()), choice(0, "a".into())]});
    assert_eq!(answered(&body.to_string()).expect("an answer").response.as_deref(), Some(r#"["a","b"]"#));
    let parts = serde_json::json!([
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "reasoning", "text": " hm"},
        {"type": "text", "text": "Yes"},
    ]);
    for content in ["<think>hm hm</think>\n\nYes".into(), parts] {
        let answer =
            answered(&serde_json::json!({"choices": [choice(0, content)]}).to_string()).expect("an answer");
        assert_eq!((answer.response.as_deref(), answer.reasoning.as_deref()), (Some("Yes"), Some("hm hm")));
    }
    let unclosed = serde_json::json!({"choices": [choice(0, "<think>hm".into())]}).to_string();
    assert_eq!(answered(&unclosed).expect_err("no answer").code, "empty_answer");
}

#[test]
fn json_as_python_writes_it_is_read() {
    let body = r#"{"choices":[{"message":{"content":"a\ud83db"},"finish_reason":"stop","score":NaN}],"x":-Infinity}"#;
    assert_eq!(answered(body).expect("an answer").response.as_deref(), Some("a\u{fffd}b"));
}

#[test]
fn an_answer_is_read_with_its_usage_and_request_id() {
    let answer =
        answered(&completion(serde_json::json!({"role": "assistant", "content": "Hi"}), "stop".into()))
            .unwrap();
    assert_eq!(answer.response.as_deref(), Some("Hi"));
    assert_eq!(answer.request_id.as_deref(), Some("abc"));
    let usage = answer.usage.unwrap();
    assert_eq!((usage.total_tokens, usage.cached_tokens, usage.reasoning_tokens), (Some(10), Some(4), None));
    let calls = serde_json::json!({"content": "", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]});
    let answer = answered(&completion(calls, "tool_calls".into())).unwrap();
    assert_eq!(answer.response, None);
    assert!(answer.tool_calls.unwrap().starts_with("[{\"id\":\"c\""));
}

#[test]
fn a_reply_without_an_answer_is_a_fault_and_its_tokens_count() {
    for (message, finish, kind) in [
        (serde_json::json!({"content": ""}), Value::from("stop"), FaultKind::Unusable),
        (serde_json::json!({"content": null}), Value::from("stop"), FaultKind::Unusable),
        (
            serde_json::json!({"content": "", "reasoning_content": "hm"}),
            Value::from("length"),
            FaultKind::Unusable,
        ),
        (serde_json::json!({"content": "half an ans"}), Value::Null, FaultKind::CutByServer),
    ] {
        let fault = dashscope(&completion(message, finish)).expect_err("a fault");
        assert_eq!(fault.kind, kind);
        assert_eq!(fault.usage.and_then(|usage| usage.total_tokens), Some(10));
        assert!(fault.evidence.is_some());
    }
    assert_eq!(answered("{}").expect_err("a fault").kind, FaultKind::Unusable);
    assert_eq!(answered("not JSON").expect_err("a fault").kind, FaultKind::Unusable);
    let cut = completion(serde_json::json!({"content": "half"}), "stop".into());
    let fault = with_header("x-dashscope-partialresponse", "true", 200, &cut).expect_err("a fault");
    assert_eq!(fault.code, "cut_by_server");
    assert_eq!(with_header("content-type", "text/html", 200, "<html>").expect_err("a fault").kind, Transient);
}

#[test]
fn the_received_part_of_an_answer_that_the_server_cut_is_kept() {
    let message = serde_json::json!({"content": "half an ans", "reasoning_content": "hm"});
    let partial = |fault: Fault| fault.partial.expect("a part");
    let cut = partial(dashscope(&completion(message.clone(), Value::Null)).expect_err("a fault"));
    assert_eq!((cut.response.as_deref(), cut.reasoning.as_deref()), (Some("half an ans"), Some("hm")));
    assert_eq!(cut.usage.and_then(|usage| usage.total_tokens), Some(10));
    let said_stop = completion(message, "stop".into());
    let cut =
        partial(with_header("x-dashscope-partialresponse", "true", 200, &said_stop).expect_err("a fault"));
    assert_eq!(cut.response.as_deref(), Some("half an ans"));
    let empty = completion(serde_json::json!({"content": ""}), "stop".into());
    assert_eq!(answered(&empty).expect_err("a fault").partial, None);
}

#[test]
fn an_answer_that_a_filter_cut_is_a_fault_and_kept_as_evidence() {
    let body = completion(serde_json::json!({"content": "half of"}), "content_filter".into());
    let fault = answered(&body).expect_err("a fault");
    assert_eq!((fault.kind, fault.code.as_str()), (RowRefused, "content_filter"));
    assert_eq!(fault.usage.and_then(|usage| usage.total_tokens), Some(10));
    assert!(fault.evidence.is_some() && fault.partial.is_none() && fault.help.is_some());
}

#[test]
fn one_cut_choice_of_several_makes_the_answer_count_as_cut() {
    let choice = |reason: &str| format!(r#"{{"message":{{"content":"a"}},"finish_reason":"{reason}"}}"#);
    for (first, second) in [("stop", "length"), ("length", "stop")] {
        let body = format!(r#"{{"choices":[{},{}]}}"#, choice(first), choice(second));
        let answer = answered(&body).expect("an answer");
        assert_eq!(answer.finish_reason.as_deref(), Some("length"), "{first}, {second}");
    }
}

#[test]
fn several_choices_are_all_kept() {
    let body =
        r#"{"choices":[{"message":{"content":"a"},"finish_reason":"stop"},{"message":{"content":"b"}}]}"#;
    assert_eq!(answered(body).unwrap().response.as_deref(), Some(r#"["a","b"]"#));
}

#[test]
fn an_error_inside_a_200_is_an_error() {
    let fault = fault_of(200, &openai("invalid_api_key", "Incorrect API key provided."));
    assert_eq!(fault.kind, JobRefused);
    assert_eq!(fault_of(200, &openai("odd", "odd")).kind, FaultKind::Unusable);
}
