//! What an editor is told of the job file: its JSON Schema, made from the types that it is read into.

use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use crate::config::file::JobFile;

/// What a duration looks like to an editor; [`crate::job::units::duration`] is what reads it.
pub const DURATION: &str = r"^\s*([0-9]+(\.[0-9]*)?\s*(ms|s|min|m|h|d)\s*)+$";

/// What a size looks like to an editor; [`crate::job::units::size`] is what reads it.
const SIZE: &str = r"^\s*[0-9][0-9_.]*\s*([bB]|[kKmMgG]([iI]?[bB])?)?\s*$";

/// The JSON Schema of the job file, in the draft that editors of TOML know best (07), without references, which some
/// of them lose the descriptions behind.
pub fn schema() -> Value {
    let mut settings = SchemaSettings::draft07();
    settings.inline_subschemas = true;
    settings.transforms.push(Box::new(AsToml));
    settings.into_generator().into_root_schema_for::<JobFile>().to_value()
}

/// TOML has no null, and of numbers it knows no sizes: what may be left out is left out.
#[derive(Debug, Clone)]
struct AsToml;

impl Transform for AsToml {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        schema.remove("format");
        if schema.get("default").is_some_and(Value::is_null) {
            schema.remove("default");
        }
        if let Some(Value::Array(kinds)) = schema.get_mut("type") {
            kinds.retain(|kind| kind != "null");
            if let [kind] = &kinds[..] {
                let kind = kind.clone();
                schema.insert("type".to_owned(), kind);
            }
        }
        if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
            choices.retain(|choice| choice != &serde_json::json!({ "type": "null" }));
            if let [Value::Object(only)] = &mut choices[..] {
                let only = std::mem::take(only);
                schema.remove("anyOf");
                for (key, value) in only {
                    schema.ensure_object().entry(key).or_insert(value);
                }
            }
        }
    }
}

/// `limits.concurrency`: a number, or a word.
pub(super) fn concurrency(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [{ "const": "auto" }, { "type": "integer", "minimum": 1, "maximum": 100_000 }] })
}

/// A size: a number of bytes, or one with a unit.
pub(super) fn size(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "anyOf": [{ "type": "integer", "minimum": 1 }, { "type": "string", "pattern": SIZE }] })
}
