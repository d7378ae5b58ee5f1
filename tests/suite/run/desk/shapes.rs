//! Long texts in pieces, documents, and other formats and layouts, in jobs with languages and packs.

use serde_json::Value;

use crate::support::harness::Scene;
use crate::support::tables::Table;

use super::catalogue::{DESK, Desk, NAME, TEXT, assert_is_translation, bill, is_blank, is_empty, item, sum};

/// A text of many paragraphs, each with its number.
fn paragraphs(name: &str, count: usize) -> String {
    let paragraph = |n| format!("Paragraph {n} of {name} has some words of its own, and {{count}} more.\n\n");
    (0..count).map(paragraph).collect::<String>().trim_end().to_owned()
}

/// The source of a translation of the simulator, whose pieces each begin with their language.
fn without_marks(text: &str, lang: &str) -> String {
    text.replace(&format!("[{lang}] "), "")
}

#[test]
fn long_texts_of_a_table_are_cut_packed_and_joined_for_each_language() {
    let mut desk = Desk::new(24, "", &format!("{DESK}split.max_tokens = 60\nsplit.column = \"{TEXT}\"\n"));
    desk.columns = vec![TEXT];
    desk.write();
    let said = desk.scene.run(&["run", "job.toml"]).expect_code(1);
    said.says("no request uses the piece").says("{{ piece.text }}").says("job.toml:");
    assert_eq!(desk.scene.witness_count(), 0, "the whole text is not paid for with each piece");
    (desk.prompt, desk.columns) = ("{{ piece.text }}", vec![]);
    desk.more = desk.more.replace("{{ column }} ({{ lang }})", "Long Text ({{ lang }})");
    desk.items[5].text = paragraphs("five", 12);
    desk.items[6].text = paragraphs("six", 9);
    desk.write();
    desk.scene.die_at("journal.commit.inside", 4);
    desk.run().expect_code(0);
    let rows = desk.table().rows;
    for (row, item) in rows.iter().zip(&desk.items) {
        for lang in &desk.languages {
            let found = &row[&format!("{TEXT} ({lang})")];
            match is_blank(&item.text) {
                true => assert!(is_empty(found), "{row:?}"),
                false if item.text.contains("canvas") => assert_is_translation(found, &item.text, lang),
                false => assert_eq!(without_marks(found.as_str().expect("a text"), lang), item.text),
            }
        }
    }
    let receipt = desk.receipt();
    assert!(receipt["this_run"]["packs"]["rows"].as_u64() > Some(20), "{receipt:#}");
    assert_eq!(sum(&rows, "total_tokens"), receipt["all_runs"]["total_tokens"].as_f64().expect("tokens"));
    assert_eq!(rows[5]["pieces"].as_u64().map(|pieces| pieces % 3), Some(0), "{:?}", rows[5]);
}

#[test]
fn documents_in_several_languages_are_files_of_their_own_and_their_pieces_travel_together() {
    let mut scene = Scene::new();
    scene.judge.wide = Some(|row| {
        let columns = row.as_object().expect("an object").keys().filter(|name| name.starts_with("response_"));
        let first = format!("Paragraph 0 of {}", row["stem"].as_str().unwrap_or_default());
        columns.map(|name| (name.clone(), Some(first.clone()))).collect()
    });
    for (name, count) in [("one", 20), ("two", 1), ("three", 7)] {
        scene.write(&format!("texts/{name}.md"), paragraphs(name, count) + "\n");
    }
    let url = scene.base_url().to_owned();
    let write = |scene: &Scene, languages: &str| {
        scene.write("job.toml", format!(
            "input.path = \"texts\"\noutput.path = \"out.jsonl\"\nmodel.name = \"qwen-mt-plus\"\nmodel.base_url = {url:?}\n\
             request.translation_options = {{ source_lang = \"auto\", target_lang = \"{{{{ each.lang }}}}\" }}\n\
             each.lang = {languages}\nsplit.max_tokens = 40\npack.rows = 6\nlimits.qps = 200\nlimits.tpm = 100_000_000\n\
             answer.checks = [\"placeholders\", \"translated\"]\noutput.documents = \"out/{{{{ stem }}}}.{{{{ each.lang }}}}.md\"\n"
        ));
    };
    write(&scene, "[\"French\", \"German\"]");
    scene.die_at("dispatch.answered", 3);
    scene.run_job(&["job.toml"]).expect_code(0);
    let receipt = scene.receipt();
    assert!(receipt["this_run"]["packs"]["rows"].as_u64() > Some(10), "{receipt:#}");
    let before = scene.witness_count();
    write(&scene, "[\"Dutch\", \"French\", \"German\"]");
    scene.run_job(&["job.toml"]).expect_code(0);
    for (name, lang) in
        ["one", "two", "three"].iter().flat_map(|name| ["French", "German", "Dutch"].map(|lang| (name, lang)))
    {
        let written = scene.read(&format!("out/{name}.{lang}.md"));
        assert!(written.contains(&format!("[{lang}] ")), "{written}");
        assert_eq!(without_marks(&written, lang), scene.read(&format!("texts/{name}.md")));
    }
    let new = scene.witness();
    assert!(new[before..].iter().all(|line| line["body"]["translation_options"]["target_lang"] == "Dutch"));
    assert_eq!(scene.output().len(), 3);
}

