//! Every kind of reply, with its literal body.

use super::*;

fn said(status: u16, body: &str) -> Fault {
    judge(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes(), SystemTime::now())
        .expect_err("a fault")
}

fn openai(code: &str, message: &str) -> String {
    serde_json::json!({"error": {"message": message, "type": code, "param": null, "code": code}, "request_id": "r-1"})
        .to_string()
}

#[test]
fn every_error_of_the_api_is_judged_by_status_code_and_message_together() {
    let input_length =
        "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 991808]";
    let capacity = "<503> InternalError.Algo: An error occurred in model serving, error message is: [Too many requests. \
                    Your requests are being throttled due to system capacity limits. Please try again later.]";
    for (status, code, message, kind) in [
        (400, "invalid_parameter_error", "some parameter", RowRefused),
        (
            400,
            "invalid_parameter_error",
            "parameter.enable_thinking must be set to false for non-streaming calls",
            JobRefused,
        ),
        (
            400,
            "invalid_parameter_error",
            "This model only support stream mode, please enable the stream parameter to access the model. ",
            JobRefused,
        ),
        (400, "invalid_parameter_error", input_length, RowRefused),
        (400, "data_inspection_failed", "Input data may contain inappropriate content.", RowRefused),
        (400, "DataInspectionFailed", "Output data may contain inappropriate content.", RowRefused),
        (400, "IPInfringementSuspect", "x", RowRefused),
        (400, "Arrearage", "Access denied, please make sure your account is in good standing.", JobRefused),
        (400, "BadRequest.TooLarge", "Exceeded limit on max bytes to request body : 6291456", RowRefused),
        (
            400,
            "InvalidParameter.NotSupportEnableThinking",
            "The model xxx does not support enable_thinking.",
            JobRefused,
        ),
        (400, "x", "The value of the enable_thinking parameter is restricted to True.", JobRefused),
        (400, "x", "Model not exist.", JobRefused),
        (400, "x", "File parsing in progress, please try again later.", Passing),
        (400, "x", "Role must be user or assistant and ServiceUnavailableError", RowRefused),
        (400, "x", "暂时不支持当前设置的语种！", RowRefused),
        (401, "invalid_api_key", "Incorrect API key provided.", JobRefused),
        (401, "InvalidApiKey", "NOT AUTHORIZED", JobRefused),
        (403, "access_denied", "Access to model denied", JobRefused),
        (403, "AccessDenied.Unpurchased", "x", JobRefused),
        (403, "Endpoint.AccessDenied", "x", JobRefused),
        (403, "AllocationQuota.FreeTierOnly", "The free tier of the model has been exhausted.", JobRefused),
        (400, "x", "The free tier of the model has been exhausted.", JobRefused),
        (403, "insufficient_quota", "free quota used up", JobRefused),
        (404, "model_not_found", "The model xxx does not exist or you do not have access to it.", JobRefused),
        (404, "ModelNotFound", "x", JobRefused),
        (404, "model_not_supported", "Unsupported model xxx for OpenAI compatibility mode.", JobRefused),
        (408, "RequestTimeOut", "x", Passing),
        (413, "x", "x", RowRefused),
        (429, "limit_requests", "You have exceeded your current request limit.", Throttled),
        (
            429,
            "insufficient_quota",
            "You exceeded your current quota, please check your plan and billing details.",
            Throttled,
        ),
        (429, "insufficient_quota", "Allocated quota exceeded, please increase your quota limit.", Throttled),
        (429, "limit_burst_rate", "Request rate increased too quickly.", Throttled),
        (429, "Throttling.AllocationQuota", "x", Throttled),
        (429, "Throttling.Concurrency", "Too many concurrent requests", Throttled),
        (429, "ResourceExhausted", "x", Throttled),
        (429, "CommodityNotPurchased", "x", JobRefused),
        (429, "PrepaidBillOverdue", "x", JobRefused),
        (429, "PostpaidBillOverdue", "x", JobRefused),
        (429, "x", "Free allocated quota exceeded.", JobRefused),
        (429, "x", "week allocated quota exceeded", JobRefused),
        (500, "internal_error", "x", Passing),
        (500, "InternalError.Algo", "inference internal error.", Passing),
        (500, "InternalError.Algo", "Role must be in [user, assistant]", RowRefused),
        (500, "InternalError.Algo", "list index out of range", RowRefused),
        (500, "InternalError.Algo", "Expecting ',' delimiter: line 1 column 5", RowRefused),
        (500, "InternalError.Algo", "'NoneType' object is not iterable", RowRefused),
        (500, "InternalError.Timeout", "Request timed out, please try again later.", Passing),
        (500, "ServiceUnavailable", capacity, Throttled),
        (503, "ServiceUnavailable", capacity, Throttled),
        (503, "ModelUnavailable", "x", Passing),
        (503, "ModelServingError", "x", Passing),
        (502, "x", "Bad Gateway", Passing),
        (504, "x", "x", Passing),
    ] {
        let fault = said(status, &openai(code, message));
        assert_eq!(fault.kind, kind, "{status} {code}: {message}");
        assert_eq!((fault.code.as_str(), fault.message.as_str()), (code, message));
        assert_eq!(fault.request_id.as_deref(), Some("r-1"));
    }
}

