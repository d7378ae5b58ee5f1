//! Values that are written as text: durations, sizes. A wrong one is shown at its place.

use std::time::Duration;

use toml::Value;

use crate::config::layers::Layers;
use crate::diagnostic::Diagnostic;
use crate::job::units;

pub(super) fn bytes(key: &str, value: Option<&Value>, layers: &Layers) -> Result<Option<u64>, Diagnostic> {
    let size = match value {
        None => return Ok(None),
        Some(Value::Integer(number)) if *number > 0 => Ok(*number as u64),
        Some(Value::String(text)) => units::size(text),
        Some(_) => Err("a size must be a number of bytes, or text such as \"16MB\"".to_owned()),
    };
    parse(key, size, layers).map(Some)
}

pub(super) fn duration(
    key: &str,
    text: Option<&str>,
    layers: &Layers,
) -> Result<Option<Duration>, Diagnostic> {
    text.map(|text| parse(key, units::duration(text), layers)).transpose()
}

pub(super) fn parse<T>(key: &str, result: Result<T, String>, layers: &Layers) -> Result<T, Diagnostic> {
    result.map_err(|message| layers.problem(key, message))
}
