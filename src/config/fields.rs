//! The fields of `[request]`, and of the request of another section: TOML turned into JSON, with the place of every string in it.

use serde_json::{Map, Value as Json};
use toml::Value;

use crate::config::layers::Layers;
use crate::diagnostic::Diagnostic;
use crate::diagnostic::secret_scan::holds_a_key;
use crate::job::TemplateText;

/// Where a key belongs.
const OF_A_KEY: &str =
    "`api_key_env`, `api_key_file` or `api_key_command` under [model] sets where the key is found";

/// The strings of a request, each with the keys that lead to it.
pub(super) type Texts = Vec<(Vec<String>, TemplateText)>;

/// The fields of a request as JSON, and the places of their strings: each string is a template. `name`: the section's.
pub(super) fn request(
    section: &toml::Table,
    name: &str,
    layers: &Layers,
) -> Result<(Map<String, Json>, Texts), Diagnostic> {
    for (key, why) in [
        ("model", "set the model under [model]"),
        ("messages", "turns come from [prompt], or from the rows"),
        ("stream", "set model.transport instead"),
        ("stream_options", "set model.transport instead"),
        ("extra_body", "it is a wrapper of the Python client; write its fields directly under [request]"),
    ] {
        if section.contains_key(key) {
            let message = format!("`{key}` does not belong under [{name}]: {why}");
            return Err(layers.problem(&format!("{name}.{key}"), message));
        }
    }
    for key in section.keys() {
        if let Some(place) = of_the_connection(key) {
            let message = format!(
                "`{key}` does not belong under [{name}], whose fields are sent in the body of each request"
            );
            return Err(layers.problem(&format!("{name}.{key}"), message).help(place));
        }
    }
    let mut reading = FieldReader { section: name, layers, texts: Vec::new() };
    let mut fields = Map::new();
    for (key, value) in section {
        let mut path = vec![key.clone()];
        fields.insert(key.clone(), reading.json(value, &mut path)?);
    }
    Ok((fields, reading.texts))
}

/// Where a field belongs that concerns the connection and not the request; `None` for any other.
fn of_the_connection(key: &str) -> Option<&'static str> {
    match key.to_ascii_lowercase().replace('-', "_").as_str() {
        "api_key" | "apikey" | "authorization" => Some(OF_A_KEY),
        "headers" | "extra_headers" | "default_headers" => {
            Some("headers belong under [model]: `headers = { … }`")
        }
        _ => None,
    }
}

/// Reads the fields of a section.
struct FieldReader<'a> {
    section: &'a str,
    layers: &'a Layers,
    texts: Texts,
}

impl FieldReader<'_> {
    fn json(&mut self, value: &Value, path: &mut Vec<String>) -> Result<Json, Diagnostic> {
        let layers = self.layers;
        let section = self.section;
        let key = |path: &[String]| format!("{section}.{}", path.join("."));
        Ok(match value {
            Value::String(source) if holds_a_key(source) => {
                let name = path.join(".");
                let message = format!(
                    "the value of `{name}` looks like a key, and would be sent in the body of each request"
                );
                return Err(layers.problem(&key(path), message).help(OF_A_KEY));
            }
            Value::String(source) => {
                let text = TemplateText { source: source.clone(), place: layers.place(&key(path)) };
                self.texts.push((path.clone(), text));
                Json::String(source.clone())
            }
            Value::Integer(number) => Json::from(*number),
            Value::Float(number) => serde_json::Number::from_f64(*number)
                .map(Json::Number)
                .ok_or_else(|| layers.problem(&key(path), format!("JSON has no number {number}")))?,
            Value::Boolean(flag) => Json::Bool(*flag),
            Value::Datetime(datetime) => Json::String(datetime.to_string()),
            Value::Array(values) => {
                let mut items = Vec::with_capacity(values.len());
                for (index, value) in values.iter().enumerate() {
                    path.push(index.to_string());
                    items.push(self.json(value, path)?);
                    path.pop();
                }
                Json::Array(items)
            }
            Value::Table(table) => {
                let mut fields = Map::new();
                for (name, value) in table {
                    path.push(name.clone());
                    fields.insert(name.clone(), self.json(value, path)?);
                    path.pop();
                }
                Json::Object(fields)
            }
        })
    }
}
