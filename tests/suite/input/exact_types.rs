//! Types and numbers of an input that are easily lost: each is exact, or text, or an error before anything is paid.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::builder::{Decimal128Builder, ListBuilder};
use arrow::array::cast::AsArray;
use arrow::array::types::UInt64Type;
use arrow::datatypes::DataType;
use parquet::basic::{ConvertedType, LogicalType};
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::support::harness::Scene;
use crate::support::tables::{Table, batches, parquet, strings};

fn data(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A scene with this input, whose prompt is this template.
fn scene(input: &str, bytes: impl AsRef<[u8]>, prompt: &str, output: &str) -> Scene {
    let mut scene = Scene::new();
    scene.write(input, bytes);
    let job = scene.job(input, output, "");
    let text = std::fs::read_to_string(&job).expect("a job").replace("{{ text }}", prompt);
    scene.write("job.toml", text);
    scene.judge.output = output.to_owned();
    scene
}

/// The user turns that were sent, sorted.
fn prompts(scene: &Scene) -> Vec<String> {
    let text = |line: serde_json::Value| {
        let messages = line["body"]["messages"].as_array().expect("messages").clone();
        messages.last().expect("a turn")["content"].as_str().expect("text").to_owned()
    };
    let mut prompts: Vec<String> = scene.witness().into_iter().map(text).collect();
    prompts.sort();
    prompts
}

#[test]
fn a_file_whose_rows_cannot_be_assembled_is_an_error_and_not_an_empty_output() {
    let mut scene = scene("in.parquet", data("repeated_no_annotation.parquet"), "{{ id }}", "out.jsonl");
    scene.run_job(&["job.toml"]).expect_code(1).says("its row groups declare 6 rows, but 0 can be read");
    assert!(scene.witness().is_empty());
}

#[test]
fn a_column_outside_the_prompt_that_cannot_be_decoded_is_found_before_anything_is_sent() {
    for output in ["out.jsonl", "out.csv", "out.parquet"] {
        let mut scene = scene("in.parquet", data("damaged_page.parquet"), "{{ text }}", output);
        scene.run_job(&["job.toml"]).expect_code(1).says("in.parquet");
        assert!(scene.witness().is_empty(), "{output}");
    }
}

#[test]
fn brotli_is_read() {
    let mut scene = scene("in.parquet", data("brotli.parquet"), "{{ text }} {{ note }}", "out.csv");
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(Table::read(&scene.path("out.csv")).texts("text"), ["one", "two"]);
}

#[test]
fn types_that_json_does_not_know_are_readable_text_in_prompts_and_csv() {
    let columns = ["span", "day", "moment", "clock", "tag", "doc", "price", "ratio", "counts"];
    let prompt: Vec<String> = columns.iter().map(|name| format!("{{{{ {name} }}}}")).collect();
    let mut scene = scene("in.parquet", data("odd_types.parquet"), &prompt.join("|"), "out.csv");
    scene.run_job(&["job.toml"]).expect_code(0);
    let first = [
        "P1Y2M3DT1.500S",
        "infinity",
        "infinity",
        "24:00:00",
        "4ac9a5a6-1f0e-4b0a-9c1d-0123456789ab",
        r#"{"k": 1}"#,
        "19.90",
        "inf",
        r#"{"7":"seven"}"#,
    ];
    let sent = prompts(&scene);
    assert!(sent.contains(&first.join("|")), "{sent:?}");
    let table = Table::read(&scene.path("out.csv"));
    for (name, value) in columns.iter().zip(first) {
        assert_eq!(table.texts(name)[0], value, "{name}");
    }
    assert_eq!(table.texts("day"), ["infinity", "-infinity", "2024-02-29"]);
    assert_eq!(table.texts("price"), ["19.90", "5.00", ""]);
    assert_eq!(table.texts("span"), ["P1Y2M3DT1.500S", "P1D", ""]);
}

#[test]
fn a_decimal_of_parquet_is_a_number_in_jsonl_with_its_digits() {
    let mut scene = scene("in.parquet", data("odd_types.parquet"), "{{ id }} {{ price }}", "out.jsonl");
    scene.run_job(&["job.toml"]).expect_code(0);
    let written = scene.read("out.jsonl");
    let prices: Vec<&str> = written
        .lines()
        .map(|line| line.split_once("\"price\":").expect("a price").1.split(',').next().expect("a value"))
        .collect();
    assert_eq!(prices, ["19.90", "5.00", "null"]);
    assert!(prompts(&scene).iter().any(|prompt| prompt.ends_with(" 19.90")));
}

#[test]
fn decimals_inside_of_lists_and_long_ones_are_numbers_too() {
    let long = arrow::array::Decimal128Array::from(vec![Some(12_345_678_901_234_567_890), Some(-5)])
        .with_precision_and_scale(38, 0)
        .expect("a decimal");
    let places = Decimal128Builder::new().with_precision_and_scale(10, 2).expect("a decimal");
    let mut lists = ListBuilder::new(places);
    for values in [&[1990_i128, 5][..], &[-250]] {
        values.iter().for_each(|value| lists.values().append_value(*value));
        lists.append(true);
    }
    let lists = lists.finish();
    let bytes = parquet([
        ("text", strings([Some("a"), Some("b")])),
        ("long", Arc::new(long)),
        ("parts", Arc::new(lists)),
    ]);
    let mut scene = scene("in.parquet", bytes, "{{ text }} {{ long }} {{ parts }}", "out.jsonl");
    scene.run_job(&["job.toml"]).expect_code(0);
    scene.run(&["export", "job.toml", "--output", "out.csv"]).expect_code(0);
    assert_eq!(Table::read(&scene.path("out.csv")).texts("parts"), ["[19.90,0.05]", "[-2.50]"]);
    let written = scene.read("out.jsonl");
    assert!(written.contains(r#""long":12345678901234567890,"parts":[19.90,0.05],"#), "{written}");
    assert!(written.contains(r#""long":-5,"parts":[-2.50],"#), "{written}");
}

#[test]
fn types_that_arrow_does_not_know_are_kept_from_parquet_to_parquet() {
    let mut scene = scene("in.parquet", data("odd_types.parquet"), "{{ id }}", "out.parquet");
    scene.run_job(&["job.toml"]).expect_code(0);
    let file = |name: &str| {
        SerializedFileReader::new(File::open(scene.path(name)).expect("a file")).expect("Parquet")
    };
    let (before, after) = (batches(&scene.path("in.parquet")), batches(&scene.path("out.parquet")));
    for name in ["day", "moment", "clock", "tag", "doc", "price", "counts"] {
        let column =
            |batches: &[arrow::array::RecordBatch]| batches[0].column_by_name(name).expect(name).to_data();
        assert_eq!(column(&before.1), column(&after.1), "{name}");
    }
    let written = file("out.parquet");
    let schema = written.metadata().file_metadata().schema_descr();
    let column = |name: &str| {
        let found = schema.columns().iter().find(|column| column.name() == name);
        found.expect("a column").clone()
    };
    assert_eq!(column("span").converted_type(), ConvertedType::INTERVAL);
    assert_eq!(column("tag").logical_type_ref(), Some(&LogicalType::Uuid));
    assert_eq!(column("doc").logical_type_ref(), Some(&LogicalType::Json));
    // Read once more, the interval has its months.
    std::fs::copy(scene.path("out.parquet"), scene.path("again.parquet")).expect("a copy");
    let bytes = std::fs::read(scene.path("again.parquet")).expect("a file");
    let again = self::scene("in.parquet", bytes, "It took {{ span }}", "out.csv");
    let job = std::fs::read_to_string(again.path("job.toml")).expect("a job");
    again.write("job.toml", format!("{job}\noutput.prefix = \"x_\"\n"));
    again.run(&["run", "job.toml"]).expect_code(0);
    assert_eq!(Table::read(&again.path("out.csv")).texts("span"), ["P1Y2M3DT1.500S", "P1D", ""]);
}

#[test]
fn dates_of_64_bits_stay_dates() {
    let days = arrow::array::Date64Array::from(vec![Some(86_400_000), None]);
    let bytes = parquet([("text", strings([Some("a"), Some("b")])), ("day", Arc::new(days))]);
    let mut scene = scene("in.parquet", bytes, "{{ text }} {{ day }}", "out.parquet");
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(prompts(&scene), ["a 1970-01-02", "b "]);
    let file =
        SerializedFileReader::new(File::open(scene.path("out.parquet")).expect("a file")).expect("Parquet");
    let schema = file.metadata().file_metadata().schema_descr();
    assert_eq!(schema.column(1).logical_type_ref(), Some(&LogicalType::Date));
    let (schema, batches) = batches(&scene.path("out.parquet"));
    assert_eq!(schema.field(1).data_type(), &DataType::Date64);
    assert_eq!(batches[0].column(1).as_primitive::<arrow::array::types::Date64Type>().value(0), 86_400_000);
}

const NUMBERS: &str = r#"{"n":9007199254740993,"u":18446744073709551615,"b":123456789012345678901234567890}
{"n":0.5,"u":1,"b":-5}
"#;

#[test]
fn whole_numbers_of_jsonl_are_exact_in_prompts_csv_and_parquet() {
    for output in ["out.csv", "out.parquet", "out.jsonl"] {
        let mut scene = scene("in.jsonl", NUMBERS, "{{ n }} {{ u }} {{ b }}", output);
        scene.run_job(&["job.toml"]).expect_code(0);
        let sent = prompts(&scene);
        assert_eq!(
            sent,
            ["0.5 1 -5", "9007199254740993 18446744073709551615 123456789012345678901234567890"]
        );
        if output == "out.jsonl" {
            let line = scene.read(output);
            assert!(line.starts_with(NUMBERS.split('}').next().expect("a line")), "{line}");
            continue;
        }
        let table = Table::read(&scene.path(output));
        assert_eq!(table.texts("n"), ["9007199254740993", "0.5"], "{output}");
        assert_eq!(table.texts("u"), ["18446744073709551615", "1"], "{output}");
        assert_eq!(table.texts("b"), ["123456789012345678901234567890", "-5"], "{output}");
        if output == "out.parquet" {
            let (schema, batches) = batches(&scene.path(output));
            assert_eq!(schema.field_with_name("u").expect("u").data_type(), &DataType::UInt64);
            assert_eq!(batches[0].column(1).as_primitive::<UInt64Type>().value(0), u64::MAX);
        }
    }
}

#[test]
fn a_number_past_64_bits_in_a_batch_body_keeps_its_digits() {
    let line = r#"{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"qwen-plus","messages":[{"role":"user","content":"x"}],"metadata":{"key":123456789012345678901234567890,"small":9007199254740993}}}"#;
    let scene = scene("in.jsonl", format!("{line}\n"), "{{ text }}", "out.jsonl");
    let job = scene.read("job.toml").replace("prompt.user", "# prompt.user");
    scene.write("job.toml", job);
    scene.run(&["run", "job.toml"]).expect_code(0);
    let body = &scene.witness()[0]["body"]["metadata"];
    assert_eq!(body["key"].as_str(), Some("123456789012345678901234567890"));
    assert_eq!(body["small"].as_u64(), Some(9_007_199_254_740_993));
}
