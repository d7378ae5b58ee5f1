//! Rules across fields: what goes with thinking, streams, structured answers, turns and translations, and which servers they hold for.

use super::*;

#[test]
fn thinking_goes_with_what_the_model_can() {
    refused("qwen-max", json!({ "enable_thinking": true }), &["not accepted by qwen-max", "does not think"]);
    passes("qwen-max", json!({ "enable_thinking": false }));
    refused("qwq-plus", json!({ "enable_thinking": false }), &["qwq-plus always thinks"]);
    let json_object = json!({ "type": "json_object" });
    let help = "set `enable_thinking = false`";
    refused("qwen3.6-plus", json!({ "response_format": json_object }), &["thinks by default", help]);
    passes("qwen3.6-plus", json!({ "response_format": json_object, "enable_thinking": false }));
    let both = json!({ "response_format": json_object, "enable_thinking": true });
    refused("qwen-plus", both.clone(), &["`enable_thinking` is true", help]);
    refused("qwen-new", both, &["`enable_thinking` is true", help]);
    refused("qwq-plus", json!({ "response_format": schema("a") }), &["a model that does not always think"]);
    refused(
        "qwen3.6-plus",
        json!({ "tools": [tool("f")], "tool_choice": tool("f") }),
        &["tool_choice", help],
    );
    let goes_on =
        json!([{ "role": "user", "content": "x" }, { "role": "assistant", "content": "y", "partial": true }]);
    refused("qwen3.6-plus", json!({ "messages": goes_on }), &["partial", help]);
    passes("qwen3.6-plus", json!({ "messages": goes_on, "enable_thinking": false }));
}

#[test]
fn what_is_answered_only_as_a_stream_is_refused_in_one_piece_and_passes_as_a_stream() {
    for (model, fields) in [
        ("qwen3.6-plus", json!({ "enable_search": true })),
        ("qwen-plus", json!({ "enable_search": true, "search_options": { "search_strategy": "agent" } })),
        ("qwen-doc-turbo", json!({ "skill": [{ "type": "ppt" }] })),
    ] {
        refused(model, fields.clone(), &["only answered as a stream", "`transport`"]);
        let mut body = json!({ "model": model, "messages": [{ "role": "user", "content": "x" }] });
        body.as_object_mut().expect("an object").extend(fields.as_object().cloned().expect("fields"));
        let body = body.as_object().expect("an object");
        assert!(needs_stream(body, &facts(model)));
        assert_eq!(request(body, &facts(model), true), Ok(()));
    }
}

#[test]
fn structured_answers_are_asked_for_as_the_service_wants_it() {
    let json_object = json!({ "type": "json_object" });
    let silent = json!([{ "role": "user", "content": "Answer briefly." }]);
    refused(
        "qwen-plus",
        json!({ "response_format": json_object, "messages": silent }),
        &["the word \"json\""],
    );
    let parts = json!([{ "role": "user", "content": [{ "type": "text", "text": "As Json." }] }]);
    passes("qwen-plus", json!({ "response_format": json_object, "messages": parts }));
    passes("qwen-plus", json!({ "response_format": schema(&"x".repeat(64)), "messages": silent }));
    refused(
        "qwen-plus",
        json!({ "response_format": schema(&"x".repeat(65)) }),
        &["json_schema.name", "1 to 64"],
    );
    let nameless = json!({ "type": "json_schema", "json_schema": { "schema": {} } });
    refused("qwen-plus", json!({ "response_format": nameless }), &["json_schema.name", "missing"]);
    refused(
        "qwen-plus",
        json!({ "response_format": { "type": "json_schema" } }),
        &["json_schema", "missing"],
    );
    refused(
        "qwen-plus",
        json!({ "response_format": { "type": "yaml" } }),
        &["text, json_object, json_schema"],
    );
    refused("qwen-max", json!({ "response_format": schema("a") }), &["qwen-max", "[answer]"]);
}

#[test]
fn a_conversation_keeps_its_order_and_its_marks() {
    let user = json!({ "role": "user", "content": "x" });
    let call = json!({ "role": "assistant", "content": null, "tool_calls": [{ "id": "c1" }] });
    let result = |id: &str| json!({ "role": "tool", "content": "y", "tool_call_id": id });
    let marked = |count: usize, kind: &str| {
        let part = json!({ "type": "text", "text": "x", "cache_control": { "type": kind } });
        json!([{ "role": "user", "content": vec![part; count] }])
    };
    for messages in [
        json!([{ "role": "system", "content": "s" }, user]),
        json!([user, { "role": "assistant", "content": "y" }, user]),
        json!([user, call, result("c1")]),
        json!([user, { "role": "assistant", "content": "y", "partial": true }]),
        marked(4, "ephemeral"),
    ] {
        passes("qwen-plus", json!({ "messages": messages }));
    }
    for (messages, words) in [
        (json!([user, { "role": "system", "content": "s" }, user]), "turn 2 of `messages` is a system turn"),
        (
            json!([user, { "role": "assistant", "content": "y" }]),
            "the last turn of `messages` is assistant's",
        ),
        (json!([{ "role": "assistant", "content": "y", "partial": true }, user]), "only the last turn"),
        (json!([{ "role": "user", "content": "y", "partial": true }]), "only the assistant's"),
        (json!([user, call, result("c2")]), "the call `c2`"),
        (json!([user, { "role": "tool", "content": "y" }]), "no `tool_call_id`"),
        (marked(5, "ephemeral"), "at most 4"),
    ] {
        refused("qwen-plus", json!({ "messages": messages }), &[words]);
    }
}

