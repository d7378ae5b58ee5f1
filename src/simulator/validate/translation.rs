//! The rules of the translation models: one message of the user, known languages, 8,192 tokens.

use serde_json::Value;

use super::super::error_bodies::Refusal;
use super::super::languages::knows_language;
use super::ValidRequest;
use super::messages::role;

/// What these models cannot do (Model Studio, "qwen-mt-api").
const NOT_SUPPORTED: [&str; 3] = ["tools", "response_format", "enable_search"];

/// Checks a request to a translation model.
pub(super) fn check(call: &ValidRequest) -> Result<(), Refusal> {
    for key in NOT_SUPPORTED {
        if call.body.get(key).is_some_and(|value| !value.is_null()) {
            return Err(Refusal::invalid(format!("The model {} does not support '{key}'.", call.name)));
        }
    }
    match call.messages {
        [message] if role(message) == "user" => {}
        // The service answers so whatever the deviation is, a system message above all.
        _ => return Err(Refusal::broken_in_service("Role must be in [user, assistant]")),
    }
    if !call.messages[0].get("content").is_some_and(|content| content.is_string() || content.is_array()) {
        return Err(Refusal::invalid_in_service("input content must be a string."));
    }
    if call.prompt_tokens() > call.model.max_input {
        let words = format!("Range of input length should be [1, {}]", call.model.max_input);
        return Err(Refusal::invalid_in_service(&words));
    }
    match call.body.get("translation_options") {
        None | Some(Value::Null) => Ok(()),
        Some(options) => check_options(call.name, options),
    }
}

fn check_options(model: &str, options: &Value) -> Result<(), Refusal> {
    let source = options.get("source_lang").and_then(Value::as_str).unwrap_or("auto");
    let Some(target) = options.get("target_lang").and_then(Value::as_str) else {
        return Err(Refusal::invalid("'target_lang' is a required property - 'translation_options'"));
    };
    if (source != "auto" && !knows_language(model, source)) || !knows_language(model, target) {
        return Err(Refusal::invalid_in_service("Current language settings are not supported!"));
    }
    for list in ["terms", "tm_list"] {
        let pairs = options.get(list).and_then(Value::as_array).into_iter().flatten();
        for pair in pairs {
            if !pair.get("source").is_some_and(Value::is_string)
                || !pair.get("target").is_some_and(Value::is_string)
            {
                return Err(Refusal::invalid(format!(
                    "{pair} is not of type 'object' with 'source' and 'target' - 'translation_options.{list}'"
                )));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{assert_passes, assert_refused};
    use serde_json::{Value, json};

    fn translation(options: Value) -> Value {
        json!({"model": "qwen-mt-plus", "translation_options": options})
    }

    #[test]
    fn languages_must_be_known() {
        assert_passes(translation(json!({"source_lang": "auto", "target_lang": "French"})));
        let not_supported = "Current language settings are not supported!";
        assert_refused(translation(json!({"target_lang": "Klingon"})), 400, not_supported);
        assert_refused(
            translation(json!({"source_lang": "Klingon", "target_lang": "fr"})),
            400,
            not_supported,
        );
        assert_refused(translation(json!({"source_lang": "en"})), 400, "'target_lang' is a required");
    }

    #[test]
    fn only_one_message_of_the_user_is_taken() {
        let mut body = translation(json!({"target_lang": "fr"}));
        body["messages"] = json!([{"role": "system", "content": "x"}, {"role": "user", "content": "x"}]);
        assert_refused(body, 500, "Role must be in [user, assistant]");
    }

    #[test]
    fn more_than_8192_tokens_are_too_long() {
        let mut body = translation(json!({"target_lang": "fr"}));
        body["messages"] = json!([{"role": "user", "content": "word ".repeat(8_200)}]);
        assert_refused(body, 400, "Range of input length should be [1, 8192]");
    }
}
