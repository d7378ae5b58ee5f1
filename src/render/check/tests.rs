//! One line per parameter: which values pass, and which are rejected with which message.

mod combinations;

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
