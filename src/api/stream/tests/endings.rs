//! How a stream ends: errors inside it, a cut, and an end without its mark.

use super::*;

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
