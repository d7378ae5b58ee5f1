//! The columns of the output: chosen, renamed, prefixed, and typed as in the input.

use std::fs;
use std::sync::Arc;

use arrow::array::builder::{Int32Builder, ListBuilder};
use arrow::array::types::Int32Type;
use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, StringArray, StructArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field};
use serde_json::{Value, json};

use crate::support::harness::{Scene, lines, rows};
use crate::support::tables::{ANSWER_COLUMNS, Table, batches, parquet, strings};

fn run(input: &str, bytes: impl AsRef<[u8]>, output: &str, more: &str) -> (Scene, Table) {
    let mut scene = Scene::new();
    scene.write(input, bytes);
    scene.job(input, output, more);
    // The judge reads JSONL outputs by the names of the columns, which these jobs change.
    scene.run(&["run", "job.toml"]).expect_code(0);
    output.clone_into(&mut scene.judge.output);
    let table = Table::read(&scene.path(output));
    (scene, table)
}

#[test]
fn select_names_the_columns_and_their_order() {
    for output in ["out.jsonl", "out.csv", "out.parquet"] {
        for (input, bytes) in
            [("in.jsonl", rows(0..3).into_bytes()), ("in.csv", b"id,text\nr0,a\nr1,b\nr2,c\n".to_vec())]
        {
            let more = "output.select = [\"response\", \"id\", \"status\"]\n\
                        output.rename = { response = \"translation\", id = \"key\" }\n";
            let (_, table) = run(input, bytes, output, more);
            assert_eq!(table.columns, ["translation", "key", "status"], "{input} to {output}");
            assert_eq!(table.texts("key"), ["r0", "r1", "r2"]);
            assert!(table.texts("translation").iter().all(|text| text.starts_with("Summary: ")));
        }
    }
}

#[test]
fn a_prefix_precedes_every_answer_column_and_a_new_name_replaces_it() {
    for output in ["out.jsonl", "out.tsv", "out.parquet"] {
        let more = "output.prefix = \"mt_\"\noutput.rename = { response = \"translation\" }\n";
        let (scene, table) = run("in.csv", "id,text,response\n1,a,old one\n", output, more);
        let answers = ANSWER_COLUMNS[1..].iter().map(|name| format!("mt_{name}"));
        let columns = ["id", "text", "translation"].map(str::to_owned).into_iter();
        // A name without its prefix is the input's first: that column was renamed, and not the answer's.
        let expected: Vec<String> = columns.chain(["mt_response".to_owned()]).chain(answers).collect();
        assert_eq!(table.columns, expected);
        assert_eq!(table.texts("translation"), ["old one"]);
        scene.run(&["verify", "job.toml"]).expect_code(0);
    }
}

#[test]
fn an_input_column_with_an_answer_column_s_name_is_an_error_that_suggests_a_prefix() {
    for (input, text) in [
        ("in.csv", "id,text,response\n1,a,b\n"),
        ("in.jsonl", "{\"text\":\"a\"}\n{\"text\":\"b\",\"status\":1}\n"),
    ] {
        for output in ["out.jsonl", "out.csv", "out.parquet"] {
            let mut scene = Scene::new();
            scene.write(input, text);
            scene.job(input, output, "");
            scene.judge.output = output.to_owned();
            let name = if input == "in.csv" { "`response`" } else { "`status`" };
            scene.run_job(&["job.toml"]).expect_code(1).says(name).says("prefix");
            assert!(scene.witness().is_empty());
            scene.run(&["run", "job.toml", "--set", "output.prefix=ai_"]).expect_code(0);
        }
    }
}

