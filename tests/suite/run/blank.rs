//! Blank texts: such a row is not sent, costs nothing, and is in the output.

use serde_json::{Value, json};

use crate::support::harness::{Finished, Scene};
use crate::support::tables::Table;

fn run(scene: &mut Scene) -> Finished {
    scene.run_job(&["job.toml"])
}

fn write(scene: &Scene, texts: &[Value]) {
    let line = |(n, text): (usize, &Value)| format!("{}\n", json!({ "id": n, "text": text }));
    scene.write("in.jsonl", texts.iter().enumerate().map(line).collect::<String>());
}

fn job(scene: &Scene, prompt: &str, more: &str) {
    scene.job("in.jsonl", "out.jsonl", more);
    let file = scene.read("job.toml").replace("\"{{ text }}\"", &format!("{prompt:?}"));
    scene.write("job.toml", file);
}

fn statuses(scene: &Scene) -> Vec<String> {
    scene.output().iter().map(|row| row["status"].as_str().expect("a status").to_owned()).collect()
}

#[test]
fn a_row_without_text_is_skipped_and_said_so_everywhere() {
    for prompt in [
        "{{ text }}",
        "Summarise: {{ text }}",
        "{{ text | default('') | trim }}",
        "{{ row[\"text\"] }}",
        "{% if text %}{{ text }}{% endif %}",
    ] {
        let mut scene = Scene::new();
        let blanks =
            ["", " \n\t", "\u{a0}\u{3000}", "\u{feff}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{2060}"];
        let mut texts: Vec<Value> = blanks.iter().map(|text| json!(text)).collect();
        texts.extend([json!(null), json!("one."), json!("-"), json!("0"), json!("\u{301}")]);
        texts.insert(2, json!("two."));
        if prompt.contains("default") {
            // The filter cannot trim what is no text.
            texts.retain(|text| !text.is_null());
        }
        write(&scene, &texts);
        job(&scene, prompt, "");
        let skipped = texts.len() - 5;
        let previewed = scene.run(&["preview", "job.toml"]).expect_code(0).stdout;
        assert!(
            previewed.contains(&format!("{} rows ({skipped} without text): new 5", texts.len())),
            "{prompt}: {previewed}"
        );
        let said = run(&mut scene).expect_code(0);
        said.says(&format!("{} rows: 5 ok · 0 failed · 0 pending · {skipped} skipped", texts.len()));
        assert_eq!(scene.witness_count(), 5, "{prompt}");
        let receipt = scene.receipt();
        assert_eq!(
            (&receipt["rows"]["in"], &receipt["rows"]["skipped"]),
            (&json!(texts.len()), &json!(skipped))
        );
        for row in scene.output() {
            let text = row["text"].as_str().unwrap_or_default();
            let is_blank = row["text"].is_null() || blanks.contains(&text);
            assert_eq!(row["status"], if is_blank { "skipped" } else { "ok" }, "{prompt}: {row}");
            assert!(
                !is_blank
                    || row["response"].is_null()
                        && row["total_tokens"].is_null()
                        && row["attempts"].is_null(),
                "{row}"
            );
        }
        run(&mut scene).expect_code(0).says("nothing was sent");
        let entries: usize =
            scene.journal().query_row("SELECT count(*) FROM entries", [], |row| row.get(0)).expect("a count");
        assert_eq!(entries, 5, "a skipped row has no entry");
        let verified = scene.run(&["verify", "job.toml"]).expect_code(0).stdout;
        assert!(verified.contains(&format!("5 ok · 0 failed · 0 pending · {skipped} skipped")), "{verified}");
    }
}

#[test]
fn blank_rows_are_sent_where_the_job_says_so_and_keep_their_answers() {
    let mut scene = Scene::new();
    write(&scene, &[json!("one."), json!(""), json!("two."), json!(" ")]);
    job(&scene, "Say: {{ text }}", "input.on_blank = \"send\"\n");
    run(&mut scene).expect_code(0).says("4 rows: 4 ok");
    assert_eq!(scene.witness_count(), 4);
    job(&scene, "Say: {{ text }}", "");
    run(&mut scene).expect_code(0).says("4 rows: 2 ok · 0 failed · 0 pending · 2 skipped");
    job(&scene, "Say: {{ text }}", "input.on_blank = \"send\"\n");
    run(&mut scene).expect_code(0).says("4 rows: 4 ok");
    assert_eq!(scene.witness_count(), 4, "answers that were paid for are kept");
}

