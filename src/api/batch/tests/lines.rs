//! Lines of output and error files, as real servers write them.

use reqwest::header::{HeaderMap, HeaderValue};

use crate::api::batch::line::{custom_id, reply};
use crate::outcome::{Answer, Fault, FaultKind, Usage};

const BODY: &str = r#"{"id":"chatcmpl-7","choices":[{"message":{"content":"Hallo","role":"assistant"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7},"model":"qwen-plus"}"#;

fn answer(line: &str) -> Answer {
    reply(line.as_bytes(), HeaderMap::new(), 1).expect("an answer")
}

fn fault(line: &str) -> Fault {
    let fault = reply(line.as_bytes(), HeaderMap::new(), 1).expect_err("a fault");
    assert_eq!(fault.usage, Some(Usage::NOTHING), "only answers are paid for: {line}");
    fault
}

#[test]
fn an_answer_is_judged_like_a_live_one() {
    let line = format!(
        r#"{{"id":"1","custom_id":"r1","response":{{"status_code":200,"request_id":"q-1","body":{BODY}}},"error":null}}"#
    );
    let read = answer(&line);
    assert_eq!((read.response.as_deref(), read.usage), (Some("Hallo"), Some(Usage::of(5, 2))));
    assert_eq!(read.request_id.as_deref(), Some("q-1"));
    assert_eq!(custom_id(line.as_bytes()).as_deref(), Some("r1"));
    let cut = line.replace("\"stop\"", "\"length\"");
    assert_eq!(answer(&cut).finish_reason.as_deref(), Some("length"));
    let empty = line.replace("Hallo", "");
    let empty = reply(empty.as_bytes(), HeaderMap::new(), 1).expect_err("no text");
    assert_eq!((empty.code.as_str(), empty.usage), ("empty_answer", Some(Usage::of(5, 2))));
}

#[test]
fn a_body_may_be_a_text_that_holds_the_json() {
    let text = serde_json::to_string(BODY).expect("JSON");
    let line = format!(r#"{{"custom_id":7,"response":{{"status_code":"200","body":{text}}}}}"#);
    assert_eq!(answer(&line).response.as_deref(), Some("Hallo"));
    assert_eq!(custom_id(line.as_bytes()).as_deref(), Some("7"));
    // An error object without content is none.
    let line =
        format!(r#"{{"custom_id":"7","response":{{"body":{text}}},"error":{{"code":null,"message":""}}}}"#);
    assert_eq!(answer(&line).response.as_deref(), Some("Hallo"));
}

#[test]
fn a_failed_request_is_judged_by_its_own_status_and_words() {
    let bad = fault(
        r#"{"custom_id":"1","response":{"status_code":400,"body":{"error":{"code":"invalid_parameter_error","message":"temperature"}}}}"#,
    );
    assert_eq!((bad.kind, bad.status), (FaultKind::RowRefused, Some(400)));
    let outer = fault(
        r#"{"custom_id":"1","response":{"status_code":400,"body":null},"error":{"code":"DataInspectionFailed","message":"Input data may contain inappropriate content."}}"#,
    );
    assert_eq!((outer.kind, outer.code.as_str()), (FaultKind::RowRefused, "DataInspectionFailed"));
    let native = fault(
        r#"{"custom_id":"1","response":{"status_code":429,"body":{"code":"Throttling.RateQuota","message":"slow"}},"error":null}"#,
    );
    assert_eq!(native.kind, FaultKind::Throttled);
    let server = fault(r#"{"custom_id":"1","response":{"status_code":500,"body":{}},"error":null}"#);
    assert_eq!((server.kind, server.status), (FaultKind::Transient, Some(500)));
}

#[test]
fn an_error_without_a_response_is_judged_by_its_code() {
    let bare = fault(
        r#"{"custom_id":"1","response":null,"error":{"type":"invalid_request_error","message":"temperature is above 2"}}"#,
    );
    assert_eq!((bare.kind, bare.status), (FaultKind::RowRefused, None));
    assert_eq!(bare.message, "temperature is above 2");
    let odd = fault(r#"{"custom_id":"1","error":{"code":"SomethingNew","message":"?"}}"#);
    assert_eq!(odd.kind, FaultKind::Transient);
    let nothing = fault(r#"{"custom_id":"1"}"#);
    assert_eq!(nothing.kind, FaultKind::Transient);
}

#[test]
fn a_request_that_the_batch_did_not_reach_costs_nothing_and_passes() {
    for (code, known) in [
        ("batch_expired", "batch_expired"),
        ("batch_cancelled", "batch_cancelled"),
        ("batch_canceled", "batch_cancelled"),
    ] {
        let line = format!(
            r#"{{"custom_id":"1","response":null,"error":{{"code":"{code}","message":"too late"}}}}"#
        );
        let fault = fault(&line);
        assert_eq!((fault.kind, fault.code.as_str()), (FaultKind::Transient, known));
    }
}

#[test]
fn a_line_that_is_no_json_has_no_id_and_no_reply() {
    assert_eq!(custom_id(b"Batch processing completed"), None);
    assert_eq!(custom_id(b"{\"custom_id\":null}"), None);
    assert!(reply(b"{\"custom_id\":\"1\",", HeaderMap::new(), 1).is_err());
}

#[test]
fn a_null_end_is_a_cut_where_the_service_is_the_vendor_s() {
    let line = format!(
        r#"{{"custom_id":"1","response":{{"status_code":200,"body":{}}}}}"#,
        BODY.replace("\"stop\"", "null")
    );
    assert_eq!(answer(&line).response.as_deref(), Some("Hallo"));
    let headers =
        HeaderMap::from_iter([("x-dashscope-batch".parse().expect("a name"), HeaderValue::from_static("1"))]);
    let cut = reply(line.as_bytes(), headers, 1).expect_err("cut");
    assert_eq!(cut.kind, FaultKind::CutByServer);
}
