//! Every input format by every output format: order, nulls, Unicode, quotes, line breaks, the answer columns.

use serde_json::json;

use crate::support::harness::{Finished, Scene};
use crate::support::sheets::{Cell, Sheet, workbook};
use crate::support::tables::{ANSWER_COLUMNS, Table, csv, gzip, parquet, strings, zstd};

const OUTPUTS: [&str; 8] = [
    "out.jsonl",
    "out.csv",
    "out.tsv",
    "out.parquet",
    "out.xlsx",
    "out.jsonl.gz",
    "out.csv.zst",
    "out.tsv.gz",
];

/// The texts of the rows. The first words of each are unique.
const TEXTS: [&str; 5] = [
    "first of all, plain words.",
    "zweitens: \"Grüße\", sagt 你好 🎉 zu Zoë",
    "third has\nthree lines,\r\nand a comma",
    "fourth\thas a tab; and 'quotes'",
    "=fifth(looks; like a formula)",
];

const IDS: [&str; 5] = ["r0", "r1", "r2", "r3", "r4"];

const NOTES: [Option<&str>; 5] = [Some("a,b"), None, Some("\"quoted\""), Some("ñ"), None];

fn jsonl() -> Vec<u8> {
    let line = |index: usize| {
        let row = json!({ "id": format!("r{index}"), "text": TEXTS[index], "note": NOTES[index] });
        format!("{row}\n")
    };
    (0..TEXTS.len()).map(line).collect::<String>().into_bytes()
}

fn cells(delimiter: u8) -> Vec<u8> {
    let ids = ["r0", "r1", "r2", "r3", "r4"];
    let header = vec!["id", "text", "note"];
    let rows = (0..TEXTS.len()).map(|index| vec![ids[index], TEXTS[index], NOTES[index].unwrap_or_default()]);
    csv(delimiter, &std::iter::once(header).chain(rows).collect::<Vec<_>>())
}

fn columnar() -> Vec<u8> {
    let ids = ["r0", "r1", "r2", "r3", "r4"];
    parquet([("id", strings(ids.map(Some))), ("text", strings(TEXTS.map(Some))), ("note", strings(NOTES))])
}

fn sheet() -> Vec<u8> {
    let cells = |index: usize| [Some(IDS[index]), Some(TEXTS[index]), NOTES[index]].map(Cell::of);
    let rows: Vec<_> = (0..TEXTS.len()).map(cells).collect();
    workbook(&[Sheet::new("Rows", &["id", "text", "note"], &rows)])
}

/// Converts one input to every output format, and compares each output with the rows.
fn becomes_every_output(input: &str, bytes: &[u8], has_nulls: bool) {
    for output in OUTPUTS {
        let mut scene = Scene::new();
        scene.write(input, bytes);
        scene.job(input, output, "");
        scene.judge.output = output.to_owned();
        scene.run_job(&["job.toml"]).expect_code(0);
        check(&scene, output, has_nulls);
    }
}

fn check(scene: &Scene, output: &str, has_nulls: bool) {
    let table = Table::read(&scene.path(output));
    let columns: Vec<&str> = ["id", "text", "note"].into_iter().chain(ANSWER_COLUMNS).collect();
    assert_eq!(table.columns, columns, "{output}");
    assert_eq!(table.texts("id"), ["r0", "r1", "r2", "r3", "r4"], "{output}");
    assert_eq!(table.texts("text"), TEXTS, "{output}");
    assert_eq!(table.texts("note"), NOTES.map(Option::unwrap_or_default), "{output}");
    let is_csv = output.contains(".csv") || output.contains(".tsv");
    // An empty cell of a sheet is null, whatever it was.
    let is_null = output.ends_with(".xlsx") || has_nulls && !is_csv;
    assert_eq!(table.rows[1]["note"].is_null(), is_null, "{output}");
    assert_eq!(table.rows[1]["error"].is_null(), !is_csv, "{output}: absent values are null, empty in CSV");
    assert!(table.texts("status").iter().all(|status| status == "ok"), "{output}");
    assert!(table.texts("finish_reason").iter().all(|reason| reason == "stop"), "{output}");
    for (text, response) in TEXTS.iter().zip(table.texts("response")) {
        let word = text.split_whitespace().next().expect("a word");
        assert!(response.starts_with(&format!("Summary: {word}")), "{output}: {response}");
    }
    for column in ["prompt_tokens", "completion_tokens", "total_tokens", "attempts"] {
        assert!(table.texts(column).iter().all(|text| text.parse::<u64>().is_ok_and(|n| n > 0)), "{column}");
    }
    assert!(table.texts("cost").iter().all(String::is_empty), "{output}: what is not known is not 0");
    assert_eq!(scene.witness().len(), TEXTS.len());
}

#[test]
fn jsonl_becomes_every_output() {
    becomes_every_output("in.jsonl", &jsonl(), true);
}

