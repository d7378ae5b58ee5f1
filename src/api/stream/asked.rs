//! The fields of a request that decide how its answer is read; and the request for a stream.

use serde::Deserialize;

use crate::api::lenient;

/// The fields of a request that its answer depends on.
#[derive(Deserialize)]
pub(super) struct AskedFields {
    #[serde(default, deserialize_with = "lenient::text")]
    model: Option<String>,
    #[serde(default)]
    n: serde_json::Value,
}

impl AskedFields {
    /// Reads them from a body; if it cannot be read, they are unknown.
    pub(super) fn of(request: &[u8]) -> Self {
        let unknown = || Self { model: None, n: serde_json::Value::Bool(false) };
        serde_json::from_slice(request).unwrap_or_else(|_| unknown())
    }

    /// Whether the model sends its whole text so far with each piece: qwen-mt-plus and qwen-mt-turbo do, the other
    /// translation models do not (Model Studio, "qwen-mt-api"). The name decides, because a piece by itself does not show
    /// it: a text may repeat itself.
    pub(super) fn repeats(&self) -> bool {
        let name = self.model.as_deref().and_then(|model| model.rsplit('/').next());
        let name = name.unwrap_or_default().to_ascii_lowercase();
        ["qwen-mt-plus", "qwen-mt-turbo"].iter().any(|family| name.starts_with(family))
    }

    /// How many choices are requested; 0 if unknown.
    pub(super) fn choices(self) -> usize {
        match self.n {
            serde_json::Value::Null => 1,
            said => lenient::count(said).ok().flatten().map_or(0, |n| usize::try_from(n).unwrap_or(0).max(1)),
        }
    }
}

/// How many choices a request asks for; 0 if unknown: then all that arrive are kept.
pub(in crate::api) fn choices_asked_for(request: &[u8]) -> usize {
    // Hardly any request sets this, and a request may be long.
    let names_them = request.windows(3).any(|window| window == b"\"n\"");
    if names_them { AskedFields::of(request).choices() } else { 1 }
}

/// The body as a request for a stream: the fields of transport are added at its end, and nothing else changes.
pub(in crate::api) fn asking(body: &[u8]) -> Vec<u8> {
    let inner = body.trim_ascii_end().strip_suffix(b"}").unwrap_or(body).trim_ascii_end();
    let comma: &[u8] = if inner.ends_with(b"{") { b"" } else { b"," };
    [inner, comma, br#""stream":true,"stream_options":{"include_usage":true}}"#].concat()
}
