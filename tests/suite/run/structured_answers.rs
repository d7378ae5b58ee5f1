//! Structured answers: a schema that is sent and enforced, and its fields as columns.

use arrow::array::cast::AsArray;
use arrow::array::types::{Float64Type, Int64Type};
use arrow::datatypes::DataType;
use serde_json::{Value, json};

use crate::support::harness::{Finished, Scene, rows};
use crate::support::tables::{Table, batches};

const FIELDS: [&str; 6] = ["title", "stars", "share", "sold", "mood", "tags"];

/// The job's lines that ask for answers of the schema, and for its fields as columns.
const STRUCTURED: &str = "request.response_format = { type = \"json_schema\" }\n\
                          answer.schema = \"review.json\"\nanswer.expand = true\n";

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            // Braces in a schema are not a template: it is sent unchanged.
            "title": {"type": "string", "description": "the gist of {{ text }}"},
            "stars": {"type": "integer", "minimum": 1, "maximum": 5},
            "share": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            "sold": {"type": "boolean"},
            "mood": {"enum": ["good", "bad"]},
            "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "minItems": 2},
        },
        "required": FIELDS,
        "additionalProperties": false,
        "$defs": {"tag": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}},
    })
}

/// A scene with rows, the schema, and a job of these lines.
fn scene_with(mut scene: Scene, count: usize, output: &str, more: &str) -> Scene {
    scene.write("review.json", schema().to_string());
    scene.rows_and_job(count, more);
    scene.job("in.jsonl", output, more);
    scene.judge.output = output.to_owned();
    scene
}

fn scene(count: usize, output: &str, more: &str) -> Scene {
    scene_with(Scene::new(), count, output, more)
}

/// The run cannot begin: all these words are in the message, and nothing is sent.
fn refused(mut scene: Scene, arguments: &[&str], words: &[&str]) {
    scene.run(&[&["preview", "job.toml"], arguments].concat()).expect_code(1);
    let all = [&["job.toml"], arguments].concat();
    words.iter().fold(scene.run_job(&all).expect_code(1), Finished::says_word);
    assert!(scene.witness().is_empty(), "nothing was sent");
}

impl Finished {
    fn says_word(self, word: &&str) -> Self {
        self.says(word)
    }
}

#[test]
fn the_schema_of_the_file_goes_with_every_request_under_the_file_s_name() {
    let mut scene = scene(3, "out.jsonl", STRUCTURED);
    scene.run_job(&["job.toml"]).expect_code(0);
    let sent = json!({
        "type": "json_schema",
        "json_schema": {"name": "review", "strict": true, "schema": schema()},
    });
    for request in scene.witness() {
        assert_eq!(request["body"]["response_format"], sent);
        assert!(request["body"].get("answer").is_none());
    }
}

#[test]
fn a_schema_in_the_request_itself_and_another_format_are_sent_as_they_stand() {
    for format in [
        json!({"type": "json_schema", "json_schema": {"name": "mine", "schema": {"type": "object"}}}),
        json!({"type": "json_object"}),
    ] {
        let written = format.to_string().replace("\":", "\" = ");
        let more = format!(
            "request.response_format = {written}\nprompt.system = \"JSON\"\nanswer.schema = \"any.json\"\n"
        );
        let mut scene = scene(1, "out.jsonl", &more);
        scene.write("any.json", "{}");
        scene.run_job(&["job.toml"]).expect_code(0);
        assert_eq!(scene.witness()[0]["body"]["response_format"], format);
    }
}

