//! How rows continue.

mod checks;
mod pieces;

use serde_json::{Value, json};

use super::*;
use crate::outcome::Usage;
use crate::request::{Estimate, Fingerprint};

fn first(fields: Value) -> ChatRequest {
    let mut body = json!({ "model": "qwen-plus", "messages": [{ "role": "user", "content": "Go" }] });
    for (key, value) in fields.as_object().expect("fields") {
        body[key] = value.clone();
    }
    ChatRequest {
        estimate: Estimate { prompt_tokens: 10, max_completion_tokens: 100, unbounded: false },
        may_continue: true,
        ..ChatRequest::of_body(body.to_string().into_bytes(), Fingerprint([7; 16]))
    }
}

fn answer_of(text: &str) -> Answer {
    let usage = Usage { total_tokens: Some(9), ..Usage::default() };
    Answer { response: Some(text.to_owned()), usage: Some(usage), ..Answer::default() }
}

fn called(calls: Value) -> Answer {
    Answer { tool_calls: Some(calls.to_string()), finish_reason: Some("tool_calls".into()), ..answer_of("") }
}

fn call(name: &str, arguments: &str) -> Value {
    json!({ "id": "c1", "index": 0, "type": "function", "function": { "name": name, "arguments": arguments } })
}

fn with_tools() -> ConversationRules {
    ConversationRules { tools: ["look".to_owned()].into(), max_rounds: 2, ..ConversationRules::default() }
}

fn with_schema() -> ConversationRules {
    let text = r#"{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}"#;
    let schema = AnswerSchema::parse(text, "a.json").expect("a schema");
    ConversationRules { schema: Some(Arc::new(schema)), repair: 1, ..ConversationRules::default() }
}

fn body(request: &ChatRequest) -> Value {
    serde_json::from_slice(&request.body).expect("JSON")
}

