//! What a schema accepts, how it describes faults, and the columns it makes.

use serde_json::json;

use super::*;

fn schema(value: Value) -> AnswerSchema {
    AnswerSchema::parse(&value.to_string(), "s.json").expect("a schema")
}

fn review() -> AnswerSchema {
    schema(json!({
        "type": "object",
        "properties": {
            "title": {"type": "string", "maxLength": 20},
            "stars": {"type": "integer", "minimum": 1, "maximum": 5},
            "mood": {"enum": ["good", "bad"]},
            "on": {"type": "string", "format": "date"},
            "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
        },
        "required": ["title", "stars"],
        "additionalProperties": false,
        "$defs": {"item": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}},
    }))
}

#[test]
fn an_answer_that_satisfies_the_schema_is_returned_as_a_value() {
    let value = json!({"title": "Fine", "stars": 4, "mood": "good", "items": [{"n": 1}]});
    for text in [
        value.to_string(),
        format!("\u{feff} \n{value}\n "),
        format!("```json\n{value}\n```"),
        format!("\n```\n{value:#}\n```\n"),
        format!("```json {value}```"),
        format!("```JSON5\r\n{value}\r\n```"),
    ] {
        assert_eq!(review().check(&text), Ok(value.clone()), "{text}");
    }
}

#[test]
fn an_answer_with_anything_else_around_its_json_is_not_json() {
    assert_eq!(schema(json!(true)).check("```\nnull\n```"), Ok(Value::Null));
    for (text, message) in [
        ("Here it is: {\"title\": 1}", "not JSON by itself: expected value at line 1 column 1"),
        ("{\"title\": \"x\"}\nI hope this helps", "trailing characters at line 2 column 1"),
        ("{\"title\": \"x", "EOF while parsing a string"),
        (" \u{feff}\n", "empty"),
        ("``````", "empty"),
        ("```json\n{\"title\": \"x\"}", "not JSON by itself"),
    ] {
        let fault = review().check(text).expect_err("no JSON");
        assert!(fault.contains(message), "{text:?}: {fault}");
    }
}

#[test]
fn a_fault_says_where_it_is_and_what_would_be_right() {
    for (answer, words) in [
        (json!({"title": "x"}), vec!["\"stars\" is a required property"]),
        (json!({"title": "x", "stars": 9}), vec!["/stars: 9 is greater than the maximum of 5"]),
        (json!({"title": "x", "stars": "4"}), vec!["/stars: \"4\" is not of type \"integer\""]),
        (
            json!({"title": "x", "stars": 4, "mood": "so"}),
            vec!["/mood: \"so\" is not one of", "\"good\"", "\"bad\""],
        ),
        (
            json!({"title": "x", "stars": 4, "items": [{"n": 1}, {}]}),
            vec!["/items/1: \"n\" is a required property"],
        ),
        (json!({"title": "x", "stars": 4, "extra": 1}), vec!["'extra' was unexpected"]),
        (json!({"title": "x", "stars": 4, "on": "yesterday"}), vec!["/on: \"yesterday\" is not a \"date\""]),
        (
            json!({"stars": 0}),
            vec!["\"title\" is a required property", "; ", "/stars: 0 is less than the minimum of 1"],
        ),
    ] {
        let fault = review().check(&answer.to_string()).expect_err("a fault");
        assert!(words.iter().all(|word| fault.contains(word)), "{answer}: {fault}");
    }
}