#[test]
fn fields_are_typed_columns_of_parquet_with_the_values_of_the_answers() {
    let mut scene = scene(40, "out.parquet", STRUCTURED);
    scene.run_job(&["job.toml"]).expect_code(0);
    let (found, batches) = batches(&scene.path("out.parquet"));
    let kinds: Vec<_> = FIELDS.map(|name| found.field_with_name(name).expect("a column").data_type()).into();
    let (text, list) = (DataType::Utf8, DataType::Utf8);
    assert_eq!(kinds, [&text, &DataType::Int64, &DataType::Float64, &DataType::Boolean, &text, &list]);
    assert_eq!(batches.iter().map(|batch| batch.num_rows()).sum::<usize>(), 40);
    for batch in &batches {
        let column = |name: &str| batch.column_by_name(name).expect("a column");
        for row in 0..batch.num_rows() {
            let answer = column("response").as_string::<i32>().value(row);
            let answer: Value = serde_json::from_str(answer).expect("JSON");
            assert_eq!(answer["title"], column("title").as_string::<i32>().value(row));
            assert_eq!(answer["stars"], column("stars").as_primitive::<Int64Type>().value(row));
            assert_eq!(answer["share"], column("share").as_primitive::<Float64Type>().value(row));
            assert_eq!(answer["sold"], column("sold").as_boolean().value(row));
            let tags = column("tags").as_string::<i32>().value(row);
            assert_eq!(answer["tags"], serde_json::from_str::<Value>(tags).expect("JSON text"));
        }
    }
    scene.run(&["verify", "job.toml"]).expect_code(0);
}

#[test]
fn fields_are_json_in_jsonl_and_text_in_csv() {
    let mut scene = scene(5, "out.jsonl", STRUCTURED);
    scene.run_job(&["job.toml"]).expect_code(0);
    scene.run(&["export", "job.toml", "--output", "copy.csv"]).expect_code(0);
    let (rows, table) = (scene.output(), Table::read(&scene.path("copy.csv")));
    assert_eq!(table.columns[table.columns.len() - 6..], FIELDS);
    for (row, cells) in rows.iter().zip(&table.rows) {
        let answer: Value = serde_json::from_str(row["response"].as_str().expect("text")).expect("JSON");
        for name in FIELDS {
            assert_eq!(row[name], answer[name], "{name}");
            let text = answer[name].as_str().map_or_else(|| answer[name].to_string(), str::to_owned);
            assert_eq!(cells[name], text, "{name}");
        }
    }
}

#[test]
fn fields_are_selected_renamed_and_prefixed_in_every_format() {
    for output in ["out.jsonl", "out.csv", "out.parquet"] {
        let more = format!(
            "{STRUCTURED}output.prefix = \"ai_\"\noutput.select = [\"ai_title\", \"id\", \"stars\", \"status\"]\n\
             output.rename = {{ stars = \"rating\" }}\n"
        );
        let scene = scene(2, output, &more);
        scene.run(&["run", "job.toml"]).expect_code(0);
        let table = Table::read(&scene.path(output));
        assert_eq!(table.columns, ["ai_title", "id", "rating", "ai_status"], "{output}");
        assert!(
            table.texts("rating").iter().all(|stars| ["1", "2", "3", "4", "5"].contains(&stars.as_str()))
        );
    }
}

#[test]
fn answers_of_before_the_schema_fill_the_columns_where_they_fit() {
    let script = "[[fault]]\ncontains = \"row 0.\"\ncontent = \"no JSON\"\n\
                  [[fault]]\ncontains = \"row 1.\"\ncontent = '{\"title\": \"t\", \"stars\": \"5\", \"sold\": null}'\n\
                  [[fault]]\ncontains = \"row 2.\"\ncontent = \"```json\\n{\\\"stars\\\": 4}\\n```\"\n";
    let mut scene = scene_with(Scene::with_script(script), 3, "out.jsonl", "");
    scene.run_job(&["job.toml"]).expect_code(0);
    assert!(scene.output()[0].get("stars").is_none(), "no column that was not asked for");
    let expand = ["--set", "answer.schema=review.json", "--set", "answer.expand=true"];
    scene.run(&[&["export", "job.toml", "--output", "copy.jsonl"][..], &expand].concat()).expect_code(0);
    let rows = crate::support::harness::lines(&scene.path("copy.jsonl"));
    let shown = |row: &Value| FIELDS.map(|name| row[name].clone());
    let null = Value::Null;
    assert_eq!(shown(&rows[0]), FIELDS.map(|_| Value::Null));
    assert_eq!(shown(&rows[1])[..4], [json!("t"), null.clone(), null.clone(), null.clone()]);
    assert_eq!(shown(&rows[2])[..2], [null, json!(4)]);
    assert_eq!(rows[0]["response"], "no JSON");
}

