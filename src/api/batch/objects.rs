//! The objects of a Batch API, read loosely: servers leave fields out, or write them in different ways.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::api::lenient;
use crate::batch_service::{BatchCounts, BatchError, BatchOrder, BatchState, ProviderBatch};
use crate::near_json::read;

/// The names under which a batch's mark is kept: ours, and the one by which DashScope's console shows a batch.
const MARKS: [&str; 2] = ["fanfold", "ds_name"];

/// An uploaded file.
#[derive(Debug, Deserialize)]
pub(super) struct WireFile {
    pub(super) id: String,
    #[serde(default, deserialize_with = "lenient::text")]
    pub(super) filename: Option<String>,
    #[serde(default, deserialize_with = "lenient::count")]
    pub(super) bytes: Option<u64>,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct WireList {
    pub(super) data: Vec<Box<RawValue>>,
    pub(super) has_more: Option<bool>,
}

/// A batch as it is on the wire.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct WireBatch {
    id: String,
    #[serde(default, deserialize_with = "lenient::text")]
    status: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    input_file_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    output_file_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::text")]
    error_file_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::optional")]
    request_counts: Option<WireCounts>,
    #[serde(default, deserialize_with = "lenient::count")]
    created_at: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    in_progress_at: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    expires_at: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    completed_at: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    failed_at: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    expired_at: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    cancelled_at: Option<u64>,
    #[serde(default)]
    errors: Value,
    #[serde(default)]
    metadata: Value,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct WireCounts {
    #[serde(default, deserialize_with = "lenient::count")]
    total: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    completed: Option<u64>,
    #[serde(default, deserialize_with = "lenient::count")]
    failed: Option<u64>,
}

impl WireBatch {
    /// The batch that it describes.
    pub(super) fn settled(self) -> ProviderBatch {
        let counts = self.request_counts.unwrap_or_default();
        let ended = self.completed_at.or(self.failed_at).or(self.expired_at).or(self.cancelled_at);
        ProviderBatch {
            state: BatchState::of(self.status.as_deref().unwrap_or_default()),
            input_file: self.input_file_id.unwrap_or_default(),
            // An empty text means that there is none.
            output_file: self.output_file_id.filter(|id| !id.is_empty()),
            error_file: self.error_file_id.filter(|id| !id.is_empty()),
            counts: BatchCounts {
                total: counts.total.unwrap_or(0),
                completed: counts.completed.unwrap_or(0),
                failed: counts.failed.unwrap_or(0),
            },
            created_at: self.created_at.and_then(moment),
            in_progress_at: self.in_progress_at.and_then(moment),
            expires_at: self.expires_at.and_then(moment),
            ended_at: ended.and_then(moment),
            errors: errors(&self.errors),
            tag: MARKS.iter().find_map(|name| Some(self.metadata.get(name)?.as_str()?.to_owned())),
            id: self.id,
        }
    }
}

/// A time in Unix seconds, or in milliseconds; 0 means that there is none.
fn moment(number: u64) -> Option<SystemTime> {
    let since = match number {
        0 => return None,
        1..100_000_000_000 => Duration::from_secs(number),
        _ => Duration::from_millis(number),
    };
    UNIX_EPOCH.checked_add(since)
}

/// The errors of a batch: in a list object, or a bare list.
fn errors(errors: &Value) -> Vec<BatchError> {
    let list = errors.get("data").unwrap_or(errors).as_array();
    let text = |error: &Value, key: &str| match error.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let error = |error: &Value| BatchError {
        code: text(error, "code"),
        message: text(error, "message"),
        line: error.get("line").and_then(Value::as_u64),
    };
    list.into_iter().flatten().map(error).collect()
}

/// The body that creates a batch.
pub(super) fn order_body(order: &BatchOrder) -> Vec<u8> {
    let marks = MARKS.iter().map(|name| ((*name).to_owned(), Value::from(order.tag.as_str())));
    let body = serde_json::json!({
        "input_file_id": order.input_file,
        "endpoint": order.endpoint,
        "completion_window": order.window,
        "metadata": Value::Object(marks.collect()),
    });
    body.to_string().into_bytes()
}

/// Whether a reply is an error, whatever its status: in OpenAI's form, or in DashScope's native one.
pub(super) fn is_error(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Probe {
        #[serde(default, deserialize_with = "lenient::filled")]
        error: bool,
        id: Option<serde::de::IgnoredAny>,
        data: Option<serde::de::IgnoredAny>,
        code: Option<serde::de::IgnoredAny>,
        message: Option<serde::de::IgnoredAny>,
    }
    read::<Probe>(body).is_ok_and(|probe| {
        let is_object = probe.id.is_some() || probe.data.is_some();
        !is_object && (probe.error || (probe.code.is_some() && probe.message.is_some()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(json: &str) -> ProviderBatch {
        read::<WireBatch>(json.as_bytes()).expect("a batch").settled()
    }

    #[test]
    fn a_batch_is_read_whole() {
        let read = batch(
            r#"{"id":"b1","object":"batch","endpoint":"/v1/chat/completions","errors":null,"input_file_id":"f1",
            "completion_window":"24h","status":"completed","output_file_id":"f2","error_file_id":"f3",
            "created_at":1722234109,"in_progress_at":"1722234110","expires_at":1722320509.0,"finalizing_at":1722234111,
            "completed_at":1722234112,"failed_at":null,"request_counts":{"total":3,"completed":2,"failed":1},
            "metadata":{"ds_name":"tag"}}"#,
        );
        let at = |seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        assert_eq!((read.id.as_str(), read.input_file.as_str()), ("b1", "f1"));
        assert_eq!(read.state, BatchState::Completed);
        assert_eq!((read.output_file.as_deref(), read.error_file.as_deref()), (Some("f2"), Some("f3")));
        assert_eq!(read.counts, BatchCounts { total: 3, completed: 2, failed: 1 });
        assert_eq!((read.created_at, read.in_progress_at), (at(1_722_234_109), at(1_722_234_110)));
        assert_eq!((read.expires_at, read.ended_at), (at(1_722_320_509), at(1_722_234_112)));
        assert_eq!(read.tag.as_deref(), Some("tag"));
    }

    #[test]
    fn what_is_missing_null_or_empty_is_absent() {
        let bare = batch(r#"{"id":"b"}"#);
        assert_eq!((bare.state, bare.counts), (BatchState::Other(String::new()), BatchCounts::default()));
        let empty = batch(
            r#"{"id":"b","status":"failed","output_file_id":"","error_file_id":null,"request_counts":null,
            "metadata":null,"created_at":0,"expired_at":1722234109000}"#,
        );
        assert_eq!(
            (empty.output_file, empty.error_file, empty.tag, empty.created_at),
            (None, None, None, None)
        );
        assert_eq!(empty.ended_at, UNIX_EPOCH.checked_add(Duration::from_secs(1_722_234_109)));
    }

    #[test]
    fn the_errors_of_a_batch_are_a_list_object_or_a_list() {
        let expected =
            [BatchError { code: "duplicate_custom_id".into(), message: "twice".into(), line: Some(7) }];
        let list = r#"[{"code":"duplicate_custom_id","message":"twice","param":null,"line":7}]"#;
        assert_eq!(batch(&format!(r#"{{"id":"b","errors":{list}}}"#)).errors, expected);
        let object = format!(r#"{{"id":"b","errors":{{"object":"list","data":{list}}}}}"#);
        assert_eq!(batch(&object).errors, expected);
    }

    #[test]
    fn an_error_is_known_by_its_form_and_a_failed_batch_is_none() {
        for error in [r#"{"error":{"message":"no"}}"#, r#"{"error":"no"}"#, r#"{"code":"X","message":"no"}"#]
        {
            assert!(is_error(error.as_bytes()), "{error}");
        }
        for object in [
            r#"{"id":"b","status":"failed","error":{"message":"no"}}"#,
            r#"{"data":[],"has_more":false}"#,
            r#"{"error":null,"id":"b"}"#,
            "<html>",
        ] {
            assert!(!is_error(object.as_bytes()), "{object}");
        }
    }
}
