//! A request as a line of a batch's file.

use serde::Deserialize;

use crate::request::ChatRequest;

/// What is asked of the provider for each line.
pub const ENDPOINT: &str = "/v1/chat/completions";

/// Codes with which a line comes back that the provider has not worked on: it costs nothing, and goes into another batch.
const NOT_RUN: [&str; 4] = ["batch_expired", "batch_cancelled", "batch_canceled", "batch_not_run"];

/// The longest name of a line.
const LONGEST_ID: u64 = 64;

/// The line, with its line break. The body is as it is sent whole; a batch does not stream.
pub fn line(custom_id: &str, request: &ChatRequest) -> Vec<u8> {
    let mut line = head(custom_id).into_bytes();
    line.extend_from_slice(&request.body);
    line.extend_from_slice(b"}\n");
    line
}

/// The most bytes that a request has as a line.
pub fn line_bytes(request: &ChatRequest) -> u64 {
    head("").len() as u64 + LONGEST_ID + request.body.len() as u64 + 2
}

fn head(custom_id: &str) -> String {
    format!("{{\"custom_id\":\"{custom_id}\",\"method\":\"POST\",\"url\":\"{ENDPOINT}\",\"body\":")
}

/// What of a reply line says that its request was never worked on.
#[derive(Deserialize)]
struct NotRunLine {
    #[serde(default)]
    error: Option<NotRun>,
}

#[derive(Deserialize)]
struct NotRun {
    #[serde(default)]
    code: Option<String>,
}

/// Whether a line of an output or error file says that the provider has not worked on its request.
pub fn was_not_run(line: &[u8]) -> bool {
    let read: Option<NotRunLine> = serde_json::from_slice(line).ok();
    let code = read.and_then(|line| line.error?.code);
    code.is_some_and(|code| NOT_RUN.contains(&code.as_str()))
}

/// The line that a provider would have written for a request that it found invalid before it ran the batch.
pub fn refused_line(custom_id: &str, code: &str, message: &str) -> Vec<u8> {
    let body = serde_json::json!({
        "custom_id": custom_id,
        "response": { "status_code": 400, "body": { "error": { "code": code, "message": message } } },
        "error": null,
    });
    body.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::request::Fingerprint;

    #[test]
    fn a_line_is_the_body_as_it_is_under_a_name() {
        let request = ChatRequest::of_body(br#"{"model":"m","n":1.50}"#.to_vec(), Fingerprint::default());
        let line = line("ff-1", &request);
        assert!(line.ends_with(b"\"body\":{\"model\":\"m\",\"n\":1.50}}\n"));
        assert!(line.len() as u64 <= line_bytes(&request));
        let read: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!((read["custom_id"].as_str(), read["url"].as_str()), (Some("ff-1"), Some(ENDPOINT)));
    }

    #[test]
    fn only_the_codes_of_batches_say_that_a_line_was_not_run() {
        assert!(was_not_run(
            br#"{"custom_id":"a","response":null,"error":{"code":"batch_expired","message":"late"}}"#
        ));
        for run in [
            r#"{"custom_id":"a","response":{"status_code":429},"error":null}"#,
            r#"{"custom_id":"a","error":{"code":"InvalidParameter"}}"#,
            r#"{"custom_id":"a","error":{"message":"batch_expired"}}"#,
            "batch_expired",
        ] {
            assert!(!was_not_run(run.as_bytes()), "{run}");
        }
    }
}
