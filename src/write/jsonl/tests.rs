//! How JSONL preserves lines, and how it writes rows that could not be read.

use std::fs;

use serde_json::json;
use tempfile::TempDir;

use crate::format::{Compression, Format};
use crate::outcome::{Answer, RowResult};
use crate::row::{Item, Origin};
use crate::write::conformance::sample::{bad, failed, line, row};
use crate::write::{Layout, OutputSpec, Target, WriteError, Writer};

/// Writes one row, and returns its line.
fn written(spec: &OutputSpec, item: &Item, result: &RowResult) -> Result<String, WriteError> {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("out.jsonl");
    let layout = Layout::new(None, spec).expect("a layout");
    let mut writer = Writer::create(Target::File(path.clone()), Format::Jsonl, Compression::Plain, layout)?;
    writer.write(item, result)?;
    writer.finish()?;
    Ok(fs::read_to_string(path).expect("the output"))
}

fn selecting(names: &[&str]) -> OutputSpec {
    OutputSpec { select: Some(names.iter().map(|name| (*name).into()).collect()), ..OutputSpec::default() }
}

#[test]
fn a_line_is_the_same_in_the_output_as_in_the_input() {
    for start in [
        r#"{"n": 1.50, "big": 123456789012345678901234567890, "t": "\u00e9\/", "a":[ 1 ,2]"#,
        r#"{"same": 1, "same": 2"#,
        r#"{"brace": "{""#,
    ] {
        let item = line(0, &format!("{start} }} \r"));
        let found = written(&OutputSpec::default(), &item, &RowResult::default()).expect("written");
        assert!(found.starts_with(&format!("{start},\"response\":null,")), "{found}");
        assert!(found.ends_with("\"status\":\"pending\",\"error_code\":null,\"error\":null}\n"), "{found}");
    }
}

#[test]
fn an_object_of_no_columns_gets_no_comma() {
    for empty in ["{}", "{ }"] {
        let found = written(&OutputSpec::default(), &line(0, empty), &RowResult::default()).expect("written");
        assert!(found.starts_with("{\"response\":null"), "{found}");
    }
}

#[test]
fn selected_and_renamed_columns_keep_their_spelling() {
    let item = line(0, r#"{"n": 1.50, "x": 1, "t": "\u00e9"}"#);
    let spec = selecting(&["t", "n", "absent", "status"]);
    let found = written(&spec, &item, &RowResult::default()).expect("written");
    assert_eq!(found, "{\"t\":\"\\u00e9\",\"n\":1.50,\"absent\":null,\"status\":\"pending\"}\n");
    let spec = OutputSpec { rename: vec![("x".into(), "y \"".into())], ..OutputSpec::default() };
    let found = written(&spec, &item, &RowResult::default()).expect("written");
    assert!(found.starts_with(r#"{"n":1.50,"y \"":1,"t":"\u00e9","response":null"#), "{found}");
}

#[test]
fn tool_calls_are_an_array_on_the_same_line() {
    let calls = |text: &str| RowResult {
        answer: Some(Answer { tool_calls: Some(text.into()), ..Answer::default() }),
        ..RowResult::default()
    };
    let spec = selecting(&["tool_calls"]);
    let found = written(&spec, &line(0, "{}"), &calls("[\n {\"id\":\r\n\"a\\n\"} ]\n")).expect("written");
    assert_eq!(found, "{\"tool_calls\":[  {\"id\":  \"a\\n\"} ]}\n");
    let found = written(&spec, &line(0, "{}"), &calls("[cut")).expect("written");
    assert_eq!(found, "{\"tool_calls\":\"[cut\"}\n");
}

#[test]
fn a_row_with_a_column_called_like_an_answer_column_is_named() {
    for item in [line(6, r#"{"status": 1}"#), row(6, json!({}), Origin::Line(r#"{"status": 1}"#.into()))] {
        let error = written(&OutputSpec::default(), &item, &RowResult::default()).expect_err("a clash");
        assert!(matches!(&error, WriteError::Clash { column, .. } if column == "status"));
        let text = error.to_string();
        assert!(text.starts_with("in.jsonl:7: ") && text.contains("`prefix`"), "{text}");
    }
}

#[test]
fn a_row_that_could_not_be_read_has_the_columns_that_are_known() {
    let found = written(&OutputSpec::default(), &bad(0), &failed("no")).expect("written");
    assert!(found.starts_with("{\"response\":null") && found.ends_with("\"error\":\"no\"}\n"), "{found}");
    let found = written(&selecting(&["id", "error"]), &bad(0), &failed("no")).expect("written");
    assert_eq!(found, "{\"id\":null,\"error\":\"no\"}\n");
}
