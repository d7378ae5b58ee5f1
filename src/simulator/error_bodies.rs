//! DashScope's error bodies, verbatim where a source quotes them.
//!
//! Sources: Model Studio's page "error-code" and bodies quoted in public issues (infiniflow/ragflow
//! #8972, camel-ai/owl #432, can1357/oh-my-pi #8496, openclaw #148236).

use serde_json::{Value, json};

use super::{Profile, quirks};

const HELP: &str = "For details, see: https://help.aliyun.com/zh/model-studio/error-code";

/// How a request is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: String,
    /// The field `type` of the body.
    pub(super) kind: String,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &str, kind: &str, message: impl Into<String>) -> Refusal {
        Refusal { status, code: code.into(), kind: kind.into(), message: message.into() }
    }

    /// 400 from the gateway's own check of the request's shape.
    pub(super) fn invalid(message: impl Into<String>) -> Refusal {
        Refusal::new(400, "invalid_parameter_error", "invalid_request_error", message)
    }

    /// 400 from the model service, whose messages have a prefix.
    pub(super) fn invalid_in_service(message: &str) -> Refusal {
        Refusal::invalid(format!("<400> InternalError.Algo.InvalidParameter: {message}"))
    }

    /// 500 for an invalid request that the service's own check found too late.
    pub(super) fn broken_in_service(message: &str) -> Refusal {
        let message = format!("<500> InternalError.Algo: {message}");
        Refusal::new(500, "internal_error", "internal_error", message)
    }

    pub(super) fn wrong_key() -> Refusal {
        let message = format!("Incorrect API key provided. {HELP}#apikey-error");
        Refusal::new(401, "invalid_api_key", "invalid_request_error", message)
    }

    pub(super) fn missing_key() -> Refusal {
        let message = "You didn't provide an API key. You need to provide your API key in an \
                       Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).";
        Refusal::new(401, "invalid_api_key", "invalid_request_error", message)
    }

    pub(super) fn unknown_model(name: &str) -> Refusal {
        let message = format!("The model `{name}` does not exist or you do not have access to it.");
        Refusal::new(404, "model_not_found", "invalid_request_error", message)
    }

    /// Requests per second or per minute.
    pub(super) fn too_many_requests() -> Refusal {
        let message = format!("You have exceeded your current request limit. {HELP}#rate-limit");
        Refusal::new(429, "limit_requests", "limit_requests", message)
    }

    /// Tokens per minute: despite its name not about money, and over within a minute.
    pub(super) fn too_many_tokens() -> Refusal {
        let message = format!(
            "You exceeded your current quota, please check your plan and billing details. {HELP}#token-limit"
        );
        Refusal::new(429, "insufficient_quota", "insufficient_quota", message)
    }

    /// The request's body exceeds the limit, in bytes.
    pub(super) fn too_large(bound: usize) -> Refusal {
        let message = format!("Exceeded limit on max bytes to request body : {bound}");
        Refusal::new(400, "BadRequest.TooLarge", "BadRequest.TooLarge", message)
    }

    /// The usual error of a status set by a script; the script's own code replaces the usual one.
    pub(super) fn of_status(status: u16, code: Option<&str>) -> Refusal {
        let usual = match status {
            401 => Refusal::wrong_key(),
            403 => Refusal::new(403, "access_denied", "access_denied", "Access to model denied."),
            404 => Refusal::unknown_model("unknown"),
            408 => Refusal::new(408, "RequestTimeOut", "RequestTimeOut", "Request timed out."),
            429 if code == Some("insufficient_quota") => Refusal::too_many_tokens(),
            429 => Refusal::too_many_requests(),
            503 => Refusal::new(
                503,
                "ServiceUnavailable",
                "ServiceUnavailable",
                "<503> InternalError.Algo: An error occurred in model serving, error message is: [Too many \
                 requests. Your requests are being throttled due to system capacity limits. Please try \
                 again later.]",
            ),
            status if status >= 500 => {
                Refusal::new(status, "internal_error", "internal_error", "inference internal error.")
            }
            status => {
                Refusal::new(status, "invalid_parameter_error", "invalid_request_error", "Bad request.")
            }
        };
        match code {
            None => usual,
            // Where the usual type repeats the code, it also takes the new code.
            Some(code) if usual.kind == usual.code => {
                Refusal { kind: code.into(), code: code.into(), ..usual }
            }
            Some(code) => Refusal { code: code.into(), ..usual },
        }
    }

    /// The error's body; `identity` is the request's UUID.
    pub(super) fn body(&self, profile: Profile, identity: &str) -> Value {
        if profile == Profile::Plain {
            return quirks::error(self.status, &self.kind, &self.message);
        }
        let parameter = (self.code == "insufficient_quota").then_some("insufficient_quota");
        let error =
            json!({"message": self.message, "type": self.kind, "param": parameter, "code": self.code});
        // Errors from the gateway in front of the model have no completion to name.
        match self.status {
            401 | 404 | 429 => json!({"error": error, "request_id": identity}),
            _ => json!({"error": error, "id": format!("chatcmpl-{identity}"), "request_id": identity}),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_limit_speaks_of_quota() {
        let body = Refusal::too_many_tokens().body(Profile::DashScope, "u");
        assert_eq!(body["error"]["code"], "insufficient_quota");
        assert_eq!(body["error"]["param"], "insufficient_quota");
        assert_eq!(body["request_id"], "u");
    }

    #[test]
    fn a_plain_server_says_only_a_text() {
        let body = Refusal::too_many_requests().body(Profile::Plain, "u");
        assert!(body["error"].is_string());
        assert_eq!(body.as_object().unwrap().len(), 1);
    }

    #[test]
    fn a_code_of_a_script_replaces_the_usual_one() {
        let refusal = Refusal::of_status(429, Some("limit_burst_rate"));
        assert_eq!((refusal.code.as_str(), refusal.kind.as_str()), ("limit_burst_rate", "limit_burst_rate"));
        assert_eq!(Refusal::of_status(503, None).code, "ServiceUnavailable");
    }
}
