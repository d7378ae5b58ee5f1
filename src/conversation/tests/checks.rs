//! Answers that do not pass the checks: the next request, and the result of the row.

use super::*;
use crate::checks::Checks;
use crate::conversation::kept::KeptAnswer;
use crate::job::split::OnMismatch;
use crate::request::AnswerSource;

fn rules(repair: u32) -> ConversationRules {
    let checks = Checks { placeholders: true, ..Checks::default() };
    ConversationRules { checks, repair, ..ConversationRules::default() }
}

fn asked(text: &str) -> ChatRequest {
    let source = AnswerSource { text: text.to_owned(), several: false };
    ChatRequest { source: Some(Arc::new(source)), ..first(json!({})) }
}

fn ask(turn: Turn) -> (Step, ChatRequest) {
    match turn {
        Turn::Ask(step, request) => (step, *request),
        other => panic!("{other:?}"),
    }
}

fn answered(turn: Turn) -> Answer {
    match turn {
        Turn::Answered(answer) => answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_try_shows_the_last_answer_alone_and_a_kill_between_two_continues_with_the_same_request() {
    let first = asked("{x} and {y}");
    let (one, request) = ask(rules(2).after(&first, &[], answer_of("{x}")));
    let turns = body(&request)["messages"].clone();
    assert_eq!(turns.as_array().map(Vec::len), Some(3));
    assert_eq!(turns[1]["content"], "{x}");
    let (two, request) = ask(rules(2).after(&first, std::slice::from_ref(&one), answer_of("{y}")));
    let turns = body(&request)["messages"].clone();
    assert_eq!(turns.as_array().map(Vec::len), Some(3));
    assert!(turns[2]["content"].as_str().expect("words").contains("placeholders: `{x}` is missing"));
    let steps = [one, two];
    let Resumed::Ask(again) = rules(2).resume(&first, &steps) else { panic!("a request") };
    assert_eq!(again.body, request.body);
    assert!(request.estimate.prompt_tokens > first.estimate.prompt_tokens);
    assert_eq!(answered(rules(2).after(&first, &steps, answer_of("{y}{x}"))).warnings, [""; 0]);
    let fault = failed(rules(2).after(&first, &steps, answer_of("no")));
    assert_eq!(
        (fault.code.as_str(), fault.message.as_str()),
        ("check_failed", "placeholders: `{x}` is missing, `{y}` is missing")
    );
    assert_eq!(fault.unfit_answer().and_then(|answer| answer.response.as_deref()), Some("no"));
}

#[test]
fn a_model_that_takes_one_message_and_a_piece_are_asked_the_same_again() {
    let first = ChatRequest { single_turn: true, ..asked("{x}") };
    let (step, request) = ask(rules(1).after(&first, &[], answer_of("no")));
    assert_eq!(request.body, first.body);
    failed(rules(1).after(&first, &[step], answer_of("no")));

    // A piece is halved in the second try as in the first.
    let piece = "Go {x}\n\nand stay";
    let message = json!({ "messages": [{ "role": "user", "content": piece }] });
    let first =
        ChatRequest { piece: Some(piece.into()), source: asked(piece).source, ..self::first(message) };
    let split = ConversationRules { on_mismatch: Some(OnMismatch::Split), ..rules(1) };
    let split = ConversationRules {
        checks: Checks { keep: vec![crate::checks::Keep::new("stay").unwrap()], ..split.checks },
        ..split
    };
    let mut steps = Vec::new();
    for text in ["one paragraph {x}", "Go {x}", "and leave", "one paragraph {x}", "Go {x}"] {
        let (step, _) = ask(split.after(&first, &steps, answer_of(text)));
        steps.push(step);
    }
    assert_eq!(
        steps.iter().map(|step| step.asks).collect::<Vec<_>>(),
        [Asks::Halve, Asks::Part, Asks::Check, Asks::Halve, Asks::Part]
    );
    let answer = answered(split.after(&first, &steps, answer_of("and stay")));
    assert_eq!(answer.response.as_deref(), Some("Go {x}\n\nand stay"));
}

#[test]
fn with_flag_an_answer_is_accepted_with_what_it_lacks_once_it_was_asked_again() {
    let flag = ConversationRules { flags: true, ..rules(1) };
    let (step, _) = ask(flag.after(&asked("{x}"), &[], answer_of("no")));
    let answer = answered(flag.after(&asked("{x}"), &[step], answer_of("no")));
    assert_eq!(answer.warnings, ["placeholders: `{x}` is missing"]);
    let kept = KeptAnswer { response: Some("no".to_owned()), ..KeptAnswer::default() };
    let source = asked("{x}").source;
    assert_eq!(flag.verdict(&kept, source.as_deref()), Ok(answer.warnings));
    assert_eq!(rules(1).verdict(&kept, source.as_deref()).unwrap_err().code, "check_failed");
    assert_eq!(rules(1).verdict(&kept, None), Ok(Vec::new()), "nothing is known of its source");
    assert_ne!(flag.key(), rules(1).key());
    assert_eq!(rules(1).key(), rules(0).key(), "how often it is asked decides nothing about an answer");
}

#[test]
fn calls_of_tools_are_not_checked_and_of_several_texts_each_is() {
    let calls = called(json!([call("look", "{}")]));
    assert_eq!(answered(rules(0).after(&asked("{x}"), &[], calls.clone())), calls);
    let kept = KeptAnswer { calls_tools: true, ..KeptAnswer::default() };
    assert_eq!(rules(0).verdict(&kept, asked("{x}").source.as_deref()), Ok(Vec::new()));

    let source = AnswerSource { text: "{x}".to_owned(), several: true };
    let several = ChatRequest { source: Some(Arc::new(source)), ..first(json!({ "n": 2 })) };
    answered(rules(0).after(&several, &[], answer_of(r#"["a {x}", "{x} b"]"#)));
    failed(rules(0).after(&several, &[], answer_of(r#"["a {x}", "b"]"#)));
    failed(rules(0).after(&several, &[], answer_of(r#"["a {x}", null]"#)));
}

#[test]
fn a_cut_answer_that_is_kept_is_checked_like_any_other() {
    let cut = Answer { finish_reason: Some("length".to_owned()), ..answer_of("half of") };
    assert_eq!(failed(rules(0).after(&asked("{x}"), &[], cut.clone())).code, "check_failed");
    answered(rules(0).after(&asked("x"), &[], cut));
}