#[test]
fn a_text_that_is_taken_out_and_put_back_is_not_paid_for_again() {
    for id in ["", "input.id = \"id\"\n"] {
        let mut scene = Scene::new();
        let all: Vec<Value> = (0..30).map(|n| json!(format!("text {n}."))).collect();
        write(&scene, &all);
        job(&scene, "Say: {{ text }}", id);
        run(&mut scene).expect_code(0);
        assert_eq!(scene.witness_count(), 30);
        let mut some = all.clone();
        for n in [0, 7, 8, 29] {
            some[n] = json!(" ");
        }
        some[12] = json!("another.");
        write(&scene, &some);
        run(&mut scene).expect_code(0).says("26 ok · 0 failed · 0 pending · 4 skipped");
        assert_eq!(scene.witness_count(), 31);
        let skipped: Vec<usize> = statuses(&scene)
            .iter()
            .enumerate()
            .filter(|(_, status)| *status == "skipped")
            .map(|(n, _)| n)
            .collect();
        assert_eq!(skipped, [0, 7, 8, 29]);
        write(&scene, &all);
        run(&mut scene).expect_code(0).says("30 ok");
        assert_eq!(scene.witness_count(), 31, "nothing is paid for twice");
    }
}

#[test]
fn a_template_that_uses_several_columns_is_blank_if_all_are() {
    let mut scene = Scene::new();
    let rows = [
        json!({"a": "", "b": null}),
        json!({"a": "x.", "b": " "}),
        json!({"a": " ", "b": 0}),
        json!({"a": null, "b": []}),
    ];
    scene.write("in.jsonl", rows.map(|row| format!("{row}\n")).concat());
    job(&scene, "A: {{ a }} B: {{ b }}", "");
    run(&mut scene).expect_code(0);
    assert_eq!(statuses(&scene), ["skipped", "ok", "ok", "ok"]);
}

#[test]
fn a_blank_source_is_a_blank_text() {
    let mut scene = Scene::new();
    let rows = [
        json!({"title": "A {x}.", "text": " "}),
        json!({"title": "B.", "text": "one."}),
        json!({"title": "", "text": "two."}),
    ];
    scene.write("in.jsonl", rows.map(|row| format!("{row}\n")).concat());
    job(&scene, "{{ title }}: {{ text }}", "");
    run(&mut scene).expect_code(0).says("3 rows: 3 ok");
    job(
        &scene,
        "{{ title }}: {{ text }}",
        "answer = { checks = [\"placeholders\"], source = \"{{text}}\" }\n",
    );
    run(&mut scene)
        .expect_code(0)
        .says("3 rows: 2 ok · 0 failed · 0 pending · 1 skipped")
        .says("nothing was sent");
    assert_eq!(statuses(&scene), ["skipped", "ok", "ok"]);
}

#[test]
fn rows_that_bring_messages_are_sent_and_a_blank_prompt_of_theirs_is_not() {
    let mut scene = Scene::new();
    let turn = json!([{"role": "user", "content": " "}]);
    let rows = [json!({"messages": turn}), json!({"prompt": "\u{200b}"}), json!({"prompt": "Hello."})];
    scene.write("in.jsonl", rows.map(|row| format!("{row}\n")).concat());
    scene.job("in.jsonl", "out.jsonl", "");
    let file = scene.read("job.toml").replace("prompt.user = \"{{ text }}\"\n", "");
    scene.write("job.toml", file);
    run(&mut scene).expect_code(0);
    assert_eq!(statuses(&scene), ["ok", "skipped", "ok"]);
}

#[test]
fn every_format_and_a_limit_count_a_skipped_row() {
    let mut scene = Scene::new();
    scene.write("in.csv", "id,text\n1,one.\n2,\n3,three.\n4,   \n5,five.\n");
    for output in ["out.csv", "out.parquet", "out.tsv"] {
        scene.job("in.csv", output, "");
        output.clone_into(&mut scene.judge.output);
        run(&mut scene).expect_code(0);
        let table = Table::read(&scene.path(output));
        let statuses: Vec<&str> =
            table.rows.iter().map(|row| row["status"].as_str().expect("a status")).collect();
        assert_eq!(statuses, ["ok", "skipped", "ok", "skipped", "ok"], "{output}");
        scene.judge.forget();
    }
    let mut scene = Scene::new();
    write(&scene, &[json!(""), json!("one."), json!("two."), json!("three.")]);
    job(&scene, "{{ text }}", "input.limit = 2\n");
    run(&mut scene).expect_code(0).says("2 rows: 1 ok · 0 failed · 0 pending · 1 skipped");
    job(&scene, "{{ text }}", "");
    run(&mut scene).expect_code(0).says("4 rows: 3 ok");
    assert_eq!(scene.witness_count(), 3);
}

#[test]
fn a_failure_behind_blank_rows_names_its_own_line() {
    let mut scene = Scene::with_script("[[fault]]\nstatus = 400\ncontains = \"bad\"\n");
    write(&scene, &[json!(""), json!("one."), json!(""), json!("bad."), json!("two.")]);
    job(&scene, "{{ text }}", "");
    run(&mut scene).expect_code(3).says("in.jsonl:4").says("5 rows: 2 ok · 1 failed · 0 pending · 2 skipped");
    let told = scene.run(&["status", "job.toml", "--row", "4"]).expect_code(0).stdout;
    assert!(told.contains("row 4: failed"), "{told}");
    let told = scene.run(&["status", "job.toml", "--row", "3"]).expect_code(0).stdout;
    assert!(told.contains("row 3: skipped"), "{told}");
}

