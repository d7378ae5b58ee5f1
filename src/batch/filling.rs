//! How requests are divided among files: one model and one thinking mode in each, within the provider's bounds and the caps.

use serde::Deserialize;

use crate::job::batch::BatchSettings;
use crate::request::ChatRequest;
use crate::reserve::Reserve;

/// What all lines of a batch have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BatchKind {
    /// The model.
    pub model: String,
    /// Whether it thinks before it answers.
    thinks: bool,
    /// What the request says about that itself.
    enable_thinking: Option<bool>,
}

#[derive(Deserialize)]
struct KindFields {
    #[serde(default)]
    model: String,
    #[serde(default)]
    enable_thinking: Option<bool>,
}

impl BatchKind {
    /// The kind of batch that a request goes into.
    pub fn of(request: &ChatRequest) -> Self {
        let fields: Option<KindFields> = serde_json::from_slice(&request.body).ok();
        let (model, enable_thinking) =
            fields.map(|fields| (fields.model, fields.enable_thinking)).unwrap_or_default();
        Self { model, thinks: request.thinks, enable_thinking }
    }
}

/// How full a file is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Filling {
    /// Its lines.
    pub lines: u32,
    /// Its bytes.
    pub bytes: u64,
    /// The most that they may cost together.
    pub worst: Reserve,
}

impl Filling {
    /// Whether a line of so many bytes still fits in.
    pub fn takes(&self, bytes: u64, settings: &BatchSettings) -> bool {
        self.lines < settings.max_lines && self.bytes.saturating_add(bytes) <= settings.max_bytes
    }

    /// Adds a line.
    pub fn add(&mut self, bytes: u64, worst: Reserve) {
        self.lines += 1;
        self.bytes += bytes;
        self.worst += worst;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Fingerprint;

    fn kind(body: &str, thinks: bool) -> BatchKind {
        let request = ChatRequest::of_body(body.as_bytes().to_vec(), Fingerprint::default());
        BatchKind::of(&ChatRequest { thinks, ..request })
    }

    #[test]
    fn a_batch_has_one_model_and_one_thinking_mode() {
        let plain = kind(r#"{"model":"m","messages":[]}"#, false);
        assert_eq!(plain, kind(r#"{"messages":[{"x":1}],"model":"m"}"#, false));
        assert_ne!(plain, kind(r#"{"model":"n"}"#, false));
        assert_ne!(plain, kind(r#"{"model":"m"}"#, true));
        assert_ne!(plain, kind(r#"{"model":"m","enable_thinking":false}"#, false));
    }

    #[test]
    fn a_file_is_full_at_its_lines_or_at_its_bytes() {
        let settings = BatchSettings { max_lines: 2, max_bytes: 100, ..BatchSettings::default() };
        let mut filling = Filling::default();
        assert!(filling.takes(100, &settings) && !filling.takes(101, &settings));
        filling.add(40, Reserve::NOTHING);
        assert!(filling.takes(60, &settings) && !filling.takes(61, &settings));
        filling.add(40, Reserve::NOTHING);
        assert!(!filling.takes(1, &settings));
    }
}