#[test]
fn an_output_of_answers_alone_has_no_column_of_the_input() {
    for (input, text) in [
        ("in.csv", "id,text,status\n1,a,x\n2,b,y\n"),
        ("in.jsonl", "{\"text\":\"a\",\"own\":1}\n{\"text\":\"b\",\"status\":1}\n"),
    ] {
        for output in ["out.jsonl", "out.csv", "out.parquet"] {
            let mut scene = Scene::new();
            scene.write(input, text);
            scene.job(input, output, "output.answers_only = true\n");
            scene.judge.output = output.to_owned();
            scene.run(&["run", "job.toml"]).expect_code(0);
            let table = Table::read(&scene.path(output));
            assert_eq!(table.columns[..2], ["response", "reasoning"]);
            assert_eq!(table.texts("status"), ["ok", "ok"], "the answer's, not the input's");
            assert!(!table.columns.iter().any(|name| ["id", "text", "own"].contains(&name.as_str())));
            scene.run(&["verify", "job.toml"]).expect_code(0);
        }
    }
}

#[test]
fn cells_that_a_spreadsheet_would_run_are_escaped_where_it_is_asked_for() {
    let text = "id,text\n1,=1+1 sums up\n2,-3\n3,plain\n";
    let more = "output.select = [\"text\", \"response\"]\nprompt.system = \"x\"\n";
    let (_, table) = run("in.csv", text, "out.csv", more);
    assert_eq!(table.texts("text"), ["=1+1 sums up", "-3", "plain"]);
    let (scene, table) = run("in.csv", text, "out.csv", &format!("{more}output.spreadsheet_safe = true\n"));
    assert_eq!(table.texts("text"), ["'=1+1 sums up", "-3", "plain"]);
    scene.run(&["verify", "job.toml"]).expect_code(0);
}

#[test]
fn jsonl_rows_keep_their_own_keys_their_order_and_the_spelling_of_their_numbers() {
    let text = "{\"z\":1.50,\"text\":\"a\",\"big\":12345678901234567890123}\n\
                {\"text\":\"b\",\"nested\":{\"y\":[1,{\"x\":null}],\"a\":\"ü\"},\"e\":1e2}\n";
    let (scene, _) = run("in.jsonl", text, "out.jsonl", "");
    let out = scene.read("out.jsonl");
    let mut written = out.lines();
    assert!(
        written
            .next()
            .expect("a line")
            .starts_with("{\"z\":1.50,\"text\":\"a\",\"big\":12345678901234567890123,")
    );
    let second = written.next().expect("a line");
    assert!(second.contains("\"nested\":{\"y\":[1,{\"x\":null}],\"a\":\"ü\"},\"e\":1e2,"), "{second}");
    let (_, table) = run("in.jsonl", text, "out.csv", "");
    assert_eq!(table.columns[..5], ["z", "text", "big", "nested", "e"]);
    assert_eq!(table.texts("nested"), ["", "{\"y\":[1,{\"x\":null}],\"a\":\"ü\"}"]);
    assert_eq!(table.texts("z"), ["1.50", ""]);
}

#[test]
fn json_becomes_parquet_with_the_types_its_values_have() {
    let text = "{\"text\":\"a\",\"n\":1,\"x\":1,\"b\":true,\"m\":1}\n{\"text\":\"b\",\"n\":2,\"x\":1.5,\"b\":null,\"m\":\"q\"}\n";
    let (scene, table) = run("in.jsonl", text, "out.parquet", "");
    let (schema, _) = batches(&scene.path("out.parquet"));
    let kind = |name: &str| schema.field_with_name(name).expect("a column").data_type().clone();
    assert_eq!([kind("n"), kind("x"), kind("b")], [DataType::Int64, DataType::Float64, DataType::Boolean]);
    assert_eq!([kind("total_tokens"), kind("cost")], [DataType::Int64, DataType::Float64]);
    assert_eq!(table.texts("m"), ["1", "\"q\""]);
}

