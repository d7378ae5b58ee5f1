//! The JSON Schema of the job file for editors, made from the types that the file is read into.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use serde_json::Value;

use crate::config::file::JobFile;

/// The JSON Schema of the job file, in the draft that editors of TOML support best (07), without references, behind which
/// some of them lose the descriptions.
pub fn schema() -> Value {
    let mut settings = SchemaSettings::draft07();
    settings.inline_subschemas = true;
    settings.transforms.push(Box::new(AsToml));
    settings.into_generator().into_root_schema_for::<JobFile>().to_value()
}

/// Removes null and number formats: TOML has no null and no number sizes; an optional key is simply omitted.
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
        if let Some(Value::Array(words)) = schema.get_mut("enum") {
            words.retain(|word| !word.is_null());
        }
        // The description of the key explains the words of an enum.
        if let Some(Value::Array(variants)) = schema.get("oneOf") {
            let words: Option<Vec<Value>> =
                variants.iter().map(|variant| variant.get("const").cloned()).collect();
            if let Some(words) = words {
                schema.remove("oneOf");
                schema.insert("type".to_owned(), "string".into());
                schema.insert("enum".to_owned(), words.into());
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
