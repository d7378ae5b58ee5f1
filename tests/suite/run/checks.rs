//! Checks of answers: placeholders, tags and addresses are kept, an answer is a translation, and about as long as its source.

use fanfold::simulator::{Script, ServerSettings, TranslationStyle};
use serde_json::{Value, json};

use crate::support::harness::{Finished, Scene, lines};

/// A job over these texts, with these faults. The translation model answers `[French] ` and the text, or the text alone.
fn scene_of(texts: &[&str], faults: &str, more: &str, (style, model): (TranslationStyle, &str)) -> Scene {
    let script = Script::parse(faults).expect("a script");
    let mut scene = Scene::with(ServerSettings { script, translations: style, ..ServerSettings::default() });
    let rows = texts.iter().enumerate().map(|(n, text)| format!("{}\n", json!({ "id": n, "text": text })));
    scene.write("in.jsonl", rows.collect::<String>());
    job(&scene, more, model);
    scene.judge.bodies_are_literal = true;
    scene
}

fn job(scene: &Scene, more: &str, model: &str) {
    let translation = match model.contains("-mt-") {
        true => "request.translation_options = { source_lang = \"auto\", target_lang = \"French\" }\n",
        false => "",
    };
    scene.job("in.jsonl", "out.jsonl", &format!("{translation}{more}"));
    let job = scene.read("job.toml").replace("\"qwen-plus\"", &format!("{model:?}"));
    scene.write("job.toml", job);
}

/// A job of a translation model, whose answers are not the text.
fn scene(texts: &[&str], faults: &str, more: &str) -> Scene {
    scene_of(texts, faults, more, (TranslationStyle::Marked, "qwen-mt-plus"))
}

fn run(scene: &mut Scene) -> (Finished, Vec<Value>) {
    let finished = scene.run_job(&["job.toml"]);
    let rows = lines(&scene.path("out.jsonl"));
    (finished, rows)
}