#[test]
fn errors_without_a_body_in_the_native_form_and_as_plain_text_are_judged_too() {
    assert_eq!(said(429, "").kind, Throttled);
    assert_eq!(said(404, "").message, "Not Found: is base_url right?");
    assert_eq!(said(404, "").kind, JobRefused);
    let native = said(400, r#"{"code":"Arrearage","message":"overdue","request_id":"r-2"}"#);
    assert_eq!((native.kind, native.request_id.as_deref()), (JobRefused, Some("r-2")));
    let plain = said(503, "upstream connect error");
    assert_eq!((plain.kind, plain.message.as_str()), (Passing, "upstream connect error"));
    assert_eq!(said(422, r#"{"error":"bad field"}"#).message, "bad field");
}

fn with_header(name: &'static str, value: &str, status: u16, body: &str) -> Reply {
    let mut headers = HeaderMap::new();
    headers.insert(name, value.parse().unwrap());
    judge(StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes(), SystemTime::now())
}

#[test]
fn a_redirect_is_not_followed_and_says_where_it_led() {
    let fault = with_header("location", "https://elsewhere.example/", 301, "").expect_err("a fault");
    assert_eq!(fault.kind, JobRefused);
    assert!(fault.message.contains("elsewhere.example"));
    assert_eq!(
        with_header("location", "https://login.example/", 302, "").expect_err("a fault").kind,
        Passing
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
    judge(StatusCode::OK, &HeaderMap::new(), body.as_bytes(), SystemTime::now())
}

#[test]
fn an_answer_is_read_with_its_usage_and_request_id() {
    let answer =
        answered(&completion(serde_json::json!({"role": "assistant", "content": "Hi"}), "stop".into()))
            .unwrap();
    assert_eq!(answer.response.as_deref(), Some("Hi"));
    assert_eq!(answer.request_id.as_deref(), Some("abc"));
    let usage = answer.usage.unwrap();
    assert_eq!((usage.total_tokens, usage.cached_tokens, usage.reasoning_tokens), (10, Some(4), None));
    let calls = serde_json::json!({"content": "", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]});
    let answer = answered(&completion(calls, "tool_calls".into())).unwrap();
    assert_eq!(answer.response, None);
    assert!(answer.tool_calls.unwrap().starts_with("[{\"id\":\"c\""));
}

#[test]
fn a_reply_without_an_answer_is_no_success_and_its_tokens_count() {
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
        let fault = answered(&completion(message, finish)).expect_err("a fault");
        assert_eq!(fault.kind, kind);
        assert_eq!(fault.usage.map(|usage| usage.total_tokens), Some(10));
        assert!(fault.evidence.is_some());
    }
    assert_eq!(answered("{}").expect_err("a fault").kind, FaultKind::Unusable);
    assert_eq!(answered("not JSON").expect_err("a fault").kind, FaultKind::Unusable);
    let cut = completion(serde_json::json!({"content": "half"}), "stop".into());
    let fault = with_header("x-dashscope-partialresponse", "true", 200, &cut).expect_err("a fault");
    assert_eq!(fault.code, "cut_by_server");
    assert_eq!(with_header("content-type", "text/html", 200, "<html>").expect_err("a fault").kind, Passing);
}

#[test]
fn of_an_answer_that_the_server_cut_there_is_what_there_is() {
    let message = serde_json::json!({"content": "half an ans", "reasoning_content": "hm"});
    let partial = |fault: Fault| fault.partial.expect("a part");
    let cut = partial(answered(&completion(message.clone(), Value::Null)).expect_err("a fault"));
    assert_eq!((cut.response.as_deref(), cut.reasoning.as_deref()), (Some("half an ans"), Some("hm")));
    assert_eq!(cut.usage.map(|usage| usage.total_tokens), Some(10));
    let said_stop = completion(message, "stop".into());
    let cut =
        partial(with_header("x-dashscope-partialresponse", "true", 200, &said_stop).expect_err("a fault"));
    assert_eq!(cut.response.as_deref(), Some("half an ans"));
    let empty = completion(serde_json::json!({"content": ""}), "stop".into());
    assert_eq!(answered(&empty).expect_err("a fault").partial, None);
}

#[test]
fn several_choices_are_all_kept() {
    let body =
        r#"{"choices":[{"message":{"content":"a"},"finish_reason":"stop"},{"message":{"content":"b"}}]}"#;
    assert_eq!(answered(body).unwrap().response.as_deref(), Some(r#"["a","b"]"#));
}

#[test]
fn an_error_inside_a_200_is_an_error() {
    let fault = said(200, &openai("invalid_api_key", "Incorrect API key provided."));
    assert_eq!(fault.kind, JobRefused);
    assert_eq!(said(200, &openai("odd", "odd")).kind, FaultKind::Unusable);
}
