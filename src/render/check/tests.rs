//! One line per parameter: which values pass, and which are rejected with which message.

use serde_json::json;

use super::*;
use crate::job::facts::{Answers, Thinking};
use crate::job::languages::{Language, Languages};

/// Checks a whole body as the renderer does.
fn request(body: &Map<String, Value>, facts: &ModelInfo, as_stream: bool) -> Result<(), Diagnostic> {
    form(body, facts, as_stream)?.hold(texts(body))
}

/// The facts of the models that the tests name.
fn facts(model: &str) -> ModelInfo {
    let known = |thinking, transport| ModelInfo {
        max_input_tokens: Some(30_720),
        max_output_tokens: Some(8_192),
        max_thinking_tokens: Some(32_000),
        thinking: Some(thinking),
        transport: Some(transport),
        ..ModelInfo::default()
    };
    let language = |(name, code): (&str, &str)| Language { name: name.into(), code: code.into() };
    let languages = || {
        let list: Vec<Language> = [("English", "en"), ("French", "fr")].map(language).to_vec();
        Languages { known: list.leak(), wider: None }
    };
    match model {
        "qwen-plus" => known(Thinking::Off, Answers::StreamOnlyUnlessThinkingOff),
        "qwen3.6-plus" => known(Thinking::On, Answers::Whole),
        "qwen-max" => ModelInfo { json_schema: Some(false), ..known(Thinking::No, Answers::Whole) },
        "qwq-plus" => known(Thinking::Always, Answers::StreamOnly),
        "qwen-mt-plus" => ModelInfo {
            languages: Some(languages()),
            max_input_tokens: Some(8_192),
            ..known(Thinking::No, Answers::Whole)
        },
        _ => ModelInfo::default(),
    }
}

/// The error for a body with these fields, with its help, in a request without streaming; `None` when it passes.
fn refusal(model: &str, fields: &Value) -> Option<String> {
    let mut body = json!({ "model": model, "messages": [{ "role": "user", "content": "Answer in JSON." }] });
    for (key, value) in fields.as_object().expect("fields") {
        body[key] = value.clone();
    }
    let body = body.as_object().expect("an object");
    request(body, &facts(model), false).err().map(|problem| problem.to_string())
}

#[track_caller]
fn passes(model: &str, fields: Value) {
    assert_eq!(refusal(model, &fields), None, "{model} {fields}");
}

/// The request is rejected, and the message contains all these words.
#[track_caller]
fn refused(model: &str, fields: Value, words: &[&str]) {
    let message = refusal(model, &fields).unwrap_or_else(|| panic!("{model} {fields} passes"));
    for word in words {
        assert!(message.contains(word), "{word:?} is not in: {message}");
    }
}

fn tool(name: &str) -> Value {
    json!({ "type": "function", "function": { "name": name, "parameters": { "type": "object" } } })
}

fn schema(name: &str) -> Value {
    json!({ "type": "json_schema", "json_schema": { "name": name, "schema": { "type": "object" } } })
}

#[test]
fn each_parameter_has_its_range() {
    let long = "x".repeat(65);
    for (key, good, bad, words) in [
        (
            "temperature",
            vec![json!(0), json!(1.99)],
            vec![json!(2), json!(-0.1), json!("0.5")],
            "from 0 to below 2",
        ),
        ("top_p", vec![json!(0.01), json!(1)], vec![json!(0), json!(1.1), json!([])], "above 0, up to 1"),
        ("top_k", vec![json!(0), json!(500), json!(null)], vec![json!(-1), json!(2.5)], "0 or above"),
        ("presence_penalty", vec![json!(-2), json!(2)], vec![json!(2.1), json!(true)], "from -2 to 2"),
        ("repetition_penalty", vec![json!(0.1), json!(3)], vec![json!(0)], "above 0"),
        (
            "seed",
            vec![json!(0), json!(2_147_483_647)],
            vec![json!(-1), json!(2_147_483_648_i64)],
            "to 2147483647",
        ),
        ("n", vec![json!(1), json!(4)], vec![json!(0), json!(5), json!(1.5)], "from 1 to 4"),
        ("max_tokens", vec![json!(1), json!(8_192)], vec![json!(0), json!(8_193)], "from 1 to 8192"),
        ("thinking_budget", vec![json!(1), json!(32_768)], vec![json!(0), json!(32_769)], "from 1 to 32768"),
        ("max_completion_tokens", vec![json!(1)], vec![json!(0)], "1 or above"),
        (
            "stop",
            vec![json!("a"), json!(["a", "b"]), json!([1, 2])],
            vec![json!(["a", 1]), json!(3)],
            "does not mix",
        ),
        ("logprobs", vec![json!(true)], vec![json!("true"), json!(1)], "true or false"),
        ("top_logprobs", vec![json!(0), json!(5)], vec![json!(6)], "from 0 to 5"),
        (
            "response_format",
            vec![json!({"type": "text"}), schema("a")],
            vec![json!("json_object")],
            "an object",
        ),
        ("tools", vec![json!([tool("f")])], vec![json!([]), json!({})], "`tools` must be"),
        ("tools", vec![], vec![json!([tool("search")])], "reserves `search`"),
        (
            "tools",
            vec![],
            vec![json!([tool(&long)]), json!([tool("a b")]), json!([tool("")])],
            "1 to 64 letters",
        ),
        (
            "tools",
            vec![],
            vec![json!([{"type": "function"}]), json!([7])],
            "`tools.0.function.name` is missing",
        ),
        (
            "tool_choice",
            vec![json!("auto"), json!("none"), tool("f")],
            vec![json!("required"), json!(1)],
            "\"auto\", \"none\"",
        ),
        ("parallel_tool_calls", vec![json!(false)], vec![json!("no")], "true or false"),
        ("enable_thinking", vec![json!(false)], vec![json!("false"), json!(0)], "true or false"),
        ("preserve_thinking", vec![json!(true)], vec![json!("yes")], "true or false"),
        ("reasoning_effort", vec![json!("low"), json!("minimal"), json!("max")], vec![json!(3)], "text"),
        ("reasoning_effort", vec![json!("none"), json!("off")], vec![json!("lots")], "minimal, low, medium"),
        ("enable_search", vec![json!(true)], vec![json!("true")], "true or false"),
        (
            "search_options",
            vec![json!({"forced_search": true, "search_strategy": "max"})],
            vec![json!([])],
            "an object",
        ),
        ("search_options", vec![], vec![json!({"search_strategy": "best"})], "turbo, max, agent, agent_max"),
        (
            "search_options",
            vec![],
            vec![json!({"enable_source": "yes"})],
            "`search_options.enable_source` must be true or false",
        ),
        ("search_options", vec![], vec![json!({"force_search": true})], "did you mean `forced_search`?"),
        ("enable_code_interpreter", vec![json!(true)], vec![json!("x")], "true or false"),
        ("vl_high_resolution_images", vec![json!(true)], vec![json!(1)], "true or false"),
        ("max_pixels", vec![json!(1_048_576)], vec![json!(0), json!("big")], "1 or above"),
        ("modalities", vec![json!(["text", "audio"])], vec![json!("text")], "a list"),
        ("audio", vec![json!({"voice": "Cherry", "format": "wav"})], vec![json!("wav")], "an object"),
        ("frequency_penalty", vec![json!(0.5)], vec![json!("x")], "a number"),
        ("extra_body", vec![], vec![json!({"top_k": 5})], "next to the others"),
    ] {
        for value in good {
            passes("qwen-plus", json!({ key: value }));
        }
        for value in bad {
            refused("qwen-plus", json!({ key: value }), &[key, words]);
        }
    }
    refused("qwen-plus", json!({ "tools": [tool("f")], "n": 2 }), &["`n` must be 1", "tools"]);
}

