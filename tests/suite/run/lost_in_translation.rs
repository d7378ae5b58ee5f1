//! Pieces of long texts whose answers are not whole: they are asked in halves, down to single paragraphs, or fail.

use fanfold::simulator::{Script, ServerSettings, TranslationStyle};
use serde_json::Value;

use crate::support::harness::{Finished, Scene, lines};

/// A text of so many paragraphs, which differ.
fn text(paragraphs: usize) -> String {
    let paragraph = |n: usize| format!("Paragraph {n} has a few words, and more of them than it needs.");
    (1..=paragraphs).map(paragraph).collect::<Vec<_>>().join("\n\n")
}

/// A job that translates these texts in pieces of about six paragraphs, by a model that is its own echo, with these faults.
fn scene(texts: &[&str], faults: &str, more: &str) -> Scene {
    let script = Script::parse(faults).expect("a script");
    let settings =
        ServerSettings { script, translations: TranslationStyle::Echo, ..ServerSettings::default() };
    let mut scene = Scene::with(settings);
    let rows = texts.iter().map(|text| format!("{}\n", serde_json::json!({ "text": text })));
    scene.write("in.jsonl", rows.collect::<String>());
    let translation = "request.translation_options = { source_lang = \"auto\", target_lang = \"French\" }\n\
                       split.max_tokens = 120\nsplit.column = \"text\"\n";
    scene.job("in.jsonl", "out.jsonl", &format!("{translation}{more}"));
    let job = scene.read("job.toml").replace("\"qwen-plus\"", "\"qwen-mt-plus\"");
    scene.write("job.toml", job);
    scene.judge.texts = Some(texts.iter().map(|text| (*text).to_owned()).collect());
    scene
}

fn run(scene: &mut Scene) -> (Finished, Vec<Value>) {
    let finished = scene.run_job(&["job.toml"]);
    let rows = lines(&scene.path("out.jsonl"));
    (finished, rows)
}

fn requests(scene: &Scene) -> usize {
    scene.witness_count()
}

#[test]
fn a_text_whose_blank_lines_are_lost_comes_back_with_all_of_them() {
    let whole = {
        let mut scene = scene(&[&text(40)], "", "");
        let (finished, rows) = run(&mut scene);
        finished.expect_code(0);
        assert_eq!(rows[0]["response"], text(40));
        requests(&scene)
    };
    assert!((3..20).contains(&whole), "{whole} pieces");
    for faults in [
        "action = \"drop_blank_lines\"\nevery = 3",
        "action = \"drop_blank_lines\"",
        "action = \"merge_paragraphs\"",
        "action = \"merge_paragraphs\"\nshare = 0.5",
        "action = \"echo_instruction\"\nshare = 0.3",
    ] {
        let mut scene = scene(&[&text(40)], &format!("[[fault]]\n{faults}"), "");
        let (finished, rows) = run(&mut scene);
        if faults.contains("echo") && rows[0]["status"] == "failed" {
            // A paragraph that comes with an instruction is not its translation.
            assert_eq!(rows[0]["error_code"], "lost_paragraphs");
            continue;
        }
        finished.expect_code(0);
        assert_eq!(rows[0]["response"], text(40), "{faults}");
        assert!(requests(&scene) > whole, "{faults}");
        let sent = scene.receipt()["this_run"]["follow_ups"]["halve"].as_u64();
        assert_eq!(sent, Some((requests(&scene) - whole) as u64), "{faults}");
    }
}

#[test]
fn placeholders_and_tags_that_are_lost_are_put_back() {
    let source = format!("{}\n\nDear {{name}}, you have {{n}} mails.\n\n<b>Bold</b> and {{name}}", text(3));
    for faults in
        ["action = \"eat_placeholders\"", "action = \"eat_repeated\"", "action = \"translate_tags\""]
    {
        let mut scene = scene(&[&source], &format!("[[fault]]\n{faults}"), "");
        let (finished, rows) = run(&mut scene);
        finished.expect_code(0);
        assert_eq!(rows[0]["response"], source, "{faults}");
    }
}

