//! Examples are checked against their schemas by a real validator.

use super::*;

fn example_of(schema: Value) -> Value {
    example(&schema, &Example { hint: "A fine day", fingerprint: RequestDigest::of_bytes(b"row") })
}

#[test]
fn every_property_gets_a_value_of_its_type() {
    let value = example_of(json!({"type": "object", "properties": {
        "title": {"type": "string", "maxLength": 6},
        "stars": {"type": "integer", "minimum": 1, "maximum": 5},
        "mood": {"enum": ["good", "bad"]},
        "tags": {"type": "array", "items": {"type": "string"}, "minItems": 2},
        "author": {"type": ["string", "null"]},
    }}));
    assert_eq!(value["title"], "A fine");
    assert!((1..=5).contains(&value["stars"].as_i64().unwrap()));
    assert!(["good", "bad"].contains(&value["mood"].as_str().unwrap()));
    assert_eq!(value["tags"].as_array().unwrap().len(), 2);
    assert!(value["author"].is_string());
}

/// The value generated for a schema, after a real validator has accepted it.
fn valid_example_of(schema: Value) {
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
    for row in 0..40_u8 {
        let from = Example { hint: "A fine day", fingerprint: RequestDigest::of_bytes(&[row]) };
        let value = example(&schema, &from);
        let faults: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "{schema}\n{value}\n{faults:?}");
    }
}

#[test]
fn bounds_of_numbers_are_kept() {
    for kind in ["integer", "number"] {
        valid_example_of(json!({"type": kind, "minimum": 1, "maximum": 5}));
        valid_example_of(json!({"type": kind, "exclusiveMinimum": 1, "exclusiveMaximum": 3}));
        valid_example_of(json!({"type": kind, "minimum": -5, "exclusiveMinimum": -7, "maximum": -5}));
        valid_example_of(json!({"type": kind, "maximum": -1000}));
        valid_example_of(json!({"type": kind, "minimum": i64::MIN, "maximum": i64::MAX}));
        valid_example_of(json!({"type": kind, "multipleOf": 5, "minimum": 3}));
    }
    valid_example_of(json!({"type": "number", "minimum": 0.2, "maximum": 0.8}));
    valid_example_of(json!({"type": "number", "exclusiveMinimum": 0.001, "exclusiveMaximum": 0.002}));
    valid_example_of(json!({"type": "number", "multipleOf": 0.01, "minimum": 0.29}));
    let shares: Vec<Value> = (0..9_u8)
        .map(|row| Example { hint: "", fingerprint: RequestDigest::of_bytes(&[row]) })
        .map(|from| example(&json!({"type": "number", "minimum": 0, "maximum": 1}), &from))
        .collect();
    assert!(shares.iter().any(|share| share.as_f64().unwrap().fract() != 0.0), "{shares:?}");
}

#[test]
fn patterns_formats_and_lengths_of_strings_are_kept() {
    for pattern in
        ["^[A-Z]{2}-\\d{4}$", "^(ja|nein)$", "^[^a-z]+$", "^\\S+@\\S+$", "colou?r", "^[一-龥]{2,4}$", "."]
    {
        valid_example_of(json!({"type": "string", "pattern": pattern}));
    }
    valid_example_of(json!({"type": "string", "pattern": "^[a-z]+$", "minLength": 12, "maxLength": 12}));
    for format in
        ["date", "date-time", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uuid"]
    {
        valid_example_of(json!({"type": "string", "format": format}));
    }
    valid_example_of(json!({"type": "string", "minLength": 30, "maxLength": 31}));
}

#[test]
fn objects_and_arrays_have_all_that_is_required_and_nothing_forbidden() {
    valid_example_of(json!({
        "type": "object", "required": ["a", "b"], "properties": {"a": {"type": "integer"}},
        "additionalProperties": {"type": "boolean"},
    }));
    let day = json!({"enum": ["mon", "tue", "wed"]});
    valid_example_of(json!({"type": "array", "items": day, "minItems": 3, "uniqueItems": true}));
    valid_example_of(
        json!({"type": "array", "prefixItems": [{"type": "integer"}, day], "items": false, "minItems": 2}),
    );
    valid_example_of(json!({"type": "array", "items": day, "maxItems": 0}));
    valid_example_of(json!({
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "object", "properties": {"c": day}, "required": ["c"]}},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
        "allOf": [{"$ref": "#/$defs/named"}, {"properties": {"n": {"type": "integer"}}, "required": ["n"]}],
        "$defs": {"named": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}},
        "unevaluatedProperties": false,
    }));
}

#[test]
fn a_schema_that_contains_itself_is_satisfied_where_it_can_be() {
    let node = |next: Value| {
        json!({"$ref": "#/$defs/node", "$defs": {"node": {
            "type": "object", "properties": {"n": {"type": "integer"}, "next": next}, "required": ["n", "next"],
        }}})
    };
    valid_example_of(node(json!({"type": "array", "items": {"$ref": "#/$defs/node"}})));
    valid_example_of(node(json!({"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]})));
}

#[test]
fn references_are_followed_and_circles_end() {
    let value = example_of(json!({"$ref": "#/$defs/node", "$defs": {
        "node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}},
    }}));
    assert!(value["next"].is_object());
}

#[test]
fn bounds_that_leave_one_number_give_that_number() {
    assert_eq!(example_of(json!({"type": "integer", "minimum": 7, "maximum": 7})), json!(7));
    assert_eq!(example_of(json!({"type": "integer", "maximum": -3})), json!(-3));
}
