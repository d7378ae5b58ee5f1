//! Inputs of several different files, folders that give a column, and files in unusual encodings.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::builder::{IntervalDayTimeBuilder, ListBuilder};
use arrow::array::types::{Int32Type, IntervalDayTimeType};
use arrow::array::{ArrayRef, DictionaryArray, Float64Array, Int32Array, Int64Array, NullArray};
use arrow::datatypes::DataType;
use parquet::basic::Compression;
use parquet::file::metadata::{ParquetMetaDataReader, ParquetMetaDataWriter};

use crate::support::harness::Scene;
use crate::support::tables::{Table, batches, parquet, strings};

const OUTPUTS: [&str; 3] = ["out.jsonl", "out.csv", "out.parquet"];

/// A scene whose job reads these files and asks by this template.
fn scene(path: &str, files: &[(&str, &[u8])], prompt: &str, output: &str) -> Scene {
    let mut scene = Scene::new();
    for (name, bytes) in files {
        scene.write(name, bytes);
    }
    scene.job(path, output, "");
    let job = scene.read("job.toml").replace("{{ text }}", prompt);
    scene.write("job.toml", job);
    scene.judge.output = output.to_owned();
    scene
}

fn whole(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

#[test]
fn a_part_with_a_further_column_is_joined_and_the_column_is_null_elsewhere() {
    let first: ArrayRef = Arc::new(Int64Array::from(vec![7]));
    let parts: [(&str, Vec<u8>, Vec<u8>); 3] = [
        ("csv", b"id,text\n1,one\n".to_vec(), b"note,text,id\nnew,two,2\n".to_vec()),
        (
            "jsonl",
            b"{\"id\":1,\"text\":\"one\"}\n".to_vec(),
            b"{\"id\":2,\"text\":\"two\",\"note\":\"new\"}\n".to_vec(),
        ),
        (
            "parquet",
            parquet([("id", first.clone()), ("text", strings([Some("one")]))]),
            parquet([("note", strings([Some("new")])), ("text", strings([Some("two")])), ("id", first)]),
        ),
    ];
    for (format, one, two) in &parts {
        let names = [format!("part-1.{format}"), format!("part-2.{format}")];
        for output in OUTPUTS {
            let files = [(names[0].as_str(), one.as_slice()), (names[1].as_str(), two.as_slice())];
            let mut scene = scene(&format!("part-*.{format}"), &files, "{{ text }}", output);
            let finished = scene.run_job(&["job.toml"]).expect_code(0);
            if *format != "jsonl" {
                finished.says("are joined: `note` is null in the rows of part-1.");
            }
            let table = Table::read(&scene.path(output));
            assert_eq!(table.texts("text"), ["one", "two"], "{format} to {output}");
            assert_eq!(table.texts("note"), ["", "new"], "{format} to {output}");
            if *format != "jsonl" {
                assert_eq!(table.columns[..3], ["id", "text", "note"], "{format} to {output}");
            }
        }
    }
}

#[test]
fn a_part_that_gains_a_column_sends_nothing_again_that_is_paid() {
    for format in ["csv", "parquet"] {
        let bytes = |texts: [&str; 2], note: bool| match format {
            "csv" if note => format!("text,note\n{},x\n{},y\n", texts[0], texts[1]).into_bytes(),
            "csv" => format!("text\n{}\n{}\n", texts[0], texts[1]).into_bytes(),
            _ => {
                let text = ("text", strings(texts.map(Some)));
                let numbers = ("note", whole(&[1, 2]));
                if note { parquet([text, numbers]) } else { parquet([text]) }
            }
        };
        let (one, two) = (format!("1.{format}"), format!("2.{format}"));
        let files = [(one.as_str(), bytes(["a", "b"], false)), (two.as_str(), bytes(["c", "d"], false))];
        let files = files.each_ref().map(|(name, bytes)| (*name, bytes.as_slice()));
        let mut scene = scene(&format!("?.{format}"), &files, "Say {{ text }}", "out.jsonl");
        scene.run_job(&["job.toml"]).expect_code(0);
        scene.write(&two, bytes(["c", "d"], true));
        scene.run_job(&["job.toml"]).expect_code(0).says("kept 4 · moved 0 · changed 0 · new 0");
        // The first part too, and another part with a different type of the column.
        scene.write(&one, bytes(["a", "e"], true));
        scene.run_job(&["job.toml"]).expect_code(0).says("kept 3 · moved 0 · changed 1 · new 0");
        assert_eq!(scene.witness().len(), 5, "{format}");
    }
}

#[test]
fn a_column_of_two_types_is_of_the_wider_one() {
    let words: ArrayRef = Arc::new(["x"].into_iter().collect::<DictionaryArray<Int32Type>>());
    let small: ArrayRef = Arc::new(Int32Array::from(vec![7]));
    let float: ArrayRef = Arc::new(Float64Array::from(vec![0.5]));
    let nothing: ArrayRef = Arc::new(NullArray::new(1));
    let text = || ("text", strings([Some("a")]));
    let one = parquet([text(), ("n", small), ("word", words), ("null", nothing), ("mean", whole(&[7]))]);
    let two = parquet([
        text(),
        ("n", whole(&[1 << 40])),
        ("word", strings([Some("y")])),
        ("null", strings([Some("z")])),
        ("mean", float),
    ]);
    let files: [(&str, &[u8]); 2] = [("1.parquet", &one), ("2.parquet", &two)];
    for output in OUTPUTS {
        let mut scene =
            scene("?.parquet", &files, "{{ text }} {{ n }} {{ word }} {{ null }} {{ mean }}", output);
        let told = "`n` is Int32 in 1.parquet, Int64 in 2.parquet, and Int64 in a Parquet output";
        scene.run_job(&["job.toml"]).expect_code(0).says(told);
        let mut prompts: Vec<String> = scene
            .witness()
            .iter()
            .map(|line| line["body"]["messages"][0]["content"].as_str().expect("text").to_owned())
            .collect();
        prompts.sort();
        assert_eq!(prompts, ["a 1099511627776 y z 0.5", "a 7 x  7"], "as each file has it");
        let table = Table::read(&scene.path(output));
        assert_eq!(table.texts("n"), ["7", "1099511627776"], "{output}");
        assert_eq!(table.texts("word"), ["x", "y"], "{output}");
        assert_eq!(table.texts("null"), ["", "z"], "{output}");
        if output == "out.parquet" {
            let (schema, _) = batches(&scene.path(output));
            let types = ["n", "word", "null", "mean"]
                .map(|name| schema.field_with_name(name).expect("a column").data_type().clone());
            assert_eq!(types, [DataType::Int64, DataType::Utf8, DataType::Utf8, DataType::Float64]);
        }
    }
}

#[test]
fn types_that_nothing_holds_both_of_are_refused_and_so_is_a_number_that_would_be_rounded() {
    let text = || ("text", strings([Some("a")]));
    let one = parquet([text(), ("n", whole(&[(1 << 53) + 1]))]);
    let two = parquet([text(), ("n", strings([Some("7")]))]);
    let mut strange =
        scene("?.parquet", &[("1.parquet", &one), ("2.parquet", &two)], "{{ text }}", "out.parquet");
    strange
        .run_job(&["job.toml"])
        .expect_code(1)
        .says("column `n` is of type Utf8 here, and Int64 in 1.parquet");
    let three = parquet([text(), ("n", Arc::new(Float64Array::from(vec![0.5])) as ArrayRef)]);
    let mut rounded =
        scene("?.parquet", &[("1.parquet", &one), ("3.parquet", &three)], "{{ text }}", "out.parquet");
    rounded.run_job(&["job.toml"]).expect_code(1).says("1.parquet: column `n` is Float64");
    assert!(rounded.witness().is_empty());
}

#[test]
fn a_column_that_the_prompt_needs_and_a_file_lacks_gives_a_warning() {
    let files: [(&str, &[u8]); 2] = [("1.csv", b"id,text\n1,one\n"), ("2.csv", b"id,words\n2,two\n")];
    let mut scene = scene("?.csv", &files, "Sum up: {{ text }}", "out.jsonl");
    let told = "warning: requests depend on `text`, which is null in the rows of 2.csv";
    scene.run_job(&["job.toml"]).expect_code(0).says(told);
    let preview = scene.run(&["preview", "job.toml"]).expect_code(0);
    assert!(preview.stdout.contains(told), "{}", preview.stdout);
}

#[test]
fn folders_of_a_path_tell_columns_in_every_format() {
    let parts: [(&str, Vec<u8>); 3] = [
        ("csv", b"id,text\n1,one\n".to_vec()),
        ("jsonl", b"{\"id\":1,\"text\":\"one\"}\n".to_vec()),
        ("parquet", parquet([("id", whole(&[1])), ("text", strings([Some("one")]))])),
    ];
    for (format, bytes) in &parts {
        let names = ["30", "31"].map(|day| format!("data/day=2026-11-{day}/part.{format}"));
        for output in OUTPUTS {
            let files = names.each_ref().map(|name| (name.as_str(), bytes.as_slice()));
            let mut scene = scene(&format!("data/*/*.{format}"), &files, "On {{ day }}: {{ text }}", output);
            scene.run_job(&["job.toml"]).expect_code(0);
            let table = Table::read(&scene.path(output));
            assert_eq!(table.columns[..3], ["id", "text", "day"], "{format} to {output}");
            assert_eq!(table.texts("day"), ["2026-11-30", "2026-11-31"], "{format} to {output}");
            assert!(table.texts("response")[0].contains("2026-11-30"), "{format} to {output}");
        }
    }
}

#[test]
fn a_folder_is_every_file_below_it_that_tells_its_format() {
    let files: [(&str, &[u8]); 5] = [
        ("data/day=30/part.csv", b"text\none\n"),
        ("data/day=31/part.csv", b"text\ntwo\n"),
        ("data/_SUCCESS", b""),
        ("data/day=31/.part.csv.crc", b"x"),
        ("data/read.me", b"x"),
    ];
    let mut scene = scene("data", &files, "{{ text }}", "out.csv");
    let told = "data/read.me is skipped, since its ending is not that of a known format";
    std::os::unix::fs::symlink("day=30", scene.path("data/linked")).expect("a link");
    let linked = "warning: the folder data/linked is a link and is not read; to read it";
    scene.run_job(&["job.toml"]).expect_code(0).says(told).says(linked);
    let table = Table::read(&scene.path("out.csv"));
    assert_eq!(table.texts("text"), ["one", "two"]);
    assert_eq!(table.texts("day"), ["30", "31"]);
    let output = "the output data/out.csv is also read as input, by `data`";
    scene.run(&["run", "job.toml", "--output", "data/out.csv"]).expect_code(1).says(output);
}

#[test]
fn a_column_of_the_file_itself_does_not_come_from_its_folder() {
    let parts: [(&str, &[u8]); 2] =
        [("csv", b"day,text\nMonday,one\n"), ("jsonl", b"{\"text\":\"one\",\"day\":\"Monday\"}\n")];
    for (format, bytes) in parts {
        let name = format!("day=1/part.{format}");
        let mut scene = scene(&name, &[(&name, bytes)], "{{ text }}", "out.jsonl");
        scene.run_job(&["job.toml"]).expect_code(0);
        assert_eq!(scene.output()[0]["day"], "Monday", "{format}");
        assert_eq!(scene.read("out.jsonl").matches("\"day\"").count(), 1, "{format}");
    }
}

#[test]
fn rows_that_move_into_a_folder_are_not_sent_again() {
    for (format, bytes) in
        [("csv", &b"text\none\ntwo\n"[..]), ("jsonl", b"{\"text\":\"one\"}\n{\"text\":\"two\"}\n")]
    {
        let name = format!("in/part.{format}");
        let mut scene = scene(&format!("in/**/*.{format}"), &[(&name, bytes)], "{{ text }}", "out.csv");
        scene.run_job(&["job.toml"]).expect_code(0);
        std::fs::create_dir(scene.path("in/day=1")).expect("a folder");
        std::fs::rename(scene.path(&name), scene.path(&format!("in/day=1/part.{format}"))).expect("moved");
        scene.run_job(&["job.toml"]).expect_code(0).says("kept 2 · moved 0 · changed 0 · new 0");
        assert_eq!(Table::read(&scene.path("out.csv")).texts("day"), ["1", "1"]);
    }
}

#[test]
fn the_first_line_of_a_spreadsheet_names_the_delimiter() {
    let mut scene =
        scene("in.csv", &[("in.csv", b"sep=|\r\nid|text\r\n1|a,b;c\r\n2|d\r\n")], "{{ text }}", "out.csv");
    scene.run_job(&["job.toml"]).expect_code(0);
    let table = Table::read(&scene.path("out.csv"));
    assert_eq!(table.columns[..2], ["id", "text"]);
    assert_eq!(table.texts("text"), ["a,b;c", "d"]);
    scene.write("in.csv", "sep=|\nid|text\n1\n");
    scene.run_job(&["job.toml"]).expect_code(1).says("in.csv:3: has 1 cell where the header has 2 columns\n");
}

#[test]
fn a_delimiter_at_the_end_of_each_line_makes_no_column() {
    let tables: [&[u8]; 3] =
        [b"id;text;\n1;one;\n2;two;\n", b"id;text;\n1;one\n2;two\n", b"id,text,,\n1,one,,\n2,two,,\n"];
    for table in tables {
        let mut scene = scene("in.csv", &[("in.csv", table)], "{{ text }}", "out.csv");
        scene.run_job(&["job.toml"]).expect_code(0).says("ignored");
        let table = Table::read(&scene.path("out.csv"));
        assert_eq!(table.columns[..3], ["id", "text", "response"]);
        assert_eq!(table.texts("text"), ["one", "two"]);
    }
    let mut scene =
        scene("in.csv", &[("in.csv", b"id;text;\n1;one;\n2;two;more\n")], "{{ text }}", "out.csv");
    let told = "in.csv:3: column 3 has a value here, but no name in the header; give it one";
    scene.run_job(&["job.toml"]).expect_code(1).says(told);
    assert!(scene.witness().is_empty(), "{:?}", scene.witness());
}

#[test]
fn a_file_that_two_globs_find_is_read_once() {
    let mut scene = scene(
        "a*.csv",
        &[("a.csv", b"id,text\n1,one\n"), ("ab.csv", b"id,text\n2,two\n")],
        "{{ text }}",
        "out.csv",
    );
    let told = "ab.csv is given twice, and read once";
    scene.run_job(&["job.toml", "--input", "a*.csv", "--input", "./*b.csv"]).expect_code(0).says(told);
    assert_eq!(Table::read(&scene.path("out.csv")).texts("id"), ["1", "2"]);
}

#[test]
fn a_delimiter_that_was_guessed_is_named_where_rows_do_not_fit() {
    let mut scene = scene("in.csv", &[("in.csv", b"id,text\n1,one,two\n")], "{{ text }}", "out.csv");
    let told = "in.csv:2: has 3 cells where the header has 2 columns; cells are split at `,`, as detected from the header";
    scene.run_job(&["job.toml"]).expect_code(1).says(told);
    let said = scene.run(&["run", "job.toml", "--set", "input.delimiter=,"]).expect_code(1);
    assert!(!said.stderr.contains("guessed"), "{}", said.stderr);
}

/// A file whose footer names a codec that nobody supports.
fn packed_with_lzo(scene: &Scene) {
    let path = scene.write("in.parquet", parquet([("text", strings([Some("a")]))]));
    let metadata =
        ParquetMetaDataReader::new().parse_and_finish(&File::open(&path).expect("a file")).expect("a footer");
    let mut builder = metadata.into_builder();
    let groups = builder.take_row_groups().into_iter().map(|group| {
        let columns = group.columns().iter().cloned();
        let packed = columns
            .map(|chunk| chunk.into_builder().set_compression(Compression::LZO).build().expect("a chunk"));
        let packed = packed.collect();
        group.into_builder().set_column_metadata(packed).build().expect("a group")
    });
    let metadata = builder.set_row_groups(groups.collect()).build();
    let mut bytes = std::fs::read(&path).expect("a file");
    ParquetMetaDataWriter::new(&mut bytes, &metadata).finish().expect("a footer");
    scene.write("in.parquet", bytes);
}

#[test]
fn a_file_that_is_encrypted_or_packed_in_an_unknown_way_is_not_called_damaged() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/encrypted.parquet");
    let encrypted = std::fs::read(path).expect("a file");
    let mut scene = scene("in.parquet", &[("in.parquet", &encrypted)], "{{ text }}", "out.jsonl");
    let said = scene.run_job(&["job.toml"]).expect_code(1).says("in.parquet: is encrypted Parquet");
    assert!(!said.stderr.contains("damaged"), "{}", said.stderr);
    packed_with_lzo(&scene);
    let said = scene.run_job(&["job.toml"]).expect_code(1).says("column `text` is compressed with LZO");
    assert!(!said.stderr.contains("damaged"), "{}", said.stderr);
}

