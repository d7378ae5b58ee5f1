//! The input of a request beyond its text: images, audio, video, files, and what the model looks up by itself. Text has at
//! most one token per byte; each of these has a bound of its own.

use serde_json::{Map, Value};

use crate::job::facts::ModelInfo;
use crate::request::Media;

/// Switches that let the model read content from outside the request.
const LOOKS_UP: [(&str, &str); 2] =
    [("enable_search", "a web search"), ("enable_code_interpreter", "a code interpreter")];

/// Models that read uploaded files by name, and how such a name begins.
const READS_FILES: [&str; 2] = ["qwen-long", "qwen-doc"];
const FILE: &str = "fileid://";

/// The input of a request that is not its own text.
pub(super) fn of(body: &Map<String, Value>, facts: &ModelInfo) -> Media {
    let turns = body.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut media = Media::default();
    let parts = turns.iter().filter_map(|turn| turn.get("content")?.as_array()).flatten();
    for (part, kind) in parts.filter_map(|part| Some((part, kind(part)?))) {
        media.bytes += part.to_string().len() as u64;
        let most = facts.max_image_tokens.filter(|_| kind == IMAGE).or(facts.max_input_tokens);
        add(&mut media, kind, most);
    }
    let looks_up = LOOKS_UP.iter().filter(|(key, _)| body.get(*key) == Some(&Value::Bool(true)));
    looks_up.for_each(|(_, kind)| add(&mut media, kind, facts.max_input_tokens));
    // All of it is input, whose maximum is known too.
    media.tokens = media.tokens.min(facts.max_input_tokens.unwrap_or(u64::MAX));
    media
}

/// The same, including the files that a text names, for a model that reads such files.
pub(super) fn with_files(media: Media, model: Option<&str>, json: &[u8], facts: &ModelInfo) -> Media {
    let reads = model.is_some_and(|model| READS_FILES.iter().any(|name| model.starts_with(name)));
    if !reads || !std::str::from_utf8(json).is_ok_and(|json| json.contains(FILE)) {
        return media;
    }
    let mut media = media;
    add(&mut media, "a file", facts.max_input_tokens);
    media
}

fn add(media: &mut Media, kind: &'static str, most: Option<u64>) {
    media.tokens = media.tokens.saturating_add(most.unwrap_or(0));
    if most.is_none() {
        media.unknown = media.unknown.or(Some(kind));
    }
}

const IMAGE: &str = "an image";

/// The medium of a part of a turn, in words; `None` for text.
pub(super) fn kind(part: &Value) -> Option<&'static str> {
    let named = part.get("type").and_then(Value::as_str);
    let has = |key: &str| part.get(key).is_some();
    match named {
        Some("text") => None,
        None if has("text") || !part.is_object() => None,
        Some(word) if word.contains("image") => Some(IMAGE),
        Some(word) if word.contains("audio") => Some("audio"),
        Some(word) if word.contains("video") => Some("a video"),
        Some(word) if word.contains("file") || word.contains("document") => Some("a file"),
        None if has("image_url") || has("image") => Some(IMAGE),
        _ => Some("a part that is not text"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn media(parts: Value, facts: &ModelInfo) -> Media {
        let body = json!({ "messages": [{ "role": "user", "content": parts }] });
        of(body.as_object().expect("an object"), facts)
    }

    #[test]
    fn each_part_that_is_no_text_has_a_bound_of_its_own() {
        let facts =
            ModelInfo { max_image_tokens: Some(100), max_input_tokens: Some(1_000), ..ModelInfo::default() };
        let text = json!({ "type": "text", "text": "What is it?" });
        let image = json!({ "type": "image_url", "image_url": { "url": "https://x/y.png" } });
        let video = json!({ "type": "video_url", "video_url": { "url": "https://x/y.mp4" } });
        assert_eq!(media(json!([text]), &facts), Media::default());
        assert_eq!(media(json!("a text"), &facts), Media::default());
        let two = media(json!([image, text, image]), &facts);
        assert_eq!((two.tokens, two.unknown), (200, None));
        assert_eq!(two.bytes, 2 * image.to_string().len() as u64);
        // Capped at the maximum input.
        assert_eq!(media(json!([image, video]), &facts).tokens, 1_000);
        assert_eq!(media(json!([text, image]), &ModelInfo::default()).unknown, Some("an image"));
        let search = json!({ "messages": [], "enable_search": true });
        let search = of(search.as_object().expect("an object"), &ModelInfo::default());
        assert_eq!(search.unknown, Some("a web search"));
    }

    #[test]
    fn a_file_that_a_text_names_counts_where_the_model_reads_such_files() {
        let facts = ModelInfo { max_input_tokens: Some(1_000), ..ModelInfo::default() };
        let of = |model| with_files(Media::default(), Some(model), b"fileid://file-fe-1", &facts).tokens;
        assert_eq!((of("qwen-long"), of("qwen-plus")), (1_000, 0));
    }
}
