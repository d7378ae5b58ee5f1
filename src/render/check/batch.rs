//! What a request in a provider batch may not be.

use serde_json::{Map, Value};

use super::violation::Violation;
use crate::job::facts::ModelInfo;

/// Rejects a request to a model that provider batches cannot have.
pub(super) fn check(body: &Map<String, Value>, facts: &ModelInfo) -> Result<(), Violation> {
    if facts.batch_file.offered != Some(false) {
        return Ok(());
    }
    let model = body.get("model").and_then(Value::as_str).unwrap_or_default();
    let message = format!("the Batch API does not have {model} at this address");
    Err(Violation::with_message("model", message)
        .help("leave `transport` under [model] at \"auto\", or use another model"))
}