#[test]
fn a_range_that_depends_on_the_model_is_held_only_where_it_is_known() {
    passes(
        "qwen-new",
        json!({ "max_tokens": 1_000_000, "thinking_budget": 1_000_000, "enable_thinking": true }),
    );
    refused("qwen-new", json!({ "max_tokens": 0 }), &["1 or above"]);
    passes("qwen-new", json!({ "response_format": schema("a"), "enable_search": true }));
}

#[test]
fn new_fields_go_through_and_slips_of_known_ones_do_not() {
    for name in
        ["vendor_field", "user", "store", "top_a", "min_p", "thinking", "service_tier", "metadata", "k"]
    {
        passes("qwen-plus", json!({ name: 1 }));
    }
    for (slip, meant) in [
        ("temprature", "temperature"),
        ("tempereture", "temperature"),
        ("Temperature", "temperature"),
        ("topP", "top_p"),
        ("max-tokens", "max_tokens"),
        ("maxTokens", "max_tokens"),
        ("max_token", "max_tokens"),
        ("stops", "stop"),
        ("sede", "seed"),
        ("tool", "tools"),
        ("enable_thinkng", "enable_thinking"),
    ] {
        refused("qwen-plus", json!({ slip: 1 }), &[slip, &format!("did you mean `{meant}`?")]);
    }
    passes("gpt-oss", json!({ "temprature": 1 }));
}

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
fn a_text_that_surely_has_too_many_tokens_is_refused_and_one_that_may_fit_is_not() {
    let text =
        |word: &str, count: usize| json!({ "messages": [{ "role": "user", "content": word.repeat(count) }] });
    refused(
        "qwen-mt-plus",
        text("word ", 8_193),
        &["at least 8193 tokens", "qwen-mt-plus accepts at most 8192", "split"],
    );
    passes("qwen-mt-plus", text("word ", 8_192));
    passes("qwen-mt-plus", text("很高兴", 20_000));
    passes("qwen-mt-plus", text(" ", 100_000));
    refused("qwen-max", text("word ", 30_721), &["qwen-max accepts at most 30720"]);
    passes("gpt-oss", text("word ", 30_721));
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

#[test]
fn a_row_s_text_stands_for_a_value_of_the_parameter_s_kind() {
    let read = |key: &str, value: Value| kind_of(key).expect("known").read(value);
    assert_eq!(read("temperature", json!(" 0.5 ")), json!(0.5));
    assert_eq!(read("seed", json!("7")), json!(7));
    assert_eq!(read("seed", json!(7.0)), json!(7));
    assert_eq!(read("seed", json!("7.0")), json!(7));
    assert_eq!(read("seed", json!("seven")), json!("seven"));
    assert_eq!(read("temperature", json!("")), json!(null));
    assert_eq!(read("enable_thinking", json!("True")), json!(true));
    assert_eq!(read("enable_thinking", json!("1")), json!("1"));
    assert_eq!(read("tools", json!("[]")), json!([]));
    assert_eq!(read("stop", json!("7")), json!("7"));
}