#[test]
fn an_interval_inside_of_a_column_costs_that_column_alone() {
    let mut lists = ListBuilder::new(IntervalDayTimeBuilder::new());
    lists.values().append_value(IntervalDayTimeType::make_value(1, 2));
    lists.append(true);
    let spans: ArrayRef = Arc::new(lists.finish());
    let bytes = parquet([("text", strings([Some("a")])), ("spans", spans), ("id", whole(&[7]))]);
    for output in OUTPUTS {
        let mut scene = scene("in.parquet", &[("in.parquet", &bytes)], "{{ text }}{{ spans }}", output);
        let told = "in.parquet: column `spans` has an INTERVAL inside, which cannot be read, and is null";
        scene.run_job(&["job.toml"]).expect_code(0).says(told);
        let table = Table::read(&scene.path(output));
        assert_eq!(table.columns[..3], ["text", "spans", "id"], "{output}");
        assert_eq!(table.texts("spans"), [""], "{output}");
        assert_eq!(table.texts("id"), ["7"], "{output}");
    }
}

#[test]
fn a_part_without_a_header_is_refused_before_anything_is_sent() {
    for (second, said) in [("3,fine\n4,dear\n", "3, fine"), ("Text\ndear\n", "Text")] {
        let scene = Scene::new();
        scene.write(
            "1.csv",
            if second.starts_with('3') { "id,text\n1,good\n2,bad\n" } else { "text\ngood\n" },
        );
        scene.write("2.csv", second);
        scene.job("*.csv", "out.jsonl", "");
        let refused = scene.run(&["run", "job.toml"]).expect_code(1);
        let words = format!("but {said}; is its header missing?");
        assert!(refused.stderr.contains("2.csv: ") && refused.stderr.contains(&words), "{}", refused.stderr);
        assert_eq!(scene.witness_count(), 0);
    }
}

#[test]
fn rows_that_were_piped_in_are_still_there_when_a_later_pipe_brings_nothing() {
    let scene = Scene::new();
    scene.job("-", "out.jsonl", "");
    let kept = "{\"text\":\"one.\"}\n";
    scene.run_with_input(&["run", "job.toml"], kept.as_bytes()).expect_code(0);
    scene.run_with_input(&["run", "job.toml"], b"").expect_code(0);
    assert_eq!(
        (scene.read("out.jsonl.stdin"), scene.read("out.jsonl.stdin.before")),
        (String::new(), kept.to_owned())
    );
    scene
        .run_with_input(
            &["run", "job.toml"],
            &std::fs::read(scene.path("out.jsonl.stdin.before")).expect("rows"),
        )
        .expect_code(0);
    assert_eq!(scene.witness_count(), 1, "nothing is paid for twice");
}
