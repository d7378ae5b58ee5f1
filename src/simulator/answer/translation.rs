//! Translations that differ by row and language: the text itself, marked and with its terms replaced; or an echo.

use serde_json::Value;

use super::super::request::{ValidRequest, last_question};
use super::super::translation_style::TranslationStyle;

/// `[French] the text`, with its terms replaced; a text in the memory gets its translation. An echo is the text itself.
pub(super) fn translate(call: &ValidRequest, style: TranslationStyle) -> String {
    let source = last_question(call.messages);
    if style == TranslationStyle::Echo {
        return source;
    }
    let Some(options) = call.get("translation_options") else {
        return format!("[translation] {source}");
    };
    let target = options.get("target_lang").and_then(Value::as_str).unwrap_or_default();
    let remembered = call.pairs("tm_list").flatten().find(|(known, _)| *known == source);
    let text = match remembered {
        Some((_, translation)) => translation.to_owned(),
        None => call
            .pairs("terms")
            .flatten()
            .filter(|(term, _)| !term.is_empty())
            .fold(source, |text, (term, translation)| text.replace(term, translation)),
    };
    format!("[{target}] {text}")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{answer_in, answer_to};
    use super::TranslationStyle;
    use serde_json::{Value, json};

    fn translated(text: &str, options: Value) -> String {
        let fields = json!({"model": "qwen-mt-plus", "translation_options": options});
        answer_to(text, fields).choices[0].content.clone()
    }

    #[test]
    fn a_translation_names_its_language_and_keeps_its_row() {
        assert_eq!(
            translated("Good day, row 7", json!({"target_lang": "French"})),
            "[French] Good day, row 7"
        );
    }

    #[test]
    fn terms_and_memory_are_applied() {
        let terms = json!([{"source": "day", "target": "jour"}]);
        assert_eq!(translated("Good day", json!({"target_lang": "fr", "terms": terms})), "[fr] Good jour");
        let memory = json!([{"source": "Good day", "target": "Bonjour"}]);
        assert_eq!(translated("Good day", json!({"target_lang": "fr", "tm_list": memory})), "[fr] Bonjour");
    }

    #[test]
    fn an_echo_is_the_text_itself_whatever_its_terms() {
        let text = "  Good day\n\n";
        let options = json!({"target_lang": "fr", "terms": [{"source": "day", "target": "jour"}]});
        let messages = json!([{"role": "user", "content": text}]);
        let body = json!({"model": "qwen-mt-plus", "messages": messages, "translation_options": options});
        assert_eq!(answer_in(TranslationStyle::Echo, &body).choices[0].content, text);
    }
}
