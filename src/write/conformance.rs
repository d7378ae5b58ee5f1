//! Tests that hold for every format, in whatever form the rows were read.

mod fields;
pub(super) mod sample;

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::answer::ANSWER_COLUMNS;
use super::*;
use crate::row::{Column, ColumnKind, JsonKind};
use sample::{FORMATS, Sample, answered, bad, failed, inputs, layout, read, write};

const AWKWARD: [Sample; 6] = [
    (1, Some("plain")),
    (2, None),
    (3, Some("“Grüße”, 你好 🙂\u{2028}")),
    (4, Some("a \"quote\", a comma,\ta tab")),
    (5, Some("two\nlines\r\nand \\n")),
    (6, Some(" null ")),
];

/// Writes the samples from every form into every format, and passes each output to `check`.
fn for_all(samples: &[Sample], spec: &OutputSpec, check: impl Fn(&str, Format, sample::Table)) {
    let folder = TempDir::new().expect("a folder");
    for format in FORMATS {
        for input in inputs(samples) {
            let path = folder.path().join("out");
            let results = samples.iter().map(|(id, _)| answered(&format!("answer {id}")));
            let rows: Vec<_> = input.items.iter().cloned().zip(results).collect();
            write(&path, format, layout(&input, format, spec), &rows);
            check(&format!("{} as {format}", input.form), format, read(&path, format));
        }
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn the_input_columns_come_first_and_the_answer_columns_follow_in_their_order() {
    for_all(&AWKWARD, &OutputSpec::default(), |label, _, table| {
        assert_eq!(table.names[..2], ["id", "text"], "{label}");
        assert_eq!(table.names[2..], ANSWER_COLUMNS, "{label}");
    });
}

#[test]
fn nulls_unicode_quotes_and_line_breaks_survive() {
    for_all(&AWKWARD, &OutputSpec::default(), |label, _, table| {
        let expected: Vec<_> =
            AWKWARD.iter().map(|(_, text)| *text).filter(|text| *text != Some("")).collect();
        let found: Vec<_> =
            table.column("text").into_iter().map(|text| text.filter(|text| !text.is_empty())).collect();
        assert_eq!(found, expected, "{label}");
    });
}

#[test]
fn every_answer_column_holds_its_part_of_the_result() {
    for_all(&[(1, Some("a"))], &OutputSpec::default(), |label, format, table| {
        let column = |name| table.column(name)[0];
        assert_eq!(column("response"), Some("answer 1"), "{label}");
        assert_eq!(column("reasoning"), None, "{label}");
        let calls = if format == Format::Jsonl { r#"[{"id":"a"}]"# } else { r#"[{"id": "a"}]"# };
        assert_eq!(column("tool_calls"), Some(calls), "{label}");
        assert_eq!(column("total_tokens"), Some("17"), "{label}");
        assert_eq!(column("reasoning_tokens"), None, "{label}");
        assert_eq!(column("cost"), Some("0.25"), "{label}");
        assert_eq!(column("attempts"), Some("2"), "{label}");
        assert_eq!(column("latency_ms"), Some("1200"), "{label}");
        assert_eq!(column("status"), Some("ok"), "{label}");
        assert_eq!(column("error"), None, "{label}");
    });
}

#[test]
fn warnings_are_a_column_where_a_job_can_give_some() {
    let further = FurtherColumns { warnings: true, ..FurtherColumns::default() };
    let spec = OutputSpec { further, ..OutputSpec::default() };
    for_all(&[(1, Some("a"))], &spec, |label, _, table| {
        assert_eq!(table.names.last().map(String::as_str), Some("warnings"), "{label}");
        let warnings = table.column("warnings")[0];
        assert_eq!(warnings, Some(r#"["a: one","b: two, \"three\""]"#), "{label}");
    });
}

#[test]
fn many_rows_stay_in_their_order() {
    let samples: Vec<Sample> = (0..20_000).map(|id| (id, Some("x"))).collect();
    for_all(&samples, &OutputSpec::default(), |label, _, table| {
        assert_eq!(table.rows.len(), samples.len(), "{label}");
        for (id, (found, response)) in
            table.column("id").into_iter().zip(table.column("response")).enumerate()
        {
            assert_eq!(found, Some(id.to_string().as_str()), "{label}");
            assert_eq!(response, Some(format!("answer {id}").as_str()), "{label}");
        }
    });
}

#[test]
fn no_rows_make_an_output_that_still_has_its_columns() {
    for_all(&[], &OutputSpec::default(), |label, format, table| {
        assert!(table.rows.is_empty(), "{label}");
        let expected = if format == Format::Jsonl { 0 } else { 2 + ANSWER_COLUMNS.len() };
        assert_eq!(table.names.len(), expected, "{label}");
    });
}

#[test]
fn selected_and_renamed_columns_have_their_place_and_name_in_every_format() {
    let spec = OutputSpec {
        select: Some(vec!["response".into(), "text".into(), "mt_status".into()]),
        rename: vec![("response".into(), "translation".into()), ("text".into(), "source".into())],
        prefix: "mt_".into(),
        ..OutputSpec::default()
    };
    for_all(&AWKWARD, &spec, |label, _, table| {
        assert_eq!(table.names, ["translation", "source", "mt_status"], "{label}");
        assert_eq!(table.column("translation")[2], Some("answer 3"), "{label}");
        assert_eq!(table.column("source")[2], AWKWARD[2].1, "{label}");
    });
}

#[test]
fn a_row_that_could_not_be_read_keeps_its_position_with_its_error() {
    let folder = TempDir::new().expect("a folder");
    for format in FORMATS {
        for input in inputs(&[(1, Some("a")), (2, Some("b"))]) {
            let path = folder.path().join("out");
            let rows = [
                (bad(0), failed("not an object")),
                (input.items[0].clone(), answered("A")),
                (bad(2), failed("not an object")),
                (input.items[1].clone(), answered("B")),
            ];
            write(&path, format, layout(&input, format, &OutputSpec::default()), &rows);
            let table = read(&path, format);
            let label = format!("{} as {format}", input.form);
            assert_eq!(table.column("id"), [None, Some("1"), None, Some("2")], "{label}");
            assert_eq!(table.column("response"), [None, Some("A"), None, Some("B")], "{label}");
            let failed = Some("not an object");
            assert_eq!(table.column("error"), [failed, None, failed, None], "{label}");
            assert_eq!(table.column("status")[0], Some("failed"), "{label}");
        }
    }
}

#[test]
fn an_output_that_is_not_finished_leaves_the_old_file_and_nothing_else() {
    for format in FORMATS {
        for input in inputs(&AWKWARD) {
            let folder = TempDir::new().expect("a folder");
            let path = folder.path().join("out.any");
            fs::write(&path, "the old output").expect("an old output");
            let target = Target::File(path.clone());
            let layout = layout(&input, format, &OutputSpec::default());
            let mut writer = Writer::create(target, format, Compression::Plain, layout).expect("a writer");
            writer.write(&input.items[0], &answered("new")).expect("a row is written");
            let hidden = names(folder.path()).into_iter().any(|name| name.starts_with(".out.any."));
            assert!(hidden, "the new file grows beside the old one, under a name that tells whose it is");
            drop(writer);
            assert_eq!(names(folder.path()), ["out.any"]);
            assert_eq!(fs::read_to_string(&path).expect("the old output"), "the old output");
        }
    }
}

#[test]
fn a_finished_output_takes_the_place_of_the_old_one() {
    for format in FORMATS {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("new/folders/out");
        check_target(&path).expect("the folders can be created");
        fs::write(&path, "the old output").expect("an old output");
        let input = &inputs(&AWKWARD)[0];
        let rows = [(input.items[0].clone(), answered("new"))];
        write(&path, format, layout(input, format, &OutputSpec::default()), &rows);
        assert_eq!(read(&path, format).column("response"), [Some("new")]);
        assert_eq!(names(path.parent().expect("a folder")), ["out"]);
    }
}

#[test]
fn a_text_format_is_compressed_as_its_name_says() {
    let folder = TempDir::new().expect("a folder");
    for format in [Format::Jsonl, Format::Csv, Format::Tsv] {
        for ending in ["gz", "zst"] {
            let path = folder.path().join(format!("out.{format}.{ending}"));
            let input = &inputs(&AWKWARD)[1];
            let rows: Vec<_> = input.items.iter().map(|item| (item.clone(), answered("answer"))).collect();
            write(&path, format, layout(input, format, &OutputSpec::default()), &rows);
            assert_eq!(read(&path, format).column("text")[4], AWKWARD[4].1);
        }
    }
}

#[test]
fn a_spreadsheet_runs_no_cell_and_still_reads_numbers() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("out.csv");
    let columns =
        ["n", "=t"].map(|name| Column { name: name.into(), kind: ColumnKind::Json(JsonKind::Mixed) });
    let spec = OutputSpec { spreadsheet_safe: true, ..OutputSpec::default() };
    let layout = Layout::new(Some(&columns), &spec).expect("a layout");
    let rows = [(sample::line(0, r#"{"n": -3, "=t": "=1+1"}"#), answered("@SUM(A1)"))];
    write(&path, Format::Csv, layout, &rows);
    assert!(sample::text_of(&path).starts_with("n,'=t,response,"), "the header's cells are cells as well");
    assert!(sample::text_of(&path).contains("\n-3,'=1+1,'@SUM(A1),"), "{}", sample::text_of(&path));
}

#[test]
fn a_format_that_needs_a_header_refuses_columns_that_are_not_known() {
    let layout = Layout::new(None, &OutputSpec::default()).expect("a layout");
    let target = Target::Stdout(Box::new(Vec::new()));
    let refused = Writer::create(target, Format::Csv, Compression::Plain, layout).map(drop);
    assert!(matches!(refused, Err(WriteError::ColumnsUnknown { .. })));
}

#[test]
fn a_writer_can_be_moved_to_a_thread_of_its_own() {
    fn can_move<T: Send>() {}
    can_move::<Writer>();
}