#[test]
fn csv_becomes_every_output() {
    becomes_every_output("in.csv", &cells(b','), false);
}

#[test]
fn tsv_becomes_every_output() {
    becomes_every_output("in.tsv", &cells(b'\t'), false);
}

#[test]
fn parquet_becomes_every_output() {
    becomes_every_output("in.parquet", &columnar(), true);
}

#[test]
fn a_spreadsheet_becomes_every_output() {
    becomes_every_output("in.xlsx", &sheet(), true);
}

#[test]
fn compressed_input_becomes_every_output() {
    becomes_every_output("in.jsonl.gz", &gzip(&jsonl()), true);
    becomes_every_output("in.csv.zst", &zstd(&cells(b',')), false);
}

#[test]
fn csv_as_office_programs_write_it_is_read() {
    let plain = cells(b';');
    let crlf = String::from_utf8(plain.clone()).expect("text");
    // Line breaks inside cells are kept: those at the ends of records get their carriage return.
    let crlf = crlf.replace(",b\n", ",b\r\n").replace("note\n", "note\r\n");
    for bytes in [plain, [b"\xef\xbb\xbf", crlf.as_bytes()].concat()] {
        let mut scene = Scene::new();
        scene.write("in.csv", bytes);
        scene.job("in.csv", "out.jsonl", "");
        scene.run_job(&["job.toml"]).expect_code(0);
        check(&scene, "out.jsonl", false);
    }
}

#[test]
fn a_byte_order_mark_before_jsonl_is_not_part_of_it() {
    let mut scene = Scene::new();
    let text = String::from_utf8(jsonl()).expect("text").replace('\n', "\r\n");
    scene.write("in.jsonl", [b"\xef\xbb\xbf", text.as_bytes()].concat());
    scene.job("in.jsonl", "out.jsonl", "");
    scene.run_job(&["job.toml"]).expect_code(0);
    check(&scene, "out.jsonl", true);
}

#[test]
fn several_files_are_read_in_their_order_and_a_glob_by_name() {
    let mut scene = Scene::new();
    for (name, ids) in [("z.csv", "1"), ("part-b.csv", "3"), ("part-a.csv", "2")] {
        scene.write(name, format!("id,text\n{ids},text {ids}\n"));
    }
    scene.job("unused.csv", "out.csv", "");
    scene.judge.output = "out.csv".to_owned();
    scene.run_job(&["job.toml", "--input", "z.csv", "--input", "part-*.csv"]).expect_code(0);
    assert_eq!(Table::read(&scene.path("out.csv")).texts("id"), ["1", "2", "3"]);
}

fn piped(scene: &mut Scene, bytes: &[u8]) -> Finished {
    let finished = scene.run_with_input(&["run", "job.toml"], bytes);
    scene.judge.judge(&finished);
    finished
}

#[test]
fn the_format_of_standard_input_is_detected_from_its_content_for_every_output() {
    for bytes in [jsonl(), cells(b','), columnar(), sheet()] {
        let has_nulls = bytes != cells(b',');
        for output in ["out.jsonl", "out.csv", "out.parquet", "out.xlsx"] {
            let mut scene = Scene::new();
            scene.job("-", output, "");
            scene.judge.output = output.to_owned();
            piped(&mut scene, &bytes).expect_code(0);
            check(&scene, output, has_nulls);
        }
    }
}

#[test]
fn standard_input_is_kept_so_that_the_job_can_go_on_with_it() {
    let script = "[[fault]]\ncontains = \"third\"\ntimes = 1\nstatus = 401\ncode = \"invalid_api_key\"\n";
    let mut scene = Scene::with_script(script);
    scene.job("-", "out.jsonl", "limits.concurrency = 1\n");
    piped(&mut scene, &jsonl()).expect_code(4).says("run job.toml < out.jsonl.stdin");
    let kept = std::fs::read(scene.path("out.jsonl.stdin")).expect("what was kept");
    piped(&mut scene, &kept).expect_code(0);
    let table = Table::read(&scene.path("out.jsonl"));
    assert_eq!(table.texts("text"), TEXTS);
    assert_eq!(scene.witness().len(), TEXTS.len() + 1);
    scene.run(&["verify", "job.toml"]).expect_code(0);
}

#[test]
fn standard_input_that_brings_nothing_is_an_input_of_no_rows_and_not_yesterdays() {
    let mut scene = Scene::new();
    scene.job("-", "out.jsonl", "");
    piped(&mut scene, &jsonl()).expect_code(0);
    let told = "the input has no rows, and had 5 rows with answers before; the output will be empty";
    piped(&mut scene, b"").expect_code(0).says(told);
    assert!(scene.output().is_empty());
    // The answers are still there.
    piped(&mut scene, &jsonl()).expect_code(0);
    assert_eq!(scene.witness().len(), TEXTS.len());
    let job = scene.read("job.toml");
    scene.write("job.toml", format!("{job}\ninput.min_rows = 1\n"));
    piped(&mut scene, b"").expect_code(1).says("the input has 0 rows");
    assert_eq!(Table::read(&scene.path("out.jsonl")).texts("text"), TEXTS);
}

