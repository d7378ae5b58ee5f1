//! Texts as a job file has them.

use toml::Value;

/// A text as a TOML string.
pub(super) fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
