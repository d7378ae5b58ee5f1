//! CSV as spreadsheets write it: encodings, delimiters, byte order marks and columns without a name, in and out.

use crate::support::harness::Scene;
use crate::support::tables::Table;

const MARK: &[u8] = b"\xef\xbb\xbf";

/// Runs a job that asks by `text` over this file.
fn run(input: &str, bytes: &[u8], output: &str, more: &str) -> Scene {
    let mut scene = Scene::new();
    scene.write(input, bytes);
    scene.job(input, output, more);
    scene.judge.output = output.to_owned();
    scene.run_job(&["job.toml"]).expect_code(0);
    scene
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

const FEW: &str = "output.select = [\"id\", \"text\", \"status\"]\n";

#[test]
fn csv_goes_out_with_the_delimiter_and_the_mark_that_it_came_in_with() {
    for (delimiter, mark) in [(";", MARK), (",", b"".as_slice()), ("\t", MARK), ("|", b"")] {
        let text = format!("id{delimiter}text\n1{delimiter}Hello  World\n");
        let scene = run("in.csv", &[mark, text.as_bytes()].concat(), "out.csv", FEW);
        let expected = format!("id{delimiter}text{delimiter}status\n1{delimiter}Hello  World{delimiter}ok\n");
        let expected = [mark, expected.as_bytes()].concat();
        assert_eq!(std::fs::read(scene.path("out.csv")).expect("an output"), expected, "{delimiter:?}");
        scene.run(&["verify", "job.toml"]).expect_code(0);
        scene.run(&["export", "job.toml", "--output", "copy.tsv"]).expect_code(0);
        let copy = std::fs::read(scene.path("copy.tsv")).expect("an output");
        assert_eq!(copy.starts_with(MARK), !mark.is_empty());
        assert!(copy.ends_with(b"id\ttext\tstatus\n1\tHello  World\tok\n"));
        scene.run(&["export", "job.toml", "--output", "copy.jsonl"]).expect_code(0);
        assert!(scene.read("copy.jsonl").starts_with('{'), "no other format has a mark");
    }
}

#[test]
fn the_job_sets_another_delimiter_or_mark_for_the_output() {
    let more = format!("{FEW}output.delimiter = \"~\"\noutput.bom = true\n");
    let scene = run("in.csv", b"id;text\n1;one\n", "out.csv", &more);
    assert_eq!(scene.read("out.csv"), "\u{feff}id~text~status\n1~one~ok\n");
    scene.run(&["verify", "job.toml"]).expect_code(0);
    let without = ["export", "job.toml", "--set", "output.bom=false", "--set", "output.delimiter=\",\""];
    scene.run(&[&without[..], &["--output", "copy.csv"]].concat()).expect_code(0);
    assert_eq!(scene.read("copy.csv"), "id,text,status\n1,one,ok\n");
    for (key, wrong) in
        [("input", "ab"), ("output", "ab"), ("output", "é"), ("output", "\\n"), ("output", "")]
    {
        let set = format!("{key}.delimiter=\"{wrong}\"");
        let refused = scene.run(&["run", "job.toml", "--set", &set]);
        refused.expect_code(1).says("delimit");
    }
}

#[test]
fn a_first_line_that_names_the_delimiter_is_obeyed_and_not_written() {
    let scene = run("in.csv", b"sep=;\r\nid;text\r\n1;one, two\r\n", "out.csv", FEW);
    assert_eq!(scene.read("out.csv"), "id;text;status\n1;one, two;ok\n");
}

#[test]
fn utf_16_with_a_mark_is_read_and_goes_out_as_utf_8_with_one() {
    let text = "\u{feff}id\ttext\r\n1\tGrüße 你好 🎉\r\n2\t\"two\nlines\"\r\n";
    for unit in [u16::to_le_bytes, u16::to_be_bytes] {
        let scene = run("in.csv", &utf16(text, unit), "out.csv", FEW);
        let expected = "\u{feff}id\ttext\tstatus\n1\tGrüße 你好 🎉\tok\n2\t\"two\nlines\"\tok\n";
        assert_eq!(scene.read("out.csv"), expected);
    }
    let bare = utf16(&text[3..], u16::to_le_bytes);
    let mut scene = Scene::new();
    scene.write("in.csv", &bare);
    scene.job("in.csv", "out.csv", FEW);
    scene.run_job(&["job.toml"]).expect_code(1).says("set `encoding = \"utf-16le\"` under [input]");
    let scene = run("in.csv", &bare, "out.csv", &format!("{FEW}input.encoding = \"utf-16le\"\n"));
    assert!(scene.read("out.csv").contains("1\tGrüße 你好 🎉\tok"));
}

#[test]
fn text_in_an_encoding_that_the_job_names_is_read_in_it() {
    let (western, chinese) = (b"id;text\n1;Gr\xfc\xdfe \x80\n".as_slice(), b"id;text\n1;\xba\xcf\xcd\xac\n");
    for (bytes, label, text) in
        [(western, "windows-1252", "Grüße €"), (western, "latin1", "Grüße €"), (chinese, "GB18030", "合同")]
    {
        let mut scene = Scene::new();
        scene.write("in.csv", bytes);
        scene.job("in.csv", "out.csv", FEW);
        scene
            .run_job(&["job.toml"])
            .expect_code(1)
            .says("in.csv:2: column `text` is not UTF-8")
            .says("encoding");
        let scene = run("in.csv", bytes, "out.csv", &format!("{FEW}input.encoding = \"{label}\"\n"));
        assert_eq!(scene.read("out.csv"), format!("\u{feff}id;text;status\n1;{text};ok\n"), "{label}");
    }
    let lines = b"{\"id\":\"1\",\"text\":\"Gr\xfc\xdfe\"}\n";
    let scene = run("in.jsonl", lines, "out.jsonl", "input.encoding = \"latin1\"\n");
    assert_eq!(Table::read(&scene.path("out.jsonl")).texts("text"), ["Grüße"]);
}

#[test]
fn what_an_encoding_does_not_have_is_named_by_its_line() {
    let mut scene = Scene::new();
    scene.write("in.csv", b"id,text\n1,\xba\xcf\n2,a\xff\n3,b\n");
    scene.job("in.csv", "out.csv", "input.encoding = \"gb18030\"\n");
    let refused = scene.run_job(&["job.toml"]).expect_code(1);
    refused.says("in.csv:3: column `text` is not gb18030; set the file's own `encoding`");
    assert!(scene.witness().is_empty());
    let unknown = scene.run(&["run", "job.toml", "--set", "input.encoding=klingon"]).expect_code(1);
    unknown.says("`klingon` is not the name of an encoding").says("windows-1252");
    scene.job("in.csv", "out.csv", "input.encoding = \"gb18030\"\ninput.on_bad_row = \"skip\"\n");
    scene.judge.output = "out.csv".to_owned();
    scene.run_job(&["job.toml"]).expect_code(3);
    assert_eq!(Table::read(&scene.path("out.csv")).texts("status"), ["ok", "failed", "ok"]);
}

#[test]
fn a_column_without_a_name_and_without_values_is_dropped_with_a_notice() {
    let mut scene = Scene::new();
    scene.write("in.csv", ",id,,text,,\n,1,,one,,\n,2,,two\n,3,,three,,\n");
    scene.job("in.csv", "out.csv", FEW);
    scene.judge.output = "out.csv".to_owned();
    let finished = scene.run_job(&["job.toml"]).expect_code(0);
    finished
        .says("2 columns such as 1 have no names and no values, and are ignored")
        .says("the last 2 columns have no names");
    assert_eq!(scene.read("out.csv"), "id,text,status\n1,one,ok\n2,two,ok\n3,three,ok\n");
}

#[test]
fn a_column_without_a_name_that_has_a_value_is_an_error_that_names_the_cell() {
    let mut scene = Scene::new();
    scene.write("in.csv", ",id,text\n,1,one\n0,2,two\n");
    scene.job("in.csv", "out.csv", FEW);
    let refused = scene.run_job(&["job.toml"]).expect_code(1);
    refused.says("in.csv:3: column 1 has a value here, but no name in the header; give it one");
    assert!(scene.witness().is_empty());
}