#[test]
fn a_csv_file_of_an_office_goes_out_as_it_came_in_and_long_in_parquet() {
    let mut desk = Desk::new(40, "", DESK);
    (desk.input, desk.output) = ("in.csv", "out.csv");
    desk.scene.judge.output = "out.csv".to_owned();
    desk.items[9].text = "Two \"quoted\"; parts\nand a line".to_owned();
    desk.run().expect_code(0);
    desk.assert_translated(|_, _, _| false);
    let bytes = std::fs::read(desk.scene.path("out.csv")).expect("an output");
    assert!(bytes.starts_with(b"\xef\xbb\xbfSKU;"), "the mark and the delimiter of the input");
    let verified = desk.scene.run(&["verify", "job.toml"]).expect_code(0);
    assert!(verified.stdout.contains("38 ok · 0 failed · 0 pending"), "{}", verified.stdout);

    // The same answers, long and in other formats, without a request.
    let before = desk.scene.witness_count();
    desk.more = DESK.replace("output.wide = \"{{ column }} ({{ lang }})\"", "output.layout = \"long\"");
    for output in ["long.parquet", "long.csv", "long.xlsx"] {
        desk.write();
        desk.scene.run(&["export", "job.toml", "--output", output]).expect_code(0);
        assert_long(&desk, &Table::read(&desk.scene.path(output)), output);
    }
    desk.run().expect_code(0);
    assert_long(&desk, &desk.table(), "out.csv");
    desk.scene.run(&["verify", "job.toml"]).expect_code(0);
    assert_eq!(desk.scene.witness_count(), before);
    assert_eq!(
        sum(&Table::read(&desk.scene.path("long.parquet")).rows, "total_tokens"),
        bill(&desk.scene) as f64
    );
}

/// A row for each combination, with its own translation.
fn assert_long(desk: &Desk, table: &Table, output: &str) {
    let combinations =
        desk.languages.iter().flat_map(|lang| desk.columns.iter().map(move |column| (lang, column)));
    let combinations: Vec<_> = combinations.collect();
    assert_eq!(table.rows.len(), desk.items.len() * combinations.len(), "{output}");
    for (number, row) in table.rows.iter().enumerate() {
        let item = &desk.items[number / combinations.len()];
        let (lang, column) = combinations[number % combinations.len()];
        assert_eq!(
            (&row["SKU"], &row["lang"], &row["column"]),
            (&Value::from(&*item.sku), &Value::from(*lang), &Value::from(*column)),
            "{output}"
        );
        match is_blank(item.cell(column)) {
            true => assert!(row["status"] == "skipped" && is_empty(&row["response"]), "{output}: {row:?}"),
            false => assert_is_translation(&row["response"], item.cell(column), lang),
        }
    }
}

#[test]
fn an_export_while_the_job_runs_has_what_is_there_and_nothing_misplaced() {
    let mut desk = Desk::new(60, "", &DESK.replace("limits.qps = 200", "limits.qps = 8"));
    desk.write();
    let child = desk.scene.start(&["run", "job.toml"]);
    let mut partial = 0;
    for requests in [6, 14, 22] {
        desk.scene.wait_for_requests(requests);
        desk.scene.run(&["export", "job.toml", "--output", "now.csv"]).expect_code(0);
        for (row, item) in Table::read(&desk.scene.path("now.csv")).rows.iter().zip(&desk.items) {
            for (column, lang) in
                [NAME, TEXT].iter().flat_map(|column| desk.languages.iter().map(move |lang| (column, lang)))
            {
                let found = &row[&format!("{column} ({lang})")];
                if !is_empty(found) {
                    assert_is_translation(found, item.cell(column), lang);
                    partial += 1;
                }
            }
        }
    }
    assert!(partial > 0, "answers were there before the end");
    desk.scene.end(child).expect_code(0);
    desk.assert_translated(|_, _, _| false);
}

#[test]
fn a_sheet_that_is_the_output_of_another_job_is_translated_further() {
    let mut desk = Desk::new(20, "", DESK);
    desk.languages = vec!["French"];
    desk.run().expect_code(0);
    let first = desk.scene.witness_count();
    std::fs::copy(desk.scene.path("out.xlsx"), desk.scene.path("first.xlsx")).expect("a copy");
    let job = desk.scene.read("job.toml").replace("in.xlsx", "first.xlsx").replace("out.xlsx", "second.xlsx");
    let job = job.replace("[\"French\"]", "[\"German\"]") + "output.prefix = \"b_\"\n";
    desk.scene.write("job.toml", job);
    desk.scene.run(&["run", "job.toml"]).expect_code(0);
    assert!(desk.scene.witness_count() > first);
    let rows = Table::read(&desk.scene.path("second.xlsx")).rows;
    for (number, row) in rows.iter().enumerate() {
        let item = item(number);
        for (lang, prefix) in [("French", ""), ("German", "b_")] {
            let found = row.get(&format!("{prefix}{NAME} ({lang})")).unwrap_or_else(|| panic!("{row:?}"));
            match is_blank(&item.name) {
                true => assert!(is_empty(found), "{row:?}"),
                false => assert_is_translation(found, &item.name, lang),
            }
        }
    }
}