fn typed() -> Vec<(&'static str, ArrayRef)> {
    let times = TimestampMicrosecondArray::from(vec![Some(1_700_000_000_123_456), None, Some(0)]);
    let amounts = Decimal128Array::from(vec![Some(12_345), Some(-1), None]);
    let kinds: DictionaryArray<Int32Type> = vec![Some("low"), None, Some("low")].into_iter().collect();
    let mut list = ListBuilder::new(Int32Builder::new());
    list.append_value([Some(1), None]);
    list.append_null();
    list.append_value([]);
    let names: ArrayRef = Arc::new(StringArray::from(vec![Some("Zoë"), None, Some("Bo")]));
    let person = StructArray::from(vec![(Arc::new(Field::new("name", DataType::Utf8, true)), names)]);
    vec![
        ("text", strings([Some("one."), Some("two."), Some("three.")])),
        ("at", Arc::new(times.with_timezone("Europe/Berlin"))),
        ("amount", Arc::new(amounts.with_precision_and_scale(9, 2).expect("a decimal"))),
        ("kind", Arc::new(kinds)),
        ("scores", Arc::new(list.finish())),
        ("person", Arc::new(person)),
        ("flag", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
    ]
}

#[test]
fn parquet_keeps_the_arrow_types_and_values_of_the_input() {
    let more =
        "prompt.system = \"{{ person.name }} {{ scores }} {{ amount }} {{ at }} {{ kind }} {{ flag }}\"\n";
    let (scene, _) = run("in.parquet", parquet(typed()), "out.parquet", more);
    let (before, rows_before) = batches(&scene.path("in.parquet"));
    let (after, rows_after) = batches(&scene.path("out.parquet"));
    assert_eq!(after.fields()[..7], before.fields()[..]);
    for column in 0..7 {
        assert_eq!(rows_after[0].column(column), rows_before[0].column(column));
    }
    let systems: Vec<Value> =
        scene.witness().iter().map(|line| line["body"]["messages"][0]["content"].clone()).collect();
    assert!(
        systems.contains(&json!("Zoë [1,null] 123.45 2023-11-14T22:13:20.123456Z low true")),
        "{systems:?}"
    );
    scene.run(&["export", "job.toml", "--output", "copy.jsonl"]).expect_code(0);
    let copy = lines(&scene.path("copy.jsonl"));
    assert_eq!(copy[0]["person"], json!({ "name": "Zoë" }));
    assert_eq!(
        (&copy[0]["scores"], &copy[1]["scores"], &copy[2]["scores"]),
        (&json!([1, null]), &json!(null), &json!([]))
    );
}

#[test]
fn an_old_output_outlives_a_run_that_cannot_start() {
    let scene = Scene::new();
    for output in ["out.jsonl", "out.csv", "out.parquet"] {
        scene.write("in.csv", "id,text\n1,a\n");
        scene.job("in.csv", output, "");
        scene.run(&["run", "job.toml"]).expect_code(0);
        let old = fs::read(scene.path(output)).expect("an output");
        scene.write("in.csv", "id,text\n1,a\n2\n");
        scene.run(&["run", "job.toml"]).expect_code(1);
        scene.run(&["export", "job.toml", "--set", "output.select=[\"txt\"]"]).expect_code(1);
        assert_eq!(fs::read(scene.path(output)).expect("the old output"), old);
    }
    let parts = fs::read_dir(scene.path("")).expect("a folder");
    let parts: Vec<_> = parts.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    assert!(parts.iter().all(|name| !name.ends_with(".part")), "{parts:?}");
}

#[test]
fn an_output_that_is_also_an_input_is_refused_before_it_replaces_it() {
    let scene = Scene::new();
    scene.write("a.jsonl", rows(0..2));
    scene.job("a.jsonl", "out/a.jsonl", "");
    std::os::unix::fs::symlink("a.jsonl", scene.path("link.jsonl")).expect("a link");
    for (input, output) in [
        ("a.jsonl", "a.jsonl"),
        ("a.jsonl", "./a.jsonl"),
        ("link.jsonl", "a.jsonl"),
        ("a.jsonl", "link.jsonl"),
        ("a*.jsonl", "answers.jsonl"),
        ("./*.jsonl", "out.jsonl"),
    ] {
        let arguments = ["run", "job.toml", "--input", input, "--output", output];
        scene.run(&arguments).expect_code(1).says("is also read as input").says(input);
    }
    assert!(scene.witness().is_empty());
    scene.run(&["run", "job.toml", "--input", "a*.jsonl"]).expect_code(0);
    scene.run(&["export", "job.toml", "--output", "a.jsonl"]).expect_code(1).says("is also read as input");
    assert_eq!(scene.read("a.jsonl"), rows(0..2));
}