/// The run with other rules than before.
fn run_again(scene: &mut Scene, more: &str) -> (Finished, Vec<Value>) {
    job(scene, more, "qwen-mt-plus");
    scene.judge.rules_change = true;
    let (finished, rows) = run(scene);
    scene.judge.rules_change = false;
    (finished, rows)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

const EATEN: &str = "[[fault]]\naction = \"eat_placeholders\"\n";
const ONCE: &str = "[[fault]]\naction = \"eat_placeholders\"\ntimes = 1\n";
const PLACEHOLDERS: &str = "answer.checks = [\"placeholders\"]\n";

#[test]
fn an_answer_that_lost_a_placeholder_fails_its_row_by_name_after_another_try() {
    let mut scene = scene(&["Hello {name}, %d new mails", "Nothing in here"], EATEN, PLACEHOLDERS);
    let (finished, rows) = run(&mut scene);
    finished
        .expect_code(3)
        .says("1 row failed with check_failed")
        .says("`%d` is missing, `{name}` is missing");
    assert_eq!((&rows[0]["status"], &rows[1]["status"]), (&"failed".into(), &"ok".into()));
    assert_eq!(rows[0]["error_code"], "check_failed");
    assert_eq!(rows[0]["error"], "placeholders: `%d` is missing, `{name}` is missing");
    assert_eq!((&rows[0]["response"], rows[0].get("warnings")), (&Value::Null, None));
    // A translation model is asked the very same again, once by default.
    let sent: Vec<Value> = scene.witness();
    let of_row = sent.iter().filter(|request| request.to_string().contains("Hello")).collect::<Vec<_>>();
    assert_eq!(of_row.len(), 2);
    assert_eq!(of_row[0]["body"], of_row[1]["body"]);
    assert_eq!(scene.receipt()["this_run"]["follow_ups"]["repair"], 1);
}

#[test]
fn an_answer_is_asked_again_and_the_second_one_may_pass() {
    let mut scene = scene(&["Hello {name}"], ONCE, PLACEHOLDERS);
    let (finished, rows) = run(&mut scene);
    finished.expect_code(0);
    assert!(text(&rows[0]["response"]).contains("{name}"), "{}", rows[0]);
    assert_eq!((scene.witness_count(), &rows[0]["attempts"]), (2, &json!(2)));

    let mut scene =
        self::scene(&["Hello {name}"], ONCE, "answer.checks = [\"placeholders\"]\nanswer.repair = 0\n");
    let (finished, rows) = run(&mut scene);
    finished.expect_code(3);
    assert_eq!((scene.witness_count(), text(&rows[0]["error_code"])), (1, "check_failed"));
}

#[test]
fn a_chat_model_is_shown_its_answer_and_what_is_wrong_with_it() {
    let fault = "[[fault]]\ntimes = 1\ncontent = \"Bonjour, <a>ici</a>\"\n\
                 [[fault]]\ncontains = \"did not pass\"\ncontent = \"Bonjour {name}\"\n";
    let more = "answer.checks = [\"placeholders\"]\nanswer.repair = 2\n";
    let mut scene = scene_of(&["Hello {name}"], fault, more, (TranslationStyle::Marked, "qwen-plus"));
    let (finished, rows) = run(&mut scene);
    finished.expect_code(0);
    assert_eq!(rows[0]["response"], "Bonjour {name}");
    let turns = scene.witness()[1]["body"]["messages"].clone();
    assert_eq!(turns[0], json!({ "role": "user", "content": "Hello {name}" }));
    assert_eq!(turns[1], json!({ "role": "assistant", "content": "Bonjour, <a>ici</a>" }));
    let asked = text(&turns[2]["content"]);
    assert!(asked.contains("placeholders: `{name}` is missing") && asked.contains("Answer again"), "{asked}");
}

#[test]
fn with_flag_the_answer_is_accepted_and_a_column_says_what_is_wrong() {
    let more =
        "answer.checks = [\"placeholders\", \"translated\"]\nanswer.on_check = \"flag\"\nanswer.repair = 0\n";
    let faults = "[[fault]]\ncontains = \"Hello\"\naction = \"eat_placeholders\"\n\
                  [[fault]]\ncontains = \"Good\"\naction = \"untranslated\"\n";
    let mut scene = scene(&["Hello {name}", "Good day", "Fine"], faults, more);
    let (finished, rows) = run(&mut scene);
    finished.expect_code(0).says("3 ok (2 with warnings)");
    assert_eq!(rows[0]["warnings"], json!(["placeholders: `{name}` is missing"]));
    assert_eq!(rows[1]["warnings"], json!(["translated: the answer is the source"]));
    assert_eq!((&rows[2]["warnings"], &rows[0]["status"]), (&Value::Null, &"ok".into()));
    assert!(text(&rows[0]["response"]).contains("Hello"));
    assert_eq!(scene.receipt()["rows"]["warned"], 2);
    for (output, expected) in
        [("out.csv", r#""[""placeholders: `{name}` is missing""]""#), ("out.parquet", "PAR1")]
    {
        scene.run(&["export", "job.toml", "--output", output]).expect_code(0);
        let bytes = std::fs::read(scene.path(output)).expect("an output");
        assert!(String::from_utf8_lossy(&bytes).contains(expected), "{output}");
    }
    let verified = scene.run(&["verify", "job.toml"]).expect_code(0);
    assert!(verified.stdout.contains("3 ok"), "{}", verified.stdout);
}

#[test]
fn failures_are_counted_by_check() {
    let more = "answer.checks = [\"placeholders\", \"translated\"]\nanswer.repair = 0\n";
    let faults = "[[fault]]\ncontains = \"Hello\"\naction = \"eat_placeholders\"\n\
                  [[fault]]\ncontains = \"Good\"\naction = \"untranslated\"\n";
    let mut scene = scene(&["Hello {name}", "Hello {you}", "Good day"], faults, more);
    let (finished, _) = run(&mut scene);
    finished
        .expect_code(3)
        .says("2 rows failed with check_failed, such as in.jsonl:1: placeholders: `{name}` is missing")
        .says("1 row failed with check_failed, such as in.jsonl:3: translated: the answer is the source");
    let status = scene.run(&["status", "job.toml", "--json"]).expect_code(0).stdout;
    let status: Value = serde_json::from_str(&status).expect("JSON");
    assert_eq!(status["failures"].as_array().map(Vec::len), Some(2));
    scene.run(&["report", "job.toml", "--output", "report.html"]).expect_code(0);
    assert!(scene.read("report.html").contains("translated: the answer is the source"));
}

#[test]
fn each_check_finds_its_fault_and_nothing_else_does() {
    let long =
        "A sentence that is long enough for its length to say something about its translation, as most are.";
    for (check, source, fault, words) in [
        (
            "\"placeholders\"",
            "See <b>it</b>",
            "action = \"translate_tags\"",
            "placeholders: `</b>` is missing",
        ),
        (
            "\"placeholders\"",
            "At https://example.org.",
            "content = \"[French] At example.org\"",
            "`https://example.org` is missing",
        ),
        (
            "\"placeholders\"",
            "Mail me@example.org",
            "content = \"[French] Mail\"",
            "`me@example.org` is missing",
        ),
        ("\"translated\"", "Good day", "action = \"untranslated\"", "translated: the answer is the source"),
        ("\"length\"", "Open", "action = \"explain\"", "length: 2"),
        ("\"length\"", long, "content = \"[French]\"", "length: 8 characters for 98"),
    ] {
        let more = format!("answer.checks = [{check}]\nanswer.repair = 0\n");
        let mut scene = scene(&[source], &format!("[[fault]]\n{fault}\n"), &more);
        let (finished, rows) = run(&mut scene);
        finished.expect_code(3);
        assert!(text(&rows[0]["error"]).contains(words), "{}", rows[0]);
        let mut scene = self::scene(
            &[source, "12.50 {x}"],
            "",
            "answer.checks = [\"placeholders\", \"translated\", \"length\"]\n",
        );
        run(&mut scene).0.expect_code(0);
    }
}

#[test]
fn an_expression_is_kept_and_a_length_of_the_job_is_a_check_by_itself() {
    let more = "answer.keep = ['\\bACME\\b', 'SKU-\\d+']\nanswer.repair = 0\n";
    let fault = "[[fault]]\ncontains = \"sells\"\ncontent = \"[French] Acme vend SKU-12\"\n";
    let mut scene = scene(&["ACME sells SKU-12", "ACME has SKU-9"], fault, more);
    let (finished, rows) = run(&mut scene);
    finished.expect_code(3);
    assert_eq!((text(&rows[0]["error"]), text(&rows[1]["status"])), ("keep: `ACME` is missing", "ok"));

    let mut scene = self::scene(
        &["Open the file that you saved last"],
        "",
        "answer.length = [0.1, 1.1]\nanswer.repair = 0\n",
    );
    let (finished, rows) = run(&mut scene);
    finished.expect_code(3);
    assert_eq!(rows[0]["error"], "length: 42 characters for 33");
}

#[test]
fn checks_that_are_added_later_judge_the_answers_there_are_and_taken_away_they_give_them_back() {
    let mut scene = scene(&["Hello {name}", "Fine"], EATEN, "");
    let (finished, rows) = run(&mut scene);
    finished.expect_code(0);
    let (answer, sent) = (rows[0]["response"].clone(), scene.witness_count());

    let (finished, rows) = run_again(&mut scene, PLACEHOLDERS);
    finished.expect_code(3).says("1 kept answer violated them and failed");
    assert_eq!(rows[0]["error"], "placeholders: `{name}` is missing");
    assert_eq!((&rows[0]["response"], &rows[1]["status"]), (&Value::Null, &"ok".into()));

    let (finished, rows) = run_again(&mut scene, &format!("{PLACEHOLDERS}answer.on_check = \"flag\"\n"));
    finished.expect_code(0).says("1 row that had failed is now kept with a warning");
    assert_eq!(
        (&rows[0]["response"], &rows[0]["warnings"]),
        (&answer, &json!(["placeholders: `{name}` is missing"]))
    );

    let (finished, rows) = run_again(&mut scene, "answer.keep = \"Hello\"\n");
    finished.expect_code(0);
    assert_eq!((&rows[0]["response"], rows[0].get("warnings")), (&answer, None));

    run_again(&mut scene, "answer.keep = \"French\"\nanswer.source = \"French {{ text }} French\"\n")
        .0
        .expect_code(3);
    let (finished, rows) = run_again(&mut scene, "");
    finished.expect_code(0);
    assert_eq!((&rows[0]["response"], rows[0].get("warnings")), (&answer, None));
    assert_eq!(scene.witness_count(), sent, "nothing was sent again");
}

#[test]
fn an_answer_that_moved_or_whose_source_was_edited_is_judged_again() {
    let more = "answer.checks = [\"placeholders\"]\nanswer.source = \"{{ note }}\"\nanswer.repair = 0\n";
    let mut scene = scene(&[], "", more);
    let write = |scene: &Scene, rows: &[(&str, &str)]| {
        let rows = rows.iter().map(|(text, note)| format!("{}\n", json!({ "text": text, "note": note })));
        scene.write("in.jsonl", rows.collect::<String>());
    };
    write(&scene, &[("one", "none"), ("two {x}", "{x}")]);
    run(&mut scene).0.expect_code(0);
    scene.judge.rules_change = true;
    write(&scene, &[("one", "now {y}"), ("two {x}", "{x}")]);
    let (finished, rows) = run(&mut scene);
    finished.expect_code(3);
    assert_eq!(rows[0]["error"], "placeholders: `{y}` is missing");
    scene.judge.rules_change = true;
    write(&scene, &[("two {x}", "{z}"), ("one", "none")]);
    let (finished, rows) = run(&mut scene);
    finished.expect_code(3);
    assert_eq!((text(&rows[0]["error"]), text(&rows[1]["status"])), ("placeholders: `{z}` is missing", "ok"));
    assert_eq!(scene.witness_count(), 2, "nothing was sent again");
}

#[test]
fn rows_that_share_an_answer_are_each_judged_by_their_own_source() {
    let more = "answer.checks = [\"placeholders\"]\nanswer.source = \"{{ note }}\"\nanswer.repair = 0\ninput.duplicates = \"share\"\n";
    let mut scene = scene(&[], "", more);
    let rows = ["{x}", "none", "{y}", "none"]
        .map(|note| format!("{}\n", json!({ "text": "one {x}", "note": note })));
    scene.write("in.jsonl", rows.concat());
    for _ in 0..2 {
        let (finished, rows) = run(&mut scene);
        finished.expect_code(3);
        assert_eq!(scene.witness_count(), 1);
        assert_eq!(["ok", "ok", "failed", "ok"], [0, 1, 2, 3].map(|row: usize| text(&rows[row]["status"])));
        assert_eq!(rows[2]["error"], "placeholders: `{y}` is missing");
        assert_eq!(scene.receipt()["rows"]["failed"], 1);
    }
}

#[test]
fn pieces_several_texts_and_structured_answers_are_checked_too() {
    // The pieces of a text: the answer to one of them is not whole, and says so.
    let paragraphs = (1..=8)
        .map(|n| format!("Paragraph {n} of {{name}} has a few words, and more of them than it needs."));
    let source = paragraphs.collect::<Vec<_>>().join("\n\n");
    let more = format!(
        "split.max_tokens = 60\nsplit.column = \"text\"\nsplit.on_mismatch = \"keep\"\n{PLACEHOLDERS}"
    );
    let faults = "[[fault]]\ncontains = \"Paragraph 5\"\naction = \"eat_placeholders\"\n";
    let mut scene = scene_of(&[&source], faults, &more, (TranslationStyle::Echo, "qwen-mt-plus"));
    let (finished, rows) = run(&mut scene);
    finished.expect_code(3);
    assert!(text(&rows[0]["error"]).contains("placeholders: `{name}` is missing"), "{}", rows[0]);
    assert_eq!((text(&rows[0]["error_code"]), &rows[0]["pieces_failed"]), ("check_failed", &json!(1)));

    // Every text of several.
    let more = format!("{PLACEHOLDERS}request.n = 2\nanswer.repair = 0\n");
    let fault = "[[fault]]\ncontains = \"Good\"\ncontent = \"Bonjour\"\n";
    let texts = ["Hello {name}", "Good day {name}"];
    let mut scene = scene_of(&texts, fault, &more, (TranslationStyle::Marked, "qwen-plus"));
    let (_, rows) = run(&mut scene);
    assert_eq!((text(&rows[0]["status"]), text(&rows[1]["error_code"])), ("ok", "check_failed"));

    // The texts in a JSON answer, without its escapes and its names.
    let fault = r#"[[fault]]
content = '{"translation": "Voir <a href=\"x\">\u007bname\u007d</a>\n"}'
"#;
    let more = format!("{PLACEHOLDERS}answer.schema = \"any.json\"\n");
    let mut scene =
        scene_of(&["See <a href=\"x\">{name}</a>"], fault, &more, (TranslationStyle::Marked, "qwen-plus"));
    scene.write("any.json", "{\"type\": \"object\"}");
    let (finished, _) = run(&mut scene);
    finished.expect_code(0);
}

#[test]
fn mistakes_in_the_section_are_shown_where_they_are() {
    let mut scene = scene(&["a"], "", "");
    for (more, words) in [
        ("answer.keep = [\"a\", \"(\"]\n", "`(` is no regular expression to keep: unclosed group"),
        ("answer.keep = \"x*\"\n", "it matches nothing at all"),
        ("answer.checks = [\"placeholder\"]\n", "did you mean `placeholders`?"),
        ("answer.checks = [\"spelling\"]\n", "the checks are `placeholders`, `translated`, `length`"),
        ("answer.length = [6.0, 0.2]\n", "`length` is a range, and 6 to 0.2 is none"),
        ("answer.source = \"{{ text }}\"\n", "`source` needs `checks`"),
        ("answer.on_check = \"flag\"\n", "`on_check` needs `checks`"),
        ("answer.repair = 2\n", "`repair` needs a `schema` or `checks`"),
        ("answer.checks = [\"length\"]\nanswer.on_check = \"warn\"\n", "flag"),
    ] {
        job(&scene, more, "qwen-mt-plus");
        scene.run_job(&["job.toml"]).expect_code(1).says(words).says("job.toml:");
    }
    // Columns are known where an input has a header.
    scene.write("in.csv", "text\na\n");
    job(&scene, "answer.checks = [\"length\"]\nanswer.source = \"{{ txt }}\"\n", "qwen-mt-plus");
    let text = scene.read("job.toml").replace("in.jsonl", "in.csv");
    scene.write("job.toml", text);
    scene.run_job(&["job.toml"]).expect_code(1).says("txt").says("did you mean `text`?").says("job.toml:");
    assert!(scene.witness().is_empty(), "nothing was sent");
}

#[test]
fn a_kill_between_two_tries_costs_no_answer() {
    let mut scene = scene(
        &["Hello {name}", "Fine {x}"],
        "[[fault]]\naction = \"eat_placeholders\"\nfirst_tries = 1\n",
        PLACEHOLDERS,
    );
    scene.die_at("journal.commit.after", 2);
    let (finished, rows) = run(&mut scene);
    finished.expect_code(0);
    assert!(rows.iter().all(|row| row["status"] == "ok"), "{rows:?}");
}