#[test]
fn what_is_lost_in_a_single_paragraph_fails_the_row_and_a_later_rule_keeps_it() {
    // Emphasis cannot be put back: nothing says where it would be.
    let fault = "[[fault]]\ncontains = \"stress\"\ncontent = \"no stress at all here, and nothing else\"\n";
    let source = format!("{}\n\nThis has **stress** in the middle of it, and nothing else.", text(2));
    let mut scene = scene(&[&source, &text(2)], fault, "");
    let (finished, rows) = run(&mut scene);
    finished.expect_code(3);
    assert_eq!((&rows[0]["status"], &rows[1]["status"]), (&"failed".into(), &"ok".into()));
    assert_eq!(rows[0]["error_code"], "lost_markup");
    let error = rows[0]["error"].as_str().expect("words");
    assert!(error.contains("This has **stress** in the middle"), "{error}");
    assert_eq!(rows[0]["response"], Value::Null);

    let sent = requests(&scene);
    scene.judge.rules_change = true;
    scene.run_job(&["job.toml", "--set", "split.on_mismatch=keep"]);
    assert_eq!(requests(&scene), sent, "what was paid for is judged again, and nothing is sent");
    let rows = lines(&scene.path("out.jsonl"));
    assert_eq!((&rows[0]["status"], &rows[0]["error"]), (&"ok".into(), &Value::Null));
    let warning = rows[0]["warnings"][0].as_str().expect("a warning");
    assert!(warning.starts_with("piece 1 of 1: lost_markup: in the answer to"), "{warning}");
    assert_eq!(rows[1]["warnings"], Value::Null);
    assert_eq!(scene.receipt()["rows"]["warned"], 1);
    let status = scene.run(&["status", "job.toml"]).expect_code(0).stdout;
    assert!(status.contains("2 ok (1 with warnings)"), "{status}");
}

#[test]
fn many_texts_whose_answers_lack_this_and_that_come_back_whole_and_are_asked_once() {
    // No two documents have a paragraph in common, which would be one request.
    let texts: Vec<String> =
        (0..12).map(|n| text(20).replace("Paragraph", &format!("In document {n}, paragraph"))).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let faults = "[[fault]]\nshare = 0.2\naction = \"drop_blank_lines\"\nevery = 2\n\
                  [[fault]]\nshare = 0.2\naction = \"merge_paragraphs\"";
    let mut scene = scene(&texts, faults, "");
    let (finished, rows) = run(&mut scene);
    finished.expect_code(0);
    for (row, text) in rows.iter().zip(&texts) {
        assert_eq!(row["response"], *text);
    }
    // The same command finds every piece answered.
    let sent = requests(&scene);
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(requests(&scene), sent);
}

#[test]
fn an_answer_cut_by_max_tokens_is_asked_in_halves() {
    let mut scene = scene(&[&text(6)], "", "request.max_tokens = 60\n");
    let (finished, rows) = run(&mut scene);
    finished.expect_code(0);
    assert_eq!(rows[0]["response"], text(6));
    let mut scene = self::scene(&[&text(6)], "", "request.max_tokens = 5\n");
    let (finished, rows) = run(&mut scene);
    finished.expect_code(3);
    assert_eq!(rows[0]["error_code"], "length");
}

#[test]
fn fail_asks_for_nothing_more() {
    let faults = "[[fault]]\naction = \"merge_paragraphs\"";
    let mut scene = scene(&[&text(6)], faults, "split.on_mismatch = \"fail\"\n");
    let (finished, rows) = run(&mut scene);
    finished.expect_code(3);
    assert_eq!((rows[0]["error_code"].as_str(), requests(&scene)), (Some("lost_paragraphs"), 1));
}
