//! Patterns for editors of values that are written as text, or as text or a number.

use schemars::{Schema, SchemaGenerator, json_schema};

/// The pattern of a duration; [`crate::job::units::duration`] reads it.
pub(super) const DURATION: &str = r"^\s*([0-9]+(\.[0-9]*)?\s*(ms|s|min|m|h|d)\s*)+$";

/// The pattern of a size; [`crate::job::units::size`] reads it.
const SIZE: &str = r"^\s*[0-9][0-9_.]*\s*([bB]|[kKmMgG]([iI]?[bB])?)?\s*$";

/// `limits.concurrency`: a number, or a word.
pub(super) fn concurrency(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [{ "const": "auto" }, { "type": "integer", "minimum": 1, "maximum": 100_000 }] })
}

/// `input.sheet`: a name or a number.
pub(super) fn sheet(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [{ "type": "integer", "minimum": 1 }, { "type": "string", "minLength": 1 }] })
}

/// A size: a number of bytes, or one with a unit.
pub(super) fn size(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [{ "type": "integer", "minimum": 1 }, { "type": "string", "pattern": SIZE }] })
}