fn failed(turn: Turn) -> Fault {
    match turn {
        Turn::Failed(fault) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn without_commands_a_call_of_the_model_is_the_answer() {
    let answer = called(json!([call("look", "{}")]));
    let turn = ConversationRules::default().after(&first(json!({})), &[], answer.clone());
    assert!(matches!(turn, Turn::Answered(one) if one == answer));
}

#[test]
fn the_results_of_tools_follow_the_turn_that_called_them() {
    let rules = with_tools();
    let forced = json!({ "type": "function", "function": { "name": "look" } });
    let first = first(json!({ "tool_choice": forced }));
    let calls = json!([call("look", "{\"at\":1}"), { "function": { "name": "look", "arguments": "" } }]);
    let Turn::Call(step, calls) = rules.after(&first, &[], called(calls)) else { panic!("calls") };
    assert_eq!((calls[0].arguments.as_str(), calls[1].arguments.as_str()), ("{\"at\":1}", "{}"));
    assert_eq!(calls[1].id, "call_2", "a call without an id gets one");
    let done = Step { results: vec!["up".into(), "down".into()], ..step.clone() };
    assert!(matches!(rules.resume(&first, &[step]), Resumed::Call(again) if again == calls));
    let Resumed::Ask(request) = rules.resume(&first, &[done]) else { panic!("a request") };
    let body = body(&request);
    assert_eq!(body["messages"][1]["tool_calls"][0]["function"]["arguments"], "{\"at\":1}");
    assert_eq!(body["messages"][2], json!({ "role": "tool", "tool_call_id": "c1", "content": "up" }));
    assert_eq!(body["messages"][3]["tool_call_id"], "call_2");
    assert_eq!(body["messages"].as_array().map(Vec::len), Some(4));
    assert_eq!(body.get("tool_choice"), None, "a call forced in every round would be made for ever");
    assert_eq!(request.fingerprint, first.fingerprint);
    assert!(request.estimate.prompt_tokens > 10);
}

#[test]
fn a_next_request_beyond_64_mib_is_not_made() {
    let first = first(json!({}));
    let step = |bytes: usize| {
        let answer = called(json!([call("look", "{}")]));
        Step { asks: Asks::Tools, answer, results: vec!["x".repeat(bytes)] }
    };
    assert!(body::next(&first, &[step(63 << 20)]).is_ok());
    let fault = body::next(&first, &[step(33 << 20), step(33 << 20)]).expect_err("too long");
    assert!(fault.contains("grown to 66 MiB"), "{fault}");
}

#[test]
fn calls_that_cannot_be_run_fail_the_row_and_say_why() {
    let rules = with_tools();
    let first = first(json!({}));
    for (calls, code, part) in [
        (json!([call("fly", "{}")]), "unknown_tool", "commands are look"),
        (json!([call("look", "{\"at\":")]), "bad_tool_arguments", "not JSON"),
        (json!([{ "id": "c1", "function": {} }]), "bad_tool_call", "names no function"),
    ] {
        let fault = failed(rules.after(&first, &[], called(calls)));
        assert_eq!(fault.code, code);
        assert!(fault.message.contains(part), "{}", fault.message);
        assert_eq!(fault.usage.and_then(|usage| usage.total_tokens), Some(9), "it was paid for");
    }
    let many = vec![call("look", "{}"); MOST_CALLS + 1];
    assert_eq!(failed(rules.after(&first, &[], called(json!(many)))).code, "too_many_calls");
    assert!(matches!(rules.after(&first, &[], called(json!(many[1..]))), Turn::Call(..)));
    let round =
        Step { answer: called(json!([call("look", "{}")])), asks: Asks::Tools, results: vec!["x".into()] };
    let rounds = vec![round.clone(); 2];
    assert_eq!(failed(rules.after(&first, &rounds, round.answer)).code, "max_rounds");
}

#[test]
fn an_answer_that_breaks_the_schema_is_requested_again_with_the_fault() {
    let (rules, first) = (with_schema(), first(json!({})));
    assert!(matches!(rules.after(&first, &[], answer_of("{\"a\":1}")), Turn::Answered(_)));
    let Turn::Ask(step, request) = rules.after(&first, &[], answer_of("{\"a\":\"x\"}")) else {
        panic!("asks")
    };
    let messages = body(&request)["messages"].clone();
    assert_eq!(messages[1], json!({ "role": "assistant", "content": "{\"a\":\"x\"}" }));
    let ask = messages[2]["content"].as_str().expect("text");
    assert!(ask.contains(&step.results[0]) && ask.contains("JSON"), "{ask}");
    assert!(matches!(
        rules.after(&first, std::slice::from_ref(&step), answer_of("{\"a\":2}")),
        Turn::Answered(_)
    ));
    let fault = failed(rules.after(&first, &[step], answer_of("no")));
    assert_eq!(fault.code, "schema_violation");
    assert_eq!(fault.unfit_answer().and_then(|answer| answer.response.as_deref()), Some("no"), "it is kept");
}

#[test]
fn a_cut_answer_is_kept_failed_or_requested_once_with_more_room() {
    let cut = || Answer { finish_reason: Some("length".into()), ..answer_of("half") };
    let small = || ChatRequest { longest_answer: Some(300), ..first(json!({ "max_tokens": 100 })) };
    let rules = |on_length| ConversationRules { on_length, ..ConversationRules::default() };
    assert!(matches!(rules(OnLength::Keep).after(&small(), &[], cut()), Turn::Answered(_)));
    assert_eq!(failed(rules(OnLength::Fail).after(&small(), &[], cut())).code, "length");
    let grow = rules(OnLength::Grow);
    let Turn::Ask(step, request) = grow.after(&small(), &[], cut()) else { panic!("asks") };
    assert_eq!(body(&request)["max_tokens"], 300, "no more than the model's longest answer");
    assert_eq!(request.estimate.max_completion_tokens, 300, "caps set the larger answer aside");
    assert!(matches!(grow.after(&small(), &[step], cut()), Turn::Answered(_)), "once");
    assert!(matches!(grow.after(&first(json!({})), &[], cut()), Turn::Answered(_)), "it was the longest");
}

#[test]
fn an_answer_that_the_service_cut_is_streamed_then_continued_then_fails() {
    let (rules, first) = (ConversationRules::default(), first(json!({})));
    let streamed = ChatRequest { stream: true, ..first.clone() };
    let half = answer_of("one ");
    assert!(matches!(rules.cut(&first, &[], &first, Some(&half)), Cut::ByStream));
    let Cut::Rest(step, request) = rules.cut(&first, &[], &streamed, Some(&half)) else { panic!("rest") };
    let expected = json!({ "role": "assistant", "content": "one ", "partial": true });
    assert_eq!(body(&request)["messages"][1], expected);
    let steps = [*step];
    let Cut::Rest(second, request) = rules.cut(&first, &steps, &streamed, Some(&answer_of("two "))) else {
        panic!("rest")
    };
    assert_eq!(body(&request)["messages"][1]["content"], "one two ");
    assert_eq!(body(&request)["messages"].as_array().map(Vec::len), Some(2));
    let steps = [steps[0].clone(), *second];
    let Turn::Answered(answer) = rules.after(&first, &steps, answer_of("three")) else { panic!("answered") };
    assert_eq!(answer.response.as_deref(), Some("one two three"));
    let cannot = ChatRequest { may_continue: false, ..first.clone() };
    assert!(matches!(rules.cut(&cannot, &[], &streamed, Some(&half)), Cut::Failed));
    assert!(matches!(rules.cut(&first, &[], &streamed, None), Cut::Failed));
    let whole = ConversationRules { transport: Transport::Whole, ..ConversationRules::default() };
    assert!(matches!(whole.cut(&first, &[], &first, Some(&half)), Cut::Rest(..)));
}

#[test]
fn pieces_of_a_cut_answer_are_not_turns_once_the_row_continues_in_another_way() {
    let first = first(json!({ "max_tokens": 100 }));
    let piece = Step { answer: answer_of("{\"a\":"), asks: Asks::Continue, results: vec![] };
    let Turn::Ask(_, request) =
        with_schema().after(&first, std::slice::from_ref(&piece), answer_of("\"x\"}"))
    else {
        panic!("asks")
    };
    let roles = |request: &ChatRequest| -> Vec<String> {
        let body = body(request);
        let turns = body["messages"].as_array().expect("turns");
        turns.iter().map(|turn| turn["role"].as_str().expect("a role").to_owned()).collect()
    };
    assert_eq!(roles(&request), ["user", "assistant", "user"]);
    assert_eq!(body(&request)["messages"][1], json!({ "role": "assistant", "content": "{\"a\":\"x\"}" }));

    let grow = ConversationRules { on_length: OnLength::Grow, ..ConversationRules::default() };
    let cut = Answer { finish_reason: Some("length".into()), ..answer_of("two") };
    let Turn::Ask(step, request) = grow.after(&first, std::slice::from_ref(&piece), cut) else {
        panic!("asks")
    };
    assert_eq!(roles(&request), ["user"], "the whole answer is asked for anew");
    let Turn::Answered(answer) = grow.after(&first, &[piece, step], answer_of("one two three")) else {
        panic!("answered")
    };
    assert_eq!(answer.response.as_deref(), Some("one two three"));
}

#[test]
fn a_larger_answer_is_set_aside_for_each_of_several_choices() {
    let grow = ConversationRules { on_length: OnLength::Grow, ..ConversationRules::default() };
    let first = ChatRequest {
        estimate: Estimate { prompt_tokens: 10, max_completion_tokens: 200, unbounded: false },
        ..first(json!({ "max_tokens": 100, "n": 2 }))
    };
    let cut = Answer { finish_reason: Some("length".into()), ..answer_of("half") };
    let Turn::Ask(_, request) = grow.after(&first, &[], cut) else { panic!("asks") };
    assert_eq!(request.estimate.max_completion_tokens, 800);
}

#[test]
fn a_row_that_was_cut_continues_as_a_stream_after_a_kill_too() {
    let (rules, first) = (ConversationRules::default(), first(json!({})));
    let step = |asks| [Step { answer: answer_of("one "), asks, results: vec!["a fault".into()] }];
    let streams = |rules: &ConversationRules, asks| match rules.resume(&first, &step(asks)) {
        Resumed::Ask(request) => request.stream,
        other => panic!("{other:?}"),
    };
    assert!(streams(&rules, Asks::Continue) && !streams(&rules, Asks::Repair));
    let whole = ConversationRules { transport: Transport::Whole, ..ConversationRules::default() };
    assert!(!streams(&whole, Asks::Continue));
}

#[test]
fn a_pack_whose_answer_was_not_used_is_no_turn_of_a_row() {
    let first = first(json!({}));
    let alone = Step {
        answer: answer_of("[[1]] a"),
        asks: Asks::Alone,
        results: vec!["pack_marks".into(), "marks".into()],
    };
    let steps = [alone.clone()];
    let rules = with_schema();
    let resumed = match rules.resume(&first, &steps) {
        Resumed::Ask(request) => *request,
        other => panic!("{other:?}"),
    };
    assert_eq!((resumed.body, resumed.fingerprint), (first.body.clone(), first.fingerprint));
    let Turn::Ask(repair, request) = rules.after(&first, &steps, answer_of("no JSON")) else { panic!() };
    assert_eq!(repair.asks, Asks::Repair);
    assert_eq!(
        body(&request)["messages"].as_array().expect("turns").len(),
        3,
        "its question, answer and repair"
    );
    let Resumed::Ask(again) = rules.resume(&first, &[alone, repair]) else { panic!() };
    assert_eq!(body(&again), body(&request));
}
