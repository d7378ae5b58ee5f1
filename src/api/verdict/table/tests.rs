//! A line for every code and message of the API, with its literal body where a source has one.

use std::time::SystemTime;

use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::super::judge;
use super::*;
use crate::outcome::Fault;

/// The fault that a body under a status is judged to be.
fn fault(status: u16, body: &str) -> Fault {
    let status = StatusCode::from_u16(status).expect("a status");
    judge(status, &HeaderMap::new(), body.as_bytes(), SystemTime::now(), 0).expect_err("a fault")
}

/// An error body in OpenAI's form, with the same word for type and code.
fn openai(code: &str, message: &str) -> String {
    let error = serde_json::json!({"message": message, "type": code, "param": null, "code": code});
    serde_json::json!({"error": error, "id": "chatcmpl-0b5c", "request_id": "0b5c"}).to_string()
}

/// An error body in DashScope's own form.
fn native(code: &str, message: &str) -> String {
    serde_json::json!({"code": code, "message": message, "request_id": "0b5c"}).to_string()
}

/// Bodies as they were seen on the wire.
#[rustfmt::skip]
const LITERAL: &[(u16, &str, FaultKind, Option<&str>)] = &[
    (400, r#"{"error":{"code":"invalid_parameter_error","param":null,"message":"parameter.enable_thinking must be set to false for non-streaming calls","type":"invalid_request_error"},"id":"chatcmpl-1","request_id":"1"}"#, JobRefused, Some("enable_thinking")),
    (400, r#"{"error":{"code":"data_inspection_failed","param":null,"message":"Input data may contain inappropriate content.","type":"data_inspection_failed"},"id":"chatcmpl-1","request_id":"1"}"#, RowRefused, Some("messages")),
    (401, r#"{"error":{"message":"Incorrect API key provided. For details, see: https://help.aliyun.com/zh/model-studio/error-code#apikey-error","type":"invalid_request_error","param":null,"code":"invalid_api_key"},"request_id":"1"}"#, JobRefused, None),
    (403, r#"{"error":{"message":"The free tier of the model has been exhausted. If you wish to continue access the model on a paid basis, please disable the \"use free tier only\" mode in the management console.","type":"AllocationQuota.FreeTierOnly","param":null,"code":"AllocationQuota.FreeTierOnly"},"id":"chatcmpl-1","request_id":"1"}"#, JobRefused, None),
    (429, r#"{"error":{"message":"You have exceeded your current request limit. For details, see: https://help.aliyun.com/zh/model-studio/error-code#rate-limit","type":"limit_requests","code":"limit_requests"}}"#, Throttled, None),
    (429, r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details. For details, see: https://help.aliyun.com/zh/model-studio/error-code#token-limit","type":"insufficient_quota","param":"insufficient_quota","code":"insufficient_quota"}}"#, Throttled, None),
    (429, r#"{"error":{"code":"insufficient_quota","message":"Allocated quota exceeded, please increase your quota limit."}}"#, Throttled, None),
    (429, r#"{"error":{"code":"limit_burst_rate","message":"Request rate increased too quickly. To ensure system stability, please adjust your client logic to scale requests more smoothly over time."}}"#, Throttled, None),
    (500, r#"{"error":{"code":"ServiceUnavailable","message":"<503> InternalError.Algo: An error occurred in model serving, error message is: [Too many requests. Your requests are being throttled due to system capacity limits. Please try again later.]","type":"ServiceUnavailable"}}"#, Throttled, None),
    (503, r#"{"error":{"code":"ServiceUnavailable","message":"<503> InternalError.Algo: An error occurred in model serving, error message is: [Too many requests. Your requests are being throttled due to system capacity limits. Please try again later.]","type":"ServiceUnavailable"}}"#, Throttled, None),
    (429, "", Throttled, None),
    (404, "", JobRefused, None),
];

/// Every other code and message, in the order of the vendor's table.
#[rustfmt::skip]
const CASES: &[(u16, &str, &str, FaultKind, Option<&str>)] = &[
    // Over a limit.
    (429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later.", Throttled, None),
    (429, "LimitRequests", "You exceeded your current requests list.", Throttled, None),
    (429, "Throttling.AllocationQuota", "Allocated quota exceeded, please increase your quota limit.", Throttled, None),
    (429, "Throttling.BurstRate", "Request rate increased too quickly.", Throttled, None),
    (429, "Throttling.Concurrency", "Too many concurrent requests", Throttled, None),
    (429, "Throttling", "Too many requests in route. Please try again later.", Throttled, None),
    (429, "ResourceExhausted", "x", Throttled, None),
    (429, "x", "Batch requests are being throttled due to system capacity limits", Throttled, None),
    (500, "ServiceUnavailable", "x", Throttled, None),
    (500, "InternalError.Algo", "<429> InternalError.Algo: x", Throttled, None),
    (400, "x", "<503> InternalError.Algo: Too many requests.", Throttled, None),
    (400, "Throttling.RateQuota", "x", Throttled, None),
    // Errors with status 429 that waiting does not end.
    (400, "budget_exceeded", "Budget has been exceeded! Current cost: 10.1, Max budget: 10.0", JobRefused, None),
    (402, "payment_required", "Insufficient credits. Add more using the console", JobRefused, None),
    (400, "x", "No models loaded. Please load a model.", JobRefused, Some("model")),
    (400, "x", "litellm.BadRequestError: Invalid model name passed in model=house", JobRefused, Some("model")),
    (400, "context_length_exceeded", "x", RowRefused, Some("messages")),
    (429, "BudgetLimitExceeded", "You have exceeded your budget limit.", JobRefused, None),
    (429, "CommodityNotPurchased", "Commodity has not purchased yet.", JobRefused, None),
    (429, "PrepaidBillOverdue", "The prepaid bill is overdue.", JobRefused, None),
    (429, "PostpaidBillOverdue", "The postpaid bill is overdue.", JobRefused, None),
    (429, "Throttling.AllocationQuota", "Free allocated quota exceeded.", JobRefused, None),
    (429, "Throttling.AllocationQuota", "hour allocated quota exceeded.", JobRefused, None),
    (429, "Throttling.AllocationQuota", "week allocated quota exceeded.", JobRefused, None),
    (429, "Throttling.AllocationQuota", "month allocated quota exceeded.", JobRefused, None),
    // 400.
    (400, "invalid_parameter_error", "some parameter", RowRefused, None),
    (400, "invalid_parameter_error", "This model only support stream mode, please enable the stream parameter to access the model. ", JobRefused, Some("stream")),
    (400, "invalid_parameter_error", "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 991808]", RowRefused, Some("messages")),
    (400, "invalid_parameter_error", "<400> InternalError.Algo.InvalidParameter: Range of max_tokens should be [1, 8192]", RowRefused, Some("max_tokens")),
    (500, "internal_error", "<400> InternalError.Algo.InvalidParameter: Range of max_tokens should be [1, 8192]", RowRefused, Some("max_tokens")),
    (500, "internal_error", "<400> InternalError.Algo.InvalidParameter: x", RowRefused, None),
    (500, "internal_error", "<404> InternalError.Algo: x", Transient, None),
    (400, "InternalError.Algo", "<500> InternalError.Algo: x", Transient, None),
    (400, "DataInspectionFailed", "Output data may contain inappropriate content.", RowRefused, Some("messages")),
    (400, "data_inspection_failed", "Input text data may contain inappropriate content.", RowRefused, Some("messages")),
    (400, "IPInfringementSuspect", "Input data is suspected of being involved in IP infringement.", RowRefused, Some("messages")),
    (400, "FaqRuleBlocked", "Input or output data is blocked by faq rule.", RowRefused, Some("messages")),
    (400, "CustomRoleBlocked", "Input or output data may contain inappropriate content with custom rule.", RowRefused, Some("messages")),
    (400, "Arrearage", "Access denied, please make sure your account is in good standing.", JobRefused, None),
    (400, "x", "Access denied. For details, see: https://help.aliyun.com/zh/model-studio/error-code#overdue-payment", JobRefused, None),
    (400, "BadRequest.TooLarge", "Exceeded limit on max bytes to request body : 6291456", RowRefused, Some("messages")),
    (400, "InvalidParameter.NotSupportEnableThinking", "The model xxx does not support enable_thinking.", JobRefused, Some("enable_thinking")),
    (400, "invalid_parameter_error", "The model xxx does not support enable_thinking.", JobRefused, Some("enable_thinking")),
    (400, "invalid_parameter_error", "<400> InternalError.Algo.InvalidParameter: The value of the enable_thinking parameter is restricted to True.", JobRefused, Some("enable_thinking")),
    (400, "InvalidParameter", "Model not exist.", JobRefused, Some("model")),
    (400, "x", "File parsing in progress, please try again later.", Transient, None),
    (400, "ServiceUnavailableError", "Role must be user or assistant and Content length must be greater than 0", RowRefused, Some("messages")),
    (400, "x", "The free tier of the model has been exhausted.", JobRefused, None),
    (400, "x", "暂时不支持当前设置的语种！", RowRefused, Some("translation_options")),
    (400, "x", "Current language settings are not supported!", RowRefused, Some("translation_options")),
    // 401, 403.
    (401, "InvalidApiKey", "Invalid API-key provided.", JobRefused, None),
    (401, "x", "NOT AUTHORIZED", JobRefused, None),
    (401, "x", "invalid access token or token expired", JobRefused, None),
    (403, "access_denied", "Access to model denied.", JobRefused, Some("model")),
    (403, "AccessDenied", "Access denied.", JobRefused, None),
    (403, "AccessDenied.Unpurchased", "Access to model denied. Please make sure you are eligible for using the model.", JobRefused, None),
    (403, "Model.AccessDenied", "Model access denied.", JobRefused, Some("model")),
    (403, "App.AccessDenied", "App access denied.", JobRefused, None),
    (403, "Workspace.AccessDenied", "Workspace access denied.", JobRefused, None),
    (403, "Endpoint.AccessDenied", "Endpoint access denied.", JobRefused, Some("model")),
    (403, "insufficient_quota", "You exceeded your current quota, please check your plan and billing details. For details, see: …error-code#token-limit", JobRefused, None),
    // 404, 408, 413.
    (404, "model_not_found", "The model xxx does not exist or you do not have access to it.", JobRefused, Some("model")),
    (404, "ModelNotFound", "Model can not be found.", JobRefused, Some("model")),
    (404, "model_not_supported", "Unsupported model xxx for OpenAI compatibility mode.", JobRefused, Some("model")),
    (404, "x", "Unsupported model xxx for OpenAI compatibility mode.", JobRefused, Some("model")),
    (408, "RequestTimeOut", "Request timed out, please try again later.", Transient, None),
    (413, "x", "x", RowRefused, Some("messages")),
    // 5xx.
    (500, "internal_error", "An internal error has occured.", Transient, None),
    (500, "InternalError", "An internal error has occured.", Transient, None),
    (500, "SystemError", "An system error has occured.", Transient, None),
    (500, "ModelServiceFailed", "Failed to request model service.", Transient, None),
    (500, "InternalError.Algo", "inference internal error.", Transient, None),
    (500, "InternalError.Algo", "Request rejected by inference engine!", Transient, None),
    (500, "InternalError.Algo", "Receive batching backend response failed!", Transient, None),
    (500, "InternalError.Algo", "No backend server available", Transient, None),
    (500, "InternalError.Algo", "<500> InternalError.Algo: Role must be in [user, assistant]", RowRefused, Some("messages")),
    (500, "InternalError.Algo", "list index out of range", RowRefused, Some("messages")),
    (500, "InternalError.Algo", "Expecting ',' delimiter: line 1 column 5 (char 4)", RowRefused, Some("messages")),
    (500, "InternalError.Algo", "'NoneType' object is not iterable", RowRefused, Some("messages")),
    (500, "InternalError.Timeout", "An internal timeout error has occured.", Transient, None),
    (500, "RequestTimeOut", "Request timed out, please try again later.", Transient, None),
    (500, "ResponseTimeout", "Response timeout!", Transient, None),
    (503, "ModelUnavailable", "Model is unavailable, please try again later.", Transient, None),
    (503, "ModelServingError", "Too busy.", Transient, None),
    (502, "x", "Bad Gateway", Transient, None),
    (504, "x", "stream timeout", Transient, None),
    // What a dry run catches.
    (400, "invalid_parameter_error", "<400> InternalError.Algo.InvalidParameter: Json mode response is not supported when enable_thinking is true", RowRefused, Some("response_format")),
    (400, "invalid_parameter_error", "<400> InternalError.Algo.InvalidParameter: 'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.", RowRefused, Some("response_format")),
    (400, "invalid_parameter_error", "Non-streaming mode does not support Web Search in thinking mode", RowRefused, Some("enable_search")),
    (400, "invalid_parameter_error", "<400> InternalError.Algo.InvalidParameter: tool_choice is one of the strings that should be [\"none\",\"auto\"]", RowRefused, Some("tool_choice")),
    (400, "invalid_parameter_error", "The tool_choice parameter does not support being set to required or object in thinking mode", RowRefused, Some("tool_choice")),
    (400, "invalid_parameter_error", "-1 is lesser than the minimum of 0 - 'seed'", RowRefused, Some("seed")),
    (400, "invalid_parameter_error", "'reasoning_effort' and 'thinking_budget' cannot be set simultaneously", RowRefused, Some("reasoning_effort")),
    (400, "invalid_parameter_error", "'reasoning_effort' must be one of: 'none', 'minimal', 'low'", RowRefused, Some("reasoning_effort")),
    (400, "invalid_parameter_error", "The thinking_budget parameter must be a positive integer and not greater than 38912", RowRefused, Some("thinking_budget")),
    (400, "invalid_parameter_error", "input content must be a string.", RowRefused, Some("messages")),
    (400, "invalid_parameter_error", "[] is too short - 'messages'", RowRefused, Some("messages")),
    (400, "invalid_parameter_error", "[] is too short - 'tools'", RowRefused, Some("tools")),
    (400, "invalid_parameter_error", "Tool names are not allowed to be [search]", RowRefused, Some("tools")),
    (400, "invalid_parameter_error", "Required body invalid, please check the request body format.", RowRefused, None),
    // Fields without a rule of their own.
    (400, "invalid_parameter_error", "<400> InternalError.Algo.InvalidParameter: Temperature should be in [0.0, 2.0)", RowRefused, Some("temperature")),
    (400, "invalid_parameter_error", "Range of top_p should be (0.0, 1.0]", RowRefused, Some("top_p")),
    (400, "invalid_parameter_error", "Parameter top_k be greater than or equal to 0", RowRefused, Some("top_k")),
    (400, "invalid_parameter_error", "Range of n should be [1, 4]", RowRefused, Some("n")),
    (400, "invalid_parameter_error", "'x' is not of type 'number' - 'temperature'", RowRefused, Some("temperature")),
    (422, "x", "body.max_tokens: Input should be greater than 0", RowRefused, Some("max_tokens")),
    (400, "x", "the green temperature: it stops n requests, and a plan should be made", RowRefused, None),
];

#[test]
fn only_a_row_that_is_too_long_for_the_model_is_recognised_as_one() {
    for (status, code, message, ..) in CASES {
        let says_so = *code == "context_length_exceeded" || message.contains("Range of input length");
        assert_eq!(fault(*status, &openai(code, message)).too_long, says_so, "{status} {code} {message}");
    }
}

#[test]
fn every_error_of_the_api_is_judged_by_status_code_and_message_together() {
    for (status, body, kind, about) in LITERAL {
        let fault = fault(*status, body);
        assert_eq!((fault.kind, fault.about), (*kind, *about), "{status} {body}");
        assert_eq!(fault.status, Some(*status));
    }
    for (status, code, message, kind, about) in CASES {
        for body in [openai(code, message), native(code, message)] {
            let fault = fault(*status, &body);
            assert_eq!((fault.kind, fault.about), (*kind, *about), "{status} {body}");
            assert_eq!((fault.code.as_str(), fault.message.as_str()), (*code, *message));
            assert_eq!(fault.request_id.as_deref(), Some("0b5c"));
        }
    }
}

#[test]
fn every_error_that_stops_a_job_says_how_to_fix_it() {
    let cases = CASES.iter().map(|(status, code, message, ..)| fault(*status, &openai(code, message)));
    let literal = LITERAL.iter().map(|(status, body, ..)| fault(*status, body));
    for fault in cases.chain(literal).filter(|fault| fault.kind == JobRefused) {
        assert!(fault.help.is_some(), "{fault:?}");
    }
    for rule in RULES {
        assert!(rule.kind != JobRefused || rule.help.is_some(), "{rule:?}");
        let full_stop = rule.help.is_some_and(|help| help.ends_with('.'));
        assert!(!full_stop, "a help line is no sentence with a full stop: {rule:?}");
    }
}

#[test]
fn the_help_for_newcomers_faults_says_what_to_write() {
    for (status, message, words) in [
        (400, "This model only support stream mode, please enable", "`transport = \"stream\"` under [model]"),
        (400, "enable_thinking must be set to false for non-streaming calls", "enable_thinking = false"),
        (400, "The value of the enable_thinking parameter is restricted to True.", "always thinks"),
        (400, "The model x does not support enable_thinking.", "remove `enable_thinking`"),
        (400, "Json mode response is not supported when enable_thinking is true", "enable_thinking = false"),
        (400, "'messages' must contain the word 'json' in some form", "say in the prompt"),
        (400, "Range of max_tokens should be [1, 8192]", "range that the service gives"),
        (400, "Model not exist.", "fanfold models"),
        (401, "NOT AUTHORIZED", "one region and one plan"),
        (403, "The free tier of the model has been exhausted.", "free tier only"),
        (429, "Free allocated quota exceeded.", "free quota"),
        (429, "month allocated quota exceeded", "the plan's quota"),
        (404, "no such page", "compatible-mode/v1"),
        (400, "please make sure your account is in good standing", "bill"),
    ] {
        let fault = fault(status, &openai("x", message));
        let help = fault.help.expect(message);
        assert!(help.contains(words), "{message}: {help}");
    }
}

/// `data_inspection_failed` as `DataInspectionFailed`, and as `DATA_INSPECTION_FAILED`.
fn spellings(code: &str) -> [String; 3] {
    let part = |part: &str| {
        let mut letters = part.chars();
        letters
            .next()
            .map(|first| first.to_uppercase().chain(letters).collect::<String>())
            .unwrap_or_default()
    };
    let pascal: String = code.split('_').map(part).collect();
    let mut snake = String::new();
    for (index, c) in code.chars().enumerate() {
        if c.is_uppercase() && index > 0 && !snake.ends_with(['_', '.']) {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    [pascal, snake, code.to_uppercase()]
}

#[test]
fn both_spellings_of_a_code_are_the_same_code() {
    assert_eq!(spellings("data_inspection_failed")[0], "DataInspectionFailed");
    assert_eq!(spellings("ModelNotFound")[1], "model_not_found");
    for code in RULES.iter().flat_map(|rule| rule.codes) {
        for spelling in spellings(code) {
            assert_eq!(folded(code), folded(&spelling));
            for status in [400, 403, 429, 500] {
                let [one, other] = [*code, &spelling].map(|code| fault(status, &openai(code, "x")));
                assert_eq!(
                    (one.kind, one.about, one.help),
                    (other.kind, other.about, other.help),
                    "{status} {code} {spelling}"
                );
            }
        }
    }
}

#[test]
fn words_are_found_whatever_their_case_and_underscores() {
    let body = openai("x", "PARAMETER.ENABLE_THINKING must be set to false for non-streaming calls");
    assert_eq!(fault(400, &body).kind, JobRefused);
    let body = openai("x", "Range of maxTokens should be [1, 8192]");
    assert_eq!(fault(400, &body).about, Some("max_tokens"));
}

#[test]
fn every_rule_matches_a_case_or_is_our_own() {
    let cases = CASES.iter().map(|(status, code, message, ..)| (*status, openai(code, message)));
    let literal = LITERAL.iter().map(|(status, body, ..)| (*status, (*body).to_owned()));
    let others = [
        (301, String::new()),
        (302, String::new()),
        (402, String::new()),
        (403, String::new()),
        (405, String::new()),
        (400, openai("x", "Incorrect API key provided.")),
        (400, openai("x", "see #rate-limit")),
        (404, r#"{"error":"model 'llama9' not found"}"#.to_owned()),
        // Errors of the certificate and of the connection are known by code and message alone.
        (400, openai("bad_certificate", "invalid peer certificate: certificate expired")),
        (400, openai("bad_certificate", "invalid peer certificate: certificate not valid for name \"a\"")),
        (400, openai("bad_certificate", "invalid peer certificate: UnknownIssuer")),
        (400, openai("unreachable", "Connection refused, through the proxy http://127.0.0.1:1")),
    ];
    let mut met = [false; RULES.len()];
    for (status, body) in cases.chain(literal).chain(others) {
        let status = StatusCode::from_u16(status).expect("a status");
        let error = super::super::ErrorBody::read(status, &HeaderMap::new(), body.as_bytes());
        let codes = [error.code.as_str(), error.kind.as_deref().unwrap_or_default()];
        let found = super::rule(error.status(status.as_u16()), &codes, &error.message);
        if let Some(index) = found.and_then(|found| RULES.iter().position(|rule| std::ptr::eq(rule, found))) {
            met[index] = true;
        }
    }
    for (rule, met) in RULES.iter().zip(met) {
        assert!(met || matches!(rule.kind, CutByServer | Unusable), "no case meets {rule:?}");
    }
}

#[test]
fn other_servers_errors_are_read_in_their_own_shapes() {
    for (status, body, kind, code, message) in [
        (422, r#"{"error":"bad field"}"#, RowRefused, "http_422", "bad field"),
        (400, r#"{"detail":"Context too long"}"#, RowRefused, "http_400", "Context too long"),
        (
            400,
            r#"{"object":"error","message":"max_tokens is too large","type":"BadRequestError","param":null,"code":400}"#,
            RowRefused,
            "BadRequestError",
            "max_tokens is too large",
        ),
        (
            422,
            r#"{"detail":[{"loc":["body","temperature"],"msg":"Input should be a valid number","type":"float"}]}"#,
            RowRefused,
            "http_422",
            "body.temperature: Input should be a valid number",
        ),
        (
            404,
            r#"{"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","code":404}"#,
            JobRefused,
            "NotFoundError",
            "The model `x` does not exist.",
        ),
        (
            200,
            r#"{"error":{"message":"Provider returned error","code":502}}"#,
            Transient,
            "http_502",
            "Provider returned error",
        ),
        (
            200,
            r#"{"code":"Throttling.RateQuota","message":"slower","request_id":"r"}"#,
            Throttled,
            "Throttling.RateQuota",
            "slower",
        ),
        (200, r#"{"error":{"message":"Rate limited","code":429}}"#, Throttled, "http_429", "Rate limited"),
        (500, r#"{"error":{"message":"oh","type":null,"code":null}}"#, Transient, "http_500", "oh"),
    ] {
        let fault = fault(status, body);
        assert_eq!(
            (fault.kind, fault.code.as_str(), fault.message.as_str()),
            (kind, code, message),
            "{body}"
        );
    }
}

#[test]
fn the_help_is_found_from_code_and_message_alone() {
    assert_eq!(super::super::help_for("data_inspection_failed", "x"), Some(INSPECTION));
    assert_eq!(
        super::super::help_for("invalid_parameter_error", "Range of max_tokens should be [1, 8]"),
        Some(MAX_TOKENS)
    );
    assert!(super::super::help_for("http_413", "Payload Too Large").is_some());
    assert!(super::super::help_for("InternalError.Algo", "list index out of range").is_some());
    assert_eq!(super::super::help_for("invalid_parameter_error", "odd"), None);
    assert_eq!(super::super::help_for("timeout", "no reply within 330 s"), None);
    let wrong = |words: &str| super::super::help_for("bad_certificate", words);
    assert_eq!(wrong("invalid peer certificate: certificate expired"), Some(OUT_OF_DATE));
    assert_eq!(wrong("invalid peer certificate: UnknownIssuer"), Some(UNKNOWN_AUTHORITY));
    assert_eq!(super::super::help_for("unreachable", "Connection refused"), None);
}
