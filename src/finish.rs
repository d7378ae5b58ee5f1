//! Why a model stopped, in the words of many servers. Pure.
//!
//! OpenAI has `stop`, `length`, `tool_calls`, `function_call` and `content_filter`. The words of other servers are from
//! their documentation and code: vLLM and SGLang (`abort`), DeepSeek (`insufficient_system_resource`), Mistral
//! (`model_length`, `error`), Zhipu (`sensitive`, `network_error`), Anthropic (`end_turn`, `max_tokens`, `refusal`), Gemini
//! (`STOP`, `MAX_TOKENS`, `SAFETY`, …), Cohere (`COMPLETE`), TGI (`eos_token`), Ollama (`load`, `unload`), OpenRouter
//! (`error`), Amazon Bedrock (`guardrail_intervened`).

/// The meaning of a finish reason for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The answer is whole.
    Whole,
    /// It was cut by a limit on its length.
    Length,
    /// The server's filter withdrew it, or the rest of it.
    Filtered,
    /// The server broke it off: it is not an answer.
    Broken,
    /// An unknown word. The answer is accepted, and the word reported.
    Unknown,
}

const WHOLE: &[&str] = &[
    "stop",
    "tool_calls",
    "function_call",
    "tool_use",
    "tool_call",
    "end_turn",
    "stop_sequence",
    "stop_str",
    "stop_token",
    "eos",
    "eos_token",
    "end",
    "complete",
    "completed",
    "done",
];
const LENGTH: &[&str] = &[
    "length",
    "max_tokens",
    "max_output_tokens",
    "max_completion_tokens",
    "max_new_tokens",
    "model_length",
    "max_length",
    "model_context_window_exceeded",
];
const FILTERED: &[&str] = &[
    "content_filter",
    "content_filtered",
    "sensitive",
    "safety",
    "recitation",
    "blocklist",
    "prohibited_content",
    "spii",
    "guardrail_intervened",
    "guardrails",
    "refusal",
    "image_safety",
    "language",
    "error_toxic",
];
const BROKEN: &[&str] = &[
    "abort",
    "aborted",
    "error",
    "errored",
    "insufficient_system_resource",
    "cancelled",
    "canceled",
    "cancel",
    "failed",
    "failure",
    "interrupted",
    "disconnected",
    "network_error",
    "timeout",
    "timed_out",
    "server_error",
    "internal_error",
    "malformed_function_call",
    "load",
    "unload",
    "error_limit",
    "user_cancel",
    "unexpected_tool_call",
    "malformed_model_output",
    "malformed_tool_use",
];

impl Finish {
    /// The meaning of a server's word, in any case.
    pub fn of(word: &str) -> Self {
        // Nearly every answer ends like this.
        if word == "stop" {
            return Self::Whole;
        }
        let word = word.replace('-', "_");
        let is_in = |words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(&word));
        match () {
            () if is_in(WHOLE) => Self::Whole,
            () if is_in(LENGTH) => Self::Length,
            () if is_in(FILTERED) => Self::Filtered,
            () if is_in(BROKEN) => Self::Broken,
            () => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_many_servers_are_known_in_any_case() {
        for (word, finish) in [
            ("stop", Finish::Whole),
            ("STOP", Finish::Whole),
            ("end_turn", Finish::Whole),
            ("MAX_TOKENS", Finish::Length),
            ("model_length", Finish::Length),
            ("content_filter", Finish::Filtered),
            ("SAFETY", Finish::Filtered),
            ("abort", Finish::Broken),
            ("insufficient_system_resource", Finish::Broken),
            ("Cancelled", Finish::Broken),
            ("content-filter", Finish::Filtered),
            ("refusal", Finish::Filtered),
            ("because", Finish::Unknown),
            ("", Finish::Unknown),
        ] {
            assert_eq!(Finish::of(word), finish, "{word}");
        }
    }
}
