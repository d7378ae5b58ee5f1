//! The lines of a batch's file, read and checked as a whole before any is answered.

use std::collections::HashSet;

use hyper::body::Bytes;
use serde_json::{Value, json};

/// The most lines of a file, and the most bytes of a line (Model Studio, "Batch File").
const MOST_LINES: usize = 50_000;
const MOST_BYTES: usize = 6 * 1024 * 1024;

/// A line that can be answered.
#[derive(Debug, Clone)]
pub(super) struct RequestLine {
    pub(super) custom_id: String,
    /// The request's body as it is in the file.
    pub(super) body: Bytes,
}

/// Reads the lines of a file for an endpoint.
///
/// # Errors
///
/// What is wrong, as the field `errors` of a batch lists it.
pub(super) fn read_lines(content: &Bytes, endpoint: &str) -> Result<Vec<RequestLine>, Value> {
    let (mut lines, mut errors, mut ids, mut model) = (Vec::new(), Vec::new(), HashSet::new(), None);
    let texts = content.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    for (index, line) in texts.enumerate() {
        match read_line(line, endpoint, &mut ids, &mut model) {
            Ok(read) => lines.push(read),
            Err((code, message)) => errors.push(error(code, message, Some(index + 1))),
        }
    }
    if lines.is_empty() && errors.is_empty() {
        errors.push(error("empty_file", "The input file has no requests.", None));
    }
    if lines.len() > MOST_LINES {
        errors.push(error("too_many_tasks", "The input file has more than 50000 requests.", None));
    }
    if errors.is_empty() { Ok(lines) } else { Err(json!({"object": "list", "data": errors})) }
}

/// An error of a batch.
pub(super) fn error(code: &str, message: &str, line: Option<usize>) -> Value {
    json!({"code": code, "message": message, "param": null, "line": line})
}

fn read_line(
    line: &[u8],
    endpoint: &str,
    ids: &mut HashSet<String>,
    model: &mut Option<String>,
) -> Result<RequestLine, (&'static str, &'static str)> {
    if line.len() > MOST_BYTES {
        return Err(("line_too_long", "The request is longer than 6 MB."));
    }
    let read: Value =
        serde_json::from_slice(line).map_err(|_| ("invalid_json_line", "The line is not JSON."))?;
    let id = read["custom_id"].as_str().ok_or(("missing_custom_id", "The line has no custom_id."))?;
    if !ids.insert(id.to_owned()) {
        return Err(("duplicate_custom_id", "The custom_id is used by an earlier line."));
    }
    if read["method"] != "POST" || read["url"] != endpoint {
        return Err(("mismatched_url", "Method and url must be POST and the endpoint of the batch."));
    }
    let named = read["body"]["model"].as_str().unwrap_or_default();
    if model.get_or_insert_with(|| named.to_owned()) != named {
        return Err(("mismatched_model", "All requests of a file must have the same model."));
    }
    Ok(RequestLine { custom_id: id.to_owned(), body: read["body"].to_string().into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, model: &str) -> String {
        format!(
            r#"{{"custom_id":"{id}","method":"POST","url":"/v1/chat/completions","body":{{"model":"{model}"}}}}"#
        )
    }

    fn codes(file: String) -> Vec<(String, Option<u64>)> {
        let errors = read_lines(&file.into(), "/v1/chat/completions").expect_err("errors");
        let code =
            |error: &Value| (error["code"].as_str().unwrap_or_default().to_owned(), error["line"].as_u64());
        errors["data"].as_array().into_iter().flatten().map(code).collect()
    }

    #[test]
    fn a_file_of_one_model_with_unique_ids_is_read() {
        let file = format!("{}\n{}\n\n", line("a", "m"), line("b", "m"));
        let lines = read_lines(&file.into(), "/v1/chat/completions").expect("lines");
        assert_eq!((lines.len(), lines[1].custom_id.as_str()), (2, "b"));
        assert_eq!(lines[0].body, r#"{"model":"m"}"#);
    }

    #[test]
    fn each_wrong_line_is_named() {
        let file = format!("{}\n{}\n{}\nno json", line("a", "m"), line("a", "m"), line("c", "other"));
        let expected = [("duplicate_custom_id", 2), ("mismatched_model", 3), ("invalid_json_line", 4)];
        let expected: Vec<_> = expected.map(|(code, line)| (code.to_owned(), Some(line))).to_vec();
        assert_eq!(codes(file), expected);
        assert_eq!(codes(line("a", "m").replace("POST", "GET"))[0].0, "mismatched_url");
        assert_eq!(codes("\n".into()), [("empty_file".to_owned(), None)]);
    }
}