#[test]
fn only_run_reads_standard_input_and_the_other_commands_leave_it_alone() {
    let mut scene = Scene::new();
    scene.job("-", "out.jsonl", "");
    piped(&mut scene, &jsonl()).expect_code(0);
    for command in ["verify", "export", "status"] {
        scene.run_with_input(&[command, "job.toml"], b"{\"id\":\"x\",\"text\":\"other\"}\n").expect_code(0);
    }
    assert_eq!(Table::read(&scene.path("out.jsonl")).texts("text"), TEXTS);
    piped(&mut scene, &jsonl()).expect_code(0).says("kept 5 · moved 0 · changed 0 · new 0");
}

#[test]
fn an_empty_line_is_a_row_where_a_table_has_one_column() {
    for end in ["\n", "\r\n"] {
        let mut scene = Scene::new();
        scene.write("in.csv", ["text", "one", "", "three", "\"\"", "five"].join(end) + end);
        scene.job("in.csv", "out.csv", "input.on_blank = \"send\"\n");
        let job = scene.read("job.toml").replace("{{ text }}", "Say {{ text }}");
        scene.write("job.toml", job);
        scene.judge.output = "out.csv".to_owned();
        scene.run_job(&["job.toml"]).expect_code(0);
        let table = Table::read(&scene.path("out.csv"));
        assert_eq!(table.texts("text"), ["one", "", "three", "", "five"]);
        assert_eq!(scene.witness().len(), 5);
    }
    let mut scene = Scene::new();
    scene.write("in.csv", "id,text\n\n1,one\n\n\n2,two\n\n");
    scene.job("in.csv", "out.csv", "");
    scene.judge.output = "out.csv".to_owned();
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(Table::read(&scene.path("out.csv")).texts("id"), ["1", "2"]);
}

#[test]
fn a_row_that_lacks_only_its_id_keeps_its_columns_in_every_output() {
    let ids = [Some("r0"), None, Some("r2")];
    let texts = [Some("zero"), Some("one"), Some("two")];
    let inputs = [
        ("in.jsonl", b"{\"id\":\"r0\",\"text\":\"zero\"}\n{\"text\":\"one\",\"more\":1.50}\n{\"id\":\"r2\",\"text\":\"two\"}\n".to_vec()),
        ("in.csv", b"id,text\nr0,zero\n,one\nr2,two\n".to_vec()),
        ("in.parquet", parquet([("id", strings(ids)), ("text", strings(texts))])),
    ];
    for (input, bytes) in inputs {
        for output in ["out.jsonl", "out.csv", "out.parquet"] {
            let mut scene = Scene::new();
            scene.write(input, &bytes);
            scene.job(input, output, "input.id = \"id\"\ninput.on_bad_row = \"skip\"\n");
            scene.judge.output = output.to_owned();
            scene.run_job(&["job.toml"]).expect_code(3);
            let table = Table::read(&scene.path(output));
            assert_eq!(table.texts("text"), ["zero", "one", "two"], "{input} to {output}");
            assert_eq!(table.texts("status"), ["ok", "failed", "ok"], "{input} to {output}");
            if input == "in.jsonl" {
                assert_eq!(
                    table.texts("more")[1],
                    if output == "out.csv" { "1.50" } else { "1.5" },
                    "{output}"
                );
            }
        }
    }
}

#[test]
fn an_input_of_no_rows_becomes_an_empty_output_of_every_format() {
    for (input, bytes) in [
        ("in.csv", Vec::new()),
        ("in.csv", b"\xef\xbb\xbfid,text\r\n".to_vec()),
        ("in.jsonl", b"\n\n".to_vec()),
        ("in.tsv.gz", gzip(b"id\ttext\n")),
        ("in.parquet", parquet([("id", strings([])), ("text", strings([]))])),
    ] {
        for output in OUTPUTS {
            let mut scene = Scene::new();
            scene.write(input, &bytes);
            scene.job(input, output, "output.rename = { text = \"source\", response = \"translation\" }\n");
            scene.judge.output = output.to_owned();
            scene.run_job(&["job.toml"]).expect_code(0).says("0 rows");
            let table = Table::read(&scene.path(output));
            assert!(table.rows.is_empty(), "{input} to {output}");
            assert!(
                output.contains("jsonl") || table.columns.contains(&"translation".to_owned()),
                "{output}"
            );
            scene.run_job(&["job.toml", "--set", "output.select=[\"id\", \"status\"]"]).expect_code(0);
            scene.run(&["verify", "job.toml"]).expect_code(0);
        }
    }
}