#[test]
fn a_job_with_nothing_but_blank_rows_is_finished() {
    let mut scene = Scene::new();
    write(&scene, &[json!(""), json!(null)]);
    job(&scene, "{{ text }}", "");
    run(&mut scene)
        .expect_code(0)
        .says("nothing was sent")
        .says("2 rows: 0 ok · 0 failed · 0 pending · 2 skipped");
}

#[test]
fn a_killed_run_over_blank_rows_continues() {
    let mut scene = Scene::new();
    let texts: Vec<Value> =
        (0..40).map(|n| if n % 3 == 0 { json!(" ") } else { json!(format!("text {n}.")) }).collect();
    write(&scene, &texts);
    job(&scene, "{{ text }}", "limits.concurrency = 2\n");
    scene.die_at("journal.commit.after", 5);
    run(&mut scene).expect_code(0).says("40 rows: 26 ok · 0 failed · 0 pending · 14 skipped");
}

#[test]
fn blank_cells_of_a_row_leave_out_their_combinations() {
    let mut scene = Scene::new();
    let rows = [
        json!({"id": "a", "title": "One.", "body": "Two."}),
        json!({"id": "b", "title": "Three.", "body": "\u{200b} "}),
        json!({"id": "c", "title": null, "body": ""}),
    ];
    scene.write("in.jsonl", rows.map(|row| format!("{row}\n")).concat());
    let each = "input.id = \"id\"\neach.lang = [\"French\", \"German\"]\neach.column = [\"title\", \"body\"]\n\
                output.wide = \"{{ column }}_{{ lang }}\"\n";
    job(&scene, "Into {{ each.lang }}: {{ row[each.column] }}", each);
    let previewed = scene.run(&["preview", "job.toml"]).expect_code(0).stdout;
    assert!(
        previewed.contains("3 rows (1 without text) · 6 requests (2 more without text): new 6"),
        "{previewed}"
    );
    let report = scene.run(&["preview", "job.toml", "--json"]).expect_code(0).stdout;
    let report: Value = serde_json::from_str(&report).expect("JSON");
    // All four of the third row, and two of the second.
    assert_eq!((&report["requests"], &report["blank"]), (&6.into(), &6.into()), "{report}");
    scene.judge.wide = Some(|row| {
        let asked = |lang: &str, column: &str| {
            let text = row[column].as_str().filter(|text| text.contains('.'));
            (format!("{column}_{lang}"), text.map(|text| format!("Into {lang}: {text}")))
        };
        vec![
            asked("French", "title"),
            asked("French", "body"),
            asked("German", "title"),
            asked("German", "body"),
        ]
    });
    run(&mut scene).expect_code(0).says("3 rows: 2 ok · 0 failed · 0 pending · 1 skipped");
    assert_eq!(scene.witness_count(), 6);
    assert_eq!(statuses(&scene), ["ok", "ok", "skipped"]);
    let told = scene.run(&["status", "job.toml", "--row", "b"]).expect_code(0).stdout;
    assert!(
        told.contains("French, body: skipped") && told.contains("French, title (b#French/title): ok"),
        "{told}"
    );
    job(
        &scene,
        "Into {{ each.lang }}: {{ row[each.column] }}",
        &format!("{each}output.layout = \"long\"\n")
            .replace("output.wide = \"{{ column }}_{{ lang }}\"\n", ""),
    );
    scene.judge.wide = None;
    let finished = scene.run(&["run", "job.toml"]).expect_code(0);
    finished.says("nothing was sent");
    let lines: Vec<String> = statuses(&scene);
    assert_eq!(lines.iter().filter(|status| *status == "skipped").count(), 6, "{lines:?}");
}

#[test]
fn a_request_behind_blank_rows_is_named_by_its_row_in_the_log_and_as_a_request_in_the_report() {
    let fault =
        "[[fault]]\ncontains = \"refuse me\"\nstatus = 400\ncode = \"InvalidParameter\"\nmessage = \"no\"\n";
    let mut scene = Scene::with_script(fault);
    write(&scene, &[json!("one."), json!(" "), json!(""), json!("refuse me.")]);
    job(&scene, "{{ text }}", "");
    let finished = scene.run_job(&["job.toml", "-v"]).expect_code(3);
    finished.says("row 4 failed: ");
    let page = scene.run(&["report", "job.toml", "--output", "-"]).expect_code(0).stdout;
    assert!(page.contains("request 2") && !page.contains("row 2"), "{page}");
    // A row that is asked several times says which of its requests it is.
    job(&scene, "Into {{ each.lang }}: {{ text }}", "each.lang = [\"French\", \"German\"]\n");
    scene.judge.forget();
    let finished = scene.run(&["run", "job.toml", "-v"]).expect_code(3);
    finished.says("row 4, request 1 of 2 failed: ").says("row 4, request 2 of 2 failed: ");
}