#[test]
fn another_schema_makes_another_request() {
    let mut scene = scene(2, "out.jsonl", STRUCTURED);
    scene.run_job(&["job.toml"]).expect_code(0);
    scene.run_job(&["job.toml"]).expect_code(0).says("kept 2 ");
    let mut stricter = schema();
    stricter["properties"]["stars"]["maximum"] = json!(4);
    scene.write("review.json", stricter.to_string());
    scene.run_job(&["job.toml"]).expect_code(0).says("changed 2 ");
    assert_eq!(scene.witness().len(), 4);
}

#[test]
fn a_schema_that_cannot_be_read_is_shown_where_it_is_named() {
    let named = "answer.schema = \"no/review.json\"\n";
    refused(scene(1, "out.jsonl", named), &[], &["job.toml:8:17", "there is no schema no/review.json"]);
    let broken = scene(1, "out.jsonl", "answer.schema = \"review.json\"\n");
    broken.write("review.json", "{\n  \"type\": \"object\",\n  \"properties\" {}\n}");
    refused(broken, &[], &["job.toml:8:17", "review.json:3:16", "not JSON"]);
    let wrong = scene(1, "out.jsonl", "answer.schema = \"review.json\"\n");
    wrong.write("review.json", r#"{"properties": {"stars": {"type": "int"}}}"#);
    refused(wrong, &[], &["not a JSON Schema", "/properties/stars/type", "\"int\""]);
    let remote = scene(1, "out.jsonl", "answer.schema = \"review.json\"\n");
    remote.write("review.json", r#"{"$ref": "https://example.com/review.json"}"#);
    refused(remote, &[], &["https://example.com/review.json", "$defs"]);
    let set = ["--set", "answer.schema=no.json"];
    refused(scene(1, "out.jsonl", ""), &set, &["in: --set ", "there is no schema no.json"]);
}

#[test]
fn a_schema_whose_answers_have_no_fields_cannot_be_expanded() {
    let scene = scene(1, "out.jsonl", STRUCTURED);
    scene.write("review.json", r#"{"type": "array", "items": {"type": "string"}}"#);
    refused(scene, &[], &["job.toml:9:17", "review.json", "`expand`", "`properties`"]);
}

#[test]
fn several_answers_at_once_have_no_schema() {
    let more = format!("{STRUCTURED}request.n = 2\n");
    refused(scene(1, "out.jsonl", &more), &[], &["job.toml:9:17", "request.n"]);
}

#[test]
fn a_field_called_like_an_input_column_asks_for_a_prefix_before_anything_is_sent() {
    for (input, text) in [
        ("in.csv", "id,text,title\n1,a,b\n"),
        ("in.jsonl", "{\"text\":\"a\"}\n{\"text\":\"b\",\"title\":1}\n"),
    ] {
        for output in ["out.jsonl", "out.csv", "out.parquet"] {
            let mut scene = scene(1, output, STRUCTURED);
            scene.judge.texts = None;
            scene.write(input, text);
            scene.job(input, output, STRUCTURED);
            refused(scene, &[], &["`title`", "prefix"]);
        }
    }
    let scene = scene(1, "out.jsonl", STRUCTURED);
    scene.write("in.jsonl", "{\"text\":\"text of row 0.\",\"title\":1}\n");
    // The judge knows a row's status by its usual name.
    scene.run(&["run", "job.toml", "--set", "output.prefix=ai_"]).expect_code(0);
    let row = &scene.output()[0];
    assert_eq!(row["title"], 1);
    assert!(row["ai_title"].is_string());
}

#[test]
fn a_field_called_like_an_answer_column_asks_for_another_name() {
    for output in ["out.jsonl", "out.parquet"] {
        let mut scene = scene(1, output, STRUCTURED);
        let schema =
            json!({"type": "object", "properties": {"model": {"type": "string"}}, "required": ["model"]});
        scene.write("review.json", schema.to_string());
        scene.run_job(&["job.toml"]).expect_code(1).says("`model`").says("`rename`");
        assert!(scene.witness().is_empty());
        scene.run(&["run", "job.toml", "--set", "output.rename={ model = \"answered_by\" }"]).expect_code(0);
        let table = Table::read(&scene.path(output));
        assert_eq!(table.texts("answered_by"), ["qwen-plus"]);
        assert_ne!(table.texts("model"), ["qwen-plus"], "the field of the answer");
    }
}

/// The messages of a witnessed request, as one text.
fn messages(request: &Value) -> String {
    request["body"]["messages"].to_string()
}

#[test]
fn an_answer_that_breaks_the_schema_is_asked_for_again_with_the_fault_named() {
    let script =
        "[[fault]]\ncontains = \"row 1.\"\ntimes = 1\ncontent = '{\"title\": \"t\", \"stars\": 9}'\n";
    let mut scene = scene_with(Scene::with_script(script), 3, "out.jsonl", STRUCTURED);
    scene.run_job(&["job.toml"]).expect_code(0);
    let rows = scene.output();
    assert!(rows.iter().all(|row| row["status"] == "ok" && row["stars"].as_i64().is_some_and(|n| n <= 5)));
    let asked: Vec<Value> =
        scene.witness().into_iter().filter(|request| messages(request).contains("row 1.")).collect();
    assert_eq!(asked.len(), 2);
    assert!(messages(&asked[1]).contains("9 is greater than the maximum of 5"), "{}", messages(&asked[1]));
    assert!(messages(&asked[1]).contains("/stars"), "{}", messages(&asked[1]));
    assert_eq!(rows[1]["attempts"], 2);
    // Both requests were paid for.
    let bought: u64 = scene.witness().iter().filter_map(|request| request["total_tokens"].as_u64()).sum();
    assert_eq!(scene.receipt()["all_runs"]["total_tokens"], bought);
    scene.run_job(&["job.toml"]).expect_code(0).says("kept 3 ");
}

#[test]
fn a_row_whose_answers_all_break_the_schema_has_failed_after_so_many_repairs() {
    for (repair, requests) in [(0, 1), (1, 2), (3, 4)] {
        for content in ["no JSON at all", "{\\\"title\\\": 1}"] {
            let script = format!("[[fault]]\ncontains = \"row 1.\"\ncontent = \"{content}\"\n");
            let more = format!("{STRUCTURED}answer.repair = {repair}\n");
            let mut scene = scene_with(Scene::with_script(&script), 3, "out.jsonl", &more);
            let finished = scene.run_job(&["job.toml"]).expect_code(3);
            let said = match repair {
                0 => "3 requests · ".to_owned(),
                1 => "4 requests (1 repair) · ".to_owned(),
                _ => format!("{} requests ({repair} repairs) · ", 3 + repair),
            };
            assert!(finished.stderr.contains(&said), "{said}: {}", finished.stderr);
            assert_eq!(scene.receipt()["this_run"]["follow_ups"]["repair"], repair);
            let status = scene.run(&["status", "job.toml"]).expect_code(0).stdout;
            assert!(status.contains(&said.replace(" · ", " in 1 run")), "{status}");
            let rows = scene.output();
            assert_eq!(rows[1]["status"], "failed");
            assert_eq!(rows[1]["error_code"], "schema_violation");
            let error = rows[1]["error"].as_str().expect("a text");
            let said = if content.starts_with("no") { "not JSON" } else { "is a required property" };
            assert!(error.contains(said), "{error}");
            assert!(FIELDS.iter().all(|name| rows[1][*name].is_null()), "{}", rows[1]);
            let asked = scene.witness().iter().filter(|request| messages(request).contains("row 1.")).count();
            assert_eq!(asked, requests, "repair = {repair}");
            assert!(rows[0]["status"] == "ok" && rows[2]["status"] == "ok");
        }
    }
}

#[test]
fn failed_rows_have_no_fields_in_any_format() {
    let script = "[[fault]]\ncontains = \"row 0.\"\ncontent = '{\"title\": \"t\"}'\n";
    for output in ["out.csv", "out.parquet"] {
        let mut scene = scene_with(Scene::with_script(script), 2, output, STRUCTURED);
        scene.run_job(&["job.toml"]).expect_code(3);
        let table = Table::read(&scene.path(output));
        assert_eq!(table.texts("title")[0], "");
        assert_ne!(table.texts("title")[1], "");
        assert_eq!(table.texts("error_code"), ["schema_violation", ""]);
    }
}

#[test]
fn a_preview_names_the_columns_that_the_fields_become() {
    let scene = scene(1, "out.jsonl", STRUCTURED);
    let shown = scene.run(&["preview", "job.toml", "-n", "0"]).expect_code(0).stdout;
    assert!(shown.contains("title, stars, share, sold, mood, tags"), "{shown}");
    scene.write("in.jsonl", rows(0..1));
    let shown = scene.run(&["preview", "job.toml", "--set", "answer.expand=false"]).expect_code(0).stdout;
    assert!(!shown.contains("fields"), "{shown}");
}

#[test]
fn kept_answers_that_break_a_new_schema_fail_and_are_valid_again_when_it_is_removed() {
    let script = "[[fault]]\ncontains = \"of row 1.\"\ncontent = '{\"a\": 1}'\n";
    let mut scene = Scene::with_script(script);
    scene.rows_and_job(4, "");
    scene.run_job(&["job.toml"]).expect_code(0);
    scene.write("a.schema.json", "{\"type\": \"object\", \"required\": [\"a\"]}");
    let strict = "answer.schema = \"a.schema.json\"\nanswer.repair = 0\n";
    scene.rows_and_job(4, strict);
    scene.judge.rules_change = true;
    scene.run_job(&["job.toml"]).expect_code(3).says("3 kept answers violated them and failed");
    let codes: Vec<_> = scene.output().iter().map(|row| row["error_code"].clone()).collect();
    let broken = json!("schema_violation");
    assert_eq!(codes, [broken.clone(), Value::Null, broken.clone(), broken]);
    assert_eq!(scene.witness_count(), 4, "nothing is sent for it");
    scene.rows_and_job(4, "");
    scene.run_job(&["job.toml"]).expect_code(0).says("3 rows that had failed now satisfy them");
    assert!(scene.output().iter().all(|row| row["status"] == "ok" && row["response"].is_string()));
    assert_eq!(scene.witness_count(), 4);
}

#[test]
fn an_answer_that_breaks_the_schema_is_paid_for_once_even_when_all_first_rows_do() {
    let script: String = (0..12)
        .map(|row| format!("[[fault]]\ncontains = \"of row {row}.\"\ncontent = \"no JSON\"\n"))
        .collect::<String>()
        + "[[fault]]\ncontent = '{\"a\": 1}'\n";
    let mut scene = Scene::with_script(&script);
    scene.write("a.schema.json", "{\"type\": \"object\", \"required\": [\"a\"]}");
    scene.rows_and_job(40, "answer.schema = \"a.schema.json\"\nanswer.repair = 0\n");
    scene
        .run_job(&["job.toml"])
        .expect_code(4)
        .says("the first rows all failed the same way")
        .says("; 30 rows stay pending; 10 have failed (`--retry-failed` sends those again)");
    assert_eq!((scene.receipt()["rows"]["failed"].clone(), scene.witness_count()), (json!(10), 10));
    scene.run_job(&["job.toml"]).expect_code(3);
    assert_eq!(scene.witness_count(), 40, "the ten are not bought again, and the good rows are reached");
    let failed: Vec<Value> = scene.output().into_iter().filter(|row| row["status"] == "failed").collect();
    assert_eq!(failed.len(), 12);
    assert!(failed.iter().all(|row| row["total_tokens"].is_u64() && row["response"].is_null()), "{failed:?}");
    let sql = "SELECT count(*) FROM entries e JOIN steps s ON s.step = e.answer WHERE e.status = 'failed' AND s.response = 'no JSON'";
    let kept = scene.journal().query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a count");
    assert_eq!(kept, 12, "what was paid for is kept");
    let told = scene.run(&["status", "job.toml", "--row", "1"]).expect_code(0).stdout;
    assert!(told.contains("the job does not accept: no JSON"), "{told}");
}
