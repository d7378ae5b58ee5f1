//! Answers, refusals and streams.

use super::*;

#[test]
fn an_answer_has_the_shape_and_headers_of_the_real_one() {
    let server = start(ServerSettings::default());
    let reply = ask(&server, "Hello there");
    let body = reply.json();
    assert_eq!(reply.status, 200);
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    assert_eq!(body["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
    let identity = reply.header("x-request-id").unwrap();
    assert_eq!(body["id"], format!("chatcmpl-{identity}"));
    assert_eq!(reply.header("x-dashscope-call-gateway").unwrap(), "true");
    assert!(reply.header("req-cost-time").is_some());
}

#[test]
fn the_same_request_gets_the_same_text_under_another_identity() {
    let server = start(ServerSettings::default());
    let (one, other) = (ask(&server, "Hello"), ask(&server, "Hello"));
    assert_eq!(one.content(), other.content());
    assert_ne!(one.json()["id"], other.json()["id"]);
}

#[test]
fn only_the_right_key_is_let_in() {
    let server = start(ServerSettings { api_key: Some("sk-right".into()), ..ServerSettings::default() });
    let body = question("Hello").to_string();
    let send_with = |headers: &str| send(&server, "POST", CHAT, headers, &body);
    assert_eq!(send_with("Authorization: Bearer sk-right\r\n").status, 200);
    let wrong = send_with("Authorization: Bearer sk-wrong\r\n");
    assert_eq!((wrong.status, wrong.error_code()), (401, "invalid_api_key".into()));
    assert_eq!(send_with("").status, 401);
    assert_eq!(send_with("Authorization: Bearer \r\n").status, 401);
}

#[test]
fn other_paths_are_not_there_and_say_nothing() {
    let server = start(ServerSettings::default());
    let reply = send(&server, "POST", "/api/v1/services", "Authorization: Bearer k\r\n", "{}");
    assert_eq!((reply.status, reply.body.len()), (404, 0));
    let elsewhere = send(&server, "POST", "/v1/chat/completions", "Authorization: Bearer k\r\n", "{");
    assert_eq!(elsewhere.json()["error"]["message"], "Required body invalid");
}

#[test]
fn models_are_listed() {
    let server = start(ServerSettings::default());
    let reply = send(&server, "GET", "/compatible-mode/v1/models", "Authorization: Bearer k\r\n", "");
    assert_eq!(reply.json()["data"][0]["object"], "model");
}

#[test]
fn an_asynchronous_call_is_refused_every_time() {
    let server = start(ServerSettings::default());
    let headers = "Authorization: Bearer k\r\nX-DashScope-Async: enable\r\n";
    assert_eq!(send(&server, "POST", CHAT, headers, &question("x").to_string()).status, 429);
}

#[test]
fn a_body_over_six_mebibytes_is_too_large() {
    let server = start(ServerSettings::default());
    let reply = ask(&server, &"x".repeat(6 * 1024 * 1024));
    assert_eq!((reply.status, reply.error_code()), (400, "BadRequest.TooLarge".into()));
    assert!(reply.text().contains("6291456"));
}

#[test]
fn requests_over_the_limit_are_refused_in_the_services_words() {
    let limits = ServerLimits { requests_per_minute: Some(2), ..ServerLimits::default() };
    let server = start(ServerSettings { limits, ..ServerSettings::default() });
    assert_eq!(ask(&server, "1").status, 200);
    assert_eq!(ask(&server, "2").status, 200);
    let refused = ask(&server, "3");
    assert_eq!((refused.status, refused.error_code()), (429, "limit_requests".into()));
}

#[test]
fn tokens_over_the_limit_are_refused_as_quota() {
    let limits = ServerLimits { tokens_per_minute: Some(5), ..ServerLimits::default() };
    let server = start(ServerSettings { limits, ..ServerSettings::default() });
    assert_eq!(ask(&server, "1").status, 200);
    let refused = ask(&server, "2");
    assert_eq!((refused.status, refused.error_code()), (429, "insufficient_quota".into()));
}

#[test]
fn a_plain_server_has_no_details() {
    let server = start(ServerSettings { profile: Profile::Plain, ..ServerSettings::default() });
    let mut body = question("Hello");
    body["model"] = json!("llama-3");
    let reply = post(&server, &body);
    assert_eq!(reply.status, 200);
    assert!(reply.json()["usage"].get("prompt_tokens_details").is_none());
    assert!(reply.header("x-request-id").is_none());
    let refused = post(&server, &json!({"model": "llama-3"}));
    assert_eq!(refused.status, 400);
    assert_eq!((&refused.json()["object"], &refused.json()["code"]), (&json!("error"), &json!(400)));
    let keyless = send(&server, "POST", CHAT, "", &body.to_string());
    assert_eq!(keyless.status, 200);
}

/// The pieces of a stream, read from its chunks.
fn pieces(reply: &Received) -> Vec<Value> {
    let text = reply.text();
    let events = text.lines().filter_map(|line| line.strip_prefix("data: "));
    events.filter(|event| *event != "[DONE]").map(|event| serde_json::from_str(event).unwrap()).collect()
}

fn streamed_texts(pieces: &[Value]) -> Vec<String> {
    let text = |piece: &Value| Some(piece["choices"][0]["delta"]["content"].as_str()?.to_owned());
    pieces.iter().filter_map(text).filter(|text| !text.is_empty()).collect()
}

#[test]
fn a_stream_put_together_is_the_whole_answer() {
    let server = start(ServerSettings::default());
    let mut body = question("Hello there");
    let whole = post(&server, &body);
    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    let stream = post(&server, &body);
    let pieces = pieces(&stream);
    assert!(stream.header("content-type").unwrap().starts_with("text/event-stream"));
    assert_eq!(streamed_texts(&pieces).concat(), whole.content());
    assert_eq!(pieces[pieces.len() - 2]["choices"][0]["finish_reason"], "stop");
    assert_eq!(pieces[pieces.len() - 1]["usage"], whole.json()["usage"]);
    assert!(stream.text().contains("data: [DONE]"));
}

#[test]
fn two_translation_models_stream_all_they_have_each_time() {
    let server = start(ServerSettings::default());
    let streamed = |model: &str| {
        let mut body = question("A row of some length, to be told in several pieces");
        body["model"] = json!(model);
        body["translation_options"] = json!({"target_lang": "French"});
        body["stream"] = json!(true);
        streamed_texts(&pieces(&post(&server, &body)))
    };
    let (repeated, incremental) = (streamed("qwen-mt-plus"), streamed("qwen-mt-flash"));
    assert_eq!(repeated.last().unwrap(), &incremental.concat());
    assert!(repeated[1].starts_with(&repeated[0]));
}

#[test]
fn tool_calls_are_streamed_in_pieces() {
    let server = start(ServerSettings::default());
    let parameters = json!({"type": "object", "properties": {"location": {"type": "string"}}});
    let mut body = question("What is the weather in Paris?");
    body["tools"] =
        json!([{"type": "function", "function": {"name": "get_weather", "parameters": parameters}}]);
    body["stream"] = json!(true);
    let pieces = pieces(&post(&server, &body));
    let arguments: String = pieces
        .iter()
        .filter_map(|piece| piece["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].as_str())
        .collect();
    assert_eq!(arguments, r#"{"location":"Paris"}"#);
    assert_eq!(pieces.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
}

#[test]
fn latency_is_waited_for_but_does_not_change_the_answer() {
    let quick = start(ServerSettings::default());
    let slow = start(ServerSettings { latency: "fixed:20ms".parse().unwrap(), ..ServerSettings::default() });
    let reply = ask(&slow, "Hello");
    assert_eq!(reply.content(), ask(&quick, "Hello").content());
    assert_eq!(reply.header("req-cost-time").unwrap(), "20");
}