#[test]
fn a_translation_is_one_text_into_a_known_language_and_little_else() {
    let into = |options: Value| json!({ "translation_options": options });
    let text = "messages";
    passes(
        "qwen-mt-plus",
        into(json!({ "source_lang": "auto", "target_lang": "FRENCH", "domains": "Shops." })),
    );
    passes("qwen-mt-plus", into(json!({ "target_lang": "fr", "terms": [{ "source": "a", "target": "b" }] })));
    passes("qwen-mt-plus", json!({ "temperature": 0.1, "top_k": 1, "max_tokens": 8192, "seed": 1 }));
    for (fields, words) in [
        (into(json!({ "source_lang": "auto" })), &["target_lang` is missing"][..]),
        (into(json!({ "target_lang": "auto" })), &["only `source_lang`"]),
        (into(json!({ "target_lang": "" })), &["target_lang` must be a language, by its name"]),
        (into(json!({ "target_lang": 7 })), &["target_lang` must be text, not 7"]),
        (
            into(json!({ "target_lang": "Frensh" })),
            &["translation_options.target_lang", "did you mean French (fr)?"],
        ),
        (into(json!({ "source_lang": "Inglish", "target_lang": "fr" })), &["source_lang", "English (en)"]),
        (into(json!({ "target_lnag": "fr" })), &["did you mean `target_lang`?"]),
        (into(json!({ "target_lang": "fr", "domains": ["x"] })), &["domains` must be text"]),
        (into(json!({ "target_lang": "fr", "terms": {} })), &["terms` must be a list"]),
        (into(json!({ "target_lang": "fr", "tm_list": [{ "source": "a" }] })), &["tm_list.0", "not a pair"]),
        (into(json!("fr")), &["translation_options` must be an object"]),
        (
            json!({ text: [{ "role": "system", "content": "s" }, { "role": "user", "content": "x" }] }),
            &["exactly one", "system, user"],
        ),
        (json!({ text: [{ "role": "assistant", "content": "x", "partial": true }] }), &["exactly one"]),
        (
            json!({ text: [{ "role": "user", "content": [{ "type": "text", "text": "x" }] }] }),
            &["as one text"],
        ),
    ] {
        refused("qwen-mt-plus", fields, words);
    }
    for (key, value) in [
        ("tools", json!([tool("f")])),
        ("tool_choice", json!("auto")),
        ("response_format", json!({ "type": "text" })),
        ("enable_search", json!(false)),
        ("enable_thinking", json!(false)),
        ("thinking_budget", json!(5)),
        ("n", json!(1)),
        ("stop", json!("x")),
        ("presence_penalty", json!(1)),
        ("logprobs", json!(true)),
        ("cache_control", json!({ "type": "ephemeral" })),
    ] {
        refused("qwen-mt-plus", json!({ key: value }), &[key, "not accepted by qwen-mt-plus", "temperature"]);
    }
}

#[test]
fn other_servers_models_are_held_to_structure_alone() {
    let turns = json!([{ "role": "developer", "content": "x" }, { "role": "user", "content": "x" }]);
    let fields = json!({ "temperature": 2.0, "n": 9, "tool_choice": "required", "messages": turns });
    for model in ["gpt-oss", "Qwen/Qwen3-8B", "qwen3:8b", "llama-3"] {
        passes(model, fields.clone());
        refused(model, json!({ "extra_body": {} }), &["extra_body"]);
        refused(model, json!({ "messages": [] }), &["empty"]);
    }
}

#[test]
fn an_effort_goes_with_nothing_else_that_says_how_long_to_think() {
    passes("qwen3.6-plus", json!({"reasoning_effort": "low"}));
    passes("qwen3.6-plus", json!({"reasoning_effort": "low", "enable_thinking": true}));
    refused(
        "qwen3.6-plus",
        json!({"reasoning_effort": "low", "thinking_budget": 100}),
        &["`reasoning_effort`", "`thinking_budget`"],
    );
    refused(
        "qwen3.6-plus",
        json!({"reasoning_effort": "none", "enable_thinking": false}),
        &["`reasoning_effort`", "`enable_thinking = false`"],
    );
    // An effort of none disables thinking, so fields that exclude thinking are allowed.
    let format = json!({"type": "json_object"});
    refused("qwen3.6-plus", json!({"response_format": format, "reasoning_effort": "low"}), &["thinking"]);
    passes("qwen3.6-plus", json!({"response_format": format, "reasoning_effort": "none"}));
    let one = json!({"type": "function", "function": {"name": "f"}});
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    refused("qwen3.6-plus", json!({"tools": tools, "tool_choice": one}), &["tool_choice", "thinking"]);
    passes("qwen3.6-plus", json!({"tools": tools, "tool_choice": one, "reasoning_effort": "off"}));
}
