//! `[model] headers`: the headers of every request next to the key, and those that are refused.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::layers::Layers;
use crate::diagnostic::Diagnostic;
use crate::job::Retry;

/// Headers that only fanfold sets, and why.
const OWN: [(&str, &str); 6] = [
    ("authorization", "set the key with api_key_env, api_key_file or api_key_command"),
    ("content-type", "every request is JSON"),
    ("content-length", "it follows from the request"),
    ("host", "it follows from the address"),
    ("transfer-encoding", "it follows from the request"),
    ("x-dashscope-async", "with it DashScope answers 429 to every chat request"),
];

/// Asks DashScope to let a request wait instead of refusing it; in seconds.
const WAIT: &str = "x-dashscope-wait-timeout";

/// The longest wait that is believed to be intended: the vendor advises 120 s at most.
const LONGEST_WAIT: u64 = 3600;

/// Settles and checks the headers.
pub(super) fn headers(
    section: BTreeMap<String, String>,
    layers: &Layers,
) -> Result<Vec<(String, String)>, Diagnostic> {
    let mut names: Vec<String> = Vec::new();
    for (name, value) in &section {
        let lower = name.to_ascii_lowercase();
        let problem = |message: String| Err(layers.problem(&format!("model.headers.{name}"), message));
        if let Some((_, why)) = OWN.iter().find(|(own, _)| *own == lower) {
            return problem(format!("the header `{name}` cannot be set: {why}"));
        }
        if name.is_empty() || !name.bytes().all(is_token) {
            return problem(format!("`{name}` is not a header name: use letters, digits and dashes"));
        }
        if value.chars().any(char::is_control) {
            return problem(format!("the value of the header `{name}` has a control character in it"));
        }
        if names.contains(&lower) {
            return problem(format!("the header `{name}` is given twice; its case makes no difference"));
        }
        names.push(lower);
    }
    Ok(section.into_iter().collect())
}

/// Raises the client's time limits by the time for which the headers ask the service to let a request wait.
pub(super) fn raise(
    retry: Retry,
    headers: &[(String, String)],
    layers: &Layers,
) -> Result<Retry, Diagnostic> {
    let Some((name, value)) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(WAIT)) else {
        return Ok(retry);
    };
    match value.trim().parse::<u64>() {
        Ok(seconds) if seconds <= LONGEST_WAIT => {
            let wait = Duration::from_secs(seconds);
            Ok(Retry {
                timeout: retry.timeout + wait,
                stream_timeout: retry.stream_timeout + wait,
                idle_timeout: retry.idle_timeout + wait,
                ..retry
            })
        }
        _ => {
            let message = format!("`{name}` must be a whole number of seconds, 0 to {LONGEST_WAIT}");
            Err(layers.problem(&format!("model.headers.{name}"), message))
        }
    }
}

/// Whether a byte may be in a header's name (RFC 9110, 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::flags::set;
    use crate::diagnostic::SourceText;

    /// The headers of a job file with this line, and of these `--set`.
    fn settle(line: &str, sets: &[&str]) -> Result<Vec<(String, String)>, String> {
        let text = format!("[model]\n{line}\n");
        let script = SourceText { name: "job.toml".into(), text: text.into() };
        let overlays = sets.iter().map(|argument| set(argument).expect("KEY=VALUE")).collect();
        let (file, layers) = Layers::read(Some(script), overlays).map_err(|problem| problem.to_string())?;
        headers(file.model.headers, &layers).map_err(|problem| problem.to_string())
    }

    #[test]
    fn headers_are_sent_unchanged() {
        let expected = vec![("X-DashScope-DataInspection".to_owned(), r#"{"input":"cip"}"#.to_owned())];
        assert_eq!(settle(r#"headers."X-DashScope-DataInspection" = '{"input":"cip"}'"#, &[]), Ok(expected));
    }

    #[test]
    fn invalid_and_reserved_headers_are_refused_without_their_values() {
        for (line, part) in [
            (r#"headers = { Authorization = "Bearer sk-secret-1" }"#, "api_key_env"),
            (r#"headers = { host = "sk-secret-1" }"#, "follows from the address"),
            (r#"headers = { X-DashScope-Async = "enable" }"#, "429 to every chat request"),
            (r#"headers = { Content-Type = "text/secret" }"#, "every request is JSON"),
            (r#"headers = { "X Key" = "sk-secret-1" }"#, "is not a header name"),
            (r#"headers = { X-Key = "sk-secret-1\n" }"#, "control character"),
            (r#"headers = { X-Key = "secret-1", x-key = "secret-2" }"#, "given twice"),
        ] {
            let shown = settle(line, &[]).expect_err(line);
            assert!(shown.contains(part) && shown.contains("job.toml:2:"), "{line}: {shown}");
            assert!(!shown.contains("secret-"), "{shown}");
        }
        let shown = settle("", &["model.headers.Host=example.com"]).expect_err("refused");
        assert!(shown.contains("in: --set model.headers.Host=") && !shown.contains("example.com"), "{shown}");
    }

    #[test]
    fn a_wait_on_the_server_s_side_extends_the_time_limit_on_ours() {
        let (_, layers) = Layers::read(None, vec![]).expect("nothing");
        let raised = |value: &str| {
            let headers = [("x-dashscope-wait-timeout".to_owned(), value.to_owned())];
            raise(Retry::default(), &headers, &layers).map(|retry| {
                [retry.timeout, retry.stream_timeout, retry.idle_timeout].map(|time| time.as_secs())
            })
        };
        assert_eq!(raised("120"), Ok([450, 3720, 240]));
        assert_eq!(raised("0"), Ok([330, 3600, 120]));
        for wrong in ["soon", "-1", "3601", ""] {
            assert!(raised(wrong).is_err(), "{wrong}");
        }
    }
}