#[test]
fn of_several_alternatives_the_one_that_was_meant_is_named() {
    let either = schema(json!({"properties": {
        "when": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "who": {"oneOf": [
            {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]},
            {"type": "null"},
        ]},
    }}));
    let fault = either.check(r#"{"who": {"age": "old"}}"#).expect_err("a fault");
    assert_eq!(fault, "/who/age: \"old\" is not of type \"integer\"");
    let fault = either.check(r#"{"when": 3}"#).expect_err("a fault");
    assert_eq!(fault, "/when: 3 is not of type \"string\", and 3 is not of type \"null\"");
}

#[test]
fn a_fault_is_short_and_has_no_control_characters() {
    let long = "ab\n\u{1b}[31m\u{7f}\u{85}".repeat(400);
    let fault = review().check(&json!({"title": long, "stars": 1}).to_string()).expect_err("a fault");
    assert!(fault.contains("longer than 20 characters"), "{fault}");
    for answer in [
        json!({"title": long, "stars": long, "mood": long, "on": long, "items": [long, long, long]}),
        json!({long.as_str(): 1, "title": 1}),
        json!([long]),
    ] {
        let fault = review().check(&answer.to_string()).expect_err("a fault");
        assert!(fault.chars().count() <= 400, "{fault}");
        assert!(!fault.contains(char::is_control), "{fault:?}");
    }
    let many = schema(json!({"items": {"type": "integer"}}));
    let fault = many.check(&json!(["a", "b", "c", "d", "e", "f"]).to_string()).expect_err("a fault");
    assert!(fault.contains("/4: ") && !fault.contains("/5: ") && fault.ends_with("; and more"), "{fault}");
}

#[test]
fn a_file_that_is_not_a_schema_is_refused_with_the_place_of_the_mistake() {
    let refused = |text: &str| AnswerSchema::parse(text, "jobs/s.json").expect_err("no schema").to_string();
    let message = refused("{\n  \"type\": \"object\",\n}");
    assert_eq!(message, "jobs/s.json:3:1: the schema is not JSON: trailing comma");
    for (text, place) in [
        (r#"{"type": "objekt"}"#, "at /type: "),
        (r#"{"properties": {"a": {"minimum": "1"}}}"#, "at /properties/a/minimum: "),
        (r#"{"properties": {"a": {"pattern": "("}}}"#, "at /properties/a/pattern: "),
        ("[]", "at the top level: "),
    ] {
        let message = refused(text);
        assert!(
            message.starts_with("jobs/s.json: not a JSON Schema: ") && message.contains(place),
            "{message}"
        );
    }
    assert!(refused(r##"{"$ref": "#/$defs/none"}"##).contains("/$defs/none"));
}

#[test]
fn a_reference_to_another_document_is_refused_by_name() {
    for uri in ["https://example.com/a.json", "file:///etc/passwd", "http://127.0.0.1:1/a.json"] {
        let text = json!({"properties": {"a": {"$ref": uri}}}).to_string();
        let error = AnswerSchema::parse(&text, "s.json").expect_err("refused");
        assert_eq!(error, SchemaError::Elsewhere { name: "s.json".into(), uri: uri.into() });
        assert!(error.to_string().contains("$defs"), "{error}");
    }
    assert!(AnswerSchema::parse(r#"{"$ref": "other.json"}"#, "s.json").is_err());
}

#[test]
fn the_draft_is_the_one_that_the_schema_names() {
    let tuple = json!({"items": [{"type": "integer"}]});
    assert!(AnswerSchema::parse(&tuple.to_string(), "s.json").is_err(), "2020-12 has no list of items");
    let mut old = tuple;
    old["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    assert!(schema(old).check("[\"a\"]").is_err());
    let unknown = json!({"$schema": "https://example.com/dialect"}).to_string();
    let message = AnswerSchema::parse(&unknown, "s.json").expect_err("unknown").to_string();
    assert!(message.contains("https://example.com/dialect"), "{message}");
}

#[test]
fn a_schema_that_refers_to_itself_neither_hangs_nor_overflows() {
    let tree = schema(json!({"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["n"]}));
    let fault = tree.check(r#"{"n": 1, "next": {"next": {}}}"#).expect_err("a fault");
    assert!(fault.contains("/next"), "{fault}");
    assert_eq!(tree.fields().expect("fields")[0].kind, FieldKind::Json);
    let circle = AnswerSchema::parse(r##"{"$ref": "#"}"##, "s.json").expect("a schema, of a sort");
    assert_eq!(circle.check("{}"), Ok(json!({})));
    assert!(circle.fields().is_err());
}

fn kinds(properties: Value) -> Vec<FieldKind> {
    let fields = schema(json!({"type": "object", "properties": properties})).fields().expect("fields");
    fields.into_iter().map(|field| field.kind).collect()
}

#[test]
fn a_field_has_the_kind_of_all_its_values() {
    use FieldKind::*;
    let found = kinds(json!({
        "z": {"type": "string"}, "a": {"type": "integer"}, "b": {"type": "number"}, "c": {"type": "boolean"},
        "d": {"type": ["string", "null"]}, "e": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "f": {"enum": ["a", "b", null]}, "g": {"const": 3}, "h": {"enum": [1, 2.5]}, "i": {"type": ["integer", "number"]},
    }));
    assert_eq!(found, [Text, Integer, Number, Boolean, Text, Integer, Text, Integer, Number, Number]);
    let found = kinds(json!({
        "a": {"type": "array"}, "b": {"type": "object"}, "c": {"type": ["string", "integer"]}, "d": {}, "e": true,
        "f": {"enum": ["a", 1]}, "g": {"type": "null"}, "h": {"anyOf": [{"type": "string"}, {"type": "array"}]},
    }));
    assert_eq!(found, [Json; 8]);
}

#[test]
fn references_within_the_schema_are_followed() {
    let referring = schema(json!({
        "$ref": "#/$defs/Review",
        "$defs": {
            "Review": {"type": "object", "properties": {
                "mood": {"$ref": "#/$defs/Mood"},
                "tone": {"anyOf": [{"$ref": "#/$defs/Mood"}, {"type": "null"}]},
                "titled": {"allOf": [{"$ref": "#/$defs/Mood"}], "title": "Titled"},
                "away": {"$ref": "#/$defs/circle"},
            }},
            "Mood": {"type": "string", "enum": ["good", "bad"]},
            "circle": {"$ref": "#/$defs/circle"},
        },
    }));
    let fields = referring.fields().expect("fields");
    let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["mood", "tone", "titled", "away"]);
    let kinds: Vec<FieldKind> = fields.iter().map(|field| field.kind).collect();
    assert_eq!(kinds, [FieldKind::Text, FieldKind::Text, FieldKind::Text, FieldKind::Json]);
}

#[test]
fn a_schema_without_properties_at_its_top_has_no_fields() {
    for value in [
        json!({"type": "array", "items": {"type": "object", "properties": {"a": {}}}}),
        json!({"type": "string"}),
        json!({"type": "object"}),
        json!({"type": "array", "properties": {"a": {}}}),
        json!(true),
    ] {
        let error = schema(value).fields().expect_err("no fields");
        assert!(error.to_string().contains("`expand`"), "{error}");
    }
}

#[test]
fn a_value_that_is_not_of_its_field_s_kind_is_null() {
    let field = |kind| Field { name: "x".into(), kind };
    let number = |value: &Value| value["x"].as_f64();
    let answer = json!({"x": 3.0});
    assert_eq!(field(FieldKind::Integer).value(&answer), FieldValue::Integer(3));
    assert!(
        matches!(field(FieldKind::Number).value(&answer), FieldValue::Number(n) if n.as_f64() == number(&answer))
    );
    for wrong in [
        json!({"x": 3.5}),
        json!({"x": "3"}),
        json!({"x": u64::MAX}),
        json!({"x": 1e40}),
        json!({}),
        json!([]),
    ] {
        assert_eq!(field(FieldKind::Integer).value(&wrong), FieldValue::Null, "{wrong}");
    }
    assert_eq!(field(FieldKind::Integer).value(&json!({"x": i64::MIN})), FieldValue::Integer(i64::MIN));
    assert_eq!(field(FieldKind::Text).value(&json!({"x": 3})), FieldValue::Null);
    assert_eq!(field(FieldKind::Boolean).value(&json!({"x": "true"})), FieldValue::Null);
    assert_eq!(field(FieldKind::Json).value(&json!({"x": null})), FieldValue::Null);
    assert_eq!(field(FieldKind::Json).value(&json!({"x": [1]})), FieldValue::Json(&json!([1])));
}

#[test]
fn the_name_in_requests_is_the_file_s_in_letters_that_the_api_accepts() {
    let name = name_in_requests;
    assert_eq!(name("jobs/review-1.json"), "review-1");
    assert_eq!(name("my review.schema.json"), "my_review_schema");
    assert_eq!(name("/tmp/Überblick"), "_berblick");
    assert_eq!(name(".json"), "answer");
    assert_eq!(name(&format!("{}.json", "a".repeat(100))).len(), 64);
}

#[test]
fn a_schema_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<AnswerSchema>();
}
