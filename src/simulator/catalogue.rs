//! The properties of a model by its name: thinking, streaming, sizes.
//!
//! Facts from Model Studio's pages "text generation", "deep thinking", "streaming" and "qwen-mt-api", 2026; where a page
//! differs from what was observed on the wire, the observation is used.

/// How a model thinks before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ThinkingMode {
    /// It cannot think, and rejects requests to do so.
    Never,
    /// It can think: off by default.
    Off,
    /// It can think: on by default.
    On,
    /// It always thinks.
    Always,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SimulatedModel {
    pub(super) thinking: ThinkingMode,
    /// Whether thinking requires a stream.
    pub(super) thinks_by_stream_only: bool,
    pub(super) stream_only: bool,
    /// Whether it is a machine translation model, with rules of its own.
    pub(super) translates: bool,
    /// Whether a stream repeats the whole text so far in every piece.
    pub(super) repeats_itself: bool,
    pub(super) sees_images: bool,
    /// Tokens.
    pub(super) max_output: u64,
    /// Whether `max_tokens` bounds thoughts and answer together.
    pub(super) output_includes_thinking: bool,
    /// Tokens.
    pub(super) max_input: u64,
    /// Tokens of reasoning.
    pub(super) max_thinking: u64,
}

const PLAIN: SimulatedModel = SimulatedModel {
    thinking: ThinkingMode::Never,
    thinks_by_stream_only: false,
    stream_only: false,
    translates: false,
    repeats_itself: false,
    sees_images: false,
    max_output: 32_768,
    output_includes_thinking: false,
    max_input: 991_808,
    max_thinking: 38_912,
};

/// The models listed by `GET /models`: a few of those that are supported.
pub(super) const LISTED: [&str; 10] = [
    "qwen4-max",
    "qwen3.8-max",
    "qwen3.7-max",
    "qwen3.7-flash",
    "qwen3.6-plus",
    "qwen-plus",
    "qwen-flash",
    "qwen-mt-plus",
    "qwen-mt-flash",
    "qwen-mt-lite",
];

/// A model with any name that accepts any parameter, as on other OpenAI-compatible servers.
pub(super) fn any_model() -> SimulatedModel {
    SimulatedModel { thinking: ThinkingMode::Off, sees_images: true, max_output: 131_072, ..PLAIN }
}

/// The model with this name; `None` when the server does not have it.
pub(super) fn find_model(name: &str) -> Option<SimulatedModel> {
    let starts = |prefix: &str| name.starts_with(prefix);
    let model = if starts("sim-") {
        any_model()
    } else if starts("qwen-mt-") {
        translation_model(name)
    } else if starts("qwq-") || starts("qvq-") || (starts("qwen") && name.contains("-thinking-")) {
        SimulatedModel {
            thinking: ThinkingMode::Always,
            stream_only: true,
            sees_images: starts("qvq-") || name.contains("-vl-"),
            max_output: 8_192,
            max_input: 98_304,
            ..PLAIN
        }
    } else if starts("qwen") && name.contains("omni") {
        SimulatedModel { stream_only: true, sees_images: true, max_output: 16_384, ..PLAIN }
    } else if starts("qwen3.") || starts("qwen4-") {
        let max_output = match () {
            () if starts("qwen4-") => 384_000,
            () if starts("qwen3.8-") => 131_072,
            () => 65_536,
        };
        SimulatedModel {
            thinking: ThinkingMode::On,
            sees_images: true,
            max_output,
            output_includes_thinking: starts("qwen4-"),
            max_thinking: 81_920,
            ..PLAIN
        }
    } else if starts("qwen") {
        older_model(name)
    } else {
        return None;
    };
    Some(model)
}

/// The translation models: 8,192 tokens in and out; plus and turbo repeat the whole text in each piece.
fn translation_model(name: &str) -> SimulatedModel {
    let repeats_itself = name.starts_with("qwen-mt-plus") || name.starts_with("qwen-mt-turbo");
    SimulatedModel { translates: true, repeats_itself, max_output: 8_192, max_input: 8_192, ..PLAIN }
}

/// The models before qwen3.5, by the longest matching prefix of their names.
fn older_model(name: &str) -> SimulatedModel {
    let hybrid = SimulatedModel { thinking: ThinkingMode::Off, ..PLAIN };
    let starts = |prefix: &str| name.starts_with(prefix);
    if starts("qwen3-coder") {
        SimulatedModel { max_output: 65_536, ..PLAIN }
    } else if name.contains("-instruct") {
        SimulatedModel { sees_images: name.contains("vl"), max_output: 16_384, max_input: 129_024, ..PLAIN }
    } else if starts("qwen3-max") {
        SimulatedModel { max_output: 65_536, max_input: 258_048, ..hybrid }
    } else if starts("qwen3-vl-plus") || starts("qwen3-vl-flash") {
        SimulatedModel { sees_images: true, max_input: 260_096, ..hybrid }
    } else if is_open_source(name) {
        SimulatedModel {
            thinking: ThinkingMode::On,
            thinks_by_stream_only: true,
            max_output: 16_384,
            max_input: 129_024,
            ..PLAIN
        }
    } else if name.contains("character") {
        SimulatedModel { max_output: 512, max_input: 7_680, ..PLAIN }
    } else if starts("qwen-plus") || starts("qwen-flash") {
        hybrid
    } else if starts("qwen-turbo") {
        SimulatedModel { max_output: 16_384, max_input: 98_304, ..hybrid }
    } else if starts("qwen-max") {
        SimulatedModel { max_output: 8_192, max_input: 30_720, ..PLAIN }
    } else if starts("qwen-long") {
        SimulatedModel { max_output: 8_192, max_input: 10_000_000, ..PLAIN }
    } else {
        SimulatedModel { sees_images: name.contains("vl"), max_output: 8_192, max_input: 129_024, ..PLAIN }
    }
}

/// `qwen3-32b`, `qwen3-235b-a22b` and the like, which think by default.
fn is_open_source(name: &str) -> bool {
    name.strip_prefix("qwen3-").is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_that_answer_by_stream_only_are_known() {
        for name in ["qwq-plus", "qvq-max", "qwen3-omni-flash", "qwen3-235b-a22b-thinking-2507"] {
            assert!(find_model(name).unwrap().stream_only, "{name}");
        }
        for name in ["qwen-plus", "qwen3-235b-a22b-instruct-2507", "qwen-mt-plus", "qwen3.5-plus"] {
            assert!(!find_model(name).unwrap().stream_only, "{name}");
        }
    }

    #[test]
    fn thinking_follows_the_name() {
        let thinking = |name: &str| find_model(name).unwrap().thinking;
        assert_eq!(thinking("qwen3.6-plus"), ThinkingMode::On);
        assert_eq!(thinking("qwen3-32b"), ThinkingMode::On);
        assert_eq!(thinking("qwen3-max"), ThinkingMode::Off);
        assert_eq!(thinking("qwen3-coder-plus"), ThinkingMode::Never);
    }

    #[test]
    fn a_foreign_name_is_not_a_model() {
        assert_eq!(find_model("gpt-5"), None);
        assert!(find_model("sim-fast").is_some());
    }
}
